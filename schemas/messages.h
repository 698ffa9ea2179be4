/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message that crosses a process boundary, declared once. common/message.c makes from these
 * lists the struct, the encoder, the decoder and the printer of each; docs/architecture.md tells
 * who sends what. On the wire a message is a msgpack array: MESSAGE_VERSION, the message's number,
 * then its fields in this order. A receiver refuses another number, a field over its limit, a
 * missing field and anything left over.
 *
 * One release beside the next works. What a release changes of a message it appends, behind ADDED,
 * and raises MESSAGE_VERSION by one; the release after that takes the mark away. A message of the
 * version before ends at the mark, and what is behind it is 0, "" or empty then; of the version
 * after, what is behind the fields known here is passed over. Other versions are refused.
 *
 * Field kinds:
 *   UINT(name, max)            uint64_t name, 0..max
 *   INT(name)                  int64_t name
 *   STR(name, max_bytes)       struct slice name
 *   BIN(name, max_bytes)       struct slice name
 *   UUID(name)                 uint8_t name[16]
 *   STRS(name, max, max_bytes) struct slice *name, uint32_t name_count; an element may be nil
 *   UINTS(name, max)           uint64_t *name, uint32_t name_count
 *   ADDED()                    what follows came with this version
 */
#ifndef EZREPO_MESSAGES_H
#define EZREPO_MESSAGES_H

#include "schemas/capability_list.h"
#include "schemas/dimensions.h"

#define MESSAGE_VERSION 2

/* Limits that several messages share. */
#define LIMIT_BATCH_RECORDS    8192
#define LIMIT_SCHEMAS          512   /* in one batch */
#define LIMIT_COLUMNS          256   /* results, parameters or metadata of one schema */
#define LIMIT_NAME_BYTES       256   /* an element's name */
#define LIMIT_DIMENSION_BYTES  1024  /* one dimension; all six together LIMIT_DIMENSIONS_BYTES */
#define LIMIT_DIMENSIONS_BYTES 2400  /* so that a series fits PostgreSQL's b-tree */
#define LIMIT_VALUE_BYTES      65507 /* one value: at most a datagram */
#define LIMIT_LABEL_BYTES      1024
#define LIMIT_REJECT_HEAD      65507 /* first bytes kept of what was refused: at most a datagram */
#define LIMIT_TEXT_BYTES       1024
#define LIMIT_SENDERS          1024 /* accounted for in one batch */
#define LIMIT_SENDER_BYTES     256
#define LIMIT_REASONS          32 /* of refusal, of one sender in one batch */
#define LIMIT_REJECT_CONTEXT   4096
#define LIMIT_REJECT_REASON    64 /* a reason as a name */
#define LIMIT_GRADE_NAMES      32 /* in one grading document */
#define LIMIT_HOPS             256
#define LIMIT_DIGEST           UINT64_C(0xffffffffffff) /* 48 bits */
#define LIMIT_DOCUMENT_BYTES   1048576
#define LIMIT_CERTIFICATES     8192
#define LIMIT_ANSWER_CELLS     200000
#define LIMIT_ANSWER_ROWS      10000
#define LIMIT_TIMEOUT_MS       3600000 /* of a question */
#define LIMIT_WAIT_MS          60000   /* of one that is held */
#define LIMIT_CHANGED_S        2678400 /* how long ago something changed lately: 31 days */
#define LIMIT_KINDS_BYTES      128
#define LIMIT_SEES             64 /* criteria of who asks */
#define LIMIT_RANGE_COLUMNS    4096
#define LIMIT_EXPORTED_METRICS 16
#define LIMIT_DIMENSION_NAME   16 /* "dest", without record. */
#define LIMIT_SAMPLE_BYTES     16
#define LIMIT_REASONER_JOBS    64

/* By so many the release before skipped sequences where it could not know which it gave last. */
#define SEQUENCE_LEAP (UINT64_C(1) << 32)

/* What a batch carries. */
enum batch_kind { BATCH_RECORDS = 0, BATCH_REJECTS = 1 };

/*
 * Frame 1 of a batch. Frame 2 is the records frame (common/batch.h) or, for BATCH_REJECTS, `count`
 * reject messages one after the other. Frame 3 holds the accounts: account messages one after the
 * other, what the batch adds to the ledger, per sender; behind them perhaps one lost message.
 * classifyd appends the grades message as frame 4 (records only) and leaves the others as they are.
 */
#define BATCH_HEADER_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                         \
    UINT(kind, 1)                                                                                  \
    UUID(instance)             /* the ingestd's */                                                 \
    UINT(shard, 65535)         /* store shard; 0 today */                                          \
    UINT(sequence, UINT64_MAX) /* from 1, rising; never given twice in an epoch */                 \
    UINT(oldest,                                                                                   \
         UINT64_MAX) /* all below it that is in the epoch is settled, when this was pushed */      \
    UINT(count, LIMIT_BATCH_RECORDS)                                                               \
    INT(received_us) /* when its oldest datagram came, microseconds since 1970 */                  \
    UINT(dropped,                                                                                  \
         UINT64_MAX) /* datagrams the kernel dropped since the batch before, by SO_RXQ_OVFL */     \
    UINT(grading_version, UINT32_MAX) /* 0 until classifyd has graded */                           \
    ADDED()                                                                                        \
    UINT(epoch,                                                                                    \
         UINT64_MAX) /* of the start of the ingestd that closed the batch; 0: none had one */      \
    UINT(first, UINT64_MAX) /* the first sequence that was given in this epoch */

/* Appended by classifyd: count x names bytes, record by record, GRADE_NONE where no block matched.
 */
