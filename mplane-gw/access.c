/* SPDX-License-Identifier: Apache-2.0 */
/* Roles and authorisations: two lists of rules that are gone through. Pure; no clock, no sockets.
 */
#include "mplane-gw/access.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/pattern.h"

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

/* A JSON string's text for a message, cut. */
#define SHOWN(s) SLICE_SHOWN(s, 80)

static int add_rule(struct access *a, struct rules *rules, struct slice text, struct slice role)
{
    struct access_rule *r = &rules->rule[rules->count];
    struct slice kept = arena_copy(a->arena, text);
    r->role = arena_copy(a->arena, role);
    if (kept.at == NULL || r->role.at == NULL || pattern_compile(kept, false, &r->pattern) == -1) {
        return -1;
    }
    rules->count++;
    return 0;
}

/* How many rules the member can give at most; -1 when it is not an object of lists of strings. */
static long rules_in(const struct json *member, const char *name, char *error, size_t error_size)
{
    long count = 0;
    if (member->type != JSON_OBJECT) {
        snprintf(error, error_size, "access.%s: expected an object, found a %s", name,
                 json_type_name(member->type));
        return -1;
    }
    for (const struct json *list = member->first; list != NULL; list = list->next) {
        if (list->type != JSON_ARRAY) {
            snprintf(error, error_size, "access.%s.%.*s: expected a list of strings, found a %s",
                     name, SHOWN(list->key), json_type_name(list->type));
            return -1;
        }
        for (const struct json *e = list->first; e != NULL; e = e->next, count++) {
            if (e->type != JSON_STRING || e->text.len == 0) {
                snprintf(error, error_size, "access.%s.%.*s: expected strings that are not empty",
                         name, SHOWN(list->key));
                return -1;
            }
        }
    }
    if (count > ACCESS_RULES) {
        snprintf(error, error_size, "access.%s: more than %d rules", name, ACCESS_RULES);
        return -1;
    }
    return count;
}

/* role -> [identity]: the rule's pattern is the list's element, its role the list's key. */
static int read_roles(struct access *a, const struct json *member, char *error, size_t error_size)
{
    for (const struct json *list = member->first; list != NULL; list = list->next) {
        for (const struct json *e = list->first; e != NULL; e = e->next) {
            if (add_rule(a, &a->roles, e->text, list->key) == -1) {
                snprintf(error, error_size, "access.roles.%.*s: \"%.*s\" is no pattern",
                         SHOWN(list->key), SHOWN(e->text));
                return -1;
            }
        }
    }
    return 0;
}

/* Whether "roles" names the role, if only with an empty list. */
static bool role_named(const struct json *roles, struct slice role)
{
    for (const struct json *list = roles == NULL ? NULL : roles->first; list != NULL;
         list = list->next) {
        if (slice_equal(list->key, role)) {
            return true;
        }
    }
    return false;
}

/* label -> [role]: the rule's pattern is the list's key, its role the list's element. */
static int read_authorizations(struct access *a, const struct json *member,
                               const struct json *roles, char *error, size_t error_size)
{
    for (const struct json *list = member->first; list != NULL; list = list->next) {
        for (const struct json *e = list->first; e != NULL; e = e->next) {
            if (!role_named(roles, e->text)) {
                snprintf(error, error_size,
                         "access.authorizations.%.*s: the role \"%.*s\" is not in access.roles",
                         SHOWN(list->key), SHOWN(e->text));
                return -1;
            }
            if (add_rule(a, &a->authorizations, list->key, e->text) == -1) {
                snprintf(error, error_size, "access.authorizations: \"%.*s\" is no pattern",
                         SHOWN(list->key));
                return -1;
            }
        }
    }
    return 0;
}

static int rules_alloc(struct access *a, struct rules *rules, const struct json *member,
                       const char *name, char *error, size_t error_size)
{
    long count = member == NULL ? 0 : rules_in(member, name, error, error_size);
    if (count == -1) {
        return -1;
    }
    rules->rule = arena_calloc(a->arena, (size_t)count + 1, sizeof *rules->rule);
    if (rules->rule == NULL) {
        snprintf(error, error_size, "access: out of memory");
        return -1;
    }
    return 0;
}

static int read_document(struct access *a, const struct json *document, char *error,
                         size_t error_size)
{
    if (document == NULL) {
        return 0;
    }
    if (document->type != JSON_OBJECT) {
        snprintf(error, error_size, "access: expected an object, found a %s",
                 json_type_name(document->type));
        return -1;
    }
    for (const struct json *m = document->first; m != NULL; m = m->next) {
        if (!slice_is(m->key, "roles") && !slice_is(m->key, "authorizations")) {
            snprintf(error, error_size,
                     "access.%.*s: unknown; expected \"roles\" and \"authorizations\"",
                     SHOWN(m->key));
            return -1;
        }
    }
    const struct json *roles = json_get(document, "roles");
    const struct json *authorizations = json_get(document, "authorizations");
    if (rules_alloc(a, &a->roles, roles, "roles", error, error_size) == -1 ||
        rules_alloc(a, &a->authorizations, authorizations, "authorizations", error, error_size) ==
            -1) {
        return -1;
    }
    if (roles != NULL && read_roles(a, roles, error, error_size) == -1) {
        return -1;
    }
    return authorizations == NULL
               ? 0
               : read_authorizations(a, authorizations, roles, error, error_size);
}

struct access *access_read(const struct json *document, char *error, size_t error_size)
{
    struct access *a = calloc(1, sizeof *a);
    if (a != NULL) {
        a->arena = arena_new(ACCESS_BYTES);
    }
    if (a == NULL || a->arena == NULL) {
        snprintf(error, error_size, "access: out of memory");
    } else if (read_document(a, document, error, error_size) == 0) {
        a->document = document == NULL ? slice_of("") : json_text(a->arena, document);
        if (a->document.at != NULL) {
            return a;
        }
        snprintf(error, error_size, "access: out of memory");
    }
    access_free(&a);
    return NULL;
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
