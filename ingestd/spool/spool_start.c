/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking, recovering and settling. Files, all in spool_dir:
 *   spool.sqlite, -wal, -shm   the spool
 *   spool.head                 see spool_head.h
 *   spool.reserve              room that a full disk leaves us to start with; while there is none
 *                              for it, a spool that could not be opened for writing stays so
 *   spool.sqlite.new           a recovery under way: begun again when it was interrupted
 *   spool.sqlite.recovered     a recovery that is done but for the renaming: finished first
 *   spool.sqlite.damaged-TIME  see spool_aside.h
 *
 * The file tells what is there; the head tells what must be. An ingestd was killed while the head
 * said oldest 5, written 10, next 12:
 *
 *   1 2 3 4        5 6 7 8 9          10 11                12 ...
 *   acknowledged | in the file      | in memory only     | not given yet
 *                oldest             written              next
 *
 * What a start finds in the file, what it says is missing, and which sequence it gives next:
 *
 *   5 6 7 8 9              10 11     12   whole; what was in memory is lost, and no damage
 *   5 6 7 8                9 10 11   12   SQLite calls it whole: the end of its log was cut off
 *   5 6 - 8 9              7 10 11   12   a page cannot be read; the others are copied
 *   5 6 - 8 9, no head     7         10   what lies behind 9 nobody knows
 *   5 6 7 8 9, no head     nothing   10   likewise
 *
 * In the last two, 10 and 11 are given again. That is harmless: each start has an epoch of its own,
 * so they name other batches. Had the one before ended in good order, its head would say "closed":
 * 10 and 11 were told as lost then, and are not counted again.
 */
#include "ingestd/spool/spool_start.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/uuid_text.h"
#include "ingestd/spool/spool_aside.h"
#include "ingestd/spool/spool_salvage.h"

#define RESERVE_NAME       "spool.reserve"
#define RESERVE_BYTES      ((off_t)4 * 1024 * 1024)
#define ROWS_A_TRANSACTION 64
#define RANGES_LOGGED      20

struct recovery {
    struct spool_file *into;
    struct spool_head *head; /* NULL: there is none to be believed */
    uint8_t instance[16];
    bool instance_known;
    uint64_t rows;
    enum spool_result result;
};

/* Missing sequences, found by walking through those there are. */
struct missing_batches {
    uint64_t expected; /* next */
    uint64_t end;      /* none is expected from here on */
    uint64_t missing, ranges, first;
    FILE *report; /* may be NULL */
};

bool spool_path(char path[SPOOL_PATH_BYTES], const char *dir, const char *name)
{
    int n = snprintf(path, SPOOL_PATH_BYTES, "%s/%s", dir, name);
    return n > 0 && n < SPOOL_PATH_BYTES;
}

static void path_of(char path[SPOOL_PATH_BYTES], const char *dir, const char *suffix)
{
    /* The folder's length was checked by spool_start(). */
    snprintf(path, SPOOL_PATH_BYTES, "%s/" SPOOL_FILE_NAME "%s", dir, suffix);
}

/* ---- first look ---- */

static off_t size_of(const char *dir, const char *suffix)
{
    char path[SPOOL_PATH_BYTES];
    struct stat st;
    path_of(path, dir, suffix);
    return stat(path, &st) == -1 ? -1 : st.st_size;
}

/* Nothing was ever written to it. */
static bool is_absent(const char *dir)
{
    off_t size = size_of(dir, "");
    return size == 0 || (size == -1 && errno == ENOENT);
}

/*
 * Whether SQLite may be let near the file: a header that says other than what ours always say makes
 * it discard the log.
 */
