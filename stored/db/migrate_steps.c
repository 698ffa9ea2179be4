/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations step by step. While a statement takes long the status is written (pg_be_patient()). */
#include "stored/db/migrate_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "common/daemon.h"
#include "common/log.h"
#include "stored/db/sql.h"

#define MARK "-- step "

enum step_kind { STEP_ONCE, STEP_PLAN, STEP_EACH, STEP_UNKNOWN };

struct step {
    enum step_kind kind;
    char *text;
};

#define STEPS_MOST 16

/* What is left, as a step "plan" tells, and the disk that is needed beside. */
struct migration_plan {
    int64_t records, parts, largest_bytes, bytes, needed_bytes;
    int64_t of_second; /* records, on a slow machine */
};

/* ---- the text ---- */

static enum step_kind kind_of(const char *mark)
{
    static const char *const kinds[] = {"once\n", "plan\n", "each\n"};
    for (int i = 0; i < STEP_UNKNOWN; i++) {
        if (strncmp(mark + strlen(MARK), kinds[i], strlen(kinds[i])) == 0) {
            return (enum step_kind)i;
        }
    }
    return STEP_UNKNOWN;
}

/* Cuts the text at its marks; how many steps, or -1. Without a mark it is one. */
static int cut(char *text, struct step steps[STEPS_MOST])
{
    int count = 0;
    char *mark = strstr(text, "\n" MARK);
    if (mark == NULL) {
        steps[0] = (struct step){STEP_ONCE, text};
        return 1;
    }
    for (; mark != NULL; mark = strstr(mark + 1, "\n" MARK)) {
        *mark = '\0';
        enum step_kind kind = kind_of(mark + 1);
        if (count == STEPS_MOST || kind == STEP_UNKNOWN) {
            return -1;
        }
        steps[count++] = (struct step){kind, mark + 1};
    }
    return count > 0 && steps[count - 1].kind == STEP_ONCE ? count : -1;
}

static int do_text(struct pg *pg, const char *text)
{
    PGresult *r = pg_text(pg, text);
    int rc = r == NULL ? -1 : 0;
    PQclear(r);
    return rc;
}

static int64_t number_at(const PGresult *r, int column)
{
    return strtoll(PQgetvalue(r, 0, column), NULL, 10);
}

/* ---- steps ---- */

/* How many steps of this migration are done; -1. */
static int steps_done(struct pg *pg, struct pg_params *params, int number)
{
    pg_params_begin(params);
    pg_add_32(params, number);
    PGresult *r = pg_rows(pg, SQL_MIGRATION_STEPS, params);
    if (r == NULL) {
        return -1;
    }
    int done = pg_cell_32(r, 0, 0);
    PQclear(r);
    return done;
}

static int note_step(struct pg *pg, struct pg_params *params, int number, int step)
{
    pg_params_begin(params);
    pg_add_32(params, number);
    pg_add_32(params, step);
    return pg_run(pg, SQL_MIGRATION_STEP_ADD, params);
}

static int note_migration(struct pg *pg, struct pg_params *params, const char *name, int number)
{
    pg_params_begin(params);
    pg_add_32(params, number);
    if (pg_run(pg, SQL_MIGRATION_STEPS_FORGET, params) == -1) {
        return -1;
    }
    pg_params_begin(params);
    pg_add_32(params, number);
    pg_add_bytes(params, slice_of(name));
    return pg_run(pg, SQL_MIGRATION_ADD, params);
}

/* Bytes that are free where the server's files are; -1: not known, it runs elsewhere or does not
 * tell this role. */
static int64_t free_bytes(struct pg *pg)
{
    const char *host = PQhost(pg->conn);
    struct statvfs fs;
    int64_t bytes = -1;
    PGresult *r = NULL;
    if (host != NULL && host[0] == '/') {
        r = pg_text(pg, "SELECT setting FROM pg_settings WHERE name = 'data_directory'");
    }
    if (r != NULL && PQntuples(r) == 1 && statvfs(PQgetvalue(r, 0, 0), &fs) == 0) {
        bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    }
    PQclear(r);
    return bytes;
}

/* Where a plan does not say how many records a second; what is needed beside a part: its copy, the
 * log. */
#define RECORDS_OF_S 8000
#define MIB          INT64_C(1048576)
#define SPARE_BYTES  (512 * MIB)

static int64_t minutes_for(const struct migration_plan *left)
{
    return left->records / left->of_second / 60 + 1;
}

