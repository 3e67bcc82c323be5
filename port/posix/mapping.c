/* SPDX-License-Identifier: MIT */
/*
 * Two reservations of address space and what is mapped into them: the linear
 * map, a memory block or a device range at a time, and the vmemmap window, a
 * piece of descriptors at a time.
 *
 *   linear  ....[blk 32][blk 33]........      file   [mm|............][mm|....
 *                 \_______\____________________________|_______________|
 *   window  ....[d][d]..................                |               |
 *                \__\___________________________________/_______________/
 *
 * Invariants:
 * 1. Addresses inside a reservation are never given back before close, so that
 *    nothing else of the process can come to stand there.
 * 2. What is not mapped is PROT_NONE. Exception: if the system refuses to split
 *    a mapping when it is undone (vm.max_map_count), the old one stays until
 *    something else is mapped there or the instance closes. Undoing cannot
 *    fail; the engine does not touch it, and its memory is deallocated by
 *    punching the file, not by unmapping it.
 *
 * What it does not do: populate (populate.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "mhp/port.h"
#include "posix_internal.h"

#define MAX_MAP_COUNT_FILE "/proc/sys/vm/max_map_count"
/* The engine works on, so a few mappings are always free. */
#define MAP_COUNT_SLACK 8
/* How long to wait until the process has given a mapping back. */
#define REMAP_RETRY_NS 1000000
#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

static const char too_many_mappings[] =
	"vm.max_map_count is reached: every block that carries its memmap "
	"takes "
	"a mapping; plug with placement existing or larger blocks, or raise it";

static const char memmap_nowhere[] = "the memmap is on memory of no region";
static const char remap_waits[] = "posix: a memmap that moves waits for a "
				  "mapping: vm.max_map_count is reached";

static uint64_t max_map_count(void)
{
	char text[32];
	ssize_t length;
	int fd;

	fd = open(MAX_MAP_COUNT_FILE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return UINT64_MAX;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return UINT64_MAX;
	text[length] = 0;
	return strtoull(text, NULL, 10);
}

/* Lines of /proc/self/maps; takes no memory, there may be none. */
static uint64_t map_count(void)
{
	char text[4096];
	uint64_t lines = 0;
	ssize_t length;
	int fd;

	fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while ((length = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < length; i++)
			lines += text[i] == '\n';
	}
	close(fd);
	return lines;
}

/* ENOMEM from mmap has two meanings, and the more likely one has a remedy. */
static int map_failed(struct mhp_posix *p)
{
	int code = -errno;

	if (code == MHP_ERR_NOMEM &&
	    map_count() + MAP_COUNT_SLACK >= max_map_count())
		return mhp_posix_failed(p, MHP_ERR_NFILE, too_many_mappings);
	return mhp_posix_failed(p, code, "the system refused to map memory");
}

/* A memmap may come to consist of single pages, each a mapping of its own. */
int mhp_posix_remap_prepare(void *ctx, uint64_t offset_bytes,
			    uint64_t size_bytes)
{
	struct mhp_posix *p = ctx;
	uint64_t most = mhp_pages_from_bytes(&p->geometry, size_bytes);
	int err = mhp_posix_fails(p);

	(void)offset_bytes;
	if (err)
		return err;
	if (map_count() + most + MAP_COUNT_SLACK >= max_map_count())
		return mhp_posix_failed(p, MHP_ERR_NFILE, too_many_mappings);
	return 0;
}

static bool span_has(const struct mhp_posix_span *span, uintptr_t address)
{
	uintptr_t base = (uintptr_t)span->base;

	return address >= base && address - base < span->size_bytes;
}

uint64_t mhp_posix_nr_mappings(const struct mhp_posix *p)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t count = 0;
	char access;
	uintptr_t start;

	/* A line begins "start-end rwxp"; PROT_NONE is "---p". */
	while (maps &&
	       fscanf(maps, "%" SCNxPTR "-%*x %c%*[^\n]", &start, &access) == 2)
		count += access == 'r' && (span_has(&p->linear, start) ||
					   span_has(&p->window, start));
	if (maps)
		fclose(maps);
	return count;
}

static bool map_over(void *at, uint64_t size_bytes, int fd,
		     uint64_t offset_bytes)
{
	return mmap(at, size_bytes, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd,
		    (off_t)offset_bytes) != MAP_FAILED;
}

static int map_file(struct mhp_posix *p, void *at, uint64_t size_bytes, int fd,
		    uint64_t offset_bytes)
{
	int err = mhp_posix_fails(p);

	if (err)
		return err;
	return map_over(at, size_bytes, fd, offset_bytes) ? 0 : map_failed(p);
}

/* Covers a mapping with nothing; see invariant 2 for when that is refused. */
static void cover(struct mhp_posix *p, void *at, uint64_t size_bytes)
{
	void *got;

	got = mmap(at, size_bytes, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		   0);
	if (got == MAP_FAILED && p->log)
		p->log(p->log_ctx, 1, "posix: an old mapping stays for now");
}

