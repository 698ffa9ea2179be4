/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/api/grading_faults.h"

#include "common/json.h"
#include "common/json_place.h"

static void write_fault(FILE *f, struct json_places *places, struct slice fault)
{
    struct json_place p = json_place_find(places, fault);
    size_t skip = p.name_bytes == 0 ? 0 : p.name_bytes + 1;
    while (skip < fault.len && fault.at[skip] == ' ') {
        skip++;
    }
    skip = skip < fault.len ? skip : fault.len;
    fputs("{\"place\":", f);
    json_print_slice(f, p.name_bytes == 0 ? slice_of("document")
                                          : (struct slice){fault.at, p.name_bytes});
    fputs(",\"message\":", f);
    json_print_slice(f, (struct slice){fault.at + skip, fault.len - skip});
    fprintf(f, ",\"line\":%u,\"column\":%u}", p.line, p.column);
}

void grading_faults_write(FILE *f, struct slice document, const struct slice *faults,
                          uint32_t count)
{
    struct json_places places = {.document = document};
    putc_unlocked('[', f);
    for (uint32_t i = 0; i < count; i++) {
        fputs(i == 0 ? "" : ",\n", f);
        write_fault(f, &places, faults[i].at == NULL ? slice_of("") : faults[i]);
    }
    putc_unlocked(']', f);
}
