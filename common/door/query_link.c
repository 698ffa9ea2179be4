/* SPDX-License-Identifier: Apache-2.0 */
#include "common/door/query_link.h"

#include "common/bus.h"

int query_link_open(struct link *link, struct event_base *base, void *context,
                    void (*take)(const struct link *link, struct slice bytes), uint64_t *malformed,
                    int high_water)
{
    *link = (struct link){.base = base,
                          .context = context,
                          .endpoint = ENDPOINT_QUERY,
                          .peer = "queryd",
                          .take = take,
                          .malformed = malformed,
                          .high_water = high_water,
                          .only_present = true};
    return link_open(link);
}

int query_link_ask(struct link *link, const struct query_message *q)
{
    struct pack p;
    pack_init(&p);
    query_encode(&p, q);
    return link_send_packed(link, &p);
}

void query_link_cancel(struct link *link, uint64_t id)
{
    struct pack p;
    const struct cancel_message m = {.id = id};
    pack_init(&p);
    cancel_encode(&p, &m);
    (void)link_send_packed(link, &p);
}
