/* SPDX-License-Identifier: MIT */
/*
 * Error texts and reports as sentences. All texts come from the X-macro lists
 * of err.h; there is no second list to keep in step.
 */
#include "err.h"

#include "text.h"

struct err_entry {
	int err;
	const char *name;
	const char *text;
};

static const struct err_entry err_table[] = {{0, "OK", "done"},
#define ERR_ENTRY(name, value, text) {-(value), "E" #name, text},
					     MHP_ERR_MAP(ERR_ENTRY)
#undef ERR_ENTRY
};

static const char *const stage_text[] = {
#define STAGE_TEXT(name, text) text,
	MHP_STAGE_MAP(STAGE_TEXT)
#undef STAGE_TEXT
};

static const char *const why_text[] = {
#define WHY_TEXT(name, text) text,
	MHP_WHY_MAP(WHY_TEXT)
#undef WHY_TEXT
};

static const struct err_entry *err_find(int err)
{
	size_t i;

	for (i = 0; i < sizeof(err_table) / sizeof(err_table[0]); i++)
		if (err_table[i].err == err)
			return &err_table[i];
	return NULL;
}

const char *mhp_strerror(int err)
{
	const struct err_entry *entry = err_find(err);

	return entry ? entry->text : "unknown error";
}

const char *mhp_errname(int err)
{
	const struct err_entry *entry = err_find(err);

	return entry ? entry->name : "E?";
}

int report_set(struct mhp_report *report, int code, enum mhp_stage stage,
	       enum mhp_why why, mhp_pfn_t pfn)
{
	if (!report)
		return code;
	*report = (struct mhp_report){
		.code = code, .stage = stage, .why = why, .pfn = pfn};
	return code;
}

int report_rule(struct mhp_report *report, int code, enum mhp_stage stage,
		enum mhp_why why, uint32_t rule, const char *detail)
{
	report_set(report, code, stage, why, MHP_PFN_NONE);
	if (report) {
		report->rule = rule;
		report->detail = detail;
	}
	return code;
}

static void report_text_page(const struct mhp_report *r, struct text *t)
{
	if (r->pfn == MHP_PFN_NONE)
		return;
	text_string(t, "; pfn 0x");
	text_hex(t, r->pfn, 1);
	if (r->order) {
		text_string(t, ", order ");
		text_decimal(t, r->order);
	}
}

static void report_text_owner(const struct mhp_report *r, struct text *t)
{
	if (r->owner_name[0]) {
		text_string(t, ", owner ");
		text_string(t, r->owner_name);
	} else if (r->why == MHP_WHY_UNMOVABLE) {
		text_string(t, ", no owner");
	}
	if (r->pins) {
		text_string(t, ", pin count ");
		text_decimal(t, r->pins);
	}
}

size_t mhp_report_text(const struct mhp_report *report, char *text,
		       size_t size_bytes)
{
	struct text t;

	text_init(&t, text, size_bytes);
	text_string(&t, stage_text[report->stage]);
	text_string(&t, ": ");
	text_string(&t, why_text[report->why]);
	if (report->rule) {
		text_string(&t, "; rule ");
		text_decimal(&t, report->rule);
	}
	report_text_page(report, &t);
	report_text_owner(report, &t);
	if (report->detail) {
		text_string(&t, "; ");
		text_string(&t, report->detail);
	}
	return t.length;
}