static bool looks_whole(const char *dir)
{
    static const uint8_t expected[24] = "SQLite format 3\0\x10\x00\x02\x02\x00\x40\x20";
    uint8_t found[24] = {0};
    char path[SPOOL_PATH_BYTES];
    off_t size = size_of(dir, ""), log = size_of(dir, "-wal");
    if (size <= 0) {
        return log <= 0; /* new */
    }
    path_of(path, dir, "");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return true; /* SQLite says why */
    }
    ssize_t n = pread(fd, found, sizeof found, 0);
    close(fd);
    return n == sizeof found && memcmp(found, expected, 23) == 0 && found[23] == 0x20;
}

/* Whether there is a head, and the file, if anything is in it, is the one that it tells of. */
static bool is_known(const struct spool_head *head, const struct spool_content *content)
{
    return head != NULL && (content->rows == 0 ||
                            memcmp(head->instance, content->instance, sizeof head->instance) == 0);
}

/* ---- recovering ---- */

static int take_row(void *context, const struct spool_row *row)
{
    struct recovery *r = context;
    uint64_t sequence = row->batch.sequence;
    if (!r->instance_known) {
        memcpy(r->instance, row->instance, sizeof r->instance);
        r->instance_known = true;
    }
    if (memcmp(r->instance, row->instance, sizeof r->instance) != 0 || sequence == 0 ||
        sequence > INT64_MAX || (r->head != NULL && sequence < r->head->oldest)) {
        return 0; /* long acknowledged, left in a page that is free */
    }
    r->result = spool_file_put(r->into, row);
    if (r->result == SPOOL_OK && ++r->rows % ROWS_A_TRANSACTION == 0) {
        r->result = spool_file_commit(r->into);
        if (r->result == SPOOL_OK) {
            r->result = spool_file_begin(r->into);
        }
    }
    return r->result == SPOOL_OK ? 0 : 1;
}

static int open_to_read(const char *dir, const char *suffix, const char *otherwise)
{
    char path[SPOOL_PATH_BYTES];
    path_of(path, dir, suffix);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd == -1 && otherwise != NULL ? open(otherwise, O_RDONLY | O_CLOEXEC) : fd;
}

static void remove_file(const char *dir, const char *suffix)
{
    char path[SPOOL_PATH_BYTES];
    path_of(path, dir, suffix);
    unlink(path);
}

static int rename_file(const char *dir, const char *from_suffix, const char *to_suffix)
{
    char from[SPOOL_PATH_BYTES], to[SPOOL_PATH_BYTES];
    path_of(from, dir, from_suffix);
    path_of(to, dir, to_suffix);
    if (rename(from, to) == -1 && errno != ENOENT) {
        log_errno("spool.rename", "from=%s to=%s", from, to);
        return -1;
    }
    return 0;
}

/* Moves the damaged files aside and the recovered one into their place; may be interrupted and
 * called again. The log goes first, so that the recovered file never meets it. */
static int change_places(const char *dir, const char *damaged)
{
    char log[100];
    snprintf(log, sizeof log, "%s-wal", damaged);
    remove_file(dir, "-shm");
    return rename_file(dir, "-wal", log) == -1 || rename_file(dir, "", damaged) == -1 ||
                   rename_file(dir, ".recovered", "") == -1
               ? -1
               : 0;
}

static void remove_new(const char *dir)
{
    remove_file(dir, ".new");
    remove_file(dir, ".new-wal");
    remove_file(dir, ".new-shm");
}

