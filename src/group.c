/* SPDX-License-Identifier: MIT */
/* Memory groups; see group.h. The list is sorted by number. */
#include "group.h"

#include "block.h"

struct mhp_group *group_find(const struct mhp *m, uint32_t id)
{
	struct mhp_group *group = id ? m->groups : NULL;

	while (group && group->id != id)
		group = group->next;
	return group;
}

bool group_is_registered(const struct mhp *m, const struct mhp_group *group)
{
	const struct mhp_group *at = m->groups;

	while (at && at != group)
		at = at->next;
	return at;
}

void group_account(struct mhp *m, const struct mhp_block *blk,
		   enum mhp_zone_type zone, int64_t nr_pages)
{
	struct mhp_group *group = group_find(m, block_group(blk));

	if (!group)
		return;
	if (zone == MHP_ZONE_MOVABLE)
		group->nr_movable += (uint64_t)nr_pages;
	else
		group->nr_kernel += (uint64_t)nr_pages;
}

void group_join(struct mhp *m, const struct mhp_block *blk)
{
	struct mhp_group *group = group_find(m, block_group(blk));

	if (group)
		group->nr_blocks++;
}

void group_leave(struct mhp *m, const struct mhp_block *blk)
{
	struct mhp_group *group = group_find(m, block_group(blk));

	if (group)
		group->nr_blocks--;
}

/* The lowest number that is free, and where it goes in the list. */
static int group_place(struct mhp *m, struct mhp_group ***link, uint16_t *id)
{
	uint32_t free = 1;

	for (*link = &m->groups; **link && (**link)->id == free;
	     *link = &(**link)->next)
		free++;
	if (free > BLOCK_GROUP_MAX)
		return MHP_ERR_NOSPC;
	*id = (uint16_t)free;
	return 0;
}

static int group_register(struct mhp *m, struct mhp_group *group, bool dynamic,
			  unsigned int node, uint64_t nr_pages)
{
	struct mhp_group **link;
	uint16_t id;
	int err;

	if (!nr_pages || node >= m->geometry.nr_nodes)
		return MHP_ERR_INVAL;
	err = mhp_lock(m);
	if (err)
		return err;
	err = group_is_registered(m, group) ? MHP_ERR_EXIST
					    : group_place(m, &link, &id);
	if (!err) {
		*group = (struct mhp_group){
			.next = *link,
			.nr_pages = nr_pages,
			.id = id,
			.node = (uint16_t)node,
			.dynamic = dynamic,
		};
		*link = group;
	}
	mhp_unlock(m);
	return err;
}

int mhp_group_register_static(struct mhp *m, struct mhp_group *group,
			      unsigned int node, uint64_t max_pages)
{
	return group_register(m, group, false, node, max_pages);
}

int mhp_group_register_dynamic(struct mhp *m, struct mhp_group *group,
			       unsigned int node, uint64_t unit_pages)
{
	if (unit_pages & (unit_pages - 1) || unit_pages < m->layout.block_pages)
		return MHP_ERR_INVAL;
	return group_register(m, group, true, node, unit_pages);
}

int mhp_group_unregister(struct mhp *m, struct mhp_group *group)
{
	struct mhp_group **link;
	int err = mhp_lock(m);

	if (err)
		return err;
	for (link = &m->groups; *link && *link != group; link = &(*link)->next)
		;
	if (!*link)
		err = MHP_ERR_INVAL;
	else if (group->nr_blocks)
		err = MHP_ERR_BUSY;
	else
		*link = group->next;
	mhp_unlock(m);
	return err;
}
