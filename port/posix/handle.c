/* SPDX-License-Identifier: MIT */
/*
 * Handles: movable memory for programs. Allocate, pin, unpin, free, look.
 *
 * The rules that make it right without a lock are in handle_table.h; what moves
 * is in move.c. Here is who calls from outside: every call checks the handle
 * against its entry's life first, so that a handle that was freed, or never
 * was, is an error and not a fault.
 *
 * What it does not do: keep allocations of a program from each other. Whoever
 * has the number of a handle may use it.
 */
#include <sys/mman.h>

#include "posix_internal.h"

static struct mhp_handle_entry *entry_at(struct mhp_posix *p, uint32_t index)
{
	return &p->handles.entries[index];
}

static uint32_t handle_generation(mhp_handle_t handle)
{
	return (uint32_t)(handle >> 32);
}

/* The entry of a handle, if there ever was one of that index. */
static struct mhp_handle_entry *entry_find(struct mhp_posix *p,
					   mhp_handle_t handle)
{
	uint32_t index = (uint32_t)handle;

	if (index >= mhp_port_load_acquire(&p->handles.nr_entries))
		return NULL;
	return entry_at(p, index);
}

/* Whether a word read from the entry is that of the handle's life. */
static bool entry_is(const struct mhp_handle_entry *entry, uint64_t word,
		     mhp_handle_t handle)
{
	uint64_t want = HANDLE_LIVE |
			handle_gen_bits(handle_generation(handle));

	return (word & (HANDLE_LIVE | HANDLE_GEN_MASK)) == want &&
	       handle_life_generation(mhp_port_load_acquire(&entry->life)) ==
		       handle_generation(handle);
}

static void entry_unpin(struct mhp_handle_entry *entry)
{
	uint64_t word = mhp_port_load(&entry->word);

	while (!mhp_port_cas(&entry->word, &word, word - HANDLE_PIN))
		;
}

/* Rule 2. The word with the pin, or 0 with the reason in @code. */
static uint64_t entry_pin(struct mhp_posix *p, struct mhp_handle_entry *entry,
			  mhp_handle_t handle, int *code)
{
	uint64_t word = mhp_port_load_acquire(&entry->word);

	*code = MHP_ERR_NOENT;
	for (;;) {
		if (!entry_is(entry, word, handle))
			return 0;
		if (MHP_HOSTED_UNLIKELY(word & HANDLE_MOVING)) {
			word = mhp_handle_hold(p, entry);
			continue;
		}
		if ((word & HANDLE_PIN_MASK) == HANDLE_PIN_MASK) {
			/* Rule 10: nobody waits for this any more. */
			if (word & HANDLE_WAIT &&
			    !mhp_port_cas(&entry->word, &word,
					  word & ~HANDLE_WAIT))
				continue;
			*code = MHP_ERR_BUSY;
			return 0;
		}
		if (mhp_port_cas(&entry->word, &word,
				 (word & ~HANDLE_WAIT) + HANDLE_PIN))
			break;
	}
	word = (word & ~HANDLE_WAIT) + HANDLE_PIN;
	if (MHP_HOSTED_LIKELY(handle_life_generation(
				      mhp_port_load_acquire(&entry->life)) ==
			      handle_generation(handle)))
		return word;
	entry_unpin(entry);
	return 0;
}

/* Free entries: stacks, and the part of the table that was never used. */

static struct mhp_handle_stack *stack_mine(struct mhp_posix *p,
					   unsigned int distance)
{
	unsigned int mine = mhp_port_cpu() + distance;

	return &p->handles.stacks[mine % HANDLE_FREE_STACKS];
}

static void stack_push(struct mhp_posix *p, uint32_t index)
{
	struct mhp_handle_stack *stack = stack_mine(p, 0);
	struct mhp_handle_entry *entry = entry_at(p, index);
	uint64_t head = mhp_port_load(&stack->head);
	uint64_t top;

	do {
		mhp_port_store(&entry->word, (head & UINT32_MAX)
						     << HANDLE_PFN_SHIFT);
		top = (head & ~(uint64_t)UINT32_MAX) | (index + UINT64_C(1));
	} while (!mhp_port_cas(&stack->head, &head, top));
}

/* Index + 1 of an entry that is the caller's now; 0: the stack is empty. */
static uint64_t stack_pop(struct mhp_posix *p, struct mhp_handle_stack *stack)
{
	uint64_t head = mhp_port_load_acquire(&stack->head);
	uint64_t first, next, tag;

	do {
		first = head & UINT32_MAX;
		if (!first)
			return 0;
		/* It may be taken and live by now; then the tag has changed. */
		next = mhp_port_load(&entry_at(p, (uint32_t)(first - 1))->word);
		next = next >> HANDLE_PFN_SHIFT & UINT32_MAX;
		tag = (head >> 32) + 1;
	} while (!mhp_port_cas(&stack->head, &head, tag << 32 | next));
	return first;
}

