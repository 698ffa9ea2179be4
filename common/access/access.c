/* SPDX-License-Identifier: Apache-2.0 */
/* Documents read into roles and authorisations: two lists of rules that are gone through. Pure; no
 * clock, no sockets.
 */
#include "common/access/access.h"

#include <stdlib.h>

#include "common/access/access_parts.h"
#include "common/grow.h"
#include "schemas/messages.h"

#define ACCESS_BYTES                                                                               \
    (32 * 1024 * 1024) /* of a set of rules; of a document's tree while it is read */

static const struct json_limits stored_limits = {.depth = 8, .nodes = 200000, .string_bytes = 8192};

void access_free(struct access **a)
{
    if (*a != NULL) {
        free((*a)->roles.rule);
        free((*a)->authorizations.rule);
        arena_free(&(*a)->arena);
        free(*a);
        *a = NULL;
    }
}

/* ---- reading ---- */

/* The role's number; a new one for a name that has none. -1 after a fault was told. */
static int64_t role_number(struct access *a, const struct document_place *at, struct slice name)
{
    for (uint32_t i = 0; i < a->role_count; i++) {
        if (slice_equal(a->role[i].name, name)) {
            return i;
        }
    }
    struct slice kept = document_copy(at, a->arena, name);
    if (kept.at == NULL || a->role_count == ACCESS_ROLES) {
        return -1;
    }
    a->role[a->role_count].name = kept;
    return a->role_count++;
}

/* The pattern stands where `at` is, or is its name. */
static void add_rule(struct access *a, struct access_rules *rules, const struct document_place *at,
                     struct slice pattern, struct slice role)
{
    struct access_rule r;
    struct slice kept = document_copy(at, a->arena, pattern);
    int64_t number = kept.at == NULL ? -1 : role_number(a, at, role);
    if (number == -1) {
        return;
    }
    struct access_rule *rule = grow(rules->rule, rules->count, &rules->size, sizeof *rule);
    if (rule == NULL) {
        document_fault(at, "out of memory");
        return;
    }
    rules->rule = rule;
    if (pattern_compile(kept, false, &r.pattern) == 0) {
        r.role = (uint32_t)number;
        rule[rules->count++] = r;
    } else if (at->node->type == JSON_STRING) {
        document_expected(at, "a pattern");
    } else {
        document_fault(at, "expected a pattern for a name");
    }
}

/* Of a role that is an object its identities; their node is NULL when it names none. */
static struct document_place identities_of(const struct document_place *role)
{
    return role->node->type == JSON_OBJECT ? document_member(role, "identities") : *role;
}

/* Whether it is an object whose lists have no more elements than there may be rules. False: a fault
 * was told. */
static bool is_bounded(const struct document_place *object)
{
    size_t count = 0;
    if (!document_is_object(object)) {
        return false;
    }
    for (struct document_place m = document_first(object); m.node != NULL; document_next(&m)) {
        struct document_place list = identities_of(&m);
        count += list.node == NULL ? 0 : list.node->count;
    }
    if (count > ACCESS_RULES) {
        document_fault(object, "expected at most %d rules, found %zu", ACCESS_RULES, count);
        return false;
    }
    return true;
}

/* The rule's pattern is the list's element. */
static void read_identities(struct access *a, const struct document_place *list, struct slice role)
{
    if (!document_is_list(list, ACCESS_RULES)) {
        return;
    }
    for (struct document_place e = document_first(list); e.node != NULL; document_next(&e)) {
        struct slice identity = document_text(&e, 1, LIMIT_DIMENSION_BYTES);
        if (identity.at != NULL) {
            add_rule(a, &a->roles, &e, identity, role);
        }
    }
}

