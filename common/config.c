/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the configuration by tables of options; says every fault, then fails. */
#include "common/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/place.h"
#include "common/told.h"

#define FILE_BYTES ((size_t)1 << 20)

/* What may stand at the top of the file. Each process reads its own section and "common". */
static const char *const sections[] = {"common", "ingestd", "socketd",   "classifyd",
                                       "stored", "queryd",  "mplane-gw", "ingest-gw",
                                       "webd",   "alertd",  "reasond",   NULL};
const char *const *const config_processes = sections + 1;

const struct config_option config_common_options[] = {
    {"run_dir", CONFIG_STRING, offsetof(struct config_common, run_dir), NULL, 0, 0, false,
     "folder of the ZeroMQ sockets and status files; only the processes' user may enter it"},
    {"schemas_dir", CONFIG_STRING, offsetof(struct config_common, schemas_dir), "\"\"", 0, 0, false,
     "folder of the contracts: sql/, mplane/, grading/, formats/, record-types.json; empty: the "
     "programs' "
     "own"},
    {"record_types_dir", CONFIG_STRING, offsetof(struct config_common, record_types_dir), "\"\"", 0,
     0, true,
     "folder of your own record types and gaps, NAME.json; empty: record-types.d beside the "
     "configuration, if it is there"},
    {"formats_dir", CONFIG_STRING, offsetof(struct config_common, formats_dir), "\"\"", 0, 0, true,
     "folder of your own formats of what other tools write, NAME.json; empty: formats.d beside the "
     "configuration, if it is there"},
    {"user", CONFIG_STRING, offsetof(struct config_common, user), "\"\"", 0, 0, false,
     "user to become when started as root; %p in it is the name of the process, so that each has "
     "its "
     "own; empty stays what it is"},
    {"log_level", CONFIG_STRING, offsetof(struct config_common, log_level), "\"info\"", 0, 0, true,
     "debug, info, warn or error"},
    CONFIG_END};

struct config {
    struct arena *arena;
};

static const struct json_limits limits = {
    .depth = 16, .nodes = 100000, .string_bytes = 65536, .comments = true};

static size_t value_size(enum config_type type)
{
    switch (type) {
    case CONFIG_INTEGER:
        return sizeof(int64_t);
    case CONFIG_BOOLEAN:
        return sizeof(bool);
    case CONFIG_STRINGS:
        return sizeof(struct config_strings);
    case CONFIG_STRING:
    case CONFIG_OBJECT:
    case CONFIG_LIST:
        break;
    }
    return sizeof(void *);
}

static bool take_text(const struct document_place *at, const char **member)
{
    struct slice text = document_text(at, 0, limits.string_bytes);
    if (text.at != NULL) {
        *member = text.at;
    }
    return text.at != NULL;
}

static bool take_strings(const struct document_place *at, struct arena *arena,
                         struct config_strings *member)
{
    struct config_strings all = {NULL, 0};
    if (!document_is_list(at, UINT32_MAX)) {
        return false;
    }
    all.item = document_take(at, arena, at->node->count, sizeof *all.item);
    bool good = all.item != NULL;
    for (struct document_place e = document_first(at); e.node != NULL; document_next(&e)) {
        good = all.item != NULL && take_text(&e, &all.item[all.count++]) && good;
    }
    if (good) {
        *member = all;
    }
    return good;
}

static bool take_flag(const struct document_place *at, bool *member)
{
    bool good = at->node != NULL && (at->node->type == JSON_TRUE || at->node->type == JSON_FALSE);
    if (good) {
        *member = at->node->type == JSON_TRUE;
    } else {
        document_expected(at, "true or false");
    }
    return good;
}

/* What is there; false after a fault was told, and the member is as it was. */
static bool take_value(const struct document_place *at, struct arena *arena,
                       const struct config_option *o, void *member)
{
    switch (o->type) {
    case CONFIG_STRING:
        return take_text(at, member);
    case CONFIG_INTEGER:
        return document_integer(at, "an integer", o->min, o->max, member);
    case CONFIG_STRINGS:
        return take_strings(at, arena, member);
    case CONFIG_BOOLEAN:
        return take_flag(at, member);
    case CONFIG_OBJECT:
    case CONFIG_LIST:
        if (o->type == CONFIG_OBJECT ? document_is_object(at) : document_is_list(at, UINT32_MAX)) {
            *(const struct json **)member = at->node;
            return true;
        }
        return false;
    }
    return false;
}

