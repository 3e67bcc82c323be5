/* SPDX-License-Identifier: MIT */
/*
 * A machine that a scenario runs on: an instance of the engine on one of the
 * ports, its slots with DIMMs, and the pieces of memory that are filled.
 *
 * Everything that a command of a scenario does is one call here. Each returns 0
 * or a negative errno value, and then says why in an outcome. What differs
 * between ports is behind struct machine_port, in machine_model.c and
 * machine_posix.c.
 */
#ifndef MHP_TOOLS_MACHINE_H
#define MHP_TOOLS_MACHINE_H

#include "available.h"
#include "devices.h"
#include "mhp/mhp.h"
#include "mhp/poison.h"
#include "mhp/policy.h"
#include "mhp/view.h"
#include "outcome.h"
#include "slots.h"

/** Physical address space of a machine when none is asked for. */
#define MACHINE_SPAN_DEFAULT (UINT64_C(1) << 40)

/** Names that mhp_geometry_named() knows; ends with NULL. */
extern const char *const machine_geometry_names[];

/** Why a machine cannot have all the memory that it seems to have. */
#define MACHINE_SHORT                                                      \
	"what is written takes memory of this system, and so much is not " \
	"available"

struct machine;
struct machine_port;

/** struct machine_config - what to start */
struct machine_config {
	const struct machine_port *port;
	const char *geometry;	   /* of machine_geometry_names */
	uint64_t boot_bytes;	   /* boot memory, all on node 0 */
	uint64_t span_bytes;	   /* physical address space */
	uint16_t nr_nodes;	   /* boot memory is on node 0 */
	uint16_t descriptor_bytes; /* 0: the geometry's */
	enum mhp_profile profile;
	struct mhp_policy policy;
};

/** Most ranges that boot memory has: below 1 MiB, up to the hole, above 4 GiB.
 */
#define MACHINE_MAX_BOOT 3

/** struct machine_layout - the machine's sizes and addresses; all checked */
struct machine_layout {
	struct mhp_geometry geometry;
	struct mhp_boot_range boot[MACHINE_MAX_BOOT];
	uint32_t nr_boot;
	uint64_t span_bytes;
	uint64_t window_bytes; /* address where DIMMs begin */
	mhp_pfn_t dma_end_pfn;
	mhp_pfn_t dma32_end_pfn;
};

/* A piece of filled memory: page by page, wherever the pages are. */
struct fill {
	struct fill *next;
	struct machine *machine;
	char *name;
	uint32_t number; /* of those that are filled now, from 0 on */
	uint64_t seed;	 /* of its content */
	uint64_t nr_pages;
	uint32_t pins;
	uint64_t *pages; /* the port's: pfns or handles */
};

struct machine {
	const struct machine_port *port;
	void *port_data; /* the port's */
	struct mhp *mhp;
	struct machine_config config;
	struct machine_layout layout;
	struct slots slots;
	struct dimms dimms;
	struct fill *fills;
	struct huge *huges;
	uint64_t nr_managed_at_boot; /* pages */
	struct available available;  /* the system's memory */
	bool short_of_memory;	     /* a call failed for want of that */
};

/**
 * struct machine_port - what differs between ports
 */
struct machine_port {
	const char *name;

	/** @start: set port_data and mhp; 0 or a negative errno value */
	int (*start)(struct machine *machine, struct mhp_report *report);
	void (*stop)(struct machine *machine);

	/**
	 * @provide: put memory behind what of a slot shall be backed, which is
	 * whole blocks
	 *
	 * Optional: without it all addresses have memory.
	 */
	int (*provide)(struct machine *machine, struct slot *slot,
		       struct mhp_report *report);
	/** @withdraw: undo provide(); nothing of it is known any more */
	void (*withdraw)(struct machine *machine, struct slot *slot);

	/** @explain: say more in the report of a failed call. Optional. */
	void (*explain)(struct machine *machine, struct mhp_report *report);

