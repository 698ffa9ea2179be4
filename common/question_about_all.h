/* SPDX-License-Identifier: Apache-2.0 */
/* A question to queryd with nothing restricted, for who asks it about a little more. Pure. */
#ifndef EZREPO_QUESTION_ABOUT_ALL_H
#define EZREPO_QUESTION_ABOUT_ALL_H

#include "common/message.h"
#include "schemas/capability_list.h"

/* Of all series, times and grade names, within so many milliseconds; on behalf of `asker`, which is
 * a text that lives as long. */
struct query_message question_about_all(enum query_kind kind, const char *asker,
                                        uint64_t timeout_ms);

#endif
