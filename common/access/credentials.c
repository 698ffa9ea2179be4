/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and keys: read into lists that are searched by digest or id. Pure; no clock. */
#include <stdlib.h>

#include "common/access/access_parts.h"
#include "common/access/credential_text.h"
#include "common/when_time.h"
#include "schemas/messages.h"

#define IDENTITY_BYTES (LIMIT_SENDER_BYTES - 6) /* as long as a sender in `deliver` */

/* ---- the members ---- */

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._-@:/+", c) != NULL);
}

bool access_is_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_byte(name.at[i])) {
            return false;
        }
    }
    return name.len > 0 && name.len <= ACCESS_NAME_BYTES;
}

static struct slice read_name(struct access *a, const struct document_place *at)
{
    struct slice name = document_text(at, 1, ACCESS_NAME_BYTES);
    if (name.at != NULL && !access_is_name(name)) {
        document_expected(at, "a name of letters, digits and . _ - @ : / +");
        return (struct slice){NULL, 0};
    }
    return name.at == NULL ? name : document_copy(at, a->arena, name);
}

static struct slice read_identity(struct access *a, const struct document_place *at)
{
    struct slice identity = document_text(at, 1, IDENTITY_BYTES);
    if (identity.at != NULL && !pattern_is_text(identity)) {
        document_expected(at, "an identity");
        return (struct slice){NULL, 0};
    }
    return identity.at == NULL ? identity : document_copy(at, a->arena, identity);
}

/* Each with the label of its capability; the type is the label's end. */
static void read_types(struct access *a, const struct document_place *list, struct credential *c)
{
    struct pattern pattern;
    if (!document_is_list(list, ACCESS_TYPES)) {
        return;
    }
    if (list->node->count == 0) {
        document_fault(list, "expected at least one type");
    }
    c->types = document_take(list, a->arena, list->node->count, sizeof *c->types);
    c->labels = document_take(list, a->arena, list->node->count, sizeof *c->labels);
    for (struct document_place e = document_first(list);
         c->types != NULL && c->labels != NULL && e.node != NULL; document_next(&e)) {
        struct slice glob = document_text(&e, 1, LIMIT_DIMENSION_BYTES - sizeof LABEL_COLLECT);
        if (glob.at != NULL && pattern_compile(glob, false, &pattern) == -1) {
            document_expected(&e, "a pattern");
        } else if (glob.at != NULL) {
            char *label = arena_printf(a->arena, LABEL_COLLECT "%.*s", (int)glob.len, glob.at);
            if (label == NULL) {
                document_fault(&e, "out of memory");
                return;
            }
            c->labels[c->types_count] = slice_of(label);
            c->types[c->types_count++] = slice_of(label + sizeof LABEL_COLLECT - 1);
        }
    }
}

/* By which capabilities it may ask, as far as its identity may. */
static void read_asks(struct access *a, const struct document_place *list, struct credential *c)
{
    struct pattern pattern;
    if (list->node == NULL || !document_is_list(list, ACCESS_TYPES)) {
        return;
    }
    if (list->node->count == 0) {
        document_fault(list, "expected at least one label, or no list");
    }
    c->asks = document_take(list, a->arena, list->node->count, sizeof *c->asks);
    for (struct document_place e = document_first(list); c->asks != NULL && e.node != NULL;
         document_next(&e)) {
        struct slice glob = document_text(&e, 1, LIMIT_NAME_BYTES);
        if (glob.at != NULL && pattern_compile(glob, false, &pattern) == -1) {
            document_expected(&e, "a pattern");
        } else if (glob.at != NULL) {
            c->asks[c->asks_count++] = document_copy(&e, a->arena, glob);
        }
    }
}

static void read_from(struct access *a, const struct document_place *list, struct credential *c)
{
    if (list->node == NULL || !document_is_list(list, ACCESS_TYPES)) {
        return;
    }
    if (list->node->count == 0) {
        document_fault(list, "expected at least one prefix, or no list");
    }
    c->from = document_take(list, a->arena, list->node->count, sizeof *c->from);
    for (struct document_place e = document_first(list); c->from != NULL && e.node != NULL;
         document_next(&e)) {
        struct slice text = document_text(&e, 1, LIMIT_NAME_BYTES);
        if (text.at != NULL && prefix_parse(text, &c->from[c->from_count]) == -1) {
            document_expected(&e, "an address or a prefix");
        } else {
            c->from_count++;
        }
    }
}

