/* SPDX-License-Identifier: Apache-2.0 */
/* alertd/: routes with their faults, what fires and what is over, alerts as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alertd/alert_text.h"
#include "alertd/alerts.h"
#include "common/json.h"
#include "tests/unit/faults.h"

#define SECOND INT64_C(1000000)
#define NOW    (1700000000 * SECOND)

static struct arena *arena;
static struct faults_text faults;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new((size_t)1 << 20);
    return arena == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct alert_routes *routes_of(const char *list, const char *labels)
{
    struct document d = {.tell = faults_append, .context = &faults};
    faults.text[0] = '\0';
    return alert_routes_read(&d, json_in(arena, list), json_in(arena, labels));
}

static void test_routes(void **state)
{
    (void)state;
    struct alert_routes *r =
        routes_of("[{\"name\": \"A\"}, {\"name\": \"B_2\", \"of\": \"silence\","
                  " \"criteria\": {\"dest\": \"192.0.2.0/24\"}, \"for_s\": 60,"
                  " \"limit\": 5, \"labels\": {\"severity\": \"page\"}}]",
                  "{\"set\": \"lab\"}");
    assert_string_equal(faults.text, "");
    assert_int_equal(r->count, 2);
    assert_true(slice_is(r->labels.pair[0].value, "lab"));
    const struct route *a = alert_routes_find(r, slice_of("A")),
                       *b = alert_routes_find(r, slice_of("B_2"));
    assert_true(!a->silences && a->low == 1 && a->high == 2 && a->limit == 1000);
    assert_true(slice_is(a->grade, "overall") && slice_is(a->criteria[DIMENSION_dest], "*"));
    assert_true(b->silences && b->for_s == 60 && b->limit == 5);
    assert_true(slice_is(b->criteria[DIMENSION_dest], "192.0.2.0/24"));
    assert_null(alert_routes_find(r, slice_of("C")));
    alert_routes_free(&r);
}

static void test_faults_by_place(void **state)
{
    (void)state;
    static const struct {
        const char *route, *fault;
    } cases[] = {
        {"{}", "alertd.routes[0].name"},
        {"{\"name\": \"EzrepoX\"}", "alertd.routes[0].name: expected a name"},
        {"{\"name\": \"a b\"}", "alertd.routes[0].name: expected a name"},
        {"{\"name\": \"A\", \"fors\": 1}", "alertd.routes[0].fors"},
        {"{\"name\": \"A\", \"of\": \"noise\"}", "alertd.routes[0].of"},
        {"{\"name\": \"A\", \"of\": \"silence\", \"range\": [1, 2]}",
         "alertd.routes[0].range: silence has no grade"},
        {"{\"name\": \"A\", \"range\": [2, 1]}",
         "alertd.routes[0].range: expected the worst first"},
        {"{\"name\": \"A\", \"range\": [0, 1]}", "alertd.routes[0].range[0]"},
        {"{\"name\": \"A\", \"range\": [1]}", "alertd.routes[0].range: expected two grades"},
        {"{\"name\": \"A\", \"for_s\": -1}", "alertd.routes[0].for_s"},
        {"{\"name\": \"A\", \"limit\": 5001}", "alertd.routes[0].limit"},
        {"{\"name\": \"A\", \"criteria\": {\"dst\": \"*\"}}", "alertd.routes[0].criteria.dst"},
        {"{\"name\": \"A\", \"criteria\": {\"dest\": \"a\\\\b\"}}",
         "alertd.routes[0].criteria.dest: expected a pattern"},
        {"{\"name\": \"A\", \"labels\": {\"dest\": \"x\"}}",
         "alertd.routes[0].labels.dest: is a label that every alert has"},
        {"{\"name\": \"A\", \"labels\": {\"a-b\": \"x\"}}", "alertd.routes[0].labels.a-b"},
        {"{\"name\": \"A\", \"annotations\": {\"a\": \"\"}}", "alertd.routes[0].annotations.a"},
        {"{\"name\": \"A\"}, {\"name\": \"A\"}", "alertd.routes[1].name: is the name of another"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char list[500];
        snprintf(list, sizeof list, "[%s]", cases[i].route);
        assert_null(routes_of(list, "{}"));
        if (strstr(faults.text, cases[i].fault) == NULL) {
            fail_msg("%s: %s", cases[i].route, faults.text);
        }
    }
}

/* ---- what fires ---- */

static struct alert_subject bad(const char *dest, int64_t since_us, int64_t last_us)
{
    return (struct alert_subject){.dimensions = {SLICE("ping"), SLICE(""), SLICE("vm"),
                                                 SLICE("192.0.2.1"), slice_of(dest), SLICE("")},
                                  .series = 7,
                                  .grade_name = SLICE("overall"),
                                  .grade = 1,
                                  .since_us = since_us,
                                  .last_us = last_us,
                                  .version = SLICE("3"),
                                  .line = SLICE("9 is not < 5")};
}

