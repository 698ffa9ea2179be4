/* SPDX-License-Identifier: Apache-2.0 */
/* The commands token and key: made here, of random bytes, and put into the store; listed; revoked.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/access/credential_text.h"
#include "common/clock.h"
#include "common/when_time.h"
#include "ctl/access_link.h"
#include "ctl/listing.h"

#define DAYS_MOST 36500
#define DAY_US    INT64_C(86400000000)

static struct {
    const char *identity, *until, *days, *per_second, *file, *output;
    struct ctl_texts types, asks, from;
} given;

static const struct ctl_option list_options[] = {LISTING_OPTION(given.output),
                                                 {NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option issue_options[] = {
    {"type", "GLOB", NULL, NULL, "record types that may be delivered; several times", &given.types},
    {"from", "PREFIX", NULL, NULL, "addresses it is good from, several times; \"any\": all",
     &given.from},
    {"identity", "I", &given.identity, NULL, "whose deliveries these are; NAME unless given"},
    {"until", "TIME", &given.until, NULL, "when it ends (UTC unless it has an offset)"},
    {"days", "N", &given.days, NULL, "or in how many days; without both it has no end"},
    {"per-second", "N", &given.per_second, NULL, "requests or datagrams a second"},
    {NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option ask_options[] = {
    {"ask", "GLOB", NULL, NULL,
     "questions that may be asked, such as \"Query*\", as far as its identity may; several times",
     &given.asks},
    {NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option file_options[] = {
    {"file", "FILE", &given.file, NULL, "where the key is written; NAME.key unless given"},
    {NULL, NULL, NULL, NULL, NULL}};

/* What is made of random bytes: as it is given to its bearer, and as the store has it. */
struct issued {
    const char *name;
    char bearer[ACCESS_TOKEN_BYTES + 1]; /* the token; or the secret of a key */
    char mark[CREDENTIAL_HEX_SIZE];      /* the token's digest; or the key's id */
};

/* ---- what is asked for ---- */

/* When it ends, as in RFC 3339; "" for never. -1 after a complaint. */
static int read_until(char text[WHEN_TEXT])
{
    int64_t until_us = 0, days = 0, now_us = clock_utc_us();
    text[0] = '\0';
    if (given.until == NULL && given.days == NULL) {
        return 0;
    }
    if (given.until != NULL && given.days != NULL) {
        ctl_usage("--until and --days: expected one of them");
        return -1;
    }
    if (given.days != NULL && ctl_number(given.days, 1, DAYS_MOST, &days) == -1) {
        ctl_usage("--days: expected 1 to %d, found \"%s\"", DAYS_MOST, given.days);
        return -1;
    }
    if (given.until != NULL && when_time_parse(slice_of(given.until), &until_us) == -1) {
        ctl_usage("--until: expected a time, such as 2027-01-31 (--days N counts from now), found "
                  "\"%s\"",
                  given.until);
        return -1;
    }
    until_us = given.days != NULL ? now_us + days * DAY_US : until_us;
    if (until_us <= now_us) {
        ctl_usage("--until: expected a time to come, found \"%s\"", given.until);
        return -1;
    }
    when_time_text(until_us, text);
    return 0;
}

/* `missing`: what says what it may. */
static int check_asked(const char *verb, const char *missing)
{
    int64_t rate;
    bool may_nothing = given.types.count == 0 && given.asks.count == 0;
    if (may_nothing || given.from.count == 0) {
        ctl_usage("%s: %s is missing", verb, may_nothing ? missing : "--from");
        return -1;
    }
    if (given.per_second != NULL &&
        ctl_number(given.per_second, 1, ACCESS_PER_SECOND, &rate) == -1) {
        ctl_usage("--per-second: expected 1 to %d, found \"%s\"", ACCESS_PER_SECOND,
                  given.per_second);
        return -1;
    }
    return 0;
}

static void print_texts(FILE *f, const char *member, const struct ctl_texts *texts)
{
    fprintf(f, ", \"%s\": [", member);
    for (int i = 0; i < texts->count; i++) {
        fputs(i == 0 ? "" : ", ", f);
        json_print_string(f, texts->text[i]);
    }
    fputc(']', f);
}

static bool is_from_anywhere(void)
{
    return given.from.count == 1 && strcmp(given.from.text[0], "any") == 0;
}

