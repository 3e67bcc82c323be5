/* SPDX-License-Identifier: MIT */
/*
 * port/posix: an instance of the engine on memory of this process. Open, close,
 * and the small operations.
 *
 * Everything hangs off one struct mhp_posix. Opening takes what is needed in a
 * fixed order and closing gives it back in the other: address space, boot
 * memory, the engine, the table of handles.
 *
 * What it does not do: decide. Which memory arrives and leaves is the program's
 * affair, where pages come from is the engine's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mhp/hosted.h"
#include "posix_internal.h"

#define GIB (UINT64_C(1) << 30)
#define SPAN_DEFAULT (64 * GIB)
/* Where a PC has its hotplug window if boot memory does not reach there. */
#define HOTPLUG_START (4 * GIB)
/* Bytes of a page table, and bytes of the pages that it maps, on most. */
#define TABLE_BYTES UINT64_C(4096)
#define TABLE_MAPS_BYTES (UINT64_C(2) << 20)

int mhp_posix_refuse(struct mhp_report *report, int code, enum mhp_why why,
		     const char *detail)
{
	if (report)
		*report = (struct mhp_report){
			.code = code,
			.stage = MHP_STAGE_DEVICE,
			.why = why,
			.pfn = MHP_PFN_NONE,
			.detail = detail,
		};
	return code;
}

int mhp_posix_failed(struct mhp_posix *p, int code, const char *text)
{
	__atomic_store_n(&p->failure_text, text, __ATOMIC_RELAXED);
	__atomic_store_n(&p->failure_code, code, __ATOMIC_RELEASE);
	return code;
}

int mhp_posix_system(struct mhp_posix *p, const char *text)
{
	return mhp_posix_failed(p, -errno, text);
}

int mhp_posix_fails(struct mhp_posix *p)
{
	struct mhp_posix_fault *fault = p->fault;
	uint64_t call;

	if (MHP_HOSTED_LIKELY(!fault))
		return 0;
	call = __atomic_add_fetch(&fault->nr_calls, 1, __ATOMIC_RELAXED);
	if (fault->how == MHP_POSIX_FAIL_NEVER || call < fault->k ||
	    (fault->how == MHP_POSIX_FAIL_ONCE && call > fault->k))
		return 0;
	__atomic_add_fetch(&fault->nr_faults, 1, __ATOMIC_RELAXED);
	return mhp_posix_failed(p, fault->code ? fault->code : MHP_ERR_NOMEM,
				"the fault plan of a test");
}

void mhp_posix_explain(struct mhp_posix *p, struct mhp_report *report)
{
	int code = __atomic_load_n(&p->failure_code, __ATOMIC_ACQUIRE);

	if (report->code && report->code == code && !report->detail)
		report->detail = __atomic_load_n(&p->failure_text,
						 __ATOMIC_RELAXED);
}

/* The small operations. */

static void *meta_alloc(void *ctx, uint64_t size_bytes, int node)
{
	struct mhp_posix *p = ctx;
	size_t rounded = (size_t)((size_bytes + 63) / 64 * 64);
	void *object;

	(void)node;
	if (mhp_posix_fails(p))
		return NULL;
	object = aligned_alloc(64, rounded);
	if (object)
		__atomic_fetch_add(&p->meta_bytes, rounded, __ATOMIC_RELAXED);
	return object;
}

static void meta_free(void *ctx, void *object, uint64_t size_bytes)
{
	struct mhp_posix *p = ctx;

	__atomic_fetch_sub(&p->meta_bytes, (size_bytes + 63) / 64 * 64,
			   __ATOMIC_RELAXED);
	free(object);
}

static bool reads_zero(void *ctx, struct mhp_range range)
{
	const struct mhp_posix_reg *reg = mhp_posix_region_of(ctx,
							      range.start_pfn);

	return reg && !reg->dirty;
}

