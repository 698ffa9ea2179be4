/* SPDX-License-Identifier: Apache-2.0 */
/* One statement a message; what it says again is as it was. */
#include "stored/kept_alerts.h"

#include "common/log.h"

static void say(struct alerts_kept_message *answer, enum answer_status status, const char *text)
{
    answer->status = status;
    answer->message = slice_of(text);
}

void kept_alerts_put(struct store *s, const struct alerts_message *m,
                     struct alerts_kept_message *answer)
{
    if (!pg_is_open(&s->pg)) {
        say(answer, ANSWER_UNAVAILABLE, "the database is away");
        return;
    }
    pg_params_begin(&s->params);
    pg_add_bytes(&s->params, m->alerts);
    pg_add_32(&s->params, (int32_t)s->settings->feed_days);
    PGresult *r = pg_rows(&s->pg, SQL_ALERTS_PUT, &s->params);
    if (r == NULL) {
        log_error("alerts.write", "sqlstate=%s error=\"%s\"", s->pg.sqlstate, s->pg.message);
        say(answer, s->pg.fault == PG_DATA ? ANSWER_INVALID : ANSWER_UNAVAILABLE,
            s->pg.fault == PG_DATA ? "the database refuses it" : "the database failed");
    } else {
        say(answer, ANSWER_OK, "");
    }
    PQclear(r);
}
