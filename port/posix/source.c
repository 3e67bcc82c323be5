/* SPDX-License-Identifier: MIT */
/*
 * The files that regions are made of: memfds, hugetlbfs files, device-dax, and
 * what the caller has.
 *
 * All are mapped alike. They differ in the size of their pages (grain), in
 * whether they can be deallocated in part (device-dax cannot), and in whose
 * they are: a file of the port's own is as large as the region and vanishes
 * with it, a file of the caller's is used in part, is never made larger, and
 * loses what it held there unless MHP_POSIX_KEEP_CONTENT says that it shall
 * not.
 *
 * What it does not do: reserve memory of memfds. The system may promise more
 * than it has; it answers when a pageblock is populated (populate.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "posix_internal.h"

#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4U
#endif
#define MFD_HUGE_SIZE_SHIFT 26

static const char no_memfd[] = "the system made no memfd";
static const char no_huge[] =
	"no huge pages of that size are free: the administrator reserves them "
	"(vm.nr_hugepages)";

static int source_refuse(struct mhp_report *report, int code,
			 const char *detail)
{
	return mhp_posix_refuse(report, code, MHP_WHY_HOST_FAILED, detail);
}

static unsigned int log2_of(uint64_t power)
{
	unsigned int shift = 0;

	while (power >> shift > 1)
		shift++;
	return shift;
}

/* Reserves huge pages now: without them a first touch would be a signal. */
static bool huge_reserve(int fd, uint64_t size_bytes)
{
	void *map = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, 0);

	if (map == MAP_FAILED)
		return false;
	/* The reservation belongs to the file and stays. */
	munmap(map, size_bytes);
	return true;
}

static int memfd_open(struct mhp_posix *p, struct mhp_posix_reg *reg,
		      uint64_t size_bytes, struct mhp_report *report)
{
	int err = mhp_posix_fails(p);

	if (err)
		return source_refuse(report, err, no_memfd);
	reg->fd = memfd_create("mhp", MFD_CLOEXEC);
	if (reg->fd < 0)
		return source_refuse(report, -errno, no_memfd);
	if (ftruncate(reg->fd, (off_t)size_bytes))
		return source_refuse(report, -errno,
				     "a memfd cannot be that large");
	reg->grain_bytes = p->host_page_bytes;
	reg->shmem = true;
	reg->owned = true;
	return 0;
}

static int hugetlb_open(struct mhp_posix *p, struct mhp_posix_reg *reg,
			const struct mhp_posix_request *request,
			struct mhp_report *report)
{
	unsigned int flags = MFD_CLOEXEC | MFD_HUGETLB;
	int err = mhp_posix_fails(p);
	struct stat st;

	if (err)
		return source_refuse(report, err, no_huge);
	if (request->huge_page_bytes & (request->huge_page_bytes - 1))
		return source_refuse(report, MHP_ERR_INVAL,
				     "huge_page_bytes is no power of two");
	flags |= log2_of(request->huge_page_bytes) << MFD_HUGE_SIZE_SHIFT;
	reg->fd = memfd_create("mhp", flags);
	if (reg->fd < 0)
		return source_refuse(
			report, -errno,
			errno == ENODEV || errno == EINVAL
				? "the system has no huge pages of "
				  "that size"
				: no_huge);
	if (fstat(reg->fd, &st))
		return source_refuse(report, -errno, no_huge);
	reg->grain_bytes = (uint64_t)st.st_blksize;
	reg->owned = true;
	if (request->capacity_bytes % reg->grain_bytes)
		return source_refuse(report, MHP_ERR_INVAL,
				     "capacity_bytes is not whole huge pages");
	if (ftruncate(reg->fd, (off_t)request->capacity_bytes) ||
	    !huge_reserve(reg->fd, request->capacity_bytes))
		return source_refuse(report, -errno, no_huge);
	return 0;
}

/* A number that the system says about a device; 0 if it does not. */
static uint64_t device_number(dev_t device, const char *name)
{
	char path[96];
	uint64_t number = 0;
	char text[32];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/%s", major(device),
		 minor(device), name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fgets(text, sizeof(text), file))
		number = strtoull(text, NULL, 0);
	fclose(file);
	return number;
}

static bool device_is_dax(dev_t device)
{
	char path[96];
	char target[256];
	const char *name;
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/subsystem",
		 major(device), minor(device));
	length = readlink(path, target, sizeof(target) - 1);
	if (length <= 0)
		return false;
	target[length] = 0;
	name = strrchr(target, '/');
	return name && !strcmp(name, "/dax");
}

static int device_classify(struct mhp_posix_reg *reg, const struct stat *st,
			   struct mhp_report *report)
{
	if (!device_is_dax(st->st_rdev))
		return source_refuse(report, MHP_ERR_NODEV,
				     "the device is no device-dax");
	reg->device_bytes = device_number(st->st_rdev, "size");
	reg->grain_bytes = device_number(st->st_rdev, "align");
	if (!reg->device_bytes || !reg->grain_bytes)
		return source_refuse(report, MHP_ERR_NODEV,
				     "the system does not say how large the "
				     "device-dax is");
	return 0;
}

