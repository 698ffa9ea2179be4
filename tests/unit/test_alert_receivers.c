/* SPDX-License-Identifier: Apache-2.0 */
/* alertd/: who is told of alerts, what next, and in which words. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "alertd/alert_batch.h"
#include "alertd/secret_file.h"
#include "alertd/syslog_text.h"
#include "alertd/webhook_text.h"
#include "tests/unit/faults.h"

#define SECOND INT64_C(1000000)
#define NOW    (1700000000 * SECOND)

static struct arena *arena;
static struct faults_text faults;
static struct alert_routes *routes;

static int set_up(void **state)
{
    (void)state;
    struct document d = {.tell = faults_append, .context = &faults};
    arena = arena_new((size_t)4 << 20);
    routes = alert_routes_read(&d, json_in(arena, "[{\"name\": \"A\"}, {\"name\": \"B\"}]"), NULL);
    return routes == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    alert_routes_free(&routes);
    arena_free(&arena);
    return 0;
}

/* ---- who ---- */

static struct alert_targets *targets_of(const char *alertmanagers, const char *webhooks,
                                        const char *syslog)
{
    struct document d = {.tell = faults_append, .context = &faults};
    const struct target_options options = {json_in(arena, alertmanagers), json_in(arena, webhooks),
                                           syslog, "/etc/ca"};
    faults.text[0] = '\0';
    return alert_targets_read(&d, &options, routes);
}

static void test_targets(void **state)
{
    (void)state;
    struct alert_targets *t = targets_of(
        "[\"http://a:1\", {\"url\": \"https://b:1\", \"ca\": \"/b/ca\", \"bearer\": \"/b/token\"}]",
        "[{\"name\": \"tickets\", \"url\": \"https://c/hook?x=1\", \"secret\": \"/c\","
        " \"routes\": [\"B\"], \"basic\": \"/c/basic\"}]",
        "/dev/log");
    assert_string_equal(faults.text, "");
    assert_int_equal(t->count, 4);
    assert_string_equal(t->names[0], "http://a:1");
    assert_string_equal(t->target[0].ca, "/etc/ca");
    assert_string_equal(t->target[1].ca, "/b/ca");
    assert_string_equal(t->target[1].bearer_file, "/b/token");
    assert_null(t->target[1].basic_file);
    assert_string_equal(t->names[2], "tickets");
    assert_string_equal(t->target[2].secret_file, "/c");
    assert_true(target_takes(&t->target[2], "B") && !target_takes(&t->target[2], "A"));
    assert_true(target_takes(&t->target[3], "A") && t->target[3].kind == TARGET_SYSLOG);
    alert_targets_free(&t);
}

static void test_faults_by_place(void **state)
{
    (void)state;
    static const struct {
        const char *alertmanagers, *webhooks, *syslog, *fault;
    } cases[] = {
        {"[\"ftp://a\"]", "[]", "", "alertd.alertmanagers[0]: expected http://HOST:PORT"},
        {"[\"http://u:p@a\"]", "[]", "", "alertd.alertmanagers[0]: expected http://HOST:PORT"},
        {"[\"http://a?b\"]", "[]", "", "alertd.alertmanagers[0]: expected http://HOST:PORT"},
        {"[\"http://a\", \"http://a\"]", "[]", "", "alertd.alertmanagers[1]: is told already"},
        {"[{\"url\": \"http://a\", \"basic\": \"/b\", \"bearer\": \"/c\"}]", "[]", "",
         "alertd.alertmanagers[0].bearer: basic is given, too"},
        {"[{\"url\": \"http://a\", \"routes\": [\"A\"]}]", "[]", "", "alertmanagers[0].routes"},
        {"[]", "[{\"url\": \"http://a\", \"secret\": \"/b\"}]", "", "alertd.webhooks[0].name"},
        {"[]", "[{\"name\": \"syslog\", \"url\": \"http://a\", \"secret\": \"/b\"}]", "",
         "alertd.webhooks[0].name: expected a name"},
        {"[]", "[{\"name\": \"a\", \"url\": \"http://a\"}]", "",
         "alertd.webhooks[0].secret: expected the file of a secret"},
        {"[]",
         "[{\"name\": \"a\", \"url\": \"http://a\", \"secret\": \"/b\", \"routes\": [\"C\"]}]", "",
         "alertd.webhooks[0].routes[0]: expected the name of a route"},
        {"[]", "[{\"name\": \"a\", \"url\": \"http://a\", \"secret\": \"/b\", \"routes\": []}]", "",
         "alertd.webhooks[0].routes: expected names of routes"},
        {"[]", "[]", "udp://log.example:514", "alertd.syslog: expected /dev/log"},
        {"[]", "[]", "dev/log", "alertd.syslog: expected /dev/log"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_null(targets_of(cases[i].alertmanagers, cases[i].webhooks, cases[i].syslog));
        if (strstr(faults.text, cases[i].fault) == NULL || strstr(faults.text, "u:p") != NULL) {
            fail_msg("%zu: %s", i, faults.text);
        }
    }
}

static void test_addresses_of_syslog(void **state)
{
    (void)state;
    static const char *const none[] = {
        "udp://192.0.2.1",       "udp://192.0.2.1:",    "udp://:514", "udp://2001:db8::1:514",
        "udp://[192.0.2.1]:514", "tcp://192.0.2.1:514", "",           "udp://[]:1"};
    struct sockaddr_storage address;
    struct sockaddr_in in;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(target_syslog_address(none[i], &address), 0);
    }
    assert_int_equal(target_syslog_address("udp://[2001:db8::1]:514", &address),
                     sizeof(struct sockaddr_in6));
    assert_int_equal(target_syslog_address("udp://192.0.2.1:5514", &address), sizeof in);
    memcpy(&in, &address, sizeof in);
    assert_true(ntohs(in.sin_port) == 5514 && in.sin_addr.s_addr == htonl(0xc0000201));
}

