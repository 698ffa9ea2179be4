/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record type brings along for its beginning: the elements that mPlane's registry is to
 * have, and grading blocks that the operator may merge into the grading in force. Pure.
 */
#include <inttypes.h>

#include "common/grading.h"
#include "common/record_types_table.h"
#include "schemas/messages.h"

#define ELEMENTS_MOST 1024 /* of one type */
#define BLOCKS_MOST   64   /* the same */

/* As common/mplane/registry.h reads them. */
static const char *const primitives[] = {"string", "natural", "real", "boolean",
                                         "time",   "address", "url",  NULL};

static void read_element(const struct document_place *at)
{
    static const char *const keys[] = {"name", "prim", "desc", NULL};
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place name = document_member(at, "name");
    struct document_place prim = document_member(at, "prim");
    struct document_place desc = document_member(at, "desc");
    document_text(&name, 1, LIMIT_NAME_BYTES);
    document_choice(&prim, primitives);
    if (desc.node != NULL) {
        document_text(&desc, 0, LIMIT_TEXT_BYTES);
    }
}

static void read_elements(struct record_types *t, const struct document_place *at,
                          struct type_entry *entry)
{
    if (!document_is_list(at, ELEMENTS_MOST)) {
        return;
    }
    for (struct document_place e = document_first(at); e.node != NULL; document_next(&e)) {
        read_element(&e);
    }
    entry->elements = at->node;
    entry->said_elements = record_types_place(t, at);
}

static void read_grading(struct record_types *t, const struct document_place *at,
                         struct type_entry *entry)
{
    if (!document_is_list(at, BLOCKS_MOST)) {
        return;
    }
    if (at->node->count == 0) {
        document_fault(at, "expected a block at least, found none");
        return;
    }
    grading_check_blocks(t->arena, at, entry->name);
    entry->blocks = at->node;
    entry->said_blocks = record_types_place(t, at);
    entry->source = (struct slice){NULL, 0}; /* of those before */
}

void record_types_read_start(struct record_types *t, const struct document_place *at,
                             struct type_entry *entry)
{
    struct document_place elements = document_member(at, "elements");
    struct document_place grading = document_member(at, "grading");
    struct document_place source = document_member(at, "source");
    if (elements.node != NULL) {
        read_elements(t, &elements, entry);
    }
    if (grading.node != NULL) {
        read_grading(t, &grading, entry);
    }
    if (source.node != NULL) {
        entry->source = document_text(&source, 1, LIMIT_TEXT_BYTES);
    }
}

/* ---- one name, one meaning ---- */

static const struct json *element_named(const struct json *list, struct slice name)
{
    const struct json *e = list == NULL ? NULL : list->first;
    for (; e != NULL; e = e->next) {
        const struct json *other = json_get(e, "name");
        if (other != NULL && slice_equal(other->text, name)) {
            return e;
        }
    }
    return NULL;
}

static void compare_element(struct record_types *t, const struct type_entry *entry,
                            const struct json *e, const struct type_entry *other)
{
    const struct json *name = json_get(e, "name"), *prim = json_get(e, "prim");
    const struct json *found = name == NULL ? NULL : element_named(other->elements, name->text);
    const struct json *theirs = json_get(found, "prim");
    if (prim != NULL && theirs != NULL && !slice_equal(prim->text, theirs->text)) {
        document_fault_in(&t->document, "types", "%s is of %s in %s, and of %s in %s",
                          DOCUMENT_SHOWN(name->text), DOCUMENT_SHOWN(theirs->text),
                          other->said_elements, DOCUMENT_SHOWN(prim->text), entry->said_elements);
    }
}

void record_types_check_elements(struct record_types *t)
{
    for (uint32_t i = 0; i < t->type_count; i++) {
        const struct json *e = t->types[i].elements == NULL ? NULL : t->types[i].elements->first;
        for (; e != NULL; e = e->next) {
            for (uint32_t k = 0; k <= i; k++) {
                compare_element(t, &t->types[i], e, &t->types[k]);
            }
        }
    }
}

/* ---- what is asked ---- */

const struct json *record_types_elements(const struct record_types *t, uint32_t i,
                                         const char **place)
{
    *place = t->types[i].said_elements;
    return t->types[i].elements;
}

const struct json *record_types_blocks(const struct record_types *t, struct slice type,
                                       struct record_types_said *said)
{
    for (uint32_t i = 0; i < t->type_count; i++) {
        const struct type_entry *e = &t->types[i];
        if (slice_equal(e->name, type)) {
            *said = (struct record_types_said){.place = e->said_blocks, .source = e->source};
            return e->blocks;
        }
    }
    return NULL;
}
