/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to one datagram, or one body that was delivered: may its sender speak, what is in
 * it, into which batch it goes. */
#ifndef EZREPO_INGESTD_INTAKE_H
#define EZREPO_INGESTD_INTAKE_H

#include "common/formats/format_files.h"
#include "ingestd/batches.h"
#include "ingestd/ingestd.h"
#include "ingestd/signed/signed_door.h"
#include "ingestd/udp/listener_list.h"

struct intake;

/* Batches outlive it. NULL when memory is out. The caller owns it. */
struct intake *intake_new(struct batches *batches);

/* From now on by these record types, which it owns; before anything is taken, and when others are.
 */
void intake_take_types(struct intake *i, struct record_types *types);

/* The same with the formats, which it owns, and by which of them datagrams of which listener are
 * read; the list outlives it. */
void intake_take_formats(struct intake *i, struct format_files *formats,
                         const struct listener_list *list);

/* What signed datagrams come through, which it owns. */
void intake_take_door(struct intake *i, struct signed_door *door);
const struct signed_door *intake_door(const struct intake *i);

/* Which keys there are from now on; they outlive it, or what is said next. NULL: none yet. */
void intake_take_access(struct intake *i, const struct access *access);

void intake_free(struct intake **i);

/*
 * Takes limits and allowed senders from the settings. -1 when memory is out: then the senders
 * allowed before still are.
 */
int intake_configure(struct intake *i, const struct ingestd_settings *s);

/* Handles one datagram; counts what it was. now_us is of a clock that never steps. */
void intake_datagram(struct intake *i, const struct udp_datagram *d, int64_t now_us);

/* What became of a body. */
struct intake_outcome {
    uint32_t results, records, exceptions;
    uint32_t undated;                        /* records whose time is that of the delivery */
    uint32_t rejected;                       /* results, or the body as a whole */
    const char *reason;                      /* of the first that was rejected; "" without one */
    const char *detail;                      /* the same; valid as long as what it was read from */
    uint32_t of_reason[RESULT_REASON_COUNT]; /* how many of `rejected` */
};

/* Room for intake_name(). */
#define INTAKE_NAME_BYTES (LIMIT_SENDER_BYTES + 1)

/* Who is accountable for what is delivered: its door and sender, in the room. */
struct slice intake_name(const struct deliver_message *d, char room[INTAKE_NAME_BYTES]);

/*
 * Begins to read a body, which lives in the arena with what comes of it; what is given must outlive
 * it, and the record types, the formats and the settings must stay as they are. NULL: memory is
 * out.
 */
struct intake_body;
struct intake_body *intake_body_begin(struct intake *i, const struct deliver_message *d,
                                      struct slice body, struct arena *a);

/* Reads a document of it, or some kilobytes; what is mPlane's is read already. False: that was all.
 */
bool intake_body_go_on(struct intake_body *b);

/* It is not needed any more, read to its end or not. */
void intake_body_end(struct intake_body *b);

/*
 * Takes a body that was read to its end: it counts and is accounted for as a datagram is, under the
 * name of its door and its sender.
 */
struct intake_outcome intake_body_take(struct intake *i, struct intake_body *b, int64_t now_us);

#endif
