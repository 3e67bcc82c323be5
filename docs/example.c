/* SPDX-License-Identifier: MIT */
/* A value stays while the memory that it is in leaves, and other arrives. */
#include <mhp/posix.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	const struct mhp_posix_request dimm = {.capacity_bytes = 256 << 20,
					       .online = MHP_ONLINE_MOVABLE};
	struct mhp_report why = {.code = 0};
	char text[200] = "no memory for the value";
	char *before, *now;
	uint32_t first, second;
	struct mhp_posix *p;
	mhp_handle_t value;

	if (mhp_posix_open(NULL, &p, &why) || /* with 128 MiB to begin with */
	    mhp_posix_plug(p, &dimm, &first, &why) ||
	    mhp_handle_alloc(p, 4096, 0, &value) ||
	    !(before = mhp_handle_pin(p, value)))
		goto fail;
	strcpy(before, "still here"); /* what is pinned does not move */
	mhp_handle_unpin(p, value);
	if (mhp_posix_plug(p, &dimm, &second, &why) ||
	    mhp_posix_unplug(p, first, MHP_NO_DEADLINE, 0, &why) ||
	    !(now = mhp_handle_pin(p, value)))
		goto fail;
	printf("%s, %s\n", now, now == before ? "not moved" : "moved");
	mhp_posix_close(p);
	return 0;
fail:
	if (why.code)
		mhp_report_text(&why, text, sizeof(text));
	fprintf(stderr, "%s\n", text);
	return 1;
}
