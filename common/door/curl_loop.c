/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl says which sockets and what time it waits for; what is over is collected outside of it.
 */
#include "common/door/curl_loop.h"

#include "common/log.h"

/* What has come to its end. Only called from outside of libcurl. */
static void collect(struct curl_loop *l)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(l->multi, &left)) != NULL) {
        struct curl_transfer *t = NULL;
        CURLcode code = m->data.result;
        if (m->msg == CURLMSG_DONE &&
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t) == CURLE_OK && t != NULL) {
            curl_multi_remove_handle(l->multi, t->easy);
            t->done(t, code);
        }
    }
}

static void on_socket_ready(evutil_socket_t fd, short what, void *context)
{
    struct curl_loop *l = context;
    int running, mask = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
                        ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(l->multi, fd, mask, &running);
    collect(l);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct curl_loop *l = context;
    int running;
    (void)fd, (void)what;
    curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(l);
}

/* `event` is what curl_multi_assign() attached to the socket. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *event)
{
    const struct curl_loop *l = context;
    (void)easy;
    if (event != NULL) {
        event_free(event);
        event = NULL;
    }
    if (what != CURL_POLL_REMOVE) {
        short wanted = (short)(((what & CURL_POLL_IN) != 0 ? EV_READ : 0) |
                               ((what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0) | EV_PERSIST);
        event = event_new(l->base, fd, wanted, on_socket_ready, context);
        if (event == NULL || event_add(event, NULL) == -1) {
            log_error("curl.socket", "error=\"out of memory\"");
        }
    }
    curl_multi_assign(l->multi, fd, event);
    return 0;
}

static int on_timeout_wanted(CURLM *m, long timeout_ms, void *context)
{
    const struct curl_loop *l = context;
    struct timeval t = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    (void)m;
    return timeout_ms < 0 ? event_del(l->timer) : event_add(l->timer, &t);
}

int curl_loop_open(struct curl_loop *l, struct event_base *base)
{
    l->base = base;
    l->timer = evtimer_new(base, on_timer, l);
    if (l->timer == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        (l->multi = curl_multi_init()) == NULL ||
        curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
        curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l) != CURLM_OK ||
        curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted) != CURLM_OK ||
        curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l) != CURLM_OK) {
        log_error("curl.start", "error=\"out of memory\"");
        return -1;
    }
    return 0;
}

void curl_loop_close(struct curl_loop *l)
{
    if (l->multi != NULL) {
        curl_multi_cleanup(l->multi);
        curl_global_cleanup();
        l->multi = NULL;
    }
    if (l->timer != NULL) {
        event_free(l->timer);
        l->timer = NULL;
    }
}

int curl_loop_begin(struct curl_loop *l, struct curl_transfer *t)
{
    return curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t) == CURLE_OK &&
                   curl_multi_add_handle(l->multi, t->easy) == CURLM_OK
               ? 0
               : -1;
}

void curl_loop_end(struct curl_loop *l, struct curl_transfer *t)
{
    curl_multi_remove_handle(l->multi, t->easy);
}