#define GRADE_NONE 255
#define GRADES_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                               \
    UINT(grading_version, UINT32_MAX)                                                              \
    STRS(names, LIMIT_GRADE_NAMES, LIMIT_NAME_BYTES)                                               \
    BIN(grades, LIMIT_BATCH_RECORDS *LIMIT_GRADE_NAMES)                                            \
    ADDED()                                                                                        \
    UINT(digest, UINT64_MAX) /* of the grading, as in its message; 0: not told */                  \
    BIN(steady, LIMIT_BATCH_RECORDS *LIMIT_GRADE_NAMES * 2) /* as grades, or "": see below */

/*
 * Steadiness of a grade: two bytes, the upper one first. STEADY_STANDS(k) of them: the record lets
 * the grade k stand; the rest is the place, from 1, of what its block says of hold and flap, among
 * the version's (struct grading), 0 where it says nothing.
 */
#define STEADY_STANDS(k)   (1U << ((k)-1))
#define STEADY_TERMS(bits) ((bits) >> 5)

/*
 * What one sender did since the batch before: datagrams = accepted + exceptions + the sum of
 * `rejected`. A datagram one of whose results was taken is accepted; one of which nothing was taken
 * is rejected for the first reason found, or an exception when it held nothing else. `records` of
 * it are in this batch. The sender is an address without its port, "udp:IDENTITY" where datagrams
 * are signed, "https:IDENTITY" or "file:OWNER"; what these delivered counts as a datagram each.
 */
#define ACCOUNT_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                              \
    STR(sender, LIMIT_SENDER_BYTES) /* see above */                                                \
    UINT(datagrams, UINT64_MAX)                                                                    \
    UINT(accepted, UINT64_MAX)                                                                     \
    UINT(exceptions, UINT64_MAX)                                                                   \
    UINT(records, UINT64_MAX)                                                                      \
    STRS(reasons, LIMIT_REASONS,                                                                   \
         LIMIT_REJECT_REASON) /* names, as many as `rejected` has numbers */                       \
    UINTS(rejected, LIMIT_REASONS)                                                                 \
    ADDED()                                                                                        \
    STR(door, 16) /* by which this came: "udp", "https", "file"; "": not told */                   \
    INT(missing)  /* sequences of a signed sender that are missing from now on; those that came    \
                     late are taken off, so it may be negative */

/*
 * Told once, by the ingestd that follows one that was killed: datagrams that one had read and that
 * are in no batch. Their senders are not known. The batch's received_us is when the last was read.
 */
#define LOST_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                                 \
    UINT(datagrams, UINT64_MAX)                                                                    \
    UINT(maybe_more, UINT64_MAX) /* up to so many: it was killed in the midst of reading */

/* The format of what is read without a mapping. */
#define FORMAT_MPLANE "mplane"

/* What ingestd refused: `head` is the beginning of the datagram, all of it when it has size_bytes.
 */
#define REJECT_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                               \
    STR(reason, LIMIT_REJECT_REASON) /* the counter's name without "rejected." */                  \
    STR(detail, LIMIT_TEXT_BYTES)                                                                  \
    STR(sender, LIMIT_SENDER_BYTES) /* an address with its port, or as in account */               \
    INT(received_us)                                                                               \
    UINT(size_bytes, UINT32_MAX) /* of the whole datagram */                                       \
    BIN(head, LIMIT_REJECT_HEAD)                                                                   \
    ADDED()                                                                                        \
    STR(door, 16)   /* as in account */                                                            \
    STR(format, 64) /* what it was taken for, as in schema; "": not told, or not known */          \
    STR(context, LIMIT_REJECT_CONTEXT) /* what was known beside it, name=value&... as in URLs */

/* stored to an ingestd, after COMMIT; published under the topic "ack" + the instance's 16 bytes. */
#define ACK_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                                  \
    UUID(instance)                                                                                 \
    UINT(shard, 65535)                                                                             \
    UINTS(sequences, LIMIT_BATCH_RECORDS)                                                          \
    ADDED()                                                                                        \
    UINT(epoch, UINT64_MAX) /* of all these sequences */

/*
 * stored to an ingestd, under the topic of its acknowledgements: the spool in which it closes
 * batches of this epoch is a copy, another ingestd works with the original. Told again as long as
 * both are heard of. The batches are stored and acknowledged all the same.
 */
#define COPY_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                                 \
    UUID(instance)                                                                                 \
    UINT(shard, 65535)                                                                             \
    UINT(epoch, UINT64_MAX)

/* stored to classifyds, topic "grading": on publication, to each new subscriber. */
#define GRADING_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                              \
    UINT(version, UINT32_MAX)                                                                      \
    STR(document, LIMIT_DOCUMENT_BYTES)                                                            \
    ADDED()                                                                                        \
    STR(types, LIMIT_DOCUMENT_BYTES) /* what of the record types enters grading; "": not told */   \
    UINT(digest, UINT64_MAX) /* the first 8 bytes of SHA-256 over document, a NUL byte and types   \
                              */

/* stored to classifyds, topic "version", every second: who holds another one subscribes anew. */
#define VERSION_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                              \
    UINT(version, UINT32_MAX)                                                                      \
    ADDED()                                                                                        \
    UINT(digest, UINT64_MAX) /* of the grading, as in its message */

/* mplane-gw, and webd by ENDPOINT_USERS, to stored (DEALER to ROUTER): publish a grading document.
 */
#define PUBLISH_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                              \
    UINT(id, UINT64_MAX)                                                                           \
    STR(author, LIMIT_TEXT_BYTES) /* the identity that asked */                                    \
    STR(document, LIMIT_DOCUMENT_BYTES)                                                            \
    ADDED()                                                                                        \
    STR(comment, LIMIT_TEXT_BYTES) /* "": none */                                                  \
    UINT(over, UINT32_MAX)         /* only if this version is in force; 0: whichever is */

#define PUBLISHED_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                            \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(status, ANSWER_STATUSES - 1)                                                              \
    STR(message, LIMIT_TEXT_BYTES)                                                                 \
    UINT(version, UINT32_MAX)                                                                      \
    UINT(blocks, UINT32_MAX)                                                                       \
    STRS(faults, 100, LIMIT_TEXT_BYTES) /* each "PLACE: REASON" */

