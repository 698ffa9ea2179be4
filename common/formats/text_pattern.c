/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pattern is a row of elements. Matching goes over them twice. First from right to left: for each
 * element, at which bytes of the line can it begin so that it and all behind it fit? That follows
 * from the same of the next element alone, in one walk through the line. With "{a:int}-{b:int}"
 * and the line "12-34":
 *
 *              1 2 - 3 4 end
 *     end                x      the whole line has to fit
 *     {b:int}      x x x        at the '-', too: it may be a sign
 *     -            x            {b:int} can begin behind it
 *     {a:int}  x x              digits up to where a '-' can begin
 *
 * Then from left to right: each element takes as much as ends where the next one can begin; that it
 * can is known, so nothing is tried that has to be taken back. Each row is a set of bits.
 */
#include "common/formats/text_pattern.h"

#include <stdio.h>

enum text_kind {
    TEXT_NAME,
    TEXT_WORD,
    TEXT_INT,
    TEXT_NUM,
    TEXT_HOST,
    TEXT_REST,
    TEXT_NUMBERS,
    TEXT_BLANKS,
    TEXT_LITERAL,
    TEXT_OPTIONAL
};

static const char *const field_kinds[] = {"name", "word", "int", "num", "host", "rest", "numbers"};
#define FIELD_KINDS (sizeof field_kinds / sizeof field_kinds[0])

#define NO_FIELD UINT32_MAX

struct text_element {
    enum text_kind kind;
    struct slice literal; /* TEXT_LITERAL */
    uint32_t behind;      /* TEXT_OPTIONAL: the element behind its part */
    uint32_t field;       /* a field with a name: which; else NO_FIELD */
};

struct text_pattern {
    struct text_element elements[TEXT_PATTERN_ELEMENTS];
    uint32_t count;
    struct slice names[TEXT_PATTERN_FIELDS];
    uint32_t field_count;
    struct slice needle; /* the longest literal that has to be there; .at NULL: there is none */
};

/* ---- reading a pattern ---- */

struct pattern_reader {
    struct arena *arena;
    struct slice text;
    size_t at;
    struct text_pattern *pattern;
    uint32_t open[TEXT_PATTERN_DEPTH]; /* parts in brackets that are not closed */
    uint32_t depth;
    char *literals; /* room for their bytes, and where the next goes */
    char *why;
};

static int refuse(struct pattern_reader *r, const char *what)
{
    snprintf(r->why, TEXT_PATTERN_WHY, "%s at byte %zu of the pattern", what, r->at);
    return -1;
}

static struct text_element *add_element(struct pattern_reader *r, enum text_kind kind)
{
    if (r->pattern->count == TEXT_PATTERN_ELEMENTS) {
        snprintf(r->why, TEXT_PATTERN_WHY, "expected at most %d words, blanks, fields and parts",
                 TEXT_PATTERN_ELEMENTS);
        return NULL;
    }
    struct text_element *e = &r->pattern->elements[r->pattern->count++];
    *e = (struct text_element){.kind = kind, .field = NO_FIELD};
    return e;
}

/* A byte that stands for itself; it joins a literal that ends right before it. */
static int add_literal(struct pattern_reader *r, char byte)
{
    struct text_pattern *p = r->pattern;
    struct text_element *e = p->count == 0 ? NULL : &p->elements[p->count - 1];
    bool joins =
        e != NULL && e->kind == TEXT_LITERAL && e->literal.at + e->literal.len == r->literals;
    if (!joins) {
        e = add_element(r, TEXT_LITERAL);
        if (e == NULL) {
            return -1;
        }
        e->literal = (struct slice){r->literals, 0};
    }
    *r->literals++ = byte;
    e->literal.len++;
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool text_pattern_is_name(struct slice name)
{
    if (name.len == 0 || name.len > TEXT_PATTERN_NAME_BYTES || is_digit(name.at[0])) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_letter(name.at[i]) && !is_digit(name.at[i]) && name.at[i] != '_') {
            return false;
        }
    }
    return true;
}

static int name_field(struct pattern_reader *r, struct text_element *e, struct slice name)
{
    struct text_pattern *p = r->pattern;
    if (!text_pattern_is_name(name)) {
        return refuse(r, "expected a field's name of letters, digits and _, no digit first,");
    }
    for (uint32_t i = 0; i < p->field_count; i++) {
        if (slice_equal(p->names[i], name)) {
            return refuse(r, "expected a name that the pattern does not have yet");
        }
    }
    if (p->field_count == TEXT_PATTERN_FIELDS) {
        snprintf(r->why, TEXT_PATTERN_WHY, "expected at most %d fields", TEXT_PATTERN_FIELDS);
        return -1;
    }
    e->field = p->field_count;
    p->names[p->field_count++] = name;
    return 0;
}