/* Copies all that can be read into spool.sqlite.recovered: 0, or -1 after an error was logged. */
static int salvage_into_new(const char *dir, struct recovery *r)
{
    char path[SPOOL_PATH_BYTES], fault[200];
    int rc = -1, db = -1, log = -1;
    remove_new(dir);
    path_of(path, dir, ".new");
    r->into = spool_file_open(path, SPOOL_NEW, &r->result, fault);
    if (r->into == NULL) {
        log_error("spool.recover", "file=%s error=\"%s\"", path, fault);
        goto done;
    }
    spool_file_copy_itself(r->into);
    db = open_to_read(dir, "", "/dev/null");
    log = open_to_read(dir, "-wal", NULL);
    if (db == -1) {
        log_errno("spool.recover", "dir=%s", dir);
        goto done;
    }
    r->result = spool_file_begin(r->into);
    if (r->result == SPOOL_OK) {
        int found = spool_salvage(db, log, take_row, r);
        if (found == -1) {
            log_errno("spool.recover", "dir=%s", dir);
            goto done;
        }
        r->result = found == 0 ? spool_file_commit(r->into) : r->result;
    }
    if (r->result != SPOOL_OK) {
        log_error("spool.recover", "file=%s error=\"%s\"", path, spool_file_fault(r->into));
        goto done;
    }
    rc = 0;
done:
    if (db != -1) {
        close(db);
    }
    if (log != -1) {
        close(log);
    }
    spool_file_close(&r->into, rc == -1);
    if (rc == -1) {
        remove_new(dir); /* it may be what fills the disk */
        return -1;
    }
    return rename_file(dir, ".new", ".recovered");
}

/* ---- what is missing ---- */

static void note_gap(struct missing_batches *g, uint64_t end)
{
    end = end < g->end ? end : g->end;
    if (g->expected >= end || end - g->expected >= SEQUENCE_LEAP) {
        return; /* none, or numbers that the release before skipped */
    }
    g->first = g->first == 0 ? g->expected : g->first;
    g->missing += end - g->expected;
    if (g->report != NULL) {
        fprintf(g->report, "missing sequences %" PRIu64 " to %" PRIu64 "\n", g->expected, end - 1);
    }
    if (++g->ranges <= RANGES_LOGGED) {
        log_error("spool.missing", "first=%" PRIu64 " last=%" PRIu64 " batches=%" PRIu64,
                  g->expected, end - 1, end - g->expected);
    }
}

static void see_sequence(void *context, uint64_t sequence)
{
    struct missing_batches *g = context;
    note_gap(g, sequence);
    g->expected = sequence + 1 > g->expected ? sequence + 1 : g->expected;
}

/* Tells, to the batch, what the head says must be there and is not. */
static void report_missing(const char *dir, const char *damaged, const char *why,
                           struct spool_file *file, const struct spool_head *head,
                           struct spool_found *found)
{
    char path[SPOOL_PATH_BYTES], suffix[100];
    snprintf(suffix, sizeof suffix, "%s.txt", damaged);
    path_of(path, dir, suffix);
    struct missing_batches g = {.expected = head != NULL ? head->oldest : found->content.first,
                                .end = found->content.last + 1,
                                .report = fopen(path, "we")};
    if (head != NULL) {
        /* What could not be written before it ended in good order was told then. */
        uint64_t end = head->closed ? head->written : head->next;
        g.end = end > g.end ? end : g.end;
    }
    if (g.report != NULL) {
        char uuid[37];
        uuid_text(found->content.instance, uuid);
        fprintf(g.report,
                "The spool was damaged: %s.\n%s"
                "Recovered, to be pushed again: %" PRIu64 " batches with %" PRIu64
                " records and %" PRIu64 " rejects.\n",
                why,
                head != NULL ? ""
                             : "Its head could not be read: batches after the last one recovered "
                               "may be missing, too.\n",
                found->content.batches, found->content.records, found->content.rejects);
    }
    if (spool_file_sequences(file, see_sequence, &g) == SPOOL_OK) {
        note_gap(&g, g.end);
    }
    if (g.report != NULL) {
        fprintf(g.report, "Missing batches: %" PRIu64 ".\n", g.missing);
        fclose(g.report);
    }
    found->damaged = true;
    found->missing = g.missing;
    found->first_missing = g.first;
    snprintf(found->text, sizeof found->text,
             "was damaged; recovered %" PRIu64 " batches with %" PRIu64 " records, missing %" PRIu64
             " batches; moved aside as " SPOOL_FILE_NAME "%s",
             found->content.batches, found->content.records, g.missing, damaged);
    log_error("spool.recovered",
              "reason=\"%s\" recovered_batches=%" PRIu64 " recovered_records=%" PRIu64
              " recovered_rejects=%" PRIu64 " missing_batches=%" PRIu64 " ranges=%" PRIu64
              " head=%s report=%s",
              why, found->content.batches, found->content.records, found->content.rejects,
              g.missing, g.ranges, head != NULL ? "read" : "unreadable", path);
}

