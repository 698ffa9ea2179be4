/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text of Prometheus, as a document: the whole of it, or what ends with "# EOF", which is
 * OpenMetrics. Which of the two it is, and so what its times mean, is known at its end: only then
 * are its lines looked at. Where something is wrong they are looked at again, for their faults,
 * which are told one by one, and for the tree of the others.
 */
#include "common/formats/decode_parts.h"

#include <stdio.h>
#include <strings.h>

#include "common/pattern.h"

#define MOST_LABELS   128 /* of a sample */
#define MOST_EXPONENT 30  /* of a time in seconds, either way */

struct prometheus_label {
    struct slice name, value; /* as written, without the quotes */
};

struct prometheus_sample {
    struct slice name;
    struct prometheus_label labels[MOST_LABELS];
    uint32_t label_count;
    struct slice value;
    struct slice time; /* .at NULL: none */
};

/* ---- a line ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_of_name(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static bool begins(const struct slice *rest, char c)
{
    return rest->len > 0 && rest->at[0] == c;
}

/* The first so many bytes. */
static struct slice take(struct slice *rest, size_t n)
{
    struct slice taken = {rest->at, n};
    *rest = (struct slice){rest->at + n, rest->len - n};
    return taken;
}

static bool take_byte(struct slice *rest, char c)
{
    bool is = begins(rest, c);
    take(rest, is);
    return is;
}

static void take_blanks(struct slice *rest)
{
    size_t n = 0;
    while (n < rest->len && is_blank(rest->at[n])) {
        n++;
    }
    take(rest, n);
}

/* What is between blanks. */
static struct slice take_word(struct slice *rest)
{
    size_t n = 0;
    while (n < rest->len && !is_blank(rest->at[n])) {
        n++;
    }
    return take(rest, n);
}

/* Of a metric (which may have colons) or a label; empty when there is none. */
static struct slice take_name(struct slice *rest, bool metric)
{
    size_t n = 0;
    while (n < rest->len && (is_of_name(rest->at[n], n == 0) || (metric && rest->at[n] == ':'))) {
        n++;
    }
    return take(rest, n);
}

/* Behind its opening quote, with the closing one. 0, or -1: that is not there. */
static int take_quoted(struct slice *rest, struct slice *value)
{
    size_t n = 0;
    while (n < rest->len && rest->at[n] != '"') {
        n += rest->at[n] == '\\' ? 2 : 1;
    }
    if (n >= rest->len) {
        return -1;
    }
    *value = take(rest, n);
    take(rest, 1);
    return 0;
}

/* All return NULL, or what was expected where the rest is now. */

static const char *read_label(struct slice *rest, struct prometheus_sample *s)
{
    struct prometheus_label *l = &s->labels[s->label_count];
    struct slice at = *rest;
    l->name = take_name(rest, false);
    for (uint32_t i = 0; i < s->label_count; i++) {
        if (slice_equal(s->labels[i].name, l->name)) {
            *rest = at;
            return "a label that the sample does not have yet";
        }
    }
    take_blanks(rest);
    if (l->name.len == 0 || !take_byte(rest, '=')) {
        return l->name.len == 0 ? "a label's name" : "= behind a label's name";
    }
    take_blanks(rest);
    if (!take_byte(rest, '"') || take_quoted(rest, &l->value) == -1) {
        return "a label's value in quotes";
    }
    s->label_count++;
    return NULL;
}

/* Behind the opening bracket, with the closing one. A comma may stand behind the last. */
static const char *read_labels(struct slice *rest, struct prometheus_sample *s)
{
    for (;;) {
        take_blanks(rest);
        if (take_byte(rest, '}')) {
            return NULL;
        }
        if (s->label_count == MOST_LABELS) {
            return "not more labels";
        }
        const char *expected = read_label(rest, s);
        if (expected != NULL) {
            return expected;
        }
        take_blanks(rest);
        if (!take_byte(rest, ',') && !begins(rest, '}')) {
            return "a comma or } behind a label";
        }
    }
}

static bool is_value(struct slice text)
{
    static const struct slice words[] = {SLICE("nan"), SLICE("inf"), SLICE("infinity")};
    struct number number;
    if (number_parse(text, &number) == 0) {
        return true;
    }
    if (begins(&text, '+') || begins(&text, '-')) {
        take(&text, 1);
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (text.len == words[i].len && strncasecmp(text.at, words[i].at, text.len) == 0) {
            return true;
        }
    }
    return false;
}

