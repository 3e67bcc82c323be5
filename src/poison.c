/* SPDX-License-Identifier: MIT */
/*
 * Taking bad pages out of use, and taking them back; see mhp/poison.h.
 *
 *   close:  isolate the page's pageblock and mark it mixed, so that nothing in
 *           it is handed out and every free looks for bad pages
 *   enter:  the page into the table, as held by an allocation
 *   wait:   for readers; now a page whose row bit is 0 is free and stays so
 *   settle: a free page is kept from now on; an allocated one stays held until
 *           whoever frees it lets go of it
 *   open:   un-isolate
 *
 * Why no page is lost or handed out twice in this is argued in docs/LOCKING.md.
 */
#include "bad.h"
#include "boot_map.h"
#include "desc.h"
#include "evacuate.h"
#include "grace.h"
#include "isolate.h"
#include "owner.h"
#include "section.h"
#include "withheld.h"

/* Passes after which a move that is not finished counts as refused. */
#define SOFT_PASSES 4096

enum place {
	PLACE_NOWHERE, /* no memory */
	PLACE_OFFLINE, /* memory that the allocator does not have */
	PLACE_KEPT,    /* memmap, state, or the embedder's */
	PLACE_PAGE,    /* the allocator's */
};

/* The page that a call is about. */
struct victim {
	struct mhp *m;
	mhp_pfn_t pfn;
	mhp_word_t *entry; /* in the table, or NULL */
	enum place place;
	struct mhp_block *blk; /* from here on: only with PLACE_PAGE */
	struct pageblock pb;
	uint32_t row;
	uint64_t bit;
	bool isolated; /* by us */
};

/* Whom to tell. */
struct loss {
	struct frame_head head;
	uint64_t desc;
	bool any;
};

static int poison_fail(const struct victim *v, int err, enum mhp_why why,
		       struct mhp_report *report)
{
	return report_set(report, err, MHP_STAGE_POISON, why, v->pfn);
}

static enum place victim_place(const struct victim *v)
{
	uint64_t status = block_status(v->blk);
	unsigned int node;

	if (block_has(status, BLOCK_BOOT) &&
	    !boot_is_present(v->m, v->pfn, &node))
		return PLACE_NOWHERE;
	if (!block_serves(status))
		return PLACE_OFFLINE;
	if (pageblock_fixed(v->m, &v->pb, v->row) & v->bit)
		return PLACE_KEPT;
	if (withheld_has(v->m, v->blk, v->pfn))
		return PLACE_OFFLINE;
	return PLACE_PAGE;
}

static struct victim victim_find(struct mhp *m, mhp_pfn_t pfn)
{
	struct victim v = {.m = m, .pfn = pfn, .entry = bad_find(m, pfn)};
	uint64_t index;

	v.blk = section_block(m, pfn);
	if (!v.blk)
		return v;
	v.pb = pageblock_of(m, v.blk, pfn);
	index = pfn - pageblock_pfn(m, &v.pb);
	v.row = (uint32_t)(index >> m->layout.row_order);
	v.bit = UINT64_C(1)
		<< (index - ((uint64_t)v.row << m->layout.row_order));
	v.place = victim_place(&v);
	return v;
}

/* Nothing of the pageblock is granted from here on, and what is freed there by
 * a section that begins now is looked up in the table. */
static void victim_close(struct victim *v)
{
	v->isolated = !(mhp_port_or(v->pb.word, PB_ISOLATED | PB_MIXED) &
			PB_ISOLATED);
}

/* Under isolation nobody opens the pageblock, so "used" does not change. */
static void victim_open(const struct victim *v)
{
	if (!(mhp_port_load_seq(v->pb.word) & PB_USED) ||
	    !pageblock_is_mixed(v->m, &v->pb))
		mhp_port_and(v->pb.word, ~PB_MIXED);
	if (v->isolated)
		isolate_undo(v->m, v->blk, mhp_range_make(v->pfn, 1));
}

static void victim_wait(const struct victim *v)
{
	grace_wait(v->m);
}

