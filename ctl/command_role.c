/* SPDX-License-Identifier: Apache-2.0 */
/* The command role: who has one, what it may use, to which series it is bound. What somebody else
 * changed meanwhile is read anew.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ctl/access_link.h"
#include "ctl/listing.h"
#include "ctl/role_criteria.h"

#define TRIES 20
#define WORDS 64

static struct {
    const char *output;
    struct ctl_texts sees, delivers;
} given;

static const struct ctl_option list_options[] = {LISTING_OPTION(given.output),
                                                 {NULL, NULL, NULL, NULL, NULL}};

static const struct ctl_option bound_options[] = {
    {"sees", "CRITERIA", NULL, NULL,
     "series it may see, dest=192.0.2.0/24,type=ping; several times; \"all\": no bound",
     &given.sees},
    {"delivers", "CRITERIA", NULL, NULL, "series it may deliver records of, likewise",
     &given.delivers},
    {NULL, NULL, NULL, NULL, NULL}};

/* What was typed behind the verb: a role, and identities or labels. */
struct role_words {
    const char *word[1 + WORDS];
    int count;
};

/* A list of changes that is being written. */
struct role_edit {
    const struct json *document;
    const struct role_words *words;
    struct arena *arena;
    FILE *f;
    uint32_t count;
    bool refused; /* it was told why */
};

static bool is_among(struct slice text, const char *const *words, int count)
{
    for (int i = 0; i < count; i++) {
        if (slice_is(text, words[i])) {
            return true;
        }
    }
    return false;
}

static bool list_has(const struct json *list, const char *text)
{
    for (const struct json *e = list == NULL ? NULL : list->first; e != NULL; e = e->next) {
        if (slice_is(e->text, text)) {
            return true;
        }
    }
    return false;
}

/* ---- changes ---- */

static void begin_change(struct role_edit *e, const char *kind, struct slice name)
{
    fprintf(e->f, "%s{\"kind\": \"%s\", \"name\": ", e->count++ == 0 ? "" : ", ", kind);
    json_print_slice(e->f, name);
    fputs(", \"body\": ", e->f);
}

/* The identities of a role: it is a list of them, or an object with one. */
static const struct json *identities_of(const struct json *role)
{
    return role != NULL && role->type == JSON_OBJECT ? json_get(role, "identities") : role;
}

static const struct json *bound_of(const struct json *role, const char *member)
{
    return role != NULL && role->type == JSON_OBJECT ? json_get(role, member) : NULL;
}

/* The list without some words, or with some more. */
static void put_list(struct role_edit *e, const struct json *list, const char *const *without,
                     int without_count, const char *const *with, int with_count)
{
    const char *between = "";
    fputc('[', e->f);
    for (const struct json *t = list == NULL ? NULL : list->first; t != NULL; t = t->next) {
        if (!is_among(t->text, without, without_count)) {
            fputs(between, e->f);
            json_print_slice(e->f, t->text);
            between = ", ";
        }
    }
    for (int i = 0; i < with_count; i++) {
        if (!list_has(list, with[i]) && !is_among(slice_of(with[i]), with, i)) {
            fputs(between, e->f);
            json_print_string(e->f, with[i]);
            between = ", ";
        }
    }
    fputc(']', e->f);
}

static const struct json *role_of(const struct role_edit *e)
{
    return json_get(json_get(e->document, "roles"), e->words->word[0]);
}

/* What was given takes the place of what there is; "all" of that: no bound. */
static bool will_be_bound(const struct ctl_texts *texts, const struct json *kept)
{
    bool all = texts->count == 1 && strcmp(texts->text[0], "all") == 0;
    return !all && (texts->count > 0 || kept != NULL);
}

static void put_bound(struct role_edit *e, const char *member, const struct ctl_texts *texts,
                      const struct json *kept)
{
    struct slice text = {NULL, 0};
    if (!will_be_bound(texts, kept)) {
        return;
    }
    fprintf(e->f, ", \"%s\": ", member);
    if (texts->count == 0) {
        text = json_text(e->arena, kept);
        fprintf(e->f, "%.*s", (int)text.len, text.at == NULL ? "" : text.at);
        return;
    }
    for (int i = 0; i < texts->count; i++) {
        fputs(i == 0 ? "[" : ", ", e->f);
        e->refused = role_criteria_read(e->f, member, texts->text[i]) == -1 || e->refused;
    }
    fputc(']', e->f);
}

