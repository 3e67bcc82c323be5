/* SPDX-License-Identifier: MIT */
/*
 * The model's life, fault plan, clock, mutex and small objects.
 *
 * Invariants checked here: an object comes back once, with the size it was
 * asked for; when the instance has ended, no object and no mapping is left. The
 * buffer and all objects are filled with a pattern, so that nobody relies on
 * zero.
 *
 * What it does not do: more than one instance a model.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mhp/hosted.h"

#include "internal.h"

#define POISON_BYTE 0xA5
#define OBJECT_ALIGN_BYTES 64
#define OBJECT_MAGIC UINT64_C(0x6d6870206f626a21)

void mhp_model_die(const char *format, ...)
{
	va_list args;

	fputs("model: the engine broke the contract: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

bool mhp_model_fails(struct mhp_model *model)
{
	uint64_t call = __atomic_add_fetch(&model->nr_calls, 1,
					   __ATOMIC_RELAXED);

	if (model->at_call)
		model->at_call(model->at_call_arg);
	if (model->fail_how == MHP_MODEL_FAIL_NEVER ||
	    call < model->fail_call ||
	    (model->fail_how == MHP_MODEL_FAIL_ONCE && call > model->fail_call))
		return false;
	__atomic_add_fetch(&model->nr_faults, 1, __ATOMIC_RELAXED);
	return true;
}

/* What memory holds that is not zero; benchmarks do not pay for it. */
static void model_poison(const struct mhp_model *model, void *at, size_t size)
{
	if (!(model->flags & MHP_MODEL_REAL_CLOCK))
		memset(at, POISON_BYTE, size);
}

static void *model_meta_alloc(void *ctx, uint64_t size_bytes, int node)
{
	struct mhp_model *model = ctx;
	struct mhp_model_object *object;
	uint64_t room = (size_bytes + 2 * OBJECT_ALIGN_BYTES - 1) &
			~(uint64_t)(OBJECT_ALIGN_BYTES - 1);

	if (!size_bytes || node < MHP_NODE_ANY ||
	    node >= model->geometry.nr_nodes)
		mhp_model_die("meta_alloc: %llu bytes of node %d",
			      (unsigned long long)size_bytes, node);
	if (mhp_model_fails(model))
		return NULL;
	object = aligned_alloc(OBJECT_ALIGN_BYTES, (size_t)room);
	if (!object)
		return NULL;
	model_poison(model, object, (size_t)room);
	object->magic = OBJECT_MAGIC;
	object->size_bytes = size_bytes;
	model->meta_bytes += size_bytes;
	return (uint8_t *)object + OBJECT_ALIGN_BYTES;
}

static void model_meta_free(void *ctx, void *at, uint64_t size_bytes)
{
	struct mhp_model *model = ctx;
	struct mhp_model_object *object = (void *)((uint8_t *)at -
						   OBJECT_ALIGN_BYTES);

	if (!at || object->magic != OBJECT_MAGIC)
		mhp_model_die("meta_free: %p is no object", at);
	if (object->size_bytes != size_bytes)
		mhp_model_die("meta_free: %llu bytes, allocated were %llu",
			      (unsigned long long)size_bytes,
			      (unsigned long long)object->size_bytes);
	model->meta_bytes -= size_bytes;
	object->magic = 0;
	model_poison(model, object, (size_t)size_bytes + OBJECT_ALIGN_BYTES);
	free(object);
}

static bool model_reads_zero(void *ctx, struct mhp_range range)
{
	struct mhp_model *model = ctx;

	(void)range;
	return !(model->flags & (MHP_MODEL_DIRTY | MHP_MODEL_STALE));
}

static void model_synchronize(void *ctx)
{
	(void)ctx;
	mhp_hosted_synchronize();
}

static void model_mutex_lock(void *ctx)
{
	struct mhp_model *model = ctx;

	if (pthread_mutex_lock(&model->mutex))
		mhp_model_die("mutex_lock: it is the caller's already");
}

static void model_mutex_unlock(void *ctx)
{
	struct mhp_model *model = ctx;

	if (pthread_mutex_unlock(&model->mutex))
		mhp_model_die("mutex_unlock: it is not the caller's");
}

