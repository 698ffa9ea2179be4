/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of all processes' certificates and disks. */
#include "webd/foresight.h"

#include <inttypes.h>

#include "common/when_time.h"
#include "webd/api/api_answer.h"

#define DAY_US (INT64_C(86400) * 1000000)

static struct slice text_of(const struct json *object, const char *key)
{
    const struct json *text = json_get(object, key);
    return text != NULL && text->type == JSON_STRING ? text->text : (struct slice){NULL, 0};
}

static bool is_number(const struct json *object, const char *key)
{
    const struct json *number = json_get(object, key);
    return number != NULL && number->type == JSON_NUMBER;
}

/* What begins each of them. */
static void write_head(FILE *f, const struct process_status *p, bool first)
{
    fputs(first ? "{\"process\":" : ",\n{\"process\":", f);
    json_print_string(f, p->name);
}

static bool write_end(FILE *f, const struct process_statuses *all, const struct process_status *p,
                      const struct json *end, bool first)
{
    struct slice what = text_of(end, "what"), whose = text_of(end, "whose");
    int64_t ends_us;
    if (what.at == NULL || whose.at == NULL ||
        when_time_parse(text_of(end, "ends_at"), &ends_us) == -1) {
        return false;
    }
    int64_t left_us = ends_us - all->now_us;
    write_head(f, p, first);
    fputs(",\"what\":", f);
    json_print_slice(f, what);
    fputs(",\"whose\":", f);
    json_print_slice(f, whose);
    fputs(",\"ends\":", f);
    api_write_time(f, ends_us);
    fprintf(f, ",\"days\":%" PRId64 "}", left_us / DAY_US - (left_us < 0 && left_us % DAY_US != 0));
    return true;
}

static bool write_room(FILE *f, const struct process_statuses *all, const struct process_status *p,
                       const struct json *room, bool first)
{
    static const char *const numbers[] = {"bytes", "free_bytes", "over_s"};
    struct slice of = text_of(room, "of"), way = text_of(room, "way");
    (void)all;
    if (of.at == NULL || way.at == NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!is_number(room, numbers[i])) {
            return false;
        }
    }
    write_head(f, p, first);
    fputs(",\"of\":", f);
    json_print_slice(f, of);
    fputs(",\"way\":", f);
    json_print_slice(f, way);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct slice number = json_get(room, numbers[i])->text;
        fprintf(f, ",\"%s\":%.*s", numbers[i], (int)number.len, number.at);
    }
    struct slice full =
        is_number(room, "full_s") ? json_get(room, "full_s")->text : slice_of("null");
    fprintf(f, ",\"full_s\":%.*s}", (int)full.len, full.at);
    return true;
}

static void write_list(FILE *f, const struct process_statuses *all, const char *key,
                       bool (*write)(FILE *f, const struct process_statuses *all,
                                     const struct process_status *p, const struct json *one,
                                     bool first))
{
    unsigned count = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct process_status *p = &all->at[i];
        const struct json *list = process_is_running(all, p) ? json_get(p->says, key) : NULL;
        const struct json *one = list != NULL && list->type == JSON_ARRAY ? list->first : NULL;
        for (; one != NULL && count < FORESIGHT_MAX; one = one->next) {
            count += write(f, all, p, one, count == 0);
        }
    }
}

void foresight_write(FILE *f, const struct process_statuses *all)
{
    fputs("\"certificates\":[", f);
    write_list(f, all, "ends", write_end);
    fputs("],\n\"disks\":[", f);
    write_list(f, all, "rooms", write_room);
    fputs("]", f);
}
