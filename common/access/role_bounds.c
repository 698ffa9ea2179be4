/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles that are bound to series: criteria read, and what those of an identity come to. Pure; no
 * clock, no sockets.
 */
#include <stdio.h>

#include "common/access/access_parts.h"
#include "common/record_dimensions.h"

/* ---- reading ---- */

static void read_pattern(struct access *a, const struct document_place *at, enum dimension d,
                         struct role_criteria *c)
{
    struct pattern pattern;
    struct slice text = document_text(at, 0, LIMIT_DIMENSION_BYTES);
    if (text.at == NULL) {
        return;
    }
    if (pattern_compile(text, dimension_rows[d].addresses, &pattern) == -1) {
        document_expected(at, dimension_rows[d].addresses ? "an address, a prefix or a pattern"
                                                          : "a pattern");
        return;
    }
    c->pattern[d] = document_copy(at, a->arena, text);
}

/* A dimension that is not named may be any. */
static void read_criteria(struct access *a, const struct document_place *at,
                          struct role_criteria *c)
{
    static const char *const keys[] = {
#define KEY(x, name, Name, addresses, help) #name,
        DIMENSIONS(KEY, ) NULL
#undef KEY
    };
    if (!document_is_object_of(at, keys)) {
        return;
    }
    if (at->node->count == 0) {
        document_fault(at, "expected at least one of " DIMENSION_COLUMNS);
    }
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        struct document_place m = document_member(at, keys[d]);
        c->pattern[d] = slice_of("*");
        if (m.node != NULL) {
            read_pattern(a, &m, d, c);
        }
    }
}

/* Behind what the other document says of the role. */
static void read_bound(struct access *a, const struct document_place *list, struct role_bound *b)
{
    struct role_bound both = *b;
    if (list->node == NULL || !document_is_list(list, ACCESS_CRITERIA)) {
        return;
    }
    if (list->node->count == 0) {
        document_fault(list, "expected at least one object of criteria, or no list");
        return;
    }
    both.at = document_take(list, a->arena, b->count + list->node->count, sizeof *both.at);
    if (both.at == NULL) {
        return;
    }
    if (b->count > 0) {
        memcpy(both.at, b->at, b->count * sizeof *both.at);
    }
    for (struct document_place e = document_first(list); e.node != NULL; document_next(&e)) {
        read_criteria(a, &e, &both.at[both.count++]);
    }
    *b = both;
    a->is_bound = true;
}

void role_bounds_read(struct access *a, struct access_role *role, const struct document_place *at)
{
    struct document_place sees = document_member(at, "sees"),
                          delivers = document_member(at, "delivers");
    read_bound(a, &sees, &role->sees);
    read_bound(a, &delivers, &role->delivers);
}

/* ---- what they come to ---- */

/* Rows that are being put together, in the caller's room. */
struct row_list {
    struct slice *at;
    uint32_t width, count, most;
    bool full;
};

/* Unless there is the same row already. */
static void add_row(struct row_list *rows, const struct slice *row)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct slice *other = rows->at + i * rows->width;
        uint32_t same = 0;
        while (same < rows->width && slice_equal(other[same], row[same])) {
            same++;
        }
        if (same == rows->width) {
            return;
        }
    }
    if (rows->count == rows->most) {
        rows->full = true;
        return;
    }
    memcpy(rows->at + rows->count++ * rows->width, row, rows->width * sizeof *row);
}

int access_sees(const struct access *a, struct slice identity, struct slice label,
                struct slice patterns[LIMIT_SEES * DIMENSION_COUNT])
{
    struct role_set set;
    struct row_list rows = {patterns, DIMENSION_COUNT, 0, LIMIT_SEES, false};
    bool allowed = false;
    if (!a->is_bound || identity.len == 0) {
        return access_allows(a, identity, label) ? 0 : -1;
    }
    access_find_roles(a, identity, &set);
    for (uint32_t i = 0; i < a->authorizations.count; i++) {
        const struct access_rule *r = &a->authorizations.rule[i];
        const struct role_bound *sees = &a->role[r->role].sees;
        if (!set.has[r->role] || !pattern_matches(&r->pattern, label)) {
            continue;
        }
        if (sees->count == 0) {
            return 0;
        }
        allowed = true;
        for (uint32_t k = 0; k < sees->count; k++) {
            add_row(&rows, sees->at[k].pattern);
        }
    }
    return allowed && !rows.full ? (int)rows.count : -1;
}

bool access_is_bound(const struct access *a)
{
    return a->is_bound;
}

/* With this glob on labels each of the criteria, or all series where there are none. */
static void add_deliveries(struct row_list *rows, struct slice glob, const struct role_bound *b)
{
    struct slice row[DELIVERS_ROW] = {glob};
    for (uint32_t k = 0; k < b->count; k++) {
        memcpy(row + 1, b->at[k].pattern, sizeof b->at[k].pattern);
        add_row(rows, row);
    }
    if (b->count == 0) {
        for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
            row[1 + d] = slice_of("*");
        }
        add_row(rows, row);
    }
}

int access_delivers(const struct access *a, struct slice identity, bool credential,
                    struct slice rows_at[LIMIT_DELIVERS * DELIVERS_ROW])
{
    struct role_set set;
    struct row_list rows = {rows_at, DELIVERS_ROW, 0, LIMIT_DELIVERS, false};
    bool bound = false;
    if (!a->is_bound || identity.len == 0) {
        return 0;
    }
    access_find_roles(a, identity, &set);
    for (uint32_t i = 0; i < a->authorizations.count; i++) {
        const struct access_rule *r = &a->authorizations.rule[i];
        const struct role_bound *delivers = &a->role[r->role].delivers;
        if (set.has[r->role] && access_could_match(r->pattern.text, LABEL_COLLECT) &&
            !(credential && delivers->count > 0)) {
            add_deliveries(&rows, r->pattern.text, delivers);
            bound = bound || delivers->count > 0;
        }
    }
    for (uint32_t k = 0; credential && k < a->role_count; k++) {
        if (set.has[k] && a->role[k].delivers.count > 0) {
            add_deliveries(&rows, slice_of("*"), &a->role[k].delivers);
            bound = true;
        }
    }
    return !bound ? 0 : rows.full ? -1 : (int)rows.count;
}