static uint64_t model_now_ns(void *ctx)
{
	struct mhp_model *model = ctx;

	if (model->flags & MHP_MODEL_REAL_CLOCK)
		return mhp_hosted_now_ns();
	return __atomic_load_n(&model->clock_ns, __ATOMIC_RELAXED);
}

/* The thread that moves may be waiting for this section. */
static bool model_wait_move(void *ctx)
{
	(void)ctx;
	return mhp_hosted_wait_move();
}

static const struct mhp_ops model_ops = {
	.size_bytes = sizeof(struct mhp_ops),
	.map_linear = mhp_model_map_linear,
	.unmap_linear = mhp_model_unmap_linear,
	.map_memmap = mhp_model_map_memmap,
	.unmap_memmap = mhp_model_unmap_memmap,
	.meta_alloc = model_meta_alloc,
	.meta_free = model_meta_free,
	.reads_zero = model_reads_zero,
	.first_use = mhp_model_first_use,
	.synchronize = model_synchronize,
	.mutex_lock = model_mutex_lock,
	.mutex_unlock = model_mutex_unlock,
	.now_ns = model_now_ns,
	.scrub = mhp_model_scrub,
	.remap_memmap = mhp_model_remap_memmap,
	.remap_prepare = mhp_model_remap_prepare,
	.remap_cancel = mhp_model_remap_cancel,
	.protect_memmap = mhp_model_protect_memmap,
	.wait_move = model_wait_move,
};

static const struct mhp_ops model_ops_no_window = {
	.size_bytes = sizeof(struct mhp_ops),
	.map_linear = mhp_model_map_linear,
	.unmap_linear = mhp_model_unmap_linear,
	.meta_alloc = model_meta_alloc,
	.meta_free = model_meta_free,
	.reads_zero = model_reads_zero,
	.first_use = mhp_model_first_use,
	.synchronize = model_synchronize,
	.mutex_lock = model_mutex_lock,
	.mutex_unlock = model_mutex_unlock,
	.now_ns = model_now_ns,
	.scrub = mhp_model_scrub,
	.wait_move = model_wait_move,
};

static int model_fail(struct mhp_report *report, int err, const char *detail)
{
	if (report) {
		memset(report, 0, sizeof(*report));
		report->code = err;
		report->stage = MHP_STAGE_INIT;
		report->why = MHP_WHY_HOST_FAILED;
		report->pfn = MHP_PFN_NONE;
		report->detail = detail;
	}
	return err;
}

static int model_check(const struct mhp_model_config *config,
		       struct mhp_report *report)
{
	const struct mhp_geometry *g = &config->geometry;
	int err = mhp_geometry_check(g, report);

	if (err)
		return err;
	if (!config->max_pfn ||
	    config->max_pfn > UINT64_C(1) << (g->phys_bits - g->page_shift))
		return model_fail(report, MHP_ERR_INVAL,
				  "max_pfn is 1 to 2^phys_bits / page size");
	if (config->flags & MHP_MODEL_STRICT &&
	    mhp_page_bytes(g) < (uint64_t)sysconf(_SC_PAGESIZE))
		return model_fail(report, MHP_ERR_INVAL,
				  "a strict model has pages of at least the "
				  "host's size");
	return 0;
}

static bool model_copy_boot(struct mhp_model *model,
			    const struct mhp_model_config *config)
{
	size_t size_bytes = config->nr_boot * sizeof(*model->boot);

	model->boot = malloc(size_bytes ? size_bytes : 1);
	if (!model->boot)
		return false;
	if (size_bytes)
		memcpy(model->boot, config->boot, size_bytes);
	model->nr_boot = config->nr_boot;
	return true;
}

static struct mhp_model *model_new(const struct mhp_model_config *config)
{
	struct mhp_model *model = calloc(1, sizeof(*model));
	pthread_mutexattr_t attributes;

	if (!model || !model_copy_boot(model, config)) {
		free(model);
		return NULL;
	}
	model->geometry = config->geometry;
	model->flags = config->flags;
	model->max_pfn = config->max_pfn;
	model->fail_how = config->fail_how;
	model->fail_call = config->fail_call;
	model->afford = config->afford;
	model->afford_ctx = config->afford_ctx;
	model->host_page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&model->mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return model;
}

