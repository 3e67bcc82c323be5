/* SPDX-License-Identifier: MIT */
/*
 * How a handle moves, and how others wait for it: the owner callbacks that the
 * engine calls when a memory block leaves. Rules 5 to 8 of handle_table.h.
 *
 * A handle that is pinned for a moment is waited for, DRAIN_NS at most, and
 * meanwhile nobody pins it anew: a handle that two threads pin in turn would
 * never be found unpinned otherwise. One that stays pinned is refused and moves
 * when it is unpinned, if the engine asks again.
 *
 * Nobody waits for more than the copy of one extent, and DRAIN_WAITED_NS before
 * it if others have the handle pinned: before each further extent the mover
 * looks whether somebody waits, and gives the move up for him (rule 10), as it
 * does when the operation is late or cancelled. What several small handles need
 * together is no more than an extent. A mover that takes too long all the same,
 * because the system gave its processor to somebody else, is overtaken: whoever
 * needs the handle goes on, and the move is tried again later.
 *
 * What it does not do: choose the target (the engine did) or populate it (its
 * allocation did).
 */
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "posix_internal.h"

/* A pin that lasts longer counts as in use. */
#define DRAIN_NS UINT64_C(200000)
/* The same if somebody waits to pin it: about the time of an extent. */
#define DRAIN_WAITED_NS UINT64_C(20000)
/* Longer than a drain and the copy of an extent. */
#define HOLD_NS UINT64_C(500000)
/* What is copied between two looks at who waits, and at the deadline. */
#define EXTENT_BYTES UINT64_C(262144)
/* Who waits does not sleep for so long: an extent is copied sooner than a
 * processor wakes up. */
#define AWAKE_NS UINT64_C(50000)
/* Looks at a word before the thread gives up its processor. */
#define SPINS 100

/* The half of the word that has MOVING; futexes are 32 bits. */
static uint32_t *word_half(mhp_word_t *word)
{
	uint32_t *halves = (uint32_t *)&word->value;

	return &halves[__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__];
}