/* ---- opening ---- */

/* A disk that is full leaves no room for SQLite's own: what was reserved is given back for it. */
static void give_reserve_back(const char *dir)
{
    char path[SPOOL_PATH_BYTES];
    if (spool_path(path, dir, RESERVE_NAME)) {
        unlink(path);
    }
}

/* 0 when it stands; -1: there is no room for it now. */
static int keep_reserve(const char *dir)
{
    char path[SPOOL_PATH_BYTES];
    struct stat st;
    int fd =
        spool_path(path, dir, RESERVE_NAME) ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd == -1) {
        return -1;
    }
    int rc = 0;
    if ((fstat(fd, &st) == -1 || st.st_size < RESERVE_BYTES) &&
        posix_fallocate(fd, 0, RESERVE_BYTES) != 0) {
        unlink(path);
        rc = -1;
    }
    close(fd);
    return rc;
}

/* Whether the file system is read-only now. */
static bool is_frozen(const char *dir)
{
    return access(dir, W_OK) == -1 && errno == EROFS;
}

/* For writing. */
static struct spool_file *open_file(const char *dir, enum spool_result *result, char fault[200])
{
    char path[SPOOL_PATH_BYTES];
    enum spool_way way = is_absent(dir) ? SPOOL_NEW : SPOOL_SHARED;
    path_of(path, dir, "");
    if (is_frozen(dir)) {
        *result = SPOOL_FAILED;
        snprintf(fault, 200, "the file system is read-only");
        return NULL;
    }
    struct spool_file *file = spool_file_open(path, way, result, fault);
    if (file == NULL && *result == SPOOL_FAILED) {
        give_reserve_back(dir);
        file = spool_file_open(path, way, result, fault);
    }
    if (file == NULL && way == SPOOL_NEW) {
        remove_file(dir, ""); /* half a file would be taken for a damaged one */
        remove_file(dir, "-wal");
        remove_file(dir, "-shm");
    }
    return file;
}

/* For reading, where it cannot be opened for writing. NULL, and SPOOL_OK, where there is none. */
static struct spool_file *open_to_look(const char *dir, enum spool_result *result, char fault[200])
{
    char path[SPOOL_PATH_BYTES];
    path_of(path, dir, "");
    if (is_absent(dir)) {
        *result = SPOOL_OK;
        return NULL;
    }
    return spool_file_open(path, is_frozen(dir) ? SPOOL_FROZEN : SPOOL_ALONE, result, fault);
}

/* The sequences of a head that are not acknowledged begin, behind all that is in the file, here. */
static uint64_t behind_content(const struct spool_head *head, const struct spool_content *content)
{
    return head->oldest > content->last ? head->oldest : content->last + 1;
}

static enum spool_result check(struct spool_file *file, const struct spool_head *head,
                               struct spool_content *content, char fault[200])
{
    *content = (struct spool_content){0};
    enum spool_result result = file == NULL ? SPOOL_OK : spool_file_check(file, content);
    if (result != SPOOL_OK) {
        snprintf(fault, 200, "%s", spool_file_fault(file));
    } else if (is_known(head, content) && behind_content(head, content) < head->written) {
        snprintf(fault, 200, "the last transactions are missing");
        result = SPOOL_DAMAGED;
    }
    return result;
}

/*
 * Opens and checks. SPOOL_OK: found->fault may be set, see spool_start(). Else fault says why, and
 * all is as it was.
 */