/* The six dimensions, as fields. */
#define DIMENSION_FIELD(STR, name, Name, addresses, help) STR(name, LIMIT_DIMENSION_BYTES)

/* Those that fire; all; those whose end some receiver does not know yet, or that fire: for alertd.
 */
enum alerts_range { ALERTS_FIRING, ALERTS_ALL, ALERTS_UNSETTLED, ALERTS_RANGES };

/* mplane-gw, alertd to queryd (DEALER to ROUTER). */
#define QUERY_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                                \
    UINT(id, UINT64_MAX) /* the asker's; unique among its queries under way */                     \
    UINT(kind, QUERY_KINDS - 1)                                                                    \
    DIMENSIONS(DIMENSION_FIELD, STR)  /* patterns; "*" is any */                                   \
    INT(from_us)                      /* [from, to) over t_start; INT64_MIN is past, */            \
    INT(to_us)                        /* INT64_MAX is future */                                    \
    UINT(instant, 1)                  /* 1: what covers from_us; to_us is not looked at */         \
    STR(grade_name, LIMIT_NAME_BYTES) /* or "all" */                                               \
    UINT(grade_low, 5)                                                                             \
    UINT(grade_high, 5)                                                                            \
    UINT(limit, LIMIT_ANSWER_ROWS) /* rows of a listing; 0: queryd's default */                    \
    STR(after, LIMIT_TEXT_BYTES)   /* list.cursor of the last row seen, or "" */                   \
    UINT(grading_version, UINT32_MAX)                                                              \
    UINT(timeout_ms, LIMIT_TIMEOUT_MS) /* 0: queryd's default */                                   \
    ADDED()                                                                                        \
    STR(asker, LIMIT_TEXT_BYTES)     /* the identity on whose behalf; "": not told */              \
    STR(instance, 36)                /* of the ledger: the ingestd's UUID; "": any */              \
    STR(sender, LIMIT_SENDER_BYTES)  /* of ledger and rejects: whose; "": any */                   \
    UINT(recount, 1)                 /* of the ledger's faults: all records are counted again */   \
    STR(reason, LIMIT_REJECT_REASON) /* of rejects; "": any */                                     \
    UINT(reject, INT64_MAX)          /* the number of one */                                       \
    STR(kinds, LIMIT_KINDS_BYTES)    /* of the feed, a comma between two; "": any */               \
    UINT(wait_ms, LIMIT_WAIT_MS)     /* an answer that has nothing yet is held so long for it */   \
    STRS(sees, LIMIT_SEES *DIMENSION_COUNT,                                                        \
         LIMIT_DIMENSION_BYTES) /* the series that who asks may see: criteria of as many patterns  \
                                   as there are dimensions, one of which they fit; none: all */    \
    UINT(range_columns, LIMIT_RANGE_COLUMNS) /* the range is cut into so many; 0: queryd's 600 */  \
    STR(grid_rows, LIMIT_DIMENSION_NAME)     /* of a grid: a dimension */                          \
    STR(grid_columns, LIMIT_DIMENSION_NAME)  /* likewise */                                        \
    STR(metric, LIMIT_NAME_BYTES)            /* of buckets */                                      \
    STR(facet, LIMIT_DIMENSION_NAME)         /* of facets: the dimension; "", "all": each */       \
    STR(begins, LIMIT_DIMENSION_BYTES) /* of facets: what their values begin with; "": any */      \
    UINT(changed_s, LIMIT_CHANGED_S)   /* of now: also what became otherwise so lately */          \
    UINT(each, 1)                      /* of now: series one by one, not in groups */              \
    UINT(retired, 1)                   /* of silences: those that nobody expects any more, too */  \
    UINT(silences, 1)                  /* of what is to be told: silences, not grades */           \
    UINT(ended, ALERTS_RANGES - 1)     /* which alerts */                                          \
    STRS(metrics, LIMIT_EXPORTED_METRICS, LIMIT_NAME_BYTES) /* of what is exported */              \
    STR(document, LIMIT_DOCUMENT_BYTES)                     /* a grading that is tried */          \
    STR(sample, LIMIT_SAMPLE_BYTES) /* "1%": of so many of the series; "": all */

/*
 * reasond to queryd, when it begins, and each second: it is there, and works at so many questions
 * at a time at most. It is asked as queryd is, and answers as queryd does.
 */
#define REASONER_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                             \
    UINT(jobs, LIMIT_REASONER_JOBS) /* 0: it takes no more */

/* reasond to queryd, and queryd to who asks: how far a question is, about every second. */
#define PROGRESS_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                             \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(thousandths, 1000)                                                                        \
    UINT(records, UINT64_MAX)

/* mplane-gw, webd to queryd, queryd to reasond, ezrepoctl to stored: nobody waits for that answer
 * any more. */
#define CANCEL_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED) UINT(id, UINT64_MAX)

enum answer_status {
    ANSWER_OK,
    ANSWER_INVALID, /* the question is at fault; message says where */
    ANSWER_TIMEOUT,
    ANSWER_UNAVAILABLE, /* the database is away, or too many questions at once */
    ANSWER_TOO_LARGE,
    ANSWER_CANCELLED,
    ANSWER_STATUSES
};

/* queryd to mplane-gw. Cells row by row: rows x columns of them; nil is NULL. */
#define ANSWER_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                               \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(status, ANSWER_STATUSES - 1)                                                              \
    STR(message, LIMIT_TEXT_BYTES)                                                                 \
    STRS(columns, 64, LIMIT_NAME_BYTES)                                                            \
    STRS(cells, LIMIT_ANSWER_CELLS, LIMIT_DOCUMENT_BYTES)

/*
 * Inside a records frame (common/batch.h). A schema names what a record's
 * values mean: values = results, then parameters, then metadata, in the order of these lists. The
 * result columns are the record's metrics; "time" is not among them.
 */