/* Milliseconds, or OpenMetrics' seconds. */
static bool is_time(struct slice text, bool openmetrics)
{
    struct number_digits digits;
    int64_t whole;
    if (!openmetrics) {
        return number_integer(text, INT64_MIN, INT64_MAX, &whole) == 0;
    }
    return number_digits(text, &digits) == 0 && digits.exponent >= -MOST_EXPONENT &&
           digits.exponent <= MOST_EXPONENT;
}

static const char *read_time(struct slice *rest, bool openmetrics, struct prometheus_sample *s)
{
    struct slice at = *rest;
    struct slice time = take_word(rest);
    if (!is_time(time, openmetrics)) {
        *rest = at;
        return openmetrics ? "a time in seconds" : "a time in whole milliseconds";
    }
    s->time = time;
    take_blanks(rest);
    return NULL;
}

/* Nothing more, or an exemplar: what one says is passed over. */
static bool is_end(const struct slice *rest, bool openmetrics)
{
    return rest->len == 0 || (openmetrics && begins(rest, '#'));
}

static const char *read_sample(struct slice *rest, bool openmetrics, struct prometheus_sample *s)
{
    s->label_count = 0;
    s->time = (struct slice){NULL, 0};
    take_blanks(rest);
    s->name = take_name(rest, true);
    if (s->name.len == 0 || (rest->len > 0 && !is_blank(rest->at[0]) && rest->at[0] != '{')) {
        return "the name of a metric";
    }
    take_blanks(rest);
    const char *expected = take_byte(rest, '{') ? read_labels(rest, s) : NULL;
    if (expected != NULL) {
        return expected;
    }
    take_blanks(rest);
    struct slice at = *rest;
    s->value = take_word(rest);
    if (!is_value(s->value)) {
        *rest = at;
        return "a number";
    }
    take_blanks(rest);
    if (!is_end(rest, openmetrics)) {
        expected = read_time(rest, openmetrics, s);
    }
    return expected == NULL && !is_end(rest, openmetrics) ? "the end of the line" : expected;
}

/* Whether a sample is to be expected in the line. */
static bool is_sample(struct slice line)
{
    take_blanks(&line);
    return line.len > 0 && line.at[0] != '#' && !decode_is_blank(line);
}

/* ---- lines into a tree ---- */

/* A label's value as it is meant; what is no escape stands for itself. */
static struct slice unescape(struct decode_tree *t, struct slice value)
{
    char *text = decode_tree_room(t, value.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < value.len && text != NULL; i++) {
        char next = i + 1 < value.len ? value.at[i + 1] : '\0';
        if (value.at[i] == '\\' && (next == '\\' || next == '"' || next == 'n')) {
            text[n++] = next == 'n' ? '\n' : next;
            i++;
        } else {
            text[n++] = value.at[i];
        }
    }
    return (struct slice){text, n};
}

/* Seconds as milliseconds, without rounding. */
static struct slice thousand_times(struct decode_tree *t, struct slice seconds)
{
    struct number_digits d;
    char *text = decode_tree_room(t, seconds.len + MOST_EXPONENT + 8);
    if (text == NULL || number_digits(seconds, &d) == -1) {
        return (struct slice){NULL, 0};
    }
    size_t n = 0, digits = d.whole.len + d.fraction.len;
    size_t behind = d.exponent < -3 ? (size_t)(-3 - d.exponent) : 0; /* a dot */
    size_t zeros = digits <= behind ? behind + 1 - digits : 0;       /* before them */
    if (d.negative) {
        text[n++] = '-';
    }
    for (size_t i = 0; i < zeros + digits; i++) {
        if (i + behind == zeros + digits) {
            text[n++] = '.';
        }
        size_t k = i - zeros;
        text[n++] = i < zeros         ? '0'
                    : k < d.whole.len ? d.whole.at[k]
                                      : d.fraction.at[k - d.whole.len];
    }
    for (int64_t i = -3; digits > 0 && i < d.exponent; i++) {
        text[n++] = '0';
    }
    return (struct slice){text, n};
}

static void add_sample(struct decode_tree *t, struct decode_branch *samples,
                       const struct prometheus_sample *s, bool openmetrics)
{
    static const struct slice none = {NULL, 0}, name = SLICE("name"), labels = SLICE("labels"),
                              value = SLICE("value"), ms = SLICE("ms");
    struct decode_branch sample = decode_tree_branch(t, samples, none, JSON_OBJECT);
    decode_tree_leaf(t, &sample, name, JSON_STRING, decode_tree_copy(t, s->name));
    struct decode_branch object = decode_tree_branch(t, &sample, labels, JSON_OBJECT);
    for (uint32_t i = 0; i < s->label_count && t->fault == NULL; i++) {
        const struct prometheus_label *l = &s->labels[i];
        decode_tree_leaf(t, &object, decode_tree_copy(t, l->name), JSON_STRING,
                         unescape(t, l->value));
    }
    decode_tree_leaf(t, &sample, value, JSON_NUMBER, decode_tree_copy(t, s->value));
    if (s->time.at != NULL) {
        decode_tree_leaf(t, &sample, ms, JSON_NUMBER,
                         openmetrics ? thousand_times(t, s->time) : decode_tree_copy(t, s->time));
    }
}

