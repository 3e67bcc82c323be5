/* SPDX-License-Identifier: MIT */
/*
 * The reader of scenarios: two tables, of commands and of options, and what
 * walks them. See scenario.h.
 */
#include "scenario.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "size.h"

#define BLANKS " \t\r\n"

struct scenario {
	FILE *file;
	const char *name; /* for messages */
	unsigned int number;
	char *raw; /* getline's */
	size_t raw_bytes;
	char *words; /* the line, cut into words */
};

/* How the value of an option is written. */
enum option_kind { OPTION_IS_SIZE, OPTION_IS_NUMBER, OPTION_IS_CHOICE };

struct option_spec {
	const char *name;
	enum option_kind kind;
	uint64_t fallback;	    /* when it is not given */
	uint64_t min, max;	    /* of a number */
	const char *const *choices; /* ends with NULL */
};

static const char *const memmap_choices[] = {"off",   "on",   "force",
					     "range", "auto", NULL};
static const char *const device_memmap_choices[] = {"off", "on", NULL};
static const char *const pmem_memmap_choices[] = {"device", "existing", NULL};
static const char *const to_choices[] = {"existing", "block", NULL};
static const char *const auto_online_choices[] = {
	"offline", "online", "online_kernel", "online_movable", NULL};
static const char *const policy_choices[] = {"contig-zones", "auto-movable",
					     NULL};
static const char *const mode_choices[] = {"auto", "sub", "big", NULL};

#define SIZE(name, fallback)                               \
	{                                                  \
		name, OPTION_IS_SIZE, fallback, 0, 0, NULL \
	}
#define NUMBER(name, fallback, min, max)                         \
	{                                                        \
		name, OPTION_IS_NUMBER, fallback, min, max, NULL \
	}
#define CHOICE(name, fallback, choices)                         \
	{                                                       \
		name, OPTION_IS_CHOICE, fallback, 0, 0, choices \
	}

static const struct option_spec option_specs[SCENARIO_NR_OPTIONS] = {
	[OPTION_BOOT] = SIZE("boot", SCENARIO_NONE),
	[OPTION_NODES] = NUMBER("nodes", 1, 1, MHP_MAX_NODES),
	[OPTION_GEOMETRY] = CHOICE("geometry", 0, machine_geometry_names),
	[OPTION_DESCRIPTOR] = NUMBER("descriptor", 0, 8, 96),
	[OPTION_MEMMAP] = CHOICE("memmap_on_memory", SCENARIO_NONE,
				 memmap_choices),
	[OPTION_AUTO_ONLINE] = CHOICE("auto_online", 0, auto_online_choices),
	[OPTION_ONLINE_POLICY] = CHOICE("online_policy", 0, policy_choices),
	[OPTION_RATIO] = NUMBER("auto_movable_ratio",
				MHP_AUTO_MOVABLE_RATIO_DEFAULT, 0, UINT32_MAX),
	[OPTION_MOVABLE_NODE] = NUMBER("movable_node", 0, 0, 1),
	[OPTION_SPAN] = SIZE("span", MACHINE_SPAN_DEFAULT),
	[OPTION_SIZE] = SIZE("size", SCENARIO_NONE),
	[OPTION_NODE] = NUMBER("node", SCENARIO_NONE, 0, MHP_MAX_NODES - 1),
	[OPTION_ADDR] = SIZE("addr", SCENARIO_NONE),
	[OPTION_COUNT] = NUMBER("count", SCENARIO_NONE, 1, UINT32_MAX),
	[OPTION_BLOCK] = NUMBER("block", SCENARIO_NONE, 0, UINT32_MAX),
	[OPTION_DEVICE_MEMMAP] = CHOICE("memmap_on_memory",
					DEVICE_MEMMAP_DEFAULT,
					device_memmap_choices),
	[OPTION_BLOCK_SIZE] = SIZE("block", UINT64_C(2) << 20),
	[OPTION_MODE] = CHOICE("mode", 0, mode_choices),
	[OPTION_BACKED] = SIZE("backed", 0),
	[OPTION_PMEM_MEMMAP] = CHOICE("memmap", PMEM_MEMMAP_DEFAULT,
				      pmem_memmap_choices),
	[OPTION_RESERVE] = SIZE("reserve", 0),
	[OPTION_TO] = CHOICE("to", 0, to_choices),
	[OPTION_LEND] = NUMBER("lend", 0, 0, 1),
};

struct command_spec {
	const char *name;
	const char *usage;
	unsigned int min_words, max_words;
	uint32_t options;  /* bit of each option that it has */
	uint32_t required; /* of these */
};

#define BIT(option) (UINT32_C(1) << OPTION_##option)

