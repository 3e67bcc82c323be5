/* SPDX-License-Identifier: MIT */
/*
 * A model of a host with a balloon: a byte for each page that says whether it
 * is backed, a number of pages that it can still back, and lies on demand.
 */
#ifndef MHP_MODEL_DEVICE_BALLOON_H
#define MHP_MODEL_DEVICE_BALLOON_H

#include "mhp/balloon.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How the host answers, at some calls. */
enum mhp_model_host_lie {
	MHP_MODEL_HOST_HONEST = 0,
	MHP_MODEL_HOST_REFUSES, /* an error, and nothing is done */
	MHP_MODEL_HOST_NOTHING, /* 0 pages */
	MHP_MODEL_HOST_HALF,	/* half of what is asked, rounded down */
	MHP_MODEL_HOST_MORE,	/* says more than was asked; all is done */
};

struct mhp_model_host;

/**
 * mhp_model_host_create() - a host that backs every page
 *
 * @nr_pages: from pfn 0 on
 *
 * Return: the host; NULL without memory.
 */
struct mhp_model_host *mhp_model_host_create(uint64_t nr_pages);
void mhp_model_host_destroy(struct mhp_model_host *host);

/** Its operations; the context is the host. */
extern const struct mhp_balloon_ops mhp_model_host_ops;

/** mhp_model_host_back() - back a range of pages, or no longer */
void mhp_model_host_back(struct mhp_model_host *host, struct mhp_range range,
			 bool backed);

/** mhp_model_host_backs() - whether a page is backed */
bool mhp_model_host_backs(const struct mhp_model_host *host, mhp_pfn_t pfn);

/** mhp_model_host_set_budget() - how many more pages it can populate; pages
 * that are released can be populated again. Without limit at first. */
void mhp_model_host_set_budget(struct mhp_model_host *host, uint64_t nr_pages);

/**
 * mhp_model_host_lie() - be dishonest, or refuse
 *
 * @after: calls that are still answered honestly
 * @times: calls that are not, from then on
 */
void mhp_model_host_lie(struct mhp_model_host *host,
			enum mhp_model_host_lie lie, unsigned int after,
			unsigned int times);

/** mhp_model_host_nr_lies() - calls that were not answered honestly */
uint64_t mhp_model_host_nr_lies(const struct mhp_model_host *host);

#ifdef __cplusplus
}
#endif

#endif