static int64_t read_until(const struct document_place *at)
{
    int64_t until_us = WHEN_FUTURE;
    struct slice text =
        at->node == NULL ? (struct slice){NULL, 0} : document_text(at, 1, LIMIT_NAME_BYTES);
    if (text.at != NULL && when_time_parse(text, &until_us) == -1) {
        document_expected(at, "a time as in RFC 3339");
    }
    return until_us;
}

/* What tokens and keys have in common. */
static void read_common(struct access *a, const struct document_place *at, struct credential *c)
{
    struct document_place name = document_member(at, "name"),
                          identity = document_member(at, "identity"),
                          types = document_member(at, "types"), from = document_member(at, "from"),
                          until = document_member(at, "until"),
                          rate = document_member(at, "per_second");
    int64_t per_second = 0;
    c->name = read_name(a, &name);
    c->identity = read_identity(a, &identity);
    if (types.node != NULL || c->asks_count == 0) {
        read_types(a, &types, c);
    }
    read_from(a, &from, c);
    c->until_us = read_until(&until);
    if (rate.node != NULL) {
        document_integer(&rate, "a whole number per second", 1, ACCESS_PER_SECOND, &per_second);
    }
    c->per_second = (uint64_t)per_second;
}

/* What is there is not shown: somebody may have put the token itself. */
static void read_digest(const struct document_place *at, struct credential *c)
{
    struct slice text = document_text(at, 0, LIMIT_DIMENSION_BYTES);
    if (text.at != NULL && credential_unhex(text, c->mark, ACCESS_DIGEST) == -1) {
        document_fault(at, "expected %d small hexadecimal digits", 2 * ACCESS_DIGEST);
    }
}

static void read_token(struct access *a, const struct document_place *at, struct credential *c)
{
    static const char *const keys[] = {"name", "digest", "identity",   "types", "asks",
                                       "from", "until",  "per_second", NULL};
    struct document_place digest = document_member(at, "digest"),
                          asks = document_member(at, "asks");
    if (document_is_object_of(at, keys)) {
        read_asks(a, &asks, c);
        read_common(a, at, c);
        read_digest(&digest, c);
    }
}

static void read_secret(struct access *a, const struct document_place *at, struct credential *c)
{
    struct slice text = document_text(at, 0, LIMIT_DIMENSION_BYTES);
    uint8_t *bytes = text.at == NULL ? NULL : document_take(at, a->arena, ACCESS_SECRET, 1);
    if (bytes != NULL && credential_unbase64(text, bytes) == -1) {
        document_fault(at, "expected %d bytes in base64", ACCESS_SECRET);
    } else if (bytes != NULL) {
        c->secret = (struct slice){(const char *)bytes, ACCESS_SECRET};
    }
}

static void read_key(struct access *a, const struct document_place *at, struct credential *c)
{
    static const char *const keys[] = {"name", "id",    "secret",     "identity", "types",
                                       "from", "until", "per_second", NULL};
    struct document_place id = document_member(at, "id"), secret = document_member(at, "secret");
    if (!document_is_object_of(at, keys)) {
        return;
    }
    read_common(a, at, c);
    struct slice text = document_text(&id, 0, LIMIT_NAME_BYTES);
    if (text.at != NULL && credential_unhex(text, c->mark, ACCESS_KEY_ID) == -1) {
        document_expected(&id, "%d small hexadecimal digits", 2 * ACCESS_KEY_ID);
    }
    if (secret.node != NULL) {
        read_secret(a, &secret, c);
    }
}

/* ---- the lists ---- */

/* A name or a mark, and which element has it. */
struct labelled {
    struct slice text;
    uint32_t index;
};

