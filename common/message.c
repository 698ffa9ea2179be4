/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoders, decoders and printers of all messages, made from the declarations in
 * schemas/messages.h: nothing about a single message stands here.
 */
#include "common/message.h"

#include <ctype.h>
#include <inttypes.h>

/* ---- how many fields a message has ---- */

#define ONE_UINT(name, max)        +1
#define ONE_INT(name)              +1
#define ONE_STR(name, max)         +1
#define ONE_UUID(name)             +1
#define ONE_STRS(name, max, bytes) +1
#define ONE_UINTS(name, max)       +1
#define ONE_ADDED()
#define FIELD_COUNT(FIELDS)                                                                        \
    (0 FIELDS(ONE_UINT, ONE_INT, ONE_STR, ONE_STR, ONE_UUID, ONE_STRS, ONE_UINTS, ONE_ADDED))

/* Those before the mark: behind it each one is multiplied by 0. */
#define AND_ADDED() ) + 0 * (0
#define FIELD_COUNT_BEFORE(FIELDS)                                                                 \
    ((0 FIELDS(ONE_UINT, ONE_INT, ONE_STR, ONE_STR, ONE_UUID, ONE_STRS, ONE_UINTS, AND_ADDED)))

/* ---- encoding ---- */

static void encode_start(struct pack *p, enum message_number number, unsigned fields)
{
    pack_array(p, 2 + fields);
    pack_uint(p, MESSAGE_VERSION);
    pack_uint(p, (uint64_t)number);
}

static void encode_uint(struct pack *p, uint64_t value, uint64_t max)
{
    if (value > max) {
        p->failed = true;
    }
    pack_uint(p, value);
}

static void encode_str(struct pack *p, struct slice s, size_t max)
{
    if (s.len > max) {
        p->failed = true;
        return;
    }
    pack_str(p, s);
}

static void encode_bin(struct pack *p, struct slice s, size_t max)
{
    if (s.len > max) {
        p->failed = true;
        return;
    }
    pack_bin(p, s);
}

static void encode_strs(struct pack *p, const struct slice *s, uint32_t count, uint32_t max,
                        size_t max_bytes)
{
    if (count > max) {
        p->failed = true;
        return;
    }
    pack_array(p, count);
    for (uint32_t i = 0; i < count; i++) {
        if (s[i].len > max_bytes) {
            p->failed = true;
            return;
        }
        pack_str_or_nil(p, s[i]);
    }
}

static void encode_uints(struct pack *p, const uint64_t *values, uint32_t count, uint32_t max)
{
    if (count > max) {
        p->failed = true;
        return;
    }
    pack_array(p, count);
    for (uint32_t i = 0; i < count; i++) {
        pack_uint(p, values[i]);
    }
}

#define ENCODE_UINT(name, max)        encode_uint(p, m->name, (max));
#define ENCODE_INT(name)              pack_int(p, m->name);
#define ENCODE_STR(name, max)         encode_str(p, m->name, (max));
#define ENCODE_BIN(name, max)         encode_bin(p, m->name, (max));
#define ENCODE_UUID(name)             pack_bin(p, (struct slice){(const char *)m->name, 16});
#define ENCODE_STRS(name, max, bytes) encode_strs(p, m->name, m->name##_count, (max), (bytes));
#define ENCODE_UINTS(name, max)       encode_uints(p, m->name, m->name##_count, (max));
#define ENCODE_ADDED()

/* ---- decoding ---- */

/* How many fields the version after this one may have more. */
#define LIMIT_SURPLUS 32

/* How the fields of a message that is being read stand to those declared here. */
struct layout {
    uint64_t version;
    uint32_t surplus; /* fields of the version after this one, behind those known here */
};

static bool is_read(uint64_t version)
{
    return version + 1 >= MESSAGE_VERSION && version <= MESSAGE_VERSION + 1;
}

