/* SPDX-License-Identifier: MIT */
/*
 * Moving what was collected; see evacuate.h. What moves is decided by the
 * owners: pages are theirs until they say "moved".
 *
 *   take a target; mark "moving" in the descriptor; ask the owner
 *     moved:     the source is free
 *     otherwise: the mark goes, and the target is free; or both stay until the
 *                owner calls mhp_move_complete()
 *
 * Small allocations of one owner that can move many go through these steps
 * together, as a bundle: one by one each step costs as much as a tenth of a
 * page's copy.
 */
#include "desc.h"
#include "evacuate.h"
#include "frame_fast.h"
#include "owner.h"
#include "section.h"

/* A bundle has no more pages: between two of them there is a look at the
 * time. */
#define BUNDLE_PAGES 64

/* ---- what an owner said ---- */

static struct frame_head move_head(const struct mhp_move *move)
{
	return (struct frame_head){
		.pfn = move->from_pfn,
		.nr_pages = move->nr_pages,
		.order = move->order,
	};
}

/* Lack of a target outweighs what an owner said. */
static void move_refused(struct mhp *m, struct evacuate_batch *batch,
			 unsigned int i, enum mhp_why why)
{
	const struct frame_head head = move_head(&batch->moves[i]);
	struct owner_answer answer = owner_ask(m, &head, batch->descs[i]);

	batch->nr_refused++;
	if (batch->refusal.why != MHP_WHY_NONE && why != MHP_WHY_NO_TARGET)
		return;
	if (answer.pins && why == MHP_WHY_REFUSED)
		why = MHP_WHY_PINNED;
	report_set(&batch->refusal, MHP_ERR_BUSY, MHP_STAGE_OFFLINE, why,
		   head.pfn);
	owner_report(m, &head, batch->descs[i], answer.pins, &batch->refusal);
}

/* ---- marks ---- */

/* Where the descriptor of a collected allocation is now, or NULL. It may begin
 * in a block before this one, which nobody keeps: that can go, if somebody else
 * has moved the allocation, and its memmap can move. */
static mhp_word_t *desc_now(struct mhp *m, mhp_pfn_t pfn, bool marking)
{
	struct mhp_block *blk = section_block(m, pfn);
	uint64_t status;

	if (!blk)
		return NULL;
	/* A memmap that moves has been looked at for marks, or will be once
	 * this section has ended. */
	status = block_status(blk);
	return (marking ? block_grants(status) : block_serves(status))
		       ? desc_word(m, blk, pfn)
		       : NULL;
}

/* Set or clear "moving" in a descriptor that has not changed meanwhile. */
static bool desc_mark(struct mhp *m, mhp_pfn_t pfn, uint64_t desc, bool moving)
{
	uint64_t from = moving ? desc : desc | DESC_MOVING;
	uint64_t to = moving ? desc | DESC_MOVING : desc;
	mhp_word_t *word;
	bool done;

	mhp_port_read_lock();
	word = desc_now(m, pfn, moving);
	done = word && mhp_port_cas(word, &from, to);
	mhp_port_read_unlock();
	return done;
}

/* ---- targets ---- */

static struct mhp_request move_request(const struct evacuate_batch *batch,
				       unsigned int i)
{
	uint64_t desc = batch->descs[i];

	return (struct mhp_request){
		.size_bytes = sizeof(struct mhp_request),
		.mobility = MHP_MOVABLE,
		.align_order = (uint8_t)desc_align(desc),
		.node_plus_1 = (uint16_t)(batch->node + 1),
		.owner = desc_owner(desc),
		.cookie = desc_cookie(desc),
		/* Its holder has promised that. */
		.flags = batch->lends >> i & 1 ? MHP_ALLOC_NO_TAILS : 0,
	};
}

static int move_target(struct mhp *m, struct evacuate_batch *batch,
		       unsigned int i)
{
	struct mhp_request request = move_request(batch, i);
	struct mhp_move *move = &batch->moves[i];

	if (move->nr_pages > m->layout.pageblock_pages)
		return mhp_run_alloc(m, &request, move->nr_pages,
				     &move->to_pfn);
	request.order = move->order;
	return mhp_frame_alloc(m, &request, &move->to_pfn);
}

