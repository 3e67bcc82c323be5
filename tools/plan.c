/* SPDX-License-Identifier: MIT */
/*
 * mhp plan: what plugging memory would cost and leave, by the rules of a
 * profile. No machine is started.
 */
#include "plan.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "mhp/policy.h"
#include "size.h"

#define GIB (UINT64_C(1) << 30)

static const char *const plan_help =
	"usage: mhp plan [OPTION...]\n\n"
	"What plugging memory would cost and leave: where its memmap can live, "
	"and if\nnot, why; pages of memmap, wasted and usable; gigantic pages "
	"that can form;\nand the memory that must be there before.\n\n"
	"  --json             print one JSON object a line for each row\n"
	"  --profile PROFILE  native: the best there is (default); linux-6.1,\n"
	"                     linux-6.12, linux-7.2: the rules of these "
	"kernels\n"
	"  --geometry NAME    whose sizes, or all; x86_64 (default)\n"
	"  --size SIZE        of what is plugged; 64G\n"
	"  --addr ADDRESS     where; by default aligned as well as helps\n"
	"  --boot SIZE        memory that is there before, all of it kernel's\n"
	"  --block SIZE       of a memory block, or all; the architecture's "
	"own, and\n"
	"                     what Linux chooses on x86_64 by --boot\n"
	"  --hypervisor       the machine is virtual: Linux chooses otherwise\n"
	"  --advice SIZE      of memory blocks, by firmware: so does Linux "
	"7.2\n"
	"  --descriptor BYTES of a page, or all; native 16, else 64\n"
	"  --ratio PERCENT    auto_movable_ratio; 301\n"
	"  --help             this text\n\n"
	"SIZE and ADDRESS may end in K, M, G or T. The columns:\n"
	"  BECOMES   where the memmap is then; below, why not as asked for\n"
	"  PAGES     of memmap; WASTED: padding; USABLE: the rest of the plug\n"
	"  OVERHEAD  what is not usable, and existing memory, in percent\n"
	"  GIGANTIC  gigantic pages that can form\n"
	"  EXISTING  memory that must be there before; ENOUGH: --boot has it\n";

static const char *const plan_profiles[] = {
	[MHP_PROFILE_NATIVE] = "native",
	[MHP_PROFILE_LINUX_6_1] = "linux-6.1",
	[MHP_PROFILE_LINUX_6_12] = "linux-6.12",
	[MHP_PROFILE_LINUX_7_2] = "linux-7.2",
};

#define NR_PROFILES (sizeof(plan_profiles) / sizeof(plan_profiles[0]))

static const struct plan_way native_ways[] = {
	{"existing", MHP_MEMMAP_AUTO, MHP_PLACEMENT_EXISTING},
	{"block", MHP_MEMMAP_AUTO, MHP_PLACEMENT_BLOCK},
	{"range", MHP_MEMMAP_AUTO, MHP_PLACEMENT_RANGE},
	{"auto", MHP_MEMMAP_AUTO, MHP_PLACEMENT_AUTO},
	{NULL, MHP_MEMMAP_AUTO, MHP_PLACEMENT_AUTO},
};

/* As words of the parameter; 6.1 has not got the last one. */
static const struct plan_way linux_ways[] = {
	{"off", MHP_MEMMAP_OFF, MHP_PLACEMENT_AUTO},
	{"on", MHP_MEMMAP_ON, MHP_PLACEMENT_AUTO},
	{"force", MHP_MEMMAP_FORCE, MHP_PLACEMENT_AUTO},
	{NULL, MHP_MEMMAP_OFF, MHP_PLACEMENT_AUTO},
};

/* Descriptors that all means. */
static const uint16_t plan_descriptors[] = {8, 16, 32, 56, 64, 80, 96};

#define NR_DESCRIPTORS (sizeof(plan_descriptors) / sizeof(plan_descriptors[0]))

/* The largest memory block that all means. */
#define PLAN_MAX_BLOCK_SHIFT 36

