/* SPDX-License-Identifier: Apache-2.0 */
/* Shared texts. Those who hold one are in one thread. */
#include "common/mplane/rendered.h"

#include <stdlib.h>

#include "common/mplane/write.h"

struct rendered *rendered_new(struct arena *a, const struct mplane_message *m,
                              const struct registry *r, size_t max_bytes)
{
    struct written w = {NULL, 0, 0, 0};
    if (write_message(a, m, r, &w) == -1 || w.len > max_bytes) {
        return NULL;
    }
    struct rendered *made = malloc(sizeof *made + w.len + 1);
    if (made == NULL) {
        return NULL;
    }
    w.at = made->text;
    if (write_message(a, m, r, &w) == -1) {
        free(made);
        return NULL;
    }
    made->holders = 1;
    made->kind = m->kind;
    made->rows = m->row_count;
    made->label_at = w.label_at;
    made->label_end = w.label_end;
    made->len = w.len;
    made->text[w.len] = '\0';
    return made;
}

struct rendered *rendered_hold(struct rendered *r)
{
    r->holders++;
    return r;
}

void rendered_release(struct rendered **r)
{
    if (*r != NULL && --(*r)->holders == 0) {
        free(*r);
    }
    *r = NULL;
}

size_t rendered_bytes(const struct rendered *r)
{
    return sizeof *r + r->len + 1;
}

unsigned rendered_pieces(struct arena *a, const struct rendered *r, struct slice label,
                         struct slice pieces[RENDERED_PIECES])
{
    struct slice own = {r->text + r->label_at, r->label_end - r->label_at};
    pieces[0] = (struct slice){r->text, r->len};
    if (own.len == 0 || label.at == NULL) {
        return 1;
    }
    struct slice written = write_string(a, label);
    if (written.at == NULL) {
        return 0;
    }
    if (slice_equal(written, own)) {
        return 1;
    }
    pieces[0] = (struct slice){r->text, r->label_at};
    pieces[1] = written;
    pieces[2] = (struct slice){r->text + r->label_end, r->len - r->label_end};
    return 3;
}