static int file_classify(struct mhp_posix *p, struct mhp_posix_reg *reg,
			 uint64_t end_bytes, struct mhp_report *report)
{
	uint64_t size_bytes;
	uint32_t magic;
	struct statfs fs;
	struct stat st;
	int err;

	if (fstat(reg->fd, &st) || fstatfs(reg->fd, &fs))
		return source_refuse(report, -errno, "no file to look at");
	size_bytes = (uint64_t)st.st_size;
	magic = (uint32_t)fs.f_type;
	reg->grain_bytes = p->host_page_bytes;
	if (S_ISCHR(st.st_mode)) {
		err = device_classify(reg, &st, report);
		if (err)
			return err;
		size_bytes = reg->device_bytes;
	} else if (!S_ISREG(st.st_mode)) {
		return source_refuse(report, MHP_ERR_INVAL,
				     "neither a regular file nor a device-dax");
	} else if (magic == HUGETLBFS_MAGIC) {
		reg->grain_bytes = (uint64_t)fs.f_bsize;
	}
	reg->shmem = magic == TMPFS_MAGIC && S_ISREG(st.st_mode);
	if (size_bytes < end_bytes)
		return source_refuse(report, MHP_ERR_INVAL,
				     "the file ends before offset_bytes + "
				     "capacity_bytes");
	return 0;
}

/* A descriptor of our own, whatever becomes of the caller's. */
static int foreign_open(struct mhp_posix *p, struct mhp_posix_reg *reg,
			const struct mhp_posix_request *request,
			struct mhp_report *report)
{
	bool path = request->source == MHP_POSIX_PATH;
	uint64_t end_bytes = request->offset_bytes + request->capacity_bytes;
	int err = mhp_posix_fails(p);

	if (!err && path)
		reg->fd = open(request->path, O_RDWR | O_CLOEXEC);
	else if (!err)
		reg->fd = fcntl(request->fd, F_DUPFD_CLOEXEC, 0);
	if (err || reg->fd < 0)
		return source_refuse(report, err ? err : -errno,
				     path ? "the file does not open for "
					    "reading and writing"
					  : "no open file descriptor");
	reg->offset_bytes = request->offset_bytes;
	if (end_bytes < request->offset_bytes)
		return source_refuse(report, MHP_ERR_INVAL,
				     "offset_bytes is too large");
	return file_classify(p, reg, end_bytes, report);
}

/* Whether blocks of this instance can be made of pages of this file. */
static int grain_check(const struct mhp_posix *p,
		       const struct mhp_posix_reg *reg,
		       struct mhp_report *report)
{
	uint64_t grain = reg->grain_bytes;

	if (reg->offset_bytes % grain)
		return source_refuse(report, MHP_ERR_INVAL,
				     "offset_bytes is not whole pages of the "
				     "file");
	if (mhp_block_bytes(&p->geometry) % grain)
		return source_refuse(report, MHP_ERR_INVAL,
				     "a memory block is smaller than a page of "
				     "the file");
	if (!(p->flags & MHP_POSIX_DIRECT) &&
	    grain > mhp_page_bytes(&p->geometry))
		return source_refuse(report, MHP_ERR_OPNOTSUPP,
				     "huge pages cannot be mapped page by page "
				     "into the window: open the instance with "
				     "MHP_POSIX_DIRECT");
	return 0;
}

static int request_check(const struct mhp_posix_request *request,
			 struct mhp_report *report)
{
	bool foreign = request->source == MHP_POSIX_PATH ||
		       request->source == MHP_POSIX_FD;

	if (request->source > MHP_POSIX_FD)
		return source_refuse(report, MHP_ERR_INVAL, "no such source");
	if (request->source == MHP_POSIX_PATH && !request->path)
		return source_refuse(report, MHP_ERR_INVAL, "path is NULL");
	if (!foreign &&
	    (request->flags & MHP_POSIX_KEEP_CONTENT || request->offset_bytes))
		return source_refuse(report, MHP_ERR_INVAL,
				     "offset_bytes and MHP_POSIX_KEEP_CONTENT "
				     "are for files of the caller's");
	return 0;
}

int mhp_posix_source_open(struct mhp_posix *p,
			  const struct mhp_posix_request *request,
			  struct mhp_posix_reg *reg, struct mhp_report *report)
{
	int err = request_check(request, report);

	reg->fd = -1;
	if (err)
		return err;
	if (request->source == MHP_POSIX_MEMFD)
		err = memfd_open(p, reg, request->capacity_bytes, report);
	else if (request->source == MHP_POSIX_HUGETLB)
		err = hugetlb_open(p, reg, request, report);
	else
		err = foreign_open(p, reg, request, report);
	if (!err)
		err = grain_check(p, reg, report);
	if (err && reg->fd >= 0)
		close(reg->fd);
	reg->dirty = !reg->owned && !(request->flags & MHP_POSIX_READS_ZERO);
	return err;
}

bool mhp_posix_source_punch(const struct mhp_posix_reg *reg,
			    uint64_t offset_bytes, uint64_t size_bytes)
{
	return !fallocate(reg->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)offset_bytes, (off_t)size_bytes);
}

void mhp_posix_source_close(struct mhp_posix_reg *reg, uint64_t size_bytes)
{
	if (!(reg->flags & MHP_POSIX_KEEP_CONTENT))
		mhp_posix_source_punch(reg, reg->offset_bytes, size_bytes);
	close(reg->fd);
}

uint64_t mhp_posix_source_allocated(const struct mhp_posix_reg *reg)
{
	struct stat st;

	if (reg->device_bytes)
		return reg->device_bytes;
	if (fstat(reg->fd, &st))
		return 0;
	return (uint64_t)st.st_blocks * 512;
}
