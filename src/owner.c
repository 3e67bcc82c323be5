/* SPDX-License-Identifier: MIT */
/*
 * Owners of movable memory; see mhp/owner.h.
 *
 * A descriptor read while its page is being freed may name anybody: numbers out
 * of range and free slots count as "nobody", and owners check the cookie they
 * are given.
 */
#include "owner.h"

#include "desc.h"
#include "gate.h"
#include "grace.h"
#include "libc.h"
#include "section.h"
#include "text.h"

static const struct mhp_owner_ops owner_memmap_ops = {
	.size_bytes = sizeof(owner_memmap_ops),
	.name = "memmap",
};

static const struct mhp_owner_ops *owner_ops(const struct mhp *m,
					     uint16_t owner)
{
	if (owner == OWNER_NONE || owner >= OWNER_MAX)
		return NULL;
	return (const struct mhp_owner_ops *)mhp_port_load_ptr(
		(void *const *)(const void *)&m->owners[owner].ops);
}

static void owner_allow(struct mhp *m, uint16_t owner,
			enum mhp_mobility mobility, bool allowed)
{
	uint64_t bit = UINT64_C(1) << owner;

	if (allowed)
		mhp_port_or(&m->owners_for[mobility], bit);
	else
		mhp_port_and(&m->owners_for[mobility], ~bit);
}

static void owner_store(struct mhp *m, uint16_t owner,
			const struct mhp_owner_ops *ops, void *ctx)
{
	struct owner *o = &m->owners[owner];
	union {
		const struct mhp_owner_ops *ops;
		void *p;
	} u = {.ops = ops};

	if (ops) {
		o->ctx = ctx;
		memset(o->name, 0, sizeof(o->name));
		text_copy(o->name, sizeof(o->name), ops->name);
	}
	mhp_port_store_ptr((void **)(void *)&o->ops, u.p);
	owner_allow(m, owner, MHP_MOVABLE, ops && ops->move);
	owner_allow(m, owner, MHP_UNMOVABLE, ops && owner != OWNER_MEMMAP);
}

void owner_init(struct mhp *m)
{
	owner_store(m, OWNER_MEMMAP, &owner_memmap_ops, NULL);
	owner_allow(m, OWNER_NONE, MHP_UNMOVABLE, true);
}

void owner_look_up(const struct mhp *m, uint16_t owner, struct owner_ref *ref)
{
	const struct mhp_owner_ops *ops = owner_ops(m, owner);

	*ref = (struct owner_ref){.owner = owner};
	if (!ops || !ops->move)
		return;
	ref->ops = ops;
	ref->ctx = m->owners[owner].ctx;
}

struct owner_answer owner_ask(struct mhp *m, const struct frame_head *head,
			      uint64_t desc)
{
	uint16_t owner = desc_owner(desc);
	const struct mhp_owner_ops *ops = owner_ops(m, owner);
	struct owner_answer answer = {.moves = ops && ops->move};

	if (answer.moves && ops->pins)
		answer.pins = ops->pins(m->owners[owner].ctx, m, head->pfn,
					head->order, desc_cookie(desc));
	return answer;
}

void owner_report(struct mhp *m, const struct frame_head *head, uint64_t desc,
		  uint32_t pins, struct mhp_report *report)
{
	uint16_t owner = desc_owner(desc);

	if (!report)
		return;
	report->pfn = head->pfn;
	report->order = (uint8_t)head->order;
	report->nr_pages = head->nr_pages;
	report->pins = pins;
	if (!owner_ops(m, owner))
		return;
	report->owner = owner;
	text_copy(report->owner_name, sizeof(report->owner_name),
		  m->owners[owner].name);
}

void owner_poisoned(struct mhp *m, const struct frame_head *head, uint64_t desc,
		    mhp_pfn_t bad_pfn)
{
	const struct mhp_owner_ops *ops = owner_ops(m, desc_owner(desc));

	if (ops && ops->poisoned)
		ops->poisoned(m->owners[desc_owner(desc)].ctx, m, head->pfn,
			      head->order, desc_cookie(desc), bad_pfn);
}

