/* SPDX-License-Identifier: Apache-2.0 */
/* The command user: who can log in to webd. A user and his roles are one change; a password leaves
 * this process as its hash only. */
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/access/credential_text.h"
#include "common/when_time.h"
#include "ctl/access_link.h"
#include "ctl/listing.h"
#include "ctl/password_typed.h"
#include "ctl/role_identities.h"

#define TRIES 20

static struct {
    const char *output, *url;
    bool no_password;
    struct ctl_texts roles, configured;
} given;

static const struct ctl_option list_options[] = {LISTING_OPTION(given.output),
                                                 {NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option add_options[] = {
    {"role", "ROLE", NULL, NULL, "a role the user gets; several times", &given.roles},
    {"no-password", NULL, NULL, &given.no_password, "only `user link` logs this user in"},
    {"configured", "ROLE", NULL, NULL, "a role of webd's configuration, several times",
     &given.configured},
    {NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option link_options[] = {
    {"url", "URL", &given.url, NULL, "where webd is, as the browser sees it"},
    {NULL, NULL, NULL, NULL, NULL}};

/* ---- changes ---- */

/* What is to be written of a user, and what there is. */
struct user_edit {
    const struct json *document;
    struct arena *arena;
    const char *name, *hash; /* hash NULL: the user goes */
    FILE *f;
};

static void put_user(const struct user_edit *e, const char *how)
{
    fputs("[{\"kind\": \"user\", \"name\": ", e->f);
    json_print_string(e->f, e->name);
    if (e->hash == NULL) {
        fputs(", \"body\": null}", e->f);
    } else {
        fprintf(e->f, ", \"new\": %s, \"body\": {\"secret\": ", how);
        json_print_string(e->f, e->hash);
        fputs("}}", e->f);
    }
}

static void put_role(const struct user_edit *e, const struct json *role, struct slice name,
                     bool with)
{
    fputs(", {\"kind\": \"role\", \"name\": ", e->f);
    json_print_slice(e->f, name);
    fputs(", \"body\": ", e->f);
    role_identities_put(e->f, e->arena, role, e->name, with);
    fputc('}', e->f);
}

static void add(const struct user_edit *e)
{
    const struct json *roles = json_get(e->document, "roles");
    put_user(e, "true");
    for (int i = 0; i < given.roles.count; i++) {
        const char *name = given.roles.text[i];
        bool again = false;
        for (int k = 0; k < i; k++) {
            again = again || strcmp(given.roles.text[k], name) == 0;
        }
        const struct json *role = json_get(roles, name);
        if (!again && !role_identities_name(role, e->name)) {
            put_role(e, role, slice_of(name), true);
        }
    }
    fputc(']', e->f);
}

static void set(const struct user_edit *e)
{
    put_user(e, "false");
    fputc(']', e->f);
}

/* A user of the same name who comes later has none of the roles. */
static void take(const struct user_edit *e)
{
    put_user(e, NULL);
    for (const struct json *r = json_get(e->document, "roles")->first; r != NULL; r = r->next) {
        if (role_identities_name(r, e->name)) {
            put_role(e, r, r->key, false);
        }
    }
    fputc(']', e->f);
}

/* 0, or -1 after it was told which roles there are. */
static int check_roles(const struct json *document)
{
    const struct json *roles = json_get(document, "roles");
    for (int i = 0; i < given.roles.count; i++) {
        bool known = json_get(roles, given.roles.text[i]) != NULL;
        for (int k = 0; k < given.configured.count; k++) {
            known = known || strcmp(given.configured.text[k], given.roles.text[i]) == 0;
        }
        if (known) {
            continue;
        }
        fprintf(stderr,
                "ezrepoctl: --role: there is no role \"%s\"; there are:", given.roles.text[i]);
        for (const struct json *r = roles->first; r != NULL; r = r->next) {
            fprintf(stderr, " %.*s", (int)r->key.len, r->key.at);
        }
        for (int k = 0; k < given.configured.count; k++) {
            fprintf(stderr, " %s", given.configured.text[k]);
        }
        fputs(roles->count + (uint32_t)given.configured.count == 0
                  ? " none (`ezrepo role allow` makes one)\n"
                  : "\n",
              stderr);
        return -1;
    }
    return 0;
}

/* Changes as JSON, which the caller frees; NULL after a complaint. */
static char *write_changes(struct user_edit *e, void (*edit)(const struct user_edit *))
{
    char *text = NULL;
    size_t size;
    e->f = open_memstream(&text, &size);
    if (e->f != NULL) {
        edit(e);
        if (fclose(e->f) == 0) {
            return text;
        }
    }
    free(text);
    ctl_failed("out of memory");
    return NULL;
}

/* What somebody else changed meanwhile is read anew. */
static int change(struct access_link *l, const char *name, const char *hash,
                  void (*edit)(const struct user_edit *))
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t version;
        bool refused;
        struct user_edit e = {access_link_get(l, &version), l->arena, name, hash, NULL};
        if (e.document == NULL || (edit == add && check_roles(e.document) == -1)) {
            return CTL_FAILED;
        }
        char *changes = write_changes(&e, edit);
        int rc = changes == NULL ? -1 : access_link_change(l, version, changes, &refused);
        if (rc != 1) {
            return rc == 0 ? CTL_DONE : CTL_FAILED;
        }
        arena_reset(l->arena);
    }
    return ctl_failed("others change it all the time; nothing was done");
}

static int change_password(struct access_link *l, const char *name,
                           void (*edit)(const struct user_edit *))
{
    char hash[PASSWORD_HASH_SIZE] = "";
    int exit_code = edit == add && given.no_password ? CTL_DONE : password_typed(hash);
    if (exit_code == CTL_DONE) {
        exit_code = change(l, name, hash, edit);
    }
    OPENSSL_cleanse(hash, sizeof hash);
    return exit_code;
}

/* Before anybody types a password in vain. */
static int run_add(struct access_link *l, const char *name)
{
    uint64_t version;
    const struct json *document = access_link_get(l, &version);
    if (given.roles.count == 0) {
        return ctl_usage("user add: --role is missing");
    }
    if (document == NULL || check_roles(document) == -1) {
        return CTL_FAILED;
    }
    return change_password(l, name, add);
}

static int run_password(struct access_link *l, const char *name)
{
    return change_password(l, name, set);
}

static int run_remove(struct access_link *l, const char *name)
{
    return change(l, name, NULL, take);
}

/* ---- stored asked about users ---- */

static int ask(struct access_link *l, const struct user_message *request,
               struct user_state_message *m)
{
    struct slice answer;
    struct pack p;
    pack_init(&p);
    user_encode(&p, request);
    if (access_link_ask(l, &p, &answer) == -1) {
        return -1;
    }
    if (user_state_decode_all(answer, l->arena, m) == -1) {
        return store_link_strange(&l->link);
    }
    if (m->status != ANSWER_OK) {
        ctl_failed("%.*s", (int)m->message.len, m->message.at);
        return -1;
    }
    return 0;
}

static void print_user(FILE *f, const struct json *user, const struct json *roles)
{
    const struct json *name = json_get(user, "name"), *used = json_get(user, "used");
    const char *between = "";
    char identity[LIMIT_USER_BYTES + 1] = "";
    memcpy(identity, name->text.at, name->text.len < sizeof identity ? name->text.len : 0);
    fputs("{\"user\": ", f);
    json_print_string(f, identity);
    fputs(", \"roles\": [", f);
    for (const struct json *r = roles->first; r != NULL; r = r->next) {
        if (role_identities_have(r, identity)) {
            fputs(between, f);
            json_print_slice(f, r->key);
            between = ", ";
        }
    }
    fprintf(f, "], \"password\": \"%s\", \"sessions\": %.*s, \"used\": ",
            json_get(user, "password")->type == JSON_TRUE ? "yes" : "no",
            (int)json_get(user, "sessions")->text.len, json_get(user, "sessions")->text.at);
    if (used->type == JSON_STRING) {
        json_print_slice(f, used->text);
    } else {
        fputs("null", f);
    }
    fputc('}', f);
}

static int run_list(struct access_link *l, const char *name)
{
    static const char *const names[] = {"user", "roles", "password", "sessions", "used", NULL};
    const struct user_message request = {
        .id = ++l->id, .what = USER_LIST, .author = slice_of(access_link_author())};
    struct user_state_message m;
    uint64_t version;
    char *text = NULL;
    size_t size;
    (void)name;
    if (ask(l, &request, &m) == -1) {
        return CTL_FAILED;
    }
    const struct json *users = access_link_tree(l, m.users);
    const struct json *document = users == NULL ? NULL : access_link_get(l, &version);
    FILE *f = document == NULL ? NULL : open_memstream(&text, &size);
    if (f == NULL) {
        return CTL_FAILED;
    }
    fputc('[', f);
    for (const struct json *u = users->first; u != NULL; u = u->next) {
        fputs(u == users->first ? "" : ", ", f);
        print_user(f, u, json_get(document, "roles"));
    }
    fputc(']', f);
    const struct json *rows =
        fclose(f) == EOF ? NULL : access_link_tree(l, (struct slice){text, size});
    free(text);
    return rows == NULL ? CTL_FAILED : listing_print(l->arena, given.output, rows, names);
}

static int run_link(struct access_link *l, const char *name)
{
    uint8_t bytes[ACCESS_SECRET], digest[ACCESS_DIGEST];
    char ticket[CREDENTIAL_URL_SIZE], ends[WHEN_TEXT];
    struct user_state_message m;
    if (given.url == NULL) {
        return ctl_usage("user link: --url is missing");
    }
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        return ctl_failed("there are no random bytes");
    }
    credential_base64url(bytes, ticket);
    if (credential_sha256(slice_of(ticket), digest) == -1) {
        return ctl_failed("out of memory");
    }
    const struct user_message request = {.id = ++l->id,
                                         .what = USER_LINK,
                                         .author = slice_of(access_link_author()),
                                         .user = slice_of(name),
                                         .ticket = {(const char *)digest, sizeof digest}};
    if (ask(l, &request, &m) == -1) {
        return CTL_FAILED;
    }
    when_time_text(m.ends_us, ends);
    printf("%s/login?ticket=%s\n", given.url, ticket);
    fflush(stdout);
    fprintf(stderr, "It logs %s in once, until %.19s.\n", name, ends);
    return CTL_DONE;
}

/* ---- verbs ---- */

static const struct user_verb {
    struct ctl_command command;
    const struct ctl_option *options;
    int names;
    int (*run)(struct access_link *l, const char *name);
} verbs[] = {
    {{"user add", "NAME",
      "Makes a user with these roles; the password is asked for, or the first line of standard "
      "input.",
      ctl_people},
     add_options,
     1,
     run_add},
    {{"user list", "", "Lists users: their roles, whether they are logged in.", ctl_people},
     list_options,
     0,
     run_list},
    {{"user password", "NAME", "Sets another password, and ends all sessions of the user.",
      ctl_people},
     NULL,
     1,
     run_password},
    {{"user remove", "NAME",
      "Removes a user, also from the roles in the store, and ends all sessions.", ctl_people},
     NULL,
     1,
     run_remove},
    {{"user link", "NAME", "Prints a link that logs the user in once, within ten minutes.",
      ctl_people},
     link_options,
     1,
     run_link},
};

static int run_verb(const struct user_verb *v, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {access_link_options, v->options, NULL};
    struct access_link l;
    const char *name = NULL;
    int count, exit_code;
    if (ctl_options(&v->command, groups, argc, argv, &name, v->names, v->names, &count,
                    &exit_code) == -1) {
        return exit_code;
    }
    if (name != NULL && !access_is_name(slice_of(name))) {
        return ctl_usage("%s: expected a name of at most %d letters, digits and . _ - @ : / +, "
                         "found \"%s\"",
                         v->command.name, ACCESS_NAME_BYTES, name);
    }
    exit_code = access_link_open(&l);
    if (exit_code == CTL_DONE) {
        exit_code = v->run(&l, name);
        access_link_close(&l);
    }
    return exit_code;
}

int ctl_people(const struct ctl_command *self, int argc, char **argv)
{
    int exit_code;
    const struct user_verb *v = ctl_verb(self, verbs, sizeof verbs / sizeof verbs[0],
                                         sizeof verbs[0], argc, argv, &exit_code);
    return v == NULL ? exit_code : run_verb(v, argc - 1, argv + 1);
}
