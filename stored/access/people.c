/* SPDX-License-Identifier: Apache-2.0 */
/* One statement a question. A hash goes to nobody but webd, and into no log. */
#include "stored/access/people.h"

#include "common/access/access.h"
#include "common/access/password.h"
#include "common/log.h"
#include "common/pattern.h"
#include "common/quote.h"

#define USERS_MOST INT64_C(5000)
#define TICKET_US  INT64_C(600000000) /* a link is good for ten minutes */
#define SWEEP_US   INT64_C(60000000)

static const char away[] = "the database is away";

/* ---- changes of users ---- */

void people_check(const struct document_place *name, const struct document_place *body)
{
    static const char *const keys[] = {"secret", NULL};
    struct slice text = document_text(name, 1, ACCESS_NAME_BYTES);
    if (text.at != NULL && !access_is_name(text)) {
        document_expected(name, "a name of letters, digits and . _ - @ : / +");
    }
    if (body->node == NULL || body->node->type == JSON_NULL || !document_is_object_of(body, keys)) {
        return;
    }
    struct document_place secret = document_member(body, "secret");
    struct slice hash = document_text(&secret, 0, LIMIT_NAME_BYTES);
    if (hash.at != NULL && hash.len > 0 && !password_is_hash(hash)) {
        document_fault(&secret, "expected the hash of a password");
    }
}

int people_added(struct store *s, struct document *d)
{
    PGresult *r = pg_rows(&s->pg, SQL_USERS_COUNT, NULL);
    if (r == NULL) {
        return -1;
    }
    bool many = pg_cell_64(r, 0, 0) > USERS_MOST;
    PQclear(r);
    if (many) {
        document_fault_in(d, "user", "there are %d already", (int)USERS_MOST);
    }
    return many ? 1 : 0;
}

int people_throw_out(struct store *s, struct slice name)
{
    pg_params_begin(&s->params);
    pg_add_bytes(&s->params, name);
    PGresult *r = pg_rows(&s->pg, SQL_SESSION_END_ALL, &s->params);
    if (r == NULL) {
        return -1;
    }
    count_add(COUNT_SESSIONS_ENDED, (uint64_t)pg_cell_64(r, 0, 0));
    PQclear(r);
    return 0;
}

/* ---- sessions ---- */

static void say(struct session_state_message *answer, enum answer_status status, const char *text)
{
    answer->status = status;
    answer->message = slice_of(text);
}

/* What is asked, as a statement with its parameters. */
static enum sql_statement put_question(struct pg_params *p, const struct session_message *m)
{
    static const enum sql_statement statements[SESSION_WHATS] = {
        [SESSION_PASSWORD] = SQL_SESSION_PASSWORD, [SESSION_ADD] = SQL_SESSION_ADD,
        [SESSION_ADMIT] = SQL_SESSION_ADMIT,       [SESSION_FIND] = SQL_SESSION_FIND,
        [SESSION_END] = SQL_SESSION_END,           [SESSION_END_ALL] = SQL_SESSION_END_ALL};
    bool makes = m->what == SESSION_ADD || m->what == SESSION_ADMIT;
    bool by_name =
        m->what == SESSION_PASSWORD || m->what == SESSION_ADD || m->what == SESSION_END_ALL;
    pg_params_begin(p);
    pg_add_bytes(p, by_name ? m->user : m->what == SESSION_ADMIT ? m->ticket : m->digest);
    if (makes) {
        pg_add_bytes(p, m->digest);
    }
    if (makes || m->what == SESSION_FIND) {
        pg_add_64(p, (int64_t)m->idle_us);
        pg_add_64(p, (int64_t)m->most_us);
    }
    if (m->what == SESSION_ADD) {
        pg_add_bytes(p, m->hash);
    }
    return statements[m->what];
}

static bool is_whole(const struct session_message *m)
{
    bool named =
        m->what == SESSION_PASSWORD || m->what == SESSION_ADD || m->what == SESSION_END_ALL;
    bool digest = m->what != SESSION_PASSWORD && m->what != SESSION_END_ALL;
    return (!named || access_is_name(m->user)) &&
           (!digest || m->digest.len == LIMIT_DIGEST_BYTES) &&
           (m->what != SESSION_ADD || pattern_is_text(m->hash)) &&
           (m->what != SESSION_ADMIT || m->ticket.len == LIMIT_DIGEST_BYTES);
}

