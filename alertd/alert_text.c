/* SPDX-License-Identifier: Apache-2.0 */
/* JSON, written; nothing is read here. */
#include "alertd/alert_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/record_dimensions.h"
#include "common/when_time.h"

/* ---- pieces ---- */

void alert_time(int64_t us, char text[ALERT_TIME_BYTES])
{
    char plain[WHEN_TEXT];
    when_time_text(us, plain);
    plain[10] = 'T';
    snprintf(text, ALERT_TIME_BYTES, "%sZ", plain);
}

/* A text that is written: free() it. */
struct writing {
    FILE *f;
    char *text;
    size_t size;
};

static FILE *begin(struct writing *w)
{
    *w = (struct writing){0};
    w->f = open_memstream(&w->text, &w->size);
    return w->f;
}

static char *end(struct writing *w)
{
    if (w->f == NULL || fclose(w->f) == EOF) {
        free(w->text);
        return NULL;
    }
    return w->text;
}

/* "name":"value", of an object. */
static void print_member(FILE *f, bool *first, struct slice name, struct slice value)
{
    fputs(*first ? "" : ",", f);
    *first = false;
    json_print_slice(f, name);
    fputc(':', f);
    json_print_slice(f, value);
}

static void print_time_member(FILE *f, bool *first, const char *name, int64_t us)
{
    char text[ALERT_TIME_BYTES];
    alert_time(us, text);
    print_member(f, first, slice_of(name), slice_of(text));
}

static bool has_pair(const struct route_pairs *pairs, const char *name)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (slice_is(pairs->pair[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Those that none of `instead` replaces. */
static void print_pairs(FILE *f, bool *first, const struct route_pairs *pairs,
                        const struct route_pairs *instead)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (instead == NULL || !has_pair(instead, pairs->pair[i].name.at)) {
            print_member(f, first, pairs->pair[i].name, pairs->pair[i].value);
        }
    }
}

static struct slice or_empty(struct slice s)
{
    return s.at == NULL ? slice_of("") : s;
}

/* ---- what an alert is of ---- */

char *alert_key(struct slice route, const struct alert_subject *s)
{
    struct writing w;
    FILE *f = begin(&w);
    if (f != NULL) {
        fputc('[', f);
        json_print_slice(f, route);
        fputc(',', f);
        json_print_slice(f, or_empty(s->grade_name));
        for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
            if (s->dimensions[d].at == NULL) {
                fputs(",null", f);
            } else {
                fputc(',', f);
                json_print_slice(f, s->dimensions[d]);
            }
        }
        fputc(']', f);
    }
    return end(&w);
}

char *alert_labels(const struct alert_routes *routes, const struct route *route,
                   const struct alert_subject *s)
{
    struct writing w;
    bool first = true;
    FILE *f = begin(&w);
    if (f != NULL) {
        fputc('{', f);
        print_member(f, &first, slice_of("alertname"), route->name);
        if (s->grade_name.len > 0) {
            print_member(f, &first, slice_of("grade"), s->grade_name);
        }
        for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
            if (s->dimensions[d].len > 0) {
                print_member(f, &first, slice_of(dimension_rows[d].name), s->dimensions[d]);
            }
        }
        print_pairs(f, &first, &routes->labels, &route->labels);
        print_pairs(f, &first, &route->labels, NULL);
        fputc('}', f);
    }
    return end(&w);
}

char *alert_own_labels(const struct alert_routes *routes, const char *name, struct slice route)
{
    struct writing w;
    bool first = true;
    FILE *f = begin(&w);
    if (f != NULL) {
        fputc('{', f);
        print_member(f, &first, slice_of("alertname"), slice_of(name));
        if (route.len > 0) {
            print_member(f, &first, slice_of("route"), route);
        }
        print_pairs(f, &first, &routes->labels, NULL);
        fputc('}', f);
    }
    return end(&w);
}

char *alert_own_annotations(const char *summary)
{
    struct writing w;
    bool first = true;
    FILE *f = begin(&w);
    if (f != NULL) {
        fputc('{', f);
        print_member(f, &first, slice_of("summary"), slice_of(summary));
        fputc('}', f);
    }
    return end(&w);
}

/* ---- how it is ---- */

static void print_parameter(FILE *f, char *before, const char *name, struct slice value)
{
    fprintf(f, "%c%s=", *before, name);
    *before = '&';
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];
        fprintf(f, isalnum(c) || strchr("-._~", c) != NULL ? "%c" : "%%%02X", c);
    }
}

char *alert_link(const char *page_url, const struct alert_subject *s)
{
    struct writing w;
    char before = strchr(page_url, '?') == NULL ? '?' : '&';
    FILE *f = begin(&w);
    if (f != NULL && page_url[0] != '\0') {
        fputs(page_url, f);
        for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
            if (s->dimensions[d].len > 0) {
                print_parameter(f, &before, dimension_rows[d].name, s->dimensions[d]);
            }
        }
        if (s->grade_name.len > 0) {
            print_parameter(f, &before, "grade", s->grade_name);
        }
    }
    return end(&w);
}