static void test_secret_files(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        mode_t mode;
        bool good;
    } cases[] = {
        {"0123456789abcdef\n", 17, 0600, true},    {"0123456789abcdef", 16, 0640, true},
        {"0123456789abcdef\n", 17, 0604, false},   {"0123456789abcde\n", 16, 0600, false},
        {"0123456789abcdef\n\n", 18, 0600, false}, {"0123456789abcdef\0x", 18, 0600, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[] = "secret-XXXXXX";
        int fd = mkstemp(name);
        assert_int_equal(write(fd, cases[i].text, cases[i].size), cases[i].size);
        assert_int_equal(fchmod(fd, cases[i].mode), 0);
        close(fd);
        char *secret = secret_read("x", name, 16);
        unlink(name);
        assert_true((secret != NULL) == cases[i].good);
        assert_true(secret == NULL || strcmp(secret, "0123456789abcdef") == 0);
        secret_free(&secret);
    }
    assert_null(secret_read("x", "/nonexistent", 1));
}

/* ---- what next ---- */

static struct alert_subject bad(const char *dest)
{
    return (struct alert_subject){.dimensions = {SLICE("ping"), SLICE(""), SLICE("vm"),
                                                 SLICE("192.0.2.1"), slice_of(dest), SLICE("")},
                                  .series = 7,
                                  .grade_name = SLICE("overall"),
                                  .grade = 1,
                                  .since_us = NOW,
                                  .last_us = NOW,
                                  .line = SLICE("9 is not < 5")};
}

/* What a route found: these destinations, a letter each. */
static void look(struct alerts *t, const struct route *route, const char *dests, int64_t us)
{
    alerts_look(t, route);
    for (; *dests != '\0'; dests++) {
        char dest[] = {*dests, '\0'};
        struct alert_subject s = bad(dest);
        alerts_found(t, routes, route, &s, us, us);
    }
    alerts_looked(t, route, us, us);
}

static void keep_all(struct alerts *t)
{
    for (struct alert *a = t->all; a != NULL; a = a->next) {
        a->kept = a->change;
    }
}

/* The next batch as text, "+ab" or "-c"; it is taken, or refused. */
static const char *answer_batch(struct alerts *t, const struct target *to, bool taken, int64_t us)
{
    static char text[100];
    struct alert_batch b;
    alert_batch_once(&b, t, 0, to, us);
    size_t at = 0;
    for (unsigned i = 0; i < b.count; i++) {
        text[0] = b.fires ? '+' : '-';
        const char *dest = strstr(b.item[i].alert->labels, "\"dest\":\"");
        text[++at] = dest[8];
        alert_taken(b.item[i].alert, 0, b.item[i].change, taken, taken ? "200" : "422", us, us);
    }
    text[at == 0 ? 0 : at + 1] = '\0';
    if (!taken) {
        assert_true(alert_batch_refused(&b, 0, us) == (b.count == 1));
    }
    return text;
}

