/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format is that of https://www.sqlite.org/fileformat2.html: leaf pages of table b-trees, their
 * cells, overflow chains, records, and the frames of the write-ahead log.
 */
#include "ingestd/spool/spool_salvage.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE           SPOOL_PAGE_BYTES
#define LEAF           0x0d
#define WAL_HEADER     32
#define WAL_FRAME_HEAD 24
#define COLUMNS        9

struct salvage {
    int db_fd, wal_fd;
    uint32_t pages;    /* of the file, or of what the log makes of it */
    uint32_t db_pages; /* of the file */
    uint64_t frames;   /* of the log, up to the last commit */
    uint8_t salts[2][8];
    uint64_t *in_wal; /* by page number - 1: where in the log its latest state stands; 0: nowhere */
    char *payload;
    uint64_t payload_size;
    spool_row_fn *each;
    void *context;
};

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- pages ---- */

/* All of it, or -1. */
static int read_at(int fd, void *into, size_t size, uint64_t offset)
{
    return pread(fd, into, size, (off_t)offset) == (ssize_t)size ? 0 : -1;
}

/* The latest state of a page, by its number from 1; the end of a file cut off reads as zeros. */
static int read_page(const struct salvage *s, uint32_t number, uint8_t page[PAGE])
{
    memset(page, 0, PAGE);
    if (number < 1 || number > s->pages) {
        return -1;
    }
    if (s->in_wal[number - 1] != 0) {
        return read_at(s->wal_fd, page, PAGE, s->in_wal[number - 1]);
    }
    ssize_t n = pread(s->db_fd, page, PAGE, (off_t)(number - 1) * PAGE);
    return n > 0 ? 0 : -1;
}

static uint64_t frame_at(uint64_t i)
{
    return WAL_HEADER + i * (WAL_FRAME_HEAD + PAGE);
}

/*
 * Whether a frame of the log belongs to it: same salts as its header or its first frame, of which
 * one may be damaged. Its checksum is not looked at: rows have their own.
 */
static bool is_of_log(const struct salvage *s, uint64_t i, uint8_t head[WAL_FRAME_HEAD])
{
    return read_at(s->wal_fd, head, WAL_FRAME_HEAD, frame_at(i)) == 0 &&
           (memcmp(head + 8, s->salts[0], 8) == 0 || memcmp(head + 8, s->salts[1], 8) == 0);
}

/* How many frames are of transactions that were committed, and the latest state of each page. */
static int read_wal(struct salvage *s, uint64_t size)
{
    uint8_t header[WAL_HEADER + WAL_FRAME_HEAD], head[WAL_FRAME_HEAD];
    if (size >= sizeof header && read_at(s->wal_fd, header, sizeof header, 0) == 0) {
        uint64_t frames = (size - WAL_HEADER) / (WAL_FRAME_HEAD + PAGE);
        memcpy(s->salts[0], header + 16, 8);
        memcpy(s->salts[1], header + WAL_HEADER + 8, 8);
        for (uint64_t i = 0; i < frames; i++) {
            uint32_t commit = is_of_log(s, i, head) ? get32(head + 4) : 0;
            if (commit != 0) {
                s->frames = i + 1;
                /* No transaction makes the file larger than file and log together. */
                s->pages = commit > s->pages && commit <= s->db_pages + frames ? commit : s->pages;
            }
        }
    }
    s->in_wal = calloc(s->pages + 1, sizeof *s->in_wal);
    if (s->in_wal == NULL) {
        return -1;
    }
    for (uint64_t i = 0; i < s->frames; i++) {
        uint32_t number = is_of_log(s, i, head) ? get32(head) : 0;
        if (number >= 1 && number <= s->pages) {
            s->in_wal[number - 1] = frame_at(i) + WAL_FRAME_HEAD;
        }
    }
    return 0;
}

/* ---- cells ---- */

