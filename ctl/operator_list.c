/* SPDX-License-Identifier: Apache-2.0 */
/* Options, verbs, the way to stored and back. */
#include "ctl/operator_list.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/listing.h"

_Static_assert(MAINTAIN_LIST == (int)OPERATOR_LIST && MAINTAIN_ADD == (int)OPERATOR_ADD &&
                   MAINTAIN_END == (int)OPERATOR_TAKE && EXPECT_LIST == (int)OPERATOR_LIST &&
                   EXPECT_ADD == (int)OPERATOR_ADD && EXPECT_REMOVE == (int)OPERATOR_TAKE,
               "the messages have the verbs under the same numbers");

static struct {
    const char *output, *before, *author;
    const char *dimensions[DIMENSION_COUNT];
} given;

static const struct ctl_option list_options[] = {
    LISTING_OPTION(given.output),
    {"before", "NUMBER", &given.before, NULL, "entries before this one"},
    {NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option author_options[] = {
    {"author", "NAME", &given.author, NULL, "who says so; unless given who types this"},
    {NULL, NULL, NULL, NULL, NULL}};

#define DIMENSION_OPTION(x, name, Name, addresses, help)                                           \
    {#name, "PATTERN", &given.dimensions[DIMENSION_##name], NULL, help},
static const struct ctl_option pattern_options[] = {
    DIMENSIONS(DIMENSION_OPTION, ){NULL, NULL, NULL, NULL, NULL}};

/* ---- what is given ---- */

static int read_options(const struct operator_list *list, const struct ctl_command *verb,
                        enum operator_verb kind, int argc, char **argv, const char **word,
                        int *exit_code)
{
    const struct ctl_option *const groups[OPERATOR_VERBS][CTL_GROUPS] = {
        [OPERATOR_LIST] = {access_link_options, list_options, NULL},
        [OPERATOR_ADD] = {access_link_options, pattern_options, list->entry, author_options, NULL},
        [OPERATOR_TAKE] = {access_link_options, author_options, NULL}};
    int words = kind == OPERATOR_TAKE ? 1 : 0, count;
    return ctl_options(verb, groups[kind], argc, argv, word, words, words, &count, exit_code);
}

/* -1 after a complaint. */
static int read_request(const struct operator_list *list, const struct ctl_command *verb,
                        const char *word, struct operator_request *r)
{
    const char *text = r->verb == OPERATOR_TAKE   ? word
                       : r->verb == OPERATOR_LIST ? given.before
                                                  : NULL;
    int64_t number = 0;
    if (text != NULL && ctl_number(text, 1, INT64_MAX, &number) == -1) {
        ctl_usage("%s: expected a number, found \"%s\"", verb->name, text);
        return -1;
    }
    r->number = (uint64_t)number;
    r->author = slice_of(given.author != NULL ? given.author : access_link_author());
    for (int d = 0; d < DIMENSION_COUNT; d++) {
        r->patterns[d] = slice_of(given.dimensions[d] != NULL ? given.dimensions[d] : "*");
    }
    return r->verb == OPERATOR_ADD ? list->read() : 0;
}

/* ---- there and back ---- */

/* The entries where they were asked for; else the number of the one that was changed. */
static int print(const struct operator_list *list, struct access_link *l, enum operator_verb verb,
                 const struct operator_answer *answer)
{
    if (verb != OPERATOR_LIST) {
        printf("%" PRIu64 "\n", answer->number);
        return CTL_DONE;
    }
    const struct json *rows = access_link_tree(l, answer->entries);
    return rows == NULL ? CTL_FAILED : listing_print(l->arena, given.output, rows, list->columns);
}

static int ask(const struct operator_list *list, struct access_link *l, struct operator_request *r)
{
    struct operator_answer answer;
    struct slice bytes;
    struct pack p;
    r->id = ++l->id;
    pack_init(&p);
    list->encode(&p, r);
    if (access_link_ask(l, &p, &bytes) == -1) {
        return r->verb == OPERATOR_LIST
                   ? CTL_FAILED
                   : ctl_failed("what was asked for may be done all the same: `ezrepo %s` tells",
                                list->verbs[OPERATOR_LIST].name);
    }
    if (list->decode(bytes, l->arena, &answer) == -1) {
        (void)store_link_strange(&l->link);
        return CTL_FAILED;
    }
    return answer.status == ANSWER_OK ? print(list, l, r->verb, &answer)
           : answer.status == ANSWER_INVALID
               ? ctl_usage("%.*s", (int)answer.message.len, answer.message.at)
               : ctl_failed("%.*s", (int)answer.message.len, answer.message.at);
}

int operator_list_command(const struct operator_list *list, const struct ctl_command *self,
                          int argc, char **argv)
{
    struct access_link l;
    struct operator_request r = {0};
    const char *word = NULL;
    int exit_code;
    const struct ctl_command *verb =
        ctl_verb(self, list->verbs, OPERATOR_VERBS, sizeof list->verbs[0], argc, argv, &exit_code);
    r.verb = verb == NULL ? OPERATOR_LIST : (enum operator_verb)(verb - list->verbs);
    if (verb == NULL ||
        read_options(list, verb, r.verb, argc - 1, argv + 1, &word, &exit_code) == -1) {
        return exit_code;
    }
    if (read_request(list, verb, word, &r) == -1) {
        return CTL_USAGE;
    }
    exit_code = access_link_open(&l);
    if (exit_code == CTL_DONE) {
        exit_code = ask(list, &l, &r);
        access_link_close(&l);
    }
    return exit_code;
}