static void take_row(const struct session_message *m, struct session_state_message *answer,
                     const PGresult *r)
{
    if (m->what == SESSION_PASSWORD) {
        answer->hash = pg_cell_text(r, 0, 0);
    } else if (m->what == SESSION_END_ALL) {
        count_add(COUNT_SESSIONS_ENDED, (uint64_t)pg_cell_64(r, 0, 0));
    } else if (m->what == SESSION_END) {
        answer->user = pg_cell_text(r, 0, 0);
        count_add(COUNT_SESSIONS_ENDED, 1);
    } else {
        answer->user = pg_cell_text(r, 0, 0);
        answer->ends_us = pg_cell_time(r, 0, 1);
    }
    if (m->what == SESSION_ADD || m->what == SESSION_ADMIT) {
        answer->gone = PQgetisnull(r, 0, 2) ? slice_of("") : pg_cell_text(r, 0, 2);
        count_add(COUNT_SESSIONS_ADDED, 1);
    }
}

void people_session(struct store *s, const struct session_message *m,
                    struct session_state_message *answer, PGresult **rows)
{
    answer->version = s->access.version;
    answer->user = answer->hash = answer->gone = slice_of("");
    if (!pg_is_open(&s->pg) || s->access.version == 0) {
        say(answer, ANSWER_UNAVAILABLE, away);
        return;
    }
    if (!is_whole(m)) {
        say(answer, ANSWER_INVALID, "there is none of this name, or it is no digest");
        return;
    }
    enum sql_statement statement = put_question(&s->params, m);
    *rows = pg_rows(&s->pg, statement, &s->params);
    if (*rows == NULL) {
        log_error("people.session", "sqlstate=%s error=\"%s\"", s->pg.sqlstate, s->pg.message);
        say(answer, ANSWER_UNAVAILABLE, "the database failed");
    } else if (PQntuples(*rows) == 0) {
        say(answer, ANSWER_INVALID, "there is none");
    } else {
        take_row(m, answer, *rows);
        say(answer, ANSWER_OK, "");
    }
}

/* ---- the operator ---- */

static PGresult *ask_for_user(struct store *s, const struct user_message *m)
{
    if (m->what == USER_LIST) {
        return pg_rows(&s->pg, SQL_USERS_LIST, NULL);
    }
    pg_params_begin(&s->params);
    pg_add_bytes(&s->params, m->ticket);
    pg_add_bytes(&s->params, m->user);
    pg_add_64(&s->params, TICKET_US);
    return pg_rows(&s->pg, SQL_TICKET_ADD, &s->params);
}

void people_user(struct store *s, const struct user_message *m, struct user_state_message *answer,
                 PGresult **rows)
{
    bool good = m->what == USER_LIST || (m->ticket.len == LIMIT_DIGEST_BYTES &&
                                         access_is_name(m->user) && pattern_is_text(m->author));
    answer->users = slice_of("[]");
    answer->status = good ? ANSWER_UNAVAILABLE : ANSWER_INVALID;
    answer->message = slice_of(good ? away : "there is no such user");
    *rows = good && pg_is_open(&s->pg) ? ask_for_user(s, m) : NULL;
    if (*rows == NULL) {
        return;
    }
    if (PQntuples(*rows) == 0) {
        answer->status = ANSWER_INVALID;
        answer->message = slice_of("there is no such user");
        return;
    }
    answer->status = ANSWER_OK;
    answer->message = slice_of("");
    if (m->what == USER_LIST) {
        answer->users = pg_cell_text(*rows, 0, 0);
    } else {
        answer->ends_us = pg_cell_time(*rows, 0, 0);
        log_audit("user.link", "author=%s user=%s", QUOTED(m->author), QUOTED(m->user));
    }
}

/* ---- what is over ---- */

int people_go_on(struct store *s, int64_t clock_us)
{
    if (clock_us < s->people_due_us) {
        return 0;
    }
    PGresult *r = pg_rows(&s->pg, SQL_SESSION_SWEEP, NULL);
    if (r == NULL) {
        return -1;
    }
    s->people_due_us = clock_us + SWEEP_US;
    uint64_t over = (uint64_t)pg_cell_64(r, 0, 0);
    count_add(COUNT_SESSIONS_OVER, over);
    count_set(COUNT_SESSIONS, (uint64_t)pg_cell_64(r, 0, 1) - over);
    PQclear(r);
    return 0;
}
