/* SPDX-License-Identifier: MIT */
/*
 * The machine: where its memory lies, and what is done to it. Filled memory is
 * in fill.c, the ports in machine_model.c and machine_posix.c.
 *
 *   x86_64:  boot memory up to 3 GiB | hole | rest of boot memory | DIMMs ...
 *            0                       3 GiB  4 GiB                 next GiB
 *
 * The other architectures have no hole; DIMMs begin at 4 GiB or above too. In
 * the Linux profiles an x86_64 machine lacks what firmware keeps on QEMU's pc:
 * page 0, the 388 KiB below 1 MiB, and the last 128 KiB below the hole.
 */
#include "machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

const char *const machine_geometry_names[] = {
	"x86_64",    "x86_64-nohuge", "arm64-4k", "arm64-16k",
	"arm64-64k", "s390x",	      "ppc64-4k", "ppc64-64k",
	"riscv64",   "loongarch64",   NULL};

/* What an architecture's physical address space looks like; 0: no such. */
struct arch {
	uint64_t dma_end;
	uint64_t dma32_end;
	uint64_t hole_start; /* boot memory goes on at 4 GiB */
};

/* In the order of machine_geometry_names. */
static const struct arch archs[] = {
	{16 * MIB, 4 * GIB, 3 * GIB},
	{16 * MIB, 4 * GIB, 3 * GIB},
	{4 * GIB, 0, 0},
	{4 * GIB, 0, 0},
	{4 * GIB, 0, 0},
	{2 * GIB, 0, 0},
	{0, 0, 0},
	{0, 0, 0},
	{0, 4 * GIB, 0},
	{0, 4 * GIB, 0},
};

_Static_assert(sizeof(archs) / sizeof(archs[0]) + 1 ==
		       sizeof(machine_geometry_names) / sizeof(char *),
	       "each geometry has an architecture");

static const struct arch *arch_named(const char *name)
{
	unsigned int i = 0;

	while (strcmp(machine_geometry_names[i], name) != 0)
		i++;
	return &archs[i];
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

static void layout_add_boot(struct machine_layout *l, uint64_t start,
			    uint64_t size_bytes)
{
	const struct mhp_geometry *g = &l->geometry;
	mhp_pa_t pa = {start};

	if (!size_bytes)
		return;
	l->boot[l->nr_boot++] = (struct mhp_boot_range){
		.range = mhp_range_make(mhp_pfn_from_pa(g, pa),
					mhp_pages_from_bytes(g, size_bytes)),
	};
	l->window_bytes = round_up(start + size_bytes, GIB);
	if (l->window_bytes < 4 * GIB)
		l->window_bytes = 4 * GIB;
}

/* What firmware leaves of [0, @end); see above. */
static void layout_add_firmware(struct machine_layout *l, uint64_t end)
{
	layout_add_boot(l, 4 * KIB, 0x9f000 - 4 * KIB);
	layout_add_boot(l, MIB, end - 128 * KIB - MIB);
}

static void layout_boot(struct machine_layout *l, const struct arch *arch,
			const struct machine_config *config)
{
	uint64_t low = config->boot_bytes;

	if (arch->hole_start && low > arch->hole_start)
		low = arch->hole_start;
	if (arch->hole_start && low > 2 * MIB &&
	    config->profile != MHP_PROFILE_NATIVE)
		layout_add_firmware(l, low);
	else
		layout_add_boot(l, 0, low);
	layout_add_boot(l, 4 * GIB, config->boot_bytes - low);
}

static int layout_geometry(struct mhp_geometry *g,
			   const struct machine_config *config,
			   struct outcome *o)
{
	struct mhp_report report;

	if (mhp_geometry_named(config->geometry, g))
		return outcome_fail(o, MHP_ERR_NOENT, "no geometry is named %s",
				    config->geometry);
	g->nr_nodes = config->nr_nodes;
	if (config->descriptor_bytes)
		g->descriptor_bytes = config->descriptor_bytes;
	if (mhp_geometry_check(g, &report))
		return outcome_report(o, report.code, &report);
	return 0;
}

/* Check a configuration and compute addresses from it. */
static int layout_make(struct machine_layout *l,
		       const struct machine_config *config, struct outcome *o)
{
	const struct arch *arch = arch_named(config->geometry);
	uint64_t limit = UINT64_C(1) << MHP_MAX_PHYS_BITS;
	uint64_t page_bytes;

	*l = (struct machine_layout){.span_bytes = config->span_bytes};
	if (layout_geometry(&l->geometry, config, o))
		return o->rc;
	page_bytes = mhp_page_bytes(&l->geometry);
	if (config->boot_bytes == 0 || config->boot_bytes > limit ||
	    config->boot_bytes % page_bytes)
		return outcome_fail(o, MHP_ERR_INVAL,
				    "boot=%" PRIu64 " must be whole pages of "
				    "%" PRIu64
				    " bytes, at least one, at most 4096T",
				    config->boot_bytes, page_bytes);
	layout_boot(l, arch, config);
	if (l->span_bytes > limit || l->span_bytes % page_bytes ||
	    l->span_bytes <= l->window_bytes)
		return outcome_fail(o, MHP_ERR_INVAL,
				    "span=%" PRIu64 " must be whole pages, "
				    "above %" PRIu64 ", at most 4096T",
				    l->span_bytes, l->window_bytes);
	l->dma_end_pfn = arch->dma_end >> l->geometry.page_shift;
	l->dma32_end_pfn = arch->dma32_end >> l->geometry.page_shift;
	return 0;
}

bool machine_afford(struct machine *machine, uint64_t size_bytes)
{
	if (available_take(&machine->available, size_bytes))
		return true;
	machine->short_of_memory = true;
	return false;
}

void machine_explain_short(struct machine *machine, struct mhp_report *report)
{
	if (machine->short_of_memory)
		report->detail = MACHINE_SHORT;
	machine->short_of_memory = false;
}

int machine_report(struct machine *machine, int rc, struct mhp_report *report,
		   struct outcome *o)
{
	const struct fill *fill = NULL;

	if (machine->port->explain)
		machine->port->explain(machine, report);
	machine_explain_short(machine, report);
	if (report->pfn != MHP_PFN_NONE && report->why != MHP_WHY_DEPENDENT)
		fill = fill_of_pfn(machine, report->pfn);
	if (fill)
		snprintf(report->owner_name, sizeof(report->owner_name), "%s",
			 fill->name);
	return outcome_report(o, rc, report);
}

/* What is left to do once the port has started the engine. */
static int machine_settle(struct machine *machine, struct outcome *o)
{
	struct mhp_stat stat;
	int err = mhp_policy_set(machine->mhp, &machine->config.policy);

	if (!err)
		err = mhp_stat_read(machine->mhp, &stat);
	if (err)
		return outcome_fail(o, err, "policy: %s", mhp_strerror(err));
	machine->nr_managed_at_boot = stat.nr_managed;
	machine->slots.window_bytes = machine->layout.window_bytes;
	machine->slots.end_bytes = machine->layout.span_bytes;
	devices_start(machine);
	return 0;
}

struct machine *machine_start(const struct machine_config *config,
			      struct outcome *o)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	int err;

	if (!machine) {
		outcome_fail(o, MHP_ERR_NOMEM, "the host has no memory");
		return NULL;
	}
	machine->config = *config;
	machine->port = config->port;
	if (layout_make(&machine->layout, config, o))
		goto free_machine;
	err = machine->port->start(machine, &report);
	if (err) {
		outcome_report(o, err, &report);
		goto free_machine;
	}
	if (machine_settle(machine, o))
		goto stop_port;
	return machine;
stop_port:
	machine->port->stop(machine);
free_machine:
	free(machine);
	return NULL;
}

