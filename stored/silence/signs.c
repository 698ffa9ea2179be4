/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of others, the one thing of this kind that a process has; and its way to the store.
 */
#include "stored/silence/signs.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/daemon.h"
#include "common/log.h"
#include "stored/feed.h"
#include "stored/silence/signs_known.h"
#include "stored/silence/silence.h"
#include "stored/store.h"

/* Who looks less often than this stood still. */
#define STOOD_STILL_US INT64_C(2000000)
/* How often last signs are written, for a start at which who gave them is not there. */
#define KEEP_US INT64_C(60000000)

static struct {
    struct signs_known known;
    bool loaded;       /* what the store knows is known here */
    int64_t looked_us; /* when who is there was looked at last, of the steady clock; 0: never */
} self = {.known = {.last_until_us = INT64_MIN}};

int64_t signs_until_us(void)
{
    int64_t until_us = signs_known_until(&self.known, daemon_clock_us()), now_us = daemon_now_us();
    return until_us > now_us ? now_us : until_us;
}

bool signs_absent(struct slice ingestd, struct slice door)
{
    return !self.loaded || signs_known_misses(&self.known, ingestd, door, daemon_clock_us());
}

void signs_receive(zsock_t *socket, int64_t clock_us)
{
    static struct log_limit said;
    struct bus_message m;
    int rc;
    while ((rc = bus_receive(socket, &m)) != 1) {
        if (rc == -1 || m.count != 1 ||
            signs_known_take(&self.known, m.frames[0], daemon_now_us(), clock_us) == -1) {
            count_add(COUNT_SIGNS_MALFORMED, 1);
            if (log_allowed(&said, 5)) {
                log_warn("signs.malformed", "expected=\"a sign of life of an ingestd\"");
            }
        } else {
            count_add(COUNT_SIGNS_RECEIVED, 1);
        }
        if (rc == 0) {
            bus_release(&m);
        }
    }
}

void signs_connected(void)
{
    self.loaded = false;
    for (uint32_t i = 0; i < self.known.count; i++) {
        struct signs_ingestd *g = &self.known.at[i];
        g->keep_us = 0;
        for (uint32_t n = 0; n < g->count; n++) {
            g->process[n].told_absent = false;
            g->process[n].noted = g->process[n].as.count == 0;
        }
    }
}

/* ---- with the database; each 0, or -1 ---- */

static int load(struct store *s, int64_t clock_us)
{
    pg_params_begin(&s->params);
    pg_add_32(&s->params, SIGNS_INGESTDS * LIMIT_PROCESSES);
    PGresult *r = pg_rows(&s->pg, SQL_SIGNS, &s->params);
    if (r == NULL) {
        return -1;
    }
    for (int i = 0; i < PQntuples(r); i++) {
        signs_known_add(&self.known, pg_cell_text(r, i, 0), pg_cell_text(r, i, 1),
                        pg_cell_time(r, i, 2), pg_cell_bool(r, i, 3), clock_us);
    }
    PQclear(r);
    self.loaded = true;
    return 0;
}

static void add_process(struct pg_params *p, const struct signs_ingestd *g,
                        const struct signs_process *process)
{
    pg_add_bytes(p, slice_of(g->instance));
    pg_add_bytes(p, slice_of(process->as.name));
}

static void add_absences(struct pg_params *p, const struct presence_process *process)
{
    int from = pg_add_array(p, PG_TIMESTAMPTZ), to = pg_add_array(p, PG_TIMESTAMPTZ);
    for (uint32_t i = 0; i < process->count; i++) {
        pg_put_time(p, from, process->absences[i].from_us);
        pg_put_time(p, to, process->absences[i].to_us);
    }
}

/* Whether the store does not know of some of its absences. */
static int look_for_news(struct store *s, const struct signs_ingestd *g, struct signs_process *p,
                         bool *news)
{
    pg_params_begin(&s->params);
    add_process(&s->params, g, p);
    add_absences(&s->params, &p->as);
    PGresult *r = pg_rows(&s->pg, SQL_SIGN_NEWS, &s->params);
    if (r == NULL) {
        return -1;
    }
    *news = pg_cell_64(r, 0, 0) > 0;
    p->noted = !*news;
    PQclear(r);
    return 0;
}

static int write_process(struct store *s, const struct signs_ingestd *g,
                         const struct signs_process *p, bool absent)
{
    pg_params_begin(&s->params);
    pg_add_64(&s->params, s->arrival.number);
    add_process(&s->params, g, p);
    pg_add_16(&s->params, absent ? 1 : 0);
    pg_add_time(&s->params, p->as.last_us);
    add_absences(&s->params, &p->as);
    return pg_run(&s->pg, SQL_SIGN_TELL, &s->params);
}

/* What was told without knowing of its absences is judged again. */
static int judge_again(struct store *s, const struct signs_process *p)
{
    pg_params_begin(&s->params);
    add_absences(&s->params, &p->as);
    return pg_run(&s->pg, SQL_SILENCE_AGAIN_ABSENT, &s->params);
}

/* news: some of its absences are. */
static int tell(struct store *s, const struct signs_ingestd *g, struct signs_process *p,
                bool absent, bool news)
{
    int rc = feed_begin(s);
    rc = rc == 0 ? write_process(s, g, p, absent) : -1;
    rc = rc == 0 && news ? judge_again(s, p) : rc;
    if (feed_end(s, rc) == -1) {
        return -1;
    }
    if (news) {
        silence_absence_known(s->silence);
    }
    if (absent != p->told_absent) {
        log_warn(absent ? "signs.absence" : "signs.presence", "process=%s ingestd=%s", p->as.name,
                 g->instance);
        count_add(COUNT_SIGNS_ABSENCES, absent ? 1 : 0);
    }
    p->told_absent = absent;
    p->noted = true;
    if (!absent) {
        silence_door_open(s->silence);
    }
    return 0;
}