static bool victim_is_held(const struct victim *v)
{
	return mhp_port_load_seq(v->entry) & BAD_HELD;
}

/* After close, enter and wait: keep the page if it is free. Return: false if it
 * is allocated, perhaps just being freed. */
static bool victim_take(const struct victim *v)
{
	uint64_t word = mhp_port_load_seq(v->pb.word);

	if (!victim_is_held(v))
		return true;
	if (word & PB_HUGE)
		return false;
	if (word & PB_USED && mhp_port_load_seq(&v->pb.rows[v->row]) & v->bit)
		return false;
	mhp_port_and(v->entry, ~BAD_HELD);
	/* First use sets the bits of what is kept by itself. */
	if (word & PB_USED)
		mhp_port_or(&v->pb.rows[v->row], v->bit);
	return true;
}

/* ---- hard ---- */

static int hard_check(const struct victim *v, struct mhp_report *report)
{
	bool native = mhp_profile(v->m) == MHP_PROFILE_NATIVE;

	if (v->entry && !(mhp_port_load(v->entry) & BAD_SOFT))
		return poison_fail(v, MHP_ERR_HWPOISON, MHP_WHY_POISON, report);
	if (v->place == PLACE_NOWHERE || (v->place == PLACE_OFFLINE && !native))
		return poison_fail(v, MHP_ERR_NXIO, MHP_WHY_NOT_MEMORY, report);
	if (!v->entry && !bad_has_room(v->m))
		return poison_fail(v, MHP_ERR_NOSPC, MHP_WHY_TABLE_FULL,
				   report);
	return 0;
}

/* Enter the page; if a soft offline of it is going on, that cannot take the
 * entry back any more. */
static void hard_enter(struct victim *v)
{
	if (v->entry)
		mhp_port_and(v->entry, ~BAD_SOFT);
	else
		v->entry = bad_enter(v->m, v->pfn, BAD_HELD);
}

/* The page is allocated: whose is it? The engine cannot do without its own, and
 * Linux says the same of all that does not move. */
static int hard_lose(const struct victim *v, struct loss *loss,
		     struct mhp_report *report)
{
	bool native = mhp_profile(v->m) == MHP_PROFILE_NATIVE;

	if (!frame_head_of(v->m, v->blk, v->pfn, &loss->head))
		return 0; /* it has just been freed */
	loss->desc = mhp_port_load(loss->head.desc);
	if (mhp_port_load(v->pb.word) & PB_ENGINE &&
	    desc_owner(loss->desc) == OWNER_MEMMAP)
		return poison_fail(v, MHP_ERR_BUSY, MHP_WHY_KEPT, report);
	loss->any = true;
	if (!native && !owner_ask(v->m, &loss->head, loss->desc).moves)
		return poison_fail(v, MHP_ERR_BUSY, MHP_WHY_UNMOVABLE, report);
	return 0;
}

static int hard_locked(struct victim *v, struct loss *loss,
		       struct mhp_report *report)
{
	int err = hard_check(v, report);

	if (err)
		return err;
	if (v->place != PLACE_PAGE) {
		bad_enter(v->m, v->pfn, 0);
		return v->place == PLACE_KEPT
			       ? poison_fail(v, MHP_ERR_BUSY, MHP_WHY_KEPT,
					     report)
			       : 0;
	}
	victim_close(v);
	hard_enter(v);
	victim_wait(v);
	if (!victim_take(v))
		err = hard_lose(v, loss, report);
	victim_open(v);
	return err;
}

/* Without the mutex, while the owner cannot be unregistered. */
static void hard_tell(struct mhp *m, mhp_pfn_t pfn, const struct loss *loss)
{
	owner_poisoned(m, &loss->head, loss->desc, pfn);
	MHP_FATAL(!mhp_lock(m));
	m->nr_steps--;
	mhp_unlock(m);
}