static uint64_t entry_fresh(struct mhp_posix *p)
{
	uint64_t nr = mhp_port_load(&p->handles.nr_entries);

	do {
		if (nr >= p->handles.max_entries)
			return 0;
	} while (!mhp_port_cas(&p->handles.nr_entries, &nr, nr + 1));
	mhp_port_store(&entry_at(p, (uint32_t)nr)->life, UINT64_C(1) << 32);
	return nr + 1;
}

/* Index + 1 of an entry that is the caller's and not live; 0: none is left. */
static uint64_t entry_take(struct mhp_posix *p)
{
	uint64_t taken = 0;

	for (unsigned int i = 0; i < HANDLE_FREE_STACKS && !taken; i++)
		taken = stack_pop(p, stack_mine(p, i));
	return taken ? taken : entry_fresh(p);
}

static int request_make(const struct mhp_posix *p, uint64_t size_bytes,
			uint32_t flags, struct mhp_request *request)
{
	unsigned int node_plus_1 = flags >> 16;
	unsigned int order = 0;

	if (!size_bytes || flags & 0xffff & ~MHP_HANDLE_ZERO ||
	    node_plus_1 > p->geometry.nr_nodes)
		return MHP_ERR_INVAL;
	while (mhp_bytes_from_pages(&p->geometry, UINT64_C(1) << order) <
	       size_bytes) {
		if (++order > mhp_pageblock_order(&p->geometry))
			return MHP_ERR_INVAL;
	}
	*request = (struct mhp_request){
		.size_bytes = sizeof(*request),
		.order = (uint8_t)order,
		.mobility = MHP_MOVABLE,
		.node_plus_1 = (uint16_t)node_plus_1,
		.owner = p->owner,
	};
	return 0;
}

int mhp_handle_alloc(struct mhp_posix *p, uint64_t size_bytes, uint32_t flags,
		     mhp_handle_t *handle)
{
	struct mhp_handle_entry *entry;
	struct mhp_request request;
	uint32_t generation, index;
	uint64_t taken;
	mhp_pfn_t pfn;
	int err;

	err = request_make(p, size_bytes, flags, &request);
	if (err)
		return err;
	taken = entry_take(p);
	if (!taken)
		return MHP_ERR_NOSPC;
	index = (uint32_t)(taken - 1);
	entry = entry_at(p, index);
	request.cookie = index;
	err = mhp_frame_alloc(p->mhp, &request, &pfn);
	if (err) {
		stack_push(p, index);
		return err;
	}
	if (flags & MHP_HANDLE_ZERO)
		mhp_posix_zero(mhp_posix_address(p, pfn),
			       mhp_page_bytes(&p->geometry) << request.order);
	/* Rules 1 and 6: life and page first, then live. */
	generation = handle_life_generation(
		mhp_port_load_acquire(&entry->life));
	mhp_port_store_release(&entry->life,
			       (uint64_t)generation << 32 | request.order);
	mhp_port_store_release(&entry->word,
			       pfn << HANDLE_PFN_SHIFT |
				       handle_gen_bits(generation) |
				       HANDLE_LIVE);
	*handle = (uint64_t)generation << 32 | index;
	return 0;
}

void *mhp_handle_pin(struct mhp_posix *p, mhp_handle_t handle)
{
	struct mhp_handle_entry *entry = entry_find(p, handle);
	uint64_t word;
	int code;

	word = entry ? entry_pin(p, entry, handle, &code) : 0;
	if (!word)
		return NULL;
	if (MHP_HOSTED_LIKELY(
		    !(mhp_port_load_acquire(&entry->life) & HANDLE_LOST)))
		return mhp_posix_address(p, handle_pfn(word));
	entry_unpin(entry);
	return NULL;
}

int mhp_handle_unpin(struct mhp_posix *p, mhp_handle_t handle)
{
	struct mhp_handle_entry *entry = entry_find(p, handle);
	uint64_t word;

	if (!entry)
		return MHP_ERR_NOENT;
	word = mhp_port_load_acquire(&entry->word);
	do {
		if (!entry_is(entry, word, handle))
			return MHP_ERR_NOENT;
		if (!(word & HANDLE_PIN_MASK))
			return MHP_ERR_INVAL;
	} while (!mhp_port_cas(&entry->word, &word, word - HANDLE_PIN));
	return 0;
}

