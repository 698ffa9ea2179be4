/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of roles, written again. */
#include "ctl/role_identities.h"

#include "common/pattern.h"

static const struct json *list_of(const struct json *role)
{
    return role != NULL && role->type == JSON_OBJECT ? json_get(role, "identities") : role;
}

bool role_identities_name(const struct json *role, const char *identity)
{
    const struct json *list = list_of(role);
    for (const struct json *e = list == NULL ? NULL : list->first; e != NULL; e = e->next) {
        if (slice_is(e->text, identity)) {
            return true;
        }
    }
    return false;
}

bool role_identities_have(const struct json *role, const char *identity)
{
    const struct json *list = list_of(role);
    struct pattern pattern;
    for (const struct json *e = list == NULL ? NULL : list->first; e != NULL; e = e->next) {
        if (pattern_compile(e->text, false, &pattern) == 0 &&
            pattern_matches(&pattern, slice_of(identity))) {
            return true;
        }
    }
    return false;
}

static void put_list(FILE *f, const struct json *list, const char *identity, bool with)
{
    const char *between = "";
    fputc('[', f);
    for (const struct json *e = list == NULL ? NULL : list->first; e != NULL; e = e->next) {
        if (!slice_is(e->text, identity)) {
            fputs(between, f);
            json_print_slice(f, e->text);
            between = ", ";
        }
    }
    if (with) {
        fputs(between, f);
        json_print_string(f, identity);
    }
    fputc(']', f);
}

void role_identities_put(FILE *f, struct arena *a, const struct json *role, const char *identity,
                         bool with)
{
    if (role == NULL || role->type != JSON_OBJECT) {
        put_list(f, role, identity, with);
        return;
    }
    fputs("{\"identities\": ", f);
    put_list(f, list_of(role), identity, with);
    for (const struct json *m = role->first; m != NULL; m = m->next) {
        if (!slice_is(m->key, "identities")) {
            struct slice text = json_text(a, m);
            fputs(", ", f);
            json_print_slice(f, m->key);
            fprintf(f, ": %.*s", (int)text.len, text.at == NULL ? "" : text.at);
        }
    }
    fputc('}', f);
}
