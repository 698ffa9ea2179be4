/* SPDX-License-Identifier: Apache-2.0 */
/* The command access: all that the store says of who may do what, and how it came to be so. */
#include <stdio.h>
#include <stdlib.h>

#include "common/when_time.h"
#include "ctl/access_link.h"
#include "ctl/listing.h"

#define LIMIT_DEFAULT 20

static struct {
    const char *output, *limit, *before;
} given;

static const struct ctl_option history_options[] = {
    LISTING_OPTION(given.output),
    {"limit", "N", &given.limit, NULL, "at most so many changes; 20 unless given"},
    {"before", "VERSION", &given.before, NULL, "those of versions before this one"},
    {NULL, NULL, NULL, NULL, NULL}};

static void print_text(FILE *f, const char *member, struct slice text)
{
    fprintf(f, ", \"%s\": ", member);
    json_print_slice(f, text);
}

static void print_change(FILE *f, const struct access_history_message *m, uint32_t i)
{
    char at[WHEN_TEXT];
    when_time_text((int64_t)m->changed_us[i], at);
    fprintf(f, "{\"version\": %llu, \"changed\": \"%s\"", (unsigned long long)m->versions[i], at);
    print_text(f, "author", m->authors[i]);
    print_text(f, "action", m->actions[i]);
    print_text(f, "kind", m->kinds[i]);
    print_text(f, "name", m->names[i]);
    fputs(", \"body\": ", f);
    if (m->bodies[i].at == NULL) {
        fputs("null}", f);
    } else {
        fwrite(m->bodies[i].at, 1, m->bodies[i].len, f);
        fputc('}', f);
    }
}

static int print_history(struct access_link *l, const struct access_history_message *m)
{
    static const char *const names[] = {"version", "changed", "author", "action",
                                        "kind",    "name",    "body",   NULL};
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL) {
        return ctl_failed("out of memory");
    }
    fputc('[', f);
    for (uint32_t i = 0; i < m->versions_count; i++) {
        fputs(i == 0 ? "" : ", ", f);
        print_change(f, m, i);
    }
    fputc(']', f);
    const struct json *rows =
        fclose(f) == EOF ? NULL : access_link_tree(l, (struct slice){text, size});
    free(text);
    return rows == NULL ? CTL_FAILED : listing_print(l->arena, given.output, rows, names);
}

static int history(struct access_link *l)
{
    int64_t limit = LIMIT_DEFAULT, before = 0;
    struct access_history_message m;
    if (given.limit != NULL && ctl_number(given.limit, 1, LIMIT_PAST, &limit) == -1) {
        return ctl_usage("--limit: expected 1 to %d, found \"%s\"", LIMIT_PAST, given.limit);
    }
    if (given.before != NULL && ctl_number(given.before, 1, INT64_MAX, &before) == -1) {
        return ctl_usage("--before: expected a version, found \"%s\"", given.before);
    }
    return access_link_past(l, (uint64_t)before, (uint64_t)limit, &m) == -1 ? CTL_FAILED
                                                                            : print_history(l, &m);
}

static int show(struct access_link *l)
{
    uint64_t version;
    const struct json *document = access_link_get(l, &version);
    struct slice text = document == NULL ? (struct slice){NULL, 0} : json_text(l->arena, document);
    if (text.at == NULL) {
        return CTL_FAILED;
    }
    printf("%.*s\n", (int)text.len, text.at);
    return CTL_DONE;
}

static const struct access_verb {
    struct ctl_command command;
    const struct ctl_option *options;
    int (*run)(struct access_link *);
} verbs[] = {
    {{"access show", "", "Prints the document in force as JSON, without secrets.", ctl_access},
     NULL,
     show},
    {{"access history", "", "Lists who changed when who may do what, the newest first.",
      ctl_access},
     history_options,
     history},
};

static int run_verb(const struct access_verb *v, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {access_link_options, v->options, NULL};
    struct access_link l;
    int count, exit_code;
    if (ctl_options(&v->command, groups, argc, argv, NULL, 0, 0, &count, &exit_code) == -1) {
        return exit_code;
    }
    exit_code = access_link_open(&l);
    if (exit_code == CTL_DONE) {
        exit_code = v->run(&l);
        access_link_close(&l);
    }
    return exit_code;
}

int ctl_access(const struct ctl_command *self, int argc, char **argv)
{
    int exit_code;
    const struct access_verb *v = ctl_verb(self, verbs, sizeof verbs / sizeof verbs[0],
                                           sizeof verbs[0], argc, argv, &exit_code);
    return v == NULL ? exit_code : run_verb(v, argc - 1, argv + 1);
}