#define SCHEMA_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                               \
    STR(verb, 64)                                                                                  \
    STR(registry, LIMIT_TEXT_BYTES)                                                                \
    STRS(results, LIMIT_COLUMNS, LIMIT_NAME_BYTES)                                                 \
    STRS(parameters, LIMIT_COLUMNS, LIMIT_NAME_BYTES)                                              \
    STRS(metadata, LIMIT_COLUMNS, LIMIT_NAME_BYTES)                                                \
    ADDED()                                                                                        \
    STR(format, 64) /* what the record was read from: FORMAT_MPLANE or a name; "": not told */

/* Values are text as sent ("True"/"False" for JSON's booleans, JSON text for lists), nil for null.
 */
#define RECORD_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                               \
    UINT(schema, LIMIT_SCHEMAS - 1) /* index into the frame's schemas */                           \
    DIMENSIONS(DIMENSION_FIELD, STR)                                                               \
    INT(t_start_us)                                                                                \
    INT(t_end_us)                                                                                  \
    UINT(row, INT32_MAX)                                                                           \
    STR(label, LIMIT_LABEL_BYTES)                                                                  \
    UINT(sender, LIMIT_SENDERS - 1) /* index into the batch's accounts */                          \
    STRS(values, 3 * LIMIT_COLUMNS, LIMIT_VALUE_BYTES)                                             \
    ADDED()                                                                                        \
    UINT(digest, LIMIT_DIGEST) /* of what was measured (common/identity.h); 0: not told */         \
    STRS(hops, LIMIT_HOPS, LIMIT_NAME_BYTES) /* of a traceroute, in order; nil: it did not answer  \
                                              */

/*
 * ezrepoctl to stored: compute periods, events and roll-ups from the records again. With verify
 * nothing is changed. What begins before since_us is believed.
 */
#define REBUILD_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                              \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(verify, 1)                                                                                \
    INT(since_us) /* INT64_MIN: from the first record */

/*
 * stored to ezrepoctl: how far it is, about every second, and what came of it, with `finished`. Of
 * each kind: what the records say and is not stored, is stored and the records do not say, is
 * stored otherwise. ANSWER_TIMEOUT: all was looked at but for some series, as `message` says.
 */
#define REBUILT_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                              \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(status, ANSWER_STATUSES - 1)                                                              \
    STR(message, LIMIT_TEXT_BYTES)                                                                 \
    UINT(finished, 1)                                                                              \
    UINT(series, UINT64_MAX) /* done so far */                                                     \
    UINT(series_all, UINT64_MAX)                                                                   \
    UINT(records, UINT64_MAX)                                                                      \
    UINT(hours, UINT64_MAX)                                                                        \
    UINT(periods_missing, UINT64_MAX)                                                              \
    UINT(periods_surplus, UINT64_MAX)                                                              \
    UINT(periods_different, UINT64_MAX)                                                            \
    UINT(events_missing, UINT64_MAX)                                                               \
    UINT(events_surplus, UINT64_MAX)                                                               \
    UINT(events_different, UINT64_MAX)                                                             \
    UINT(rollups_missing, UINT64_MAX)                                                              \
    UINT(rollups_surplus, UINT64_MAX)                                                              \
    UINT(rollups_different, UINT64_MAX)                                                            \
    STRS(first, 20, LIMIT_TEXT_BYTES) /* the first differences in words; once, with `finished` */

#define LIMIT_GAPS 4096 /* told at once */

/*
 * ezrepoctl to stored: which gaps of record types the store keeps of the release before although
 * this one has others; and whether the grading in force is a default of before, and nobody
 * published one. With yes nothing is kept any more.
 */
#define ADOPT_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                                \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(yes, 1)

/*
 * stored to ezrepoctl: the types, "" all that are not named, as many of each number; how it was
 * before, with yes. `series` have those types; with yes their periods are computed again from now
 * on.
 */
#define ADOPTED_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                              \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(status, ANSWER_STATUSES - 1)                                                              \
    STR(message, LIMIT_TEXT_BYTES)                                                                 \
    STRS(types, LIMIT_GAPS, LIMIT_DIMENSION_BYTES)                                                 \
    UINTS(gaps_us, LIMIT_GAPS)                                                                     \
    UINTS(become_us, LIMIT_GAPS)                                                                   \
    UINTS(series, LIMIT_GAPS)                                                                      \
    UINT(grading_version, UINT32_MAX) /* the one in force, if it is kept so; else 0 */             \
    UINT(grading_becomes, UINT32_MAX) /* with yes: the version that took its place */

/* What stands in front of a record type in the label of the capability that takes such records. */
#define LABEL_COLLECT "Collect-"

#define LIMIT_BODY_BYTES 16777216 /* what is delivered at once */
#define LIMIT_ALLOWED    256
#define LIMIT_DELIVERS   256
#define DELIVERS_ROW     (1 + DIMENSION_COUNT)
#define LIMIT_CONTEXT    64

enum delivery_door { DOOR_HTTPS, DOOR_FILE, DELIVERY_DOORS };

/*
 * mplane-gw, ingest-gw, and the part of ingestd that reads files, to ingestd (DEALER to ROUTER):
 * one mPlane result or an envelope of them, or what another tool wrote in the format that is named,
 * which is the message's second frame. Only results are taken whose type's label, LABEL_COLLECT +
 * type, one of the globs in `allowed` matches.
 */