/* Without a preset it is nothing. */
static void take_preset(struct arena *arena, const char *section, const struct config_option *o,
                        void *member)
{
    memset(member, 0, value_size(o->type));
    if (o->preset == NULL) {
        return;
    }
    struct document d = {.name = "preset"};
    struct document_place preset = document_parse(&d, arena, slice_of(o->preset), &limits);
    if (preset.node == NULL || !take_value(&preset, arena, o, member)) {
        log_panic("config.preset", "option=%s.%s preset=%s", section, o->name, o->preset);
    }
}

static bool is_required(const struct config_option *o)
{
    return o->preset == NULL && o->type != CONFIG_OBJECT && o->type != CONFIG_LIST;
}

static const struct config_option *find_option(const struct config_option *options,
                                               struct slice name)
{
    for (const struct config_option *o = options; o->name != NULL; o++) {
        if (slice_is(name, o->name)) {
            return o;
        }
    }
    return NULL;
}

static void read_section(const struct document_place *at, struct arena *arena,
                         const struct config_option *options, void *settings)
{
    bool readable = at->node == NULL || document_is_object(at);
    for (struct document_place m = document_first(at); m.node != NULL; document_next(&m)) {
        if (readable && find_option(options, m.key) == NULL) {
            document_fault(&m, "unknown option");
        }
    }
    for (const struct config_option *o = options; o->name != NULL; o++) {
        void *member = (char *)settings + o->offset;
        struct document_place value = document_member(at, o->name);
        take_preset(arena, at->key.at, o, member);
        if (value.node != NULL || (readable && is_required(o))) {
            take_value(&value, arena, o, member);
        }
    }
}

/* -1 when there is nothing to read settings from. */
static int read_sections(struct document *d, struct arena *arena, struct slice bytes,
                         struct config_common *common, const struct config_section *section,
                         void *settings)
{
    struct document_place whole = document_parse(d, arena, bytes, &limits);
    if (whole.node == NULL || !document_is_object_of(&whole, sections)) {
        return -1;
    }
    struct document_place of_all = document_member(&whole, "common");
    struct document_place own = document_member(&whole, section->name);
    read_section(&of_all, arena, config_common_options, common);
    read_section(&own, arena, section->options, settings);
    struct document_place level = document_member(&of_all, "log_level");
    if (level.node != NULL && level.node->type == JSON_STRING) {
        document_choice(&level, log_level_names);
    }
    return 0;
}

/* What is found out from the settings is told even when there are faults in them. */
static struct config *read_bytes(struct document *d, struct slice bytes,
                                 struct config_common *common, const struct config_section *section,
                                 void *settings)
{
    struct config *c = calloc(1, sizeof *c);
    struct arena *arena = arena_new(64 * FILE_BYTES);
    if (c == NULL || arena == NULL) {
        told_fault("%s: out of memory", d->name);
        free(c);
        arena_free(&arena);
        return NULL;
    }
    c->arena = arena;
    if (read_sections(d, arena, bytes, common, section, settings) == -1) {
        config_free(&c);
    }
    return c;
}

struct config *config_read_bytes(const char *file, struct slice bytes, struct config_common *common,
                                 const struct config_section *section, void *settings)
{
    struct document d = {.name = file};
    struct config *c = read_bytes(&d, bytes, common, section, settings);
    if (document_end(&d) == -1) {
        config_free(&c);
    }
    return c;
}

/* Beside the configuration by the name it was given, also where that is a link; "" without it. */
static const char *own_folder(struct arena *arena, const char *file, const char *name)
{
    const char *slash = strrchr(file, '/');
    int folder = slash == NULL ? 0 : (int)(slash - file) + 1;
    char *path = arena_printf(arena, "%.*s%s", folder, file, name);
    return path == NULL || access(path, F_OK) == 0 || errno != ENOENT ? path : "";
}