/* The text as a document, of the lines that are not at fault. Unless these are `checked`, nothing
 * is given yet where something is wrong: DECODE_MORE. */
static enum decode_event give_text(struct decode *d, bool checked, struct arena *a,
                                   struct decode_item *item)
{
    static const struct slice none = {NULL, 0}, key = SLICE("samples");
    struct prometheus_sample sample;
    struct decode_tree t = decode_tree_begin(d, a);
    struct decode_branch whole = decode_tree_branch(&t, NULL, none, JSON_OBJECT);
    struct decode_branch samples = decode_tree_branch(&t, &whole, key, JSON_ARRAY);
    struct slice rest = d->text, line;
    while (t.fault == NULL && line_window_again(&rest, &line)) {
        if (!is_sample(line) || !pattern_is_text(line)) {
            continue;
        }
        if (read_sample(&line, d->openmetrics, &sample) == NULL) {
            add_sample(&t, &samples, &sample, d->openmetrics);
        } else if (!checked) {
            return DECODE_MORE;
        }
    }
    if (t.fault != NULL && !checked) {
        return DECODE_MORE;
    }
    return decode_give(d, &t, whole.node, d->line, d->text, item);
}

/* ---- a text that is complete ---- */

/* Tells the next line that is at fault; when there are no more, the document. */
static enum decode_event check(struct decode *d, struct arena *a, struct decode_item *item)
{
    struct prometheus_sample sample;
    struct slice line;
    while (line_window_again(&d->unchecked, &line)) {
        struct slice rest = line;
        const char *expected = NULL;
        d->checked_line++;
        if (is_sample(line) && pattern_is_text(line)) {
            expected = read_sample(&rest, d->openmetrics, &sample);
        }
        if (expected != NULL) {
            return decode_fault(d, d->checked_line, line, item, "expected %s at byte %zu", expected,
                                line.len - rest.len);
        }
    }
    d->state = DECODE_OUTSIDE;
    return give_text(d, true, a, item);
}

/* The text ends with the line read last. */
static enum decode_event complete(struct decode *d, bool openmetrics, struct arena *a,
                                  struct decode_item *item)
{
    d->text = d->unchecked = line_window_kept(&d->window, true);
    d->checked_line = d->line - 1;
    d->openmetrics = openmetrics;
    if (d->in->openmetrics && !openmetrics) {
        d->state = DECODE_OUTSIDE;
        return decode_fault(d, d->line, d->text, item,
                            "expected \"# EOF\" in the last line of a text of OpenMetrics");
    }
    enum decode_event event = give_text(d, false, a, item);
    d->state = event == DECODE_MORE ? DECODE_CHECKING : DECODE_OUTSIDE;
    return event == DECODE_MORE ? check(d, a, item) : event;
}

static enum decode_event end_without_eof(struct decode *d, struct arena *a,
                                         struct decode_item *item)
{
    return complete(d, false, a, item);
}

/* ---- lines into texts ---- */

static void begin_text(struct decode *d)
{
    line_window_let_go(&d->window, true);
    d->state = DECODE_WITHIN;
    d->line = d->window.line;
    d->number++;
}

static enum decode_event take_line(struct decode *d, struct slice line, struct arena *a,
                                   struct decode_item *item)
{
    bool ends = slice_is(line, "# EOF");
    if (d->state == DECODE_TOO_LARGE) {
        d->state = ends ? DECODE_OUTSIDE : DECODE_TOO_LARGE;
        return DECODE_MORE;
    }
    if (d->state == DECODE_OUTSIDE && decode_is_blank(line)) {
        return DECODE_MORE;
    }
    if (d->state == DECODE_OUTSIDE) {
        begin_text(d);
    }
    if (line_window_kept(&d->window, true).len > d->limits.document_bytes) {
        d->state = ends ? DECODE_OUTSIDE : DECODE_TOO_LARGE;
        return decode_fault(d, d->line, (struct slice){NULL, 0}, item,
                            "expected a text of at most %zu bytes", d->limits.document_bytes);
    }
    return ends ? complete(d, true, a, item) : DECODE_MORE;
}

const struct line_decoder decoder_of_prometheus = {
    .take = take_line, .end = end_without_eof, .check = check, .begin = begin_text};
