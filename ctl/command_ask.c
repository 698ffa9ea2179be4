/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command ask: any questions of schemas/capability_list.h by their labels, for programs. A
 * listing is asked for page by page until all of it is there. An empty line stands between the
 * answers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/capability_rows.h"
#include "common/pattern.h"
#include "ctl/mplane_client.h"
#include "schemas/messages.h"

#define ARENA_BYTES ((size_t)512 << 20)
/* So many of the widest rows fit into an answer, and so many of these into the arena. */
#define PAGE_ROWS 5000
#define PAGES     4
#define QUESTIONS 8
#define WORDS     64

static struct {
    const char *when, *rows;
} given = {.when = "past ... future"};

static const struct ctl_option ask_options[] = {
    {"when", "SCOPE", &given.when, NULL, "an mPlane scope; \"past ... future\" unless given"},
    {"rows", "N", &given.rows, NULL, "of a listing at most so many; all unless given"},
    {NULL, NULL, NULL, NULL, NULL}};

/* One question, and how far it has come. */
struct asking {
    const struct capability_row *row;
    struct when when;
    struct mplane_value values[CAPABILITY_NAMES + 2]; /* the last two are the page's */
    size_t given;
    bool lists;
    char limit[24];                    /* of rows of the page */
    int64_t left;                      /* rows that are still wanted */
    char cursor[LIMIT_TEXT_BYTES + 1]; /* of the last row seen, or "" */
};

/* One connection, for so many pages. */
struct session {
    struct arena *arena;
    struct mplane_client *client; /* NULL: none yet */
    int pages;
};

static const struct capability_row *row_of(const char *label)
{
    for (size_t i = 0; i < CAPABILITY_COLLECT; i++) {
        if (strcmp(capability_rows[i].label, label) == 0 &&
            strcmp(capability_rows[i].verb, "query") == 0) {
            return &capability_rows[i];
        }
    }
    return NULL;
}

/* NAME=VALUE. 0, or the exit code after a complaint. */
static int read_value(struct arena *a, struct asking *s, const char *word)
{
    const char *equals = strchr(word, '=');
    const char *name = equals == NULL ? word : arena_printf(a, "%.*s", (int)(equals - word), word);
    if (name == NULL) {
        return ctl_failed("out of memory");
    }
    if (equals == NULL || s->given == CAPABILITY_NAMES || !capability_row_asks(s->row, name) ||
        strncmp(name, "list.", 5) == 0) {
        return ctl_usage("%s: expected NAME=VALUE with the name of a parameter, found \"%s\"",
                         s->row->label, word);
    }
    if (!pattern_is_text(slice_of(equals + 1))) {
        return ctl_usage("%s: expected UTF-8", name);
    }
    s->values[s->given++] = (struct mplane_value){name, equals + 1};
    return CTL_DONE;
}

/* The words of one question. 0, or the exit code after a complaint. */
static int read_question(struct arena *a, struct asking *s, const char *const *words, int count)
{
    char error[200];
    s->row = row_of(words[0]);
    if (s->row == NULL) {
        return ctl_usage("ask: there is no question \"%s\" (ezrepoctl capabilities has all)",
                         words[0]);
    }
    s->lists = capability_row_asks(s->row, "list.after");
    s->left = INT64_MAX;
    if (given.rows != NULL && (!s->lists || ctl_number(given.rows, 1, INT64_MAX, &s->left) == -1)) {
        return ctl_usage("--rows: expected a number of rows of a listing, found \"%s\"",
                         given.rows);
    }
    if (when_parse(slice_of(given.when), &s->when, error, sizeof error) == -1) {
        return ctl_usage("--when: %s", error);
    }
    for (int i = 1; i < count; i++) {
        int exit_code = read_value(a, s, words[i]);
        if (exit_code != CTL_DONE) {
            return exit_code;
        }
    }
    return CTL_DONE;
}

