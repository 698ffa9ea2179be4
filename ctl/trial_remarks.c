/* SPDX-License-Identifier: Apache-2.0 */
/* Values that no metric could take, as a trial tells them. */
#include "ctl/trial_remarks.h"

#include <inttypes.h>

#include "ctl/table.h"

static struct place_remark *find(struct trial_remarks *t, const char *place)
{
    for (size_t i = 0; i < TRIAL_REMARKS; i++) {
        if (t->of[i].place == NULL || t->of[i].place == place) {
            return &t->of[i];
        }
    }
    return NULL;
}

void trial_remarks_keep(struct trial_remarks *t, struct arena *a, const struct format_remark *r,
                        uint64_t first_record)
{
    for (; r != NULL; r = r->next) {
        struct place_remark *of = find(t, r->place);
        if (of == NULL) {
            t->others++;
        } else if (of->count++ == 0) {
            of->place = r->place;
            of->text = arena_printf(a, "  %.*s%sin %s: %s, in record %" PRIu64, (int)r->path.len,
                                    r->path.at, r->path.len == 0 ? "" : "  ", r->place, r->why,
                                    first_record + r->record);
        }
    }
}

void trial_remarks_tell(const struct trial_remarks *t, FILE *out)
{
    if (t->of[0].place != NULL) {
        fputs("Values that are none for a metric, which is left out or stays a text:\n", out);
    }
    for (size_t i = 0; i < TRIAL_REMARKS && t->of[i].place != NULL; i++) {
        const char *text = t->of[i].text;
        table_safe(out, slice_of(text == NULL ? "  out of memory" : text));
        if (t->of[i].count > 1) {
            fprintf(out, ", and the like in %" PRIu64 " more", t->of[i].count - 1);
        }
        fputc('\n', out);
    }
    if (t->others > 0) {
        fprintf(out, "  and %" PRIu64 " in other places\n", t->others);
    }
}