struct plan_run {
	struct plan_options options;
	struct plan_rows rows;
	void (*print)(const struct plan_options *options,
		      const struct plan_rows *rows);
};

/* ---- options ---- */

static int plan_choose_profile(struct plan_options *o, const char *name)
{
	size_t i;

	for (i = 0; i < NR_PROFILES; i++) {
		if (strcmp(plan_profiles[i], name) != 0)
			continue;
		o->profile = (enum mhp_profile)i;
		o->profile_name = plan_profiles[i];
		return EXIT_DONE;
	}
	return command_wrong("plan",
			     "unknown profile '%s'; expected native, "
			     "linux-6.1, linux-6.12 or linux-7.2",
			     name);
}

static int plan_choose_geometry(struct plan_options *o, const char *name)
{
	struct mhp_geometry g;
	char list[256] = "";
	size_t n = 0;
	uint32_t i;

	o->geometry = name;
	if (strcmp(name, "all") == 0 || mhp_geometry_named(name, &g) == 0)
		return EXIT_DONE;
	for (i = 0; mhp_geometry_name(i) && n < sizeof(list); i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s, ",
				      mhp_geometry_name(i));
	return command_wrong("plan", "unknown geometry '%s'; expected %sor all",
			     name, list);
}

static int plan_size(const char *option, const char *text, uint64_t *size_bytes)
{
	if (size_parse(text, size_bytes) && *size_bytes)
		return EXIT_DONE;
	return command_wrong("plan", "%s cannot be '%s'; expected %s, not 0",
			     option, text, SIZE_EXPECTED);
}

static int plan_choose_block(struct plan_options *o, const char *text)
{
	uint64_t size_bytes;

	o->all_blocks = strcmp(text, "all") == 0;
	o->block_bytes = 0;
	if (o->all_blocks)
		return EXIT_DONE;
	if (!size_parse(text, &size_bytes) || !size_bytes ||
	    size_bytes & (size_bytes - 1))
		return command_wrong("plan",
				     "--block cannot be '%s'; expected a power "
				     "of two like 128M or 2G, or all",
				     text);
	o->block_bytes = size_bytes;
	return EXIT_DONE;
}

static int plan_choose_descriptor(struct plan_options *o, const char *text)
{
	uint64_t bytes;

	o->all_descriptors = strcmp(text, "all") == 0;
	o->descriptor_bytes = 0;
	if (o->all_descriptors)
		return EXIT_DONE;
	if (!size_parse(text, &bytes) || bytes < 8 || bytes > 96 || bytes % 8)
		return command_wrong("plan",
				     "--descriptor cannot be '%s'; expected a "
				     "multiple of 8 from 8 to 96, or all",
				     text);
	o->descriptor_bytes = bytes;
	return EXIT_DONE;
}

static int plan_choose_addr(struct plan_options *o, const char *text)
{
	o->has_addr = size_parse(text, &o->addr_bytes);
	if (o->has_addr)
		return EXIT_DONE;
	return command_wrong("plan",
			     "--addr cannot be '%s'; expected an address "
			     "like 0x100000000 or 4G",
			     text);
}

static int plan_choose_advice(struct plan_options *o, const char *text)
{
	if (size_parse(text, &o->advice_bytes) && o->advice_bytes &&
	    !(o->advice_bytes & (o->advice_bytes - 1)))
		return EXIT_DONE;
	return command_wrong("plan",
			     "--advice cannot be '%s'; expected a power of two "
			     "like 256M",
			     text);
}

static int plan_choose_ratio(struct plan_options *o, const char *text)
{
	if (size_parse(text, &o->auto_movable_ratio) &&
	    o->auto_movable_ratio <= UINT32_MAX)
		return EXIT_DONE;
	return command_wrong("plan",
			     "--ratio cannot be '%s'; expected a percentage "
			     "below 2^32",
			     text);
}

