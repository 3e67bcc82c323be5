/* SPDX-License-Identifier: MIT */
/*
 * What a zone keeps for those who can use nothing higher: entirely free
 * pageblocks that requests with a higher limit leave alone (mhp_policy).
 *
 * There is no count of what is free: it is counted where such a request wants
 * a pageblock, and no further than needed. Requests that are in the zone of
 * their limit neither ask nor pay.
 */
#ifndef MHP_SRC_RESERVE_H
#define MHP_SRC_RESERVE_H

#include "frame.h"

/** reserve_update() - the ratios, or managed pages of a zone of a node, are
 * others now. [mutex] */
void reserve_update(struct mhp *m, unsigned int node);

/** reserve_pages() - what a zone keeps from requests with that limit, before it
 * is rounded down to pageblocks */
uint64_t reserve_pages(const struct zone *zone, enum mhp_zone_type limit);

/**
 * reserve_spares() - whether a request with a limit above the zone that it is
 * searching may have @nr free pageblocks of it
 *
 * Exact as long as nobody else opens one meanwhile. Inside a read-side section.
 */
bool reserve_spares(const struct search *s, enum mhp_zone_type limit,
		    uint64_t nr);

#endif