static const char *next_batch(struct alerts *t, const struct target *to)
{
    return answer_batch(t, to, true, NOW);
}

static void test_each_is_told_once_and_in_order(void **state)
{
    (void)state;
    static const struct target all = {.kind = TARGET_WEBHOOK};
    const struct route *a = &routes->route[0], *b = &routes->route[1];
    struct alerts t;
    alerts_init(&t, 1, "");
    look(&t, a, "xy", NOW);
    assert_string_equal(next_batch(&t, &all), ""); /* the store does not have them */
    keep_all(&t);
    look(&t, b, "z", NOW);
    keep_all(&t);
    assert_non_null(alerts_own(&t, routes, "EzrepoAlertdWatchdog", slice_of(""), "", NOW, NOW));
    assert_string_equal(next_batch(&t, &all), "+xy"); /* a batch is of one route */
    assert_string_equal(next_batch(&t, &all), "+z");
    assert_string_equal(next_batch(&t, &all), "");
    look(&t, a, "", NOW + SECOND); /* it flaps, while nobody listens */
    look(&t, a, "x", NOW + 2 * SECOND);
    look(&t, a, "", NOW + 3 * SECOND);
    look(&t, a, "x", NOW + 4 * SECOND);
    keep_all(&t);
    assert_string_equal(next_batch(&t, &all), "-xy");
    assert_string_equal(next_batch(&t, &all), "+x");
    assert_string_equal(next_batch(&t, &all), "-x");
    assert_string_equal(next_batch(&t, &all), "+x");
    assert_string_equal(next_batch(&t, &all), "");
    look(&t, a, "", NOW + 5 * SECOND);
    look(&t, b, "", NOW + 5 * SECOND);
    keep_all(&t);
    assert_string_equal(next_batch(&t, &all), "-z");
    assert_string_equal(next_batch(&t, &all), "-x");
    assert_string_equal(next_batch(&t, &all), "");
    for (struct alert *each = t.all; each != NULL; each = each->next) {
        each->noted = false;
    }
    alerts_forget(&t, NOW + 6 * SECOND + ALERT_SETTLE_US);
    for (struct alert *each = t.all; each != NULL; each = each->next) {
        each->noted = false; /* that all know it is kept */
    }
    alerts_forget(&t, NOW + 6 * SECOND + ALERT_SETTLE_US);
    assert_true(t.ended == 0 && t.all->is_own && t.given_up == 0);
    alerts_clear(&t);
}

static void test_an_end_is_told_to_who_knows_it_whatever_its_routes_are_now(void **state)
{
    (void)state;
    static const struct target all = {.kind = TARGET_WEBHOOK};
    static const struct slice only_b[] = {SLICE("B")};
    static const struct target some = {.kind = TARGET_WEBHOOK, .route_count = 1, .routes = only_b};
    const struct route *a = &routes->route[0], *b = &routes->route[1];
    struct alerts t;
    alerts_init(&t, 1, "");
    look(&t, a, "x", NOW);
    keep_all(&t);
    assert_string_equal(next_batch(&t, &all), "+x");
    look(&t, a, "xy", NOW);
    look(&t, b, "z", NOW);
    keep_all(&t);
    assert_string_equal(next_batch(&t, &some), "+z");
    assert_string_equal(next_batch(&t, &some), "");
    look(&t, a, "", NOW + SECOND);
    keep_all(&t);
    assert_string_equal(next_batch(&t, &some), "-x");
    assert_string_equal(next_batch(&t, &some), "");
    alerts_clear(&t);
}

