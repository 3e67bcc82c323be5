/* SPDX-License-Identifier: MIT */
/*
 * The guest's only program: its init. It does on a Linux kernel what the host
 * asks for on the second serial port, one request a line, one answer a line.
 *
 *   w PATH VALUE   writes to a file     r PATH   reads a file
 *   l PATH         names in a directory
 *   f NAME SIZE NODE  fills a file in memory with known content (NODE -1: any)
 *   v NAME         verifies it          d NAME   deletes it
 *   p SIZE         puts as much into pipes: pages that cannot be moved
 *   u ALL          empties the pipes
 *   m PATH         inserts a module
 *   s FIRST        the state: blocks from FIRST on, zones, managed memory
 *
 * PATH, VALUE and texts in answers are hexadecimal. An answer is 0 or a
 * negative errno, then a text if there is one. A write that takes too long is
 * interrupted and answers -EINTR: Linux tries without end to offline memory
 * that cannot be moved.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

#define MEMORY "/sys/devices/system/memory"
#define WRITE_SECONDS 20
#define TEXT_BYTES (1 << 20)
#define MPOL_BIND 2
#define PIPE_BYTES (1 << 20)

static FILE *host; /* answers go there */
static char text[TEXT_BYTES];
static char line[1 << 16];

static void wake(int signal)
{
	(void)signal;
}

/* -- Texts. */

static int unhex(char *s)
{
	size_t i, n = strlen(s) / 2;
	unsigned int byte;

	for (i = 0; i < n; i++) {
		if (sscanf(s + 2 * i, "%2x", &byte) != 1)
			return -1;
		s[i] = (char)byte;
	}
	s[n] = '\0';
	return (int)n;
}

static void answer(int rc, const char *bytes, size_t n)
{
	size_t i;

	fprintf(host, "%d ", rc);
	for (i = 0; i < n; i++)
		fprintf(host, "%02x", (unsigned char)bytes[i]);
	fputc('\n', host);
	fflush(host);
}

/* The whole file into text. Return: bytes, or a negative errno. */
static ssize_t slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	size_t done = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, text + done, TEXT_BYTES - 1 - done)) > 0)
		done += (size_t)n;
	if (n < 0)
		n = -errno;
	close(fd);
	text[done] = '\0';
	return n < 0 ? n : (ssize_t)done;
}

/* -- Files. */

static void do_write(const char *path, const char *value, size_t n)
{
	struct itimerval patience = {{1, 0}, {WRITE_SECONDS, 0}};
	struct itimerval none = {{0, 0}, {0, 0}};
	int fd = open(path, O_WRONLY);
	int rc = 0;

	if (fd < 0) {
		answer(-errno, NULL, 0);
		return;
	}
	setitimer(ITIMER_REAL, &patience, NULL);
	if (write(fd, value, n) < 0)
		rc = -errno;
	setitimer(ITIMER_REAL, &none, NULL);
	close(fd);
	answer(rc, NULL, 0);
}

static void do_read(const char *path)
{
	ssize_t n = slurp(path);

	if (n < 0)
		answer((int)n, NULL, 0);
	else
		answer(0, text, (size_t)n);
}

static void do_module(const char *path)
{
	int fd = open(path, O_RDONLY);

	answer(fd < 0 || syscall(SYS_finit_module, fd, "", 0) ? -errno : 0,
	       NULL, 0);
	close(fd);
}

static char kind_of(const char *dir, const char *name, mode_t *mode)
{
	static const char kinds[] = "?pc?d?b?-?l?s???";
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (lstat(path, &st))
		return '?';
	*mode = st.st_mode & 07777;
	return kinds[st.st_mode >> 12 & 15];
}

static void do_list(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	size_t n = 0;

	if (!dir) {
		answer(-errno, NULL, 0);
		return;
	}
	while ((entry = readdir(dir))) {
		mode_t mode = 0;
		char kind = kind_of(path, entry->d_name, &mode);

		n += (size_t)snprintf(text + n, TEXT_BYTES - n, "%c %04o %s\n",
				      kind, (unsigned int)mode, entry->d_name);
	}
	closedir(dir);
	answer(0, text, n);
}

/* -- Files in memory. */