/* How many from @first on, up to @nr, are single pages without a wish. */
static unsigned int targets_alike(const struct evacuate_batch *batch,
				  unsigned int first, unsigned int nr)
{
	unsigned int i = first;

	while (i < first + nr &&
	       !(batch->moves[i].order | desc_align(batch->descs[i])))
		i++;
	return i - first;
}

/*
 * The first of @nr targets for single pages, as many as are to be had without a
 * search. All that differs is what their descriptors say. Nobody has seen them
 * before they say it, and no memmap has moved: who isolates or moves waits for
 * this section.
 */
static unsigned int targets_alloc(struct mhp *m, struct evacuate_batch *batch,
				  unsigned int first, unsigned int nr)
{
	struct mhp_request request = move_request(batch, first);
	mhp_pfn_t pfns[MHP_OFFLINE_BATCH];
	struct mhp_block *blk = NULL;
	uint32_t i, got;

	mhp_port_read_lock();
	got = frame_singles(m, &request, nr, pfns);
	for (i = 0; i < got; i++) {
		if (!blk || pfns[i] - blk->start_pfn >= m->layout.block_pages)
			blk = section_block(m, pfns[i]);
		mhp_port_store(desc_word(m, blk, pfns[i]),
			       batch->descs[first + i]);
		batch->moves[first + i].to_pfn = pfns[i];
	}
	mhp_port_read_unlock();
	return got;
}

/* Targets for @nr from @first on: how many, and why not all in @err. */
static unsigned int move_targets(struct mhp *m, struct evacuate_batch *batch,
				 unsigned int first, unsigned int nr, int *err)
{
	unsigned int i = 0;

	*err = 0;
	while (i < nr) {
		unsigned int same = targets_alike(batch, first + i, nr - i);
		unsigned int got = 0;

		if (same > 1)
			got = targets_alloc(m, batch, first + i, same);
		if (!got) {
			*err = move_target(m, batch, first + i);
			if (*err)
				break;
			got = 1;
		}
		i += got;
	}
	return i;
}

/* ---- one ---- */

/* Enter what an owner said of a move that was not made. */
static void move_not_done(struct mhp *m, struct evacuate_batch *batch,
			  unsigned int i, int err)
{
	const struct mhp_move *move = &batch->moves[i];

	if (err == MHP_ERR_INPROGRESS)
		return;
	(void)desc_mark(m, move->from_pfn, batch->descs[i], false);
	(void)frame_free_head(m, move->to_pfn, move->nr_pages);
	if (err != MHP_ERR_AGAIN)
		move_refused(m, batch, i, MHP_WHY_REFUSED);
}

/* Ask the owner. */
static void move_ask(struct mhp *m, struct evacuate_batch *batch,
		     unsigned int i)
{
	const struct mhp_move *move = &batch->moves[i];
	struct owner *owner = &m->owners[desc_owner(batch->descs[i])];
	int err;

	if (!desc_mark(m, move->from_pfn, batch->descs[i], true)) {
		(void)frame_free_head(m, move->to_pfn, move->nr_pages);
		return;
	}
	err = owner->ops->move(owner->ctx, m, move);
	if (err) {
		move_not_done(m, batch, i, err);
		return;
	}
	/* An owner that freed it itself, against the rules, does no harm: some
	 * of it is isolated, so nothing of that length begins there now. */
	(void)frame_free_head(m, move->from_pfn, move->nr_pages);
	batch->nr_moved++;
	batch->nr_pages_moved += move->nr_pages;
}

/* Move one allocation. Return: 0, also if it stays for now; MHP_ERR_NOMEM. */
static int move_one(struct mhp *m, struct evacuate_batch *batch, unsigned int i)
{
	const struct frame_head head = move_head(&batch->moves[i]);
	int err;

	if (!owner_ask(m, &head, batch->descs[i]).moves) {
		move_refused(m, batch, i, MHP_WHY_UNMOVABLE);
		return 0;
	}
	err = move_target(m, batch, i);
	if (err == MHP_ERR_NOMEM)
		move_refused(m, batch, i, MHP_WHY_NO_TARGET);
	else if (!err)
		move_ask(m, batch, i);
	return err == MHP_ERR_NOMEM ? err : 0;
}

/* ---- a bundle ---- */