#define DELIVER_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                              \
    UINT(id, UINT64_MAX) /* the deliverer's */                                                     \
    UINT(door, DELIVERY_DOORS - 1)                                                                 \
    STR(sender, LIMIT_SENDER_BYTES - 6) /* who is accountable: the peer's identity, the file's     \
                                           owner; the probe of results that name none */           \
    STR(place, 512) /* in front of the detail of what is refused: "FILE:LINE", or "" */            \
    INT(received_us)                                                                               \
    STRS(allowed, LIMIT_ALLOWED, LIMIT_DIMENSION_BYTES)                                            \
    ADDED()                                                                                        \
    STR(format, 64)                        /* of the body; "": mPlane's */                         \
    STRS(context_names, LIMIT_CONTEXT, 64) /* what is known beside the body, for the mapping */    \
    STRS(context_values, LIMIT_CONTEXT, LIMIT_DIMENSION_BYTES) /* of each */                       \
    STR(late, LIMIT_TEXT_BYTES) /* why it is to be refused as `late` and kept as such; "": it is   \
                                   to be read */                                                   \
    UINT(import, 1) /* 1: of an archive: of any age, and nothing to be alarmed about. The store    \
                       has "import" as the door of each record; the answer is `imported` */        \
    UINT(stored_within_ms, LIMIT_TIMEOUT_MS) /* 0: answered when it is on disk; else when stored   \
                                                has it, or, as busy, after so long */              \
    STRS(delivers, LIMIT_DELIVERS *DELIVERS_ROW,                                                   \
         LIMIT_DIMENSION_BYTES) /* rows of a glob on labels and a pattern for each dimension, one  \
                                   of which a record has to fit; none: all do */

#define LIMIT_REASON_TEXT 2048

enum delivery_outcome {
    DELIVERY_KEPT,    /* at least a part of it; that is on disk, and cannot be lost any more */
    DELIVERY_REFUSED, /* nothing of it was taken, nor will be if it comes again */
    DELIVERY_BUSY,    /* it may or may not be kept: to be delivered again, later */
    DELIVERY_OUTCOMES
};

/* Why it is busy, of what is on disk. */
#define DELIVERY_NOT_STORED "kept on disk, not yet stored"

/*
 * ingestd to who delivered. What is refused of a body that is kept counts in `rejected`; reason and
 * detail are of the first refusal, "" without one.
 */
#define DELIVERED_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                            \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(outcome, DELIVERY_OUTCOMES - 1)                                                           \
    UINT(records, UINT32_MAX)                                                                      \
    UINT(rejected, UINT32_MAX) /* results, or the body as a whole */                               \
    STR(reason, 64)            /* as in reject; why it is busy */                                  \
    STR(detail, LIMIT_TEXT_BYTES)                                                                  \
    ADDED()                                                                                        \
    UINT(exceptions, UINT32_MAX) /* mPlane exceptions: there is nothing in them to keep */         \
    UINT(undated, UINT32_MAX)    /* records that have no time but the delivery's */

/* The same of an import, unless it is busy, which is told as above. */
#define IMPORTED_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                             \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(outcome, DELIVERY_OUTCOMES - 1)                                                           \
    UINT(records, UINT32_MAX)                                                                      \
    UINT(rejected, UINT32_MAX)                                                                     \
    STR(reason, 64)                                                                                \
    STR(detail, LIMIT_TEXT_BYTES)                                                                  \
    STR(reasons, LIMIT_REASON_TEXT) /* of all that is refused, with how often: "json 1 format 12"  \
                                     */

/* A delegated export URL, as mplane-gw keeps it in a file. */
#define GRANT_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                                \
    BIN(digest, 32)               /* SHA-256 of the URL's token */                                 \
    STR(owner, LIMIT_TEXT_BYTES)  /* the identity that asked for it */                             \
    STR(poster, LIMIT_TEXT_BYTES) /* the identity that may post to it; "" for any */               \
    STR(label, LIMIT_LABEL_BYTES) /* of the capability */                                          \
    STR(token, LIMIT_TEXT_BYTES)  /* of the specification, by which it is interrupted */           \
    INT(from_us)                                                                                   \
    INT(until_us)                                                                                  \
    ADDED()                                                                                        \
    BIN(certificates, LIMIT_CERTIFICATES) /* the owner's and those between it and the CA: issuer   \
                                             and serial number of each, DER; "": not known */      \
    STR(asked_label, LIMIT_TEXT_BYTES)    /* of the specification; "": not known, or none */       \
    STR(asked_when, 256)                  /* its scope, as mPlane writes it; "": not known */

/*
 * What was taken out of a file that still lies in drop_dir, as ingestd keeps it in a file of its
 * own. The file is known by inode, size and time of change.
 */
#define LIMIT_BEYOND       64
#define LIMIT_REASON_BYTES 4096
#define TAKEN_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                                \
    UINT(inode, UINT64_MAX)                                                                        \
    UINT(size, UINT64_MAX)                                                                         \
    INT(changed_s)                                                                                 \
    UINT(changed_ns, 999999999)                                                                    \
    UINT(finished, 1)           /* all of it: it only cannot be moved away */                      \
    UINT(open, UINT64_MAX)      /* number of the first document that was not taken */              \
    UINTS(beyond, LIMIT_BEYOND) /* numbers behind it of those that were */                         \
    UINT(faults, UINT64_MAX)    /* parts passed over that are in `refused` */                      \
    UINT(kept, UINT64_MAX)                                                                         \
    UINT(records, UINT64_MAX)                                                                      \
    UINT(refused, UINT64_MAX)                                                                      \
    UINT(passed, UINT64_MAX)                                                                       \
    STR(reasons, LIMIT_REASON_BYTES)

/*
 * To stored, by ENDPOINT_ACCESS or ENDPOINT_KEYS: who may do what, once that is another document
 * than the one of this version and digest; ACCESS_HELD_MS later in any case. One question of an
 * asker is held at a time.
 */
#define ACCESS_HELD_MS 5000

#define ACCESS_GET_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                           \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(version, INT64_MAX) /* 0: none is known */                                                \
    UINT(digest, UINT64_MAX)

/*
 * stored's answer. The document, as common/access/README.md has it, is "" when it is the asker's
 * already. By ENDPOINT_KEYS it has the secrets of keys. The digest is the first 8 bytes of SHA-256
 * over the document with the secrets.
 */
