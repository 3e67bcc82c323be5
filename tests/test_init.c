/* SPDX-License-Identifier: MIT */
/*
 * Starting an instance: what init demands of the operations, the buffer and the
 * configuration, and that instances share nothing.
 *
 * The port here is a few lines on static memory: it also shows how little one
 * needs.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define NR_TINY_PAGES 256
#define PAGE_BYTES 4096

/* 1 MiB of memory in two blocks, without a window. */
static const struct mhp_geometry tiny = {
	.page_shift = 12,
	.pmd_shift = 16,
	.pageblock_shift = 16,
	.section_shift = 19,
	.block_shift = 19,
	.phys_bits = 24,
	.descriptor_bytes = 16,
	.nr_nodes = 2,
	.nr_cpus = 1,
};

struct tiny_port {
	uint8_t *memory;
	bool locked;
	unsigned int nr_mapped;
	unsigned int nr_objects;
};

static int tiny_map(void *ctx, struct mhp_range range, void **va)
{
	struct tiny_port *port = ctx;

	port->nr_mapped++;
	*va = port->memory + range.start_pfn * PAGE_BYTES;
	return 0;
}

static void tiny_unmap(void *ctx, struct mhp_range range)
{
	struct tiny_port *port = ctx;

	(void)range;
	port->nr_mapped--;
}

static void *tiny_alloc(void *ctx, uint64_t size_bytes, int node)
{
	struct tiny_port *port = ctx;

	(void)node;
	port->nr_objects++;
	return aligned_alloc(64, (size_bytes + 63) / 64 * 64);
}

static void tiny_free(void *ctx, void *object, uint64_t size_bytes)
{
	struct tiny_port *port = ctx;

	(void)size_bytes;
	port->nr_objects--;
	free(object);
}

static void tiny_nothing(void *ctx)
{
	(void)ctx;
}

static void tiny_lock(void *ctx)
{
	struct tiny_port *port = ctx;

	assert_false(port->locked);
	port->locked = true;
}

static void tiny_unlock(void *ctx)
{
	struct tiny_port *port = ctx;

	assert_true(port->locked);
	port->locked = false;
}

static uint64_t tiny_now(void *ctx)
{
	(void)ctx;
	return 0;
}

static const struct mhp_ops tiny_ops = {
	.size_bytes = sizeof(tiny_ops),
	.map_linear = tiny_map,
	.unmap_linear = tiny_unmap,
	.meta_alloc = tiny_alloc,
	.meta_free = tiny_free,
	.synchronize = tiny_nothing,
	.mutex_lock = tiny_lock,
	.mutex_unlock = tiny_unlock,
	.now_ns = tiny_now,
};

struct tiny_machine {
	struct tiny_port port;
	struct mhp_ops ops;
	struct mhp_geometry geometry;
	struct mhp_boot_range boot[2];
	struct mhp_range reserved[2];
	struct mhp_config config;
	void *buffer;
	size_t size_bytes;
	struct mhp *m;
};

static void tiny_make(struct tiny_machine *t)
{
	memset(t, 0, sizeof(*t));
	t->port.memory = aligned_alloc(PAGE_BYTES, NR_TINY_PAGES * PAGE_BYTES);
	assert_non_null(t->port.memory);
	memset(t->port.memory, 0xFF, NR_TINY_PAGES * PAGE_BYTES);
	t->ops = tiny_ops;
	t->geometry = tiny;
	t->boot[0].range = mhp_range_make(0, NR_TINY_PAGES / 2);
	t->config = (struct mhp_config){
		.size_bytes = sizeof(t->config),
		.geometry = &t->geometry,
		.ops = &t->ops,
		.ops_ctx = &t->port,
		.max_pfn = NR_TINY_PAGES,
		.boot = t->boot,
		.nr_boot = 1,
		.reserved = t->reserved,
	};
}

static int tiny_init(struct tiny_machine *t, struct mhp_report *report)
{
	t->size_bytes = mhp_size_needed(&t->config);
	t->buffer = aligned_alloc(64, (t->size_bytes + 63) / 64 * 64);
	assert_non_null(t->buffer);
	memset(t->buffer, 0xFF, t->size_bytes);
	return mhp_init(t->buffer, t->size_bytes, &t->config, &t->m, report);
}

static void tiny_drop(struct tiny_machine *t)
{
	assert_int_equal(t->port.nr_mapped, 0);
	assert_int_equal(t->port.nr_objects, 0);
	assert_false(t->port.locked);
	free(t->buffer);
	free(t->port.memory);
}

