/* SPDX-License-Identifier: MIT */
/*
 * What the demo measures from outside: the system's own figures for this
 * process and its files, and what placement costs in a second instance.
 *
 * What it does not do: trust the library's word where the system has its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "demo.h"

struct demo_fill demo_fill_of(struct mhp *m, struct mhp_range range)
{
	const struct mhp_geometry *geometry = mhp_geometry(m);
	uint64_t end = mhp_block_id(geometry, mhp_range_end_pfn(range));
	uint64_t id = mhp_block_id(geometry, range.start_pfn);
	struct demo_fill fill = {0};
	struct mhp_block_info info;

	for (; !mhp_block_next(m, &id) && id < end; id++) {
		if (mhp_block_query(m, id, &info))
			continue;
		fill.nr_used += info.nr_allocated;
		fill.nr_free += info.nr_free + info.nr_isolated;
	}
	return fill;
}

double demo_share(struct demo_fill fill)
{
	uint64_t all = fill.nr_used + fill.nr_free;

	return all ? 100.0 * (double)fill.nr_used / (double)all : 0;
}

uint64_t demo_pss(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	uint64_t kib = 0;
	char line[256];

	if (!file)
		return 0;
	while (!kib && fgets(line, sizeof(line), file))
		if (sscanf(line, "Pss: %" SCNu64, &kib) != 1)
			kib = 0;
	fclose(file);
	return kib * 1024;
}

uint64_t demo_file_bytes(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

struct mhp_posix_request demo_plug_request(const struct demo_plan *plan,
					   unsigned int dimm,
					   enum mhp_placement placement)
{
	return (struct mhp_posix_request){
		.size_bytes = sizeof(struct mhp_posix_request),
		.capacity_bytes = plan->dimm_bytes[dimm],
		.placement = placement,
		.add_flags = MHP_ADD_STRICT,
		.online = MHP_ONLINE_MOVABLE,
	};
}

int demo_open(const struct demo_plan *plan, struct mhp_posix **p,
	      struct mhp_report *report)
{
	const uint64_t gib = UINT64_C(1) << 30;
	uint64_t above = plan->boot_bytes > 4 * gib ? plan->boot_bytes
						    : 4 * gib;
	struct mhp_posix_config config = {
		.size_bytes = sizeof(config),
		.geometry = &plan->geometry,
		.boot_bytes = plan->boot_bytes,
		/* DIMMs begin at the next whole GiB. */
		.span_bytes = above + gib + plan->dimm_bytes[DEMO_FIRST] +
			      plan->dimm_bytes[DEMO_SECOND],
	};

	return mhp_posix_open(&config, p, report);
}

int demo_existing_bytes(const struct demo_plan *plan, uint64_t *existing_bytes,
			struct mhp_report *report)
{
	struct mhp_posix_request request;
	struct mhp_posix *p;
	struct mhp_stat stat;
	unsigned int i;
	uint32_t id;
	int err;

	err = demo_open(plan, &p, report);
	if (err)
		return err;
	for (i = 0; i < DEMO_NR_DIMMS && !err; i++) {
		request = demo_plug_request(plan, i, MHP_PLACEMENT_EXISTING);
		err = mhp_posix_plug(p, &request, &id, report);
	}
	if (!err)
		err = mhp_stat_read(mhp_posix_mhp(p), &stat);
	if (!err)
		*existing_bytes = stat.existing_bytes;
	mhp_posix_close(p);
	return err;
}
