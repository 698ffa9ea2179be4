/* SPDX-License-Identifier: Apache-2.0 */
/* A process's status out of its bytes. Pure. */
#include <string.h>

#include "common/when_time.h"
#include "webd/process_status.h"

#define ROWS_MAX 1000

static const struct json_limits limits = {.depth = 6, .nodes = 20000, .string_bytes = 4096};

/* What stands in lines, an object each. */
static int read_rows(struct arena *a, struct slice text, struct process_status *out)
{
    char error[128];
    out->rows = arena_calloc(a, ROWS_MAX, sizeof *out->rows);
    while (out->rows != NULL && text.len > 0 && out->row_count < ROWS_MAX) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t size = end == NULL ? text.len : (size_t)(end - text.at);
        const struct json *row =
            json_parse(a, (struct slice){text.at, size}, &limits, error, sizeof error);
        if (row == NULL) {
            return -1;
        }
        out->rows[out->row_count++] = row;
        text.at += size + (end != NULL);
        text.len -= size + (end != NULL);
    }
    return out->rows == NULL ? -1 : 0;
}

struct slice process_text(const struct process_status *p, const char *key)
{
    const struct json *text = json_get(p->says, key);
    return text != NULL && text->type == JSON_STRING ? text->text : slice_of("");
}

static int read_time(const struct process_status *p, const char *key, int64_t *us)
{
    return when_time_parse(process_text(p, key), us);
}

int process_status_read(struct arena *a, struct slice status, struct slice rows,
                        struct process_status *out)
{
    char error[128];
    *out = (struct process_status){.says = json_parse(a, status, &limits, error, sizeof error)};
    out->process = process_text(out, "process");
    out->name =
        arena_printf(a, "%.*s", (int)process_text(out, "name").len, process_text(out, "name").at);
    if (out->name == NULL || out->name[0] == '\0' || out->process.len == 0 ||
        read_time(out, "updated_at", &out->updated_us) == -1 ||
        read_time(out, "started_at", &out->started_us) == -1) {
        return -1;
    }
    return read_rows(a, rows, out);
}

bool process_is_running(const struct process_statuses *all, const struct process_status *p)
{
    return slice_equal(process_text(p, "state"), slice_of("running")) &&
           all->now_us - p->updated_us <= STATUS_STALE_US;
}

const struct json *process_troubles(const struct process_status *p)
{
    const struct json *list = json_get(p->says, "troubles");
    return list != NULL && list->type == JSON_ARRAY ? list->first : NULL;
}

struct slice process_note(const struct process_status *p, struct slice name)
{
    const struct json *note = json_find(json_get(p->says, "notes"), name);
    return note != NULL && note->type == JSON_STRING ? note->text : slice_of("");
}
