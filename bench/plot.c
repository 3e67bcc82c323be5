/* SPDX-License-Identifier: MIT */
/*
 * mhp bench --plot: draws costs with gnuplot, which gets its script on a pipe
 * and writes the file.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "plot.h"

extern char **environ;

static const char *const script_head =
	"set terminal svg size 800,760 font 'sans-serif,14' background "
	"'white'\n"
	"set encoding utf8\n"
	"set linetype 1 lc rgb '#0072b2' lw 2 pt 7 ps 0.6\n"
	"set linetype 2 lc rgb '#d55e00' lw 2 pt 5 ps 0.6\n"
	"set linetype 3 lc rgb '#009e73' lw 2 pt 9 ps 0.7\n"
	"set linetype 4 lc rgb '#cc79a7' lw 2 pt 13 ps 0.8\n"
	"set linetype 5 lc rgb '#555555' lw 2 dt 2 pt 1 ps 0.4\n"
	"set grid ytics xtics lc rgb '#dddddd' lt 1\n"
	"set border 3\n"
	"set tics nomirror out\n";

static const char *const script_sizes =
	"set title 'Allocation over the size of memory'\n"
	"set lmargin at screen 0.11\n"
	"set rmargin at screen 0.69\n"
	"set tmargin at screen 0.94\n"
	"set bmargin at screen 0.58\n"
	"set logscale x 2\n"
	"set xrange [least_size/1.1:most_size*1.1]\n"
	"set logscale y 10\n"
	"set format y '%.0f'\n"
	"set yrange [1:*]\n"
	"set xlabel 'memory present'\n"
	"set ylabel 'ns for one operation' offset 0.5\n"
	"set key at screen 0.71,0.94 top left Left reverse samplen 2 "
	"spacing 1.2\n"
	"set label 1 \"(¹) all but 64 pages are\\nused: free one and\\n"
	"allocate another\\n(²) allocate and free\\n(³) one locked\\n"
	"instruction\" at screen 0.715,0.72 left font ',12'\n"
	"plot $sizes using 1:6:xtic(8) with linespoints lt 4 title "
	"'exchange a page (¹)', \\\n"
	"  $sizes using 1:5 with linespoints lt 3 title '2 MiB pair (²)', \\\n"
	"  $sizes using 1:4 with linespoints lt 2 title '4 KiB pair (²)', \\\n"
	"  $sizes using 1:3 with linespoints lt 1 title '4 KiB alloc', \\\n"
	"  $sizes using 1:2 with lines lt 5 title 'floor (³)'\n"
	"unset label 1\n";

static const char *const script_plug =
	"set title 'Add and online'\n"
	"set lmargin at screen 0.11\n"
	"set rmargin at screen 0.5\n"
	"set tmargin at screen 0.4\n"
	"set bmargin at screen 0.1\n"
	"unset logscale y\n"
	"set format y '%g'\n"
	"set yrange [0:*]\n"
	"set xlabel 'size plugged at once'\n"
	"set ylabel 'µs for each GiB' offset 0.5\n"
	"unset key\n"
	"plot $sizes using 1:7:xtic(8) with linespoints lt 1\n";

static const char *const script_threads =
	"set title 'Allocation by several threads'\n"
	"set lmargin at screen 0.61\n"
	"set rmargin at screen 0.97\n"
	"unset logscale x\n"
	"set xtics 1\n"
	"set xlabel 'threads, each on its processor'\n"
	"set ylabel 'ns for one operation of each' offset 0.5\n"
	"set xrange [0.5:most_threads+0.5]\n"
	"set yrange [0:1.6*most_ns]\n"
	"set key inside top right Left reverse samplen 2 spacing 1.2\n"
	"plot $threads using 1:4 with linespoints lt 2 title '4 KiB pair', \\\n"
	"  $threads using 1:3 with linespoints lt 1 title '4 KiB alloc', \\\n"
	"  $threads using 1:2 with linespoints lt 5 title 'floor'\n";

/* 128M, 16G, 1T */
static void write_size(FILE *out, uint64_t size_bytes)
{
	static const char units[] = "MGT";
	uint64_t mib = size_bytes / BENCH_MIB;
	unsigned int i;

	for (i = 0; i < 2 && mib % 1024 == 0; i++)
		mib /= 1024;
	fprintf(out, "\"%llu%c\"", (unsigned long long)mib, units[i]);
}

