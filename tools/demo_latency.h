/* SPDX-License-Identifier: MIT */
/*
 * How long calls took: a histogram with eight steps in each power of two, so
 * that a quantile is right within an eighth, and the longest exactly.
 *
 * What it does not do: be shared. Each thread has its own, and somebody adds
 * them up afterwards.
 */
#ifndef MHP_TOOLS_DEMO_LATENCY_H
#define MHP_TOOLS_DEMO_LATENCY_H

#include <stdint.h>

#define LATENCY_STEPS 8
#define LATENCY_NR (64 * LATENCY_STEPS)

struct latency {
	uint64_t nr[LATENCY_NR];
	uint64_t longest_ns;
};

/** latency_add() - one call took @ns */
void latency_add(struct latency *latency, uint64_t ns);

/** latency_merge() - add the calls of @other */
void latency_merge(struct latency *latency, const struct latency *other);

/** latency_count() - number of calls */
uint64_t latency_count(const struct latency *latency);

/** latency_quantile() - that share of all calls took at most these ns */
uint64_t latency_quantile(const struct latency *latency, double share);

#endif
