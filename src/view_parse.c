/* SPDX-License-Identifier: MIT */
/* What is written to a view, taken apart; and refusals with a reason. */
#include "err.h"
#include "view.h"

const char *const view_online_words[4] = {
	[MHP_ONLINE_OFFLINE] = "offline",
	[MHP_ONLINE_DEFAULT] = "online",
	[MHP_ONLINE_KERNEL] = "online_kernel",
	[MHP_ONLINE_MOVABLE] = "online_movable",
};

int view_refuse(const struct view_at *at, int err, enum mhp_why why,
		const char *detail)
{
	report_rule(at->report, err, MHP_STAGE_VIEW, why, 0, detail);
	return err;
}

int view_pass(const struct view_at *at, int err)
{
	if (err == MHP_ERR_NOENT)
		return view_refuse(at, err, MHP_WHY_NO_BLOCK, NULL);
	if (err == MHP_ERR_DEADLK)
		return view_refuse(at, err, MHP_WHY_REENTERED, NULL);
	return view_refuse(at, err, MHP_WHY_NONE, NULL);
}

int view_parse_word(const struct view_at *at, const char *value, size_t n,
		    const char *const *words, unsigned int nr,
		    const char *detail, unsigned int *which)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!text_equal(value, n, words[i]))
			continue;
		*which = i;
		return 0;
	}
	return view_refuse(at, MHP_ERR_INVAL, MHP_WHY_BAD_TYPE, detail);
}

int view_parse_online(const struct view_at *at, const char *value, size_t n,
		      enum mhp_online_type *type)
{
	unsigned int which;
	int err;

	err = view_parse_word(
		at, value, n, view_online_words, 4,
		"expected offline, online, online_kernel or online_movable",
		&which);
	if (!err)
		*type = (enum mhp_online_type)which;
	return err;
}

static bool is_one_of(char c, const char *set)
{
	while (*set && *set != c)
		set++;
	return *set != '\0';
}

int view_parse_bool(const struct view_at *at, const char *value, size_t n,
		    bool *yes)
{
	bool is_o = n > 1 && is_one_of(value[0], "oO");
	char letter = '?';

	if (n)
		letter = value[is_o];
	*yes = is_one_of(letter, is_o ? "nN" : "1yYtT");
	if (*yes || is_one_of(letter, is_o ? "fF" : "0nNfF"))
		return 0;
	return view_refuse(at, MHP_ERR_INVAL, MHP_WHY_BAD_TYPE,
			   "expected 0 or 1");
}

int view_parse_number(const struct view_at *at, const char *value, size_t n,
		      uint64_t max, uint64_t *number)
{
	int err = text_parse_number(value, n, max, number);

	if (err == MHP_ERR_RANGE)
		return view_refuse(at, err, MHP_WHY_BAD_TYPE,
				   "the number is too large");
	if (err)
		return view_refuse(at, err, MHP_WHY_BAD_TYPE,
				   "expected a number, decimal or 0x and hex");
	return 0;
}
