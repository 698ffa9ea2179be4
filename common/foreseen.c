/* SPDX-License-Identifier: Apache-2.0 */
/* What the status tells of certificates and disks. */
#include "common/foreseen.h"

#include <inttypes.h>
#include <string.h>

#include "common/disk_room.h"
#include "common/json.h"
#include "common/utf8.h"
#include "common/when_time.h"

#define ROOMS 4

const char *const foreseen_words[FORESEEN_KINDS] = {[FORESEEN_CERTIFICATE] = "certificate",
                                                    [FORESEEN_AUTHORITY] = "authority",
                                                    [FORESEEN_REVOCATION_LIST] = "revocation list",
                                                    [FORESEEN_CLIENT] = "client"};

static struct foreseen_ends ends;
static struct {
    const char *of; /* NULL: none, and none behind it */
    struct disk_room room;
} rooms[ROOMS];

void foreseen_add(struct foreseen_ends *e, enum foreseen_kind kind, struct slice whose,
                  int64_t ends_us)
{
    uint32_t at = e->count;
    while (at > 0 && e->at[at - 1].ends_us > ends_us) {
        at--;
    }
    if (at == FORESEEN_ENDS) {
        e->left_out++;
        return;
    }
    if (e->count == FORESEEN_ENDS) {
        e->left_out++;
        e->count--;
    }
    memmove(&e->at[at + 1], &e->at[at], (e->count - at) * sizeof *e->at);
    struct foreseen_end *new = &e->at[at];
    *new = (struct foreseen_end){.kind = kind, .ends_us = ends_us};
    snprintf(new->whose, sizeof new->whose, "%.*s", (int)whose.len,
             whose.at == NULL ? "" : whose.at);
    utf8_repair(new->whose, new->whose + strlen(new->whose));
    e->count++;
}

void foreseen_tell_ends(const struct foreseen_ends *e)
{
    ends = *e;
}

void foreseen_tell_room(const char *of, int64_t clock_us, uint64_t bytes, uint64_t free_bytes)
{
    for (size_t i = 0; i < ROOMS; i++) {
        if (rooms[i].of == NULL || strcmp(rooms[i].of, of) == 0) {
            rooms[i].of = of;
            disk_room_saw(&rooms[i].room, clock_us, bytes, free_bytes);
            return;
        }
    }
}

static void print_ends(FILE *f)
{
    char when[WHEN_TEXT];
    fprintf(f, "  \"ends_left_out\": %" PRIu32 ",\n  \"ends\": [", ends.left_out);
    for (uint32_t i = 0; i < ends.count; i++) {
        when_time_text(ends.at[i].ends_us, when);
        fprintf(f, "%s\n    {\"what\": \"%s\", \"whose\": ", i == 0 ? "" : ",",
                foreseen_words[ends.at[i].kind]);
        json_print_string(f, ends.at[i].whose);
        fprintf(f, ", \"ends_at\": \"%.10sT%.8sZ\"}", when, when + 11);
    }
    fputs("],\n", f);
}

static void print_rooms(FILE *f)
{
    static const char *const ways[] = {[DISK_ROOM_UNKNOWN] = "unknown",
                                       [DISK_ROOM_STEADY] = "steady",
                                       [DISK_ROOM_FILLING] = "filling"};
    fputs("  \"rooms\": [", f);
    for (size_t i = 0; i < ROOMS && rooms[i].of != NULL; i++) {
        int64_t over_s, full_s;
        enum disk_room_way way = disk_room_way(&rooms[i].room, &over_s, &full_s);
        fprintf(f,
                "%s\n    {\"of\": \"%s\", \"bytes\": %" PRIu64 ", \"free_bytes\": %" PRIu64
                ", \"way\": \"%s\", \"over_s\": %" PRId64 ", \"full_s\": ",
                i == 0 ? "" : ",", rooms[i].of, rooms[i].room.bytes, rooms[i].room.free_bytes,
                ways[way], over_s);
        if (way == DISK_ROOM_FILLING) {
            fprintf(f, "%" PRId64 "}", full_s);
        } else {
            fputs("null}", f);
        }
    }
    fputs("],\n", f);
}

void foreseen_print(FILE *f)
{
    print_ends(f);
    print_rooms(f);
}
