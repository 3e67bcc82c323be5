/* SPDX-License-Identifier: MIT */
/*
 * How a handle moves, and how others wait for it: the owner callbacks that the
 * engine calls when a memory block leaves. Rules 5 to 7 of handle_table.h.
 *
 * A handle that is pinned for a moment is waited for, DRAIN_NS at most, and
 * meanwhile nobody pins it anew: a handle that two threads pin in turn would
 * never be found unpinned otherwise. One that stays pinned is refused and moves
 * when it is unpinned, if the engine asks again.
 *
 * What it does not do: choose the target (the engine did) or populate it (its
 * allocation did).
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "posix_internal.h"

/* A pin that lasts longer counts as in use. */
#define DRAIN_NS UINT64_C(200000)
/* Looks at a word before the thread gives up its processor. */
#define SPINS 100

/* The half of the word that has MOVING; futexes are 32 bits. */
static uint32_t *word_half(mhp_word_t *word)
{
	uint32_t *halves = (uint32_t *)&word->value;

	return &halves[__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__];
}

static void word_sleep(mhp_word_t *word, uint64_t seen)
{
	syscall(SYS_futex, word_half(word), FUTEX_WAIT_PRIVATE, (uint32_t)seen,
		NULL, NULL, 0);
}

static void word_wake(mhp_word_t *word)
{
	syscall(SYS_futex, word_half(word), FUTEX_WAKE_PRIVATE, INT_MAX, NULL,
		NULL, 0);
}

static void hold_record(struct mhp_posix *p, uint64_t start_ns)
{
	struct mhp_handle_table *table = &p->handles;
	uint64_t held = mhp_hosted_now_ns() - start_ns;
	uint64_t longest = mhp_port_load(&table->longest_hold_ns);

	mhp_port_add(&table->nr_holds, 1);
	while (held > longest &&
	       !mhp_port_cas(&table->longest_hold_ns, &longest, held))
		;
}

/* Rule 7. */
uint64_t mhp_handle_hold(struct mhp_posix *p, struct mhp_handle_entry *entry)
{
	uint64_t start_ns = mhp_hosted_now_ns();
	uint64_t word = mhp_port_load_acquire(&entry->word);

	for (unsigned int i = 0; i < SPINS && word & HANDLE_MOVING; i++) {
		mhp_port_relax();
		word = mhp_port_load_acquire(&entry->word);
	}
	while (word & HANDLE_MOVING) {
		if (word & HANDLE_WAIT)
			word_sleep(&entry->word, word);
		else if (mhp_port_cas(&entry->word, &word, word | HANDLE_WAIT))
			word_sleep(&entry->word, word | HANDLE_WAIT);
		word = mhp_port_load_acquire(&entry->word);
	}
	hold_record(p, start_ns);
	return word;
}

/* Whether a live handle has the page. */
static bool word_has(uint64_t word, mhp_pfn_t pfn)
{
	return word & HANDLE_LIVE && handle_pfn(word) == pfn;
}

/* Sets MOVING if the entry has the page; whether it did. */
static bool move_claim(struct mhp_handle_entry *entry, mhp_pfn_t pfn)
{
	uint64_t word = mhp_port_load_acquire(&entry->word);

	do {
		if (!word_has(word, pfn) || word & HANDLE_MOVING)
			return false;
	} while (!mhp_port_cas(&entry->word, &word, word | HANDLE_MOVING));
	return true;
}

/* Clears MOVING; the handle has @pfn from now on, which may be as before. */
static void move_release(struct mhp_handle_entry *entry, mhp_pfn_t pfn)
{
	const uint64_t stays = HANDLE_LIVE | HANDLE_GEN_MASK | HANDLE_PIN_MASK;
	uint64_t word = mhp_port_load(&entry->word);

	while (!mhp_port_cas(&entry->word, &word,
			     (word & stays) | pfn << HANDLE_PFN_SHIFT))
		;
	if (word & HANDLE_WAIT)
		word_wake(&entry->word);
}

/* Waits for those who had pinned it before MOVING; whether all are gone. */
static bool move_drain(struct mhp_handle_entry *entry)
{
	uint64_t deadline_ns = 0;
	unsigned int looks = 0;

	while (mhp_port_load_acquire(&entry->word) & HANDLE_PIN_MASK) {
		if (!deadline_ns)
			deadline_ns = mhp_hosted_now_ns() + DRAIN_NS;
		if (mhp_hosted_now_ns() > deadline_ns)
			return false;
		if (++looks < SPINS)
			mhp_port_relax();
		else
			sched_yield();
	}
	return true;
}

static void move_copy(struct mhp_posix *p, const struct mhp_move *move)
{
	uint64_t size_bytes = mhp_page_bytes(&p->geometry) << move->order;
	uint64_t start_ns = mhp_hosted_now_ns();
	struct mhp_handle_table *table = &p->handles;

	mhp_posix_copy(mhp_posix_address(p, move->to_pfn),
		       mhp_posix_address(p, move->from_pfn),
		       (size_t)size_bytes);
	mhp_port_add(&table->move_ns, mhp_hosted_now_ns() - start_ns);
	mhp_port_add(&table->bytes_moved, size_bytes);
	mhp_port_add(&table->nr_moves, 1);
}

static struct mhp_handle_entry *entry_of(struct mhp_posix *p, uint64_t cookie)
{
	if (cookie >= mhp_port_load_acquire(&p->handles.nr_entries))
		return NULL;
	return &p->handles.entries[cookie];
}

/* Rules 5 and 6. */
static int handle_move(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	struct mhp_posix *p = ctx;
	struct mhp_handle_entry *entry = entry_of(p, move->cookie);
	unsigned int order;

	(void)m;
	if (!entry || !move_claim(entry, move->from_pfn))
		return MHP_ERR_AGAIN;
	order = handle_life_order(mhp_port_load_acquire(&entry->life));
	if (order != move->order) {
		move_release(entry, move->from_pfn);
		return MHP_ERR_AGAIN;
	}
	if (!move_drain(entry)) {
		move_release(entry, move->from_pfn);
		mhp_port_add(&p->handles.nr_moves_pinned, 1);
		return MHP_ERR_BUSY;
	}
	move_copy(p, move);
	move_release(entry, move->to_pfn);
	return 0;
}

static uint32_t handle_count_pins(void *ctx, struct mhp *m, mhp_pfn_t pfn,
				  unsigned int order, uint64_t cookie)
{
	struct mhp_handle_entry *entry = entry_of(ctx, cookie);
	uint64_t word;

	(void)m;
	(void)order;
	if (!entry)
		return 0;
	word = mhp_port_load_acquire(&entry->word);
	return word_has(word, pfn) ? handle_pins(word) : 0;
}

const struct mhp_owner_ops mhp_handle_owner = {
	.size_bytes = sizeof(mhp_handle_owner),
	.name = "handles",
	.move = handle_move,
	.pins = handle_count_pins,
};