static void model_free(struct mhp_model *model)
{
	mhp_model_spans_destroy(model);
	pthread_mutex_destroy(&model->mutex);
	free(model->buffer);
	free(model->boot);
	free(model);
}

static int model_start(struct mhp_model *model,
		       const struct mhp_model_config *from,
		       struct mhp_report *report)
{
	struct mhp_config config = {
		.size_bytes = sizeof(config),
		.geometry = &from->geometry,
		.ops = model->window.raw ? &model_ops : &model_ops_no_window,
		.ops_ctx = model,
		.window = model->window.raw ? model->window.base : NULL,
		.max_pfn = from->max_pfn,
		.boot = from->boot,
		.nr_boot = from->nr_boot,
		.reserved = from->reserved,
		.nr_reserved = from->nr_reserved,
		.dma_end_pfn = from->dma_end_pfn,
		.dma32_end_pfn = from->dma32_end_pfn,
		.profile = from->profile,
		.memmap_on_memory = from->memmap_on_memory,
		.max_bad_pages = from->max_bad_pages,
		.no_extra = from->flags & MHP_MODEL_NO_EXTRA,
	};
	size_t size_bytes = mhp_size_needed(&config);
	size_t room = (size_bytes + 63) / 64 * 64;

	model->buffer = aligned_alloc(64, room);
	if (!model->buffer)
		return model_fail(report, MHP_ERR_NOMEM,
				  "no memory for the instance");
	memset(model->buffer, POISON_BYTE, room);
	return mhp_init(model->buffer, size_bytes, &config, &model->mhp,
			report);
}

static void model_check_ended(const struct mhp_model *model)
{
	if (model->meta_bytes || model->nr_mapped || model->nr_to_remap)
		mhp_model_die("at the end %llu bytes and %llu mappings are "
			      "left",
			      (unsigned long long)model->meta_bytes,
			      (unsigned long long)model->nr_mapped);
}

int mhp_model_create(const struct mhp_model_config *config,
		     struct mhp_model **model, struct mhp_report *report)
{
	struct mhp_model *made;
	int err = model_check(config, report);

	if (err)
		return err;
	made = model_new(config);
	if (!made)
		return model_fail(report, MHP_ERR_NOMEM,
				  "no memory for the model");
	if (mhp_model_spans_create(made)) {
		model_free(made);
		return model_fail(report, MHP_ERR_NOMEM,
				  "the host has no address space for max_pfn");
	}
	err = model_start(made, config, report);
	if (err) {
		model_check_ended(made);
		model_free(made);
		return err;
	}
	mhp_model_fail(made, MHP_MODEL_FAIL_NEVER, 0);
	*model = made;
	return 0;
}

void mhp_model_destroy(struct mhp_model *model)
{
	mhp_fini(model->mhp);
	model_check_ended(model);
	model_free(model);
}

struct mhp *mhp_model_mhp(struct mhp_model *model)
{
	return model->mhp;
}

void mhp_model_advance(struct mhp_model *model, uint64_t ns)
{
	__atomic_add_fetch(&model->clock_ns, ns, __ATOMIC_RELAXED);
}

void mhp_model_fail(struct mhp_model *model, enum mhp_model_fault how,
		    uint64_t k)
{
	model->fail_how = how;
	model->fail_call = k;
	__atomic_store_n(&model->nr_calls, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&model->nr_faults, 0, __ATOMIC_RELAXED);
}

void mhp_model_at_call(struct mhp_model *model, void (*at_call)(void *arg),
		       void *arg)
{
	model->at_call = at_call;
	model->at_call_arg = arg;
}

uint64_t mhp_model_faults(const struct mhp_model *model)
{
	return __atomic_load_n(&model->nr_faults, __ATOMIC_RELAXED);
}

uint64_t mhp_model_calls(const struct mhp_model *model)
{
	return __atomic_load_n(&model->nr_calls, __ATOMIC_RELAXED);
}

uint64_t mhp_model_meta_bytes(const struct mhp_model *model,
			      uint64_t *nr_mapped)
{
	*nr_mapped = model->nr_mapped + model->nr_to_remap;
	return model->meta_bytes;
}
