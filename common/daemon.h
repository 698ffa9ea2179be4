/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every process of the set does the same way: the command line, the configuration,
 * privileges, signals, the status file, the loop. A process gives a table and callbacks; its main
 * is int main(int argc, char **argv) { return daemon_main(&stored, argc, argv); }
 *
 * Command line: --config FILE [--instance N] [--check-config] [--options] [--counters]
 * [--help] [--version].
 * Signals: the first SIGTERM or SIGINT drains, a second exits at once with 1; SIGHUP reloads.
 */
#ifndef EZREPO_DAEMON_H
#define EZREPO_DAEMON_H

#include <czmq.h>
#include <stdint.h>

#include "common/config.h"
#include "common/counter.h"
#include "common/histogram.h"

struct daemon {
    const char *name;
    const char *summary; /* one sentence for --help */
    const struct config_option *options;
    void *settings; /* the struct that `options` fills */
    size_t settings_size;
    const struct counter_row *counter_rows;
    uint64_t *counters; /* a value for each row: counted up, or set by tick() */
    size_t counter_count;
    const struct counter_family *counter_families; /* NULL: none */
    const struct counter_row *histogram_rows;
    struct histogram *histograms; /* one for each of these rows */
    size_t histogram_count;
    bool several; /* of this kind may share a run_dir, each with an --instance of its own */

    /*
     * Whether these settings can be, and make sense together: see struct config_section. Faults
     * that have no place in the file may be logged. Also called by --check-config, by whoever may
     * not use all the files, and before a reload; so it changes nothing. May be NULL.
     */
    int (*check)(struct document *d, const struct config_common *common, const void *settings);
    /* Still with the privileges of the start: sockets, keys. -1 ends the process. May be NULL. */
    int (*prepare)(void);
    /* Unprivileged. Adds its readers and timers to the loop (NULL when run() is given). */
    int (*start)(zloop_t *loop);
    /* Instead of the zloop: see daemon_signal_fd(). May be NULL. */
    int (*run)(void);
    /*
     * SIGHUP, after the reloadable options took their new values. -1: said why in the log, kept the
     * old; who asked for the reload is told what check() and this said. NULL ok.
     */
    int (*reload)(void);
    /* First SIGTERM: take nothing new, finish what was begun, then call daemon_finished(). */
    void (*drain)(void);
    /* Every second, before the status file is written: set gauges and notes. May be NULL. */
    void (*tick)(void);
    /* Releases everything. May be NULL. */
    void (*stop)(void);
};

int daemon_main(const struct daemon *d, int argc, char **argv);

/* The common section, from prepare() on. */
const struct config_common *daemon_common(void);

/* The folder of this process's own files: run_dir, or its part of it where each has a user of its
 * own (common/owner.h). From prepare() on. */
const char *daemon_own_dir(void);

/* A short text shown in the status ("database" = "connected"); at most 16 keys, 200 bytes each. */
void daemon_note(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * The same of what may be a trouble: something that keeps the process, now, from doing what it is
 * for. It makes the set ill (`ezrepo status`, webd); its key is a label of monitoring, so one of
 * few.
 */
void daemon_trouble(const char *key, bool is_one, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether it has run for so long that what it needs should be there. */
bool daemon_is_settled(void);

/* Drained, or something is wrong for good: leave the loop with this exit code. The loop is woken up
 * for it, whoever calls this. */
void daemon_finished(int exit_code);

bool daemon_draining(void);

/* Whether a SIGTERM has come, also while the loop is not there to take it: for what takes long and
 * can be broken off. */
bool daemon_is_asked_to_end(void);

/*
 * For a process with a loop of its own: poll this descriptor and call daemon_signals() when it is
 * readable, call daemon_tick() every second, and return from run() once daemon_signals() or
 * anything else has called daemon_finished(), which daemon_is_finished() tells.
 */
int daemon_signal_fd(void);
void daemon_signals(void);
void daemon_tick(void);
bool daemon_is_finished(void);

/* Microseconds since 1970 (UTC), and of a clock that never steps. */
int64_t daemon_now_us(void);
int64_t daemon_clock_us(void);

#endif