static void look(struct alerts *t, const struct alert_routes *r, int64_t now_us,
                 const struct alert_subject *s, size_t count)
{
    alerts_round(t, r, now_us, now_us);
    alerts_look(t, &r->route[0]);
    for (size_t i = 0; i < count; i++) {
        alerts_found(t, r, &r->route[0], &s[i], now_us, now_us);
    }
    alerts_looked(t, &r->route[0], now_us, now_us);
}

static void test_fires_and_is_over(void **state)
{
    (void)state;
    struct alert_routes *r = routes_of("[{\"name\": \"A\", \"for_s\": 60}]", "{}");
    struct alerts t;
    struct alert_subject s[] = {bad("a", NOW - 90 * SECOND, NOW), bad("b", NOW - 10 * SECOND, NOW)};
    alerts_init(&t, 1, "");
    look(&t, r, NOW, s, 2);
    assert_int_equal(t.firing, 1); /* b is not bad for long enough */
    assert_true(t.due_us == NOW + 50 * SECOND);
    struct alert *a = t.by_key;
    char *labels = strdup(a->labels), *id = strdup(a->id);
    uint64_t change = a->change;
    s[0].since_us = NOW - 100 * SECOND; /* late data */
    s[0].grade = 2;
    look(&t, r, NOW + SECOND, s, 2);
    assert_true(t.by_key == a && a->change == change && a->since_us == s[0].since_us);
    assert_string_equal(a->labels, labels);
    assert_string_equal(a->id, id);
    assert_non_null(strstr(a->annotations, "overall is 2"));
    look(&t, r, NOW + 50 * SECOND, s, 2);
    assert_int_equal(t.firing, 2);
    look(&t, r, NOW + 60 * SECOND, s + 1, 1);
    assert_int_equal(t.firing, 1);
    assert_true(a->resolved_us == NOW + 60 * SECOND && a->change > change && t.ended == 1);
    look(&t, r, NOW + 61 * SECOND, s, 2); /* again: another alert of the same labels */
    assert_true(a->newer != NULL && t.firing == 2);
    assert_ptr_equal(a->newer->older, a);
    assert_string_equal(a->newer->labels, labels);
    free(labels);
    free(id);
    alerts_clear(&t);
    alert_routes_free(&r);
}

static void test_what_is_told_is_forgotten(void **state)
{
    (void)state;
    struct alert_routes *r = routes_of("[{\"name\": \"A\"}]", "{}");
    struct alerts t;
    struct alert_subject s = bad("a", NOW, NOW);
    alerts_init(&t, 2, "");
    look(&t, r, NOW, &s, 1);
    struct alert *a = t.all;
    look(&t, r, NOW + SECOND, NULL, 0);
    for (unsigned i = 0; i < 2; i++) {
        alerts_forget(&t, NOW + ALERT_SETTLE_US * 2);
        assert_true(!a->settled && t.all == a);
        alert_taken(a, i, a->change, true, "200", NOW, NOW);
    }
    alerts_forget(&t, NOW + 2 * SECOND);
    assert_true(a->settled && a->noted);
    a->noted = false; /* it is kept */
    a->kept = a->change;
    alerts_forget(&t, NOW + 2 * SECOND);
    assert_true(t.all == a);
    alerts_forget(&t, NOW + 2 * SECOND + ALERT_SETTLE_US);
    assert_null(t.all);
    look(&t, r, NOW, &s, 1); /* one whose receiver is away for a day */
    look(&t, r, NOW + SECOND, NULL, 0);
    alerts_forget(&t, NOW + 2 * SECOND + ALERT_KEEP_US);
    assert_null(t.all);
    alerts_clear(&t);
    alert_routes_free(&r);
}

static void test_old_data_does_not_begin(void **state)
{
    (void)state;
    struct alert_routes *r = routes_of("[{\"name\": \"A\", \"at_most_late_s\": 60}]", "{}");
    struct alerts t;
    struct alert_subject s = bad("a", NOW - 100 * SECOND, NOW - 61 * SECOND);
    alerts_init(&t, 0, "");
    look(&t, r, NOW, &s, 1);
    assert_null(t.all);
    s.last_us = NOW - 59 * SECOND;
    look(&t, r, NOW, &s, 1);
    assert_non_null(t.by_key);
    look(&t, r, NOW + 10 * SECOND, &s, 1); /* what fires goes on */
    assert_non_null(t.by_key);
    alerts_clear(&t);
    alert_routes_free(&r);
}

static void test_routes_that_are_no_more(void **state)
{
    (void)state;
    struct alert_routes *r = routes_of("[{\"name\": \"A\"}]", "{}"),
                        *others = routes_of("[{\"name\": \"B\"}]", "{}");
    struct alerts t;
    struct alert_subject s = bad("a", NOW, NOW);
    alerts_init(&t, 0, "");
    look(&t, r, NOW, &s, 1);
    assert_non_null(alerts_own(&t, r, "EzrepoAlertdWatchdog", slice_of(""), "always", NOW, NOW));
    assert_int_equal(t.firing, 2);
    alerts_round(&t, others, NOW + SECOND, NOW);
    assert_int_equal(t.firing, 1);
    assert_true(t.all->resolved_us != 0 && t.all->next->is_own && t.all->next->resolved_us == 0);
    alerts_clear(&t);
    alert_routes_free(&r);
    alert_routes_free(&others);
}

