/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a format as JSON, as tests of mappings and people who write them compare them. Pure.
 */
#ifndef EZREPO_FORMATS_FORMAT_JSON_H
#define EZREPO_FORMATS_FORMAT_JSON_H

#include "common/formats/format.h"

/*
 * A record as an object of one line: {"type": "", "content": "", "probe": "", "source": "",
 * "dest": "", "path": "", "t_start": "YYYY-MM-DD HH:MM:SS.ffffff", "t_end": "...", "hops": [...],
 * "metrics": {...}}, values as the texts they are.
 */
void format_json_print(FILE *f, const struct format_record *r);

#endif