static void synchronize(void *ctx)
{
	(void)ctx;
	mhp_hosted_synchronize();
}

static void mutex_lock(void *ctx)
{
	struct mhp_posix *p = ctx;

	pthread_mutex_lock(&p->engine_mutex);
}

static void mutex_unlock(void *ctx)
{
	struct mhp_posix *p = ctx;

	pthread_mutex_unlock(&p->engine_mutex);
}

static uint64_t now_ns(void *ctx)
{
	(void)ctx;
	return mhp_hosted_now_ns();
}

/*
 * An estimate: the system does not tell for a part of a process. Large leaves
 * need no table of their own.
 */
static uint64_t pagetable_bytes(void *ctx)
{
	struct mhp_posix *p = ctx;
	uint64_t window = __atomic_load_n(&p->window_mapped_bytes,
					  __ATOMIC_RELAXED);
	uint64_t tables = (window + TABLE_MAPS_BYTES - 1) / TABLE_MAPS_BYTES;
	uint64_t per_pageblock = (UINT64_C(1) << p->geometry.pageblock_shift) /
				 TABLE_MAPS_BYTES;
	uint64_t nr_small = 0;

	for (uint64_t i = 0; i < p->nr_blocks; i++)
		nr_small += __atomic_load_n(&p->blocks[i].nr_small,
					    __ATOMIC_RELAXED);
	tables += nr_small * (per_pageblock ? per_pageblock : 1);
	return tables * TABLE_BYTES;
}

static void log_line(void *ctx, int level, const char *line)
{
	struct mhp_posix *p = ctx;

	if (p->log)
		p->log(p->log_ctx, level, line);
}

static bool wait_move(void *ctx)
{
	(void)ctx;
	return mhp_hosted_wait_move();
}

static void ops_fill(struct mhp_posix *p)
{
	bool direct = p->flags & MHP_POSIX_DIRECT;

	p->ops = (struct mhp_ops){
		.size_bytes = sizeof(p->ops),
		.map_linear = mhp_posix_map_linear,
		.unmap_linear = mhp_posix_unmap_linear,
		.map_memmap = direct ? NULL : mhp_posix_map_memmap,
		.unmap_memmap = direct ? NULL : mhp_posix_unmap_memmap,
		.meta_alloc = meta_alloc,
		.meta_free = meta_free,
		.reads_zero = reads_zero,
		.first_use = mhp_posix_first_use,
		.synchronize = synchronize,
		.mutex_lock = mutex_lock,
		.mutex_unlock = mutex_unlock,
		.now_ns = now_ns,
		.scrub = mhp_posix_scrub,
		.remap_memmap = direct ? NULL : mhp_posix_remap_memmap,
		.remap_prepare = direct ? NULL : mhp_posix_remap_prepare,
		.wait_move = wait_move,
		.pagetable_bytes = pagetable_bytes,
		.log = log_line,
	};
}

/* Opening. */

static int geometry_default(struct mhp_posix *p)
{
	const char *name = p->host_page_bytes == 65536	 ? "arm64-64k"
			   : p->host_page_bytes == 16384 ? "arm64-16k"
							 : "x86_64";
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int err;

	err = mhp_geometry_named(name, &p->geometry);
	if (cpus < 1)
		cpus = 1;
	/* Threads come and go: more cursors than processors, so fewer meet. */
	p->geometry.nr_cpus = (uint16_t)(cpus < 2048 ? 2 * cpus : 4096);
	return err;
}

static int geometry_take(struct mhp_posix *p,
			 const struct mhp_posix_config *config,
			 struct mhp_report *report)
{
	uint64_t grain;
	int err = 0;

