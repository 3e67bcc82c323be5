/* SPDX-License-Identifier: MIT */
/* The commands of a scenario on a machine; see act.h. */
#include "act.h"

typedef void act_function(struct machine *machine,
			  const struct scenario_line *line,
			  struct snapshot *snap, struct outcome *o);

/* The node that a line names; where none is named, 0. */
static uint64_t act_node(const struct scenario_line *line)
{
	uint64_t node = line->options[OPTION_NODE];

	return node == SCENARIO_NONE ? 0 : node;
}

/* The addresses that a line names; where none are named, any. */
static struct mhp_extent act_extent(const struct scenario_line *line)
{
	return (struct mhp_extent){
		.start = {line->options[OPTION_ADDR]},
		.size_bytes = line->options[OPTION_SIZE],
	};
}

static enum device_memmap act_memmap(const struct scenario_line *line)
{
	return (enum device_memmap)line->options[OPTION_DEVICE_MEMMAP];
}

static void act_plug(struct machine *machine, const struct scenario_line *line,
		     struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_plug(machine, line->words[0], act_extent(line), act_node(line),
		     o);
}

static void act_unplug(struct machine *machine,
		       const struct scenario_line *line, struct snapshot *snap,
		       struct outcome *o)
{
	(void)snap;
	machine_unplug(machine, line->words[0], o);
}

static void act_dax(struct machine *machine, const struct scenario_line *line,
		    struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_dax(machine, line->words[0], act_extent(line), act_node(line),
		    act_memmap(line), o);
}

static void act_bind(struct machine *machine, const struct scenario_line *line,
		     struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_bind(machine, line->words[0], o);
}

static void act_unbind(struct machine *machine,
		       const struct scenario_line *line, struct snapshot *snap,
		       struct outcome *o)
{
	(void)snap;
	machine_unbind(machine, line->words[0], o);
}

static void act_pmem(struct machine *machine, const struct scenario_line *line,
		     struct snapshot *snap, struct outcome *o)
{
	enum pmem_memmap memmap =
		(enum pmem_memmap)line->options[OPTION_PMEM_MEMMAP];

	(void)snap;
	machine_pmem(machine, line->words[0], act_extent(line), act_node(line),
		     memmap, line->options[OPTION_RESERVE], o);
}

static void act_unpmem(struct machine *machine,
		       const struct scenario_line *line, struct snapshot *snap,
		       struct outcome *o)
{
	(void)snap;
	machine_unpmem(machine, line->words[0], o);
}

static void act_lmb(struct machine *machine, const struct scenario_line *line,
		    struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_lmb(machine, line->words[0], act_extent(line), act_node(line),
		    line->options[OPTION_COUNT], o);
}

static void act_lmb_add(struct machine *machine,
			const struct scenario_line *line, struct snapshot *snap,
			struct outcome *o)
{
	(void)snap;
	machine_lmb_add(machine, line->words[0], line->options[OPTION_COUNT],
			o);
}

static void act_lmb_remove(struct machine *machine,
			   const struct scenario_line *line,
			   struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_lmb_remove(machine, line->words[0], line->options[OPTION_COUNT],
			   o);
}

static void act_standby(struct machine *machine,
			const struct scenario_line *line, struct snapshot *snap,
			struct outcome *o)
{
	(void)snap;
	machine_standby(machine, line->words[0], act_extent(line),
			act_node(line), o);
}

static void act_configure(struct machine *machine,
			  const struct scenario_line *line,
			  struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_configure(machine, line->words[0], line->options[OPTION_BLOCK],
			  act_memmap(line), o);
}

static void act_deconfigure(struct machine *machine,
			    const struct scenario_line *line,
			    struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_deconfigure(machine, line->words[0],
			    line->options[OPTION_BLOCK], o);
}

static void act_vmem(struct machine *machine, const struct scenario_line *line,
		     struct snapshot *snap, struct outcome *o)
{
	struct vmem_options options = {
		.block_bytes = line->options[OPTION_BLOCK_SIZE],
		.mode = (enum mhp_virtio_mem_mode)line->options[OPTION_MODE],
	};

	(void)snap;
	machine_vmem(machine, line->words[0], act_extent(line), act_node(line),
		     &options, o);
}

static void act_balloon(struct machine *machine,
			const struct scenario_line *line, struct snapshot *snap,
			struct outcome *o)
{
	(void)snap;
	machine_balloon(machine, line->words[0], act_extent(line),
			act_node(line), line->options[OPTION_BACKED], o);
}

static void act_vmem_request(struct machine *machine,
			     const struct scenario_line *line,
			     struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_vmem_request(machine, line->words[0],
			     line->options[OPTION_SIZE], o);
}

static void act_balloon_back(struct machine *machine,
			     const struct scenario_line *line,
			     struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_balloon_back(machine, line->words[0],
			     line->options[OPTION_SIZE], o);
}

static void act_balloon_inflate(struct machine *machine,
				const struct scenario_line *line,
				struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_balloon_inflate(machine, line->words[0],
				line->options[OPTION_SIZE], o);
}

