/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of counters, printed. */
#include "common/counter.h"

#include <ctype.h>
#include <string.h>

#include "common/histogram.h"
#include "common/json.h"

static const char *const kinds[] = {
    [COUNTER_GROWS] = "counter", [COUNTER_GAUGE] = "gauge", [COUNTER_HISTOGRAM] = "histogram"};

/* How a unit is called as the base unit it is converted to, and how a name says that it is one. */
static const struct {
    const char *unit, *base, *in_name;
} units[] = {{"milliseconds", "seconds", "_ms"},
             {"microseconds", "seconds", "_us"},
             {"timestamp", "timestamp_seconds", ""},
             {"bytes", "bytes", "bytes"}};

/* Takes the part out of the text, where it is a word's end. */
static void take_out(char *text, const char *part)
{
    char *at = part[0] == '\0' ? NULL : strstr(text, part);
    size_t size = strlen(part);
    if (at != NULL && !isalnum((unsigned char)at[size])) {
        memmove(at, at + size, strlen(at + size) + 1);
    }
}

static const struct counter_family *family_of(const struct counter_family *families,
                                              const struct counter_row *row)
{
    const struct counter_family *f = row->kind == COUNTER_GROWS ? families : NULL;
    while (f != NULL && f->prefix != NULL &&
           strncmp(row->name, f->prefix, strlen(f->prefix)) != 0) {
        f++;
    }
    return f == NULL || f->prefix == NULL ? NULL : f;
}

/* Each other character becomes an underscore; none is last. */
static void tidy(char *name)
{
    for (char *c = name; *c != '\0'; c++) {
        *c = isalnum((unsigned char)*c) ? *c : '_';
    }
    size_t size = strlen(name);
    while (size > 0 && name[size - 1] == '_') {
        name[--size] = '\0';
    }
}

struct counter_metric counter_metric(const char *process, const struct counter_family *families,
                                     const struct counter_row *row)
{
    const struct counter_family *family = family_of(families, row);
    struct counter_metric m = {.help = family == NULL ? row->help : family->help};
    char words[COUNTER_METRIC_BYTES / 2];
    const char *base = "";
    snprintf(words, sizeof words, "%s", row->name);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(row->unit, units[i].unit) == 0) {
            base = units[i].base;
            take_out(words, units[i].in_name);
        }
    }
    if (family != NULL) {
        m.label = family->label;
        snprintf(m.value, sizeof m.value, "%s", words + strlen(family->prefix));
        words[strlen(family->prefix)] = '\0';
    }
    tidy(words);
    snprintf(m.name, sizeof m.name, "ezrepo%s%s%s%s%s%s%s", process == NULL ? "" : "_",
             process == NULL ? "" : process, words[0] == '\0' ? "" : "_", words,
             base[0] == '\0' ? "" : "_", base, row->kind == COUNTER_GROWS ? "_total" : "");
    tidy(m.name);
    return m;
}

/* Behind what stands before the key: the brace, or a comma. */
static void print_member(FILE *f, const char *before, const char *key, const char *text)
{
    fprintf(f, "%s\"%s\": ", before, key);
    json_print_string(f, text);
}

void counter_print(FILE *f, const char *process, const struct counter_family *families,
                   const struct counter_row *row)
{
    const struct counter_metric m = counter_metric(process, families, row);
    print_member(f, "{", "name", row->name);
    print_member(f, ", ", "kind", kinds[row->kind]);
    print_member(f, ", ", "unit", row->unit);
    print_member(f, ", ", "help", row->help);
    print_member(f, ", ", "metric", m.name);
    fputs(", \"labels\": {", f);
    if (m.label != NULL) {
        print_member(f, "", m.label, m.value);
    }
    print_member(f, "}, ", "metric_help", m.help);
    if (row->kind == COUNTER_HISTOGRAM) {
        for (int i = 0; i < HISTOGRAM_BOUNDS; i++) {
            fprintf(f, "%s%lld", i == 0 ? ", \"bounds_us\": [" : ", ",
                    (long long)histogram_bounds_us[i]);
        }
        fputs("]", f);
    }
    fputs("}\n", f);
}

static void print_gauge(FILE *f, const char **before, const struct counter_row *row)
{
    if (row->kind == COUNTER_GAUGE) {
        fputs(*before, f);
        json_print_string(f, row->name);
        *before = ", ";
    }
}

void counter_print_gauges(FILE *f, const struct counter_row *rows, size_t count,
                          const struct counter_row *more, size_t more_count)
{
    const char *before = "";
    fputs("[", f);
    for (size_t i = 0; i < count; i++) {
        print_gauge(f, &before, &rows[i]);
    }
    for (size_t i = 0; i < more_count; i++) {
        print_gauge(f, &before, &more[i]);
    }
    fputs("]", f);
}