/* At most nine bytes; the number of bytes, or 0 when it does not end before `end`. */
static size_t get_varint(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < 9 && i < (size_t)(end - p); i++) {
        if (i == 8) {
            *value = *value << 8 | p[i];
            return 9;
        }
        *value = *value << 7 | (p[i] & 0x7f);
        if ((p[i] & 0x80) == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* The cell's payload with what overflowed into other pages: 0, or -1 when it cannot be. */
static int gather(struct salvage *s, const uint8_t *at, const uint8_t *end, uint64_t size)
{
    uint64_t most = PAGE - 35, least = (PAGE - 12) * 32 / 255 - 23;
    uint64_t local = size;
    if (size > most) {
        local = least + (size - least) % (PAGE - 4);
        local = local <= most ? local : least;
    }
    if (size == 0 || size > SPOOL_ROW_BYTES || size > (uint64_t)s->pages * PAGE ||
        (uint64_t)(end - at) < local + (local < size ? 4 : 0)) {
        return -1;
    }
    if (size > s->payload_size) {
        char *larger = realloc(s->payload, size);
        if (larger == NULL) {
            return -1;
        }
        s->payload = larger;
        s->payload_size = size;
    }
    memcpy(s->payload, at, local);
    uint32_t next = local < size ? get32(at + local) : 0;
    for (uint64_t have = local; have < size;) {
        uint8_t page[PAGE];
        if (read_page(s, next, page) == -1) {
            return -1;
        }
        uint64_t part = size - have < PAGE - 4 ? size - have : PAGE - 4;
        memcpy(s->payload + have, page + 4, part);
        have += part;
        next = get32(page);
    }
    return 0;
}

/* ---- records ---- */

struct column {
    bool is_null, is_blob;
    uint64_t number;
    struct slice bytes;
};

static int read_column(uint64_t serial, const uint8_t **at, const uint8_t *end, struct column *c)
{
    static const uint8_t widths[] = {0, 1, 2, 3, 4, 6, 8};
    *c = (struct column){.is_null = serial == 0};
    uint64_t size = 0;
    if (serial <= 6) {
        size = widths[serial];
    } else if (serial == 8 || serial == 9) {
        c->number = serial - 8;
    } else if (serial >= 12 && serial % 2 == 0) {
        c->is_blob = true;
        size = (serial - 12) / 2;
    } else {
        return -1;
    }
    if (size > (uint64_t)(end - *at)) {
        return -1;
    }
    if (c->is_blob) {
        c->bytes = (struct slice){(const char *)*at, (size_t)size};
    } else if (size > 0) {
        c->number = (**at & 0x80) != 0 ? UINT64_MAX : 0;
        for (uint64_t i = 0; i < size; i++) {
            c->number = c->number << 8 | (*at)[i];
        }
    }
    *at += size;
    return 0;
}

/* The row of a payload, in the order of the table's columns: 0, or -1 when it is none. */
static int read_row(const char *payload, uint64_t size, uint64_t rowid, struct spool_row *row)
{
    const uint8_t *start = (const uint8_t *)payload, *end = start + size;
    struct column c[COLUMNS];
    uint64_t header;
    size_t n = get_varint(start, end, &header);
    if (n == 0 || header < n || header > size) {
        return -1;
    }
    const uint8_t *type = start + n, *body = start + header;
    for (int i = 0; i < COLUMNS; i++) {
        uint64_t serial;
        n = get_varint(type, start + header, &serial);
        if (n == 0 || read_column(serial, &body, end, &c[i]) == -1) {
            return -1;
        }
        type += n;
    }
    /* sequence, instance, kind, count, received_us, dropped, checksum, accounts, frame */
    if (!c[0].is_null || !c[1].is_blob ||
        (c[2].number != BATCH_RECORDS && c[2].number != BATCH_REJECTS) ||
        c[3].number > LIMIT_BATCH_RECORDS || c[7].is_blob != c[8].is_blob) {
        return -1;
    }
    *row = (struct spool_row){.batch = {.sequence = rowid,
                                        .kind = (enum batch_kind)c[2].number,
                                        .count = (uint32_t)c[3].number,
                                        .received_us = (int64_t)c[4].number,
                                        .dropped = c[5].number,
                                        .accounts = c[7].bytes,
                                        .frame = c[8].bytes}};
    return spool_row_take_name(row, c[1].bytes) == 0 && spool_row_checksum(row) == c[6].number ? 0
                                                                                               : -1;
}

static int look_at_page(struct salvage *s, const uint8_t page[PAGE], uint32_t start)
{
    if (page[start] != LEAF) {
        return 0;
    }
    uint32_t cells = (uint32_t)page[start + 3] << 8 | page[start + 4];
    for (uint32_t i = 0; i < cells && start + 8 + 2 * i + 2 <= PAGE; i++) {
        const uint8_t *pointer = page + start + 8 + 2 * i, *end = page + PAGE;
        uint32_t offset = (uint32_t)pointer[0] << 8 | pointer[1];
        const uint8_t *at = page + (offset < PAGE ? offset : PAGE);
        uint64_t size, rowid;
        struct spool_row row;
        size_t n = get_varint(at, end, &size);
        size_t m = n > 0 ? get_varint(at + n, end, &rowid) : 0;
        if (m == 0 || gather(s, at + n + m, end, size) == -1 ||
            read_row(s->payload, size, rowid, &row) == -1) {
            continue;
        }
        int rc = s->each(s->context, &row);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* Pages as they are; then, for rows of pages that are damaged, as they were in the log before. */
static int look_at_all(struct salvage *s)
{
    uint8_t page[PAGE], head[WAL_FRAME_HEAD];
    int rc = 0;
    for (uint32_t number = 1; number <= s->pages && rc == 0; number++) {
        rc = read_page(s, number, page) == -1 ? 0 : look_at_page(s, page, number == 1 ? 100 : 0);
    }
    for (uint64_t i = 0; i < s->frames && rc == 0; i++) {
        uint32_t number = is_of_log(s, i, head) ? get32(head) : 0;
        uint64_t at = frame_at(i) + WAL_FRAME_HEAD;
        if (number > 1 && (number > s->pages || s->in_wal[number - 1] != at) &&
            read_at(s->wal_fd, page, PAGE, at) == 0) {
            rc = look_at_page(s, page, 0);
        }
    }
    return rc;
}

int spool_salvage(int db_fd, int wal_fd, spool_row_fn *each, void *context)
{
    struct salvage s = {.db_fd = db_fd, .wal_fd = wal_fd, .each = each, .context = context};
    struct stat db, wal = {0};
    if (fstat(db_fd, &db) == -1 || (wal_fd != -1 && fstat(wal_fd, &wal) == -1)) {
        return -1;
    }
    s.pages = s.db_pages = (uint32_t)(((uint64_t)db.st_size + PAGE - 1) / PAGE);
    int rc = read_wal(&s, (uint64_t)wal.st_size);
    if (rc == 0) {
        rc = look_at_all(&s);
    }
    free(s.in_wal);
    free(s.payload);
    return rc;
}
