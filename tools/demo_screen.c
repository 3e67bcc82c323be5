/* SPDX-License-Identifier: MIT */
/* Events and the line that lives; see demo_screen.h. */
#include "demo_screen.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "mhp/hosted.h"

#define COLUMNS_DEFAULT 80
#define LINE_CLEAR "\r\033[K"
/* Room of the time before an event. */
#define TIME_COLUMNS 12

static bool locale_is_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool is;

	if (!locale)
		return false;
	is = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
	freelocale(locale);
	return is;
}

/* Width of the terminal that stdout is; 0 if it is none, or cannot move. */
static unsigned int terminal_columns(void)
{
	const char *term = getenv("TERM");
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || !term || strcmp(term, "dumb") == 0)
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return COLUMNS_DEFAULT;
	return size.ws_col;
}

void screen_open(struct demo_screen *screen, bool silent)
{
	const char *no_color = getenv("NO_COLOR");

	*screen = (struct demo_screen){
		.start_ns = mhp_hosted_now_ns(),
		.columns = silent ? 0 : terminal_columns(),
		.silent = silent,
		.utf8 = locale_is_utf8(),
	};
	screen->colour = screen->columns && !(no_color && *no_color);
}

uint64_t screen_elapsed_ns(const struct demo_screen *screen)
{
	return mhp_hosted_now_ns() - screen->start_ns;
}

void screen_say(const struct demo_screen *screen, const char *format, ...)
{
	double seconds = (double)screen_elapsed_ns(screen) / 1e9;
	va_list args;

	if (screen->silent)
		return;
	printf("%s%8.2f s  ", screen->columns ? LINE_CLEAR : "", seconds);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void screen_live(const struct demo_screen *screen, const char *text)
{
	int room = (int)screen->columns - TIME_COLUMNS - 1;

	if (!screen->columns)
		return;
	if (!*text || room < 1)
		fputs(LINE_CLEAR, stdout);
	else
		printf(LINE_CLEAR "%8.2f s  %.*s",
		       (double)screen_elapsed_ns(screen) / 1e9, room, text);
	fflush(stdout);
}

const char *text_count(uint64_t number, char text[SCREEN_TEXT_MAX])
{
	char digits[SCREEN_TEXT_MAX];
	int nr = snprintf(digits, sizeof(digits), "%" PRIu64, number);
	char *to = text;
	int i;

	for (i = 0; i < nr; i++) {
		if (i && (nr - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}

const char *text_bytes(uint64_t size_bytes, char text[SCREEN_TEXT_MAX])
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB",
					    "TiB"};
	double value = (double)size_bytes;
	unsigned int i = 0;

	while (value >= 1024 && i < 4) {
		value /= 1024;
		i++;
	}
	snprintf(text, SCREEN_TEXT_MAX, "%.4g %s", value, units[i]);
	return text;
}

const char *text_time(uint64_t ns, char text[SCREEN_TEXT_MAX])
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	double value = (double)ns;
	unsigned int i = 0;

	while (value >= 1000 && i < 3) {
		value /= 1000;
		i++;
	}
	snprintf(text, SCREEN_TEXT_MAX, "%.*f %s",
		 !i || value >= 100 ? 0
		 : value >= 10	    ? 1
				    : 2,
		 value, units[i]);
	return text;
}
