/* SPDX-License-Identifier: MIT */
/*
 * Where memory is taken from the system: the first use of a pageblock, which
 * the engine announces to whoever opens it, off the hotplug path. And where it
 * is overwritten before it leaves.
 *
 * A pageblock of shared memory becomes a huge page by touching one page of it
 * and collapsing the rest, which is nine times as fast as populating 512 small
 * ones, and so is giving it back. Whether the system can do that is tried once
 * when an instance opens.
 *
 * Others may use the pageblock at the same time: its first pages may hold
 * memmap and allocator state. So nothing here writes to it; the system
 * allocates pages and keeps what they hold.
 *
 * What it does not do: reserve. A system that has no memory left answers here,
 * and the allocation looks elsewhere or fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "posix_internal.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define HUGE_PAGE_FILE "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"
#define RETRIES 8

/* Has the system allocate every page: 0 or an errno value. */
static int populate_all(void *at, size_t size_bytes)
{
	unsigned int tries = 0;

	while (madvise(at, size_bytes, MADV_POPULATE_WRITE)) {
		if ((errno == EINTR || errno == EAGAIN) && ++tries < RETRIES)
			continue;
		return errno;
	}
	return 0;
}

/* The same for systems before Linux 5.14, by touching without changing. */
static void touch_all(void *at, size_t size_bytes, size_t page_bytes)
{
	uint8_t *byte = at;

	for (size_t i = 0; i < size_bytes; i += page_bytes)
		__atomic_fetch_or(byte + i, 0, __ATOMIC_RELAXED);
}

/* Makes an aligned piece of shared memory huge; whether it is. */
static bool collapse(void *at, size_t size_bytes, size_t page_bytes)
{
	if (populate_all(at, page_bytes))
		return false;
	return !madvise(at, size_bytes, MADV_COLLAPSE);
}

static size_t huge_page_bytes(void)
{
	char text[32];
	ssize_t length;
	int fd;

	fd = open(HUGE_PAGE_FILE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return 0;
	text[length] = 0;
	return (size_t)strtoull(text, NULL, 10);
}

/* Tries with memory of its own; @raw has room for two huge pages. */
static bool collapse_try(uint8_t *raw, size_t huge, size_t page_bytes)
{
	uint8_t *at = raw + (huge - (uintptr_t)raw % huge) % huge;
	bool works = false;
	void *map;
	int fd;

	fd = memfd_create("mhp-probe", MFD_CLOEXEC);
	if (fd < 0)
		return false;
	if (!ftruncate(fd, (off_t)huge)) {
		map = mmap(at, huge, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd, 0);
		works = map != MAP_FAILED && collapse(at, huge, page_bytes);
	}
	close(fd);
	return works;
}

uint64_t mhp_posix_probe_collapse(const struct mhp_posix *p)
{
	size_t huge = huge_page_bytes();
	bool works;
	void *raw;

	if (!huge || huge & (huge - 1) ||
	    huge > UINT64_C(1) << p->geometry.pageblock_shift)
		return 0;
	raw = mmap(NULL, 2 * huge, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw == MAP_FAILED)
		return 0;
	works = collapse_try(raw, huge, p->host_page_bytes);
	munmap(raw, 2 * huge);
	return works ? huge : 0;
}

static int populate_small(struct mhp_posix *p, void *at, size_t size_bytes)
{
	int err = populate_all(at, size_bytes);

	if (err == EINVAL) {
		touch_all(at, size_bytes, p->host_page_bytes);
		return 0;
	}
	/* EFAULT is what a fault would have been: no (huge) page to be had. */
	if (err == EFAULT)
		err = ENOMEM;
	if (err)
		return mhp_posix_failed(p, -err,
					"the system has no memory for a "
					"pageblock");
	return 0;
}

static void first_used(struct mhp_posix *p, mhp_pfn_t pfn, bool huge,
		       uint64_t start_ns)
{
	struct mhp_posix_block *blk = mhp_posix_block_of(p, pfn);
	uint32_t *of_block = huge ? &blk->nr_huge : &blk->nr_small;
	uint64_t *of_all = huge ? &p->nr_huge : &p->nr_small;

	__atomic_fetch_add(of_block, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(of_all, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&p->populate_ns, mhp_hosted_now_ns() - start_ns,
			   __ATOMIC_RELAXED);
}

int mhp_posix_first_use(void *ctx, struct mhp_range pageblock)
{
	struct mhp_posix *p = ctx;
	struct mhp_posix_reg *reg = mhp_posix_region_of(p, pageblock.start_pfn);
	size_t size_bytes = (size_t)mhp_bytes_from_pages(&p->geometry,
							 pageblock.nr_pages);
	void *at = mhp_posix_address(p, pageblock.start_pfn);
	uint64_t start_ns = mhp_hosted_now_ns();
	bool huge;
	int err;

	err = mhp_posix_fails(p);
	if (err || !reg)
		return err ? err : MHP_ERR_FAULT;
	huge = p->collapse_bytes && reg->shmem &&
	       collapse(at, size_bytes, p->host_page_bytes);
	if (!huge && p->populate != MHP_POSIX_POPULATE_FAULT)
		err = populate_small(p, at, size_bytes);
	if (!err)
		first_used(p, pageblock.start_pfn, huge, start_ns);
	return err;
}

/*
 * The next piece of a file that has memory, from @start on and before @end:
 * whether there is one. A file that cannot tell has memory everywhere.
 */
static bool data_next(int fd, off_t end, off_t *start, off_t *stop)
{
	off_t data = lseek(fd, *start, SEEK_DATA);

	*stop = end;
	if (data < *start)
		return (data >= 0 || errno != ENXIO) && *start < end;
	if (data >= end)
		return false;
	*start = data;
	*stop = lseek(fd, data, SEEK_HOLE);
	if (*stop <= data || *stop > end)
		*stop = end;
	return true;
}

void mhp_posix_scrub(void *ctx, struct mhp_range range)
{
	struct mhp_posix *p = ctx;
	uint8_t *at = mhp_posix_address(p, range.start_pfn);
	struct mhp_posix_reg *reg;
	off_t before, first, start, stop, end;
	uint64_t offset_bytes;

	reg = mhp_posix_region_at(p, range, &offset_bytes);
	if (!reg)
		return;
	/* The position may be shared with a caller's descriptor. */
	before = lseek(reg->fd, 0, SEEK_CUR);
	first = (off_t)offset_bytes;
	end = first + (off_t)mhp_bytes_from_pages(&p->geometry, range.nr_pages);
	for (start = first; data_next(reg->fd, end, &start, &stop);
	     start = stop)
		mhp_posix_zero(at + (start - first), (size_t)(stop - start));
	if (before >= 0)
		lseek(reg->fd, before, SEEK_SET);
}