static void test_what_is_refused_keeps_no_others_from_being_told(void **state)
{
    (void)state;
    static const struct target all = {.kind = TARGET_WEBHOOK};
    const struct route *a = &routes->route[0];
    struct alerts t;
    alerts_init(&t, 1, "");
    look(&t, a, "xyz", NOW);
    keep_all(&t);
    assert_string_equal(answer_batch(&t, &all, false, NOW), "+xyz");
    assert_string_equal(answer_batch(&t, &all, false, NOW), "+x"); /* one at a time */
    assert_string_equal(answer_batch(&t, &all, true, NOW), "+y");
    assert_string_equal(answer_batch(&t, &all, true, NOW), "+z");
    assert_string_equal(answer_batch(&t, &all, true, NOW + SECOND - 1), "");
    assert_string_equal(answer_batch(&t, &all, false, NOW + SECOND), "+x");
    assert_string_equal(answer_batch(&t, &all, true, NOW + 3 * SECOND - 1), ""); /* for longer */
    look(&t, a, "yz", NOW + 2 * SECOND);
    look(&t, a, "xyzvw", NOW + 3 * SECOND);
    keep_all(&t);
    assert_string_equal(answer_batch(&t, &all, true, NOW + 3 * SECOND), "+vw"); /* others first */
    assert_string_equal(answer_batch(&t, &all, true, NOW + 3 * SECOND), "+x");
    assert_string_equal(answer_batch(&t, &all, true, NOW + 3 * SECOND), "-x");
    assert_string_equal(answer_batch(&t, &all, true, NOW + 3 * SECOND), "+x");
    look(&t, a, "vw", NOW + 4 * SECOND);
    keep_all(&t);
    assert_string_equal(next_batch(&t, &all), "-yzx"); /* together again */
    assert_string_equal(next_batch(&t, &all), "");
    alerts_clear(&t);
}

static void test_of_what_is_refused_the_longest_due_is_told_first(void **state)
{
    (void)state;
    static const struct target all = {.kind = TARGET_WEBHOOK};
    struct alerts t;
    alerts_init(&t, 1, "");
    look(&t, &routes->route[0], "xy", NOW);
    keep_all(&t);
    assert_string_equal(answer_batch(&t, &all, false, NOW), "+xy");
    assert_string_equal(answer_batch(&t, &all, false, NOW), "+x");
    assert_string_equal(answer_batch(&t, &all, false, NOW), "+y");
    assert_string_equal(answer_batch(&t, &all, false, NOW + 10 * SECOND), "+x");
    assert_string_equal(answer_batch(&t, &all, false, NOW + 20 * SECOND), "+y");
    alerts_clear(&t);
}

static void test_waits_grow_up_to_a_minute(void **state)
{
    (void)state;
    static const int64_t waits_s[] = {1, 2, 4, 8, 16, 32, 60, 60};
    int64_t wait_us = 0;
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        wait_us = alert_batch_wait_us(wait_us);
        assert_int_equal(wait_us, waits_s[i] * SECOND);
    }
}

static void test_a_test_is_told_before_what_waits(void **state)
{
    (void)state;
    static const struct target all = {.kind = TARGET_WEBHOOK};
    const struct batch_time at = {NOW, NOW, SECOND};
    struct alerts t;
    struct alert_batch b;
    alerts_init(&t, 1, "");
    look(&t, &routes->route[0], "xy", NOW);
    keep_all(&t);
    assert_non_null(alerts_test(&t, routes, NULL, NOW, NOW));
    alert_batch_once(&b, &t, 0, &all, NOW);
    assert_true(b.count == 1 && b.item[0].alert->is_test);
    alert_batch_again(&b, &t, 0, &at);
    assert_true(b.count == 3 && b.item[0].alert->is_test);
    alerts_clear(&t);
}

static void test_what_nobody_took_is_given_up(void **state)
{
    (void)state;
    struct alerts t;
    alerts_init(&t, 1, "");
    look(&t, &routes->route[0], "x", NOW);
    look(&t, &routes->route[0], "", NOW + SECOND);
    look(&t, &routes->route[0], "x", NOW + 2 * SECOND);
    alerts_forget(&t, NOW + 2 * SECOND + ALERT_KEEP_US);
    assert_true(t.given_up == 1 && t.ended == 0 && t.firing == 1 && t.all->older == NULL);
    alerts_clear(&t);
}

/* ---- in which words ---- */