static int decode_start(struct unpack *u, enum message_number number, uint32_t fields,
                        uint32_t before, struct layout *layout)
{
    uint32_t count;
    uint64_t found;
    if (unpack_array(u, 2 + fields + LIMIT_SURPLUS, &count) == -1 ||
        unpack_uint(u, UINT64_MAX, &layout->version) == -1 || !is_read(layout->version) ||
        unpack_uint(u, UINT64_MAX, &found) == -1 || found != (uint64_t)number) {
        return -1;
    }
    uint32_t expected = 2 + (layout->version < MESSAGE_VERSION ? before : fields);
    layout->surplus = layout->version > MESSAGE_VERSION && count > expected ? count - expected : 0;
    return count == expected + layout->surplus ? 0 : -1;
}

static int decode_end(struct unpack *u, const struct layout *layout)
{
    for (uint32_t i = 0; i < layout->surplus; i++) {
        if (unpack_skip(u) == -1) {
            return -1;
        }
    }
    return 0;
}

static int decode_uuid(struct unpack *u, uint8_t uuid[16])
{
    struct slice s;
    if (unpack_bin(u, 16, &s) == -1 || s.len != 16) {
        return -1;
    }
    memcpy(uuid, s.at, 16);
    return 0;
}

static int decode_strs(struct unpack *u, struct arena *a, uint32_t max, uint32_t max_bytes,
                       struct slice **list, uint32_t *count)
{
    if (unpack_array(u, max, count) == -1) {
        return -1;
    }
    struct slice *s = arena_alloc(a, *count * sizeof *s);
    if (s == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < *count; i++) {
        if (unpack_str_or_nil(u, max_bytes, &s[i]) == -1) {
            return -1;
        }
    }
    *list = s;
    return 0;
}

static int decode_uints(struct unpack *u, struct arena *a, uint32_t max, uint64_t **list,
                        uint32_t *count)
{
    if (unpack_array(u, max, count) == -1) {
        return -1;
    }
    uint64_t *values = arena_alloc(a, *count * sizeof *values);
    if (values == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < *count; i++) {
        if (unpack_uint(u, UINT64_MAX, &values[i]) == -1) {
            return -1;
        }
    }
    *list = values;
    return 0;
}

