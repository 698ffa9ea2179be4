/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the configuration by tables of options; says every fault, then fails. */
#include "common/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/place.h"
#include "common/told.h"

#define FILE_BYTES ((size_t)1 << 20)

/* What may stand at the top of the file. Each process reads its own section and "common". */
static const char *const sections[] = {"common", "ingestd", "classifyd",
                                       "stored", "queryd",  "mplane-gw"};

const struct config_option config_common_options[] = {
    {"run_dir", CONFIG_STRING, offsetof(struct config_common, run_dir), NULL, 0, 0, false,
     "folder of the ZeroMQ sockets and status files; only the processes' user may enter it"},
    {"schemas_dir", CONFIG_STRING, offsetof(struct config_common, schemas_dir), "\"\"", 0, 0, false,
     "folder of the contracts: sql/, mplane/, grading/, record-types.json; empty: the programs' "
     "own"},
    {"record_types_dir", CONFIG_STRING, offsetof(struct config_common, record_types_dir), "\"\"", 0,
     0, true,
     "folder of your own record types and gaps, NAME.json; empty: record-types.d beside the "
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

/* One reading: where it is, and how many faults it found. */
struct config_reading {
    const char *file;
    struct arena *arena;
    int faults;
};

static void fault(struct config_reading *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void fault(struct config_reading *r, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    told_fault("%s: %s", r->file, text);
    r->faults++;
}

static const struct json_limits limits = {
    .depth = 16, .nodes = 100000, .string_bytes = 65536, .comments = true};

/* The value as it stands in the file, for a message. */
static const char *shown(struct config_reading *r, const struct json *value)
{
    struct slice text = json_text(r->arena, value);
    return text.at == NULL ? "?" : text.at;
}

static const char *expected(struct config_reading *r, const struct config_option *o)
{
    switch (o->type) {
    case CONFIG_STRING:
        return "a string";
    case CONFIG_BOOLEAN:
        return "true or false";
    case CONFIG_STRINGS:
        return "a list of strings";
    case CONFIG_OBJECT:
        return "an object";
    case CONFIG_LIST:
        return "a list";
    case CONFIG_INTEGER:
        break;
    }
    const char *text = arena_printf(r->arena, "an integer %" PRId64 "..%" PRId64, o->min, o->max);
    return text == NULL ? "an integer" : text;
}

static int take_integer(const struct json *value, const struct config_option *o, void *member)
{
    if (value->type != JSON_NUMBER || strpbrk(value->text.at, ".eE") != NULL) {
        return -1;
    }
    char *end;
    errno = 0;
    long long n = strtoll(value->text.at, &end, 10);
    if (errno != 0 || *end != '\0' || n < o->min || n > o->max) {
        return -1;
    }
    *(int64_t *)member = n;
    return 0;
}

/* A C string cannot hold a NUL. */
static int take_string(const struct json *value, const char **member)
{
    if (value->type != JSON_STRING || strlen(value->text.at) != value->text.len) {
        return -1;
    }
    *member = value->text.at;
    return 0;
}

static int take_strings(struct config_reading *r, const struct json *value,
                        struct config_strings *member)
{
    if (value->type != JSON_ARRAY) {
        return -1;
    }
    member->count = 0;
    member->item = arena_calloc(r->arena, value->count + 1, sizeof *member->item);
    if (member->item == NULL) {
        return -1;
    }
    for (const struct json *m = value->first; m != NULL; m = m->next) {
        if (take_string(m, &member->item[member->count]) == -1) {
            return -1;
        }
        member->count++;
    }
    return 0;
}

static int take_value(struct config_reading *r, const struct config_option *o,
                      const struct json *value, void *settings)
{
    void *member = (char *)settings + o->offset;
    switch (o->type) {
    case CONFIG_STRING:
        return take_string(value, member);
    case CONFIG_INTEGER:
        return take_integer(value, o, member);
    case CONFIG_STRINGS:
        return take_strings(r, value, member);
    case CONFIG_BOOLEAN:
        *(bool *)member = value->type == JSON_TRUE;
        return value->type == JSON_TRUE || value->type == JSON_FALSE ? 0 : -1;
    case CONFIG_OBJECT:
        *(const struct json **)member = value;
        return value->type == JSON_OBJECT ? 0 : -1;
    case CONFIG_LIST:
        *(const struct json **)member = value;
        return value->type == JSON_ARRAY ? 0 : -1;
    }
    return -1;
}

static void take_preset(struct config_reading *r, const char *section,
                        const struct config_option *o, void *settings)
{
    if ((o->type == CONFIG_OBJECT || o->type == CONFIG_LIST) && o->preset == NULL) {
        *(const struct json **)((char *)settings + o->offset) = NULL;
        return;
    }
    if (o->preset == NULL) {
        fault(r, "%s.%s: missing, expected %s", section, o->name, expected(r, o));
        return;
    }
    char error[128];
    const struct json *preset =
        json_parse(r->arena, slice_of(o->preset), &limits, error, sizeof error);
    if (preset == NULL || take_value(r, o, preset, settings) == -1) {
        log_panic("config.preset", "option=%s.%s preset=%s", section, o->name, o->preset);
    }
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

static void read_section(struct config_reading *r, const struct json *object, const char *section,
                         const struct config_option *options, void *settings)
{
    if (object != NULL && object->type != JSON_OBJECT) {
        fault(r, "%s: expected an object, found %s", section, json_type_name(object->type));
        return;
    }
    for (const struct json *m = object == NULL ? NULL : object->first; m != NULL; m = m->next) {
        if (find_option(options, m->key) == NULL) {
            fault(r, "%s.%s: unknown option", section, m->key.at);
        }
    }
    for (const struct config_option *o = options; o->name != NULL; o++) {
        const struct json *value = json_get(object, o->name);
        if (value == NULL) {
            take_preset(r, section, o, settings);
        } else if (take_value(r, o, value, settings) == -1) {
            /* What somebody put into a list or object may hold a password. */
            bool many = value->type == JSON_OBJECT || value->type == JSON_ARRAY;
            fault(r, "%s.%s: expected %s, found %.200s", section, o->name, expected(r, o),
                  many && o->type == CONFIG_STRING ? json_type_name(value->type) : shown(r, value));
        }
    }
}

static bool is_section(struct slice name)
{
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        if (slice_is(name, sections[i])) {
            return true;
        }
    }
    return false;
}

static void read_file(struct config_reading *r, struct slice bytes, struct config_common *common,
                      const char *section, const struct config_option *options, void *settings)
{
    char error[256];
    const struct json *root = json_parse(r->arena, bytes, &limits, error, sizeof error);
    if (root == NULL) {
        fault(r, "%s", error);
        return;
    }
    if (root->type != JSON_OBJECT) {
        fault(r, "expected an object, found %s", json_type_name(root->type));
        return;
    }
    for (const struct json *m = root->first; m != NULL; m = m->next) {
        if (!is_section(m->key)) {
            fault(r, "%s: unknown section", m->key.at);
        }
    }
    read_section(r, json_get(root, "common"), "common", config_common_options, common);
    read_section(r, json_get(root, section), section, options, settings);
    enum log_level level;
    if (r->faults == 0 && log_level_parse(common->log_level, &level) == -1) {
        fault(r, "common.log_level: expected debug, info, warn or error, found \"%s\"",
              common->log_level);
    }
}

struct config *config_read_bytes(const char *file, struct slice bytes, struct config_common *common,
                                 const char *section, const struct config_option *options,
                                 void *settings)
{
    struct config *c = calloc(1, sizeof *c);
    struct arena *arena = arena_new(64 * FILE_BYTES);
    if (c == NULL || arena == NULL) {
        told_fault("%s: out of memory", file);
        free(c);
        arena_free(&arena);
        return NULL;
    }
    c->arena = arena;
    struct config_reading r = {.file = file, .arena = arena};
    read_file(&r, bytes, common, section, options, settings);
    if (r.faults > 0) {
        config_free(&c);
    }
    return c;
}

/* Beside the configuration by the name it was given, also where that is a link; "" without it. */
static const char *own_record_types(struct arena *arena, const char *file)
{
    const char *slash = strrchr(file, '/');
    int folder = slash == NULL ? 0 : (int)(slash - file) + 1;
    char *path = arena_printf(arena, "%.*srecord-types.d", folder, file);
    return path == NULL || access(path, F_OK) == 0 || errno != ENOENT ? path : "";
}

/* What the file leaves to where things are. */
static int take_places(struct config *c, const char *file, struct config_common *common)
{
    if (common->schemas_dir[0] == '\0') {
        common->schemas_dir = place_of_schemas();
    }
    if (common->record_types_dir[0] == '\0') {
        common->record_types_dir = own_record_types(c->arena, file);
    }
    if (common->record_types_dir == NULL) {
        told_fault("%s: out of memory", file);
        return -1;
    }
    return 0;
}

struct config *config_read(const char *file, struct config_common *common, const char *section,
                           const struct config_option *options, void *settings)
{
    size_t size;
    char *bytes = file_read_own(file, FILE_BYTES, &size);
    if (bytes == NULL) {
        if (errno == EFBIG) {
            told_fault("%s: larger than %zu bytes", file, FILE_BYTES);
        } else if (errno == EPERM) {
            told_fault(
                "%s: expected a file of root's that nobody else can write, since root starts "
                "what it says",
                file);
        } else {
            told_fault("%s: %s", file, strerror(errno));
        }
        return NULL;
    }
    struct config *c =
        config_read_bytes(file, (struct slice){bytes, size}, common, section, options, settings);
    free(bytes);
    if (c != NULL && take_places(c, file, common) == -1) {
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