/* -1: there is none of that name. */
static int find_kind(struct slice name)
{
    for (size_t i = 0; i < FIELD_KINDS; i++) {
        if (slice_is(name, field_kinds[i])) {
            return (int)i;
        }
    }
    return -1;
}

/* "{name:kind}"; at '{'. */
static int read_field(struct pattern_reader *r)
{
    const char *from = r->text.at + r->at + 1;
    const char *end = memchr(from, '}', r->text.len - r->at - 1);
    if (end == NULL) {
        return refuse(r, "expected } behind the {");
    }
    const char *colon = memchr(from, ':', (size_t)(end - from));
    struct slice name = {from, (size_t)((colon == NULL ? end : colon) - from)};
    int kind =
        colon == NULL ? TEXT_WORD : find_kind((struct slice){colon + 1, (size_t)(end - colon - 1)});
    if (kind == -1) {
        return refuse(r,
                      "expected a kind, one of name word int num host rest numbers, in the field");
    }
    struct text_element *e = add_element(r, (enum text_kind)kind);
    if (e == NULL || (name.len > 0 && name_field(r, e, name) == -1)) {
        return -1;
    }
    r->at = (size_t)(end - r->text.at) + 1;
    return 0;
}

static int open_part(struct pattern_reader *r)
{
    if (r->depth == TEXT_PATTERN_DEPTH) {
        return refuse(r, "expected fewer parts within each other");
    }
    r->open[r->depth++] = r->pattern->count;
    r->at++;
    return add_element(r, TEXT_OPTIONAL) == NULL ? -1 : 0;
}

static int close_part(struct pattern_reader *r)
{
    if (r->depth == 0) {
        return refuse(r, "expected [ before the ] (which is written \\] where it is meant)");
    }
    uint32_t open = r->open[--r->depth];
    if (open + 1 == r->pattern->count) {
        return refuse(r, "expected something in the brackets");
    }
    r->pattern->elements[open].behind = r->pattern->count;
    r->literals++; /* what follows is no part of a literal within */
    r->at++;
    return 0;
}

static int read_element(struct pattern_reader *r)
{
    char c = r->text.at[r->at];
    switch (c) {
    case '{':
        return read_field(r);
    case '[':
        return open_part(r);
    case ']':
        return close_part(r);
    case '}':
        return refuse(r, "expected { before the } (which is written \\} where it is meant)");
    case ' ':
        r->at++;
        return add_element(r, TEXT_BLANKS) == NULL ? -1 : 0;
    case '\\':
        if (++r->at == r->text.len) {
            return refuse(r, "expected a character behind the \\");
        }
        c = r->text.at[r->at];
        break;
    default:
        break;
    }
    r->at++;
    return add_literal(r, c);
}

/* What a line has to have: of the literals outside of all brackets the longest. */
static struct slice find_needle(const struct text_pattern *p)
{
    struct slice needle = {NULL, 0};
    for (uint32_t i = 0; i < p->count;) {
        const struct text_element *e = &p->elements[i];
        if (e->kind == TEXT_LITERAL && e->literal.len > needle.len) {
            needle = e->literal;
        }
        i = e->kind == TEXT_OPTIONAL ? e->behind : i + 1;
    }
    return needle;
}

static int read_pattern(struct pattern_reader *r)
{
    while (r->at < r->text.len) {
        if (read_element(r) == -1) {
            return -1;
        }
    }
    if (r->depth > 0) {
        return refuse(r, "expected ], which a part ends with,");
    }
    r->pattern->needle = find_needle(r->pattern);
    return 0;
}

struct text_pattern *text_pattern_compile(struct arena *a, struct slice text,
                                          char why[TEXT_PATTERN_WHY])
{
    if (text.len == 0 || text.len > TEXT_PATTERN_BYTES) {
        snprintf(why, TEXT_PATTERN_WHY, "expected a pattern of 1..%d bytes, found %zu",
                 TEXT_PATTERN_BYTES, text.len);
        return NULL;
    }
    struct text_pattern *p = arena_calloc(a, 1, sizeof *p);
    char *literals = arena_alloc(a, text.len);
    if (p == NULL || literals == NULL) {
        snprintf(why, TEXT_PATTERN_WHY, "out of memory");
        return NULL;
    }
    struct pattern_reader r = {
        .arena = a, .text = text, .pattern = p, .literals = literals, .why = why};
    return read_pattern(&r) == -1 ? NULL : p;
}

uint32_t text_pattern_field_count(const struct text_pattern *p)
{
    return p->field_count;
}

struct slice text_pattern_field_name(const struct text_pattern *p, uint32_t i)
{
    return p->names[i];
}

/* ---- from right to left ---- */

/*
 * A line that is matched: a row of bits for each element, one for what is behind the last, and one
 * for the bytes that a character begins with, since no field ends within one.
 */
