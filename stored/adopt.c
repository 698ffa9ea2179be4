/* SPDX-License-Identifier: Apache-2.0 */
/* What would change is told type by type; then, if it is wanted, the store keeps nothing any more.
 */
#include "stored/adopt.h"

#include "common/log.h"
#include "stored/asker.h"
#include "stored/beside/rebuild.h"
#include "stored/default_grading.h"

static void answer(zsock_t *socket, struct slice peer, const struct adopted_message *m)
{
    static struct log_limit said;
    struct pack p;
    pack_init(&p);
    adopted_encode(&p, m);
    asker_tell(socket, peer, &p, "adopt.answer", &said);
}

/* 0, or -1: memory, the database. */
static int list(struct store *s, struct arena *a, struct adopted_message *m)
{
    const struct gaps *g = &s->gaps;
    uint32_t count = 0;
    uint64_t *series = arena_calloc(a, g->count, sizeof *series);
    m->types = arena_calloc(a, g->kept + (size_t)1, sizeof *m->types);
    m->gaps_us = arena_calloc(a, g->kept + (size_t)1, sizeof *m->gaps_us);
    m->become_us = arena_calloc(a, g->kept + (size_t)1, sizeof *m->become_us);
    m->series = arena_calloc(a, g->kept + (size_t)1, sizeof *m->series);
    if (series == NULL || m->types == NULL || m->gaps_us == NULL || m->become_us == NULL ||
        m->series == NULL || gaps_count_series(s, series) == -1) {
        return -1;
    }
    for (uint32_t i = 0; i < g->count && count < LIMIT_GAPS; i++) {
        if (g->at[i].us != g->at[i].becomes_us) {
            m->types[count] = arena_copy(a, g->at[i].type); /* the gaps may be others by then */
            m->gaps_us[count] = (uint64_t)g->at[i].us;
            m->become_us[count] = (uint64_t)g->at[i].becomes_us;
            m->series[count++] = series[i];
        }
    }
    m->types_count = m->gaps_us_count = m->become_us_count = m->series_count = count;
    return 0;
}

/* Of both, as far as it goes. NULL, or why not all of it. */
static const char *adopt(struct store *s, struct adopted_message *m)
{
    int gaps = gaps_adopt(s);
    if (gaps == -1) {
        return "the database is away";
    }
    if (gaps == 1) {
        rebuild_gaps_changed(s->rebuild);
    }
    if (default_grading_adopt(s) != 0) {
        return "the gaps are adopted, but the default grading could not be published: stored's log "
               "says why";
    }
    m->grading_becomes = m->grading_version != 0 ? s->gradings.version : 0;
    return NULL;
}

bool adopt_request(struct store *s, struct arena *a, zsock_t *socket, struct slice peer,
                   const struct adopt_message *request)
{
    struct adopted_message m = {.id = request->id,
                                .status = ANSWER_OK,
                                .message = slice_of(""),
                                .grading_version = s->old_default ? s->gradings.version : 0};
    const char *why = pg_is_open(&s->pg) && list(s, a, &m) == 0 ? NULL : "the database is away";
    if (why == NULL && request->yes == 1) {
        why = adopt(s, &m);
        log_info("adopted", "gaps=%u grading=%llu error=\"%s\"", m.types_count,
                 (unsigned long long)m.grading_becomes, why == NULL ? "" : why);
    }
    if (why != NULL) {
        m = (struct adopted_message){
            .id = request->id, .status = ANSWER_UNAVAILABLE, .message = slice_of(why)};
    }
    answer(socket, peer, &m);
    return m.grading_becomes != 0;
}