/* Reserves address space; @align_bytes is a power of two. */
static int reserve(struct mhp_posix *p, struct mhp_posix_span *span,
		   uint64_t size_bytes, uint64_t align_bytes)
{
	uint64_t head;
	uint8_t *raw;
	int err;

	err = mhp_posix_fails(p);
	if (err)
		return err;
	raw = mmap(NULL, size_bytes + align_bytes, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw == MAP_FAILED)
		return mhp_posix_system(p, "no address space: use a smaller "
					   "span");
	head = (align_bytes - (uintptr_t)raw % align_bytes) % align_bytes;
	if (head)
		munmap(raw, head);
	munmap(raw + head + size_bytes, align_bytes - head);
	span->base = raw + head;
	span->size_bytes = size_bytes;
	return 0;
}

static void release(struct mhp_posix_span *span)
{
	if (span->base)
		munmap(span->base, span->size_bytes);
	span->base = NULL;
}

int mhp_posix_spans_reserve(struct mhp_posix *p, uint64_t linear_bytes,
			    uint64_t window_bytes)
{
	int err;

	/* Huge pages of any size can be used where they line up. */
	err = reserve(p, &p->linear, linear_bytes, GIB);
	if (err || !window_bytes)
		return err;
	err = reserve(p, &p->window, window_bytes, 2 * MIB);
	if (err)
		release(&p->linear);
	return err;
}

void mhp_posix_spans_release(struct mhp_posix *p)
{
	release(&p->window);
	release(&p->linear);
}

int mhp_posix_map_linear(void *ctx, struct mhp_range range, void **va)
{
	struct mhp_posix *p = ctx;
	void *at = mhp_posix_address(p, range.start_pfn);
	struct mhp_posix_reg *reg;
	uint64_t offset_bytes;
	int err;

	reg = mhp_posix_region_at(p, range, &offset_bytes);
	if (!reg)
		return mhp_posix_failed(p, MHP_ERR_FAULT,
					"no memory is provided there: "
					"mhp_posix_provide() comes first");
	err = map_file(p, at,
		       mhp_bytes_from_pages(&p->geometry, range.nr_pages),
		       reg->fd, offset_bytes);
	if (!err)
		*va = at;
	return err;
}

void mhp_posix_unmap_linear(void *ctx, struct mhp_range range)
{
	struct mhp_posix *p = ctx;
	uint64_t size_bytes = mhp_bytes_from_pages(&p->geometry,
						   range.nr_pages);
	struct mhp_posix_block *blk = mhp_posix_block_of(p, range.start_pfn);
	struct mhp_posix_reg *reg;
	uint64_t offset_bytes;

	cover(p, mhp_posix_address(p, range.start_pfn), size_bytes);
	/* Of a device range, perhaps beside memory, nothing was populated. */
	if (range.nr_pages == mhp_block_pages(&p->geometry)) {
		__atomic_store_n(&blk->nr_huge, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&blk->nr_small, 0, __ATOMIC_RELAXED);
	}
	reg = mhp_posix_region_at(p, range, &offset_bytes);
	if (!reg)
		return;
	/* A file of the port's own goes back to the system block by block. */
	if (!reg->owned ||
	    !mhp_posix_source_punch(reg, offset_bytes, size_bytes))
		reg->dirty = true;
}

int mhp_posix_map_memmap(void *ctx, uint64_t offset_bytes, uint64_t size_bytes,
			 mhp_pfn_t backing_pfn)
{
	struct mhp_posix *p = ctx;
	struct mhp_range backing = mhp_range_make(
		backing_pfn, mhp_pages_from_bytes(&p->geometry, size_bytes));
	struct mhp_posix_reg *reg;
	uint64_t file_bytes;
	int err;

	reg = mhp_posix_region_at(p, backing, &file_bytes);
	if (!reg)
		return mhp_posix_failed(p, MHP_ERR_FAULT, memmap_nowhere);
	err = map_file(p, p->window.base + offset_bytes, size_bytes, reg->fd,
		       file_bytes);
	if (!err)
		__atomic_fetch_add(&p->window_mapped_bytes, size_bytes,
				   __ATOMIC_RELAXED);
	return err;
}

void mhp_posix_unmap_memmap(void *ctx, uint64_t offset_bytes,
			    uint64_t size_bytes)
{
	struct mhp_posix *p = ctx;

	cover(p, p->window.base + offset_bytes, size_bytes);
	__atomic_fetch_sub(&p->window_mapped_bytes, size_bytes,
			   __ATOMIC_RELAXED);
}

/* The old mapping is replaced in one step. Others of the process may have taken
 * the mappings that were free when this was prepared; then it takes longer. */
void mhp_posix_remap_memmap(void *ctx, uint64_t offset_bytes,
			    uint64_t size_bytes, mhp_pfn_t backing_pfn)
{
	const struct timespec moment = {.tv_nsec = REMAP_RETRY_NS};
	struct mhp_posix *p = ctx;
	struct mhp_range backing = mhp_range_make(
		backing_pfn, mhp_pages_from_bytes(&p->geometry, size_bytes));
	struct mhp_posix_reg *reg;
	uint64_t file_bytes;
	bool told = false;

	reg = mhp_posix_region_at(p, backing, &file_bytes);
	if (!reg)
		mhp_port_panic(__FILE__, __LINE__, memmap_nowhere);
	while (!map_over(p->window.base + offset_bytes, size_bytes, reg->fd,
			 file_bytes)) {
		if (!told && p->log)
			p->log(p->log_ctx, 1, remap_waits);
		told = true;
		nanosleep(&moment, NULL);
	}
}