/* Asked to end: what is done stays done, and the next start goes on. */
static bool is_broken_off(struct pg *pg)
{
    if (!daemon_is_asked_to_end()) {
        return false;
    }
    snprintf(pg->message, sizeof pg->message,
             "an upgrade was broken off; it goes on when stored starts");
    return true;
}

static void note_plan(const struct migration_plan *left)
{
    daemon_trouble(
        "database", true,
        "upgrading: %lld parts, about %lld records and %lld minutes left; %lld MiB of disk "
        "needed beside the database",
        (long long)left->parts, (long long)left->records, (long long)minutes_for(left),
        (long long)(left->needed_bytes / MIB));
}

/* Tells what is to come, and whether there is room for it. */
static int tell_plan(struct pg *pg, const char *text, const char *name, struct migration_plan *plan)
{
    PGresult *r = pg_text(pg, text);
    if (r == NULL) {
        return -1;
    }
    *plan = (struct migration_plan){
        number_at(r, 0), number_at(r, 1), number_at(r, 2), number_at(r, 3), 0, RECORDS_OF_S};
    plan->of_second = PQnfields(r) > 5 ? number_at(r, 5) : plan->of_second;
    plan->needed_bytes = plan->largest_bytes * 2 + number_at(r, 4) + SPARE_BYTES;
    PQclear(r);
    int64_t needed = plan->needed_bytes, found = free_bytes(pg);
    if (plan->parts == 0 || is_broken_off(pg)) {
        return plan->parts == 0 ? 0 : 1;
    }
    log_info("migration.plan",
             "name=%s records=%lld parts=%lld minutes=%lld bytes=%lld disk_needed_mib=%lld "
             "effect=\"records are converted part by part; until then no questions are answered\"",
             name, (long long)plan->records, (long long)plan->parts, (long long)minutes_for(plan),
             (long long)plan->bytes, (long long)(needed / MIB));
    if (found == -1 || found >= needed) {
        return 0;
    }
    daemon_trouble("database", true,
                   "upgrade waits: %lld MiB of disk needed beside the database, %lld free",
                   (long long)(needed / MIB), (long long)(found / MIB));
    log_error("migration.disk",
              "name=%s needed_mib=%lld free_mib=%lld effect=\"not begun; tried again\"", name,
              (long long)(needed / MIB), (long long)(found / MIB));
    return 1;
}

/* Until nothing is left. 0; 1: broken off; -1. */
static int do_each(struct pg *pg, const char *text, struct migration_plan *left)
{
    int rows = 1;
    while (rows > 0) {
        if (is_broken_off(pg)) {
            return 1;
        }
        if (left->parts > 0) {
            note_plan(left);
            daemon_tick();
        }
        int64_t began_us = daemon_clock_us();
        PGresult *r = pg_do(pg, "BEGIN") == -1 ? NULL : pg_text(pg, text);
        rows = r == NULL ? -1 : PQntuples(r);
        if (rows == -1 || pg_commit(pg) == -1) {
            PQclear(r);
            return -1;
        }
        if (rows > 0) {
            int64_t records = number_at(r, 1);
            log_info("migration.part", "part=%s records=%lld ms=%lld", PQgetvalue(r, 0, 0),
                     (long long)records, (long long)((daemon_clock_us() - began_us) / 1000));
            left->parts -= left->parts > 0;
            left->records -= records < left->records ? records : left->records;
        }
        PQclear(r);
    }
    return 0;
}

static int do_once(struct pg *pg, struct pg_params *params, const struct step *step, int at,
                   bool last, const char *name, int number)
{
    if (pg_do(pg, "BEGIN") == -1 || do_text(pg, step->text) == -1) {
        return -1;
    }
    int rc = last ? note_migration(pg, params, name, number) : note_step(pg, params, number, at);
    return rc == -1 ? -1 : pg_commit(pg);
}

int migrate_steps(struct pg *pg, struct pg_params *params, char *text, const char *name, int number)
{
    struct step steps[STEPS_MOST];
    struct migration_plan plan = {0};
    int count = cut(text, steps), done = steps_done(pg, params, number), rc = 0;
    if (count == -1) {
        snprintf(pg->message, sizeof pg->message, "expected steps, the last of them once");
        return -1;
    }
    for (int i = 0; i < count && rc == 0 && done != -1; i++) {
        switch (steps[i].kind) {
        case STEP_ONCE:
            rc = i < done ? 0 : do_once(pg, params, &steps[i], i + 1, i + 1 == count, name, number);
            break;
        case STEP_PLAN:
            rc = tell_plan(pg, steps[i].text, name, &plan);
            break;
        default:
            rc = do_each(pg, steps[i].text, &plan);
            break;
        }
    }
    return done == -1 ? -1 : rc;
}