/* What tokens and keys have in common, behind other members. */
static void print_common(FILE *f, const char *name, const char *until)
{
    fputs(", \"identity\": ", f);
    json_print_string(f, given.identity != NULL ? given.identity : name);
    if (given.types.count > 0) {
        print_texts(f, "types", &given.types);
    }
    if (given.asks.count > 0) {
        print_texts(f, "asks", &given.asks);
    }
    if (!is_from_anywhere()) {
        print_texts(f, "from", &given.from);
    }
    if (until[0] != '\0') {
        fprintf(f, ", \"until\": \"%.10sT%sZ\"", until, until + 11);
    }
    if (given.per_second != NULL) {
        fprintf(f, ", \"per_second\": %s", given.per_second);
    }
}

/* The change that puts it into the store; NULL after a complaint. The caller frees it. */
static char *change_of(const char *kind, const struct issued *made, const char *until)
{
    bool key = strcmp(kind, "key") == 0;
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL) {
        ctl_failed("out of memory");
        return NULL;
    }
    fprintf(f, "[{\"kind\": \"%s\", \"new\": true, \"name\": ", kind);
    json_print_string(f, made->name);
    fprintf(f, ", \"body\": {\"%s\": \"%s\"", key ? "id" : "digest", made->mark);
    if (key) {
        fprintf(f, ", \"secret\": \"%s\"", made->bearer);
    }
    print_common(f, made->name, until);
    fputs("}}]", f);
    if (fclose(f) == EOF) {
        free(text);
        ctl_failed("out of memory");
        return NULL;
    }
    return text;
}

/* ---- made ---- */

static int make_token(struct issued *made)
{
    uint8_t bytes[ACCESS_SECRET], digest[ACCESS_DIGEST];
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        ctl_failed("there are no random bytes");
        return -1;
    }
    credential_token(bytes, made->bearer);
    OPENSSL_cleanse(bytes, sizeof bytes);
    if (credential_digest(slice_of(made->bearer), digest) == -1) {
        ctl_failed("out of memory");
        return -1;
    }
    credential_hex(digest, sizeof digest, made->mark);
    return 0;
}

static int make_key(struct issued *made)
{
    uint8_t secret[ACCESS_SECRET], id[ACCESS_KEY_ID];
    if (RAND_bytes(secret, sizeof secret) != 1 || RAND_bytes(id, sizeof id) != 1) {
        ctl_failed("there are no random bytes");
        return -1;
    }
    credential_base64(secret, made->bearer);
    OPENSSL_cleanse(secret, sizeof secret);
    credential_hex(id, sizeof id, made->mark);
    return 0;
}

/* It must not be there yet. -1 after a complaint. */
static int write_key(const char *path, const struct issued *made)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *f = fd == -1 ? NULL : fdopen(fd, "w");
    if (f == NULL) {
        ctl_failed("%s: %s", path, strerror(errno));
        return -1;
    }
    fputs("{\"name\": ", f);
    json_print_string(f, made->name);
    fprintf(f, ", \"id\": \"%s\", \"secret\": \"%s\"}\n", made->mark, made->bearer);
    bool written = fflush(f) == 0 && fsync(fd) == 0;
    if (fclose(f) == EOF || !written) {
        ctl_failed("%s: %s", path, strerror(errno));
        unlink(path);
        return -1;
    }
    return 0;
}

/* ---- issue ---- */

static int issue_token(struct access_link *l, const char *name, const char *until)
{
    struct issued made = {.name = name};
    bool refused;
    char *change = make_token(&made) == -1 ? NULL : change_of("token", &made, until);
    if (change == NULL || access_link_change(l, 0, change, &refused) != 0) {
        return CTL_FAILED;
    }
    puts(made.bearer);
    fflush(stdout);
    fputs("It is nowhere else: only its digest is kept.\n", stderr);
    return CTL_DONE;
}

/* The file first: a key that was put into the store and lost would be good for nobody. */
static int issue_key(struct access_link *l, const char *name, const char *until)
{
    struct issued made = {.name = name};
    char path[4096];
    bool refused;
    int n = snprintf(path, sizeof path, "%s%s", given.file != NULL ? given.file : name,
                     given.file != NULL ? "" : ".key");
    if (n < 0 || (size_t)n >= sizeof path || (given.file == NULL && strchr(name, '/') != NULL)) {
        return ctl_usage("key issue: --file is missing, since the name is no file's");
    }
    if (make_key(&made) == -1 || write_key(path, &made) == -1) {
        return CTL_FAILED;
    }
    char *change = change_of("key", &made, until);
    refused = change == NULL;
    int rc = change == NULL ? -1 : access_link_change(l, 0, change, &refused);
    if (rc != 0 && refused) {
        unlink(path);
    }
    if (rc == 0) {
        printf("%s: the key of id %s\n", path, made.mark);
    }
    return rc == 0 ? CTL_DONE : CTL_FAILED;
}

