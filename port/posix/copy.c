/* SPDX-License-Identifier: MIT */
/*
 * Copying and zeroing past the caches: memory that moves or leaves is not read
 * again soon, and a cache full of it would slow down those who work.
 *
 * Both take whole cache lines, aligned. What was copied is visible to others
 * only after mhp_posix_fence(), which costs as much as half a page: one for
 * several copies is better than one for each.
 *
 * A processor fetches ahead what is read in order, but not from one page into
 * another: the first lines of a page that lies alone are waited for, which
 * takes as long as its copy. So each copy fetches, line by line, what is copied
 * next.
 *
 * A copy may race with a writer of the source: then it is not used (rule 8 of
 * handle_table.h). ThreadSanitizer cannot know that and is told not to look.
 */
#include <string.h>

#include "posix_internal.h"

#define MHP_POSIX_MAY_RACE __attribute__((no_sanitize("thread")))

/* How far ahead of the copy memory is fetched: fits into any first cache. */
#define AHEAD_BYTES ((size_t)4096)
#define LINE_BYTES ((size_t)64)

#ifdef __SSE2__

#include <emmintrin.h>

/* One piece; line by line it asks for the memory of another one. */
MHP_POSIX_MAY_RACE static void copy_piece(void *to, const void *from,
					  const void *ahead, size_t size_bytes)
{
	const __m128i *source = from;
	const __m128i *next = ahead;
	__m128i *target = to;
	const __m128i *end = source + size_bytes / sizeof(*source);

	for (; source < end; source += 4, target += 4, next += 4) {
		__m128i a = _mm_load_si128(source);
		__m128i b = _mm_load_si128(source + 1);
		__m128i c = _mm_load_si128(source + 2);
		__m128i d = _mm_load_si128(source + 3);

		_mm_prefetch((const char *)next, _MM_HINT_NTA);
		_mm_stream_si128(target, a);
		_mm_stream_si128(target + 1, b);
		_mm_stream_si128(target + 2, c);
		_mm_stream_si128(target + 3, d);
	}
}

void mhp_posix_copy(void *to, const void *from, size_t size_bytes,
		    const void *next)
{
	const uint8_t *source = from;
	uint8_t *target = to;

	while (size_bytes > AHEAD_BYTES) {
		copy_piece(target, source, source + AHEAD_BYTES, AHEAD_BYTES);
		source += AHEAD_BYTES;
		target += AHEAD_BYTES;
		size_bytes -= AHEAD_BYTES;
	}
	copy_piece(target, source, next ? next : source, size_bytes);
}

void mhp_posix_fetch(const void *from, unsigned int part, unsigned int nr_parts)
{
	const char *start = from;
	size_t at = AHEAD_BYTES / LINE_BYTES * part / nr_parts;
	size_t end = AHEAD_BYTES / LINE_BYTES * (part + 1) / nr_parts;

	for (; at < end; at++)
		_mm_prefetch(start + at * LINE_BYTES, _MM_HINT_NTA);
}

void mhp_posix_fence(void)
{
	_mm_sfence();
}

void mhp_posix_zero(void *to, size_t size_bytes)
{
	const __m128i zero = _mm_setzero_si128();
	__m128i *target = to;
	__m128i *end = target + size_bytes / sizeof(*target);

	for (; target < end; target += 4) {
		_mm_stream_si128(target, zero);
		_mm_stream_si128(target + 1, zero);
		_mm_stream_si128(target + 2, zero);
		_mm_stream_si128(target + 3, zero);
	}
	_mm_sfence();
}

#else

MHP_POSIX_MAY_RACE void mhp_posix_copy(void *to, const void *from,
				       size_t size_bytes, const void *next)
{
	const uint64_t *source = from;
	uint64_t *target = to;

	(void)next;
	for (size_t i = 0; i < size_bytes / sizeof(*source); i++)
		target[i] = __atomic_load_n(&source[i], __ATOMIC_RELAXED);
}

void mhp_posix_fetch(const void *from, unsigned int part, unsigned int nr_parts)
{
	(void)from;
	(void)part;
	(void)nr_parts;
}

void mhp_posix_fence(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

void mhp_posix_zero(void *to, size_t size_bytes)
{
	memset(to, 0, size_bytes);
	/* The memory leaves: the compiler must not find the writes useless. */
	__asm__ __volatile__("" : : "r"(to) : "memory");
}

#endif
