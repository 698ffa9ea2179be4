/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands share that show and change a list of the operator's in the store: entries with
 * a number, patterns for the dimensions, and who made them.
 */
#ifndef EZREPO_CTL_OPERATOR_LIST_H
#define EZREPO_CTL_OPERATOR_LIST_H

#include "common/record_dimensions.h"
#include "ctl/access_link.h"

/* Also what the messages call them. */
enum operator_verb { OPERATOR_LIST, OPERATOR_ADD, OPERATOR_TAKE, OPERATOR_VERBS };

/* What stored is asked for, and what it answers; the texts live as long as the link. */
struct operator_request {
    enum operator_verb verb;
    uint64_t id;
    uint64_t number; /* of the entry that is taken out; of a list, that before which it begins; 0 */
    struct slice author;
    struct slice patterns[DIMENSION_COUNT]; /* "*" where none was given */
};
struct operator_answer {
    uint64_t status; /* an answer_status */
    struct slice message;
    struct slice entries; /* a JSON list of objects */
    uint64_t number;      /* of the entry that was changed */
};

/* As parts of a message m with these fields: DIMENSIONS(OPERATOR_PATTERN, r). */
#define OPERATOR_PATTERN(r, name, Name, addresses, help) .name = (r)->patterns[DIMENSION_##name],

struct operator_list {
    struct ctl_command verbs[OPERATOR_VERBS];
    const struct ctl_option *entry; /* options of an entry beside its patterns */
    const char *const *columns;     /* of a list, for people; ends with NULL */
    int (*read)(void);              /* what an entry's options say; -1 after a complaint */
    /* Encodes, and decodes what was answered; -1: it cannot be read. */
    void (*encode)(struct pack *p, const struct operator_request *r);
    int (*decode)(struct slice bytes, struct arena *a, struct operator_answer *answer);
};

/* The command; its exit code. */
int operator_list_command(const struct operator_list *list, const struct ctl_command *self,
                          int argc, char **argv);

#endif