/* The role with its identities without some, or with some more, and what binds it. */
static void put_role(struct role_edit *e, const char *const *without, int without_count,
                     const char *const *with, int with_count)
{
    const struct json *role = role_of(e), *sees = bound_of(role, "sees"),
                      *delivers = bound_of(role, "delivers");
    bool bound = will_be_bound(&given.sees, sees) || will_be_bound(&given.delivers, delivers);
    begin_change(e, "role", slice_of(e->words->word[0]));
    fputs(bound ? "{\"identities\": " : "", e->f);
    put_list(e, identities_of(role), without, without_count, with, with_count);
    put_bound(e, "sees", &given.sees, sees);
    put_bound(e, "delivers", &given.delivers, delivers);
    fputs(bound ? "}}" : "}", e->f);
}

static void add(struct role_edit *e)
{
    put_role(e, NULL, 0, e->words->word + 1, e->words->count - 1);
}

/* An authorisation without the role; of nobody it goes. */
static void take_label(struct role_edit *e, const struct json *roles)
{
    begin_change(e, "authorization", roles->key);
    if (roles->count == 1) {
        fputs("null}", e->f);
    } else {
        put_list(e, roles, e->words->word, 1, NULL, 0);
        fputc('}', e->f);
    }
}

static void remove_role(struct role_edit *e)
{
    const struct json *authorizations = json_get(e->document, "authorizations");
    for (const struct json *a = authorizations == NULL ? NULL : authorizations->first; a != NULL;
         a = a->next) {
        if (list_has(a, e->words->word[0])) {
            take_label(e, a);
        }
    }
    begin_change(e, "role", slice_of(e->words->word[0]));
    fputs("null}", e->f);
}

static void refuse(struct role_edit *e, const char *what, const char *name)
{
    ctl_failed("the role \"%s\" %s%s%s in the store; what is configured is changed there",
               e->words->word[0], what, name == NULL ? "" : " ", name == NULL ? "" : name);
    e->refused = true;
}

static void take_identities(struct role_edit *e)
{
    for (int i = 1; i < e->words->count; i++) {
        if (!list_has(identities_of(role_of(e)), e->words->word[i])) {
            refuse(e, "has no identity", e->words->word[i]);
        }
    }
    put_role(e, e->words->word + 1, e->words->count - 1, NULL, 0);
}

static void take(struct role_edit *e)
{
    if (role_of(e) == NULL) {
        refuse(e, "is not", NULL);
    } else if (e->words->count == 1) {
        remove_role(e);
    } else {
        take_identities(e);
    }
}

/* The role's identities may all be configured: then it is in the store without any. */
static void allow(struct role_edit *e)
{
    const struct json *authorizations = json_get(e->document, "authorizations");
    if (role_of(e) == NULL) {
        begin_change(e, "role", slice_of(e->words->word[0]));
        fputs("[]}", e->f);
    }
    for (int i = 1; i < e->words->count; i++) {
        begin_change(e, "authorization", slice_of(e->words->word[i]));
        put_list(e, json_get(authorizations, e->words->word[i]), NULL, 0, e->words->word, 1);
        fputc('}', e->f);
    }
}

static void deny(struct role_edit *e)
{
    const struct json *authorizations = json_get(e->document, "authorizations");
    for (int i = 1; i < e->words->count; i++) {
        const struct json *roles = json_get(authorizations, e->words->word[i]);
        if (list_has(roles, e->words->word[0])) {
            take_label(e, roles);
        } else {
            refuse(e, "may not use", e->words->word[i]);
        }
    }
}

/* The changes as JSON; NULL after a complaint. The caller frees it. */
static char *write_changes(struct arena *a, const struct json *document,
                           const struct role_words *words, void (*edit)(struct role_edit *))
{
    char *text = NULL;
    size_t size;
    struct role_edit e = {document, words, a, open_memstream(&text, &size), 0, false};
    if (e.f == NULL) {
        ctl_failed("out of memory");
        return NULL;
    }
    fputc('[', e.f);
    edit(&e);
    fputc(']', e.f);
    if (fclose(e.f) == EOF) {
        ctl_failed("out of memory");
        e.refused = true;
    }
    if (e.refused) {
        free(text);
        text = NULL;
    }
    return text;
}

static int change(struct access_link *l, const struct role_words *words,
                  void (*edit)(struct role_edit *))
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t version;
        bool refused;
        const struct json *document = access_link_get(l, &version);
        char *changes = document == NULL ? NULL : write_changes(l->arena, document, words, edit);
        int rc = changes == NULL ? -1 : access_link_change(l, version, changes, &refused);
        if (rc != 1) {
            return rc == 0 ? CTL_DONE : CTL_FAILED;
        }
        arena_reset(l->arena);
    }
    return ctl_failed("others change it all the time; nothing was done");
}

/* ---- the list ---- */