static void word_sleep(mhp_word_t *word, uint64_t seen, uint64_t ns)
{
	const struct timespec most = {.tv_nsec = (long)ns};

	syscall(SYS_futex, word_half(word), FUTEX_WAIT_PRIVATE, (uint32_t)seen,
		&most, NULL, 0);
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

/* Rule 8. Whether it was us who ended it; @word receives what was found. */
static bool hold_break(struct mhp_posix *p, struct mhp_handle_entry *entry,
		       uint64_t *word)
{
	uint64_t moving = *word;

	*word = moving & ~(HANDLE_MOVING | HANDLE_WAIT);
	if (!mhp_port_cas(&entry->word, &moving, *word)) {
		*word = moving;
		return false;
	}
	if (moving & HANDLE_WAIT)
		word_wake(&entry->word);
	mhp_port_add(&p->handles.nr_moves_broken, 1);
	return true;
}

/* Rule 7. Says that it wants to pin, and waits a while; the word after that. */
static uint64_t hold_wait(struct mhp_handle_entry *entry, uint64_t word,
			  uint64_t waited_ns)
{
	if (!(word & HANDLE_WAIT) &&
	    !mhp_port_cas(&entry->word, &word, word | HANDLE_WAIT))
		return word;
	if (waited_ns < AWAKE_NS)
		mhp_port_relax();
	else
		word_sleep(&entry->word, word | HANDLE_WAIT,
			   HOLD_NS - waited_ns);
	return mhp_port_load_acquire(&entry->word);
}

uint64_t mhp_handle_hold(struct mhp_posix *p, struct mhp_handle_entry *entry)
{
	uint64_t start_ns = mhp_hosted_now_ns();
	uint64_t word = mhp_port_load_acquire(&entry->word);
	uint64_t waited_ns;

	while (word & HANDLE_MOVING) {
		waited_ns = mhp_hosted_now_ns() - start_ns;
		if (waited_ns < HOLD_NS)
			word = hold_wait(entry, word, waited_ns);
		else if (hold_break(p, entry, &word))
			break;
	}
	hold_record(p, start_ns);
	return word;
}

/* Whether a live handle has the page. */
static bool word_has(uint64_t word, mhp_pfn_t pfn)
{
	return word & HANDLE_LIVE && handle_pfn(word) == pfn;
}

/* Sets MOVING if the entry has the page, and nobody is to pin it first (rule
 * 10); whether it did. */
static bool move_claim(struct mhp_handle_entry *entry, mhp_pfn_t pfn)
{
	uint64_t word = mhp_port_load_acquire(&entry->word);

	do {
		if (!word_has(word, pfn) ||
		    word & (HANDLE_MOVING | HANDLE_WAIT))
			return false;
	} while (!mhp_port_cas(&entry->word, &word, word | HANDLE_MOVING));
	return true;
}

/* Whether a word is one that moves from the page. */
static bool word_moves(uint64_t word, mhp_pfn_t pfn)
{
	return word_has(word, pfn) && word & HANDLE_MOVING;
}

/*
 * Clears MOVING; the handle has @to_pfn from now on, which may be as before:
 * then WAIT stays for who waits (rule 10). Whether it still was MOVING (rule
 * 8).
 */
static bool move_release(struct mhp_handle_entry *entry, mhp_pfn_t from_pfn,
			 mhp_pfn_t to_pfn)
{
	const uint64_t stays = HANDLE_LIVE | HANDLE_GEN_MASK | HANDLE_PIN_MASK |
			       (from_pfn == to_pfn ? HANDLE_WAIT : 0);
	uint64_t word = mhp_port_load(&entry->word);

	do {
		if (!word_moves(word, from_pfn))
			return false;
	} while (!mhp_port_cas(&entry->word, &word,
			       (word & stays) | to_pfn << HANDLE_PFN_SHIFT));
	if (word & HANDLE_WAIT)
		word_wake(&entry->word);
	return true;
}

/* Waits for those who pinned it before MOVING: 0, or why it does not move. */
static int move_drain(struct mhp_handle_entry *entry, mhp_pfn_t pfn)
{
	uint64_t word = mhp_port_load_acquire(&entry->word);
	uint64_t start_ns;

	/* Nearly always; a look at the clock would be a tenth of the move. */
	if (word_moves(word, pfn) && !(word & HANDLE_PIN_MASK))
		return 0;
	start_ns = mhp_hosted_now_ns();
	for (unsigned int looks = 0; word_moves(word, pfn); looks++) {
		if (!(word & HANDLE_PIN_MASK))
			return 0;
		if (mhp_hosted_now_ns() - start_ns >
		    (word & HANDLE_WAIT ? DRAIN_WAITED_NS : DRAIN_NS))
			return MHP_ERR_BUSY;
		if (looks < SPINS)
			mhp_port_relax();
		else
			sched_yield();
		word = mhp_port_load_acquire(&entry->word);
	}
	return MHP_ERR_AGAIN;
}

static uint64_t move_bytes(const struct mhp_posix *p,
			   const struct mhp_move *move)
{
	return mhp_bytes_from_pages(&p->geometry, move->nr_pages);
}

static void move_count(struct mhp_posix *p, uint64_t nr, uint64_t size_bytes,
		       uint64_t start_ns)
{
	struct mhp_handle_table *table = &p->handles;

	mhp_port_add(&table->move_ns, mhp_hosted_now_ns() - start_ns);
	mhp_port_add(&table->bytes_moved, size_bytes);
	mhp_port_add(&table->nr_moves, nr);
}

/* Rule 10: whether to go on after an extent. */
static bool move_goes_on(struct mhp_posix *p, struct mhp *m,
			 struct mhp_handle_entry *entry,
			 const struct mhp_move *move)
{
	uint64_t word = mhp_port_load_acquire(&entry->word);

	if (!word_moves(word, move->from_pfn) || mhp_move_expired(m, move))
		return false;
	if (!(word & HANDLE_WAIT))
		return true;
	mhp_port_add(&p->handles.nr_moves_yielded, 1);
	return false;
}

/* Extent by extent; whether all was copied. */
static bool move_copy_extents(struct mhp_posix *p, struct mhp *m,
			      struct mhp_handle_entry *entry,
			      const struct mhp_move *move)
{
	const uint8_t *from = mhp_posix_address(p, move->from_pfn);
	uint8_t *to = mhp_posix_address(p, move->to_pfn);
	uint64_t rest = move_bytes(p, move);

	for (; rest > EXTENT_BYTES; rest -= EXTENT_BYTES) {
		mhp_posix_copy(to, from, EXTENT_BYTES, from + EXTENT_BYTES);
		from += EXTENT_BYTES;
		to += EXTENT_BYTES;
		mhp_posix_copied(p);
		if (!move_goes_on(p, m, entry, move))
			return false;
	}
	mhp_posix_copy(to, from, (size_t)rest, NULL);
	return true;
}

/* Copies and has the handle use the copy: 0, or MHP_ERR_AGAIN (rules 8, 10). */
static int move_finish(struct mhp_posix *p, struct mhp *m,
		       struct mhp_handle_entry *entry,
		       const struct mhp_move *move)
{
	uint64_t start_ns = mhp_hosted_now_ns();
	bool copied = move_copy_extents(p, m, entry, move);

	mhp_posix_fence();
	if (!copied) {
		(void)move_release(entry, move->from_pfn, move->from_pfn);
		return MHP_ERR_AGAIN;
	}
	if (!move_release(entry, move->from_pfn, move->to_pfn))
		return MHP_ERR_AGAIN;
	move_count(p, 1, move_bytes(p, move), start_ns);
	return 0;
}

/* Whether the entry's life has the size that shall move (rule 1). */
static bool move_fits(const struct mhp_handle_entry *entry,
		      const struct mhp_move *move)
{
	uint64_t life = mhp_port_load_acquire(&entry->life);

	return handle_life_order(life) == move->order;
}

static struct mhp_handle_entry *entry_of(struct mhp_posix *p, uint64_t cookie)
{
	if (cookie >= mhp_port_load_acquire(&p->handles.nr_entries))
		return NULL;
	return &p->handles.entries[cookie];
}

/* Rules 5, 6 and 10. Whoever breaks the hold lets the engine try again. */
static int handle_move(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	struct mhp_posix *p = ctx;
	struct mhp_handle_entry *entry = entry_of(p, move->cookie);
	int err;

	if (!entry)
		return MHP_ERR_AGAIN;
	if (!move_claim(entry, move->from_pfn))
		return MHP_ERR_AGAIN;
	/* A page of that number may be of another size by now. */
	err = move_fits(entry, move) ? move_drain(entry, move->from_pfn)
				     : MHP_ERR_AGAIN;
	if (!err)
		return move_finish(p, m, entry, move);
	(void)move_release(entry, move->from_pfn, move->from_pfn);
	if (err == MHP_ERR_BUSY)
		mhp_port_add(&p->handles.nr_moves_pinned, 1);
	return err;
}

/*
 * Small handles are copied in one go, no more than an extent of them: a fence,
 * or any locked instruction, between two copies costs more than a page.
 */
struct many {
	const struct mhp_move *moves;
	unsigned int nr;
	uint64_t claimed; /* those that are ours, a bit each */
};

_Static_assert(MHP_OFFLINE_BATCH <= 64, "a set of moves is one word");

/* Rule 5, but nobody is waited for. */
static bool move_claim_now(struct mhp_handle_entry *entry,
			   const struct mhp_move *move)
{
	const uint64_t busy = HANDLE_PIN_MASK | HANDLE_MOVING | HANDLE_WAIT;
	uint64_t word = mhp_port_load_acquire(&entry->word);

	if (!word_has(word, move->from_pfn) || word & busy ||
	    !mhp_port_cas(&entry->word, &word, word | HANDLE_MOVING))
		return false;
	if (move_fits(entry, move))
		return true;
	(void)move_release(entry, move->from_pfn, move->from_pfn);
	return false;
}

/* The first page of what will be copied is on its way meanwhile. */
static void many_claim(struct mhp_posix *p, struct many *many)
{
	const struct mhp_move *moves = many->moves;
	const void *first = mhp_posix_address(p, moves->from_pfn);

	for (unsigned int i = 0; i < many->nr; i++) {
		struct mhp_handle_entry *entry = entry_of(p, moves[i].cookie);

		mhp_posix_fetch(first, i, many->nr);
		if (entry && move_claim_now(entry, &moves[i]))
			many->claimed |= UINT64_C(1) << i;
	}
}

static void many_copy(struct mhp_posix *p, const struct many *many)
{
	uint64_t rest = many->claimed;

	while (rest) {
		const struct mhp_move *move =
			&many->moves[__builtin_ctzll(rest)];
		const void *next = NULL;

		rest &= rest - 1;
		if (rest)
			next = mhp_posix_address(
				p, many->moves[__builtin_ctzll(rest)].from_pfn);
		mhp_posix_copy(mhp_posix_address(p, move->to_pfn),
			       mhp_posix_address(p, move->from_pfn),
			       (size_t)move_bytes(p, move), next);
		__builtin_prefetch(&p->handles.entries[move->cookie], 1);
	}
	mhp_posix_fence();
}

/* Who broke a hold lets the engine try again (rule 8). */
static void many_release(struct mhp_posix *p, const struct many *many,
			 uint64_t start_ns, int *codes)
{
	uint64_t rest, size_bytes = 0, nr = 0;

	for (rest = many->claimed; rest; rest &= rest - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(rest);
		const struct mhp_move *move = &many->moves[i];

		codes[i] = MHP_ERR_AGAIN;
		if (!move_release(&p->handles.entries[move->cookie],
				  move->from_pfn, move->to_pfn))
			continue;
		codes[i] = 0;
		size_bytes += move_bytes(p, move);
		nr++;
	}
	move_count(p, nr, size_bytes, start_ns);
}

/* Together what can be, one by one what has to be waited for. */
static void many_move(struct mhp_posix *p, struct mhp *m, struct many *many,
		      int *codes)
{
	uint64_t start_ns = mhp_hosted_now_ns();

	many_claim(p, many);
	if (many->claimed) {
		many_copy(p, many);
		mhp_posix_copied(p);
		many_release(p, many, start_ns, codes);
	}
	for (unsigned int i = 0; i < many->nr; i++)
		if (!(many->claimed >> i & 1))
			codes[i] = mhp_move_expired(m, &many->moves[i])
					   ? MHP_ERR_AGAIN
					   : handle_move(p, m, &many->moves[i]);
}

/* How many of @nr moves are no more than an extent together; their entries are
 * on the way. */
static unsigned int many_nr(struct mhp_posix *p, const struct mhp_move *moves,
			    unsigned int nr)
{
	uint64_t size_bytes = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		size_bytes += move_bytes(p, &moves[i]);
		if (size_bytes > EXTENT_BYTES)
			break;
		__builtin_prefetch(entry_of(p, moves[i].cookie), 1);
	}
	return i;
}