static int compare_labelled(const void *x, const void *y)
{
    const struct labelled *a = x, *b = y;
    int order = slice_order(a->text, b->text);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

/* Tells of each element that has what one before it has: what that is, is not shown. */
static void tell_twins(const struct document_place *list, struct labelled *of, uint32_t count,
                       const char *what)
{
    qsort(of, count, sizeof *of, compare_labelled);
    for (uint32_t i = 1; i < count; i++) {
        if (of[i].text.at != NULL && slice_equal(of[i].text, of[i - 1].text)) {
            struct document_place e = document_first(list);
            while (e.index < of[i].index) {
                document_next(&e);
            }
            document_fault(&e, "expected %s of its own, that of [%u] is the same", what,
                           of[i - 1].index);
        }
    }
}

static void look_for_twins(struct access *a, const struct document_place *list,
                           const struct credentials *cs, const char *mark)
{
    struct labelled *of = document_take(list, a->arena, cs->count, sizeof *of);
    for (uint32_t i = 0; of != NULL && i < cs->count; i++) {
        of[i] = (struct labelled){cs->at[i].name, i};
    }
    if (of == NULL) {
        return;
    }
    tell_twins(list, of, cs->count, "a name");
    for (uint32_t i = 0; i < cs->count; i++) {
        of[i] = (struct labelled){{(const char *)cs->at[i].mark, ACCESS_DIGEST}, i};
    }
    tell_twins(list, of, cs->count, mark);
}

static int compare_marks(const void *x, const void *y)
{
    const struct credential *a = x, *b = y;
    return memcmp(a->mark, b->mark, sizeof a->mark);
}

static void read_list(struct access *a, const struct document_place *list, struct credentials *cs,
                      const char *mark,
                      void (*read)(struct access *, const struct document_place *,
                                   struct credential *))
{
    uint32_t before = list->document->faults;
    if (!document_is_list(list, ACCESS_RULES)) {
        return;
    }
    cs->at = document_take(list, a->arena, list->node->count, sizeof *cs->at);
    for (struct document_place e = document_first(list); cs->at != NULL && e.node != NULL;
         document_next(&e)) {
        read(a, &e, &cs->at[cs->count++]);
    }
    if (list->document->faults == before && cs->count > 0) {
        look_for_twins(a, list, cs, mark);
        qsort(cs->at, cs->count, sizeof *cs->at, compare_marks);
    }
}

void credentials_read_tokens(struct access *a, const struct document_place *list)
{
    read_list(a, list, &a->tokens, "a digest", read_token);
}

void credentials_read_keys(struct access *a, const struct document_place *list)
{
    read_list(a, list, &a->keys, "an id", read_key);
}

/* ---- asking ---- */

static bool comes_from(const struct credential *c, const struct address *peer)
{
    for (uint32_t i = 0; i < c->from_count; i++) {
        if (prefix_contains(&c->from[i], peer)) {
            return true;
        }
    }
    return c->from_count == 0;
}

static bool find(const struct credentials *cs, const uint8_t mark[ACCESS_DIGEST],
                 const struct address *peer, int64_t now_us, struct access_grant *grant)
{
    struct credential wanted;
    memcpy(wanted.mark, mark, sizeof wanted.mark);
    const struct credential *c =
        cs->count == 0 ? NULL : bsearch(&wanted, cs->at, cs->count, sizeof *cs->at, compare_marks);
    if (c == NULL) {
        *grant = (struct access_grant){.reason = "unknown"};
        return false;
    }
    *grant = (struct access_grant){.reason = now_us >= c->until_us ? "ended"
                                             : comes_from(c, peer) ? NULL
                                                                   : "elsewhere",
                                   .name = c->name,
                                   .identity = c->identity,
                                   .types = c->types,
                                   .labels = c->labels,
                                   .types_count = c->types_count,
                                   .asks = c->asks,
                                   .asks_count = c->asks_count,
                                   .per_second = c->per_second,
                                   .secret = c->secret};
    return grant->reason == NULL;
}

bool access_token(const struct access *a, struct slice token, const struct address *peer,
                  int64_t now_us, struct access_grant *grant)
{
    uint8_t digest[ACCESS_DIGEST];
    if (credential_digest(token, digest) == -1) {
        *grant = (struct access_grant){.reason = "unknown"};
        return false;
    }
    return find(&a->tokens, digest, peer, now_us, grant);
}

bool access_key(const struct access *a, const uint8_t id[ACCESS_KEY_ID], const struct address *peer,
                int64_t now_us, struct access_grant *grant)
{
    uint8_t mark[ACCESS_DIGEST] = {0};
    memcpy(mark, id, ACCESS_KEY_ID);
    return find(&a->keys, mark, peer, now_us, grant);
}