static int plan_option(struct plan_run *run, int opt, char *const *argv)
{
	struct plan_options *o = &run->options;

	switch (opt) {
	case 'j':
		run->print = plan_print_json;
		return EXIT_DONE;
	case 'P':
		return plan_choose_profile(o, optarg);
	case 'g':
		return plan_choose_geometry(o, optarg);
	case 's':
		return plan_size("--size", optarg, &o->size_bytes);
	case 'b':
		return plan_size("--boot", optarg, &o->boot_bytes);
	case 'B':
		return plan_choose_block(o, optarg);
	case 'd':
		return plan_choose_descriptor(o, optarg);
	case 'r':
		return plan_choose_ratio(o, optarg);
	case 'a':
		return plan_choose_addr(o, optarg);
	case 'A':
		return plan_choose_advice(o, optarg);
	case 'v':
		o->hypervisor = true;
		return EXIT_DONE;
	default:
		return command_wrong_option("plan", opt, argv);
	}
}

/* What would have no effect is a mistake. */
static int plan_agree(const struct plan_options *o)
{
	if (o->advice_bytes && o->profile != MHP_PROFILE_LINUX_7_2)
		return command_wrong("plan",
				     "--advice is unknown to %s; "
				     "expected the profile linux-7.2",
				     o->profile_name);
	if (o->hypervisor && o->profile == MHP_PROFILE_NATIVE)
		return command_wrong(
			"plan", "--hypervisor matters to Linux; "
				"expected a profile linux-6.1 to linux-7.2");
	if ((o->advice_bytes || o->hypervisor) && !o->boot_bytes)
		return command_wrong("plan", "%s needs --boot SIZE",
				     o->advice_bytes ? "--advice"
						     : "--hypervisor");
	return EXIT_DONE;
}