static void handle_move_many(void *ctx, struct mhp *m,
			     const struct mhp_move *moves, unsigned int nr,
			     int *codes)
{
	struct mhp_posix *p = ctx;

	while (nr) {
		struct many many = {.moves = moves,
				    .nr = many_nr(p, moves, nr)};

		if (many.nr) {
			many_move(p, m, &many, codes);
		} else {
			*codes = handle_move(p, m, moves);
			many.nr = 1;
		}
		moves += many.nr;
		codes += many.nr;
		nr -= many.nr;
	}
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

/* Rule 9. */
static void handle_poisoned(void *ctx, struct mhp *m, mhp_pfn_t pfn,
			    unsigned int order, uint64_t cookie,
			    mhp_pfn_t bad_pfn)
{
	struct mhp_handle_entry *entry = entry_of(ctx, cookie);
	uint64_t life;

	(void)m;
	(void)bad_pfn;
	if (!entry)
		return;
	life = mhp_port_load_acquire(&entry->life);
	if (handle_life_order(life) == order &&
	    word_has(mhp_port_load_acquire(&entry->word), pfn))
		(void)mhp_port_cas(&entry->life, &life, life | HANDLE_LOST);
}

const struct mhp_owner_ops mhp_handle_owner = {
	.size_bytes = sizeof(mhp_handle_owner),
	.name = "handles",
	.move = handle_move,
	.move_many = handle_move_many,
	.pins = handle_count_pins,
	.poisoned = handle_poisoned,
};
