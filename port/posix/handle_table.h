/* SPDX-License-Identifier: MIT */
/*
 * The table of handles: 16 bytes each, lock-free.
 *
 *   word, while it is live
 *   63       28 27    12 11         3    2      1      0
 *   [ pfn      ][ pins  ][generation][WAIT][MOVING][LIVE]
 *
 *   word, while it is not: bits 63-28 are the index + 1 of the next free entry
 *
 *   life
 *   63            32 31    9    8   7      0
 *   [ generation    ][ 0    ][LOST][ order ]
 *
 * A handle is (generation << 32 | index). The generation of an entry grows when
 * it is freed; its low bits stand in the word too, so that a compare-and-swap
 * rarely meets another life of the entry than the one it means.
 *
 * Rules, and why they are enough; "word" is always changed by compare-and-swap
 * while it is live, and only by whoever took the entry while it is not:
 * 1. life does not change while the word is live, but for LOST. It is written
 *    before the word becomes live (release) and after it ceased to be (by who
 *    did that).
 * 2. Pin: pins + 1 in a word that is live and not MOVING; then life is
 *    read again. If it is another life's, the pin is undone. So who has a pin
 *    has it on the life that the handle names.
 * 3. A word with pins != 0 does not cease to be live and its pfn does not
 *    change. By 2 and 3 the pointer that pinning gives is good until unpinning.
 * 4. Free: pin (so the life is right, 2), then from exactly one pin and not
 *    MOVING to not live, in one step. If somebody else has a pin, that step
 *    fails and the pin is undone. Only then is the page freed.
 * 5. Move: MOVING is set in a word that is live, not MOVING and has the page
 *    that shall move. From then on nobody frees and nobody pins anew while
 *    MOVING is set (2, 4), so when the pins are 0 nobody writes to the page.
 *    The mover copies, and in one step, from a word that still is MOVING and
 *    has the page, writes the new pfn and clears MOVING. If the pins do not
 *    become 0 in time, it only clears MOVING.
 *    Small handles of one step are claimed, copied and released together: each
 *    by these rules, with one fence for all.
 * 6. A page and the entry that has it agree when somebody moves it: the entry
 *    is live after its page was allocated and not live before it is freed, so a
 *    page that is just being allocated or freed is found in no live word: it
 *    does not move (MHP_ERR_AGAIN), and the next look finds it settled.
 * 7. Who finds MOVING waits: sets WAIT, spins, then sleeps on the low half of
 *    the word. The step that clears MOVING wakes everybody if WAIT was set, and
 *    clears that too if it moved; else the next pin does (10).
 * 8. Who has waited HOLD_NS clears MOVING himself: a mover that lost its
 *    processor holds nobody up. Its last step (5) fails then, and what it has
 *    copied, torn perhaps, is thrown away with the target. It cannot be fooled
 *    by a word that is MOVING again with the same page: the engine has one
 *    mover for a page, and a page that is freed in memory that leaves is not
 *    allocated again.
 *
 * 9. LOST is set by compare-and-swap in a life that was read before the word
 *    was seen to be live and to have the broken page. If the entry was freed
 *    since, the generation has changed and it fails. If it has moved, what was
 *    copied is lost just as well.
 * 10. A mover copies in extents. Before each but the first it looks at the
 *    word: if somebody waits (WAIT), it clears MOVING without a new pfn, and
 *    the copy is thrown away with the target. WAIT stays then, and nobody sets
 *    MOVING, until somebody has pinned the handle: the mover is back before
 *    who waited has woken up. So who waits does so for one extent at most. A
 *    handle that is larger than an extent moves when nobody wants it for as
 *    long as all of it takes.
 *
 * By 7 and 8 pinning twice in one thread cannot deadlock: the mover gives up,
 * or is made to.
 *
 * Pins need no read-side section: the table stays as long as the instance, and
 * memory with a pinned page cannot leave.
 *
 * Free entries are in stacks, one for a few threads each; the head has a tag
 * that changes with every pop, so that a pop does not mistake an entry that
 * went and came back.
 */
#ifndef MHP_POSIX_HANDLE_TABLE_H
#define MHP_POSIX_HANDLE_TABLE_H

#include "mhp/port.h"
#include "mhp/types.h"

#define HANDLE_LIVE (UINT64_C(1) << 0)
#define HANDLE_MOVING (UINT64_C(1) << 1)
#define HANDLE_WAIT (UINT64_C(1) << 2)
#define HANDLE_GEN_SHIFT 3
#define HANDLE_GEN_MASK (UINT64_C(0x1ff) << HANDLE_GEN_SHIFT)
#define HANDLE_PIN_SHIFT 12
#define HANDLE_PIN (UINT64_C(1) << HANDLE_PIN_SHIFT)
#define HANDLE_PIN_MASK (UINT64_C(0xffff) << HANDLE_PIN_SHIFT)
#define HANDLE_PFN_SHIFT 28
#define HANDLE_PFN_BITS (64 - HANDLE_PFN_SHIFT)

/* In life: a page of it broke, the content is lost. */
#define HANDLE_LOST (UINT64_C(1) << 8)

#define HANDLE_FREE_STACKS 8

struct mhp_posix;

struct mhp_handle_entry {
	mhp_word_t word;
	mhp_word_t life;
};

struct mhp_handle_stack {
	mhp_word_t head; /* tag << 32 | index + 1 of the first; 0: empty */
} __attribute__((aligned(64)));

struct mhp_handle_table {
	struct mhp_handle_entry *entries;
	uint64_t max_entries;
	uint64_t size_bytes; /* of the reservation */
	struct mhp_handle_stack stacks[HANDLE_FREE_STACKS];
	mhp_word_t nr_entries; /* ever used; grows */
	/* since open */
	mhp_word_t nr_moves __attribute__((aligned(64)));
	mhp_word_t nr_moves_pinned;
	mhp_word_t nr_moves_broken;
	mhp_word_t nr_moves_yielded;
	mhp_word_t bytes_moved;
	mhp_word_t move_ns;
	mhp_word_t nr_holds;
	mhp_word_t longest_hold_ns;
};

static inline uint32_t handle_pins(uint64_t word)
{
	return (uint32_t)((word & HANDLE_PIN_MASK) >> HANDLE_PIN_SHIFT);
}

static inline mhp_pfn_t handle_pfn(uint64_t word)
{
	return word >> HANDLE_PFN_SHIFT;
}

/** handle_gen_bits() - of a generation, where the word has them */
static inline uint64_t handle_gen_bits(uint32_t generation)
{
	return (uint64_t)generation << HANDLE_GEN_SHIFT & HANDLE_GEN_MASK;
}

static inline uint32_t handle_life_generation(uint64_t life)
{
	return (uint32_t)(life >> 32);
}

static inline unsigned int handle_life_order(uint64_t life)
{
	return (unsigned int)(life & 0xff);
}

/** mhp_handle_hold() - wait until the word is not MOVING; the word then */
uint64_t mhp_handle_hold(struct mhp_posix *p, struct mhp_handle_entry *entry);

/** mhp_handle_owner - the callbacks of the owner of all handles, move.c */
extern const struct mhp_owner_ops mhp_handle_owner;

#endif