#define ACCESS_STATE_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                         \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(status, ANSWER_STATUSES - 1)                                                              \
    STR(message, LIMIT_TEXT_BYTES)                                                                 \
    UINT(version, INT64_MAX)                                                                       \
    UINT(digest, UINT64_MAX)                                                                       \
    STR(document, LIMIT_DOCUMENT_BYTES)

/*
 * ezrepoctl to stored, by ENDPOINT_ADMIN: change who may do what. `changes` is a JSON list of
 * {"kind", "name", "body"}, all of which is done or none: kind is "role", "authorization", "token",
 * "key" or "user", body what the document has under that name, or null: it goes. A user's is
 * {"secret": HASH}, and is in no document. With "new": true it must not be there yet, with false it
 * must. With `base` nothing is done unless that is the version in force.
 */
#define ACCESS_CHANGE_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                        \
    UINT(id, UINT64_MAX)                                                                           \
    STR(author, LIMIT_TEXT_BYTES)                                                                  \
    UINT(base, INT64_MAX) /* 0: whatever is in force */                                            \
    STR(changes, LIMIT_DOCUMENT_BYTES)

#define ACCESS_CHANGED_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                       \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(status, ANSWER_STATUSES - 1)                                                              \
    STR(message, LIMIT_TEXT_BYTES)                                                                 \
    UINT(version, INT64_MAX)            /* in force now */                                         \
    UINT(moved, 1)                      /* it was not `base`, and nothing was done */              \
    STRS(faults, 100, LIMIT_TEXT_BYTES) /* each "PLACE: REASON" */

#define LIMIT_PAST 1000 /* changes told at once */

/* ezrepoctl to stored, by ENDPOINT_ADMIN: what was changed before version `before`, the newest
 * first. */
#define ACCESS_PAST_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                          \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(before, INT64_MAX) /* 0: the newest */                                                    \
    UINT(count, LIMIT_PAST)

/* A row each of several lists: what one change did to one name. */
#define ACCESS_HISTORY_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                       \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(status, ANSWER_STATUSES - 1)                                                              \
    STR(message, LIMIT_TEXT_BYTES)                                                                 \
    UINTS(versions, LIMIT_PAST)                                                                    \
    UINTS(changed_us, LIMIT_PAST)                                                                  \
    STRS(authors, LIMIT_PAST, LIMIT_TEXT_BYTES)                                                    \
    STRS(actions, LIMIT_PAST, 16) /* "added", "changed", "removed" */                              \
    STRS(kinds, LIMIT_PAST, LIMIT_NAME_BYTES)                                                      \
    STRS(names, LIMIT_PAST, LIMIT_DIMENSION_BYTES)                                                 \
    STRS(bodies, LIMIT_PAST, LIMIT_DOCUMENT_BYTES) /* without secrets; nil: it went */

/*
 * stored to whoever holds questions about what comes, topic "arrived", after each COMMIT: the
 * number of its last transaction that arrived, and whether the feed of changes has something new.
 * Some may be lost.
 */
#define ARRIVED_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                              \
    UINT(number, INT64_MAX)                                                                        \
    UINT(told, 1)

enum maintain_what { MAINTAIN_LIST, MAINTAIN_ADD, MAINTAIN_END, MAINTAIN_WHATS };

/*
 * ezrepoctl to stored, by ENDPOINT_ADMIN: windows of maintenance. A new one has patterns, as those
 * of a query, from, to, and a reason; of one that ends now the number counts.
 */
#define MAINTAIN_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                             \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(what, MAINTAIN_WHATS - 1)                                                                 \
    STR(author, LIMIT_TEXT_BYTES)                                                                  \
    UINT(number, INT64_MAX) /* of a list: those before it; 0: the newest */                        \
    DIMENSIONS(DIMENSION_FIELD, STR)                                                               \
    INT(from_us)                                                                                   \
    INT(to_us)                                                                                     \
    STR(reason, LIMIT_TEXT_BYTES)

#define MAINTAINED_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                           \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(status, ANSWER_STATUSES - 1)                                                              \
    STR(message, LIMIT_TEXT_BYTES)                                                                 \
    UINT(number, INT64_MAX)            /* of the one that was made or ended */                     \
    STR(windows, LIMIT_DOCUMENT_BYTES) /* a JSON list of objects, the newest first */

enum expect_what { EXPECT_LIST, EXPECT_ADD, EXPECT_REMOVE, EXPECT_WHATS };

#define LIMIT_EXPECTED_US UINT64_C(316224000000000) /* ten years */

/*
 * ezrepoctl to stored, by ENDPOINT_ADMIN: the list of expected series. A new entry has patterns, as
 * those of a query, and how often their series are expected; of one that goes the number counts.
 */
#define EXPECT_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                               \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(what, EXPECT_WHATS - 1)                                                                   \
    STR(author, LIMIT_TEXT_BYTES)                                                                  \
    UINT(number, INT64_MAX) /* of a list: those before it; 0: the newest */                        \
    DIMENSIONS(DIMENSION_FIELD, STR)                                                               \
    UINT(every_us, LIMIT_EXPECTED_US)                                                              \
    INT(delay_us)  /* -1: as it is seen */                                                         \
    INT(retire_us) /* -1: what holds for all */

#define EXPECTED_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                             \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(status, ANSWER_STATUSES - 1)                                                              \
    STR(message, LIMIT_TEXT_BYTES)                                                                 \
    UINT(number, INT64_MAX)            /* of the one that was added or removed */                  \
    STR(entries, LIMIT_DOCUMENT_BYTES) /* a JSON list of objects, the newest first */

enum session_what {
    SESSION_PASSWORD, /* the hash of a user's password; "": there is none */
    SESSION_ADD,      /* of a user whose hash this is */
    SESSION_ADMIT,    /* the same of whoever has the ticket, which is used up */
    SESSION_FIND,     /* whose it is; it was used now */
    SESSION_END,
    SESSION_END_ALL, /* of a user */
    SESSION_WHATS
};

