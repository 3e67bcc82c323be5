/* SPDX-License-Identifier: MIT */
/* Histograms of times; see demo_latency.h. */
#include "demo_latency.h"

/* log2 of LATENCY_STEPS */
#define STEP_BITS 3

static unsigned int latency_index(uint64_t ns)
{
	unsigned int shift;

	if (ns < LATENCY_STEPS)
		return (unsigned int)ns;
	shift = 63 - (unsigned int)__builtin_clzll(ns) - STEP_BITS;
	return (shift + 1) * LATENCY_STEPS +
	       (unsigned int)(ns >> shift & (LATENCY_STEPS - 1));
}

/* The first ns that belongs to the next index. */
static uint64_t latency_end(unsigned int i)
{
	unsigned int shift;

	if (i < LATENCY_STEPS)
		return i + 1;
	shift = i / LATENCY_STEPS - 1;
	return (uint64_t)(i % LATENCY_STEPS + LATENCY_STEPS + 1) << shift;
}

void latency_add(struct latency *latency, uint64_t ns)
{
	latency->nr[latency_index(ns)]++;
	if (ns > latency->longest_ns)
		latency->longest_ns = ns;
}

void latency_merge(struct latency *latency, const struct latency *other)
{
	unsigned int i;

	for (i = 0; i < LATENCY_NR; i++)
		latency->nr[i] += other->nr[i];
	if (other->longest_ns > latency->longest_ns)
		latency->longest_ns = other->longest_ns;
}

uint64_t latency_count(const struct latency *latency)
{
	uint64_t count = 0;
	unsigned int i;

	for (i = 0; i < LATENCY_NR; i++)
		count += latency->nr[i];
	return count;
}

uint64_t latency_quantile(const struct latency *latency, double share)
{
	uint64_t wanted = (uint64_t)((double)latency_count(latency) * share);
	uint64_t seen = 0;
	unsigned int i;

	for (i = 0; i < LATENCY_NR; i++) {
		seen += latency->nr[i];
		if (seen > wanted)
			break;
	}
	if (i == LATENCY_NR || latency_end(i) > latency->longest_ns)
		return latency->longest_ns;
	return latency_end(i);
}
