/* SPDX-License-Identifier: Apache-2.0 */
/* common/http: two servers in one process, with real TLS; each has its own connections and counts.
 */
#include "common/http/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "common/http/reply.h"
#include "common/log.h"
#include "tests/unit/tls_folder.h"

#define WAITS_S 60

static char folder[] = "/tmp/http_server.XXXXXX";
static char certificate[64], key[64];

static int make_files(void **state)
{
    (void)state;
    int rc = tls_folder_make(folder);
    snprintf(certificate, sizeof certificate, "%s/certificate", folder);
    snprintf(key, sizeof key, "%s/key", folder);
    return rc;
}

static int remove_files(void **state)
{
    (void)state;
    return tls_folder_remove(folder);
}

/* ---- the servers ---- */

static void say(void *context, struct evhttp_request *request, struct connection *c)
{
    reply_text(request, HTTP_OK, context, connection_is_last(c));
}

static void say_who(void *context, struct evhttp_request *request, struct connection *c)
{
    assert_null(context);
    reply_text(request, HTTP_OK, connection_identity(c), connection_is_last(c));
}

static const struct http_limits limits = {.body_bytes = 65536,
                                          .bodies_bytes = 65536,
                                          .replies_bytes = 1 << 20,
                                          .replies_bytes_per_identity = 1 << 20,
                                          .headers_bytes = 16384,
                                          .handshake_timeout_s = 10,
                                          .idle_timeout_s = 60,
                                          .transfer_timeout_s = 60,
                                          .connections_max = 16,
                                          .connections_max_per_identity = 16,
                                          .requests_burst = 10,
                                          .request_bytes = 65536};

static const struct server_kind kind_one = {"one", &limits, say, "one\n"};
static const struct server_kind kind_two = {"two", &limits, say_who, NULL};

static struct http_server *serve(const struct server_kind *kind, uint16_t port,
                                 struct event_base *base)
{
    const struct tls_files files = {kind->section, certificate, key, certificate, ""};
    char address[32];
    const char *item = address;
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    const struct config_strings listen = {.item = &item, .count = 1};
    struct http_server *s = server_new(kind, &listen, connections_context(&files));
    assert_non_null(s);
    assert_int_equal(server_start(s, base), 0);
    return s;
}

/* ---- who asks, in a process of its own ---- */

static int ask(uint16_t port)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char host[32], text[4096];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int n, length = 0;
    if (SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        return 1;
    }
    BIO *b = BIO_new_ssl_connect(context);
    snprintf(host, sizeof host, "127.0.0.1:%u", port);
    BIO_set_conn_hostname(b, host);
    if (BIO_write(b, request, sizeof request - 1) <= 0) {
        return 1;
    }
    while ((n = BIO_read(b, text + length, (int)sizeof text - 1 - length)) > 0) {
        length += n;
    }
    text[length] = '\0';
    BIO_free_all(b);
    SSL_CTX_free(context);
    return write(STDOUT_FILENO, text, (size_t)length) == length ? 0 : 1;
}

struct answer_read {
    struct event_base *base;
    unsigned *open;
    char text[4096];
    size_t length;
    struct event *event;
};

static void on_answer(evutil_socket_t fd, short what, void *context)
{
    struct answer_read *a = context;
    ssize_t n = (what & EV_TIMEOUT) != 0
                    ? 0
                    : read(fd, a->text + a->length, sizeof a->text - 1 - a->length);
    a->length += n > 0 ? (size_t)n : 0;
    if (n <= 0) {
        event_del(a->event);
        if (--*a->open == 0) {
            event_base_loopbreak(a->base);
        }
    }
}

static pid_t begin_asking(struct answer_read *a, uint16_t port)
{
    const struct timeval most = {WAITS_S, 0};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_int_not_equal(pid, -1);
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        _exit(ask(port));
    }
    close(ends[1]);
    ++*a->open;
    a->event = event_new(a->base, ends[0], EV_READ | EV_PERSIST, on_answer, a);
    assert_int_equal(event_add(a->event, &most), 0);
    return pid;
}

static void end_asking(struct answer_read *a, pid_t pid, const char *expected)
{
    int status = -1;
    close(event_get_fd(a->event));
    event_free(a->event);
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_non_null(strstr(a->text, "200 OK"));
    assert_non_null(strstr(a->text, expected));
}

static void test_two_servers_share_nothing(void **state)
{
    (void)state;
    struct event_base *base = event_base_new();
    uint16_t port_one = free_port(), port_two = free_port();
    struct http_server *one = serve(&kind_one, port_one, base);
    struct http_server *two = serve(&kind_two, port_two, base);
    unsigned open = 0;
    struct answer_read a = {.base = base, .open = &open}, b = a, c = a;
    pid_t pid_a = begin_asking(&a, port_one), pid_b = begin_asking(&b, port_two);
    pid_t pid_c = begin_asking(&c, port_two);
    event_base_dispatch(base);
    end_asking(&a, pid_a, "one\n");
    end_asking(&b, pid_b, "Test.localhost");
    end_asking(&c, pid_c, "Test.localhost");
    const uint64_t *of_one = connections_counts(server_connections(one));
    const uint64_t *of_two = connections_counts(server_connections(two));
    assert_int_equal(of_one[HTTP_CONNECTIONS_ACCEPTED], 1);
    assert_int_equal(of_two[HTTP_CONNECTIONS_ACCEPTED], 2);
    assert_int_equal(of_one[HTTP_IDENTITIES], 1);
    assert_int_equal(of_one[HTTP_HANDSHAKES_FAILED] + of_two[HTTP_HANDSHAKES_FAILED], 0);
    server_drain(one);
    server_free(&one);
    assert_null(one);
    server_free(&two);
    event_base_free(base);
    libevent_global_shutdown();
}

int main(void)
{
    log_set_level((enum log_level)(LOG_LEVEL_ERROR + 1));
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_two_servers_share_nothing)};
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