/* How many from @first on move as a bundle; at least 1. */
static unsigned int bundle_nr(struct mhp *m, const struct evacuate_batch *batch,
			      unsigned int first)
{
	uint16_t owner = desc_owner(batch->descs[first]);
	unsigned int i = first;
	uint64_t nr_pages = 0;
	struct owner_ref ref;

	owner_look_up(m, owner, &ref);
	if (!ref.ops || !ref.ops->move_many)
		return 1;
	for (; i < batch->nr && desc_owner(batch->descs[i]) == owner; i++) {
		nr_pages += batch->moves[i].nr_pages;
		/* No chain: it may be in another block. */
		if (nr_pages > BUNDLE_PAGES ||
		    batch->moves[i].nr_pages > m->layout.pageblock_pages)
			break;
	}
	return i > first ? i - first : 1;
}

/*
 * Mark a bundle. No compare-and-swap: its pages are isolated by the operation
 * that this is part of, so nobody else marks them, nobody allocates them again,
 * and the memmap of their block stays where it is.
 */
static void bundle_mark(struct mhp *m, const struct evacuate_batch *batch,
			unsigned int first, unsigned int nr)
{
	struct mhp_block *blk;
	unsigned int i;

	mhp_port_read_lock();
	blk = section_block(m, batch->moves[first].from_pfn);
	for (i = first; i < first + nr; i++)
		mhp_port_store(desc_word(m, blk, batch->moves[i].from_pfn),
			       batch->descs[i] | DESC_MOVING);
	mhp_port_read_unlock();
}

/* Enter what the owner said. The sources that are single pages are freed in one
 * go. */
static void bundle_end(struct mhp *m, struct evacuate_batch *batch,
		       unsigned int first, unsigned int nr, const int *codes)
{
	mhp_pfn_t pfns[MHP_OFFLINE_BATCH];
	uint64_t nr_pages = 0, nr_moved = 0;
	uint32_t nr_pfns = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		const struct mhp_move *move = &batch->moves[first + i];

		if (codes[i]) {
			move_not_done(m, batch, first + i, codes[i]);
			continue;
		}
		nr_moved++;
		nr_pages += move->nr_pages;
		if (move->nr_pages == 1)
			pfns[nr_pfns++] = move->from_pfn;
		else
			(void)frame_free_head(m, move->from_pfn,
					      move->nr_pages);
	}
	(void)mhp_frame_free_bulk(m, 0, nr_pfns, pfns);
	batch->nr_moved += nr_moved;
	batch->nr_pages_moved += nr_pages;
}

static void bundle_ask(struct mhp *m, struct evacuate_batch *batch,
		       unsigned int first, unsigned int nr)
{
	struct owner *owner = &m->owners[desc_owner(batch->descs[first])];
	int codes[MHP_OFFLINE_BATCH];
	unsigned int i;

	for (i = 0; i < nr; i++)
		codes[i] = MHP_ERR_AGAIN;
	owner->ops->move_many(owner->ctx, m, &batch->moves[first], nr, codes);
	bundle_end(m, batch, first, nr, codes);
}

/* Move a bundle of @nr, or as many as there are targets for; @nr_done: how many
 * it was, at least one. Return: as move_one(). */
static int bundle_move(struct mhp *m, struct evacuate_batch *batch,
		       unsigned int first, unsigned int nr,
		       unsigned int *nr_done)
{
	int err;

	nr = move_targets(m, batch, first, nr, &err);
	if (nr) {
		bundle_mark(m, batch, first, nr);
		bundle_ask(m, batch, first, nr);
	}
	*nr_done = nr + (err != 0);
	if (err != MHP_ERR_NOMEM)
		return 0;
	move_refused(m, batch, first + nr, MHP_WHY_NO_TARGET);
	return err;
}

/* ---- all ---- */

int evacuate_move(struct mhp *m, const struct mhp_offline *op,
		  struct evacuate_batch *batch)
{
	unsigned int i, nr_done;
	int err = 0;

	for (i = 0; !err && i < batch->nr; i += nr_done) {
		unsigned int nr = bundle_nr(m, batch, i);

		if (evacuate_expired(m, op)) {
			batch->end_of_range = false;
			return 0;
		}
		nr_done = 1;
		err = nr > 1 ? bundle_move(m, batch, i, nr, &nr_done)
			     : move_one(m, batch, i);
	}
	return err;
}