static enum spool_result open_checked(const char *dir, const struct spool_head *head,
                                      struct spool_found *found, struct spool_file **file,
                                      char fault[200])
{
    enum spool_result result;
    *file = NULL;
    found->fault[0] = '\0';
    if (!looks_whole(dir)) {
        snprintf(fault, 200, "the header of the file is not that of a spool");
        return SPOOL_DAMAGED;
    }
    *file = open_file(dir, &result, fault);
    if (result == SPOOL_FAILED) {
        snprintf(found->fault, sizeof found->fault, "%s", fault);
        *file = open_to_look(dir, &result, fault);
    }
    result = result == SPOOL_OK ? check(*file, head, &found->content, fault) : result;
    if (result != SPOOL_OK) {
        spool_file_close(file, true);
    }
    return result;
}

int spool_gain_room(const char *dir, struct spool_file **file, char fault[200])
{
    enum spool_result result;
    char other_fault[200];
    if (keep_reserve(dir) == -1) {
        return -1;
    }
    spool_file_close(file, true);
    *file = open_file(dir, &result, fault);
    if (*file == NULL) {
        *file = open_to_look(dir, &result, other_fault);
        return -1;
    }
    (void)keep_reserve(dir);
    return 0;
}

/* ---- settling ---- */

static int make_instance(uint8_t instance[16])
{
    if (getrandom(instance, 16, 0) != 16) {
        log_errno("spool.instance", "bytes=16");
        return -1;
    }
    instance[6] = (uint8_t)((instance[6] & 0x0f) | 0x40);
    instance[8] = (uint8_t)((instance[8] & 0x3f) | 0x80);
    return 0;
}

/* As PostgreSQL's bigint and SQLite's integer have it, so that it reads the same everywhere. */
static int draw_epoch(uint64_t *epoch)
{
    *epoch = 0;
    while (*epoch == 0) {
        if (getrandom(epoch, sizeof *epoch, 0) != sizeof *epoch) {
            log_errno("spool.epoch", "bytes=8");
            return -1;
        }
        *epoch &= INT64_MAX;
    }
    return 0;
}

/* Rows of acknowledged batches go; and a row, marked as acknowledged, stands right before the next
 * sequence, so that the file alone tells it. */
static enum spool_result write_settled(struct spool_file *file, uint64_t oldest,
                                       struct spool_found *found)
{
    struct spool_content *content = &found->content;
    struct spool_row mark = {.batch = {.sequence = found->next - 1, .kind = BATCH_REJECTS}};
    /* Of no epoch: it was given in one before this. */
    memcpy(mark.instance, found->instance, sizeof mark.instance);
    uint64_t removed = 0;
    enum spool_result result = spool_file_begin(file);
    if (result == SPOOL_OK && oldest > content->first) {
        result = spool_file_remove_below(file, oldest, &removed);
    }
    if (result == SPOOL_OK && mark.batch.sequence > content->last) {
        result = spool_file_put(file, &mark);
    }
    if (result == SPOOL_OK) {
        result = spool_file_commit(file);
    }
    if (result == SPOOL_OK && removed > 0) {
        result = spool_file_check(file, content);
    } else if (result == SPOOL_OK && mark.batch.sequence > content->last) {
        content->rows++;
    }
    return result;
}

/*
 * The instance and the next sequence; into the file, too, where that can be written. The next one
 * may have been given before, when the files are older than what was done with them: put back, or
 * left by a power failure. Then it was in another epoch, and so it names another batch.
 */
static int settle(struct spool_file *file, const struct spool_head *head, struct spool_found *found)
{
    struct spool_content *content = &found->content;
    bool known = is_known(head, content);
    found->next = content->last + 1;
    if (known && head->next > found->next) {
        found->next = head->next;
    }
    if (draw_epoch(&found->epoch) == -1) {
        return -1;
    }
    if (content->rows > 0 || known) {
        memcpy(found->instance, content->rows > 0 ? content->instance : head->instance, 16);
    } else if (make_instance(found->instance) == -1) {
        return -1;
    }
    found->written = content->last + 1;
    if (found->fault[0] != '\0') {
        return 0;
    }
    if (write_settled(file, known ? head->oldest : 0, found) == SPOOL_OK) {
        found->written = found->next;
    } else {
        /* What it says is true all the same; writing is tried again later. */
        snprintf(found->fault, sizeof found->fault, "%s", spool_file_fault(file));
    }
    return 0;
}

