/* SPDX-License-Identifier: MIT */
/* Nodes that are alive; see node.h. */
#include "node.h"

#include "boot_map.h"
#include "section.h"

bool mhp_node_is_alive(const struct mhp *m, unsigned int node)
{
	if (node >= m->geometry.nr_nodes)
		return false;
	return node == 0 || mhp_port_load(&m->node_blocks[node]);
}

/* Node 0 has the processors. */
static bool node_change(struct mhp *m, unsigned int node, int by)
{
	uint64_t old = mhp_port_load(&m->node_blocks[node]);
	uint64_t now = old + (uint64_t)by;

	mhp_port_store(&m->node_blocks[node], now);
	return node != 0 && !old != !now;
}

bool node_join(struct mhp *m, struct mhp_block *blk)
{
	return node_change(m, block_node(block_status(blk)), 1);
}

bool node_leave(struct mhp *m, struct mhp_block *blk)
{
	return node_change(m, block_node(block_status(blk)), -1);
}

/* Whether a block has memory of a node; boot blocks may of several. */
static bool node_has(struct mhp *m, const struct mhp_block *blk,
		     unsigned int node)
{
	uint64_t status = block_status(blk);
	struct zone_share share = {{0, 0}, 0, 0};

	if (!block_has(status, BLOCK_BOOT))
		return block_node(status) == node;
	boot_share(m, mhp_range_make(blk->start_pfn, m->layout.block_pages),
		   node, MHP_ZONE_NONE, &share);
	return share.nr_present;
}

void node_join_boot(struct mhp *m, struct mhp_block *blk)
{
	unsigned int node;

	for (node = 0; node < m->geometry.nr_nodes; node++)
		if (node_has(m, blk, node))
			(void)node_change(m, node, 1);
}

uint64_t node_count(struct mhp *m, unsigned int node)
{
	struct mhp_block *blk = section_next_block(m, 0);
	uint64_t nr = 0;

	for (; blk; blk = section_next_block(m, blk->start_pfn +
							m->layout.block_pages))
		nr += node_has(m, blk, node);
	return nr;
}