static void act_balloon_deflate(struct machine *machine,
				const struct scenario_line *line,
				struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_balloon_deflate(machine, line->words[0],
				line->options[OPTION_SIZE], o);
}

static void act_vmem_remove(struct machine *machine,
			    const struct scenario_line *line,
			    struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_vmem_remove(machine, line->words[0], o);
}

static void act_balloon_remove(struct machine *machine,
			       const struct scenario_line *line,
			       struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_balloon_remove(machine, line->words[0], o);
}

static void act_move_memmap(struct machine *machine,
			    const struct scenario_line *line,
			    struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_move_memmap(machine, line->options[OPTION_BLOCK],
			    (enum memmap_target)line->options[OPTION_TO], o);
}

static void act_evict_memmaps(struct machine *machine,
			      const struct scenario_line *line,
			      struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_evict_memmaps(machine, line->options[OPTION_BLOCK],
			      (enum memmap_target)line->options[OPTION_TO], o);
}

static void act_write(struct machine *machine, const struct scenario_line *line,
		      struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_write(machine, line->words[0], line->words[1], o);
}

static void act_cat(struct machine *machine, const struct scenario_line *line,
		    struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_cat(machine, line->words[0], o);
}

static void act_huge(struct machine *machine, const struct scenario_line *line,
		     struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_huge(machine, line->words[0], line->options[OPTION_SIZE],
		     line->options[OPTION_LEND], o);
}

static void act_split(struct machine *machine, const struct scenario_line *line,
		      struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_split(machine, line->words[0], o);
}

static void act_fill(struct machine *machine, const struct scenario_line *line,
		     struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_fill(machine, line->words[0], line->options[OPTION_SIZE],
		     line->options[OPTION_NODE], o);
}

static void act_pin(struct machine *machine, const struct scenario_line *line,
		    struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_pin(machine, line->words[0], o);
}

static void act_unpin(struct machine *machine, const struct scenario_line *line,
		      struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	machine_unpin(machine, line->words[0], o);
}

static void act_verify(struct machine *machine,
		       const struct scenario_line *line, struct snapshot *snap,
		       struct outcome *o)
{
	(void)snap;
	machine_verify(machine, line->words[0], o);
}

static void act_drop(struct machine *machine, const struct scenario_line *line,
		     struct snapshot *snap, struct outcome *o)
{
	(void)snap;
	if (!machine_drop_huge(machine, line->words[0]))
		machine_drop(machine, line->words[0], o);
}

static void act_check(struct machine *machine, const struct scenario_line *line,
		      struct snapshot *snap, struct outcome *o)
{
	(void)line;
	(void)snap;
	machine_check(machine, o);
}

static void act_snapshot(struct machine *machine,
			 const struct scenario_line *line,
			 struct snapshot *snap, struct outcome *o)
{
	(void)line;
	snapshot_take(machine, snap, o);
}

static act_function *const act_functions[SCENARIO_NR_VERBS] = {
	[SCENARIO_PLUG] = act_plug,
	[SCENARIO_UNPLUG] = act_unplug,
	[SCENARIO_DAX] = act_dax,
	[SCENARIO_BIND] = act_bind,
	[SCENARIO_UNBIND] = act_unbind,
	[SCENARIO_PMEM] = act_pmem,
	[SCENARIO_UNPMEM] = act_unpmem,
	[SCENARIO_LMB] = act_lmb,
	[SCENARIO_LMB_ADD] = act_lmb_add,
	[SCENARIO_LMB_REMOVE] = act_lmb_remove,
	[SCENARIO_STANDBY] = act_standby,
	[SCENARIO_CONFIGURE] = act_configure,
	[SCENARIO_DECONFIGURE] = act_deconfigure,
	[SCENARIO_VMEM] = act_vmem,
	[SCENARIO_VMEM_REQUEST] = act_vmem_request,
	[SCENARIO_VMEM_REMOVE] = act_vmem_remove,
	[SCENARIO_BALLOON] = act_balloon,
	[SCENARIO_BALLOON_BACK] = act_balloon_back,
	[SCENARIO_BALLOON_INFLATE] = act_balloon_inflate,
	[SCENARIO_BALLOON_DEFLATE] = act_balloon_deflate,
	[SCENARIO_BALLOON_REMOVE] = act_balloon_remove,
	[SCENARIO_MOVE_MEMMAP] = act_move_memmap,
	[SCENARIO_EVICT_MEMMAPS] = act_evict_memmaps,
	[SCENARIO_WRITE] = act_write,
	[SCENARIO_CAT] = act_cat,
	[SCENARIO_HUGE] = act_huge,
	[SCENARIO_SPLIT] = act_split,
	[SCENARIO_FILL] = act_fill,
	[SCENARIO_PIN] = act_pin,
	[SCENARIO_UNPIN] = act_unpin,
	[SCENARIO_VERIFY] = act_verify,
	[SCENARIO_DROP] = act_drop,
	[SCENARIO_CHECK] = act_check,
	[SCENARIO_SNAPSHOT] = act_snapshot,
};

void act(struct machine *machine, const struct scenario_line *line,
	 struct snapshot *snap, struct outcome *o)
{
	act_functions[line->verb](machine, line, snap, o);
}
