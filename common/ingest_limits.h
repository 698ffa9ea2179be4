/* SPDX-License-Identifier: Apache-2.0 */
/* What may come at once: ingestd goes by it, and who tries beforehand what would be taken. */
#ifndef EZREPO_COMMON_INGEST_LIMITS_H
#define EZREPO_COMMON_INGEST_LIMITS_H

#include "common/json.h"
#include "schemas/messages.h"

/* LIMIT(option of ingestd, preset, least, most, help): of a datagram, then of a body. */
#define INGEST_LIMITS(LIMIT)                                                                       \
    LIMIT(max_depth, 16, 2, JSON_DEPTH, "nesting of arrays and objects in a datagram")             \
    LIMIT(max_values, 32768, 16, 1000000, "JSON values in a datagram")                             \
    LIMIT(max_string_bytes, 65507, 16, LIMIT_VALUE_BYTES,                                          \
          "length of one string or number in a datagram")                                          \
    LIMIT(max_rows, 2048, 1, 65536, "result rows in a datagram")                                   \
    LIMIT(body_bytes, 4194304, 1024, LIMIT_BODY_BYTES,                                             \
          "bytes of a body that is delivered over HTTPS, or of a result in a file")                \
    LIMIT(body_values, 1000000, 16, 1000000, "JSON values in such a body")                         \
    LIMIT(body_rows, 16384, 1, 1000000, "result rows in such a body")

/* Of a body in a format: its records are small, some as small as a line; memory and body_bytes
 * bound them, too. */
#define INGEST_MAPPED_ROWS 100000

#define INGEST_DATAGRAM_BYTES 65507

#endif