struct text_line {
    const char *at;
    size_t len;
    size_t words; /* of a row */
    uint64_t *rows;
    const uint64_t *characters;
};

static size_t row_words(size_t line_bytes)
{
    return line_bytes / 64 + 1; /* a bit more than bytes: the line's end */
}

size_t text_pattern_room(const struct text_pattern *p, size_t line_bytes)
{
    return (p->count + 2) * row_words(line_bytes);
}

static bool has(const uint64_t *row, size_t i)
{
    return (row[i / 64] >> (i % 64) & 1) != 0;
}

static void set(uint64_t *row, size_t i)
{
    row[i / 64] |= UINT64_C(1) << (i % 64);
}

/* Behind the last that is set before `end`; 0: there is none. Long lines have few in most rows. */
static size_t behind_last(const uint64_t *row, size_t end)
{
    uint64_t word = end % 64 == 0 ? 0 : row[end / 64] & ((UINT64_C(1) << (end % 64)) - 1);
    size_t w = end / 64;
    while (word == 0 && w > 0) {
        word = row[--w];
    }
    return word == 0 ? 0 : 64 * w + 64 - (size_t)__builtin_clzll(word);
}

static bool is_of(enum text_kind kind, char c)
{
    switch (kind) {
    case TEXT_NAME:
        return is_letter(c) || is_digit(c) || c == '-';
    case TEXT_HOST:
        return c != '(' && c != ')' && is_of(TEXT_WORD, c);
    case TEXT_WORD:
        return c != ' ' && (c < '\t' || c > '\r');
    case TEXT_NUM:
    case TEXT_NUMBERS:
        return is_digit(c) || c == '.';
    case TEXT_INT:
        return is_digit(c);
    case TEXT_BLANKS:
        return c == ' ' || c == '\t';
    default:
        return true;
    }
}

static bool is_signed(enum text_kind kind)
{
    return kind == TEXT_INT || kind == TEXT_NUM;
}

static void fill_literal(const struct text_line *l, struct slice literal, const uint64_t *next,
                         uint64_t *row)
{
    for (size_t end = behind_last(next, l->len + 1); end > literal.len;
         end = behind_last(next, end - 1)) {
        size_t from = end - 1 - literal.len;
        if (memcmp(l->at + from, literal.at, literal.len) == 0) {
            set(row, from);
        }
    }
}

/* One or more characters of a kind. */
static void fill_run(const struct text_line *l, enum text_kind kind, const uint64_t *next,
                     uint64_t *row)
{
    bool fits = false; /* at the byte behind */
    for (size_t i = l->len; i-- > 0;) {
        if (!fits) {
            size_t end = behind_last(next, i + 2);
            if (end < 2) {
                return;
            }
            i = end - 2; /* nothing can end between there and here */
        }
        bool signs = is_signed(kind) && l->at[i] == '-' && fits;
        fits = is_of(kind, l->at[i]) && (fits || has(next, i + 1));
        if (fits || signs) {
            set(row, i);
        }
    }
}

static void fill_rest(const struct text_line *l, const uint64_t *next, uint64_t *row)
{
    size_t end = behind_last(next, l->len + 1);
    memset(row, 0xff, end / 64 * sizeof *row);
    if (end % 64 > 0) {
        row[end / 64] = (UINT64_C(1) << (end % 64)) - 1;
    }
}

/* What fits at a byte within a field of numbers. */
struct numbers_fit {
    bool number;  /* digits and dots of a number, which may have begun before */
    bool element; /* a number or a '-' */
    bool blanks;  /* blanks between two, which may have begun before */
    bool behind;  /* what may follow a number: the rest of the pattern, or blanks and another */
};

static void fill_numbers(const struct text_line *l, const uint64_t *next, uint64_t *row)
{
    struct numbers_fit right = {.behind = has(next, l->len)};
    for (size_t i = l->len; i-- > 0;) {
        struct numbers_fit fit;
        fit.number = is_of(TEXT_NUM, l->at[i]) && (right.number || right.behind);
        fit.element = fit.number || (l->at[i] == '-' && (right.number || right.behind));
        fit.blanks = is_of(TEXT_BLANKS, l->at[i]) && (right.element || right.blanks);
        fit.behind = has(next, i) || fit.blanks;
        if (fit.element) {
            set(row, i);
        }
        right = fit;
    }
}

static uint64_t *row_of(const struct text_line *l, uint32_t element)
{
    return l->rows + element * l->words;
}