/* In the order of enum scenario_verb. */
static const struct command_spec command_specs[SCENARIO_NR_VERBS] = {
	{"machine",
	 "machine boot=SIZE [nodes=N] [geometry=NAME] [descriptor=BYTES] "
	 "[memmap_on_memory=off|on|force|range|auto] [auto_online=TYPE] "
	 "[online_policy=POLICY] [auto_movable_ratio=PERCENT] "
	 "[movable_node=0|1] [span=SIZE]",
	 0, 0,
	 BIT(BOOT) | BIT(NODES) | BIT(GEOMETRY) | BIT(DESCRIPTOR) |
		 BIT(MEMMAP) | BIT(AUTO_ONLINE) | BIT(ONLINE_POLICY) |
		 BIT(RATIO) | BIT(MOVABLE_NODE) | BIT(SPAN),
	 BIT(BOOT)},
	{"plug", "plug ID size=SIZE [node=N] [addr=ADDRESS]", 1, 1,
	 BIT(SIZE) | BIT(NODE) | BIT(ADDR), BIT(SIZE)},
	{"unplug", "unplug ID", 1, 1, 0, 0},
	{"dax",
	 "dax ID size=SIZE [node=N] [addr=ADDRESS] [memmap_on_memory=off|on]",
	 1, 1, BIT(SIZE) | BIT(NODE) | BIT(ADDR) | BIT(DEVICE_MEMMAP),
	 BIT(SIZE)},
	{"bind", "bind ID", 1, 1, 0, 0},
	{"unbind", "unbind ID", 1, 1, 0, 0},
	{"pmem",
	 "pmem ID size=SIZE [node=N] [addr=ADDRESS] [memmap=device|existing] "
	 "[reserve=SIZE]",
	 1, 1,
	 BIT(SIZE) | BIT(NODE) | BIT(ADDR) | BIT(PMEM_MEMMAP) | BIT(RESERVE),
	 BIT(SIZE)},
	{"unpmem", "unpmem ID", 1, 1, 0, 0},
	{"lmb", "lmb ID count=N size=SIZE [node=N] [addr=ADDRESS]", 1, 1,
	 BIT(COUNT) | BIT(SIZE) | BIT(NODE) | BIT(ADDR),
	 BIT(COUNT) | BIT(SIZE)},
	{"lmb_add", "lmb_add ID count=N", 1, 1, BIT(COUNT), BIT(COUNT)},
	{"lmb_remove", "lmb_remove ID count=N", 1, 1, BIT(COUNT), BIT(COUNT)},
	{"standby", "standby ID size=SIZE [node=N] [addr=ADDRESS]", 1, 1,
	 BIT(SIZE) | BIT(NODE) | BIT(ADDR), BIT(SIZE)},
	{"configure", "configure ID block=N [memmap_on_memory=off|on]", 1, 1,
	 BIT(BLOCK) | BIT(DEVICE_MEMMAP), BIT(BLOCK)},
	{"deconfigure", "deconfigure ID block=N", 1, 1, BIT(BLOCK), BIT(BLOCK)},
	{"vmem",
	 "vmem ID size=SIZE [block=SIZE] [mode=auto|sub|big] [node=N] "
	 "[addr=ADDRESS]",
	 1, 1, BIT(SIZE) | BIT(BLOCK_SIZE) | BIT(MODE) | BIT(NODE) | BIT(ADDR),
	 BIT(SIZE)},
	{"vmem_request", "vmem_request ID size=SIZE", 1, 1, BIT(SIZE),
	 BIT(SIZE)},
	{"vmem_remove", "vmem_remove ID", 1, 1, 0, 0},
	{"balloon",
	 "balloon ID size=SIZE [backed=SIZE] [node=N] [addr=ADDRESS]", 1, 1,
	 BIT(SIZE) | BIT(BACKED) | BIT(NODE) | BIT(ADDR), BIT(SIZE)},
	{"balloon_back", "balloon_back ID size=SIZE", 1, 1, BIT(SIZE),
	 BIT(SIZE)},
	{"balloon_inflate", "balloon_inflate ID size=SIZE", 1, 1, BIT(SIZE),
	 BIT(SIZE)},
	{"balloon_deflate", "balloon_deflate ID size=SIZE", 1, 1, BIT(SIZE),
	 BIT(SIZE)},
	{"balloon_remove", "balloon_remove ID", 1, 1, 0, 0},
	{"move_memmap", "move_memmap block=N to=existing|block", 0, 0,
	 BIT(BLOCK) | BIT(TO), BIT(BLOCK) | BIT(TO)},
	{"evict_memmaps", "evict_memmaps block=N to=existing|block", 0, 0,
	 BIT(BLOCK) | BIT(TO), BIT(BLOCK) | BIT(TO)},
	{"write", "write PATH [VALUE]", 1, 2, 0, 0},
	{"cat", "cat PATH", 1, 1, 0, 0},
	{"huge", "huge NAME size=SIZE [lend=0|1]", 1, 1, BIT(SIZE) | BIT(LEND),
	 BIT(SIZE)},
	{"split", "split NAME", 1, 1, 0, 0},
	{"fill", "fill NAME size=SIZE [node=N]", 1, 1, BIT(SIZE) | BIT(NODE),
	 BIT(SIZE)},
	{"pin", "pin NAME", 1, 1, 0, 0},
	{"unpin", "unpin NAME", 1, 1, 0, 0},
	{"verify", "verify NAME", 1, 1, 0, 0},
	{"drop", "drop NAME", 1, 1, 0, 0},
	{"check", "check", 0, 0, 0, 0},
	{"snapshot", "snapshot", 0, 0, 0, 0},
};