/* Rule 4. */
static int entry_kill(struct mhp_posix *p, struct mhp_handle_entry *entry,
		      mhp_handle_t handle, mhp_pfn_t *pfn)
{
	uint64_t word;
	int code;

	for (;;) {
		word = entry_pin(p, entry, handle, &code);
		if (!word)
			return code;
		if ((word & HANDLE_PIN_MASK) == HANDLE_PIN &&
		    mhp_port_cas(&entry->word, &word, 0))
			break;
		entry_unpin(entry);
		/* Somebody else's pin, or a move that just began? */
		if (!(word & HANDLE_MOVING))
			return MHP_ERR_BUSY;
	}
	*pfn = handle_pfn(word);
	return 0;
}

int mhp_handle_free(struct mhp_posix *p, mhp_handle_t handle)
{
	struct mhp_handle_entry *entry = entry_find(p, handle);
	unsigned int order;
	uint32_t generation;
	mhp_pfn_t pfn = 0;
	uint64_t life;
	int err;

	if (!entry)
		return MHP_ERR_NOENT;
	err = entry_kill(p, entry, handle, &pfn);
	if (err)
		return err;
	life = mhp_port_load_acquire(&entry->life);
	order = handle_life_order(life);
	generation = handle_life_generation(life) + 1;
	/* 0 would make MHP_HANDLE_NONE a handle. */
	mhp_port_store_release(&entry->life,
			       (uint64_t)(generation ? generation : 1) << 32);
	err = mhp_frame_free(p->mhp, pfn, order);
	stack_push(p, (uint32_t)handle);
	return err;
}

int mhp_handle_query(struct mhp_posix *p, mhp_handle_t handle,
		     struct mhp_handle_info *info)
{
	struct mhp_handle_entry *entry = entry_find(p, handle);
	uint64_t word, life;

	if (!entry)
		return MHP_ERR_NOENT;
	life = mhp_port_load_acquire(&entry->life);
	word = mhp_port_load_acquire(&entry->word);
	if (!entry_is(entry, word, handle))
		return MHP_ERR_NOENT;
	*info = (struct mhp_handle_info){
		.size_bytes = mhp_page_bytes(&p->geometry)
			      << handle_life_order(life),
		.lost = life & HANDLE_LOST,
		.pfn = handle_pfn(word),
		.pins = handle_pins(word),
	};
	return 0;
}

int mhp_posix_handles_open(struct mhp_posix *p)
{
	struct mhp_handle_table *table = &p->handles;
	uint64_t max = mhp_pages_from_bytes(&p->geometry, p->linear.size_bytes);
	void *map;
	int err;

	/* A handle is a page at least; index + 1 has to fit in 32 bits. */
	table->max_entries = max < UINT32_MAX ? max : UINT32_MAX - 1;
	table->size_bytes = table->max_entries * sizeof(*table->entries);
	err = mhp_posix_fails(p);
	if (err)
		return err;
	map = mmap(NULL, table->size_bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return mhp_posix_system(p,
					"no address space for handles: use a "
					"smaller span");
	table->entries = map;
	return mhp_owner_register(p->mhp, &mhp_handle_owner, p, &p->owner);
}

void mhp_posix_handles_close(struct mhp_posix *p)
{
	if (p->handles.entries)
		munmap(p->handles.entries, p->handles.size_bytes);
}

void mhp_posix_handles_stat(struct mhp_posix *p, struct mhp_posix_stat *stat)
{
	struct mhp_handle_table *table = &p->handles;
	uint64_t nr = mhp_port_load_acquire(&table->nr_entries);
	uint64_t used = nr * sizeof(*table->entries);
	uint64_t page = p->host_page_bytes;

	stat->handle_bytes = (used + page - 1) / page * page;
	for (uint64_t i = 0; i < nr; i++)
		stat->nr_handles += mhp_port_load(&table->entries[i].word) &
				    HANDLE_LIVE;
	stat->nr_moves = mhp_port_load(&table->nr_moves);
	stat->nr_moves_pinned = mhp_port_load(&table->nr_moves_pinned);
	stat->nr_moves_broken = mhp_port_load(&table->nr_moves_broken);
	stat->nr_moves_yielded = mhp_port_load(&table->nr_moves_yielded);
	stat->bytes_moved = mhp_port_load(&table->bytes_moved);
	stat->move_ns = mhp_port_load(&table->move_ns);
	stat->nr_holds = mhp_port_load(&table->nr_holds);
	stat->longest_hold_ns = mhp_port_load(&table->longest_hold_ns);
}
