/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the intake share; nobody else includes this. */
#ifndef EZREPO_INGESTD_INTAKE_PARTS_H
#define EZREPO_INGESTD_INTAKE_PARTS_H

#include "ingestd/budgets.h"
#include "ingestd/intake.h"
#include "ingestd/sender_rules.h"

struct intake {
    struct result_means means;
    struct record_types *types; /* of `means` */
    struct format_files *formats;
    const struct format_file *of_listener[UDP_LISTENERS]; /* NULL: mPlane's */
    bool authenticated[UDP_LISTENERS];
    struct signed_door *door; /* NULL: no listener is authenticated */
    const struct access *access;
    struct batches *batches;
    struct arena *arena; /* for one datagram */
    struct result_limits limits, body_limits;
    struct sender_rules *rules;
    struct budgets *budgets;
    struct prefix *allowed;
    size_t allowed_count; /* 0: everybody */
    /* The text of the last sender: datagrams tend to come several from one. */
    struct address sender;
    char sender_text[ADDRESS_TEXT_SIZE];
};

/* What was received, whichever way. */
struct received {
    struct slice bytes;
    int64_t received_us;
    struct sender sender;                 /* who is accountable */
    const char *from;                     /* the same with the port, where there is one */
    struct slice place;                   /* in front of each detail */
    const char *format;                   /* the same, before it; NULL: mPlane's */
    struct slice as;                      /* what it is taken for, as in the message reject */
    const struct format_context *context; /* what is known beside it; NULL: nothing */
    enum sender_door door;
    struct slice name;        /* of the sender at this door */
    struct sender_limits own; /* its limits */
    size_t head_most;         /* so many bytes are kept of what is refused */
    struct arena *arena;      /* of what is read out of it */
};

/* The datagram at hand goes to its sender's account. */
void intake_account(struct intake *i, const struct received *r, enum datagram_fate fate,
                    uint32_t reason, int64_t now_us);

/* Counts and logs something refused, and hands it on if `keep` and the rate allow. */
void intake_refuse(struct intake *i, const struct received *r, const struct refusal *refusal,
                   bool keep, int64_t now_us);

/* What holds for the sender, beside what holds for all. */
void intake_apply_limits(const struct received *r, struct result_origin *origin,
                         struct result_limits *limits);

/* Results that are beyond what their sender may have are refused. */
void intake_keep_within(struct intake *i, const struct received *r, struct result_set *set,
                        int64_t now_us);

/* What was read out of it: accounted for, and into the batches. */
struct intake_outcome intake_take_set(struct intake *i, const struct received *r,
                                      const struct result_set *set, int64_t now_us);

/* The address that the datagram came from, with its port. */
void intake_name_origin(const struct intake *i, const struct udp_datagram *d,
                        char from[ADDRESS_TEXT_SIZE + 16]);

/*
 * What stands in a datagram, by its listener's format. Of a sender that is no more than an address
 * `from` is written for what is refused; else NULL.
 */
void intake_take_content(struct intake *i, const struct udp_datagram *d, struct received *r,
                         const struct format_context *context, struct result_origin *origin,
                         char *from, int64_t now_us);

/* Globs of labels as patterns, at most as many; one that is none matches nothing. How many. */
uint32_t intake_allowed(const struct slice *globs, uint32_t globs_count, struct pattern *patterns);

/* intake_signed.c: a datagram of a listener that takes nothing but envelopes. */
void intake_take_signed(struct intake *i, const struct udp_datagram *d, struct received *r,
                        int64_t now_us);

#endif
