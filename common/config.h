/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file: JSON with comments, one object per section ("common" and one per
 * process). Each process has one table of options; a new option is one line there and one in
 * docs/configuration.md. Unknown sections and unknown keys are errors. All that is wrong is told in
 * one reading, a line for each fault (common/document.h).
 */
#ifndef EZREPO_CONFIG_H
#define EZREPO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/document.h"

enum config_type {
    CONFIG_STRING,  /* const char * */
    CONFIG_INTEGER, /* int64_t, within min..max */
    CONFIG_BOOLEAN, /* bool */
    CONFIG_STRINGS, /* struct config_strings */
    CONFIG_OBJECT,  /* const struct json *: an object the process reads itself; NULL when absent */
    CONFIG_LIST     /* the same, a list */
};

struct config_strings {
    const char **item;
    size_t count;
};

struct config_option {
    const char *name;
    enum config_type type;
    size_t offset;      /* of the member in the settings struct */
    const char *preset; /* as JSON text, e.g. "512", "\"info\"", "[]"; NULL: must be given */
    int64_t min, max;   /* CONFIG_INTEGER */
    bool reloadable;    /* SIGHUP may change it */
    const char *help;   /* one line: meaning and unit */
};

/* The end of a table. */
#define CONFIG_END                                                                                 \
    {                                                                                              \
        NULL, CONFIG_STRING, 0, NULL, 0, 0, false, NULL                                            \
    }

struct config_common {
    const char *run_dir; /* ZeroMQ's ipc sockets and status files; 0700 */
    const char
        *schemas_dir; /* the contracts: sql/, mplane/, record-types.json, grading/, formats/ */
    const char *record_types_dir; /* the operator's own record types; "": there are none */
    const char *formats_dir;      /* the operator's own formats; "": there are none */
    const char *user;             /* to become when started as root; "" stays */
    const char *log_level;
};
extern const struct config_option config_common_options[];

/* The processes' names, which are those of their sections; the last is NULL. */
extern const char *const *const config_processes;

/* What one reading of the file gave; strings in the settings live as long as it. */
struct config;

/* What a process reads of the file, beside "common". */
struct config_section {
    const char *name;
    const struct config_option *options;
    /*
     * What the table cannot say: whether values can be, and make sense together. Faults go to d, as
     * "SECTION.OPTION: expected ..., found ...". -1 when there was one that was told otherwise.
     * Also called when options are at fault, so that all is told at once; such an option has its
     * preset, and one that is required is NULL: there is nothing more to say of it. May be NULL.
     */
    int (*check)(struct document *d, const struct config_common *common, const void *settings);
};

/*
 * Reads the file, fills *common and, by the table, *settings, and has them checked. After faults,
 * each told on a line of standard error ("FILE: stored.flush_ms: expected an integer 1..10000,
 * found \"x\""), NULL. The caller owns the result.
 */
struct config *config_read(const char *file, struct config_common *common,
                           const struct config_section *section, void *settings);

/* The same from bytes without the check, for tests and the fuzzer; `file` is only a name for
 * messages. */
struct config *config_read_bytes(const char *file, struct slice bytes, struct config_common *common,
                                 const struct config_section *section, void *settings);

/*
 * After SIGHUP: takes the reloadable members of `from` into `into`; logs every option that differs
 * but needs a restart. Both are settings structs of the same table.
 */
void config_reload(const char *section, const struct config_option *options, void *into,
                   const void *from);

void config_free(struct config **c);

#endif