/* ---- list, revoke ---- */

static int list(struct access_link *l, const char *kind)
{
    static const char *const tokens[] = {"name", "identity", "types",      "asks",
                                         "from", "until",    "per_second", NULL};
    static const char *const keys[] = {"name", "id",    "identity",   "types",
                                       "from", "until", "per_second", NULL};
    bool key = strcmp(kind, "key") == 0;
    uint64_t version;
    const struct json *document = access_link_get(l, &version);
    const struct json *rows = document == NULL ? NULL : json_get(document, key ? "keys" : "tokens");
    return rows == NULL ? CTL_FAILED
                        : listing_print(l->arena, given.output, rows, key ? keys : tokens);
}

static int run_revoke(struct access_link *l, const char *kind, const char *name)
{
    char *text = NULL;
    size_t size;
    bool refused;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL) {
        return ctl_failed("out of memory");
    }
    fprintf(f, "[{\"kind\": \"%s\", \"body\": null, \"name\": ", kind);
    json_print_string(f, name);
    fputs("}]", f);
    if (fclose(f) == EOF) {
        free(text);
        return ctl_failed("out of memory");
    }
    return access_link_change(l, 0, text, &refused) == 0 ? CTL_DONE : CTL_FAILED;
}

/* ---- verbs ---- */

static int run_issue(struct access_link *l, const char *kind, const char *name)
{
    char until[WHEN_TEXT];
    bool key = strcmp(kind, "key") == 0;
    if (check_asked("issue", key ? "--type" : "--type or --ask") == -1 || read_until(until) == -1) {
        return CTL_USAGE;
    }
    return key ? issue_key(l, name, until) : issue_token(l, name, until);
}

static int run_list(struct access_link *l, const char *kind, const char *name)
{
    (void)name;
    return list(l, kind);
}

struct credential_verb {
    struct ctl_command command;
    const struct ctl_option *options, *more;
    int names;
    int (*run)(struct access_link *l, const char *kind, const char *name);
};

#define VERBS 3

static const struct credential_verb token_verbs[VERBS] = {
    {{"token issue", "NAME", "Makes a bearer token and prints it, this once.", ctl_token},
     issue_options,
     ask_options,
     1,
     run_issue},
    {{"token list", "", "Lists tokens; none can be read again.", ctl_token},
     list_options,
     NULL,
     0,
     run_list},
    {{"token revoke", "NAME", "Ends a token: within a second nobody takes it.", ctl_token},
     NULL,
     NULL,
     1,
     run_revoke},
};

static const struct credential_verb key_verbs[VERBS] = {
    {{"key issue", "NAME", "Makes a key and writes it to a file that nobody else may read.",
      ctl_token},
     issue_options,
     file_options,
     1,
     run_issue},
    {{"key list", "", "Lists keys, without their secrets.", ctl_token},
     list_options,
     NULL,
     0,
     run_list},
    {{"key revoke", "NAME", "Ends a key: within a second nobody takes it.", ctl_token},
     NULL,
     NULL,
     1,
     run_revoke},
};

static int run_verb(const struct ctl_command *self, const struct credential_verb *v, int argc,
                    char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {access_link_options, v->options,
                                                         v->options == NULL ? NULL : v->more, NULL};
    struct access_link l;
    const char *name = NULL;
    int count, exit_code;
    if (ctl_options(&v->command, groups, argc, argv, &name, v->names, v->names, &count,
                    &exit_code) == -1) {
        return exit_code;
    }
    exit_code = access_link_open(&l);
    if (exit_code == CTL_DONE) {
        exit_code = v->run(&l, self->name, name);
        access_link_close(&l);
    }
    return exit_code;
}

int ctl_token(const struct ctl_command *self, int argc, char **argv)
{
    const struct credential_verb *table = strcmp(self->name, "key") == 0 ? key_verbs : token_verbs;
    int exit_code;
    const struct credential_verb *v =
        ctl_verb(self, table, VERBS, sizeof table[0], argc, argv, &exit_code);
    return v == NULL ? exit_code : run_verb(self, v, argc - 1, argv + 1);
}
