/* SPDX-License-Identifier: Apache-2.0 */
#include "ingestd/udp/listener_list.h"

#include <stdio.h>

static bool is_endpoint(struct slice text)
{
    struct address address;
    uint16_t port;
    return text.len < LISTENER_ENDPOINT_BYTES && udp_endpoint_parse(text, &address, &port) == 0;
}

static bool is_any(const struct address *a)
{
    static const uint8_t zeros[sizeof a->bytes];
    return memcmp(a->bytes, zeros, sizeof zeros) == 0;
}

/* Whether one could not be bound beside the other: the same, or all addresses and one of them. */
static bool rivals(const char *one, const char *other)
{
    struct address a, b;
    uint16_t a_port, b_port;
    if (udp_endpoint_parse(slice_of(one), &a, &a_port) == -1 ||
        udp_endpoint_parse(slice_of(other), &b, &b_port) == -1) {
        return false;
    }
    return a_port == b_port && a.family == b.family &&
           (memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0 || is_any(&a) || is_any(&b));
}

/* The one of the list that takes what comes to this endpoint; NULL when none does. */
static const char *rival_of(const struct listener_list *list, const char *endpoint)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (rivals(list->at[i].endpoint, endpoint)) {
            return list->at[i].endpoint;
        }
    }
    return NULL;
}

/* One more, whose texts were looked at. */
static void add(struct document *d, const char *place, struct listener_list *list,
                struct slice endpoint, struct slice format, bool authenticated)
{
    struct listener l = {.authenticated = authenticated};
    snprintf(l.endpoint, sizeof l.endpoint, "%.*s", (int)endpoint.len, endpoint.at);
    snprintf(l.format, sizeof l.format, "%.*s", (int)format.len, format.len == 0 ? "" : format.at);
    if (list->count == UDP_LISTENERS) {
        document_fault_in(d, place, "expected at most %d endpoints", UDP_LISTENERS);
        return;
    }
    const char *rival = rival_of(list, l.endpoint);
    if (rival == NULL) {
        list->at[list->count++] = l;
    } else {
        document_fault_in(d, place, "expected each endpoint once, found %s beside %s", l.endpoint,
                          rival);
    }
}

static void read_strings(struct document *d, const struct config_strings *listen,
                         struct listener_list *list)
{
    char place[64];
    for (size_t i = 0; i < listen->count; i++) {
        snprintf(place, sizeof place, "ingestd.listen[%zu]", i);
        if (is_endpoint(slice_of(listen->item[i]))) {
            add(d, place, list, slice_of(listen->item[i]), slice_of(""), false);
        } else {
            document_expected_in(d, place, listen->item[i], "ADDRESS:PORT or [ADDRESS]:PORT");
        }
    }
}

/* Signed datagrams may be mPlane's: then no format is named. .at is NULL after a fault. */
static struct slice read_format(const struct document_place *at, bool authenticated,
                                bool (*is_format)(void *context, struct slice name), void *context)
{
    struct document_place format_at = document_member(at, "format");
    if (authenticated && format_at.node == NULL) {
        return slice_of("");
    }
    struct slice format = document_text(&format_at, 1, LISTENER_FORMAT_BYTES - 1);
    if (format.at != NULL && !is_format(context, format)) {
        document_expected(&format_at, "%s", FORMAT_EXPECTED);
        return slice_of(NULL);
    }
    return format;
}

static bool read_authenticated(const struct document_place *at)
{
    struct document_place a = document_member(at, "authenticated");
    if (a.node != NULL && a.node->type != JSON_TRUE && a.node->type != JSON_FALSE) {
        document_expected(&a, "true or false");
    }
    return a.node != NULL && a.node->type == JSON_TRUE;
}

static void read_listener(const struct document_place *at,
                          bool (*is_format)(void *context, struct slice name), void *context,
                          struct listener_list *list)
{
    static const char *const keys[] = {"listen", "format", "authenticated", NULL};
    char place[64];
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place listen_at = document_member(at, "listen");
    struct slice endpoint = document_text(&listen_at, 1, LISTENER_ENDPOINT_BYTES - 1);
    bool authenticated = read_authenticated(at);
    if (endpoint.at != NULL && !is_endpoint(endpoint)) {
        document_expected(&listen_at, "ADDRESS:PORT or [ADDRESS]:PORT");
        endpoint = slice_of(NULL);
    }
    struct slice format = read_format(at, authenticated, is_format, context);
    if (endpoint.at != NULL && format.at != NULL) {
        snprintf(place, sizeof place, "ingestd.listeners[%u].listen", at->index);
        add(at->document, place, list, endpoint, format, authenticated);
    }
}

int listener_list_read(struct document *d, const struct config_strings *listen,
                       const struct json *listeners,
                       bool (*is_format)(void *context, struct slice name), void *context,
                       struct listener_list *list)
{
    uint32_t faults = d->faults;
    list->count = 0;
    read_strings(d, listen, list);
    if (listeners != NULL) {
        struct document_place all = document_part(d, "ingestd.listeners", listeners);
        if (document_is_list(&all, UDP_LISTENERS)) {
            for (struct document_place l = document_first(&all); l.node != NULL;
                 document_next(&l)) {
                read_listener(&l, is_format, context, list);
            }
        }
    }
    if (list->count == 0 && d->faults == faults) {
        document_fault_in(d, "ingestd.listen",
                          "expected at least one endpoint, here or in "
                          "ingestd.listeners");
    }
    return d->faults == faults ? 0 : -1;
}

bool listener_list_has_authenticated(const struct listener_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->at[i].authenticated) {
            return true;
        }
    }
    return false;
}
