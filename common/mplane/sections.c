/* SPDX-License-Identifier: Apache-2.0 */
/* Sections of messages that hold many things. Each datagram comes by here. */
#include "common/mplane/sections.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "schemas/messages.h"

/* Always -1. */
static int fault(struct mplane_section_fault *f, enum mplane_section_wrong wrong,
                 enum mplane_key key, const char *format, ...)
    __attribute__((cold, format(printf, 4, 5)));

static int fault(struct mplane_section_fault *f, enum mplane_section_wrong wrong,
                 enum mplane_key key, const char *format, ...)
{
    va_list ap;
    f->wrong = wrong;
    snprintf(f->place, sizeof f->place, "%s", mplane_key_name(key));
    va_start(ap, format);
    vsnprintf(f->what, sizeof f->what, format, ap);
    va_end(ap);
    return -1;
}

static int form_fault(struct mplane_section_fault *f, enum mplane_key key, const char *expected,
                      const struct json *found)
{
    return fault(f, MPLANE_SECTION_FORM, key, "expected %s, found %s", expected,
                 found == NULL ? "nothing" : json_type_name(found->type));
}

static bool is_absent(const struct json *node)
{
    return node == NULL || node->type == JSON_NULL;
}

static int check_name(struct mplane_section_fault *f, enum mplane_key key, struct slice name)
{
    if (name.len == 0 || name.len > LIMIT_NAME_BYTES) {
        return fault(f, MPLANE_SECTION_NAMES, key, "expected names of 1 to %d bytes, found %zu",
                     LIMIT_NAME_BYTES, name.len);
    }
    return 0;
}

static bool stands_among(struct slice name, const struct mplane_columns *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (slice_equal(c->names[i], name)) {
            return true;
        }
    }
    return false;
}

static int add_column(const struct json *n, struct mplane_columns *c,
                      struct mplane_section_fault *f)
{
    if (n->type != JSON_STRING) {
        return form_fault(f, MPLANE_KEY_RESULTS, "names", n);
    }
    if (check_name(f, MPLANE_KEY_RESULTS, n->text) == -1) {
        return -1;
    }
    if (stands_among(n->text, c)) {
        return fault(f, MPLANE_SECTION_NAMES, MPLANE_KEY_RESULTS,
                     "expected each column once, found \"%.*s\" twice", SLICE_SHOWN(n->text, 60));
    }
    if (slice_is(n->text, "time")) {
        c->time_at = c->count;
    }
    c->names[c->count++] = n->text;
    return 0;
}

int mplane_section_columns(struct arena *a, const struct mplane_members *m, bool must_be,
                           struct mplane_columns *c, struct mplane_section_fault *f)
{
    const struct json *list = m->at[MPLANE_KEY_RESULTS];
    *c = (struct mplane_columns){.time_at = -1};
    if (is_absent(list) && !must_be) {
        return 0;
    }
    if (list == NULL || list->type != JSON_ARRAY) {
        return form_fault(f, MPLANE_KEY_RESULTS, "an array of names", list);
    }
    /* Nothing is taken for more than there may be. */
    if (list->count <= LIMIT_COLUMNS + 1) {
        c->names = arena_alloc(a, list->count * sizeof *c->names);
        if (c->names == NULL) {
            return fault(f, MPLANE_SECTION_MEMORY, MPLANE_KEY_RESULTS, "too large");
        }
        for (const struct json *n = list->first; n != NULL; n = n->next) {
            if (add_column(n, c, f) == -1) {
                return -1;
            }
        }
    }
    uint32_t count = list->count - (c->time_at != -1 ? 1 : 0);
    if (count > LIMIT_COLUMNS) {
        return fault(f, MPLANE_SECTION_NAMES, MPLANE_KEY_RESULTS,
                     "expected at most %d columns, found %" PRIu32, LIMIT_COLUMNS, count);
    }
    return 0;
}

int mplane_section_pairs(const struct mplane_members *m, enum mplane_key key,
                         const struct json **object, struct mplane_section_fault *f)
{
    const struct json *node = m->at[key];
    *object = NULL;
    if (is_absent(node)) {
        return 0;
    }
    if (node->type != JSON_OBJECT) {
        return form_fault(f, key, "an object", node);
    }
    if (node->count > LIMIT_COLUMNS) {
        return fault(f, MPLANE_SECTION_NAMES, key, "expected at most %d, found %" PRIu32,
                     LIMIT_COLUMNS, node->count);
    }
    for (const struct json *n = node->first; n != NULL; n = n->next) {
        if (check_name(f, key, n->key) == -1) {
            return -1;
        }
    }
    *object = node;
    return 0;
}

int mplane_section_rows(const struct mplane_members *m, const struct json **rows,
                        struct mplane_section_fault *f)
{
    const struct json *node = m->at[MPLANE_KEY_RESULTVALUES];
    *rows = is_absent(node) ? NULL : node;
    return *rows == NULL || node->type == JSON_ARRAY
               ? 0
               : form_fault(f, MPLANE_KEY_RESULTVALUES, "an array of rows", node);
}

int mplane_section_row_fault(const struct json *row, uint64_t number, uint32_t columns,
                             struct mplane_section_fault *f)
{
    if (row->type != JSON_ARRAY) {
        return form_fault(f, MPLANE_KEY_RESULTVALUES, "rows that are arrays", row);
    }
    fault(f, MPLANE_SECTION_ROW, MPLANE_KEY_RESULTVALUES,
          "expected at most %" PRIu32 " values, found %" PRIu32, columns, row->count);
    snprintf(f->place, sizeof f->place, "%s[%" PRIu64 "]", mplane_key_name(MPLANE_KEY_RESULTVALUES),
             number);
    return -1;
}
