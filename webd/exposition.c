/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of all processes, gathered, put in order, written. Pure. */
#include "webd/exposition.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/grow.h"

/* A line, and which metric it is of. */
struct exposed_sample {
    const char *metric, *type, *help;
    const char *line;
    size_t place; /* among all, as they were gathered */
};

struct exposition {
    struct arena *arena;
    struct exposed_sample *at;
    uint32_t count, room;
    bool failed; /* memory is out */
};

static void add(struct exposition *s, const char *metric, const char *type, const char *help,
                const char *line)
{
    struct exposed_sample *at = grow(s->at, s->count, &s->room, sizeof *at);
    s->at = at == NULL ? s->at : at;
    s->failed = s->failed || at == NULL || metric == NULL || help == NULL || line == NULL;
    if (!s->failed) {
        s->at[s->count] = (struct exposed_sample){metric, type, help, line, s->count};
        s->count++;
    }
}

/* ---- texts ---- */

/* How c stands within quotes, or in a help text: with a backslash where it has a meaning. */
static int escape(char c, char out[2])
{
    bool special = c == '\\' || c == '"' || c == '\n';
    out[0] = special ? '\\' : c;
    out[1] = c == '\n' ? 'n' : c;
    return special ? 2 : 1;
}

void exposition_text_write(FILE *f, struct slice text)
{
    char out[2];
    for (size_t i = 0; i < text.len; i++) {
        fwrite(out, 1, (size_t)escape(text.at[i], out), f);
    }
}

static const char *escaped(struct exposition *s, struct slice text)
{
    char *out = arena_alloc(s->arena, 2 * text.len + 2);
    char *to = out;
    if (out == NULL) {
        s->failed = true;
        return "";
    }
    for (size_t i = 0; i < text.len; i++) {
        to += escape(text.at[i], to);
    }
    *to = '\0';
    return out;
}

static const char *text_of(struct exposition *s, const struct json *object, const char *key)
{
    const struct json *text = json_get(object, key);
    return text == NULL || text->type != JSON_STRING
               ? NULL
               : arena_printf(s->arena, "%.*s", (int)text->text.len, text->text.at);
}

/* A count in this unit in the base unit, exactly: 2500 microseconds are 0.0025 seconds. */
static const char *in_base_unit(struct exposition *s, uint64_t value, const char *unit)
{
    int digits = strcmp(unit, "microseconds") == 0 ? 6 : strcmp(unit, "milliseconds") == 0 ? 3 : 0;
    uint64_t parts = digits == 6 ? 1000000 : digits == 3 ? 1000 : 1;
    uint64_t rest = value % parts;
    if (rest == 0) {
        return arena_printf(s->arena, "%" PRIu64, value / parts);
    }
    for (; rest % 10 == 0; rest /= 10) {
        digits--;
    }
    return arena_printf(s->arena, "%" PRIu64 ".%0*" PRIu64, value / parts, digits, rest);
}

static bool read_count(const struct json *node, uint64_t *value)
{
    char digits[24];
    if (node == NULL || node->type != JSON_NUMBER || node->text.len >= sizeof digits ||
        node->text.len == 0 ||
        strspn(memcpy(digits, node->text.at, node->text.len), "0123456789") < node->text.len) {
        return false;
    }
    digits[node->text.len] = '\0';
    *value = strtoull(digits, NULL, 10);
    return true;
}

/* process="stored",reason="json" */
static const char *labels_of(struct exposition *s, const struct process_status *p,
                             const struct json *row)
{
    const struct json *labels = json_get(row, "labels");
    const struct json *more = labels == NULL || labels->type != JSON_OBJECT ? NULL : labels->first;
    const char *name = escaped(s, slice_of(p->name));
    if (more == NULL || more->type != JSON_STRING) {
        return arena_printf(s->arena, "process=\"%s\"", name);
    }
    return arena_printf(s->arena, "process=\"%s\",%.*s=\"%s\"", name, (int)more->key.len,
                        more->key.at, escaped(s, more->text));
}

/* ---- what they count ---- */

/* What it has of this row in a list of its own; NULL: nothing. */
static const struct json *said_of(const struct process_status *p, const char *list,
                                  const struct json *row)
{
    const struct json *name = json_get(row, "name");
    return name == NULL ? NULL : json_find(json_get(p->says, list), name->text);
}

