/* SPDX-License-Identifier: MIT */
/* How the engine fills reports. Each helper returns @code, to be returned
 * on. */
#ifndef MHP_SRC_ERR_H
#define MHP_SRC_ERR_H

#include "mhp/err.h"

/** report_set() - start a report; @report may be NULL */
int report_set(struct mhp_report *report, int code, enum mhp_stage stage,
	       enum mhp_why why, mhp_pfn_t pfn);

/** report_rule() - a report that names a rule and what would be right */
int report_rule(struct mhp_report *report, int code, enum mhp_stage stage,
		enum mhp_why why, uint32_t rule, const char *detail);

#endif
