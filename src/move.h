/* SPDX-License-Identifier: MIT */
/*
 * Memmaps that move together, as move.c moves one and evict.c several: all are
 * prepared, which may fail, then all are committed, which cannot.
 */
#ifndef MHP_SRC_MOVE_H
#define MHP_SRC_MOVE_H

#include "vmemmap.h"

/* A memmap that shall move. */
struct move {
	struct mhp_block *blk;
	bool onto;    /* to placement block, else to existing memory */
	bool hosted;  /* it comes from the block itself */
	bool vacated; /* the pages that will hold it are isolated and empty */
	struct mhp_range piece; /* of a range's memmap that it comes from; or
				   empty */
	/* the target */
	struct span span;
	uint8_t *memmap;
	uint8_t *state;
	bool copies; /* pages are in use, so descriptors count */
	/* the source, once it has moved */
	struct span old_span;
	uint8_t *old_state; /* NULL: not from existing memory */
};

/* Several that move together. */
struct moves {
	struct move *moves;
	struct mhp_range *pieces; /* as many, for the commit */
	uint32_t nr;
};

/** move_init() - what is known of it. [mutex] */
void move_init(struct mhp *m, struct mhp_block *blk, bool onto,
	       struct move *mv);

/** move_serves() - whether pages of the block are in use, or may come to be */
static inline bool move_serves(const struct move *mv)
{
	return block_serves(block_status(mv->blk));
}

/** move_stays() - memmap and state stay where they are: nothing but the first
 * block is left of a range, and it becomes a block like others */
static inline bool move_stays(const struct move *mv)
{
	return mv->onto && mv->hosted;
}

/** move_own_pages() - pages of the block that hold memmap and state, before or
 * after */
struct mhp_range move_own_pages(const struct mhp *m, const struct move *mv);

/** move_fail() - report what is wrong with it. Return: @err. */
int move_fail(const struct move *mv, int err, enum mhp_why why,
	      struct mhp_report *report);

/* ---- what stands against it: move_check.c ---- */

/** move_check() - what can be seen now. [mutex] */
int move_check(struct mhp *m, const struct move *mv, struct mhp_report *report);

/** move_check_state() - the part of it that is about the block alone */
int move_check_state(const struct move *mv, struct mhp_report *report);

/** move_check_others() - whether somebody else has isolated pageblocks: he may
 * write to descriptors, by offers to move what they describe. [mutex] */
int move_check_others(struct mhp *m, const struct move *mv,
		      struct mhp_report *report);

/** move_check_use() - whether descriptors are in use, and can be copied then.
 * [mutex], the block moves, readers were waited for since. */
int move_check_use(struct mhp *m, struct move *mv, struct mhp_report *report);

/** move_has_writers() - whether somebody else than the engine may write to
 * descriptors */
bool move_has_writers(const struct mhp *m);

/* ---- where it must not go: move_avoid.c ---- */

/** moves_avoid() - nothing is allocated from there for now. [mutex], the blocks
 * move. */
void moves_avoid(struct mhp *m, const struct moves *all);

/** moves_avoid_end() - undo it */
void moves_avoid_end(struct mhp *m, const struct moves *all);

/* ---- the move: move.c ---- */

/** move_must_vacate() - whether pages of the block must be emptied first, and
 * are not yet */
bool move_must_vacate(const struct move *mv);

/** move_vacate() - empty them. [mutex], which is let go of meanwhile.
 * Return: 0 or a negative errno value, and then nothing is isolated. */
int move_vacate(struct mhp *m, struct move *mv, uint64_t deadline_ns,
		struct mhp_report *report);

/** move_vacate_undo() - they are as usable as all others. [mutex] */
void move_vacate_undo(struct mhp *m, const struct move *mv);

/** moves_run() - move all, of which each was checked and vacated, or none.
 * [mutex], waits for readers. */
int moves_run(struct mhp *m, const struct moves *all,
	      struct mhp_report *report);

/** move_check_placement() - whether memmaps can be moved to it at all */
int move_check_placement(enum mhp_placement placement,
			 struct mhp_report *report);

#endif