/* Init must refuse, say why and what would be right, and leave nothing. */
static void refuse(struct tiny_machine *t, enum mhp_why why)
{
	struct mhp_report report;

	memset(&report, 0, sizeof(report));
	assert_int_equal(tiny_init(t, &report), MHP_ERR_INVAL);
	assert_int_equal(report.code, MHP_ERR_INVAL);
	assert_int_equal(report.stage, MHP_STAGE_INIT);
	assert_int_equal(report.why, why);
	assert_non_null(report.detail);
	assert_int_equal(
		mhp_init(t->buffer, t->size_bytes, &t->config, &t->m, NULL),
		MHP_ERR_INVAL);
	tiny_drop(t);
}

/* Use all of it: the smallest life that an instance can have. */
static void tiny_live(struct tiny_machine *t)
{
	struct mhp_add_request add = {
		.range = mhp_range_make(NR_TINY_PAGES / 2, NR_TINY_PAGES / 2)};
	struct mhp_request request = {0};
	mhp_pfn_t pfn;

	assert_int_equal(mhp_add(t->m, &add, NULL), 0);
	assert_int_equal(mhp_block_online(t->m, 1, MHP_ONLINE_KERNEL, NULL), 0);
	assert_int_equal(mhp_frame_alloc(t->m, &request, &pfn), 0);
	assert_int_equal(mhp_check(t->m, NULL), 0);
	assert_int_equal(mhp_frame_free(t->m, pfn, 0), 0);
	assert_int_equal(mhp_block_offline(t->m, 1, MHP_NO_DEADLINE, NULL), 0);
	assert_int_equal(mhp_remove(t->m, add.range, NULL), 0);
	assert_int_equal(mhp_check(t->m, NULL), 0);
}

static void test_smallest(void **state)
{
	struct tiny_machine t;

	(void)state;
	tiny_make(&t);
	assert_int_equal(tiny_init(&t, NULL), 0);
	tiny_live(&t);
	mhp_fini(t.m);
	tiny_drop(&t);
}

/* Whatever is online or allocated at the end is given back all the same. */
static void test_fini_in_use(void **state)
{
	struct mhp_add_request add = {
		.range = mhp_range_make(NR_TINY_PAGES / 2, NR_TINY_PAGES / 2)};
	struct mhp_request request = {.order = 1};
	struct tiny_machine t;
	mhp_pfn_t pfn;

	(void)state;
	tiny_make(&t);
	assert_int_equal(tiny_init(&t, NULL), 0);
	assert_int_equal(mhp_add(t.m, &add, NULL), 0);
	assert_int_equal(mhp_block_online(t.m, 1, MHP_ONLINE_KERNEL, NULL), 0);
	while (!mhp_frame_alloc(t.m, &request, &pfn))
		;
	mhp_fini(t.m);
	tiny_drop(&t);
}

/* Two instances in one process know nothing of each other. */
static void test_two(void **state)
{
	struct mhp_request request = {0};
	struct tiny_machine a, b;
	mhp_pfn_t pfn;

	(void)state;
	tiny_make(&a);
	tiny_make(&b);
	assert_int_equal(tiny_init(&a, NULL), 0);
	assert_int_equal(tiny_init(&b, NULL), 0);
	while (!mhp_frame_alloc(a.m, &request, &pfn))
		;
	tiny_live(&b);
	mhp_fini(a.m);
	tiny_live(&b);
	mhp_fini(b.m);
	tiny_drop(&a);
	tiny_drop(&b);
}

#define LACKS(field)                             \
	do {                                     \
		struct tiny_machine t;           \
		tiny_make(&t);                   \
		t.ops.field = 0;                 \
		refuse(&t, MHP_WHY_OPS_MISSING); \
	} while (0)

static void test_ops(void **state)
{
	(void)state;
	LACKS(size_bytes);
	LACKS(map_linear);
	LACKS(unmap_linear);
	LACKS(meta_alloc);
	LACKS(meta_free);
	LACKS(synchronize);
	LACKS(mutex_lock);
	LACKS(mutex_unlock);
	LACKS(now_ns);
}

static int tiny_map_memmap(void *ctx, uint64_t offset_bytes,
			   uint64_t size_bytes, mhp_pfn_t backing_pfn)
{
	(void)ctx;
	(void)offset_bytes;
	(void)size_bytes;
	(void)backing_pfn;
	return 0;
}

static void tiny_unmap_memmap(void *ctx, uint64_t offset_bytes,
			      uint64_t size_bytes)
{
	(void)ctx;
	(void)offset_bytes;
	(void)size_bytes;
}

static void test_window(void **state)
{
	struct tiny_machine t;

	(void)state;
	tiny_make(&t);
	t.ops.map_memmap = tiny_map_memmap;
	refuse(&t, MHP_WHY_OPS_MISSING);
	tiny_make(&t);
	t.ops.unmap_memmap = tiny_unmap_memmap;
	refuse(&t, MHP_WHY_OPS_MISSING);
	/* Both, but no address to map to. */
	tiny_make(&t);
	t.ops.map_memmap = tiny_map_memmap;
	t.ops.unmap_memmap = tiny_unmap_memmap;
	refuse(&t, MHP_WHY_GEOMETRY);
}