static void write_data(FILE *out, const struct plot_data *data)
{
	size_t i;
	int curve;

	fputs("$sizes << EOD\n", out);
	for (i = 0; i < data->nr_sizes; i++) {
		const struct plot_size *point = &data->sizes[i];

		fprintf(out, "%.0f %g", (double)point->size_bytes,
			point->floor_ns);
		for (curve = 0; curve < NR_PLOT_CURVES; curve++)
			fprintf(out, " %g", point->ns[curve]);
		fprintf(out, " %g ", point->plug_us_per_gib);
		write_size(out, point->size_bytes);
		fputc('\n', out);
	}
	fputs("EOD\n$threads << EOD\n", out);
	for (i = 0; i < data->nr_threads; i++)
		fprintf(out, "%u %g %g %g\n", data->threads[i].threads,
			data->threads[i].floor_ns, data->threads[i].alloc_ns,
			data->threads[i].pair_ns);
	fputs("EOD\n", out);
}

/* What the axes have to reach. */
static void write_most(FILE *out, const struct plot_data *data)
{
	double most_ns = 0;
	size_t i;

	for (i = 0; i < data->nr_threads; i++) {
		const struct plot_threads *point = &data->threads[i];

		most_ns = point->pair_ns > most_ns ? point->pair_ns : most_ns;
		most_ns = point->alloc_ns > most_ns ? point->alloc_ns : most_ns;
	}
	fprintf(out, "least_size = %.0f\nmost_size = %.0f\n",
		(double)data->sizes[0].size_bytes,
		(double)data->sizes[data->nr_sizes - 1].size_bytes);
	fprintf(out, "most_ns = %g\nmost_threads = %u\n", most_ns,
		data->threads[data->nr_threads - 1].threads);
}

static void write_script(FILE *out, const struct plot_data *data)
{
	fputs(script_head, out);
	write_data(out, data);
	write_most(out, data);
	fputs("set multiplot\n", out);
	fputs(script_sizes, out);
	fputs(script_plug, out);
	fputs(script_threads, out);
	fputs("unset multiplot\n", out);
}

/* gnuplot with its standard input and output. Return: 0 or an errno value. */
static int start_gnuplot(int in, int out, pid_t *pid)
{
	char *argv[] = {(char[]){"gnuplot"}, NULL};
	posix_spawn_file_actions_t actions;
	int err = posix_spawn_file_actions_init(&actions);

	if (err)
		return err;
	err = posix_spawn_file_actions_adddup2(&actions, in, 0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, out, 1);
	if (!err)
		err = posix_spawnp(pid, "gnuplot", &actions, NULL, argv,
				   environ);
	posix_spawn_file_actions_destroy(&actions);
	return err;
}

static int fail_gnuplot(int err)
{
	if (err == ENOENT)
		fputs("mhp bench: gnuplot is not installed (on Debian: package "
		      "gnuplot-nox)\n",
		      stderr);
	else
		fprintf(stderr, "mhp bench: gnuplot does not start: %s\n",
			strerror(err));
	return EXIT_FAILED;
}

/* Give it the script and wait for its end. */
static int feed_gnuplot(int fd, pid_t pid, const struct plot_data *data)
{
	FILE *script = fdopen(fd, "w");
	int status = 1;

	if (script) {
		write_script(script, data);
		fclose(script);
	} else {
		close(fd);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (script && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return EXIT_DONE;
	fputs("mhp bench: gnuplot could not draw\n", stderr);
	return EXIT_FAILED;
}

static int draw(int out, const struct plot_data *data)
{
	int err, ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return fail_gnuplot(errno);
	/* If it ends early, that is said; it is no reason to die. */
	signal(SIGPIPE, SIG_IGN);
	err = start_gnuplot(ends[0], out, &pid);
	close(ends[0]);
	if (!err)
		return feed_gnuplot(ends[1], pid, data);
	close(ends[1]);
	return fail_gnuplot(err);
}

/* Whether there is a gnuplot: to know before a minute has gone by. */
static int probe(void)
{
	int err, ends[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid_t pid;

	if (null < 0 || pipe2(ends, O_CLOEXEC))
		return fail_gnuplot(errno);
	err = start_gnuplot(ends[0], null, &pid);
	close(ends[0]);
	close(ends[1]);
	close(null);
	if (err)
		return fail_gnuplot(err);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return EXIT_DONE;
}

/* What failed leaves no file behind, unless that is a device. */
static void forget_file(int fd, const char *path)
{
	struct stat st;

	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		unlink(path);
}

static int plot_to(const struct bench *b, int out)
{
	struct plot_data data = {.nr_sizes = 0};
	int status = plot_measure(b, &data);

	return status ? status : draw(out, &data);
}

int bench_plot(const struct bench *b)
{
	int fd, status = probe();

	if (status)
		return status;
	fd = open(b->plot, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0) {
		fprintf(stderr, "mhp bench: %s: %s\n", b->plot,
			strerror(errno));
		return EXIT_FAILED;
	}
	status = plot_to(b, fd);
	if (status)
		forget_file(fd, b->plot);
	close(fd);
	return status;
}