/* Parse the options: an exit status; EXIT_DONE is to go on. */
static int plan_parse(struct plan_run *run, int argc, char **argv, bool *help)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"profile", required_argument, NULL, 'P'},
		{"geometry", required_argument, NULL, 'g'},
		{"size", required_argument, NULL, 's'},
		{"boot", required_argument, NULL, 'b'},
		{"block", required_argument, NULL, 'B'},
		{"descriptor", required_argument, NULL, 'd'},
		{"ratio", required_argument, NULL, 'r'},
		{"addr", required_argument, NULL, 'a'},
		{"advice", required_argument, NULL, 'A'},
		{"hypervisor", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int status = EXIT_DONE, opt;

	while (status == EXIT_DONE &&
	       (opt = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (opt == 'h')
			*help = true;
		else
			status = plan_option(run, opt, argv);
	}
	if (status == EXIT_DONE && !*help && optind < argc)
		return command_wrong("plan",
				     "'%s' is too much; expected "
				     "options only",
				     argv[optind]);
	return status == EXIT_DONE && !*help ? plan_agree(&run->options)
					     : status;
}

/* ---- rows ---- */

/* What cannot be at all is a wrong command line; in a table where something can
 * be it is a row that says so. */
static int plan_refused(const struct plan_run *run, const struct plan_row *row)
{
	char size[SIZE_TEXT_MAX], addr[SIZE_TEXT_MAX], block[SIZE_TEXT_MAX];
	bool has_addr = run->options.has_addr;

	size_print(run->options.size_bytes, size);
	size_print(run->options.addr_bytes, addr);
	size_print(mhp_block_bytes(&row->geometry), block);
	return command_wrong("plan",
			     "--size %s%s%s in blocks of %s on %s cannot be: "
			     "%s",
			     size, has_addr ? " --addr " : "",
			     has_addr ? addr : "", block, row->geometry_name,
			     row->why);
}

static int plan_print(const struct plan_run *run)
{
	const struct plan_rows *rows = &run->rows;
	size_t i = 0;

	while (i < rows->nr && rows->rows[i].refused)
		i++;
	if (i == rows->nr)
		return plan_refused(run, &rows->rows[0]);
	run->print(&run->options, rows);
	return EXIT_DONE;
}

static struct plan_row *plan_new_row(struct plan_rows *rows)
{
	struct plan_row *grown;

	if (rows->nr == rows->room) {
		rows->room = rows->room ? rows->room * 2 : 64;
		grown = realloc(rows->rows, rows->room * sizeof(*grown));
		if (!grown)
			return NULL;
		rows->rows = grown;
	}
	return &rows->rows[rows->nr++];
}

static int plan_ways(struct plan_run *run, const char *name,
		     const struct mhp_geometry *g)
{
	bool native = run->options.profile == MHP_PROFILE_NATIVE;
	const struct plan_way *way = native ? native_ways : linux_ways;

	for (; way->name; way++) {
		struct plan_row *row;

		if (way->mode == MHP_MEMMAP_FORCE &&
		    run->options.profile == MHP_PROFILE_LINUX_6_1)
			continue;
		row = plan_new_row(&run->rows);
		if (!row) {
			fprintf(stderr, "mhp plan: the host has no memory\n");
			return EXIT_FAILED;
		}
		*row = (struct plan_row){
			.geometry_name = name, .geometry = *g, .way = way};
		plan_row_make(row, &run->options);
	}
	return EXIT_DONE;
}

static int plan_descriptor_sizes(struct plan_run *run, const char *name,
				 struct mhp_geometry *g)
{
	const struct plan_options *o = &run->options;
	int status = EXIT_DONE;
	size_t i;

	if (!o->all_descriptors) {
		if (o->descriptor_bytes)
			g->descriptor_bytes = (uint16_t)o->descriptor_bytes;
		else if (o->profile != MHP_PROFILE_NATIVE)
			g->descriptor_bytes = 64;
		return plan_ways(run, name, g);
	}
	for (i = 0; i < NR_DESCRIPTORS && status == EXIT_DONE; i++) {
		g->descriptor_bytes = plan_descriptors[i];
		status = plan_ways(run, name, g);
	}
	return status;
}

static unsigned int plan_shift(uint64_t power_of_two)
{
	unsigned int shift = 0;

	while (power_of_two >> shift > 1)
		shift++;
	return shift;
}

static int plan_block_sizes(struct plan_run *run, const char *name)
{
	const struct plan_options *o = &run->options;
	int status = EXIT_DONE;
	struct mhp_geometry g;

	if (mhp_geometry_named(name, &g))
		return EXIT_WRONG;
	if (!o->all_blocks) {
		uint64_t block_bytes = o->block_bytes
					       ? o->block_bytes
					       : plan_kernel_block(o, &g);

		if (block_bytes)
			g.block_shift = (uint8_t)plan_shift(block_bytes);
		return plan_descriptor_sizes(run, name, &g);
	}
	for (g.block_shift = g.section_shift;
	     g.block_shift <= PLAN_MAX_BLOCK_SHIFT && status == EXIT_DONE &&
	     (g.block_shift == g.section_shift ||
	      mhp_block_bytes(&g) <= o->size_bytes);
	     g.block_shift++)
		if (!plan_block_wrong(o, &g))
			status = plan_descriptor_sizes(run, name, &g);
	return status;
}

static int plan_geometries(struct plan_run *run)
{
	int status = EXIT_DONE;
	uint32_t i;

	if (strcmp(run->options.geometry, "all") != 0)
		return plan_block_sizes(run, run->options.geometry);
	for (i = 0; mhp_geometry_name(i) && status == EXIT_DONE; i++)
		status = plan_block_sizes(run, mhp_geometry_name(i));
	return status;
}

int command_plan(int argc, char **argv)
{
	struct plan_run run = {
		.options =
			{
				.profile_name = plan_profiles[0],
				.geometry = "x86_64",
				.size_bytes = 64 * GIB,
				.auto_movable_ratio =
					MHP_AUTO_MOVABLE_RATIO_DEFAULT,
			},
		.print = plan_print_table,
	};
	bool help = false;
	int status = plan_parse(&run, argc, argv, &help);

	if (status != EXIT_DONE)
		return status;
	if (help) {
		fputs(plan_help, stdout);
		return command_finish(EXIT_DONE);
	}
	status = plan_geometries(&run);
	if (status == EXIT_DONE)
		status = plan_print(&run);
	free(run.rows.rows);
	return command_finish(status);
}