	/**
	 * @page_alloc: allocate page @i of a fill, on or near a node
	 *
	 * Return: 0 or a negative errno value.
	 */
	int (*page_alloc)(struct fill *fill, uint64_t i, uint64_t node);
	void (*page_free)(struct fill *fill, uint64_t i);

	/** @page_get: hold page @i in place; its address, or NULL */
	void *(*page_get)(struct fill *fill, uint64_t i);
	/** @page_put: undo one page_get() */
	void (*page_put)(struct fill *fill, uint64_t i);
	/** @page_pfn: where page @i is now */
	mhp_pfn_t (*page_pfn)(const struct fill *fill, uint64_t i);

	/** @handle_bytes: what the handles cost now */
	uint64_t (*handle_bytes)(struct machine *machine);
};

extern const struct machine_port machine_port_model;
extern const struct machine_port machine_port_posix;

/** machine_start() - start a machine; NULL: it failed, see @o */
struct machine *machine_start(const struct machine_config *config,
			      struct outcome *o);

/** machine_afford() - whether so much more of its memory can be written; that
 * takes the system's */
bool machine_afford(struct machine *machine, uint64_t size_bytes);

/** machine_explain_short() - say in the report of a failed call that it is for
 * want of that */
void machine_explain_short(struct machine *machine, struct mhp_report *report);

/** machine_stop() - end it; NULL is allowed */
void machine_stop(struct machine *machine);

/** machine_write() - write a word and a newline to a view */
int machine_write(struct machine *machine, const char *path, const char *word,
		  struct outcome *o);
/** machine_cat() - read a view into @o->value, without the final newline */
int machine_cat(struct machine *machine, const char *path, struct outcome *o);

/** Where memmaps can be moved to. */
enum memmap_target {
	MEMMAP_TO_EXISTING = 0,
	MEMMAP_TO_BLOCK,
};

/** machine_move_memmap() - move the memmap of a block */
int machine_move_memmap(struct machine *machine, uint64_t block_id,
			enum memmap_target to, struct outcome *o);
/** machine_evict_memmaps() - move all that others have on a block */
int machine_evict_memmaps(struct machine *machine, uint64_t block_id,
			  enum memmap_target to, struct outcome *o);

int machine_fill(struct machine *machine, const char *name, uint64_t size_bytes,
		 uint64_t node, struct outcome *o);
int machine_pin(struct machine *machine, const char *name, struct outcome *o);
int machine_unpin(struct machine *machine, const char *name, struct outcome *o);
int machine_verify(struct machine *machine, const char *name,
		   struct outcome *o);
int machine_drop(struct machine *machine, const char *name, struct outcome *o);
/** machine_is_filled() - whether a fill has this name */
bool machine_is_filled(struct machine *machine, const char *name);

/** machine_huge() - allocate whole pageblocks, unmovable; @lend: lend what of
 * their memmap can be */
int machine_huge(struct machine *machine, const char *name, uint64_t size_bytes,
		 bool lend, struct outcome *o);
/** machine_split() - take them apart, into single pages */
int machine_split(struct machine *machine, const char *name, struct outcome *o);
/** machine_drop_huge() - free them; false: there are none of that name */
bool machine_drop_huge(struct machine *machine, const char *name);
/** machine_is_huge() - whether huge pages have this name */
bool machine_is_huge(struct machine *machine, const char *name);

int machine_check(struct machine *machine, struct outcome *o);

/* For the parts of the machine among themselves. */

/** machine_report() - a failure of the engine; names the fill concerned */
int machine_report(struct machine *machine, int rc, struct mhp_report *report,
		   struct outcome *o);
/** fill_destroy_all() - forget all fills, without giving their pages back */
void fill_destroy_all(struct machine *machine);
/** huge_destroy_all() - likewise all huge pages */
void huge_destroy_all(struct machine *machine);
/** fill_of_pfn() - the fill that has a page of an allocation, or NULL */
const struct fill *fill_of_pfn(const struct machine *machine, mhp_pfn_t pfn);

#endif
