/* SPDX-License-Identifier: Apache-2.0 */
#include "common/question_about_all.h"

#include "common/record_dimensions.h"

struct query_message question_about_all(enum query_kind kind, const char *asker,
                                        uint64_t timeout_ms)
{
    struct slice any = slice_of("*"), none = slice_of("");
    return (struct query_message){.kind = kind,
#define ANY(x, name, Name, addresses, help) .name = any,
                                  DIMENSIONS(ANY, ).from_us = INT64_MIN,
                                  .to_us = INT64_MAX,
                                  .grade_name = slice_of("all"),
                                  .grade_high = 5,
                                  .after = none,
                                  .timeout_ms = timeout_ms,
                                  .asker = slice_of(asker),
                                  .instance = none,
                                  .sender = none,
                                  .reason = none,
                                  .kinds = none,
                                  .document = none,
                                  .sample = none,
                                  .grid_rows = none,
                                  .grid_columns = none,
                                  .metric = none,
                                  .facet = none,
                                  .begins = none};
}
