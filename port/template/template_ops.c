/* SPDX-License-Identifier: MIT */
/*
 * The operations (mhp/ops.h) of a machine whose memory is a static array, to be
 * copied and filled in. Each function says what a real machine does there.
 *
 * Invariants: a block is mapped at most once; units of the pool are taken or
 * not; nobody takes the mutex twice.
 */
#include "template.h"

#include "mhp/port.h"

#define PAGE_SHIFT 12
#define BLOCK_SHIFT 20
#define BLOCK_BYTES (1 << BLOCK_SHIFT)
#define UNIT_BYTES 64
#define NR_UNITS 256
#define INSTANCE_BYTES 16384

/* Everything this port knows; a kernel would have it per machine. */
struct template_machine {
	/* The memory; in a kernel it is there, and mapped by map_linear(). */
	_Alignas(BLOCK_BYTES) uint8_t memory[TEMPLATE_NR_BLOCKS][BLOCK_BYTES];
	/* The engine's own data, see mhp_size_needed(). */
	_Alignas(UNIT_BYTES) uint8_t instance[INSTANCE_BYTES];
	/* Small objects for the engine, in units. */
	_Alignas(UNIT_BYTES) uint8_t pool[NR_UNITS][UNIT_BYTES];
	bool taken[NR_UNITS];
	bool mapped[TEMPLATE_NR_BLOCKS];
	bool locked;
	uint64_t now_ns;
};

static struct template_machine machine;

static void must(bool true_if_right, const char *what)
{
	if (!true_if_right)
		mhp_port_panic(__FILE__, __LINE__, what);
}

static unsigned int block_of(struct mhp_range range)
{
	return (unsigned int)(range.start_pfn >> (BLOCK_SHIFT - PAGE_SHIFT));
}

/*
 * Make the memory of a block addressable: enter it into the page tables of the
 * kernel's linear map. May fail, and then leaves nothing behind.
 */
static int template_map_linear(void *ctx, struct mhp_range range, void **va)
{
	struct template_machine *t = ctx;
	unsigned int block = block_of(range);

	must(block < TEMPLATE_NR_BLOCKS && !t->mapped[block], "map_linear");
	t->mapped[block] = true;
	*va = t->memory[block];
	return 0;
}

/* Undo that: page tables, then the translation buffers of all processors. */
static void template_unmap_linear(void *ctx, struct mhp_range range)
{
	struct template_machine *t = ctx;
	unsigned int block = block_of(range);

	must(block < TEMPLATE_NR_BLOCKS && t->mapped[block], "unmap_linear");
	t->mapped[block] = false;
}

static uint32_t units_of(uint64_t size_bytes)
{
	return (uint32_t)((size_bytes + UNIT_BYTES - 1) / UNIT_BYTES);
}

/*
 * A small object in memory that is there already, aligned to 64 bytes: the
 * kernel's heap. Records of blocks, leaves of the index, and, with placement
 * existing, the allocator's state of a block.
 */
static void *template_meta_alloc(void *ctx, uint64_t size_bytes, int node)
{
	struct template_machine *t = ctx;
	uint32_t nr = units_of(size_bytes), free = 0, i, k;

	(void)node; /* a kernel takes it from that node if it can */
	for (i = 0; i < NR_UNITS; i++) {
		free = t->taken[i] ? 0 : free + 1;
		if (free < nr)
			continue;
		for (k = 0; k < nr; k++)
			t->taken[i - k] = true;
		return t->pool[i + 1 - nr];
	}
	return NULL;
}

static void template_meta_free(void *ctx, void *object, uint64_t size_bytes)
{
	struct template_machine *t = ctx;
	uint32_t at, k;

	at = (uint32_t)((uint8_t *)object - t->pool[0]) / UNIT_BYTES;
	for (k = 0; k < units_of(size_bytes); k++) {
		must(at + k < NR_UNITS && t->taken[at + k], "meta_free");
		t->taken[at + k] = false;
	}
}

/*
 * Wait until every read-side section that is open has ended. With one thread of
 * control there is none: the engine never calls this inside one.
 */
static void template_synchronize(void *ctx)
{
	(void)ctx;
}

/* A mutex that may sleep. With one thread of control it only must be free. */
static void template_mutex_lock(void *ctx)
{
	struct template_machine *t = ctx;

	must(!t->locked, "mutex_lock");
	t->locked = true;
}

static void template_mutex_unlock(void *ctx)
{
	struct template_machine *t = ctx;

	must(t->locked, "mutex_unlock");
	t->locked = false;
}

/* The machine's clock. This one ticks when it is looked at. */
static uint64_t template_now_ns(void *ctx)
{
	struct template_machine *t = ctx;

	return ++t->now_ns;
}

/*
 * Left out, each with what happens then:
 * map_memmap, unmap_memmap: descriptors are reached through the linear map
 * reads_zero: memory may hold anything; online clears the allocator's state
 * first_use: nothing is to be done before a pageblock is used
 * scrub: memory leaves with what it holds
 * pagetable_bytes, log: no such statistics, no such lines
 * remap_memmap, remap_prepare, protect_memmap: only with map_memmap
 * hold_cpu, release_cpu: with interrupt handlers that allocate or free, disable
 *   interrupts there
 * wait_move: an allocation that finds nothing because a memmap moves fails
 */
static const struct mhp_ops template_ops = {
	.size_bytes = sizeof(struct mhp_ops),
	.map_linear = template_map_linear,
	.unmap_linear = template_unmap_linear,
	.meta_alloc = template_meta_alloc,
	.meta_free = template_meta_free,
	.synchronize = template_synchronize,
	.mutex_lock = template_mutex_lock,
	.mutex_unlock = template_mutex_unlock,
	.now_ns = template_now_ns,
};

/* The sizes of this machine; mhp_geometry_named() has those of known ones. */
static const struct mhp_geometry template_geometry = {
	.page_shift = PAGE_SHIFT,
	.pmd_shift = 16,
	.pageblock_shift = 16,
	.section_shift = BLOCK_SHIFT,
	.block_shift = BLOCK_SHIFT,
	.phys_bits = 32,
	.descriptor_bytes = 16,
	.nr_nodes = 1,
	.nr_cpus = 1,
};

int template_start(struct mhp **m, struct mhp_report *report)
{
	const uint64_t block_pages = mhp_block_pages(&template_geometry);
	const struct mhp_boot_range boot = {.range = {0, block_pages}};
	const struct mhp_config config = {
		.size_bytes = sizeof(config),
		.geometry = &template_geometry,
		.ops = &template_ops,
		.ops_ctx = &machine,
		.max_pfn = TEMPLATE_NR_BLOCKS * block_pages,
		.boot = &boot,
		.nr_boot = 1,
	};

	return mhp_init(machine.instance, sizeof(machine.instance), &config, m,
			report);
}

uint64_t template_meta_bytes(void)
{
	uint64_t nr = 0;
	uint32_t i;

	for (i = 0; i < NR_UNITS; i++)
		nr += machine.taken[i];
	return nr * UNIT_BYTES;
}

unsigned int template_nr_mapped(void)
{
	unsigned int nr = 0, i;

	for (i = 0; i < TEMPLATE_NR_BLOCKS; i++)
		nr += machine.mapped[i];
	return nr;
}