/* "ping ICMPECHO vm 192.0.2.1 192.0.2.2: overall is 1"; "probe vm is silent". */
static char *summary_of(const struct alert_subject *s)
{
    struct writing w;
    const char *before = s->series == 0 ? "probe " : "";
    FILE *f = begin(&w);
    if (f != NULL) {
        for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
            if (s->dimensions[d].len > 0) {
                fprintf(f, "%s%.*s", before, (int)s->dimensions[d].len, s->dimensions[d].at);
                before = " ";
            }
        }
        if (s->grade_name.len > 0) {
            fprintf(f, ": %.*s is %" PRId64, (int)s->grade_name.len, s->grade_name.at, s->grade);
        } else {
            fputs(" is silent", f);
        }
    }
    return end(&w);
}

static void print_facts(FILE *f, bool *first, const struct route_pairs *instead,
                        const struct alert_subject *s, const char *summary, const char *link)
{
    if (!has_pair(instead, "summary")) {
        print_member(f, first, slice_of("summary"), slice_of(summary));
    }
    print_time_member(f, first, "since", s->since_us);
    if (s->line.len > 0) {
        print_member(f, first, slice_of("why"), s->line);
    }
    if (s->version.len > 0) {
        print_member(f, first, slice_of("grading_version"), s->version);
    }
    if (s->last_us != INT64_MIN) {
        print_time_member(f, first, "last_record", s->last_us);
    }
    if (link[0] != '\0' && !has_pair(instead, "link")) {
        print_member(f, first, slice_of("link"), slice_of(link));
    }
}

char *alert_annotations(const struct route *route, const struct alert_subject *s, const char *link)
{
    struct writing w;
    bool first = true;
    char *summary = summary_of(s);
    FILE *f = begin(&w);
    if (f != NULL && summary != NULL) {
        fputc('{', f);
        print_facts(f, &first, &route->annotations, s, summary, link);
        print_pairs(f, &first, &route->annotations, NULL);
        fputc('}', f);
    }
    free(summary);
    return summary == NULL ? (free(end(&w)), NULL) : end(&w);
}

/* ---- messages ---- */

/* An end lies behind its beginning. */
static int64_t end_of(const struct alert *alert, int64_t ends_us)
{
    int64_t end_us = alert->resolved_us == 0 ? ends_us : alert->resolved_us;
    return end_us > alert->fired_us ? end_us : alert->fired_us + 1000;
}

void alert_print_alertmanager(FILE *f, const struct alert *alert, int64_t ends_us)
{
    char starts[ALERT_TIME_BYTES], ends[ALERT_TIME_BYTES];
    alert_time(alert->fired_us, starts);
    alert_time(end_of(alert, ends_us), ends);
    fprintf(f, "{\"labels\":%s,\"annotations\":%s,\"startsAt\":\"%s\",\"endsAt\":\"%s\"",
            alert->labels, alert->annotations, starts, ends);
    if (alert->link[0] != '\0') {
        fputs(",\"generatorURL\":", f);
        json_print_string(f, alert->link);
    }
    fputc('}', f);
}

static void print_text(FILE *f, const char *name, const char *text)
{
    fprintf(f, ",\"%s\":", name);
    json_print_string(f, text);
}

static void print_time(FILE *f, const char *name, int64_t us)
{
    char text[ALERT_TIME_BYTES];
    alert_time(us, text);
    print_text(f, name, text);
}

const char *const alert_known_names[] = {
    [ALERT_NOTHING] = "nothing", [ALERT_FIRES] = "that it fires", [ALERT_ALL] = "all"};

/* What each receiver was told last: how it was then, and what came back. */
static void print_receipts(FILE *f, const struct alert *alert, const char *const *receivers,
                           unsigned count)
{
    const char *before = "";
    fputs(",\"receivers\":{", f);
    for (unsigned i = 0; i < count; i++) {
        const struct alert_receipt *r = &alert->receipt[i];
        if (r->answer[0] != '\0') {
            fputs(before, f);
            json_print_string(f, receivers[i]);
            fprintf(f, ":{\"taken\":\"%s\"", alert_known_names[alert_known(alert, i)]);
            print_text(f, "answer", r->answer);
            print_time(f, "sent", r->sent_us);
            fputc('}', f);
            before = ",";
        }
    }
    fputc('}', f);
}

void alert_print_store(FILE *f, const struct alert *alert, const char *const *receivers,
                       unsigned count)
{
    fprintf(f, "{\"id\":\"%s\"", alert->id);
    print_text(f, "key", alert->key);
    print_text(f, "route", alert->route);
    if (alert->series != 0) {
        fprintf(f, ",\"series\":%" PRId64, alert->series);
    }
    print_text(f, "probe", alert->probe);
    print_text(f, "grade", alert->grade_name);
    print_time(f, "since", alert->since_us);
    print_time(f, "fired", alert->fired_us);
    if (alert->resolved_us != 0) {
        print_time(f, "resolved", alert->resolved_us);
    }
    fprintf(f, ",\"settled\":%s,\"said\":{\"labels\":%s,\"annotations\":%s",
            alert->settled ? "true" : "false", alert->labels, alert->annotations);
    print_text(f, "link", alert->link);
    print_receipts(f, alert, receivers, count);
    fputs("}}", f);
}
