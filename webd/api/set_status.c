/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/api/set_status.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/daemon.h"
#include "webd/api/api_answer.h"
#include "webd/api/api_reply.h"
#include "webd/foresight.h"
#include "webd/health.h"
#include "webd/status_files.h"

#define ARENA_BYTES ((size_t)128 << 20) /* of 256 processes at most */

/* A member of what the process says, as it is; null where there is none. */
static void write_part(FILE *f, struct arena *a, const struct json *says, const char *key)
{
    const struct json *part = json_get(says, key);
    struct slice text = part == NULL ? (struct slice){NULL, 0} : json_text(a, part);
    fprintf(f, ",\"%s\":%.*s", key, text.at == NULL ? 4 : (int)text.len,
            text.at == NULL ? "null" : text.at);
}

static void write_process(FILE *f, struct arena *a, const struct process_statuses *all,
                          const struct process_status *p)
{
    fputs("{\"name\":", f);
    json_print_string(f, p->name);
    fputs(",\"process\":", f);
    json_print_slice(f, p->process);
    fprintf(f, ",\"running\":%s", process_is_running(all, p) ? "true" : "false");
    fputs(",\"started\":", f);
    api_write_time(f, p->started_us);
    fputs(",\"updated\":", f);
    api_write_time(f, p->updated_us);
    write_part(f, a, p->says, "state");
    write_part(f, a, p->says, "version");
    write_part(f, a, p->says, "troubles");
    write_part(f, a, p->says, "notes");
    write_part(f, a, p->says, "counters");
    putc_unlocked('}', f);
}

/* Each line of what is wrong, as a text of a list. */
static int write_troubles(FILE *f, const struct process_statuses *all)
{
    char *text = NULL;
    size_t size = 0;
    FILE *lines = open_memstream(&text, &size);
    if (lines == NULL) {
        return -1;
    }
    health_write(lines, all, false);
    if (fclose(lines) == EOF) {
        free(text);
        return -1;
    }
    const char *at = text, *separator = "";
    for (const char *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        fputs(separator, f);
        json_print_slice(f, (struct slice){at, (size_t)(end - at)});
        separator = ",";
    }
    free(text);
    return 0;
}

static int write_status(FILE *f, struct arena *a)
{
    struct process_statuses all;
    if (status_files_read(a, daemon_common(), &all) == -1) {
        return -1;
    }
    fprintf(f, "{\"state\":\"%s\",\"ready\":%s,\"at\":",
            health_write(NULL, &all, false) == 0 ? "ok" : "ill",
            health_write(NULL, &all, true) == 0 ? "true" : "false");
    api_write_time(f, all.now_us);
    fputs(",\"troubles\":[", f);
    if (write_troubles(f, &all) == -1) {
        return -1;
    }
    fputs("],\n", f);
    foresight_write(f, &all);
    fputs(",\n\"processes\":[", f);
    for (size_t i = 0; i < all.count; i++) {
        fputs(i == 0 ? "" : ",\n", f);
        write_process(f, a, &all, &all.at[i]);
    }
    fputs("]}\n", f);
    return 0;
}

void set_status_tell(struct web *w, struct evhttp_request *request, struct connection *c,
                     const struct visitor *v)
{
    const char *denied = visitor_denied(w, v, CAPABILITY_LOSSES, slice_of("LedgerLosses"));
    if (denied != NULL) {
        web_count(w, COUNT_QUESTIONS_DENIED);
        api_refuse(request, c, API_FORBIDDEN, "denied",
                   "status: only who may ask LedgerLosses may read how the set does%s", denied);
        return;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    char *text = NULL;
    size_t size = 0;
    FILE *f = a == NULL ? NULL : open_memstream(&text, &size);
    int rc = f == NULL ? -1 : write_status(f, a);
    if (f == NULL || fclose(f) == EOF || rc == -1) {
        web_count(w, COUNT_FAILED);
        api_refuse(request, c, HTTP_SERVUNAVAIL, "busy", "out of memory");
    } else {
        api_reply(request, c, "application/json", (struct slice){text, size});
    }
    free(text);
    arena_free(&a);
}
