/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/grading_in_force.h"

int grading_in_force_read(struct arena *a, struct slice document, struct grading_in_force *g)
{
    struct grading_faults faults = {0};
    g->document = document;
    g->grading = grading_read(a, document, &faults);
    for (uint32_t i = 0; g->grading == NULL && i < faults.kept; i++) {
        ctl_failed("the grading in force: %s", faults.text[i]);
    }
    return g->grading == NULL ? -1 : 0;
}

int grading_in_force(struct arena *a, struct mplane_client *client, struct grading_in_force *g)
{
    static const struct when now = {.start = WHEN_AT_NOW};
    const struct mplane_value values[] = {{"grading.version", "0"}};
    struct mplane_rows rows;
    int64_t version = 0;
    const struct mplane_message *result = mplane_ask(client, "GetGrading", &now, values, 1);
    if (result == NULL || mplane_rows(a, result, &rows) == -1) {
        return -1;
    }
    struct slice document = mplane_cell(&rows, 0, "grading.document");
    struct slice text = mplane_cell(&rows, 0, "grading.version");
    text = text.at == NULL ? text : arena_copy(a, text);
    document = document.at == NULL ? document : arena_copy(a, document);
    if (rows.rows == 0 || text.at == NULL || document.at == NULL ||
        ctl_number(text.at, 1, UINT32_MAX, &version) == -1) {
        ctl_failed("expected a grading with its version");
        return -1;
    }
    g->version = (uint64_t)version;
    return grading_in_force_read(a, document, g);
}