static void fill_row(const struct text_line *l, const struct text_pattern *p, uint32_t i)
{
    const struct text_element *e = &p->elements[i];
    const uint64_t *next = row_of(l, i + 1);
    uint64_t *row = row_of(l, i);
    memset(row, 0, l->words * sizeof *row);
    if (e->kind == TEXT_LITERAL) {
        fill_literal(l, e->literal, next, row);
    } else if (e->kind == TEXT_REST) {
        fill_rest(l, next, row);
    } else if (e->kind == TEXT_NUMBERS) {
        fill_numbers(l, next, row);
    } else if (e->kind == TEXT_OPTIONAL) {
        for (size_t w = 0; w < l->words; w++) {
            row[w] = next[w] | row_of(l, e->behind)[w];
        }
    } else {
        fill_run(l, e->kind, next, row);
    }
    for (size_t w = 0; w < l->words; w++) {
        row[w] &= l->characters[w];
    }
}

static void fill_characters(const struct text_line *l, uint64_t *row)
{
    memset(row, 0, l->words * sizeof *row);
    for (size_t i = 0; i < l->len; i++) {
        row[i / 64] |= (uint64_t)(((unsigned char)l->at[i] & 0xc0) != 0x80) << (i % 64);
    }
    set(row, l->len);
}

static void fill_rows(const struct text_line *l, const struct text_pattern *p, bool whole)
{
    uint64_t *end = row_of(l, p->count);
    for (size_t w = 0; w < l->words; w++) {
        end[w] = whole ? 0 : l->characters[w];
    }
    set(end, l->len);
    for (uint32_t i = p->count; i-- > 0;) {
        fill_row(l, p, i);
    }
}

/* ---- from left to right ---- */

/* The furthest end of a run that begins at `from`, where the next element can begin. */
static size_t run_end(const struct text_line *l, enum text_kind kind, size_t from,
                      const uint64_t *next)
{
    size_t end = from + (is_signed(kind) && l->at[from] == '-');
    while (end < l->len && is_of(kind, l->at[end])) {
        end++;
    }
    while (!has(next, end)) {
        end--;
    }
    return end;
}

/* The same of numbers. */
static size_t numbers_end(const struct text_line *l, size_t from, const uint64_t *next)
{
    enum { ELEMENT, DASH, NUMBER, BLANKS } state = ELEMENT;
    size_t end = from;
    for (size_t i = from; i < l->len; i++) {
        bool begins = state == ELEMENT || state == BLANKS;
        if (begins && l->at[i] == '-') {
            state = DASH;
        } else if (is_of(TEXT_NUM, l->at[i])) {
            state = NUMBER;
        } else if (state != ELEMENT && is_of(TEXT_BLANKS, l->at[i])) {
            state = BLANKS;
        } else {
            break;
        }
        if (state != BLANKS && has(next, i + 1)) {
            end = i + 1;
        }
    }
    return end;
}

static size_t element_end(const struct text_line *l, const struct text_element *e, size_t from,
                          const uint64_t *next)
{
    if (e->kind == TEXT_LITERAL) {
        return from + e->literal.len;
    }
    return e->kind == TEXT_NUMBERS ? numbers_end(l, from, next) : run_end(l, e->kind, from, next);
}

static void take_values(const struct text_line *l, const struct text_pattern *p,
                        struct slice values[TEXT_PATTERN_FIELDS])
{
    size_t at = 0;
    for (uint32_t i = 0; i < p->count;) {
        const struct text_element *e = &p->elements[i];
        const uint64_t *next = row_of(l, i + 1);
        if (e->kind == TEXT_OPTIONAL) {
            i = has(next, at) ? i + 1 : e->behind;
            continue;
        }
        size_t end = element_end(l, e, at, next);
        if (e->field != NO_FIELD) {
            values[e->field] = (struct slice){l->at + at, end - at};
        }
        at = end;
        i++;
    }
}

/* What is seen at a glance, for nearly all lines that do not fit. */
static bool may_fit(const struct text_pattern *p, struct slice line)
{
    const struct text_element *first = &p->elements[0];
    if (first->kind == TEXT_LITERAL &&
        (first->literal.len > line.len ||
         memcmp(line.at, first->literal.at, first->literal.len) != 0)) {
        return false;
    }
    return p->needle.at == NULL || memmem(line.at, line.len, p->needle.at, p->needle.len) != NULL;
}

bool text_pattern_match(const struct text_pattern *p, struct slice line, bool whole, uint64_t *room,
                        struct slice values[TEXT_PATTERN_FIELDS])
{
    if (!may_fit(p, line)) {
        return false;
    }
    struct text_line l = {.at = line.at, .len = line.len, .words = row_words(line.len)};
    l.rows = room;
    l.characters = row_of(&l, p->count + 1);
    fill_characters(&l, row_of(&l, p->count + 1));
    fill_rows(&l, p, whole);
    if (!has(row_of(&l, 0), 0)) {
        return false;
    }
    for (uint32_t i = 0; i < p->field_count; i++) {
        values[i] = (struct slice){NULL, 0};
    }
    take_values(&l, p, values);
    return true;
}
