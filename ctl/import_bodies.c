/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import_bodies.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/formats/mapping.h"
#include "ctl/ctl.h"

#define BODY_BYTES  ((size_t)256 << 10)
#define BODY_PARTS  512 /* of JSON, which may have many values each */
#define WHERE_BYTES 512

/* ---- what became of bodies ---- */

/* Where a body begins, for messages: what stands before a part's own place. */
static void tell_where(char where[WHERE_BYTES], const char *path, uint64_t line)
{
    const char *slash = strlen(path) > WHERE_BYTES - 48 ? strrchr(path, '/') : NULL;
    snprintf(where, WHERE_BYTES, "%s, from line %" PRIu64 " on", slash == NULL ? path : slash + 1,
             line);
}

static struct slice next_word(struct slice *text)
{
    const char *end = text->len == 0 ? NULL : memchr(text->at, ' ', text->len);
    struct slice word = {text->at, end == NULL ? text->len : (size_t)(end - text->at)};
    *text =
        (struct slice){text->at + word.len + (end != NULL), text->len - word.len - (end != NULL)};
    return word;
}

/* The next of "json 1 format 12". */
static bool next_reason(struct slice *text, struct slice *reason, uint64_t *count)
{
    char digits[24];
    int64_t number = 0;
    *reason = next_word(text);
    struct slice word = next_word(text);
    bool fits = reason->len > 0 && word.len < sizeof digits;
    if (fits) {
        snprintf(digits, sizeof digits, "%.*s", (int)word.len, word.at);
        fits = ctl_number(digits, 1, UINT32_MAX, &number) == 0;
    }
    *count = (uint64_t)number;
    return fits;
}

static void on_answer(void *context, const struct import_body *body,
                      const struct imported_message *m)
{
    struct importing *i = context;
    const struct import_file *f = body->of;
    char where[WHERE_BYTES];
    tell_where(where, f->path, body->line);
    i->report.records += m->records;
    uint64_t left = m->rejected, count;
    struct slice text = m->reasons, reason;
    while (next_reason(&text, &reason, &count)) {
        import_report_refused(&i->report, reason, count, where,
                              slice_equal(reason, m->reason) ? m->detail : slice_of(""));
        left -= count < left ? count : left;
    }
    if (left > 0) {
        import_report_refused(&i->report, m->reason, left, where, m->detail);
    }
}

int import_bodies_tell(struct importing *i, struct import_file *f)
{
    f->taken.over = f->read && f->under_way == 0;
    return i->journal == NULL ? 0 : import_journal_tell(i->journal, f->path, &f->stat, &f->taken);
}

static int on_done(void *context, const struct import_body *body)
{
    struct importing *i = context;
    struct import_file *f = body->of;
    f->under_way--;
    f->taken.parts = body->parts;
    f->taken.records += body->records;
    f->taken.refused += body->rejected;
    int rc = import_bodies_tell(i, f);
    if (f->under_way == 0 && f != i->file) {
        free(f);
    }
    return rc;
}

static void on_dropped(void *context, const struct import_body *body)
{
    const struct importing *i = context;
    struct import_file *f = body->of;
    f->under_way--;
    if (f->under_way == 0 && f != i->file) {
        free(f);
    }
}

struct import_window import_bodies_window(struct importing *i)
{
    return (struct import_window){
        .answered = on_answer, .done = on_done, .dropped = on_dropped, .context = i};
}

/* ---- bodies ---- */

int import_bodies_send(struct importing *i)
{
    static struct slice everything = {"*", 1};
    char where[WHERE_BYTES];
    tell_where(where, i->file->path, i->first_line);
    struct deliver_message head = {.door = DOOR_FILE,
                                   .import = 1,
                                   .sender = slice_of(i->owner),
                                   .place = slice_of(where),
                                   .received_us = clock_utc_us(),
                                   .allowed = &everything,
                                   .allowed_count = 1,
                                   .format = slice_of(i->format_name),
                                   .context_names = i->context.names,
                                   .context_names_count = i->context.count,
                                   .context_values = i->context.values,
                                   .context_values_count = i->context.count};
    const struct import_body body = {
        .bytes = i->body, .len = i->len, .of = i->file, .parts = i->parts, .line = i->first_line};
    i->body = NULL;
    i->len = i->size = i->in_body = 0;
    i->file->under_way++;
    int rc = import_window_send(&i->window, &head, &body);
    i->file->under_way -= rc == -1;
    import_report_progress(&i->report, i->file->path);
    return rc;
}

int import_bodies_append(struct importing *i, struct slice bytes)
{
    if (i->size - i->len < bytes.len + 1) {
        size_t size = i->len + bytes.len + 1 > BODY_BYTES ? i->len + bytes.len + 1 : 2 * BODY_BYTES;
        char *body = realloc(i->body, size);
        if (body == NULL) {
            ctl_failed("out of memory");
            return -1;
        }
        i->body = body;
        i->size = size;
    }
    memcpy(i->body + i->len, bytes.at, bytes.len);
    i->body[i->len + bytes.len] = '\n';
    i->len += bytes.len + 1;
    return 0;
}

static bool is_blank(struct slice bytes)
{
    size_t n = 0;
    while (n < bytes.len && strchr(" \t\r\n", bytes.at[n]) != NULL && bytes.at[n] != '\0') {
        n++;
    }
    return n == bytes.len;
}

int import_bodies_add(struct importing *i, const struct import_cut_part *part)
{
    bool blank = is_blank(part->bytes);
    i->any = i->any || !blank;
    if (part->number <= i->file->taken.parts || blank) {
        i->parts = part->number > i->parts ? part->number : i->parts;
        return 0;
    }
    if (i->len > 0 && (i->len + part->bytes.len > BODY_BYTES || i->in_body == BODY_PARTS) &&
        import_bodies_send(i) == -1) {
        return -1;
    }
    if (i->len == 0) {
        i->first_line = part->line;
    }
    i->parts = part->number;
    i->in_body += i->format == NULL || format_mapping_of(i->format)->input->decoder == FORMAT_JSON;
    return import_bodies_append(i, part->bytes);
}

void import_bodies_refuse(struct importing *i, const struct import_cut_part *part)
{
    char where[WHERE_BYTES];
    i->any = true;
    if (part->number > i->file->taken.parts) {
        tell_where(where, i->file->path, part->line);
        import_report_refused(&i->report, slice_of(i->format == NULL ? "json" : "format"), 1, where,
                              slice_of(part->why));
        i->file->taken.refused++;
    }
}
