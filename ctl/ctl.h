/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of ezrepoctl share: exit codes, complaints, options. */
#ifndef EZREPO_CTL_H
#define EZREPO_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/grading.h"

enum { CTL_DONE = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

/* "ezrepoctl: TEXT" on standard error, control characters replaced; returns CTL_FAILED or
 * CTL_USAGE. */
int ctl_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
int ctl_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What an option that may be given several times says, in order. */
#define CTL_TEXTS 64
struct ctl_texts {
    const char *text[CTL_TEXTS];
    int count;
};

/* One option: a text, a flag, or texts. */
struct ctl_option {
    const char *name;     /* without the dashes; NULL ends a group */
    const char *argument; /* what stands for it in the help; NULL for a flag */
    const char **text;
    bool *flag;
    const char *help;
    struct ctl_texts *texts;
};

struct ctl_command {
    const char *name;
    const char *arguments; /* "FILE|-", for the help */
    const char *summary;   /* a sentence */
    int (*run)(const struct ctl_command *self, int argc, char **argv);
};

#define CTL_GROUPS 6

/*
 * Reads the options of the groups (the last group is NULL) out of argv, whose first element is the
 * command's name, and what is left over into rest, at most `most` words, *count of them, not fewer
 * than `least`. 0 to go on; -1 when the command is over: help was printed, or a complaint; then
 * *exit_code says how.
 */
int ctl_options(const struct ctl_command *command,
                const struct ctl_option *const groups[CTL_GROUPS], int argc, char **argv,
                const char **rest, int least, int most, int *count, int *exit_code);

/*
 * Of a table whose elements, `size` bytes each, begin with a struct ctl_command ("format list"),
 * the one whose verb argv[1] is; its arguments begin there. NULL when the command is over: help was
 * printed, or a complaint; then *exit_code says how.
 */
const void *ctl_verb(const struct ctl_command *self, const void *verbs, size_t count, size_t size,
                     int argc, char **argv, int *exit_code);

/* Decimal digits within min..max; -1 when it is none. */
int ctl_number(const char *text, int64_t min, int64_t max, int64_t *value);

/* What --timeout says, 1 ... 3600 seconds; -1 after a complaint. */
int ctl_timeout(const char *text, int64_t *seconds);

/*
 * A time (UTC unless it has an offset), the beginning of a day by its name: "today", "yesterday",
 * "tomorrow", or how long ago: "1d12h", "90m"; microseconds since 1970. -1 when it is none.
 */
int ctl_time(const char *text, int64_t *us);

/* The name of the user who calls; "unknown" where nobody knows it. Good until the next call. */
const char *ctl_user(void);

/*
 * The whole file ("-" is standard input) in the arena, NUL-terminated; at most limit bytes. .at is
 * NULL after a complaint.
 */
struct slice ctl_read_file(struct arena *a, const char *file, size_t limit);

/*
 * The grading document in a file ("-" is standard input), checked; its bytes go to *document. NULL
 * after each fault was named in a complaint.
 */
const struct grading *ctl_read_grading(struct arena *a, const char *file, struct slice *document);

/* The commands; each in the file of its name. */
int ctl_deliver(const struct ctl_command *self, int argc, char **argv);
int ctl_import(const struct ctl_command *self, int argc, char **argv);
int ctl_send(const struct ctl_command *self, int argc, char **argv);
int ctl_sign(const struct ctl_command *self, int argc, char **argv);
int ctl_query(const struct ctl_command *self, int argc, char **argv); /* all that ask by criteria */
int ctl_timeline(const struct ctl_command *self, int argc, char **argv);
int ctl_grid(const struct ctl_command *self, int argc, char **argv);
int ctl_buckets(const struct ctl_command *self, int argc, char **argv);
int ctl_series(const struct ctl_command *self, int argc, char **argv);
int ctl_facets(const struct ctl_command *self, int argc, char **argv);
int ctl_now(const struct ctl_command *self, int argc, char **argv);
int ctl_alert(const struct ctl_command *self, int argc, char **argv);
int ctl_alerts(const struct ctl_command *self, int argc, char **argv);
int ctl_silent(const struct ctl_command *self, int argc, char **argv);
int ctl_changes(const struct ctl_command *self, int argc, char **argv);
int ctl_arrivals(const struct ctl_command *self, int argc, char **argv);
int ctl_watch(const struct ctl_command *self, int argc, char **argv);
int ctl_ask(const struct ctl_command *self, int argc, char **argv);
int ctl_grading(const struct ctl_command *self, int argc, char **argv);
int ctl_capabilities(const struct ctl_command *self, int argc, char **argv);
int ctl_messages(const struct ctl_command *self, int argc, char **argv);
int ctl_rebuild(const struct ctl_command *self, int argc, char **argv);
int ctl_types(const struct ctl_command *self, int argc, char **argv);
int ctl_access(const struct ctl_command *self, int argc, char **argv);
int ctl_maintenance(const struct ctl_command *self, int argc, char **argv);
int ctl_expect(const struct ctl_command *self, int argc, char **argv);
int ctl_role(const struct ctl_command *self, int argc, char **argv);
int ctl_people(const struct ctl_command *self, int argc, char **argv); /* user */
int ctl_token(const struct ctl_command *self, int argc, char **argv);  /* token, key */
int ctl_format(const struct ctl_command *self, int argc, char **argv);
int ctl_format_try(const struct ctl_command *self, int argc, char **argv);       /* a verb of it */
int ctl_grading_check(const struct ctl_command *self, int argc, char **argv);    /* a verb */
int ctl_grading_try(const struct ctl_command *self, int argc, char **argv);      /* a verb */
int ctl_grading_defaults(const struct ctl_command *self, int argc, char **argv); /* a verb */
int ctl_types_adopt(const struct ctl_command *self, int argc, char **argv);      /* a verb of it */

#endif