int mhp_owner_register(struct mhp *m, const struct mhp_owner_ops *ops,
		       void *ctx, uint16_t *owner)
{
	uint16_t i;
	int err;

	if (!ops || ops->size_bytes != sizeof(*ops) || !ops->name)
		return MHP_ERR_INVAL;
	err = mhp_lock(m);
	if (err)
		return err;
	err = MHP_ERR_NOSPC;
	for (i = OWNER_MEMMAP + 1; i < OWNER_MAX; i++) {
		if (m->owners[i].ops)
			continue;
		owner_store(m, i, ops, ctx);
		*owner = i;
		err = 0;
		break;
	}
	mhp_unlock(m);
	return err;
}

static bool owner_has_pages(struct mhp *m, uint16_t owner)
{
	struct mhp_block *blk = section_next_block(m, 0);

	for (; blk; blk = section_next_block(
			    m, blk->start_pfn + m->layout.block_pages)) {
		mhp_pfn_t pfn = blk->start_pfn;
		mhp_pfn_t end = pfn + m->layout.block_pages;
		struct frame_head head;

		if (!block_serves(block_status(blk)))
			continue;
		while (pfn < end && frame_next_head(m, blk, pfn, &head)) {
			if (desc_owner(mhp_port_load(head.desc)) == owner)
				return true;
			pfn = head.pfn + head.nr_pages;
		}
	}
	return false;
}

int mhp_owner_unregister(struct mhp *m, uint16_t owner)
{
	int err;

	if (owner <= OWNER_MEMMAP || owner >= OWNER_MAX)
		return MHP_ERR_NOENT;
	err = mhp_lock(m);
	if (err)
		return err;
	grace_wait(m);
	if (!m->owners[owner].ops)
		err = MHP_ERR_NOENT;
	else if (m->nr_steps || owner_has_pages(m, owner))
		err = MHP_ERR_BUSY;
	else
		owner_store(m, owner, NULL, NULL);
	/* Cursors remember whose requests are valid. */
	grace_forget(m);
	mhp_unlock(m);
	return err;
}

/* The descriptor of the allocation of that order at a page, and its length;
 * NULL if there is none. Inside a read-side section. */
static mhp_word_t *owner_desc(struct mhp *m, mhp_pfn_t pfn, unsigned int order,
			      uint64_t *nr_pages)
{
	struct mhp_block *blk = section_block(m, pfn);
	struct frame_head head;

	if (!blk || !block_serves(block_status(blk)) ||
	    !frame_next_head(m, blk, pfn, &head) || head.pfn != pfn ||
	    head.order != order)
		return NULL;
	*nr_pages = head.nr_pages;
	return head.desc;
}

/* Whether a page is the target of a move whose source says @desc. It may be
 * about to be moved on, if its block leaves too. */
static bool owner_is_target(struct mhp *m, mhp_pfn_t to_pfn, unsigned int order,
			    uint64_t nr_pages, uint64_t desc)
{
	uint64_t nr_to;
	mhp_word_t *to = owner_desc(m, to_pfn, order, &nr_to);

	return to && nr_to == nr_pages &&
	       (mhp_port_load(to) | DESC_MOVING) == desc;
}

/* Clear "moving" if such a move is in flight. Of a move that was made the
 * target is the owner's already, who may have freed it again: only its source
 * counts. */
static bool owner_end_move(struct mhp *m, mhp_pfn_t from_pfn, mhp_pfn_t to_pfn,
			   unsigned int order, bool moved, uint64_t *nr_pages)
{
	mhp_word_t *from = owner_desc(m, from_pfn, order, nr_pages);
	uint64_t desc;

	if (!from || from_pfn == to_pfn)
		return false;
	desc = mhp_port_load(from);
	if (!(desc & DESC_MOVING) ||
	    (!moved && !owner_is_target(m, to_pfn, order, *nr_pages, desc)))
		return false;
	return mhp_port_cas(from, &desc, desc & ~DESC_MOVING);
}

int mhp_move_complete(struct mhp *m, mhp_pfn_t from_pfn, mhp_pfn_t to_pfn,
		      unsigned int order, bool moved)
{
	uint64_t nr_pages = 0;
	bool gated, ended;

	mhp_port_read_lock();
	gated = gate_enter(m);
	ended = owner_end_move(m, from_pfn, to_pfn, order, moved, &nr_pages);
	gate_leave(m, gated);
	mhp_port_read_unlock();
	if (!ended)
		return MHP_ERR_INVAL;
	if (moved)
		mhp_port_add(&m->counters.nr_pages_moved, nr_pages);
	return frame_free_head(m, moved ? from_pfn : to_pfn, nr_pages);
}