/* role -> [identity], or an object that has such a list, and what binds the role. */
static void read_role(struct access *a, const struct document_place *at)
{
    static const char *const keys[] = {"identities", "sees", "delivers", NULL};
    if (at->node->type != JSON_OBJECT) {
        read_identities(a, at, at->key);
    } else if (document_is_object_of(at, keys)) {
        struct document_place list = identities_of(at);
        int64_t number = role_number(a, at, at->key);
        if (list.node != NULL) {
            read_identities(a, &list, at->key);
        }
        if (number != -1) {
            role_bounds_read(a, &a->role[number], at);
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

static void read_roles(struct access *a, const struct document_place *at)
{
    struct document_place roles = document_member(at, "roles");
    struct document_place authorizations = document_member(at, "authorizations");
    if (roles.node != NULL && is_bounded(&roles)) {
        for (struct document_place r = document_first(&roles); r.node != NULL; document_next(&r)) {
            read_role(a, &r);
        }
    }
    if (authorizations.node != NULL && is_bounded(&authorizations)) {
        for (struct document_place l = document_first(&authorizations); l.node != NULL;
             document_next(&l)) {
            read_authorization(a, &l, &roles);
        }
    }
}

/* Of an option, which has no tokens: they would be in a file that others read. */
static void read_configured(struct access *a, const struct document_place *at)
{
    static const char *const keys[] = {"roles", "authorizations", NULL};
    a->configured = json_text(a->arena, at->node);
    if (a->configured.at == NULL) {
        document_fault(at, "out of memory");
    } else if (document_is_object_of(at, keys)) {
        read_roles(a, at);
    }
}

static void read_tree(struct access *a, const struct document_place *at)
{
    static const char *const keys[] = {"roles", "authorizations", "tokens", "keys", NULL};
    struct document_place tokens = document_member(at, "tokens");
    struct document_place list = document_member(at, "keys");
    if (document_is_object_of(at, keys)) {
        read_roles(a, at);
    }
    if (tokens.node != NULL) {
        credentials_read_tokens(a, &tokens);
    }
    if (list.node != NULL) {
        credentials_read_keys(a, &list);
    }
}

static void read_stored(struct access *a, struct document *d, struct slice text)
{
    struct document_place whole = document_part(d, "access", NULL);
    struct arena *tree = arena_new(ACCESS_BYTES);
    a->stored = document_copy(&whole, a->arena, text);
    if (tree == NULL) {
        document_fault(&whole, "out of memory");
    } else if (text.len > LIMIT_DOCUMENT_BYTES) {
        document_fault(&whole, "expected at most %d bytes, found %zu", LIMIT_DOCUMENT_BYTES,
                       text.len);
    } else {
        struct document_place at = document_parse(d, tree, text, &stored_limits);
        if (at.node != NULL) {
            read_tree(a, &at);
        }
    }
    arena_free(&tree);
}

struct access *access_read(struct document *d, const char *option, const struct json *configured,
                           struct slice stored)
{
    struct document_place at = document_part(d, option, configured);
    struct access *a = calloc(1, sizeof *a);
    uint32_t before = d->faults;
    if (a == NULL || (a->arena = arena_new(ACCESS_BYTES)) == NULL) {
        document_fault(&at, "out of memory");
        access_free(&a);
        return NULL;
    }
    if (configured != NULL) {
        read_configured(a, &at);
    }
    if (stored.at != NULL) {
        read_stored(a, d, stored);
    }
    if (d->faults > before) {
        access_free(&a);
    }
    return a;
}

/* ---- asking ---- */

void access_find_roles(const struct access *a, struct slice identity, struct role_set *set)
{
    memset(set->has, 0, a->role_count * sizeof set->has[0]);
    for (uint32_t i = 0; i < a->roles.count; i++) {
        const struct access_rule *r = &a->roles.rule[i];
        if (!set->has[r->role] && pattern_matches(&r->pattern, identity)) {
            set->has[r->role] = true;
        }
    }
}

bool access_allows(const struct access *a, struct slice identity, struct slice label)
{
    struct role_set set;
    if (identity.len == 0) {
        return false;
    }
    access_find_roles(a, identity, &set);
    for (uint32_t i = 0; i < a->authorizations.count; i++) {
        const struct access_rule *r = &a->authorizations.rule[i];
        if (set.has[r->role] && pattern_matches(&r->pattern, label)) {
            return true;
        }
    }
    return false;
}

static void tell_role(const struct access *a, uint32_t role,
                      void (*tell)(void *context, struct slice role, struct slice identity),
                      void *context)
{
    bool told = false;
    for (uint32_t i = 0; i < a->roles.count; i++) {
        if (a->roles.rule[i].role == role) {
            tell(context, a->role[role].name, a->roles.rule[i].pattern.text);
            told = true;
        }
    }
    if (!told) {
        tell(context, a->role[role].name, (struct slice){NULL, 0});
    }
}

void access_holders(const struct access *a, struct slice label,
                    void (*tell)(void *context, struct slice role, struct slice identity),
                    void *context)
{
    struct role_set may;
    memset(may.has, 0, a->role_count * sizeof may.has[0]);
    for (uint32_t i = 0; i < a->authorizations.count; i++) {
        const struct access_rule *r = &a->authorizations.rule[i];
        may.has[r->role] = may.has[r->role] || pattern_matches(&r->pattern, label);
    }
    for (uint32_t role = 0; role < a->role_count; role++) {
        if (may.has[role] && a->role[role].sees.count == 0) {
            tell_role(a, role, tell, context);
        }
    }
}

/* Whether the glob's text up to its first wildcard and the head agree as far as both go. */
bool access_could_match(struct slice glob, const char *head)
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

int access_globs(const struct access *a, struct slice identity, const char *head,
                 struct slice *globs, uint32_t max)
{
    struct role_set set;
    uint32_t count = 0;
    if (identity.len == 0) {
        return 0;
    }
    access_find_roles(a, identity, &set);
    for (uint32_t i = 0; i < a->authorizations.count; i++) {
        const struct access_rule *r = &a->authorizations.rule[i];
        if (set.has[r->role] && access_could_match(r->pattern.text, head)) {
            if (count == max) {
                return -1;
            }
            globs[count++] = r->pattern.text;
        }
    }
    return (int)count;
}

const char *access_denied(int globs, int rows)
{
    return globs == 0    ? "not authorized to use any capability " LABEL_COLLECT "TYPE"
           : globs == -1 ? "your roles may use more capabilities " LABEL_COLLECT
                           "TYPE than can be looked at: allow fewer, or some by a glob"
           : rows == -1 ? "your roles are bound to more criteria than can be looked at"
                        : NULL;
}

bool access_equal(const struct access *a, const struct access *b)
{
    return slice_equal(a->configured, b->configured) && slice_equal(a->stored, b->stored);
}

size_t access_rules(const struct access *a)
{
    return a->authorizations.count;
}