static void test_buffer(void **state)
{
	struct mhp_report report;
	struct tiny_machine t;

	(void)state;
	tiny_make(&t);
	t.size_bytes = mhp_size_needed(&t.config);
	t.buffer = aligned_alloc(64, (t.size_bytes + 63) / 64 * 64);
	assert_int_equal(
		mhp_init(t.buffer, t.size_bytes - 1, &t.config, &t.m, &report),
		MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_BUFFER_SMALL);
	tiny_drop(&t);
}

/* The buffer grows with what it has to hold, and not much faster. */
static void test_size(void **state)
{
	struct mhp_geometry g = tiny;
	struct mhp_config c = {.geometry = &g, .max_pfn = 1 << 20};
	size_t small, large;

	(void)state;
	small = mhp_size_needed(&c);
	c.max_pfn = 1 << 30;
	g.phys_bits = 52;
	large = mhp_size_needed(&c);
	assert_true(large >= small);
	assert_true(large < 1 << 20);
	g.nr_cpus = 64;
	assert_true(mhp_size_needed(&c) > large);
}

static void test_boot(void **state)
{
	struct tiny_machine t;

	(void)state;
	tiny_make(&t);
	t.config.nr_boot = 0;
	refuse(&t, MHP_WHY_GEOMETRY);
	tiny_make(&t);
	t.boot[0].node = 2;
	refuse(&t, MHP_WHY_GEOMETRY);
	/* Two nodes in one pageblock. */
	tiny_make(&t);
	t.boot[0].range = mhp_range_make(0, 24);
	t.boot[1].range = mhp_range_make(24, 40);
	t.boot[1].node = 1;
	t.config.nr_boot = 2;
	refuse(&t, MHP_WHY_GEOMETRY);
}

static void test_config(void **state)
{
	struct tiny_machine t;

	(void)state;
	tiny_make(&t);
	t.config.size_bytes--;
	refuse(&t, MHP_WHY_BAD_REQUEST);
	tiny_make(&t);
	t.config.max_pfn--;
	refuse(&t, MHP_WHY_GEOMETRY);
	tiny_make(&t);
	t.config.max_pfn = 0;
	refuse(&t, MHP_WHY_GEOMETRY);
	tiny_make(&t);
	t.config.max_pfn = UINT64_C(1) << 40;
	refuse(&t, MHP_WHY_GEOMETRY);
}

static void test_reserved(void **state)
{
	struct tiny_machine t;

	(void)state;
	tiny_make(&t);
	t.reserved[0] = mhp_range_make(10, 5);
	t.reserved[1] = mhp_range_make(14, 5);
	t.config.nr_reserved = 2;
	refuse(&t, MHP_WHY_GEOMETRY);
	tiny_make(&t);
	t.reserved[0] = mhp_range_make(UINT64_MAX - 3, 10);
	t.config.nr_reserved = 1;
	refuse(&t, MHP_WHY_GEOMETRY);
	/* All of it: nothing is left for the memmap. */
	tiny_make(&t);
	t.reserved[0] = mhp_range_make(0, NR_TINY_PAGES / 2);
	t.config.nr_reserved = 1;
	assert_int_equal(tiny_init(&t, NULL), MHP_ERR_NOMEM);
	tiny_drop(&t);
}

/* The memmap of boot memory keeps out of what the embedder keeps. */
static void test_around_reserved(void **state)
{
	struct mhp_page_info page;
	struct tiny_machine t;
	mhp_pfn_t pfn;

	(void)state;
	tiny_make(&t);
	t.reserved[0] = mhp_range_make(NR_TINY_PAGES / 2 - 9, 9);
	t.config.nr_reserved = 1;
	assert_int_equal(tiny_init(&t, NULL), 0);
	for (pfn = NR_TINY_PAGES / 2 - 9; pfn < NR_TINY_PAGES / 2; pfn++) {
		const uint8_t *bytes = t.port.memory + pfn * PAGE_BYTES;

		assert_int_equal(mhp_frame_query(t.m, pfn, &page), 0);
		assert_int_equal(page.use, MHP_PAGE_RESERVED);
		/* Nobody wrote there. */
		assert_int_equal(bytes[0], 0xFF);
		assert_memory_equal(bytes, bytes + 1, PAGE_BYTES - 1);
	}
	tiny_live(&t);
	mhp_fini(t.m);
	tiny_drop(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_fini_in_use),
		cmocka_unit_test(test_two),
		cmocka_unit_test(test_ops),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_buffer),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_boot),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_around_reserved),
	};

	return cmocka_run_group_tests_name("init", tests, NULL, NULL);
}