static uint64_t pattern(const char *name, uint64_t i)
{
	uint64_t x = i * 0x9e3779b97f4a7c15 + (unsigned char)name[0];

	x = (x ^ x >> 31) * 0xbf58476d1ce4e5b9;
	return x ^ x >> 29;
}

/* What the node, or all, could give without strain, in KiB. */
static long free_kib(int node)
{
	char path[64] = "/proc/meminfo";
	const char *at;

	if (node >= 0)
		snprintf(path, sizeof(path),
			 "/sys/devices/system/node/node%d/meminfo", node);
	if (slurp(path) < 0)
		return 0;
	at = strstr(text, "MemFree:");
	return at ? atol(at + strlen("MemFree:")) : 0;
}

/* Return: the mapping of the file, or NULL with errno. */
static uint64_t *map_file(const char *name, size_t *bytes, int create)
{
	char path[128];
	struct stat st;
	void *at;
	int fd;

	snprintf(path, sizeof(path), "/fill/%s", name);
	fd = open(path, O_RDWR | (create ? O_CREAT | O_EXCL : 0), 0600);
	if (fd < 0)
		return NULL;
	if (create && ftruncate(fd, (off_t)*bytes))
		goto close_file;
	if (fstat(fd, &st))
		goto close_file;
	*bytes = (size_t)st.st_size;
	at = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return at == MAP_FAILED ? NULL : at;
close_file:
	close(fd);
	return NULL;
}

static void do_fill(const char *name, size_t bytes, int node)
{
	unsigned long mask = node >= 0 ? 1UL << node : 0;
	uint64_t *at;
	size_t i;

	/* Rather than meet the killer of processes, which ends the machine. */
	if (free_kib(node) - (16 << 10) < (long)(bytes >> 10)) {
		answer(-ENOMEM, NULL, 0);
		return;
	}
	at = map_file(name, &bytes, 1);
	if (!at || (mask && syscall(SYS_mbind, at, bytes, MPOL_BIND, &mask,
				    8 * sizeof(mask), 0))) {
		answer(-errno, NULL, 0);
		return;
	}
	for (i = 0; i < bytes / 8; i++)
		at[i] = pattern(name, i);
	munmap(at, bytes);
	answer(0, NULL, 0);
}

static void do_verify(const char *name)
{
	size_t i, bytes = 0;
	uint64_t *at = map_file(name, &bytes, 0);
	int rc = 0;

	if (!at) {
		answer(-errno, NULL, 0);
		return;
	}
	for (i = 0; i < bytes / 8 && !rc; i++)
		rc = at[i] == pattern(name, i) ? 0 : -EIO;
	munmap(at, bytes);
	answer(rc, NULL, 0);
}

static void do_drop(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/fill/%s", name);
	answer(unlink(path) ? -errno : 0, NULL, 0);
}

/* -- Pages of the kernel's own. */

static int pipes[256][2];
static unsigned int nr_pipes;

static int pipe_full(void)
{
	static const char bytes[PIPE_BYTES];
	int *ends = pipes[nr_pipes];

	if (nr_pipes == sizeof(pipes) / sizeof(pipes[0]))
		return -ENFILE;
	if (pipe(ends))
		return -errno;
	nr_pipes++;
	if (fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES) < 0 ||
	    write(ends[1], bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
		return -EIO;
	return 0;
}

static void do_pin(size_t bytes)
{
	size_t done;
	int rc = 0;

	for (done = 0; done < bytes && !rc; done += PIPE_BYTES)
		rc = pipe_full();
	answer(rc, NULL, 0);
}

static void do_unpin(void)
{
	while (nr_pipes) {
		nr_pipes--;
		close(pipes[nr_pipes][0]);
		close(pipes[nr_pipes][1]);
	}
	answer(0, NULL, 0);
}

/* -- The state. */

static void state_block(FILE *out, unsigned int id)
{
	static const char *const files[] = {"state", "valid_zones"};
	char path[128];
	unsigned int i;

	fprintf(out, "block %u", id);
	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), MEMORY "/memory%u/%s", id,
			 files[i]);
		if (slurp(path) <= 0)
			strcpy(text, "?\n");
		text[strcspn(text, "\n")] = '\0';
		fprintf(out, "\t%s", text);
	}
	fputc('\n', out);
}