static int look_at(struct store *s, struct signs_ingestd *g, uint32_t i, int64_t clock_us)
{
    struct signs_process *p = &g->process[i];
    bool absent = signs_known_is_absent(g, i, clock_us), news = false;
    if (!p->noted && look_for_news(s, g, p, &news) == -1) {
        return -1;
    }
    return news || absent != p->told_absent ? tell(s, g, p, absent, news) : 0;
}

static int keep(struct store *s, struct signs_ingestd *g, int64_t clock_us)
{
    if (!g->heard || clock_us < g->keep_us) {
        return 0;
    }
    pg_params_begin(&s->params);
    pg_add_bytes(&s->params, slice_of(g->instance));
    int names = pg_add_array(&s->params, PG_TEXT), last = pg_add_array(&s->params, PG_TIMESTAMPTZ);
    for (uint32_t i = 0; i < g->count; i++) {
        pg_put_bytes(&s->params, names, slice_of(g->process[i].as.name));
        pg_put_time(&s->params, last, g->process[i].as.last_us);
    }
    bool is_back = g->keep_us == SIGNS_KEEP_NOW;
    g->keep_us = clock_us + KEEP_US;
    int rc = pg_run(&s->pg, SQL_SIGN_KEEP, &s->params);
    if (rc == 0 && is_back) {
        silence_doubt_all(s->silence); /* what an absence to come put off is due earlier */
    }
    return rc;
}

/* ---- who is not waited for any more ---- */

static bool is_given_up(const struct signs_ingestd *g, uint32_t i, int64_t now_us)
{
    return now_us - g->process[i].as.last_us > SIGNS_GIVEN_UP_US;
}

static bool forget_given_up(int64_t now_us, bool only_look)
{
    struct signs_known *k = &self.known;
    bool any = false;
    for (uint32_t i = k->count; i-- > 0;) {
        for (uint32_t n = k->at[i].count; n-- > 0;) {
            if (is_given_up(&k->at[i], n, now_us)) {
                any = true;
                if (!only_look) {
                    signs_known_forget(k, i, n);
                }
            }
        }
    }
    return any;
}

static int give_up(struct store *s, int64_t now_us)
{
    if (!forget_given_up(now_us, true)) {
        return 0;
    }
    int rc = feed_begin(s);
    if (rc == 0) {
        pg_params_begin(&s->params);
        pg_add_64(&s->params, s->arrival.number);
        pg_add_time(&s->params, now_us - SIGNS_GIVEN_UP_US);
        pg_add_time(&s->params, now_us);
        rc = pg_run(&s->pg, SQL_SIGN_GIVE_UP, &s->params);
    }
    if (feed_end(s, rc) == -1) {
        return -1;
    }
    forget_given_up(now_us, false);
    silence_door_open(s->silence);
    return 0;
}

int signs_go_on(struct store *s, int64_t now_us, int64_t clock_us)
{
    struct signs_known *k = &self.known;
    if (!self.loaded && load(s, clock_us) == -1) {
        return -1;
    }
    if (clock_us - self.looked_us > STOOD_STILL_US) {
        signs_known_wait(k, clock_us);
    }
    self.looked_us = clock_us;
    for (uint32_t i = 0; i < k->count; i++) {
        struct signs_ingestd *g = &k->at[i];
        for (uint32_t n = 0; n < g->count; n++) {
            if (look_at(s, g, n, clock_us) == -1) {
                return -1;
            }
        }
        if (keep(s, g, clock_us) == -1) {
            return -1;
        }
    }
    return give_up(s, now_us);
}

/* ---- the status ---- */

#define TIME_BYTES 32

static void time_text(int64_t us, char text[TIME_BYTES])
{
    struct tm utc;
    time_t at = (time_t)(us / 1000000);
    strftime(text, TIME_BYTES, "%Y-%m-%d %H:%M:%S", gmtime_r(&at, &utc));
}

/* Those that are absent, behind `before` others. How many. */
static uint32_t add_absent(const struct signs_ingestd *g, char *text, size_t size, uint32_t before)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < g->count; i++) {
        const struct signs_process *p = &g->process[i];
        size_t used = strlen(text);
        if (!p->told_absent) {
            continue;
        }
        char since[TIME_BYTES];
        time_text(p->as.last_us, since);
        snprintf(text + used, size - used, "%s%s of %.8s since %s",
                 before + count == 0 ? "absent: " : ", ", p->as.name, g->instance, since);
        count++;
    }
    return count;
}

void signs_tell(int64_t clock_us)
{
    struct signs_known *k = &self.known;
    char absent[130] = "";
    uint32_t present = 0, count = 0;
    for (uint32_t i = 0; i < k->count; i++) {
        const struct signs_ingestd *g = &k->at[i];
        present += g->heard && !signs_known_is_absent(g, 0, clock_us) ? 1 : 0;
        count += add_absent(g, absent, sizeof absent, count);
    }
    count_set(COUNT_SIGNS_INGESTDS, present);
    count_set(COUNT_SIGNS_ABSENT, count);
    int64_t until_us = signs_until_us();
    char until[TIME_BYTES] = "not known yet";
    if (until_us != INT64_MIN) {
        time_text(until_us, until);
    }
    const char *who = count > 0 ? absent : present > 0 ? "all present" : "none yet";
    daemon_note("signs", "%s; all is stored that came until: %s", who, until);
}
