/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which series a question is about: those that fit its pattern for each dimension, and, where who
 * asks may not see all, one of his criteria as well. No I/O.
 */
#include "common/pattern.h"
#include "common/record_dimensions.h"
#include "queryd/builder.h"

static void add_prefix(struct builder *b, const char *dimension, const struct pattern *p)
{
    char address[ADDRESS_TEXT_SIZE];
    address_text(&p->prefix.address, address);
    int prefix = builder_parameter(b, arena_printf(b->arena, "%s/%u", address, p->prefix.bits));
    int text = builder_text(b, p->text);
    builder_add(b, "(%s_addr <<= $%d::inet OR (%s_addr IS NULL AND %s = $%d))", dimension, prefix,
                dimension, dimension, text);
}

/* Appends the condition that a pattern is, unless it is for any. */
static void add_pattern(struct builder *b, enum dimension d, const struct pattern *p)
{
    const char *name = dimension_rows[d].name;
    if (p->kind == PATTERN_PREFIX) {
        add_prefix(b, name, p);
        return;
    }
    bool exact = p->kind == PATTERN_EXACT;
    int value = exact ? builder_text(b, p->text) : builder_text(b, pattern_like(b->arena, p));
    builder_add(b, "%s %s $%d", name, exact ? "=" : "LIKE", value);
}

/* What stands before the next condition. */
static const char *begin_condition(struct builder *b)
{
    bool first = !b->series;
    b->series = true;
    return first ? "matched AS NOT MATERIALIZED (SELECT id FROM series WHERE " : " AND ";
}

/* What the question asks for. Of the type it is kept how it was compared. */
static int add_criteria(struct builder *b)
{
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        struct pattern p;
        if (pattern_compile(*query_dimension(b->q, d), dimension_rows[d].addresses, &p) == -1) {
            return builder_fault(
                b,
                "record.%s: expected a pattern in UTF-8 of at most %d bytes, \\ in it "
                "only before *, ? and \\, and no prefix that cannot be",
                dimension_rows[d].name, LIMIT_DIMENSION_BYTES);
        }
        if (p.kind == PATTERN_ANY) {
            continue;
        }
        builder_add(b, "%s", begin_condition(b));
        add_pattern(b, d, &p);
        if (d == DIMENSION_type) {
            b->type_operator = p.kind == PATTERN_EXACT ? "=" : "LIKE";
            b->type_value = b->c->parameter_count;
        }
        b->series_beyond_type = b->series_beyond_type || d != DIMENSION_type;
    }
    return 0;
}

/* ---- what who asks may see ---- */

struct asker_criteria {
    struct pattern of[DIMENSION_COUNT];
};

/* Criteria as patterns: 0; 1: they fit any series; -1: they are none. */
static int compile_criteria(const struct slice *texts, struct asker_criteria *s)
{
    bool any = true;
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        if (pattern_compile(texts[d], dimension_rows[d].addresses, &s->of[d]) == -1) {
            return -1;
        }
        any = any && s->of[d].kind == PATTERN_ANY;
    }
    return any ? 1 : 0;
}

/* The bound of the question, one after the other: how many; 0: there is none. -1: it is none. */
static int read_bound(const struct query_message *q, struct asker_criteria seen[LIMIT_SEES])
{
    uint32_t count = q->sees_count / DIMENSION_COUNT;
    bool any = false;
    if (q->sees_count % DIMENSION_COUNT != 0) {
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        int compiled = compile_criteria(q->sees + (size_t)i * DIMENSION_COUNT, &seen[i]);
        if (compiled == -1) {
            return -1;
        }
        any = any || compiled == 1;
    }
    return any ? 0 : (int)count;
}

static void add_asker_criteria(struct builder *b, const struct asker_criteria *s)
{
    const char *before = "(";
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        if (s->of[d].kind != PATTERN_ANY) {
            builder_add(b, "%s", before);
            add_pattern(b, d, &s->of[d]);
            before = " AND ";
        }
    }
    builder_add(b, ")");
}

static int add_bound(struct builder *b)
{
    struct asker_criteria seen[LIMIT_SEES];
    int count = read_bound(b->q, seen);
    if (count == -1) {
        return builder_fault(b, "sees: expected criteria of %d patterns each", DIMENSION_COUNT);
    }
    for (int i = 0; i < count; i++) {
        builder_add(b, "%s", i > 0 ? " OR " : begin_condition(b));
        builder_add(b, "%s", i == 0 ? "(" : "");
        add_asker_criteria(b, &seen[i]);
    }
    if (count > 0) {
        builder_add(b, ")");
        b->bound = true;
        b->series_beyond_type = true; /* also by type only: the counts of types know one pattern */
    }
    return 0;
}

int builder_matched(struct builder *b)
{
    if (add_criteria(b) == -1 || add_bound(b) == -1) {
        return -1;
    }
    if (b->series) {
        builder_add(b, "), ");
    }
    return 0;
}

int builder_dimension(struct builder *b, const char *parameter, struct slice name)
{
    for (int d = 0; d < DIMENSION_COUNT; d++) {
        if (slice_is(name, dimension_rows[d].name)) {
            return d;
        }
    }
#define NAMED(x, name, Name, addresses, help) " " #name
    return builder_fault(b, "%s: expected one of" DIMENSIONS(NAMED, ) ", found \"%.*s\"", parameter,
                         (int)name.len, name.at);
#undef NAMED
}
