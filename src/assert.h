/* SPDX-License-Identifier: MIT */
/*
 * Three tiers of assertion: MHP_ASSERT costs a comparison (MHP_DEBUG >= 1),
 * MHP_CHECK may walk structures (MHP_DEBUG >= 2), MHP_FATAL is always on: going
 * on would write to memory that is not ours.
 */
#ifndef MHP_SRC_ASSERT_H
#define MHP_SRC_ASSERT_H

#include "mhp/port.h"

#define MHP_FATAL(expr)                                            \
	do {                                                       \
		if (__builtin_expect(!(expr), 0))                  \
			mhp_port_panic(__FILE__, __LINE__, #expr); \
	} while (0)

#if MHP_DEBUG >= 1
#define MHP_ASSERT(expr) MHP_FATAL(expr)
#else
#define MHP_ASSERT(expr) ((void)sizeof(!(expr)))
#endif

#if MHP_DEBUG >= 2
#define MHP_CHECK(expr) MHP_FATAL(expr)
#else
#define MHP_CHECK(expr) ((void)sizeof(!(expr)))
#endif

#define LIKELY(expr) __builtin_expect(!!(expr), 1)
#define UNLIKELY(expr) __builtin_expect(!!(expr), 0)

#endif
