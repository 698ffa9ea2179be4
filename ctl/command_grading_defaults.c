/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb `grading add-defaults`: the blocks that record types bring along, shown, and merged into
 * the grading in force as a new version.
 */
#include <stdio.h>
#include <string.h>

#include "common/record_types.h"
#include "ctl/format_options.h"
#include "ctl/grading_in_force.h"
#include "ctl/grading_merge.h"
#include "ctl/mplane_client.h"
#include "ctl/table.h"
#include "schemas/messages.h"

#define ARENA_BYTES ((size_t)512 << 20)
#define TYPES_MOST  CTL_TEXTS

static struct {
    const char *record_types;
    bool replace, dry_run;
} given;

static const struct ctl_option options[] = {
    {"record-types", "DIR", &given.record_types, NULL,
     "folder of your own record types; none unless given", NULL},
    {"replace", NULL, NULL, &given.replace,
     "also where there are blocks for the type: those by its name go, and those by a pattern stand "
     "behind the new ones",
     NULL},
    {"dry-run", NULL, NULL, &given.dry_run, "shows what would be added, and no more", NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL}};

/* What is worked on. */
struct adding {
    struct arena *arena;
    struct record_types *types;
    struct grading_in_force of; /* its version was in force when it was fetched */
};

/* ---- the blocks ---- */

static void tell_types(const struct record_types *t)
{
    struct slice type;
    struct record_types_said said;
    fputs("there are blocks for:", stderr);
    for (uint32_t i = 0; record_types_each(t, i, &type) == 0; i++) {
        if (record_types_blocks(t, type, &said) != NULL) {
            fputc(' ', stderr);
            table_safe(stderr, type);
        }
    }
    fputc('\n', stderr);
}

static const struct json *blocks_of(const struct record_types *t, const char *type,
                                    struct record_types_said *said)
{
    const struct json *blocks = record_types_blocks(t, slice_of(type), said);
    if (blocks == NULL) {
        ctl_failed("no format and no file of record types has grading blocks for the type \"%s\"",
                   type);
        tell_types(t);
    }
    return blocks;
}

/* ---- the document ---- */

/* -1 after a complaint: there are blocks that take the type already. */
static int check_free(const struct adding *w, const char *type)
{
    int64_t taken = grading_merge_taken(w->of.grading, slice_of(type));
    if (taken == -1 || given.replace) {
        return 0;
    }
    const struct grading_block *block = &w->of.grading->blocks[taken];
    struct slice name = w->of.grading->names[block->name];
    bool by_name = grading_takes(block, slice_of(type)) == GRADING_BY_NAME;
    ctl_failed("version %llu grades the type \"%s\" already: grading[%lld], \"%.*s\", is for it%s; "
               "--replace puts %s",
               (unsigned long long)w->of.version, type, (long long)taken, (int)name.len, name.at,
               by_name ? "" : " by a pattern",
               by_name ? "the new blocks in the place of those" : "the new blocks before that");
    return -1;
}

static int add_type(struct adding *w, const char *type)
{
    struct record_types_said said;
    const struct json *blocks = blocks_of(w->types, type, &said);
    if (blocks == NULL || check_free(w, type) == -1) {
        return -1;
    }
    struct grading_merge m =
        grading_merge_blocks(w->arena, w->of.document, w->of.grading, slice_of(type), blocks);
    if (m.document.at == NULL) {
        ctl_failed("out of memory");
        return -1;
    }
    printf("@@ %s, by %s: %u block%s, %u less\n", type, said.place, m.put, m.put == 1 ? "" : "s",
           m.taken);
    if (said.source.at != NULL) {
        fputs("@@ limits: ", stdout);
        table_safe(stdout, said.source);
        putchar('\n');
    }
    grading_merge_print(&m, stdout);
    return grading_in_force_read(w->arena, m.document, &w->of);
}

/* ---- published ---- */

static int publish(struct adding *w, struct mplane_client *client)
{
    static const struct when now = {.start = WHEN_AT_NOW};
    const char *over = arena_printf(w->arena, "%llu", (unsigned long long)w->of.version);
    const struct mplane_value values[] = {{"grading.document", w->of.document.at},
                                          {"grading.version", over}};
    struct mplane_rows rows;
    int64_t version = 0;
    const struct mplane_message *result =
        over == NULL ? NULL : mplane_ask(client, "SetGrading", &now, values, 2);
    if (result == NULL || mplane_rows(w->arena, result, &rows) == -1) {
        return CTL_FAILED;
    }
    struct slice text = mplane_cell(&rows, 0, "grading.version");
    text = text.at == NULL ? text : arena_copy(w->arena, text);
    if (text.at == NULL || ctl_number(text.at, 1, UINT32_MAX, &version) == -1) {
        return ctl_failed("expected the version that was published");
    }
    printf("published as version %lld, %u blocks\n", (long long)version,
           w->of.grading->block_count);
    if ((uint64_t)version != w->of.version + 1) { /* a gateway of before publishes over any */
        return ctl_failed(
            "version %lld was published by somebody else meanwhile, and is not in it: "
            "look at grading history",
            (long long)version - 1);
    }
    return CTL_DONE;
}

static int add_all(struct adding *w, struct mplane_client *client, const char *const *types,
                   int count)
{
    if (grading_in_force(w->arena, client, &w->of) == -1) {
        return CTL_FAILED;
    }
    for (int i = 0; i < count; i++) {
        if (add_type(w, types[i]) == -1) {
            return CTL_FAILED;
        }
    }
    if (w->of.document.len > LIMIT_DOCUMENT_BYTES) {
        return ctl_failed("expected a document of at most %d bytes, found %zu",
                          LIMIT_DOCUMENT_BYTES, w->of.document.len);
    }
    if (given.dry_run) {
        printf("nothing was published; version %llu stays\n", (unsigned long long)w->of.version);
        return CTL_DONE;
    }
    return publish(w, client);
}

int ctl_grading_defaults(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {options, format_options, mplane_options,
                                                         NULL};
    const char *types[TYPES_MOST];
    struct adding w = {.arena = NULL};
    int count, code;
    if (ctl_options(self, groups, argc, argv, types, 1, TYPES_MOST, &count, &code) == -1) {
        return code;
    }
    w.arena = arena_new(ARENA_BYTES);
    w.types =
        record_types_of(format_options_schemas(),
                        given.record_types == NULL ? "" : given.record_types, format_options_own());
    struct mplane_client *client =
        w.arena == NULL || w.types == NULL ? NULL : mplane_client_new(w.arena, &code);
    if (client != NULL) {
        code = add_all(&w, client, types, count);
    } else if (w.arena == NULL || w.types == NULL) {
        code = CTL_FAILED;
    }
    mplane_client_free(&client);
    record_types_free(&w.types);
    arena_free(&w.arena);
    return code;
}
