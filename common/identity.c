/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical form of what was measured goes through a small buffer into SHA-256: it is as long
 * as what was sent, and is never held as a whole. One context is used again and again, since to
 * make one costs more than to digest a record.
 */
#include "common/identity.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "common/number.h"

#define DIGEST_BYTES 6
#define FEW_NAMES    12  /* are in order before qsort_r() has begun */
#define SHORT_BYTES  512 /* what is longer goes by the buffer */

struct identity {
    EVP_MD *sha256;
    EVP_MD_CTX *context;
    bool failed; /* sticks until the digest is asked for */
    size_t used;
    char buffer[2 * SHORT_BYTES];
};

struct identity *identity_new(void)
{
    struct identity *i = calloc(1, sizeof *i);
    if (i == NULL) {
        return NULL;
    }
    i->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    i->context = EVP_MD_CTX_new();
    if (i->sha256 == NULL || i->context == NULL) {
        identity_free(&i);
    }
    return i;
}

void identity_free(struct identity **i)
{
    if (*i != NULL) {
        EVP_MD_CTX_free((*i)->context);
        EVP_MD_free((*i)->sha256);
        free(*i);
        *i = NULL;
    }
}

static int compare_names(const void *a, const void *b, void *names)
{
    const struct slice *name = names;
    return slice_order(name[*(const uint16_t *)a], name[*(const uint16_t *)b]);
}

void identity_order(const struct slice *names, uint32_t count, uint16_t *order)
{
    for (uint32_t i = 0; i < count; i++) {
        order[i] = (uint16_t)i;
        if (count > FEW_NAMES) {
            continue;
        }
        uint32_t at = i;
        for (; at > 0 && slice_order(names[order[at - 1]], names[i]) > 0; at--) {
            order[at] = order[at - 1];
        }
        order[at] = (uint16_t)i;
    }
    if (count > FEW_NAMES) {
        qsort_r(order, count, sizeof *order, compare_names, (void *)(uintptr_t)names);
    }
}

/* ---- the form, piece by piece ---- */

static void digest_bytes(struct identity *i, const char *bytes, size_t count)
{
    i->failed |= EVP_DigestUpdate(i->context, bytes, count) != 1;
}

/* Where `count` bytes may be written, no more than the buffer has; then written() is called. */
static char *room(struct identity *i, size_t count)
{
    if (count > sizeof i->buffer - i->used) {
        digest_bytes(i, i->buffer, i->used);
        i->used = 0;
    }
    return i->buffer + i->used;
}

static void written(struct identity *i, const char *end)
{
    i->used = (size_t)(end - i->buffer);
}

static char *write_bytes(char *at, struct slice s)
{
    if (s.len > 0) {
        memcpy(at, s.at, s.len);
    }
    return at + s.len;
}

static void put(struct identity *i, struct slice s)
{
    if (s.len > SHORT_BYTES) {
        (void)room(i, sizeof i->buffer);
        digest_bytes(i, s.at, s.len);
    } else {
        written(i, write_bytes(room(i, s.len), s));
    }
}

/* A sign, an integer, a sign; the first may be missing, '\0'. */
static void put_integer(struct identity *i, char before, int64_t number, char after)
{
    char *at = room(i, NUMBER_INTEGER_BYTES + 2);
    *at = before;
    at = number_write(at + (before != '\0'), number);
    *at++ = after;
    written(i, at);
}

/* A sign, if not '\0', then LEN:bytes; */
static void put_bytes(struct identity *i, char before, struct slice s)
{
    if (s.len > SHORT_BYTES) {
        put_integer(i, before, (int64_t)s.len, ':');
        put(i, s);
        put(i, slice_of(";"));
        return;
    }
    /* Nearly always: room is seen to once. */
    char *at = room(i, SHORT_BYTES + NUMBER_INTEGER_BYTES + 3);
    *at = before;
    at = number_write(at + (before != '\0'), (int64_t)s.len);
    *at++ = ':';
    at = write_bytes(at, s);
    *at++ = ';';
    written(i, at);
}

static void put_number(struct identity *i, const struct number_digits *d)
{
    size_t count = d->whole.len + d->fraction.len;
    if (count == 0 || count > SHORT_BYTES) {
        put(i, slice_of(count == 0 ? "d0;" : d->negative ? "d-" : "d"));
        put(i, d->whole);
        put(i, d->fraction);
    } else {
        char *at = room(i, SHORT_BYTES + 2);
        *at++ = 'd';
        *at = '-';
        at = write_bytes(at + d->negative, d->whole);
        written(i, write_bytes(at, d->fraction));
    }
    if (count > 0) {
        put_integer(i, 'e', d->exponent, ';');
    }
}

static enum identity_kind kind_by_text(struct slice text)
{
    bool json = text.len > 0 && (*text.at == '[' || *text.at == '{');
    return json ? IDENTITY_JSON : IDENTITY_NUMBER_OR_STRING;
}

static void put_value(struct identity *i, struct slice value, enum identity_kind kind)
{
    struct number_digits digits;
    if (value.at == NULL) {
        put(i, slice_of("n;"));
    } else if (kind == IDENTITY_BOOLEAN) {
        put_bytes(i, 'b', value);
    } else if (kind == IDENTITY_JSON) {
        put_bytes(i, 'j', value);
    } else if (number_digits(value, &digits) == 0) {
        put_number(i, &digits);
    } else {
        put_bytes(i, 's', value);
    }
}

static void put_hops(struct identity *i, const struct record_message *record)
{
    if (record->hops_count > 0) {
        put_integer(i, 'h', record->hops_count, ';');
    }
    for (uint32_t h = 0; h < record->hops_count; h++) {
        if (record->hops[h].at == NULL) {
            put(i, slice_of("-;"));
        } else {
            put_bytes(i, '\0', record->hops[h]);
        }
    }
}

int identity_digest(struct identity *i, const struct schema_message *schema, const uint16_t *order,
                    const struct record_message *record, const uint8_t *kinds,
                    uint32_t equal_before, uint64_t *digest)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    i->used = 0;
    i->failed = EVP_DigestInit_ex2(i->context, i->sha256, NULL) != 1;
    put_integer(i, 't', record->t_end_us, ';');
    put_hops(i, record);
    for (uint32_t n = 0; n < schema->results_count; n++) {
        uint16_t c = order[n];
        struct slice value = record->values[c];
        put_bytes(i, '\0', schema->results[c]);
        put_value(i, value, kinds == NULL ? kind_by_text(value) : (enum identity_kind)kinds[c]);
    }
    if (equal_before > 0) {
        put_integer(i, 'r', equal_before, ';');
    }
    digest_bytes(i, i->buffer, i->used);
    i->failed |= EVP_DigestFinal_ex(i->context, sum, NULL) != 1;
    if (i->failed) {
        return -1;
    }
    *digest = 0;
    for (size_t b = 0; b < DIGEST_BYTES; b++) {
        *digest = *digest << 8 | sum[b];
    }
    *digest += *digest == 0; /* 0 is "not told" */
    return 0;
}
