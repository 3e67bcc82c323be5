/* SPDX-License-Identifier: MIT */
/* How hotplug scales: a part of the benchmark scale. */
#ifndef MHP_BENCH_PLUG_SCALE_H
#define MHP_BENCH_PLUG_SCALE_H

#include "bench.h"

/** bench_plug_scale() - 0 or EXIT_FAILED, and then has said why. With --size
 * the smallest machine only. */
int bench_plug_scale(const struct bench *b);

#endif
