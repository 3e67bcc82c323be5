/* SPDX-License-Identifier: MIT */
/*
 * What the demo says while it runs: one line for each event, with the time
 * since the start, and on a terminal below them one line that lives.
 *
 * What it does not do: write escape sequences to anything but a terminal, or
 * colours where NO_COLOR is set.
 */
#ifndef MHP_TOOLS_DEMO_SCREEN_H
#define MHP_TOOLS_DEMO_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

struct demo_screen {
	uint64_t start_ns;
	unsigned int columns; /* of the terminal; 0: there is none */
	bool silent;	      /* nothing but the summary */
	bool colour;
	bool utf8;
};

/** screen_open() - look at what stdout is; time starts */
void screen_open(struct demo_screen *screen, bool silent);

/** screen_elapsed_ns() - since screen_open() */
uint64_t screen_elapsed_ns(const struct demo_screen *screen);

/** screen_say() - an event */
void screen_say(const struct demo_screen *screen, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** screen_live() - a new text for the line that lives; "" removes it */
void screen_live(const struct demo_screen *screen, const char *text);

/** Room for any of the texts below. */
#define SCREEN_TEXT_MAX 32

/** text_count() - 1234567 as "1,234,567" */
const char *text_count(uint64_t number, char text[SCREEN_TEXT_MAX]);

/** text_bytes() - with a unit, four digits at most: "384 MiB", "4.1 MiB" */
const char *text_bytes(uint64_t size_bytes, char text[SCREEN_TEXT_MAX]);

/** text_time() - with a unit, three digits: "85.1 us", "1.20 s" */
const char *text_time(uint64_t ns, char text[SCREEN_TEXT_MAX]);

/* For the arguments of one printf(): each use has its own room. */
#define COUNT(number) text_count((number), (char[SCREEN_TEXT_MAX]){0})
#define BYTES(bytes) text_bytes((bytes), (char[SCREEN_TEXT_MAX]){0})
#define TIME(ns) text_time((ns), (char[SCREEN_TEXT_MAX]){0})

#endif