#define DECODE(call)           || (known && (call) == -1)
#define DECODE_UINT(name, max) DECODE(unpack_uint(&c, (max), &m->name))
#define DECODE_INT(name)       DECODE(unpack_int(&c, &m->name))
#define DECODE_STR(name, max)  DECODE(unpack_str(&c, (max), &m->name))
#define DECODE_BIN(name, max)  DECODE(unpack_bin(&c, (max), &m->name))
#define DECODE_UUID(name)      DECODE(decode_uuid(&c, m->name))
#define DECODE_STRS(name, max, bytes)                                                              \
    DECODE(decode_strs(&c, a, (max), (bytes), &m->name, &m->name##_count))
#define DECODE_UINTS(name, max) DECODE(decode_uints(&c, a, (max), &m->name, &m->name##_count))
#define DECODE_ADDED()          || (known = layout.version >= MESSAGE_VERSION, false)

/* ---- printing ---- */

static void print_bytes(FILE *f, struct slice s)
{
    if (s.at == NULL) {
        fputs("nil", f);
        return;
    }
    putc('"', f);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (isprint(c) && c != '"' && c != '\\') {
            putc(c, f);
        } else {
            fprintf(f, "\\x%02x", c);
        }
    }
    putc('"', f);
}

static void print_uuid(FILE *f, const uint8_t uuid[16])
{
    for (int i = 0; i < 16; i++) {
        fprintf(f, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
    }
}

static void print_strs(FILE *f, const struct slice *s, uint32_t count)
{
    putc('[', f);
    for (uint32_t i = 0; i < count; i++) {
        fputs(i == 0 ? "" : " ", f);
        print_bytes(f, s[i]);
    }
    putc(']', f);
}

static void print_uints(FILE *f, const uint64_t *values, uint32_t count)
{
    putc('[', f);
    for (uint32_t i = 0; i < count; i++) {
        fprintf(f, "%s%" PRIu64, i == 0 ? "" : " ", values[i]);
    }
    putc(']', f);
}

#define PRINT_UINT(name, max) fprintf(f, " " #name "=%" PRIu64, m->name);
#define PRINT_INT(name)       fprintf(f, " " #name "=%" PRId64, m->name);
#define PRINT_STR(name, max)  fputs(" " #name "=", f), print_bytes(f, m->name);
#define PRINT_UUID(name)      fputs(" " #name "=", f), print_uuid(f, m->name);
#define PRINT_STRS(name, max, bytes)                                                               \
    fputs(" " #name "=", f), print_strs(f, m->name, m->name##_count);
#define PRINT_UINTS(name, max) fputs(" " #name "=", f), print_uints(f, m->name, m->name##_count);
#define PRINT_ADDED()

/* ---- one of each for every message ---- */

#define DEFINE_MESSAGE(name, FIELDS)                                                               \
    void name##_encode(struct pack *p, const struct name##_message *m)                             \
    {                                                                                              \
        encode_start(p, MESSAGE_##name, FIELD_COUNT(FIELDS));                                      \
        FIELDS(ENCODE_UINT, ENCODE_INT, ENCODE_STR, ENCODE_BIN, ENCODE_UUID, ENCODE_STRS,          \
               ENCODE_UINTS, ENCODE_ADDED)                                                         \
    }                                                                                              \
                                                                                                   \
    int name##_decode(struct unpack *u, struct arena *a, struct name##_message *m)                 \
    {                                                                                              \
        struct unpack c = *u;                                                                      \
        struct layout layout;                                                                      \
        bool known = true;                                                                         \
        (void)a;                                                                                   \
        if (decode_start(&c, MESSAGE_##name, FIELD_COUNT(FIELDS), FIELD_COUNT_BEFORE(FIELDS),      \
                         &layout) == -1) {                                                         \
            return -1;                                                                             \
        }                                                                                          \
        if (layout.version < MESSAGE_VERSION) {                                                    \
            memset(m, 0, sizeof *m);                                                               \
        }                                                                                          \
        if (false FIELDS(DECODE_UINT, DECODE_INT, DECODE_STR, DECODE_BIN, DECODE_UUID,             \
                         DECODE_STRS, DECODE_UINTS, DECODE_ADDED) ||                               \
            decode_end(&c, &layout) == -1) {                                                       \
            return -1;                                                                             \
        }                                                                                          \
        *u = c;                                                                                    \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    int name##_decode_all(struct slice bytes, struct arena *a, struct name##_message *m)           \
    {                                                                                              \
        struct unpack u = unpack_bytes(bytes.at, bytes.len);                                       \
        return name##_decode(&u, a, m) == 0 && unpack_done(&u) ? 0 : -1;                           \
    }                                                                                              \
                                                                                                   \
    void name##_print(FILE *f, const struct name##_message *m)                                     \
    {                                                                                              \
        fputs(#name, f);                                                                           \
        FIELDS(PRINT_UINT, PRINT_INT, PRINT_STR, PRINT_STR, PRINT_UUID, PRINT_STRS, PRINT_UINTS,   \
               PRINT_ADDED)                                                                        \
        putc('\n', f);                                                                             \
    }

MESSAGES(DEFINE_MESSAGE)

uint64_t message_version(struct slice bytes)
{
    struct unpack u = unpack_bytes(bytes.at, bytes.len);
    uint32_t count;
    uint64_t version;
    return unpack_array(&u, UINT32_MAX, &count) == -1 || unpack_uint(&u, UINT64_MAX, &version) == -1
               ? 0
               : version;
}

int message_number(struct slice bytes)
{
    struct unpack u = unpack_bytes(bytes.at, bytes.len);
    uint32_t count;
    uint64_t version, number;
    if (unpack_array(&u, UINT32_MAX, &count) == -1 || unpack_uint(&u, UINT64_MAX, &version) == -1 ||
        !is_read(version) || unpack_uint(&u, MESSAGE_COUNT - 1, &number) == -1) {
        return -1;
    }
    return (int)number;
}
