/* SPDX-License-Identifier: Apache-2.0 */
/* Roles and authorisations: two lists of rules that are gone through. Pure; no clock, no sockets.
 */
#include "mplane-gw/access.h"

#include <stdlib.h>

#include "common/pattern.h"
#include "schemas/messages.h"

#define ACCESS_BYTES (8 * 1024 * 1024)

/* "Who matches this pattern has this role", or "what matches this pattern this role may use". */
struct access_rule {
    struct pattern pattern;
    struct slice role;
};

struct rules {
    struct access_rule *rule;
    size_t count;
};

struct access {
    struct arena *arena;
    struct slice document;
    struct rules roles;
    struct rules authorizations;
};

void access_free(struct access **a)
{
    if (*a != NULL) {
        arena_free(&(*a)->arena);
        free(*a);
        *a = NULL;
    }
}

/* The pattern stands where `at` is, or is its name. */
static void add_rule(struct access *a, struct rules *rules, const struct document_place *at,
                     struct slice pattern, struct slice role)
{
    struct access_rule *r = &rules->rule[rules->count];
    struct slice kept = document_copy(at, a->arena, pattern);
    r->role = document_copy(at, a->arena, role);
    if (kept.at == NULL || r->role.at == NULL) {
        return;
    }
    if (pattern_compile(kept, false, &r->pattern) == 0) {
        rules->count++;
    } else if (at->node->type == JSON_STRING) {
        document_expected(at, "a pattern");
    } else {
        document_fault(at, "expected a pattern for a name");
    }
}

/* Room for a rule for each text in the lists that the object has. False: a fault was told. */
static bool make_room(struct access *a, const struct document_place *object, struct rules *rules)
{
    size_t count = 0;
    if (!document_is_object(object)) {
        return false;
    }
    for (const struct json *list = object->node->first; list != NULL; list = list->next) {
        count += list->count;
    }
    if (count > ACCESS_RULES) {
        document_fault(object, "expected at most %d rules, found %zu", ACCESS_RULES, count);
        return false;
    }
    rules->rule = document_take(object, a->arena, count, sizeof *rules->rule);
    return rules->rule != NULL;
}

/* role -> [identity]: the rule's pattern is the list's element, its role the list's key. */
static void read_role(struct access *a, const struct document_place *list)
{
    if (!document_is_list(list, ACCESS_RULES)) {
        return;
    }
    for (struct document_place e = document_first(list); e.node != NULL; document_next(&e)) {
        struct slice identity = document_text(&e, 1, LIMIT_DIMENSION_BYTES);
        if (identity.at != NULL) {
            add_rule(a, &a->roles, &e, identity, list->key);
        }
    }
}

/* Whether "roles" names the role, if only with an empty list. */
static bool role_named(const struct document_place *roles, struct slice role)
{
    for (struct document_place r = document_first(roles); r.node != NULL; document_next(&r)) {
        if (slice_equal(r.key, role)) {
            return true;
        }
    }
    return false;
}

/* label -> [role]: the rule's pattern is the list's key, its role the list's element. */
static void read_authorization(struct access *a, const struct document_place *list,
                               const struct document_place *roles)
{
    if (!document_is_list(list, ACCESS_RULES)) {
        return;
    }
    for (struct document_place e = document_first(list); e.node != NULL; document_next(&e)) {
        struct slice role = document_text(&e, 1, LIMIT_DIMENSION_BYTES);
        if (role.at != NULL && !role_named(roles, role)) {
            document_expected(&e, "a role that is in access.roles");
        } else if (role.at != NULL) {
            add_rule(a, &a->authorizations, list, list->key, role);
        }
    }
}

static void read_document(struct access *a, const struct document_place *at)
{
    static const char *const keys[] = {"roles", "authorizations", NULL};
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place roles = document_member(at, "roles");
    struct document_place authorizations = document_member(at, "authorizations");
    if (roles.node != NULL && make_room(a, &roles, &a->roles)) {
        for (struct document_place r = document_first(&roles); r.node != NULL; document_next(&r)) {
            read_role(a, &r);
        }
    }
    if (authorizations.node != NULL && make_room(a, &authorizations, &a->authorizations)) {
        for (struct document_place l = document_first(&authorizations); l.node != NULL;
             document_next(&l)) {
            read_authorization(a, &l, &roles);
        }
    }
}

/* For access_equal(). */
static void keep_text(struct access *a, const struct document_place *at)
{
    a->document = json_text(a->arena, at->node);
    if (a->document.at == NULL) {
        document_fault(at, "out of memory");
    }
}

struct access *access_read(struct document *d, const struct json *option)
{
    struct document_place at = document_part(d, "mplane-gw.access", option);
    struct access *a = calloc(1, sizeof *a);
    uint32_t before = d->faults;
    if (a != NULL) {
        a->arena = arena_new(ACCESS_BYTES);
    }
    if (a == NULL || a->arena == NULL) {
        document_fault(&at, "out of memory");
    } else if (option != NULL) {
        read_document(a, &at);
        keep_text(a, &at);
    } else {
        a->document = slice_of("");
    }
    if (d->faults > before) {
        access_free(&a);
    }
    return a;
}

static bool identity_has(const struct access *a, struct slice identity, struct slice role)
{
    for (size_t i = 0; i < a->roles.count; i++) {
        const struct access_rule *r = &a->roles.rule[i];
        if (slice_equal(r->role, role) && pattern_matches(&r->pattern, identity)) {
            return true;
        }
    }
    return false;
}

bool access_allows(const struct access *a, struct slice identity, struct slice label)
{
    if (identity.len == 0) {
        return false;
    }
    for (size_t i = 0; i < a->authorizations.count; i++) {
        const struct access_rule *r = &a->authorizations.rule[i];
        if (pattern_matches(&r->pattern, label) && identity_has(a, identity, r->role)) {
            return true;
        }
    }
    return false;
}

/* Whether the glob's text up to its first wildcard and the head agree as far as both go. */
static bool could_match(struct slice glob, const char *head)
{
    for (size_t i = 0; i < glob.len && head[i] != '\0'; i++) {
        if (glob.at[i] == '*' || glob.at[i] == '?') {
            return true;
        }
        if (glob.at[i] != head[i]) {
            return false;
        }
    }
    return glob.len > strlen(head) || memchr(glob.at, '*', glob.len) != NULL;
}

uint32_t access_globs(const struct access *a, struct slice identity, const char *head,
                      struct slice *globs, uint32_t max)
{
    uint32_t count = 0;
    for (size_t i = 0; i < a->authorizations.count && count < max && identity.len > 0; i++) {
        const struct access_rule *r = &a->authorizations.rule[i];
        if (could_match(r->pattern.text, head) && identity_has(a, identity, r->role)) {
            globs[count++] = r->pattern.text;
        }
    }
    return count;
}

bool access_equal(const struct access *a, const struct access *b)
{
    return slice_equal(a->document, b->document);
}

size_t access_rules(const struct access *a)
{
    return a->authorizations.count;
}
