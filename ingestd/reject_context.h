/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EZREPO_INGESTD_REJECT_CONTEXT_H
#define EZREPO_INGESTD_REJECT_CONTEXT_H

#include "common/formats/format.h"

/*
 * What was known beside something refused, as the query of a URL has it: name=value&..., in the
 * arena. "" where there is nothing, it is longer than LIMIT_REJECT_CONTEXT, or memory is out.
 */
struct slice reject_context(struct arena *a, const struct format_context *context);

#endif