static void state_blocks(FILE *out, unsigned int first)
{
	DIR *dir = opendir(MEMORY);
	struct dirent *entry;
	unsigned int id;

	while (dir && (entry = readdir(dir)))
		if (sscanf(entry->d_name, "memory%u", &id) == 1 && id >= first)
			state_block(out, id);
	if (dir)
		closedir(dir);
}

static void state_zones(FILE *out)
{
	static const char *const keys[] = {"spanned", "present", "managed"};
	FILE *in = fopen("/proc/zoneinfo", "r");
	char row[256], zone[32], key[32];
	unsigned long value;
	unsigned int i, node;

	while (in && fgets(row, sizeof(row), in)) {
		if (sscanf(row, "Node %u, zone %31s", &node, zone) == 2)
			fprintf(out, "zone %u %s", node, zone);
		if (sscanf(row, "%31s %lu", key, &value) != 2)
			continue;
		for (i = 0; i < 3; i++)
			if (strcmp(key, keys[i]) == 0)
				fprintf(out, " %lu%s", value,
					i == 2 ? "\n" : "");
	}
	if (in)
		fclose(in);
}

static void do_state(unsigned int first)
{
	char *bytes = NULL, *total;
	size_t n = 0;
	FILE *out = open_memstream(&bytes, &n);

	state_blocks(out, first);
	state_zones(out);
	if (slurp("/proc/meminfo") > 0) {
		total = strstr(text, "MemTotal:");
		fprintf(out, "total %ld\n", total ? atol(total + 9) : 0);
	}
	fclose(out);
	answer(0, bytes, n);
	free(bytes);
}

/* -- Requests. */

static void request(char *verb, char *a, char *b, char *c)
{
	int n = b ? 0 : -1;

	if (strchr("wrlm", *verb))
		unhex(a);
	if (*verb == 'w' && b)
		n = unhex(b);
	switch (*verb) {
	case 'w':
		do_write(a, b, n < 0 ? 0 : (size_t)n);
		break;
	case 'r':
		do_read(a);
		break;
	case 'l':
		do_list(a);
		break;
	case 'm':
		do_module(a);
		break;
	case 'f':
		do_fill(a, strtoull(b, NULL, 0), atoi(c));
		break;
	case 'v':
		do_verify(a);
		break;
	case 'd':
		do_drop(a);
		break;
	case 'p':
		do_pin(strtoull(a, NULL, 0));
		break;
	case 'u':
		do_unpin();
		break;
	case 's':
		do_state((unsigned int)atoi(a));
		break;
	default:
		answer(-ENOSYS, NULL, 0);
	}
}

static void serve(FILE *in)
{
	char *words[4], *save;
	unsigned int i;

	while (fgets(line, sizeof(line), in)) {
		save = NULL;
		for (i = 0; i < 4; i++)
			words[i] = strtok_r(i ? NULL : line, " \n", &save);
		if (words[0] && words[1])
			request(words[0], words[1], words[2], words[3]);
	}
}

static void mount_all(void)
{
	static const struct {
		const char *type, *at, *options;
	} trees[] = {
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"devtmpfs", "/dev", ""},
		{"debugfs", "/sys/kernel/debug", ""},
		{"tmpfs", "/fill", "size=0,huge=never"},
	};
	unsigned int i;

	for (i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		mkdir(trees[i].at, 0755);
		if (mount(trees[i].type, trees[i].at, trees[i].type, 0,
			  trees[i].options))
			perror(trees[i].at);
	}
}

int main(void)
{
	struct sigaction act = {.sa_handler = wake};
	struct termios mode;
	int fd;

	mount_all();
	sigaction(SIGALRM, &act, NULL);
	fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY);
	if (fd < 0 || tcgetattr(fd, &mode))
		return 1;
	cfmakeraw(&mode);
	tcsetattr(fd, TCSANOW, &mode);
	host = fdopen(dup(fd), "w");
	setvbuf(host, NULL, _IOFBF, 1 << 16);
	fputs("ready\n", host);
	fflush(host);
	serve(fdopen(fd, "r"));
	return 0;
}