/* ---- as text, and back ---- */

static char *stored(const struct alert *a, const char *const *receivers, unsigned count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    alert_print_store(f, a, receivers, count);
    fclose(f);
    return text;
}

static void test_what_was_told_is_known_again(void **state)
{
    (void)state;
    static const char *const receivers[] = {"http://a:1", "http://b:1"};
    struct alert_routes *r = routes_of("[{\"name\": \"A\"}]", "{}");
    struct alerts t, next;
    struct alert_subject s = bad("a\"\\\x01", NOW, NOW);
    alerts_init(&t, 2, "https://e.example/?x=1");
    alerts_init(&next, 2, "");
    look(&t, r, NOW, &s, 1);
    alert_taken(t.all, 0, t.all->change, true, "200", NOW, NOW);
    alert_taken(t.all, 1, t.all->change, false, "503 \xff\xc3", NOW, NOW);
    assert_string_equal(t.all->receipt[1].answer, "503 ??");
    t.all->noted = false;
    alert_taken(t.all, 1, t.all->change, false, "503 \xff\xc3", NOW, NOW);
    assert_false(t.all->noted); /* it says the same again */
    char *text = stored(t.all, receivers, 2);
    const struct json *row = json_in(arena, text);
    const struct alert_row told = {.id = json_get(row, "id")->text,
                                   .key = json_get(row, "key")->text,
                                   .route = json_get(row, "route")->text,
                                   .grade_name = json_get(row, "grade")->text,
                                   .probe = json_get(row, "probe")->text,
                                   .document = json_text(arena, json_get(row, "said")),
                                   .series = 7,
                                   .since_us = NOW,
                                   .fired_us = NOW};
    assert_int_equal(alerts_adopt(&next, &told, receivers, NOW), 0);
    struct alert *a = next.by_key;
    assert_string_equal(a->labels, t.all->labels);
    assert_string_equal(a->link, t.all->link);
    assert_non_null(strstr(a->link, "&dest=a%22%5C%01&grade=overall"));
    assert_true(a->receipt[0].change == a->change && a->receipt[1].change == 0);
    assert_true(a->kept == a->change);
    look(&next, r, NOW + SECOND, &s, 1);
    assert_true(next.by_key == a && a->resolved_us == 0);
    assert_int_equal(alerts_adopt(&next, &told, receivers, NOW), 0); /* told twice: one is over */
    assert_true(next.firing == 1 && next.ended == 1);
    free(text);
    alerts_clear(&t);
    alerts_clear(&next);
    alert_routes_free(&r);
}

static void test_as_alertmanager_takes_it(void **state)
{
    (void)state;
    struct alert_routes *r = routes_of("[{\"name\": \"A\", \"labels\": {\"severity\": \"page\"},"
                                       " \"annotations\": {\"summary\": \"mine\"}}]",
                                       "{\"set\": \"lab\", \"severity\": \"none\"}");
    struct alerts t;
    struct alert_subject s = bad("a", NOW - SECOND, NOW);
    char *text = NULL;
    size_t size = 0;
    alerts_init(&t, 0, "");
    look(&t, r, NOW, &s, 1);
    FILE *f = open_memstream(&text, &size);
    alert_print_alertmanager(f, t.all, NOW + 240 * SECOND);
    fclose(f);
    assert_string_equal(
        text, "{\"labels\":{\"alertname\":\"A\",\"grade\":\"overall\",\"type\":\"ping\","
              "\"probe\":\"vm\",\"source\":\"192.0.2.1\",\"dest\":\"a\",\"set\":\"lab\","
              "\"severity\":\"page\"},\"annotations\":{\"since\":\"2023-11-14T22:13:19.000000Z\","
              "\"why\":\"9 is not < 5\",\"grading_version\":\"3\","
              "\"last_record\":\"2023-11-14T22:13:20.000000Z\",\"summary\":\"mine\"},"
              "\"startsAt\":\"2023-11-14T22:13:20.000000Z\","
              "\"endsAt\":\"2023-11-14T22:17:20.000000Z\"}");
    free(text);
    alerts_clear(&t);
    alert_routes_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_faults_by_place),
        cmocka_unit_test(test_fires_and_is_over),
        cmocka_unit_test(test_what_is_told_is_forgotten),
        cmocka_unit_test(test_old_data_does_not_begin),
        cmocka_unit_test(test_routes_that_are_no_more),
        cmocka_unit_test(test_what_was_told_is_known_again),
        cmocka_unit_test(test_as_alertmanager_takes_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