#define LIMIT_USER_BYTES    128
#define LIMIT_DIGEST_BYTES  32                       /* SHA-256 */
#define LIMIT_SESSION_US    UINT64_C(31622400000000) /* 366 days */
#define LIMIT_SESSIONS_GONE 64

/*
 * webd to stored, by ENDPOINT_USERS, which only webd may enter: people who log in, and their
 * sessions. What a session's cookie or a ticket says is in no message, only its digest.
 */
#define SESSION_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                              \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(what, SESSION_WHATS - 1)                                                                  \
    STR(user, LIMIT_USER_BYTES)                                                                    \
    STR(hash, LIMIT_NAME_BYTES)                                                                    \
    BIN(digest, LIMIT_DIGEST_BYTES) /* of the session */                                           \
    BIN(ticket, LIMIT_DIGEST_BYTES)                                                                \
    UINT(idle_us, LIMIT_SESSION_US) /* unused for so long it is over */                            \
    UINT(most_us, LIMIT_SESSION_US) /* in any case after so long */

/* stored's answer. ANSWER_INVALID: there is no such user, session or ticket (any more). */
#define SESSION_STATE_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                        \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(status, ANSWER_STATUSES - 1)                                                              \
    STR(message, LIMIT_TEXT_BYTES)                                                                 \
    UINT(version, INT64_MAX) /* of who may do what: so it is under that one */                     \
    STR(user, LIMIT_USER_BYTES)                                                                    \
    STR(hash, LIMIT_NAME_BYTES)                                                                    \
    INT(ends_us)                                       /* unless it is used until then */          \
    BIN(gone, LIMIT_SESSIONS_GONE *LIMIT_DIGEST_BYTES) /* digests of those that had to go for it   \
                                                        */

enum user_what { USER_LIST, USER_LINK, USER_WHATS };

/* ezrepoctl to stored, by ENDPOINT_ADMIN: who can log in; a ticket for one of them. */
#define USER_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                                 \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(what, USER_WHATS - 1)                                                                     \
    STR(author, LIMIT_TEXT_BYTES)                                                                  \
    STR(user, LIMIT_USER_BYTES)                                                                    \
    BIN(ticket, LIMIT_DIGEST_BYTES) /* its digest */

#define USER_STATE_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                           \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(status, ANSWER_STATUSES - 1)                                                              \
    STR(message, LIMIT_TEXT_BYTES)                                                                 \
    INT(ends_us)                     /* of the ticket */                                           \
    STR(users, LIMIT_DOCUMENT_BYTES) /* a JSON list of objects, by name */

/*
 * alertd to stored, by ENDPOINT_ALERTS: how some of its alerts are now, each once. `alerts` is a
 * JSON list of objects, of each all of its row (schemas/sql/0035-alerts.sql): id, key, route,
 * series, probe, grade, since, fired, resolved, settled, said.
 */
#define ALERTS_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                               \
    UINT(id, UINT64_MAX)                                                                           \
    STR(alerts, LIMIT_DOCUMENT_BYTES)

#define ALERTS_KEPT_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                          \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(status, ANSWER_STATUSES - 1) /* of what is not ANSWER_OK nothing is kept */               \
    STR(message, LIMIT_TEXT_BYTES)

/*
 * ezrepoctl to alertd, by ENDPOINT_TRIAL: tell all receivers of an alert that is a test, as those
 * of a route or, "", of none.
 */
#define TRY_ALERT_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                            \
    UINT(id, UINT64_MAX)                                                                           \
    STR(route, LIMIT_NAME_BYTES)

#define TRIED_ALERT_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                          \
    UINT(id, UINT64_MAX)                                                                           \
    UINT(status, ANSWER_STATUSES - 1)                                                              \
    STR(message, LIMIT_TEXT_BYTES)                                                                 \
    STR(receivers, LIMIT_DOCUMENT_BYTES) /* a JSON list: of each what it answered when told that   \
                                            the alert fires, and that it is over; whether it took  \
                                            both */

#define LIMIT_PROCESSES     8 /* on the way in, those that an ingestd knows, itself included */
#define LIMIT_PROCESS_BYTES 32
#define LIMIT_ABSENCES      64 /* of all of them */

/*
 * mplane-gw, ingest-gw to ingestd, each second, by the way of deliveries: it is there. What was
 * posted to it before went before this message, or it is said what did. Times are its clock's,
 * microseconds since 1970.
 */
#define LIFE_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                                 \
    STR(process, LIMIT_PROCESS_BYTES) /* its name */                                               \
    INT(now_us)                                                                                    \
    INT(since_us) /* it has been there since then, without a break */                              \
    ADDED()                                                                                        \
    INT(until_us) /* all that came to it until then was handed on; 0: what came until now_us */

/*
 * ingestd to stored, each second, neither kept nor acknowledged: who of the processes on the way in
 * was there when. The first of them is ingestd itself. Also what it keeps in a file of its own, for
 * its next start.
 */
#define SIGNS_FIELDS(UINT, INT, STR, BIN, UUID, STRS, UINTS, ADDED)                                \
    UUID(instance)                                                                                 \
    INT(now_us)                                                                                    \
    INT(heard_us) /* what others had told by then of themselves is in here */                      \
    INT(until_us) /* all that it received until then is acknowledged by stored; INT64_MIN: nothing \
                     is known yet */                                                               \
    STRS(processes, LIMIT_PROCESSES, LIMIT_PROCESS_BYTES)                                          \
    UINTS(last_us, LIMIT_PROCESSES) /* the last sign of life of each */                            \
    UINTS(absent, LIMIT_ABSENCES)   /* the newest absences: whose, its place in `processes`; */    \
    UINTS(from_us, LIMIT_ABSENCES)  /* the last sign before, */                                    \
    UINTS(to_us, LIMIT_ABSENCES)    /* and the first one after */