static int wrong_at(const struct scenario *s, const char *format, va_list args)
{
	fprintf(stderr, "mhp: %s:%u: ", s->name, s->number);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	return -1;
}

int scenario_wrong(const struct scenario *s, const char *format, ...)
{
	va_list args;
	int err;

	va_start(args, format);
	err = wrong_at(s, format, args);
	va_end(args);
	return err;
}

struct scenario *scenario_open(const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	struct scenario *s = calloc(1, sizeof(*s));

	if (!s) {
		fprintf(stderr, "mhp: no memory\n");
		return NULL;
	}
	s->name = is_stdin ? "stdin" : path;
	s->file = is_stdin ? stdin : fopen(path, "re");
	if (!s->file) {
		fprintf(stderr,
			"mhp: %s: %s; expected the path of a scenario\n", path,
			strerror(errno));
		free(s);
		return NULL;
	}
	return s;
}

void scenario_close(struct scenario *s)
{
	if (s->file != stdin)
		fclose(s->file);
	free(s->raw);
	free(s->words);
	free(s);
}

/* Names separated by commas, into @list; for messages. */
static void list_add(char *list, size_t room, const char *name)
{
	size_t n = strlen(list);

	snprintf(list + n, room - n, "%s%s", n ? ", " : "", name);
}

static int wrong_verb(const struct scenario *s, const char *word)
{
	char list[1024] = "";
	unsigned int i;

	for (i = 0; i < SCENARIO_NR_VERBS; i++)
		list_add(list, sizeof(list), command_specs[i].name);
	return scenario_wrong(s, "unknown command '%s'; expected one of %s",
			      word, list);
}

static int wrong_choice(const struct scenario *s,
			const struct option_spec *spec, const char *value)
{
	char list[256] = "";
	const char *const *choice;

	for (choice = spec->choices; *choice; choice++)
		list_add(list, sizeof(list), *choice);
	return scenario_wrong(s, "%s cannot be '%s'; expected one of %s",
			      spec->name, value, list);
}

static int parse_choice(const struct scenario *s,
			const struct option_spec *spec, const char *value,
			uint64_t *to)
{
	unsigned int i;

	for (i = 0; spec->choices[i]; i++) {
		if (strcmp(spec->choices[i], value) != 0)
			continue;
		*to = i;
		return 0;
	}
	return wrong_choice(s, spec, value);
}

static int parse_value(const struct scenario *s, const struct option_spec *spec,
		       const char *value, uint64_t *to)
{
	if (spec->kind == OPTION_IS_CHOICE)
		return parse_choice(s, spec, value, to);
	if (spec->kind == OPTION_IS_SIZE) {
		/* UINT64_MAX is no size but "not given". */
		if (size_parse(value, to) && *to != SCENARIO_NONE)
			return 0;
		return scenario_wrong(s, "%s cannot be '%s'; expected %s",
				      spec->name, value, SIZE_EXPECTED);
	}
	if (strspn(value, "0123456789") == strlen(value) &&
	    size_parse(value, to) && *to >= spec->min && *to <= spec->max)
		return 0;
	return scenario_wrong(
		s,
		"%s cannot be '%s'; expected a number from %" PRIu64
		" to %" PRIu64,
		spec->name, value, spec->min, spec->max);
}

/* The option of a command that @name_bytes bytes at @name are the name of. */
static int find_option(const struct command_spec *command, const char *name,
		       size_t name_bytes)
{
	int i;

	for (i = 0; i < SCENARIO_NR_OPTIONS; i++)
		if (command->options & UINT32_C(1) << i &&
		    strlen(option_specs[i].name) == name_bytes &&
		    memcmp(option_specs[i].name, name, name_bytes) == 0)
			return i;
	return -1;
}

