/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the feed of changes tells, declared once: the kinds of its entries, as the store and answers
 * name them.
 */
#ifndef EZREPO_FEED_KINDS_H
#define EZREPO_FEED_KINDS_H

#define FEED_EVENT "event" /* a period began */
#define FEED_RETRACTION                                                                            \
    "retraction" /* an event, or a silence, does not hold: late records changed what was told */
#define FEED_SILENCE "silence" /* a series or a probe is silent */
#define FEED_RETURN  "return"  /* it is not any more */
#define FEED_RETIRED "retired" /* it is since so long that nobody expects it any more */
#define FEED_GRADING "grading" /* a version was published */
#define FEED_GAP     "gap"     /* a record type has another gap, and its periods are made by it */
#define FEED_REBUILD "rebuild" /* derived tables were made again, whatever that changed */
#define FEED_ABSENCE                                                                               \
    "absence" /* a process on the way in is not heard of; silence is not judged                    \
               */
#define FEED_PRESENCE    "presence"    /* it is back, and what it missed */
#define FEED_MAINTENANCE "maintenance" /* a window is known, begins, ends */

/* KIND(name): all of them, in this order. */
#define FEED_KINDS(KIND)                                                                           \
    KIND(FEED_EVENT)                                                                               \
    KIND(FEED_RETRACTION)                                                                          \
    KIND(FEED_GRADING)                                                                             \
    KIND(FEED_GAP)                                                                                 \
    KIND(FEED_REBUILD)                                                                             \
    KIND(FEED_ABSENCE)                                                                             \
    KIND(FEED_PRESENCE)                                                                            \
    KIND(FEED_SILENCE) KIND(FEED_RETURN) KIND(FEED_RETIRED) KIND(FEED_MAINTENANCE)

/*
 * The last row of each answer about the feed, or about records in the order of arrival, is none of
 * them: it has nothing but its kind and the cursor to go on with.
 */
#define FEED_RECORD "record" /* of those a record in the order of arrival is */
#define FEED_MORE   "more"   /* there is more behind it already */
#define FEED_END    "end"    /* that is all there is by now */
#define FEED_HISTORY                                                                               \
    "history"          /* the cursor given is of a store that this one is not the same as          \
                        */
#define FEED_CUT "cut" /* what came behind the cursor given is not kept any more */

#endif