void machine_stop(struct machine *machine)
{
	unsigned int i;

	if (!machine)
		return;
	machine->port->stop(machine);
	fill_destroy_all(machine);
	huge_destroy_all(machine);
	for (i = 0; i < SLOTS_MAX; i++)
		slots_release(&machine->slots.slots[i]);
	free(machine);
}

/* A relative path begins where the memory blocks are. NULL: too long. */
static const char *view_path(const char *path, char *room, size_t room_bytes)
{
	int n;

	if (path[0] == '/')
		return path;
	n = snprintf(room, room_bytes, "%s/%s", MHP_VIEW_MEMORY, path);
	return n < (int)room_bytes ? room : NULL;
}

int machine_write(struct machine *machine, const char *path, const char *word,
		  struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	char full[512], line[512];
	int n = snprintf(line, sizeof(line), "%s\n", word ? word : "");
	int err;

	path = view_path(path, full, sizeof(full));
	if (!path || n >= (int)sizeof(line))
		return outcome_fail(o, MHP_ERR_NAMETOOLONG,
				    "path and value are too long");
	err = mhp_view_write(machine->mhp, path, line, (size_t)n, &report);
	return err ? machine_report(machine, err, &report, o) : 0;
}

/* A file may be of any length: read it again with more room. */
static int cat_read(struct machine *machine, const char *path,
		    struct mhp_report *report, struct outcome *o)
{
	int n = MHP_ERR_NOSPC;

	while (n == MHP_ERR_NOSPC) {
		if (outcome_grow(o))
			return o->rc;
		n = mhp_view_read(machine->mhp, path, o->value, o->value_bytes,
				  report);
	}
	return n < 0 ? machine_report(machine, n, report, o) : n;
}

int machine_cat(struct machine *machine, const char *path, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	char full[512];
	int n;

	path = view_path(path, full, sizeof(full));
	if (!path)
		return outcome_fail(o, MHP_ERR_NAMETOOLONG,
				    "the path is too long");
	outcome_free(o);
	n = cat_read(machine, path, &report, o);
	if (n > 0 && o->value[n - 1] == '\n')
		o->value[n - 1] = '\0';
	return n < 0 ? n : 0;
}

int machine_check(struct machine *machine, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	int err = mhp_check(machine->mhp, &report);

	return err ? machine_report(machine, err, &report, o) : 0;
}
