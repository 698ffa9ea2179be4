/* SPDX-License-Identifier: Apache-2.0 */
/* Found zones stand in a list; what is kept is JSON, read when the first one is asked for. */
#include "common/zones.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/document.h"

#define NAME_BYTES 64

struct zones {
    struct arena *arena;
    bool of_kept;
    struct slice bytes;      /* what is kept; not read yet where .at is not NULL */
    const struct json *kept; /* its member */
    uint32_t count;
    struct {
        struct slice name;
        const struct zone *zone;
    } found[ZONES_MAX];
};

struct zones *zones_new(struct arena *a)
{
    struct zones *z = arena_calloc(a, 1, sizeof *z);
    if (z != NULL) {
        z->arena = a;
    }
    return z;
}

struct zones *zones_of_kept(struct arena *a, struct slice kept)
{
    struct zones *z = zones_new(a);
    if (z != NULL) {
        z->of_kept = true;
        z->bytes = kept;
    }
    return z;
}

static const struct zone *of_system(struct zones *z, struct slice name, const char **why)
{
    char text[NAME_BYTES + 1];
    *why = "a time zone that this machine knows, such as \"Europe/Madrid\"";
    if (name.len >= sizeof text || memchr(name.at, '\0', name.len) != NULL) {
        return NULL;
    }
    snprintf(text, sizeof text, "%.*s", SLICE_SHOWN(name, NAME_BYTES));
    struct zone *loaded = zone_load(text);
    uint32_t count = 0;
    const struct zone *copy = NULL;
    if (loaded != NULL) {
        const struct zone_change *changes = zone_changes(loaded, &count);
        copy = zone_of_changes(z->arena, changes, count);
    }
    if (copy == NULL && (loaded != NULL || errno == ENOMEM)) {
        *why = "memory for a time zone";
    }
    zone_free(&loaded);
    return copy;
}

/* A whole number of JSON; false: it is none. */
static bool whole(const struct json *node, int64_t *value)
{
    char text[24], *end;
    if (node == NULL || node->type != JSON_NUMBER || node->text.len >= sizeof text) {
        return false;
    }
    snprintf(text, sizeof text, "%.*s", SLICE_SHOWN(node->text, sizeof text));
    errno = 0;
    *value = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* An offset, then an instant and an offset as often as there are; -1: it is something else. */
static int changes_of(const struct json *list, struct zone_change changes[ZONE_CHANGES])
{
    const struct json *n = list->first;
    int count = 0;
    changes[0].from_s = ZONE_ALWAYS;
    while (n != NULL && count < ZONE_CHANGES) {
        if (count > 0) {
            if (!whole(n, &changes[count].from_s) || n->next == NULL ||
                changes[count].from_s <= changes[count - 1].from_s ||
                changes[count].from_s >= ZONE_UNTIL_S) {
                return -1;
            }
            n = n->next;
        }
        int64_t offset_s;
        if (!whole(n, &offset_s) || offset_s >= ZONE_OFFSET_S || offset_s <= -ZONE_OFFSET_S) {
            return -1;
        }
        changes[count++].offset_s = offset_s;
        n = n->next;
    }
    return n != NULL || count == 0 ? -1 : count;
}

static void read_kept(struct zones *z)
{
    static const struct json_limits limits = {.depth = 16, .nodes = 262144, .string_bytes = 65536};
    char error[200];
    if (z->bytes.at != NULL) {
        const struct json *all = json_parse(z->arena, z->bytes, &limits, error, sizeof error);
        z->kept = json_get(all, "zones");
        z->bytes.at = NULL;
    }
}

static const struct zone *of_kept(struct zones *z, struct slice name, const char **why)
{
    struct zone_change changes[ZONE_CHANGES];
    read_kept(z);
    const struct json *list = json_find(z->kept, name);
    int count = list == NULL || list->type != JSON_ARRAY ? -1 : changes_of(list, changes);
    *why = "a time zone that is kept with this version";
    return count == -1 ? NULL : zone_of_changes(z->arena, changes, (uint32_t)count);
}

const struct zone *zones_find(struct zones *z, struct slice name, const char **why)
{
    for (uint32_t i = 0; i < z->count; i++) {
        if (slice_equal(z->found[i].name, name)) {
            return z->found[i].zone;
        }
    }
    if (z->count == ZONES_MAX) {
        *why = "at most 64 different time zones";
        return NULL;
    }
    const struct zone *zone = z->of_kept ? of_kept(z, name, why) : of_system(z, name, why);
    struct slice copy = arena_copy(z->arena, name);
    if (zone == NULL || copy.at == NULL) {
        return NULL;
    }
    z->found[z->count].name = copy;
    z->found[z->count++].zone = zone;
    return zone;
}

static void print_zones(FILE *f, const struct zones *z)
{
    for (uint32_t i = 0; i < z->count; i++) {
        uint32_t count;
        const struct zone_change *change = zone_changes(z->found[i].zone, &count);
        fputs(i == 0 ? "" : ",", f);
        json_print_slice(f, z->found[i].name);
        fprintf(f, ":[%" PRId64, change[0].offset_s);
        for (uint32_t c = 1; c < count; c++) {
            fprintf(f, ",%" PRId64 ",%" PRId64, change[c].from_s, change[c].offset_s);
        }
        fputc(']', f);
    }
}

struct slice zones_keep(struct arena *a, const struct zones *z, struct slice kept)
{
    struct slice all = {NULL, 0};
    char *text = NULL;
    size_t size = 0;
    if (z == NULL || z->count == 0) {
        return kept;
    }
    FILE *f = open_memstream(&text, &size);
    if (f == NULL) {
        return all;
    }
    /* Without its last brace. */
    fprintf(f, "%.*s%s\"zones\":{", SLICE_SHOWN(kept, kept.len == 0 ? 0 : kept.len - 1),
            kept.len == 0   ? "{"
            : kept.len == 2 ? ""
                            : ",");
    print_zones(f, z);
    fputs("}}", f);
    if (fclose(f) == 0) {
        all = arena_copy(a, (struct slice){text, size});
    }
    free(text);
    return all;
}