/* Batches that the ingestd before had numbered and could not write: lost with it, and no damage.
 * When it ended in good order, it said so itself. */
static void tell_unwritten(const struct spool_head *head, struct spool_found *found)
{
    uint64_t from = is_known(head, &found->content) ? behind_content(head, &found->content) : 0;
    if (from == 0 || from >= head->next) {
        return;
    }
    uint64_t count = head->next - from;
    if (head->closed) {
        log_warn("spool.unwritten",
                 "first=%" PRIu64 " last=%" PRIu64 " batches=%" PRIu64
                 " reason=\"could not be written, as was told when ingestd ended\"",
                 from, head->next - 1, count);
        return;
    }
    found->missing = count;
    snprintf(found->text, sizeof found->text,
             "%" PRIu64 " batches were in memory only, as the spool could not be written, when "
             "ingestd was killed",
             count);
    log_error("spool.missing",
              "first=%" PRIu64 " last=%" PRIu64 " batches=%" PRIu64
              " reason=\"they could not be written before ingestd was killed\"",
              from, head->next - 1, count);
}

/* The damaged spool aside, a new one with what could be read in its place. */
static struct spool_file *recover(const char *dir, struct spool_head *head, const char *why,
                                  char damaged[SPOOL_ASIDE_BYTES], struct spool_found *found)
{
    struct recovery r = {.head = head};
    char fault[200];
    log_error("spool.damaged", "dir=%s reason=\"%s\"", dir, why);
    if (head != NULL) {
        memcpy(r.instance, head->instance, sizeof r.instance);
        r.instance_known = true;
    }
    spool_aside_suffix(damaged);
    give_reserve_back(dir); /* the copy takes room */
    if (salvage_into_new(dir, &r) == -1 || change_places(dir, damaged) == -1) {
        return NULL;
    }
    struct spool_file *file;
    if (open_checked(dir, NULL, found, &file, fault) != SPOOL_OK) {
        log_error("spool.recover", "dir=%s error=\"%s\"", dir, fault);
        return NULL;
    }
    report_missing(dir, damaged, why, file, head, found);
    return file;
}

static int make_folder(const char *dir)
{
    char path[SPOOL_PATH_BYTES];
    if (strlen(dir) > SPOOL_PATH_BYTES - 200 || !spool_path(path, dir, SPOOL_HEAD_NAME)) {
        log_error("spool.dir", "expected=\"a path of at most %d bytes\"", SPOOL_PATH_BYTES - 200);
        return -1;
    }
    struct stat st;
    if ((mkdir(dir, 0700) == -1 && errno != EEXIST) || stat(dir, &st) == -1) {
        log_errno("spool.dir", "dir=%s", dir);
        return -1;
    }
    /* Who else may write there could have us write elsewhere, by a link. */
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
        log_error("spool.dir",
                  "dir=%s uid=%ld mode=%04o expected=\"a folder of user %ld that only it may "
                  "write to (0700)\"",
                  dir, (long)st.st_uid, (unsigned)st.st_mode & 07777, (long)geteuid());
        return -1;
    }
    return 0;
}

/* ---- once more, while it runs ---- */

static int sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd == -1 ? -1 : fsync(fd);
    if (fd != -1) {
        close(fd);
    }
    return rc;
}