static void test_a_webhooks_body(void **state)
{
    (void)state;
    static const struct target all = {.kind = TARGET_WEBHOOK};
    struct alerts t;
    struct alert_batch b;
    char *text = NULL;
    size_t size = 0;
    alerts_init(&t, 1, "https://e.example/s");
    look(&t, &routes->route[0], "x", NOW);
    keep_all(&t);
    alert_batch_once(&b, &t, 0, &all, NOW);
    FILE *f = open_memstream(&text, &size);
    webhook_print(f, &b, "tickets", "https://e.example/s");
    fclose(f);
    const struct json *body = json_in(arena, text);
    const struct json *alert = json_get(body, "alerts")->first;
    assert_true(json_is(json_get(body, "version"), "4") &&
                json_is(json_get(body, "status"), "firing") &&
                json_is(json_get(body, "receiver"), "tickets") &&
                json_is(json_get(json_get(body, "groupLabels"), "alertname"), "A"));
    assert_true(json_is(json_get(alert, "status"), "firing") &&
                json_is(json_get(alert, "id"), t.all->id) &&
                json_is(json_get(alert, "startsAt"), "2023-11-14T22:13:20.000000Z") &&
                json_is(json_get(alert, "endsAt"), "0001-01-01T00:00:00Z") &&
                json_is(json_get(json_get(alert, "labels"), "dest"), "x") &&
                json_is(json_get(alert, "generatorURL"), t.all->link) &&
                json_get(alert, "fingerprint")->text.len == 16);
    free(text);
    alerts_clear(&t);
}

/* docs/operations.md shows it. */
static void test_the_vector_of_signatures(void **state)
{
    (void)state;
    char signature[WEBHOOK_SIGNATURE_BYTES];
    assert_int_equal(webhook_sign(slice_of("0123456789abcdef0123456789abcdef"), 1764547200,
                                  slice_of("{\"version\":\"4\"}"), signature),
                     0);
    assert_string_equal(
        signature,
        "t=1764547200,v1=f1477fc5043b32b61c22c8f1f2915927b1f9b815f1d367831904bce370b704c3");
}

static void test_lines_of_syslog(void **state)
{
    (void)state;
    struct alerts t;
    char text[SYSLOG_BYTES + 1];
    alerts_init(&t, 1, "");
    look(&t, &routes->route[0], "x", NOW);
    size_t size = syslog_write(text, t.all, true, false, "host", 12, NOW);
    assert_int_equal(size, strlen(text));
    assert_ptr_equal(strstr(text,
                            "<28>1 2023-11-14T22:13:20.000000Z host ezrepo-alertd 12 firing - "
                            "\xef\xbb\xbf"
                            "firing route=A id="),
                     text);
    assert_non_null(strstr(text, " summary=\"ping vm 192.0.2.1 x: overall is 1\" since=\"2023-"));
    assert_non_null(strstr(text, " why=\"9 is not < 5\" labels={\"alertname\":\"A\","));
    setenv("TZ", "UTC", 1);
    syslog_write(text, t.all, false, true, "host", 12, NOW);
    assert_ptr_equal(strstr(text, "<29>Nov 14 22:13:20 ezrepo-alertd[12]: resolved route=A"), text);
    char *longer = calloc(1, 3 * SYSLOG_BYTES + 3);
    memcpy(longer, "{\"a\":\"", 6);
    for (int i = 6; i < 3 * SYSLOG_BYTES; i += 2) {
        memcpy(longer + i, "\xc3\xa9", 2); /* cut between characters */
    }
    memcpy(longer + 3 * SYSLOG_BYTES, "\"}", 3);
    free(t.all->labels);
    t.all->labels = longer;
    size = syslog_write(text, t.all, true, false, "host", 1, NOW);
    assert_in_range(size, SYSLOG_BYTES - 1, SYSLOG_BYTES);
    assert_memory_equal(text + size - 2, "\xc3\xa9", 2);
    alerts_clear(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_faults_by_place),
        cmocka_unit_test(test_addresses_of_syslog),
        cmocka_unit_test(test_secret_files),
        cmocka_unit_test(test_each_is_told_once_and_in_order),
        cmocka_unit_test(test_an_end_is_told_to_who_knows_it_whatever_its_routes_are_now),
        cmocka_unit_test(test_what_is_refused_keeps_no_others_from_being_told),
        cmocka_unit_test(test_of_what_is_refused_the_longest_due_is_told_first),
        cmocka_unit_test(test_waits_grow_up_to_a_minute),
        cmocka_unit_test(test_a_test_is_told_before_what_waits),
        cmocka_unit_test(test_what_nobody_took_is_given_up),
        cmocka_unit_test(test_a_webhooks_body),
        cmocka_unit_test(test_the_vector_of_signatures),
        cmocka_unit_test(test_lines_of_syslog),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