/* What the file leaves to where things are. */
static int take_places(struct config *c, const char *file, struct config_common *common)
{
    if (common->schemas_dir[0] == '\0') {
        common->schemas_dir = place_of_schemas();
    }
    if (common->record_types_dir[0] == '\0') {
        common->record_types_dir = own_folder(c->arena, file, "record-types.d");
    }
    if (common->formats_dir[0] == '\0') {
        common->formats_dir = own_folder(c->arena, file, "formats.d");
    }
    if (common->record_types_dir == NULL || common->formats_dir == NULL) {
        told_fault("%s: out of memory", file);
        return -1;
    }
    return 0;
}

/* The file's bytes; NULL after it was told why. */
static char *read_file(const char *file, size_t *size)
{
    char *bytes = file_read_own(file, FILE_BYTES, size);
    if (bytes == NULL && errno == EFBIG) {
        told_fault("%s: larger than %zu bytes", file, FILE_BYTES);
    } else if (bytes == NULL && errno == EPERM) {
        told_fault("%s: expected a file of root's that nobody else can write, since root starts "
                   "what it says",
                   file);
    } else if (bytes == NULL) {
        told_fault("%s: %s", file, strerror(errno));
    }
    return bytes;
}

struct config *config_read(const char *file, struct config_common *common,
                           const struct config_section *section, void *settings)
{
    size_t size;
    struct document d = {.name = file};
    char *bytes = read_file(file, &size);
    if (bytes == NULL) {
        return NULL;
    }
    struct config *c = read_bytes(&d, (struct slice){bytes, size}, common, section, settings);
    free(bytes);
    bool good = c != NULL && take_places(c, file, common) == 0 &&
                (section->check == NULL || section->check(&d, common, settings) == 0);
    if (document_end(&d) == -1 || !good) {
        config_free(&c);
    }
    return c;
}

void config_free(struct config **c)
{
    if (*c != NULL) {
        arena_free(&(*c)->arena);
        free(*c);
        *c = NULL;
    }
}

/* ---- reload ---- */

static bool same_strings(const struct config_strings *a, const struct config_strings *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->item[i], b->item[i]) != 0) {
            return false;
        }
    }
    return true;
}

static bool same_json(const struct json *a, const struct json *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    bool same = false;
    struct arena *arena = arena_new(8 * FILE_BYTES);
    if (arena != NULL) {
        struct slice x = json_text(arena, a), y = json_text(arena, b);
        same = x.at != NULL && slice_equal(x, y);
    }
    arena_free(&arena);
    return same;
}

static bool same_value(const struct config_option *o, const void *a, const void *b)
{
    switch (o->type) {
    case CONFIG_STRING:
        return strcmp(*(const char *const *)a, *(const char *const *)b) == 0;
    case CONFIG_INTEGER:
        return *(const int64_t *)a == *(const int64_t *)b;
    case CONFIG_BOOLEAN:
        return *(const bool *)a == *(const bool *)b;
    case CONFIG_STRINGS:
        return same_strings(a, b);
    case CONFIG_OBJECT:
    case CONFIG_LIST:
        return same_json(*(const struct json *const *)a, *(const struct json *const *)b);
    }
    return false;
}

void config_reload(const char *section, const struct config_option *options, void *into,
                   const void *from)
{
    for (const struct config_option *o = options; o->name != NULL; o++) {
        char *old = (char *)into + o->offset;
        const char *new = (const char *)from + o->offset;
        bool same = same_value(o, old, new);
        if (o->reloadable) {
            /* Equal values are taken over too: strings live as long as the newest reading. */
            memcpy(old, new, value_size(o->type));
        }
        if (!same) {
            log_info("config.changed", "option=%s.%s effect=\"%s\"", section, o->name,
                     o->reloadable ? "now" : "after a restart");
        }
        if (!same && !o->reloadable) {
            told_add("%s.%s: changed, which takes effect after a restart", section, o->name);
        }
    }
}