int mhp_poison_hard(struct mhp *m, mhp_pfn_t pfn, struct mhp_report *report)
{
	struct loss loss = {.any = false};
	struct victim v;
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_POISON,
				  MHP_WHY_REENTERED, pfn);
	v = victim_find(m, pfn);
	err = hard_locked(&v, &loss, report);
	m->nr_steps += loss.any;
	mhp_unlock(m);
	if (loss.any)
		hard_tell(m, pfn, &loss);
	return err;
}

/* ---- soft ---- */

/* Return: MHP_ERR_ALREADY if there is nothing to do. */
static int soft_check(const struct victim *v, struct mhp_report *report)
{
	bool native = mhp_profile(v->m) == MHP_PROFILE_NATIVE;

	if (v->entry && mhp_port_load(v->entry) & BAD_SOFT)
		return poison_fail(v, MHP_ERR_BUSY, MHP_WHY_IN_FLIGHT, report);
	if (v->entry)
		return MHP_ERR_ALREADY;
	if (!v->blk)
		return poison_fail(v, MHP_ERR_NXIO, MHP_WHY_NOT_MEMORY, report);
	if (v->place == PLACE_NOWHERE || v->place == PLACE_OFFLINE)
		return poison_fail(v, MHP_ERR_IO, MHP_WHY_NOT_MEMORY, report);
	if (v->place == PLACE_KEPT)
		return poison_fail(v, native ? MHP_ERR_BUSY : MHP_ERR_IO,
				   MHP_WHY_KEPT, report);
	if (!bad_has_room(v->m))
		return poison_fail(v, MHP_ERR_NOSPC, MHP_WHY_TABLE_FULL,
				   report);
	return 0;
}

/* Whether the allocation could move. Somebody else's isolation ends when he
 * likes, and then the page would be handed out again. */
static int soft_foresee(const struct victim *v, struct mhp_report *report)
{
	struct owner_answer answer;
	struct frame_head head;
	enum mhp_why why = MHP_WHY_NONE;
	uint64_t desc;

	if (!v->isolated)
		return poison_fail(v, MHP_ERR_BUSY, MHP_WHY_ISOLATED, report);
	if (!frame_head_of(v->m, v->blk, v->pfn, &head))
		return MHP_ERR_AGAIN;
	desc = mhp_port_load(head.desc);
	answer = owner_ask(v->m, &head, desc);
	if (!answer.moves)
		why = MHP_WHY_UNMOVABLE;
	else if (answer.pins)
		why = MHP_WHY_PINNED;
	if (why == MHP_WHY_NONE)
		return MHP_ERR_AGAIN;
	poison_fail(v, MHP_ERR_BUSY, why, report);
	owner_report(v->m, &head, desc, answer.pins, report);
	return MHP_ERR_BUSY;
}

/* What the owner said, or that it has not finished. */
static int soft_refused(const struct victim *v, const struct mhp_offline *op,
			int err, struct mhp_report *report)
{
	if (op->refusal.why == MHP_WHY_NONE)
		return poison_fail(v, err, MHP_WHY_IN_FLIGHT, report);
	if (report) {
		*report = op->refusal;
		report->code = err;
		report->stage = MHP_STAGE_POISON;
	}
	return err;
}

/* Ask once. The mutex is let go meanwhile; the pageblock stays isolated, so the
 * block cannot leave. */
static int soft_pass(struct victim *v, struct mhp_offline *op,
		     struct mhp_report *report)
{
	struct mhp_range range = mhp_range_make(v->pfn, 1);
	struct evacuate_batch batch;
	struct mhp *m = v->m;
	int err;

	evacuate_next_pass(m, range, op);
	evacuate_collect(m, v->blk, range, op, &batch);
	m->nr_steps++;
	mhp_unlock(m);
	err = evacuate_move(m, op, &batch);
	if (!batch.nr_moved)
		mhp_port_relax();
	MHP_FATAL(!mhp_lock(m));
	m->nr_steps--;
	evacuate_account(m, op, &batch);
	/* It may have been reported as broken meanwhile, and then cleared. */
	v->entry = bad_find(m, v->pfn);
	if (!v->entry || !victim_is_held(v))
		return 0;
	op->nr_idle_passes++;
	if (!err && !evacuate_hopeless(op) && op->nr_idle_passes < SOFT_PASSES)
		return MHP_ERR_AGAIN;
	return soft_refused(v, op, err ? err : MHP_ERR_BUSY, report);
}