/* As it is typed. */
static void print_bound(FILE *f, const char *member, const struct json *role)
{
    const struct json *list = bound_of(role, member);
    if (list == NULL) {
        return; /* shown as "-" */
    }
    fprintf(f, ", \"%s\": [", member);
    for (const struct json *c = list->first; c != NULL; c = c->next) {
        fputs(c == list->first ? "" : ", ", f);
        role_criteria_show(f, c);
    }
    fputc(']', f);
}

static void print_role(FILE *f, const struct json *role, const struct json *authorizations)
{
    const char *between = "";
    fputs("{\"role\": ", f);
    json_print_slice(f, role->key);
    fputs(", \"identities\": [", f);
    const struct json *identities = identities_of(role);
    for (const struct json *i = identities == NULL ? NULL : identities->first; i != NULL;
         i = i->next) {
        fputs(i == identities->first ? "" : ", ", f);
        json_print_slice(f, i->text);
    }
    fputs("], \"may\": [", f);
    for (const struct json *a = authorizations->first; a != NULL; a = a->next) {
        for (const struct json *r = a->first; r != NULL; r = r->next) {
            if (slice_equal(r->text, role->key)) {
                fputs(between, f);
                json_print_slice(f, a->key);
                between = ", ";
            }
        }
    }
    fputc(']', f);
    print_bound(f, "sees", role);
    print_bound(f, "delivers", role);
    fputc('}', f);
}

static int list(struct access_link *l)
{
    static const char *const names[] = {"role", "identities", "may", "sees", "delivers", NULL};
    uint64_t version;
    char *text = NULL;
    size_t size;
    const struct json *document = access_link_get(l, &version);
    FILE *f = document == NULL ? NULL : open_memstream(&text, &size);
    if (f == NULL) {
        return CTL_FAILED;
    }
    const struct json *roles = json_get(document, "roles");
    fputc('[', f);
    for (const struct json *r = roles->first; r != NULL; r = r->next) {
        fputs(r == roles->first ? "" : ", ", f);
        print_role(f, r, json_get(document, "authorizations"));
    }
    fputc(']', f);
    const struct json *rows =
        fclose(f) == EOF ? NULL : access_link_tree(l, (struct slice){text, size});
    free(text);
    return rows == NULL ? CTL_FAILED : listing_print(l->arena, given.output, rows, names);
}

/* ---- verbs ---- */

static const struct role_verb {
    struct ctl_command command;
    const struct ctl_option *options;
    int least, most;
    void (*edit)(struct role_edit *);
} verbs[] = {
    {{"role list", "",
      "Lists the roles in the store: who has them, what they may use, which series they are bound "
      "to.",
      ctl_role},
     list_options,
     0,
     0,
     NULL},
    {{"role add", "ROLE [IDENTITY...]",
      "Gives a role, which may be new, to identities; with --sees or --delivers it is bound to "
      "series from now on.",
      ctl_role},
     bound_options,
     1,
     1 + WORDS,
     add},
    {{"role remove", "ROLE [IDENTITY...]", "Takes a role from identities, or away altogether.",
      ctl_role},
     NULL,
     1,
     1 + WORDS,
     take},
    {{"role allow", "ROLE LABEL...",
      "Lets a role use capabilities, by their labels or globs on them.", ctl_role},
     NULL,
     2,
     1 + WORDS,
     allow},
    {{"role deny", "ROLE LABEL...", "Takes back what role allow let a role use.", ctl_role},
     NULL,
     2,
     1 + WORDS,
     deny},
};

static int run_verb(const struct role_verb *v, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {access_link_options, v->options, NULL};
    struct role_words words = {.count = 0};
    struct access_link l;
    int exit_code;
    if (ctl_options(&v->command, groups, argc, argv, words.word, v->least, v->most, &words.count,
                    &exit_code) == -1) {
        return exit_code;
    }
    if (v->edit == add && words.count == 1 && given.sees.count + given.delivers.count == 0) {
        return ctl_usage("role add: expected an identity, --sees or --delivers");
    }
    exit_code = access_link_open(&l);
    if (exit_code == CTL_DONE) {
        exit_code = v->edit == NULL ? list(&l) : change(&l, &words, v->edit);
        access_link_close(&l);
    }
    return exit_code;
}

int ctl_role(const struct ctl_command *self, int argc, char **argv)
{
    int exit_code;
    const struct role_verb *v = ctl_verb(self, verbs, sizeof verbs / sizeof verbs[0],
                                         sizeof verbs[0], argc, argv, &exit_code);
    return v == NULL ? exit_code : run_verb(v, argc - 1, argv + 1);
}