	if (config->geometry)
		p->geometry = *config->geometry;
	else
		err = geometry_default(p);
	if (!err)
		err = mhp_geometry_check(&p->geometry, report);
	if (err)
		return err;
	grain = p->flags & MHP_POSIX_DIRECT ? mhp_block_bytes(&p->geometry)
					    : mhp_page_bytes(&p->geometry);
	if (grain % p->host_page_bytes)
		return mhp_posix_refuse(report, MHP_ERR_INVAL, MHP_WHY_GEOMETRY,
					"the system's pages are larger");
	return 0;
}

/* End of boot memory, in bytes. */
static uint64_t boot_end(const struct mhp_posix *p,
			 const struct mhp_posix_config *config)
{
	const struct mhp_boot_range *last;

	if (config->nr_boot) {
		last = &config->boot[config->nr_boot - 1];
		return mhp_bytes_from_pages(&p->geometry,
					    mhp_range_end_pfn(last->range));
	}
	return config->boot_bytes ? config->boot_bytes
				  : mhp_block_bytes(&p->geometry);
}

static uint64_t round_up(uint64_t bytes, uint64_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

/* What no process can have would break sums before it breaks mmap. */
static int span_check(const struct mhp_posix *p, uint64_t span_bytes,
		      uint64_t boot_bytes, struct mhp_report *report)
{
	uint64_t limit = UINT64_C(1) << p->geometry.phys_bits;

	if (span_bytes > limit ||
	    mhp_pages_from_bytes(&p->geometry, span_bytes) >> HANDLE_PFN_BITS)
		return mhp_posix_refuse(report, MHP_ERR_INVAL,
					MHP_WHY_BEYOND_END,
					"span_bytes is larger than a physical "
					"address, or than 2^36 pages");
	if (boot_bytes > span_bytes)
		return mhp_posix_refuse(report, MHP_ERR_INVAL,
					MHP_WHY_BEYOND_END,
					"boot memory is larger than "
					"span_bytes");
	return 0;
}

static int spans_take(struct mhp_posix *p,
		      const struct mhp_posix_config *config,
		      uint64_t boot_bytes, struct mhp_report *report)
{
	uint64_t block = mhp_block_bytes(&p->geometry);
	uint64_t span = config->span_bytes ? config->span_bytes : SPAN_DEFAULT;
	uint64_t window;
	int err;

	err = span_check(p, span, boot_bytes, report);
	if (err)
		return err;
	span = round_up(span, block);
	p->hotplug_bytes = round_up(boot_bytes, GIB);
	if (p->hotplug_bytes < HOTPLUG_START)
		p->hotplug_bytes = HOTPLUG_START;
	p->hotplug_bytes = round_up(p->hotplug_bytes, block);
	p->nr_blocks = span / block;
	p->blocks = calloc(p->nr_blocks, sizeof(*p->blocks));
	window = mhp_pages_from_bytes(&p->geometry, span) *
		 p->geometry.descriptor_bytes;
	if (p->flags & MHP_POSIX_DIRECT)
		window = 0;
	err = p->blocks ? mhp_posix_spans_reserve(
				  p, span, round_up(window, p->host_page_bytes))
			: MHP_ERR_NOMEM;
	if (err)
		return mhp_posix_refuse(report, err, MHP_WHY_HOST_FAILED,
					"no address space: use a smaller "
					"span_bytes");
	return 0;
}

static int engine_start(struct mhp_posix *p,
			const struct mhp_posix_config *config,
			uint64_t boot_bytes, struct mhp_report *report)
{
	const struct mhp_boot_range boot = {
		.range = {0, mhp_pages_from_bytes(&p->geometry, boot_bytes)},
	};
	const struct mhp_config engine = {
		.size_bytes = sizeof(engine),
		.geometry = &p->geometry,
		.ops = &p->ops,
		.ops_ctx = p,
		.window = p->window.base,
		.max_pfn = mhp_pages_from_bytes(&p->geometry,
						p->linear.size_bytes),
		.boot = config->nr_boot ? config->boot : &boot,
		.nr_boot = config->nr_boot ? config->nr_boot : 1,
		.dma_end_pfn = config->dma_end_pfn,
		.dma32_end_pfn = config->dma32_end_pfn,
		.profile = config->profile,
		.memmap_on_memory = config->memmap_on_memory,
		.no_extra = p->flags & MHP_POSIX_NO_EXTRA,
	};
	size_t size_bytes = mhp_size_needed(&engine);
	int err;

	p->buffer = mhp_posix_fails(p)
			    ? NULL
			    : aligned_alloc(64, round_up(size_bytes, 64));
	if (!p->buffer)
		return mhp_posix_refuse(report, MHP_ERR_NOMEM, MHP_WHY_NO_META,
					"no memory for the instance");
	err = mhp_init(p->buffer, size_bytes, &engine, &p->mhp, report);
	if (err)
		p->mhp = NULL;
	if (err && report)
		mhp_posix_explain(p, report);
	return err;
}

static int open_all(struct mhp_posix *p, const struct mhp_posix_config *config,
		    struct mhp_report *report)
{
	uint64_t boot_bytes;
	int err;

	err = geometry_take(p, config, report);
	if (err)
		return err;
	boot_bytes = boot_end(p, config);
	err = spans_take(p, config, boot_bytes, report);
	if (err)
		return err;
	if (config->populate == MHP_POSIX_POPULATE_AUTO)
		p->collapse_bytes = mhp_posix_probe_collapse(p);
	err = mhp_posix_region_boot(
		p, round_up(boot_bytes, mhp_block_bytes(&p->geometry)), report);
	if (err)
		return err;
	ops_fill(p);
	err = engine_start(p, config, boot_bytes, report);
	if (err)
		return err;
	err = mhp_posix_handles_open(p);
	if (err)
		return mhp_posix_refuse(report, err, MHP_WHY_HOST_FAILED,
					"no address space for handles: use a "
					"smaller span_bytes");
	return 0;
}

int mhp_posix_open_with(const struct mhp_posix_config *config,
			struct mhp_posix_fault *fault, struct mhp_posix **p,
			struct mhp_report *report)
{
	static const struct mhp_posix_config defaults;
	struct mhp_posix *made;
	int err;

	if (!config)
		config = &defaults;
	if (config->size_bytes && config->size_bytes != sizeof(*config))
		return mhp_posix_refuse(report, MHP_ERR_INVAL,
					MHP_WHY_HOST_FAILED,
					"size_bytes is of another version");
	made = aligned_alloc(64, round_up(sizeof(*made), 64));
	if (!made)
		return mhp_posix_refuse(report, MHP_ERR_NOMEM, MHP_WHY_NO_META,
					"no memory for the instance");
	memset(made, 0, sizeof(*made));
	made->fault = fault;
	made->flags = config->flags;
	made->populate = config->populate;
	made->log = config->log;
	made->log_ctx = config->log_ctx;
	made->host_page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	pthread_mutex_init(&made->engine_mutex, NULL);
	pthread_mutex_init(&made->regions_mutex, NULL);
	err = open_all(made, config, report);
	if (err) {
		mhp_posix_close(made);
		return err;
	}
	*p = made;
	return 0;
}

int mhp_posix_open(const struct mhp_posix_config *config, struct mhp_posix **p,
		   struct mhp_report *report)
{
	return mhp_posix_open_with(config, NULL, p, report);
}

void mhp_posix_close(struct mhp_posix *p)
{
	if (!p)
		return;
	if (p->mhp)
		mhp_fini(p->mhp);
	mhp_posix_handles_close(p);
	free(p->buffer);
	mhp_posix_region_free_all(p);
	mhp_posix_spans_release(p);
	free(p->blocks);
	pthread_mutex_destroy(&p->regions_mutex);
	pthread_mutex_destroy(&p->engine_mutex);
	free(p);
}

struct mhp *mhp_posix_mhp(struct mhp_posix *p)
{
	return p->mhp;
}