/* The entry stays if the page has been taken out, also by its owner who freed
 * it, or if somebody has reported it as broken meanwhile. */
static int soft_end(const struct victim *v, int err)
{
	uint64_t entry = BAD_LIVE | BAD_HELD | BAD_SOFT | v->pfn;

	if (!v->entry)
		return 0;
	if (err && bad_remove(v->m, v->entry, entry))
		return err;
	mhp_port_and(v->entry, ~BAD_SOFT);
	return 0;
}

static int soft_locked(struct victim *v, struct mhp_report *report)
{
	struct mhp_offline op = {.deadline_ns = MHP_NO_DEADLINE};
	int err = soft_check(v, report);

	if (err)
		return err == MHP_ERR_ALREADY ? 0 : err;
	victim_close(v);
	v->entry = bad_enter(v->m, v->pfn, BAD_HELD | BAD_SOFT);
	victim_wait(v);
	if (!victim_take(v)) {
		err = soft_foresee(v, report);
		while (err == MHP_ERR_AGAIN)
			err = soft_pass(v, &op, report);
	}
	err = soft_end(v, err);
	victim_open(v);
	return err;
}

int mhp_poison_soft(struct mhp *m, mhp_pfn_t pfn, struct mhp_report *report)
{
	struct mhp_report said;
	struct victim v;
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_POISON,
				  MHP_WHY_REENTERED, pfn);
	v = victim_find(m, pfn);
	err = soft_locked(&v, &said);
	mhp_unlock(m);
	if (err && report)
		*report = said;
	return err;
}

/* ---- clear ---- */

/* Forget the page, and free it if it had been taken out. It is closed; after
 * the wait nobody is just opening the pageblock with the page kept, and whoever
 * let go of it has left it out of what he freed. */
static void clear_page(const struct victim *v)
{
	uint64_t entry;

	do {
		entry = mhp_port_load_seq(v->entry);
		victim_wait(v);
	} while (!bad_remove(v->m, v->entry, entry));
	if (!(entry & BAD_HELD) && mhp_port_load(v->pb.word) & PB_USED &&
	    !(pageblock_kept(v->m, &v->pb, v->row) & v->bit))
		pageblock_undo(v->m, &v->pb, v->row, v->bit);
}

static int clear_locked(struct victim *v, struct mhp_report *report)
{
	if (!v->entry)
		return poison_fail(v, MHP_ERR_NOENT, MHP_WHY_NOT_BAD, report);
	if (mhp_port_load(v->entry) & BAD_SOFT)
		return poison_fail(v, MHP_ERR_BUSY, MHP_WHY_IN_FLIGHT, report);
	if (v->place != PLACE_PAGE) {
		(void)bad_remove(v->m, v->entry, mhp_port_load(v->entry));
		return 0;
	}
	victim_close(v);
	clear_page(v);
	victim_open(v);
	return 0;
}

int mhp_poison_clear(struct mhp *m, mhp_pfn_t pfn, struct mhp_report *report)
{
	struct victim v;
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_POISON,
				  MHP_WHY_REENTERED, pfn);
	v = victim_find(m, pfn);
	err = clear_locked(&v, report);
	mhp_unlock(m);
	return err;
}

/* ---- queries ---- */

bool mhp_is_poisoned(struct mhp *m, mhp_pfn_t pfn)
{
	return bad_find(m, pfn);
}

uint64_t mhp_poison_count(struct mhp *m, struct mhp_range range)
{
	uint64_t most = UINT64_MAX - range.start_pfn;

	if (range.nr_pages > most)
		range.nr_pages = most;
	return bad_count(m, range);
}