static void add_histogram(struct exposition *s, const struct process_status *p,
                          const struct json *row, const char *metric, const char *help)
{
    const struct json *bounds = json_get(row, "bounds_us");
    const struct json *h = said_of(p, "histograms", row);
    const struct json *counts = json_get(h, "counts");
    const struct json *bound = bounds == NULL ? NULL : bounds->first;
    const char *labels = labels_of(s, p, row);
    uint64_t sum = 0, upto = 0, one = 0, limit = 0;
    if (counts == NULL || labels == NULL || !read_count(json_get(h, "sum_us"), &sum)) {
        return;
    }
    for (const struct json *c = counts->first; c != NULL && read_count(c, &one); c = c->next) {
        upto += one;
        const char *le = bound != NULL && read_count(bound, &limit)
                             ? in_base_unit(s, limit, "microseconds")
                             : "+Inf";
        add(s, metric, "histogram", help,
            arena_printf(s->arena, "%s_bucket{%s,le=\"%s\"} %" PRIu64, metric, labels, le, upto));
        bound = bound == NULL ? NULL : bound->next;
    }
    add(s, metric, "histogram", help,
        arena_printf(s->arena, "%s_sum{%s} %s", metric, labels,
                     in_base_unit(s, sum, "microseconds")));
    add(s, metric, "histogram", help,
        arena_printf(s->arena, "%s_count{%s} %" PRIu64, metric, labels, upto));
}

static void add_counter(struct exposition *s, const struct process_status *p,
                        const struct json *row, const char *metric, const char *help)
{
    const struct json *c = said_of(p, "counters", row);
    const char *unit = text_of(s, row, "unit"), *kind = text_of(s, row, "kind");
    const char *labels = labels_of(s, p, row);
    uint64_t value = 0;
    if (read_count(c, &value) && unit != NULL && kind != NULL && labels != NULL) {
        add(s, metric, kind, help,
            arena_printf(s->arena, "%s{%s} %s", metric, labels, in_base_unit(s, value, unit)));
    }
}

static void add_row(struct exposition *s, const struct process_status *p, const struct json *row)
{
    const struct json *about = json_get(row, "metric_help");
    const char *metric = text_of(s, row, "metric");
    if (metric == NULL || about == NULL || about->type != JSON_STRING) {
        return;
    }
    const char *help = escaped(s, about->text);
    if (json_is(json_get(row, "kind"), "histogram")) {
        add_histogram(s, p, row, metric, help);
    } else {
        add_counter(s, p, row, metric, help);
    }
}

/* ---- what is told of them ---- */

static void add_process(struct exposition *s, const struct process_statuses *all,
                        const struct process_status *p)
{
    const char *name = escaped(s, slice_of(p->name));
    struct arena *a = s->arena;
    add(s, "ezrepo_up", "gauge", "whether the process runs and said so within five seconds",
        arena_printf(a, "ezrepo_up{process=\"%s\"} %d", name, process_is_running(all, p)));
    add(s, "ezrepo_build_info", "gauge", "which release a process is of",
        arena_printf(a, "ezrepo_build_info{process=\"%s\",version=\"%s\"} 1", name,
                     escaped(s, process_text(p, "version"))));
    add(s, "ezrepo_process_start_time_seconds", "gauge",
        "when the process started, seconds since 1970",
        arena_printf(a, "ezrepo_process_start_time_seconds{process=\"%s\"} %" PRId64, name,
                     p->started_us / 1000000));
    for (const struct json *t = process_troubles(p); t != NULL; t = t->next) {
        if (t->type == JSON_STRING) {
            add(s, "ezrepo_trouble", "gauge",
                "1: the process says that something keeps it from doing what it is for",
                arena_printf(a, "ezrepo_trouble{process=\"%s\",about=\"%s\"} 1", name,
                             escaped(s, t->text)));
        }
    }
    for (size_t i = 0; i < p->row_count; i++) {
        add_row(s, p, p->rows[i]);
    }
}

static int by_metric(const void *a, const void *b)
{
    const struct exposed_sample *one = a, *other = b;
    int order = strcmp(one->metric, other->metric);
    return order != 0 ? order : one->place < other->place ? -1 : 1;
}

int exposition_write(FILE *f, struct arena *a, const struct process_statuses *all, bool healthy)
{
    struct exposition s = {.arena = a};
    const char *before = "";
    add(&s, "ezrepo_healthy", "gauge", "1: all processes run, and none has a trouble",
        healthy ? "ezrepo_healthy 1" : "ezrepo_healthy 0");
    for (size_t i = 0; i < all->count; i++) {
        add_process(&s, all, &all->at[i]);
    }
    if (!s.failed) {
        qsort(s.at, s.count, sizeof *s.at, by_metric);
    }
    for (size_t i = 0; i < s.count && !s.failed; i++) {
        const struct exposed_sample *one = &s.at[i];
        if (strcmp(before, one->metric) != 0) {
            fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", one->metric, one->help, one->metric,
                    one->type);
            before = one->metric;
        }
        fprintf(f, "%s\n", one->line);
    }
    free(s.at);
    return s.failed ? -1 : 0;
}
