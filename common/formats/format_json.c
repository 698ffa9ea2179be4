/* SPDX-License-Identifier: Apache-2.0 */
#include "common/formats/format_json.h"

#include "common/record_dimensions.h"
#include "common/when_time.h"

void format_json_print(FILE *f, const struct format_record *r)
{
    char start[WHEN_TEXT], end[WHEN_TEXT];
    fputc('{', f);
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        fprintf(f, "\"%s\": ", dimension_rows[d].name);
        json_print_slice(f, r->dimensions[d]);
        fputs(", ", f);
    }
    when_time_text(r->start_us, start);
    when_time_text(r->end_us, end);
    fprintf(f, "\"t_start\": \"%s\", \"t_end\": \"%s\", \"hops\": [", start, end);
    for (uint32_t i = 0; i < r->hop_count; i++) {
        fputs(i == 0 ? "" : ", ", f);
        json_print_slice(f, r->hops[i]);
    }
    fputs("], \"metrics\": {", f);
    for (uint32_t i = 0; i < r->metric_count; i++) {
        fputs(i == 0 ? "" : ", ", f);
        json_print_slice(f, r->names[i]);
        fputs(": ", f);
        json_print_slice(f, r->values[i]);
    }
    fputs("}}", f);
}
