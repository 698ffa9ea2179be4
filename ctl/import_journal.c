/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/hash_table.h"
#include "common/json.h"
#include "ctl/ctl.h"

#define LINE_BYTES ((size_t)64 << 10)
#define SYNC_US    1000000

/* What is known of one path; the newest. */
struct import_known {
    UT_hash_handle hh;
    struct import_taken taken;
    uint64_t inode, size;
    int64_t changed_us;
    char path[];
};

struct import_journal {
    const char *file, *by;
    FILE *out;
    struct import_known *known; /* by path */
    int64_t synced_us;
};

static int64_t changed_us(const struct stat *s)
{
    return (int64_t)s->st_mtim.tv_sec * 1000000 + s->st_mtim.tv_nsec / 1000;
}

/* ---- reading ---- */

static bool number(const struct json *line, const char *key, uint64_t *value)
{
    const struct json *n = json_get(line, key);
    int64_t whole = 0;
    if (n == NULL || n->type != JSON_NUMBER || ctl_number(n->text.at, 0, INT64_MAX, &whole) == -1) {
        return false;
    }
    *value = (uint64_t)whole;
    return true;
}

static struct import_known *known_of(struct import_journal *j, struct slice path)
{
    struct import_known *k = NULL;
    HASH_FIND(hh, j->known, path.at, path.len, k);
    if (k == NULL && (k = calloc(1, sizeof *k + path.len + 1)) != NULL) {
        memcpy(k->path, path.at, path.len);
        HASH_ADD_KEYPTR(hh, j->known, k->path, path.len, k);
        if (k->hh.tbl == NULL) {
            free(k);
            k = NULL;
        }
    }
    return k;
}

/* A line that is none, or about what is read by something else, is passed over. -1: memory. */
static int take_line(struct import_journal *j, const struct json *line)
{
    const struct json *path = json_get(line, "file");
    uint64_t inode, size, changed, parts, records, refused, over;
    if (!json_is(json_get(line, "by"), j->by) || path == NULL || path->type != JSON_STRING ||
        !number(line, "inode", &inode) || !number(line, "size", &size) ||
        !number(line, "changed_us", &changed) || !number(line, "parts", &parts) ||
        !number(line, "records", &records) || !number(line, "refused", &refused) ||
        !number(line, "over", &over)) {
        return 0;
    }
    struct import_known *k = known_of(j, path->text);
    if (k == NULL) {
        return -1;
    }
    k->inode = inode;
    k->size = size;
    k->changed_us = (int64_t)changed;
    k->taken = (struct import_taken){parts, records, refused, over != 0};
    return 0;
}

static int read_lines(struct import_journal *j, FILE *in)
{
    static const struct json_limits limits = {.depth = 2, .nodes = 20, .string_bytes = 32768};
    struct arena *a = arena_new(1 << 20);
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    int rc = a == NULL ? -1 : 0;
    while (rc == 0 && (n = getline(&line, &size, in)) > 0) {
        char error[128];
        const struct json *whole = NULL;
        if (line[n - 1] == '\n' && (size_t)n <= LINE_BYTES) {
            whole = json_parse(a, (struct slice){line, (size_t)n}, &limits, error, sizeof error);
        }
        rc = whole == NULL ? 0 : take_line(j, whole);
        arena_reset(a);
    }
    free(line);
    arena_free(&a);
    return rc;
}

/* ---- the file ---- */

/* What was cut by a kill shall not be the beginning of the next line. */
static int end_line(FILE *f)
{
    char last = '\n';
    if (fseek(f, -1, SEEK_END) == 0 && fread(&last, 1, 1, f) == 1 && last != '\n') {
        return fseek(f, 0, SEEK_END) == 0 && fputc('\n', f) != EOF && fflush(f) == 0 ? 0 : -1;
    }
    clearerr(f);
    return 0;
}

static int read_file(struct import_journal *j, bool again)
{
    if (flock(fileno(j->out), LOCK_EX | LOCK_NB) == -1) {
        return errno == EWOULDBLOCK ? ctl_failed("%s: another import is under way", j->file)
                                    : ctl_failed("%s: %s", j->file, strerror(errno));
    }
    if (!again && read_lines(j, j->out) == -1) {
        return ctl_failed("%s: out of memory", j->file);
    }
    return end_line(j->out) == -1 ? ctl_failed("%s: %s", j->file, strerror(errno)) : CTL_DONE;
}

struct import_journal *import_journal_open(const char *file, const char *by, bool again)
{
    struct import_journal *j = calloc(1, sizeof *j);
    int fd = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (j == NULL || fd == -1) {
        ctl_failed("%s: %s", file, strerror(errno));
        free(j);
        if (fd != -1) {
            close(fd);
        }
        return NULL;
    }
    j->file = file;
    j->by = by;
    j->out = fdopen(fd, "a+");
    if (j->out == NULL) {
        ctl_failed("%s: %s", file, strerror(errno));
        close(fd);
        import_journal_close(&j);
    } else if (read_file(j, again) != CTL_DONE) {
        import_journal_close(&j);
    }
    return j;
}

void import_journal_close(struct import_journal **j)
{
    struct import_known *k, *next;
    if (*j == NULL) {
        return;
    }
    HASH_ITER(hh, (*j)->known, k, next)
    {
        HASH_DELETE(hh, (*j)->known, k);
        free(k);
    }
    if ((*j)->out != NULL) {
        fclose((*j)->out);
    }
    free(*j);
    *j = NULL;
}

struct import_taken import_journal_find(const struct import_journal *j, const char *path,
                                        const struct stat *s)
{
    struct import_known *k = NULL;
    HASH_FIND(hh, j->known, path, strlen(path), k);
    bool same = k != NULL && k->inode == s->st_ino && k->size == (uint64_t)s->st_size &&
                k->changed_us == changed_us(s);
    return same ? k->taken : (struct import_taken){0};
}

int import_journal_tell(struct import_journal *j, const char *path, const struct stat *s,
                        const struct import_taken *taken)
{
    int64_t now_us = clock_steady_us();
    fputs("{\"file\":", j->out);
    json_print_string(j->out, path);
    fputs(",\"by\":", j->out);
    json_print_string(j->out, j->by);
    fprintf(j->out,
            ",\"inode\":%" PRIu64 ",\"size\":%" PRIu64 ",\"changed_us\":%" PRId64
            ",\"parts\":%" PRIu64 ",\"records\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"over\":%d}\n",
            (uint64_t)s->st_ino, (uint64_t)s->st_size, changed_us(s), taken->parts, taken->records,
            taken->refused, taken->over);
    bool good = fflush(j->out) == 0;
    if (good && now_us - j->synced_us > SYNC_US) {
        good = fdatasync(fileno(j->out)) == 0;
        j->synced_us = now_us;
    }
    if (!good) {
        ctl_failed("%s: %s", j->file, strerror(errno));
    }
    return good ? 0 : -1;
}