/* MESSAGE(name, FIELDS): the order gives the numbers; append only. */
#define MESSAGES(MESSAGE)                                                                          \
    MESSAGE(batch_header, BATCH_HEADER_FIELDS)                                                     \
    MESSAGE(grades, GRADES_FIELDS)                                                                 \
    MESSAGE(reject, REJECT_FIELDS)                                                                 \
    MESSAGE(ack, ACK_FIELDS)                                                                       \
    MESSAGE(grading, GRADING_FIELDS)                                                               \
    MESSAGE(version, VERSION_FIELDS)                                                               \
    MESSAGE(publish, PUBLISH_FIELDS)                                                               \
    MESSAGE(published, PUBLISHED_FIELDS)                                                           \
    MESSAGE(query, QUERY_FIELDS)                                                                   \
    MESSAGE(cancel, CANCEL_FIELDS)                                                                 \
    MESSAGE(answer, ANSWER_FIELDS)                                                                 \
    MESSAGE(schema, SCHEMA_FIELDS)                                                                 \
    MESSAGE(record, RECORD_FIELDS)                                                                 \
    MESSAGE(account, ACCOUNT_FIELDS)                                                               \
    MESSAGE(rebuild, REBUILD_FIELDS)                                                               \
    MESSAGE(rebuilt, REBUILT_FIELDS)                                                               \
    MESSAGE(deliver, DELIVER_FIELDS)                                                               \
    MESSAGE(delivered, DELIVERED_FIELDS)                                                           \
    MESSAGE(lost, LOST_FIELDS)                                                                     \
    MESSAGE(grant, GRANT_FIELDS)                                                                   \
    MESSAGE(copy, COPY_FIELDS)                                                                     \
    MESSAGE(taken, TAKEN_FIELDS)                                                                   \
    MESSAGE(adopt, ADOPT_FIELDS)                                                                   \
    MESSAGE(adopted, ADOPTED_FIELDS)                                                               \
    MESSAGE(access_get, ACCESS_GET_FIELDS)                                                         \
    MESSAGE(access_state, ACCESS_STATE_FIELDS)                                                     \
    MESSAGE(access_change, ACCESS_CHANGE_FIELDS)                                                   \
    MESSAGE(access_changed, ACCESS_CHANGED_FIELDS)                                                 \
    MESSAGE(access_past, ACCESS_PAST_FIELDS)                                                       \
    MESSAGE(access_history, ACCESS_HISTORY_FIELDS)                                                 \
    MESSAGE(imported, IMPORTED_FIELDS)                                                             \
    MESSAGE(arrived, ARRIVED_FIELDS)                                                               \
    MESSAGE(life, LIFE_FIELDS)                                                                     \
    MESSAGE(signs, SIGNS_FIELDS)                                                                   \
    MESSAGE(maintain, MAINTAIN_FIELDS)                                                             \
    MESSAGE(maintained, MAINTAINED_FIELDS)                                                         \
    MESSAGE(expect, EXPECT_FIELDS)                                                                 \
    MESSAGE(expected, EXPECTED_FIELDS)                                                             \
    MESSAGE(alerts, ALERTS_FIELDS)                                                                 \
    MESSAGE(alerts_kept, ALERTS_KEPT_FIELDS)                                                       \
    MESSAGE(try_alert, TRY_ALERT_FIELDS)                                                           \
    MESSAGE(tried_alert, TRIED_ALERT_FIELDS)                                                       \
    MESSAGE(session, SESSION_FIELDS)                                                               \
    MESSAGE(session_state, SESSION_STATE_FIELDS)                                                   \
    MESSAGE(user, USER_FIELDS)                                                                     \
    MESSAGE(user_state, USER_STATE_FIELDS)                                                         \
    MESSAGE(reasoner, REASONER_FIELDS)                                                             \
    MESSAGE(progress, PROGRESS_FIELDS)

/* PUB/SUB topics. An ack's topic is TOPIC_ACK followed by the instance's 16 bytes. */
#define TOPIC_ACK     "ack"
#define TOPIC_GRADING "grading"
#define TOPIC_VERSION "version"
#define TOPIC_ARRIVED "arrived"

/* Endpoints: ipc sockets of these names in run_dir. */
#define ENDPOINT_BATCHES "batches" /* ingestd binds PUSH, classifyds connect PULL */
#define ENDPOINT_GRADED  "graded"  /* stored binds PULL, classifyds connect PUSH */
#define ENDPOINT_ANNOUNCE                                                                          \
    "announce"                   /* stored binds XPUB; ingestd, classifyds and queryd connect SUB */
#define ENDPOINT_STORE  "store"  /* stored binds ROUTER, mplane-gw and ezrepoctl connect DEALER */
#define ENDPOINT_ACCESS "access" /* stored binds ROUTER: access_get by who faces outsiders */
#define ENDPOINT_KEYS   "keys"   /* the same, with secrets: by ingestd */
#define ENDPOINT_ADMIN                                                                             \
    "admin" /* the same, access_change, access_past, maintain, expect, user: by ezrepoctl */
#define ENDPOINT_DELIVER "deliver" /* ingestd binds ROUTER; mplane-gw, ingest-gw connect DEALER */
#define ENDPOINT_SIGNS   "signs"   /* stored binds PULL, ingestd connects PUSH */
#define ENDPOINT_QUERY   "query"   /* queryd binds ROUTER; mplane-gw, alertd, webd connect DEALER */
#define ENDPOINT_REASON  "reason"  /* queryd binds ROUTER, reasonds connect DEALER */
#define ENDPOINT_ALERTS  "alerts"  /* stored binds ROUTER, alertd connects DEALER */
#define ENDPOINT_USERS   "users"   /* stored binds ROUTER, webd connects DEALER */
#define ENDPOINT_TRIAL   "trial"   /* alertd binds ROUTER, ezrepoctl connects DEALER */

#endif