/* All words; a plus stands between questions. How many there are; else *exit_code is set. */
static size_t read_questions(struct arena *a, const char *const *words, int count,
                             struct asking questions[QUESTIONS], int *exit_code)
{
    size_t n = 0;
    int from = 0;
    for (int i = 0; i <= count && *exit_code == CTL_DONE; i++) {
        if (i < count && strcmp(words[i], "+") != 0) {
            continue;
        }
        *exit_code =
            i == from || n == QUESTIONS
                ? ctl_usage("ask: expected 1 to %d questions with + between them", QUESTIONS)
                : read_question(a, &questions[n++], words + from, i - from);
        from = i + 1;
    }
    return n;
}

/* Goes on behind the last of these rows; false when there are no more. -1 after a complaint. */
static int go_on(struct asking *s, const struct mplane_rows *rows)
{
    s->left -= rows->rows;
    if (!s->lists || rows->rows == 0 || s->left <= 0) {
        return false;
    }
    struct slice cursor = mplane_cell(rows, rows->rows - 1, "list.cursor");
    if (cursor.at == NULL || cursor.len > LIMIT_TEXT_BYTES || slice_is(cursor, s->cursor)) {
        ctl_failed("%s: expected another list.cursor with each page", s->row->label);
        return -1;
    }
    snprintf(s->cursor, sizeof s->cursor, "%.*s", (int)cursor.len, cursor.at);
    return true;
}

/* The client to ask for the next page with; NULL after a complaint. */
static struct mplane_client *next_client(struct session *session, int *exit_code)
{
    if (session->pages++ % PAGES == 0) {
        mplane_client_free(&session->client);
        arena_reset(session->arena);
        session->client = mplane_client_new(session->arena, exit_code);
    }
    return session->client;
}

/* Asks for a page, or for all when it is no listing, and prints it. *more: whether to go on. */
static int ask_page(struct session *session, struct asking *s, bool *more)
{
    int exit_code = CTL_FAILED;
    struct mplane_rows rows;
    struct mplane_client *client = next_client(session, &exit_code);
    if (client == NULL) {
        return exit_code;
    }
    snprintf(s->limit, sizeof s->limit, "%" PRId64, s->left < PAGE_ROWS ? s->left : PAGE_ROWS);
    s->values[s->given] = (struct mplane_value){"list.limit", s->limit};
    s->values[s->given + 1] = (struct mplane_value){"list.after", s->cursor};
    const struct mplane_message *result =
        mplane_ask(client, s->row->label, &s->when, s->values, s->given + (s->lists ? 2 : 0));
    if (result == NULL || mplane_rows(session->arena, result, &rows) == -1) {
        return result == NULL ? mplane_refused(client) : CTL_FAILED;
    }
    int goes_on = go_on(s, &rows);
    *more = goes_on == 1;
    return goes_on == -1 ? CTL_FAILED : mplane_print_json(session->arena, &rows);
}

/* One after the other. */
static int ask_all(struct session *session, struct asking *questions, size_t count)
{
    int exit_code = CTL_DONE;
    for (size_t i = 0; i < count && exit_code == CTL_DONE; i++) {
        if (i > 0) {
            putchar('\n');
        }
        for (bool more = true; more && exit_code == CTL_DONE;) {
            more = false;
            exit_code = ask_page(session, &questions[i], &more);
        }
    }
    return exit_code;
}

int ctl_ask(const struct ctl_command *self, int argc, char **argv)
{
    static struct asking questions[QUESTIONS];
    const struct ctl_option *const groups[CTL_GROUPS] = {ask_options, mplane_options, NULL};
    const char *words[WORDS];
    int count, exit_code;
    if (ctl_options(self, groups, argc, argv, words, 1, WORDS, &count, &exit_code) == -1) {
        return exit_code;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    struct session session = {.arena = arena_new(ARENA_BYTES)};
    exit_code = a == NULL || session.arena == NULL ? ctl_failed("out of memory") : CTL_DONE;
    size_t n = exit_code == CTL_DONE ? read_questions(a, words, count, questions, &exit_code) : 0;
    if (exit_code == CTL_DONE) {
        exit_code = ask_all(&session, questions, n);
    }
    mplane_client_free(&session.client);
    arena_free(&session.arena);
    arena_free(&a);
    return exit_code;
}
