/* SPDX-License-Identifier: MIT */
/*
 * The demo's summary, for people and as JSON: what was served and lost, what
 * the eject took, what came back, what the memory cost, and the maps.
 *
 * What it does not do: judge. Figures are printed as they were measured; only a
 * lost value makes the exit status 1.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "demo.h"

static double gigabytes_per_second(uint64_t size_bytes, uint64_t ns)
{
	return ns ? (double)size_bytes / (double)ns : 0;
}

static uint64_t pss_fall(const struct demo_result *r)
{
	return r->pss_before_bytes > r->pss_after_bytes
		       ? r->pss_before_bytes - r->pss_after_bytes
		       : 0;
}

/* ---- for people ---- */

/* A figure: its name, and what there is to say. */
__attribute__((format(printf, 2, 3))) static void say(const char *name,
						      const char *format, ...)
{
	va_list args;

	printf("  %-18s  ", name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void print_work(const struct demo_result *r)
{
	double seconds = (double)r->served_ns / 1e9;

	say("values served", "%s, each verified (%s a second)",
	    COUNT(r->work.nr_served),
	    COUNT((uint64_t)((double)r->work.nr_served / seconds)));
	say("values put", "%s new, %s again", COUNT(r->work.nr_new),
	    COUNT(r->work.nr_puts + r->work.nr_resized));
	say("turned away", "%s times, while memory was full",
	    COUNT(r->work.nr_turned_away));
	say("values lost", "%s", COUNT(r->proof.nr_lost));
}

static void print_latency(const char *name, const struct latency *latency)
{
	say(name, "50 %% within %s, 99 %% within %s, longest %s",
	    TIME(latency_quantile(latency, 0.5)),
	    TIME(latency_quantile(latency, 0.99)), TIME(latency->longest_ns));
}

static void print_eject(const struct demo_result *r)
{
	say("DIMM 1 was", "%.1f %% occupied, by values that nobody had pinned",
	    demo_share(r->leaving));
	say("moved", "%s in %s values; %s were in use", BYTES(r->moved_bytes),
	    COUNT(r->nr_moves), BYTES(r->in_use_bytes));
	say("evacuation", "%s, %.2f GB/s into fresh memory",
	    TIME(r->evacuate_ns),
	    gigabytes_per_second(r->moved_bytes, r->evacuate_ns));
	say("of that", "%s to get that from the system (workers' share too)",
	    TIME(r->populate_ns));
	say("", "%s to copy, at %.1f GB/s", TIME(r->copy_ns),
	    gigabytes_per_second(r->moved_bytes, r->copy_ns));
	say("workers held up", "%s times by a value being moved, %s at most",
	    COUNT(r->nr_holds), TIME(r->longest_hold_ns));
	print_latency("gets meanwhile", &r->latency[CREW_EJECT]);
	print_latency("gets as usual", &r->latency[CREW_USUAL]);
}

static void print_given_back(const struct demo_result *r)
{
	say("file of DIMM 1", "%s before the unplug, %s after",
	    BYTES(r->file_before_bytes), BYTES(r->file_after_bytes));
	if (r->pss_before_bytes)
		say("Pss of the process", "%s before, %s after: %s less",
		    BYTES(r->pss_before_bytes), BYTES(r->pss_after_bytes),
		    BYTES(pss_fall(r)));
	else
		say("Pss of the process", "unknown: this system has no "
					  "/proc/self/smaps_rollup");
}

static void print_cost(const struct demo_result *r)
{
	say("placement block", "%s bytes (%s lie on the DIMMs themselves)",
	    COUNT(r->existing_block_bytes), BYTES(r->hosted_bytes));
	say("placement existing", "%s bytes (run again, the same DIMMs)",
	    COUNT(r->existing_existing_bytes));
}

static void print_maps(const struct demo *d)
{
	unsigned int i;

	for (i = 0; i < DEMO_NR_MAPS; i++)
		map_print(&d->maps[i], d->screen.colour, d->screen.utf8);
	map_print_legend(d->screen.colour, d->screen.utf8);
}

__attribute__((format(printf, 2, 3))) static void
heading(const struct demo *d, const char *format, ...)
{
	va_list args;

	fputs(d->screen.colour ? "\n\033[1m" : "\n", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	puts(d->screen.colour ? "\033[m" : "");
}

/* The last line, for those who read no other. */
static void print_verdict(const struct demo *d)
{
	const struct demo_result *r = &d->result;

	if (d->screen.colour)
		fputs(r->proof.nr_lost ? "\n\033[1;31m" : "\n\033[1;32m",
		      stdout);
	else
		putchar('\n');
	if (r->proof.nr_lost)
		printf("%s values were lost.", COUNT(r->proof.nr_lost));
	else
		printf("No value was lost: %s came through.",
		       COUNT(r->proof.nr_values));
	puts(d->screen.colour ? "\033[m" : "");
}

static void report_text(const struct demo *d)
{
	const struct demo_result *r = &d->result;

	printf("\n");
	print_maps(d);
	heading(d, "The cache");
	print_work(r);
	heading(d, "The eject of DIMM 1");
	print_eject(r);
	heading(d, "The memory given back");
	print_given_back(r);
	heading(d,
		"Taken of the memory that was there, to describe the %s of "
		"both DIMMs",
		BYTES(r->plugged_bytes));
	print_cost(r);
	print_verdict(d);
}

/* ---- as JSON ---- */

static json_t *json_latency(const struct latency *latency)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "nr",
			 (json_int_t)latency_count(latency), "p50_ns",
			 (json_int_t)latency_quantile(latency, 0.5), "p99_ns",
			 (json_int_t)latency_quantile(latency, 0.99), "max_ns",
			 (json_int_t)latency->longest_ns);
}

static void json_number(json_t *object, const char *name, uint64_t number)
{
	json_object_set_new(object, name, json_integer((json_int_t)number));
}

static json_t *json_counts(const struct demo *d)
{
	const struct demo_result *r = &d->result;
	json_t *o = json_object();

	json_number(o, "size_bytes", r->plugged_bytes);
	json_number(o, "boot_bytes", d->plan.boot_bytes);
	json_number(o, "workers", d->options.nr_workers);
	json_number(o, "served", r->work.nr_served);
	json_number(o, "put_new", r->work.nr_new);
	json_number(o, "put_again", r->work.nr_puts + r->work.nr_resized);
	json_number(o, "turned_away", r->work.nr_turned_away);
	json_number(o, "values", r->proof.nr_values);
	json_number(o, "lost", r->proof.nr_lost);
	return o;
}

static void json_add_eject(json_t *o, const struct demo_result *r)
{
	json_object_set_new(o, "occupied_percent",
			    json_real(demo_share(r->leaving)));
	json_number(o, "in_use_bytes", r->in_use_bytes);
	json_number(o, "moved_bytes", r->moved_bytes);
	json_number(o, "evacuate_ns", r->evacuate_ns);
	json_number(o, "copy_ns", r->copy_ns);
	json_number(o, "populate_ns", r->populate_ns);
	json_number(o, "served_meanwhile", r->nr_served_meanwhile);
	json_number(o, "holds", r->nr_holds);
	json_number(o, "longest_hold_ns", r->longest_hold_ns);
	json_object_set_new(o, "get", json_latency(&r->latency[CREW_USUAL]));
	json_object_set_new(o, "get_meanwhile",
			    json_latency(&r->latency[CREW_EJECT]));
	json_number(o, "file_before_bytes", r->file_before_bytes);
	json_number(o, "file_after_bytes", r->file_after_bytes);
	json_number(o, "pss_before_bytes", r->pss_before_bytes);
	json_number(o, "pss_after_bytes", r->pss_after_bytes);
	json_number(o, "existing_bytes_block", r->existing_block_bytes);
	json_number(o, "existing_bytes_existing", r->existing_existing_bytes);
}

static void report_json(const struct demo *d)
{
	json_t *o = json_counts(d);

	json_add_eject(o, &d->result);
	json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(o);
}

int demo_report(struct demo *d)
{
	if (d->options.json)
		report_json(d);
	else
		report_text(d);
	return d->result.proof.nr_lost ? EXIT_FAILED : EXIT_DONE;
}