static int parse_option(const struct scenario *s,
			const struct command_spec *command, const char *word,
			struct scenario_line *line, uint32_t *seen)
{
	size_t name_bytes = strcspn(word, "=");
	int i = find_option(command, word, name_bytes);

	if (i < 0)
		return scenario_wrong(s, "unknown option '%s'; expected %s",
				      word, command->usage);
	if (*seen & UINT32_C(1) << i)
		return scenario_wrong(s, "%s is given twice; expected %s",
				      option_specs[i].name, command->usage);
	*seen |= UINT32_C(1) << i;
	return parse_value(s, &option_specs[i], word + name_bytes + 1,
			   &line->options[i]);
}

static int parse_word(const struct scenario *s,
		      const struct command_spec *command, const char *word,
		      struct scenario_line *line, uint32_t *seen)
{
	unsigned int i = 0;

	/* Commands without options take any word, such as a value with '='. */
	if (command->options && strchr(word, '='))
		return parse_option(s, command, word, line, seen);
	while (i < command->max_words && line->words[i])
		i++;
	if (i == command->max_words)
		return scenario_wrong(s, "'%s' is too much; expected %s", word,
				      command->usage);
	line->words[i] = word;
	return 0;
}

static int check_complete(const struct scenario *s,
			  const struct command_spec *command,
			  const struct scenario_line *line, uint32_t seen)
{
	uint32_t missing = command->required & ~seen;

	if (command->min_words && !line->words[command->min_words - 1])
		return scenario_wrong(s, "%s lacks a word; expected %s",
				      command->name, command->usage);
	if (missing)
		return scenario_wrong(s, "%s lacks %s=; expected %s",
				      command->name,
				      option_specs[__builtin_ctz(missing)].name,
				      command->usage);
	return 0;
}

static const struct command_spec *find_command(const char *word)
{
	unsigned int i;

	for (i = 0; i < SCENARIO_NR_VERBS; i++)
		if (strcmp(command_specs[i].name, word) == 0)
			return &command_specs[i];
	return NULL;
}

/* Cut @words into words and fill @line. */
static int parse_line(const struct scenario *s, char *words,
		      struct scenario_line *line)
{
	const struct command_spec *command;
	char *rest = NULL;
	char *word = strtok_r(words, BLANKS, &rest);
	uint32_t seen = 0;
	unsigned int i;

	command = find_command(word);
	if (!command)
		return wrong_verb(s, word);
	line->verb = (enum scenario_verb)(command - command_specs);
	for (i = 0; i < SCENARIO_NR_OPTIONS; i++)
		line->options[i] = option_specs[i].fallback;
	while ((word = strtok_r(NULL, BLANKS, &rest)))
		if (parse_word(s, command, word, line, &seen))
			return -1;
	return check_complete(s, command, line, seen);
}

/* Cut the comment and the outer blanks off; the line may become empty. */
static char *trim(char *raw)
{
	char *text = raw + strspn(raw, BLANKS);
	size_t n = strcspn(text, "#");

	while (n && strchr(BLANKS, text[n - 1]))
		n--;
	text[n] = '\0';
	return text;
}

/* Everything but comments is printable ASCII, so that it can be printed. */
static int check_text(const struct scenario *s, const char *text)
{
	const char *c;

	for (c = text; *c; c++)
		if (*c != '\t' && (*c < ' ' || *c > '~'))
			return scenario_wrong(s,
					      "byte 0x%02x at column %td; "
					      "expected printable ASCII",
					      (unsigned char)*c, c - text + 1);
	return 0;
}

/* Read lines up to one that is not empty: 1, 0 at the end, or -1. */
static int read_line(struct scenario *s, char **text)
{
	ssize_t n;

	do {
		errno = 0;
		n = getline(&s->raw, &s->raw_bytes, s->file);
		s->number++;
		if (n < 0 && !feof(s->file))
			return scenario_wrong(s, "%s; expected a scenario",
					      strerror(errno));
		if (n < 0)
			return 0;
		if (memchr(s->raw, '\0', (size_t)n))
			return scenario_wrong(
				s, "a zero byte; expected printable ASCII");
		*text = trim(s->raw);
	} while (**text == '\0');
	return check_text(s, *text) ? -1 : 1;
}

int scenario_next(struct scenario *s, struct scenario_line *line)
{
	char *text = NULL;
	int more = read_line(s, &text);

	if (more <= 0)
		return more;
	free(s->words);
	s->words = strdup(text);
	if (!s->words)
		return scenario_wrong(s, "no memory");
	*line = (struct scenario_line){.number = s->number, .text = text};
	return parse_line(s, s->words, line) ? -1 : 1;
}
