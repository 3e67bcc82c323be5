/* SPDX-License-Identifier: MIT */
/* The model of a host with a balloon; see device_balloon.h. */
#include "device_balloon.h"

#include <stdlib.h>
#include <string.h>

struct mhp_model_host {
	uint8_t *backed; /* a byte for each page */
	uint64_t nr_pages;
	uint64_t budget;
	enum mhp_model_host_lie lie;
	unsigned int after;
	unsigned int times;
	uint64_t nr_lies;
};

struct mhp_model_host *mhp_model_host_create(uint64_t nr_pages)
{
	struct mhp_model_host *host = calloc(1, sizeof(*host));

	if (!host)
		return NULL;
	host->nr_pages = nr_pages;
	host->budget = UINT64_MAX / 2;
	host->backed = malloc(nr_pages + 1);
	if (!host->backed) {
		free(host);
		return NULL;
	}
	memset(host->backed, 1, nr_pages);
	return host;
}

void mhp_model_host_destroy(struct mhp_model_host *host)
{
	free(host->backed);
	free(host);
}

void mhp_model_host_back(struct mhp_model_host *host, struct mhp_range range,
			 bool backed)
{
	memset(host->backed + range.start_pfn, backed, range.nr_pages);
}

bool mhp_model_host_backs(const struct mhp_model_host *host, mhp_pfn_t pfn)
{
	return pfn < host->nr_pages && host->backed[pfn];
}

void mhp_model_host_set_budget(struct mhp_model_host *host, uint64_t nr_pages)
{
	host->budget = nr_pages;
}

void mhp_model_host_lie(struct mhp_model_host *host,
			enum mhp_model_host_lie lie, unsigned int after,
			unsigned int times)
{
	host->lie = lie;
	host->after = after;
	host->times = times;
}

uint64_t mhp_model_host_nr_lies(const struct mhp_model_host *host)
{
	return host->nr_lies;
}

static bool host_lies(struct mhp_model_host *host)
{
	if (host->lie == MHP_MODEL_HOST_HONEST || !host->times)
		return false;
	if (host->after) {
		host->after--;
		return false;
	}
	host->times--;
	host->nr_lies++;
	return true;
}

/* How many of @nr_pages are done, what is said of them in @answer. */
static uint64_t host_decide(struct mhp_model_host *host, uint64_t nr_pages,
			    int64_t *answer)
{
	uint64_t nr = nr_pages;

	*answer = (int64_t)nr;
	if (!host_lies(host))
		return nr;
	switch (host->lie) {
	case MHP_MODEL_HOST_MORE:
		*answer = (int64_t)nr + 1;
		return nr;
	case MHP_MODEL_HOST_HALF:
		nr /= 2;
		*answer = (int64_t)nr;
		return nr;
	case MHP_MODEL_HOST_REFUSES:
		*answer = MHP_ERR_NOMEM;
		return 0;
	default:
		*answer = 0;
		return 0;
	}
}

static int64_t host_populate(void *ctx, struct mhp_range range)
{
	struct mhp_model_host *host = ctx;
	int64_t answer;
	uint64_t nr = host_decide(host, range.nr_pages, &answer), i;

	for (i = 0; i < nr; i++) {
		uint8_t *backed = &host->backed[range.start_pfn + i];

		if (!*backed && !host->budget)
			return (int64_t)i;
		host->budget -= !*backed;
		*backed = 1;
	}
	return answer;
}

static int64_t host_release(void *ctx, struct mhp_range range)
{
	struct mhp_model_host *host = ctx;
	int64_t answer;
	uint64_t nr = host_decide(host, range.nr_pages, &answer), i;
	mhp_pfn_t end = mhp_range_end_pfn(range);

	for (i = 1; i <= nr; i++) {
		host->budget += host->backed[end - i];
		host->backed[end - i] = 0;
	}
	return answer;
}

const struct mhp_balloon_ops mhp_model_host_ops = {
	.size_bytes = sizeof(struct mhp_balloon_ops),
	.populate = host_populate,
	.release = host_release,
};