/* All of it into spool.sqlite.recovered. */
static int copy_into_new(const char *dir, struct spool_file *from, char fault[200])
{
    char path[SPOOL_PATH_BYTES];
    enum spool_result result;
    remove_new(dir);
    path_of(path, dir, ".new");
    struct spool_file *into = spool_file_open(path, SPOOL_NEW, &result, fault);
    if (into == NULL) {
        return -1;
    }
    spool_file_copy_itself(into);
    result = spool_file_copy(from, into);
    if (result != SPOOL_OK) {
        snprintf(fault, 200, "%s", spool_file_fault(from));
    }
    spool_file_close(&into, result != SPOOL_OK); /* copies the log, synced */
    if (result != SPOOL_OK || size_of(dir, ".new-wal") > 0 ||
        rename_file(dir, ".new", ".recovered") == -1) {
        remove_new(dir);
        return -1;
    }
    return 0;
}

int spool_start_anew(const char *dir, struct spool_file **file, char fault[200])
{
    char aside[SPOOL_ASIDE_BYTES];
    enum spool_result result;
    snprintf(fault, 200, "its files were removed or replaced, and no new ones can be made");
    if (make_folder(dir) == -1 || (*file != NULL && copy_into_new(dir, *file, fault) == -1)) {
        return -1;
    }
    spool_file_close(file, true);
    spool_aside_suffix(aside);
    if (change_places(dir, aside) == -1 || sync_folder(dir) == -1) {
        return -1;
    }
    *file = open_file(dir, &result, fault);
    if (*file != NULL) {
        (void)keep_reserve(dir);
        (void)spool_aside_trim(dir, aside);
    }
    return *file == NULL ? -1 : 0;
}

/* The file goes first: SQLite discards a log without one. */
int spool_start_empty(const char *dir, struct spool_file **file, char fault[200])
{
    enum spool_result result;
    if (size_of(dir, "") + size_of(dir, "-wal") < RESERVE_BYTES || is_frozen(dir)) {
        return 1;
    }
    remove_file(dir, "");
    remove_file(dir, "-wal");
    remove_file(dir, "-shm");
    spool_file_close(file, true);
    *file = open_file(dir, &result, fault);
    if (*file == NULL) {
        return -1;
    }
    (void)sync_folder(dir);
    (void)keep_reserve(dir);
    return 0;
}

int spool_start_head(const char *dir)
{
    char path[SPOOL_PATH_BYTES];
    return spool_path(path, dir, SPOOL_HEAD_NAME) ? spool_head_open(path) : -1;
}

int spool_start(const char *dir, struct spool_file **file, int *head_fd, struct spool_found *found)
{
    char fault[200] = "", damaged[SPOOL_ASIDE_BYTES];
    struct spool_head head_read, *head = NULL;
    *found = (struct spool_found){0};
    *file = NULL;
    *head_fd = -1;
    if (make_folder(dir) == -1 || (*head_fd = spool_start_head(dir)) == -1) {
        return -1;
    }
    if (spool_head_read(*head_fd, &head_read) == 0) {
        head = &head_read;
    }
    spool_aside_suffix(damaged);
    if (size_of(dir, ".recovered") >= 0 && change_places(dir, damaged) == -1) {
        goto failed;
    }
    enum spool_result result = open_checked(dir, head, found, file, fault);
    if (result == SPOOL_DAMAGED) {
        *file = recover(dir, head, fault, damaged, found);
        result = *file != NULL ? SPOOL_OK : SPOOL_DAMAGED;
    } else if (result == SPOOL_OK) {
        tell_unwritten(head, found);
    } else {
        log_error("spool.open", "dir=%s error=\"%s\"", dir, fault);
    }
    if (result != SPOOL_OK || settle(*file, head, found) == -1) {
        goto failed;
    }
    found->aside = spool_aside_trim(dir, damaged);
    if (found->fault[0] == '\0') {
        (void)keep_reserve(dir);
    }
    return 0;
failed:
    spool_file_close(file, true);
    close(*head_fd);
    *head_fd = -1;
    return -1;
}
