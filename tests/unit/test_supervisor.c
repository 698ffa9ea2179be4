/* SPDX-License-Identifier: Apache-2.0 */
/* When supervisors are polled and registered with, what waits for them, and where it may go. */
#include "tests/unit/faults.h"

#include <stdio.h>

#include "mplane-gw/supervisors/supervisor_outbox.h"
#include "mplane-gw/supervisors/supervisor_settings.h"
#include "mplane-gw/supervisors/supervisor_state.h"

#define S      INT64_C(1000000)
#define POLL   (5 * S)
#define EXPIRY (10 * S)

/* ---- the state machine, against a supervisor that forgets ---- */

static struct supervisor_state s;

/* The act that is next, at a time; it has to be this one. */
static void acts(enum supervisor_act act, int64_t now_us)
{
    assert_int_equal(supervisor_next(&s, now_us), act);
}

static void did(enum supervisor_act act, enum supervisor_outcome outcome, int64_t begun_us,
                int64_t now_us)
{
    supervisor_did(&s, act, outcome, begun_us, now_us, 0);
}

/* Registered at the time 0, as with a supervisor that has just been started. */
static void be_registered(void)
{
    supervisor_state_start(&s, POLL, EXPIRY, 0);
    acts(SUPERVISOR_POLL, 0);
    did(SUPERVISOR_POLL, SUPERVISOR_UNKNOWN, 0, 0);
    acts(SUPERVISOR_REGISTER, 0);
    did(SUPERVISOR_REGISTER, SUPERVISOR_OK, 0, 0);
    acts(SUPERVISOR_POLL, 0);
    did(SUPERVISOR_POLL, SUPERVISOR_OK, 0, 0);
    assert_true(s.registered);
}

static void test_polls_in_time(void **state)
{
    (void)state;
    be_registered();
    for (int64_t t = POLL; t < 100 * S; t += POLL) {
        acts(SUPERVISOR_WAIT, t - 1);
        assert_int_equal(supervisor_due(&s), t);
        acts(SUPERVISOR_POLL, t);
        did(SUPERVISOR_POLL, SUPERVISOR_OK, t, t + S / 10);
    }
    assert_true(s.registered);
}

/* A slow answer does not put off the next poll. */
static void test_polls_count_from_their_beginning(void **state)
{
    (void)state;
    be_registered();
    acts(SUPERVISOR_POLL, 5 * S);
    did(SUPERVISOR_POLL, SUPERVISOR_OK, 5 * S, 9 * S);
    assert_int_equal(supervisor_due(&s), 10 * S);
    assert_true(s.registered);
}

/* Another life of ours may have been registered until just now. */
static void test_known_at_the_start_waits(void **state)
{
    (void)state;
    supervisor_state_start(&s, POLL, EXPIRY, 0);
    acts(SUPERVISOR_POLL, 0);
    did(SUPERVISOR_POLL, SUPERVISOR_OK, 0, S);
    acts(SUPERVISOR_WAIT, 21 * S - 1);
    acts(SUPERVISOR_REGISTER, 21 * S);
}

/* It was away while another life of ours must have been forgotten. */
static void test_known_long_after_the_start_registers(void **state)
{
    (void)state;
    supervisor_state_start(&s, POLL, EXPIRY, 0);
    did(SUPERVISOR_POLL, SUPERVISOR_UNSENT, 0, S);
    acts(SUPERVISOR_POLL, 20 * S);
    did(SUPERVISOR_POLL, SUPERVISOR_OK, 20 * S, 21 * S);
    acts(SUPERVISOR_REGISTER, 21 * S);
}

static void test_restarted_supervisor_is_registered_with_at_once(void **state)
{
    (void)state;
    be_registered();
    did(SUPERVISOR_POLL, SUPERVISOR_UNSENT, 5 * S, 5 * S);
    acts(SUPERVISOR_POLL, 6 * S);
    did(SUPERVISOR_POLL, SUPERVISOR_OK, 6 * S, 6 * S); /* only the connection failed */
    assert_true(s.registered);
    did(SUPERVISOR_POLL, SUPERVISOR_UNKNOWN, 11 * S, 11 * S);
    acts(SUPERVISOR_REGISTER, 11 * S);
}

/* Away for longer than it remembers: nothing is sent until it must have forgotten. */
static void test_lost_contact_waits_until_forgotten(void **state)
{
    (void)state;
    be_registered();
    for (int64_t t = POLL; t < EXPIRY; t = supervisor_due(&s)) {
        acts(SUPERVISOR_POLL, t);
        did(SUPERVISOR_POLL, SUPERVISOR_UNSENT, t, t);
    }
    acts(SUPERVISOR_WAIT, EXPIRY);
    acts(SUPERVISOR_WAIT, 2 * EXPIRY - 1);
    acts(SUPERVISOR_REGISTER, 2 * EXPIRY);
}

/* An answer so late that it may stand for either: the poll may have kept us alive. */
static void test_late_answer_is_no_proof(void **state)
{
    (void)state;
    be_registered();
    did(SUPERVISOR_POLL, SUPERVISOR_OK, 5 * S, 12 * S);
    assert_false(s.registered);
    acts(SUPERVISOR_WAIT, 12 * S + 2 * EXPIRY - 1);
    acts(SUPERVISOR_REGISTER, 12 * S + 2 * EXPIRY);
}

static void test_doubtful_registration_is_not_repeated_soon(void **state)
{
    (void)state;
    supervisor_state_start(&s, POLL, EXPIRY, 0);
    did(SUPERVISOR_POLL, SUPERVISOR_UNKNOWN, 0, 0);
    did(SUPERVISOR_REGISTER, SUPERVISOR_FAILED, 0, 30 * S);
    acts(SUPERVISOR_WAIT, 30 * S + 2 * EXPIRY - 1);
    acts(SUPERVISOR_REGISTER, 30 * S + 2 * EXPIRY);
    did(SUPERVISOR_REGISTER, SUPERVISOR_UNSENT, 50 * S, 50 * S);
    acts(SUPERVISOR_WAIT, 50 * S + 1);
    acts(SUPERVISOR_REGISTER, 52 * S);
}

/* Who forgets at once whom it was registered is not registered with in a circle. */
static void test_forgetful_supervisor(void **state)
{
    (void)state;
    int registrations = 0;
    supervisor_state_start(&s, POLL, EXPIRY, 0);
    for (int64_t t = 0; t < 600 * S; t += S / 10) {
        switch (supervisor_next(&s, t)) {
        case SUPERVISOR_POLL:
            did(SUPERVISOR_POLL, SUPERVISOR_UNKNOWN, t, t);
            break;
        case SUPERVISOR_REGISTER:
            registrations++;
            did(SUPERVISOR_REGISTER, SUPERVISOR_OK, t, t);
            break;
        case SUPERVISOR_UPDATE:
        case SUPERVISOR_WAIT:
            break;
        }
    }
    assert_in_range(registrations, 10, 700);
}

static void test_changes_are_told_when_it_is_sure(void **state)
{
    (void)state;
    be_registered();
    supervisor_changed(&s, 2 * S);
    acts(SUPERVISOR_UPDATE, 2 * S);
    did(SUPERVISOR_UPDATE, SUPERVISOR_OK, 2 * S, 2 * S);
    assert_int_equal(supervisor_due(&s), 5 * S);
    did(SUPERVISOR_POLL, SUPERVISOR_UNSENT, 5 * S, 5 * S);
    supervisor_changed(&s, 7 * S);
    acts(SUPERVISOR_POLL, 7 * S); /* it may be about to forget: withdrawing that would break it */
    did(SUPERVISOR_POLL, SUPERVISOR_OK, 7 * S, 7 * S);
    acts(SUPERVISOR_UPDATE, 7 * S);
    did(SUPERVISOR_UPDATE, SUPERVISOR_FAILED, 7 * S, 8 * S);
    acts(SUPERVISOR_WAIT, 28 * S - 1);
    acts(SUPERVISOR_REGISTER, 28 * S);
}

static void test_callbacks(void **state)
{
    (void)state;
    be_registered();
    supervisor_callback(&s, 3 * S, 0);
    acts(SUPERVISOR_WAIT, 3 * S - 1);
    acts(SUPERVISOR_POLL, 3 * S);
    did(SUPERVISOR_POLL, SUPERVISOR_OK, 3 * S, 3 * S);
    supervisor_callback(&s, INT64_MIN, 3 * S);
    assert_int_equal(supervisor_due(&s), 4 * S);
    supervisor_callback(&s, 100 * S, 3 * S);
    acts(SUPERVISOR_WAIT, 99 * S);
    acts(SUPERVISOR_REGISTER, 100 * S); /* it has forgotten us meanwhile */
    did(SUPERVISOR_REGISTER, SUPERVISOR_OK, 100 * S, 100 * S);
    supervisor_callback(&s, INT64_MAX / 2, 100 * S);
    assert_int_equal(supervisor_due(&s), (100 + 24 * 3600) * S);
}

static void test_renamed_waits_as_well(void **state)
{
    (void)state;
    be_registered();
    supervisor_renamed(&s, S);
    acts(SUPERVISOR_WAIT, 21 * S - 1);
    acts(SUPERVISOR_REGISTER, 21 * S);
}

/*
 * Whatever happens on the way, a supervisor that keeps what it was given for `EXPIRY` after a poll,
 * and looks every half of it, is never given it twice. Delays, losses of requests and of answers,
 * restarts on both sides come by chance.
 */
static uint32_t chance(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % below;
}

static void one_life(uint32_t seed)
{
    bool known = false, alive = false;
    int64_t refreshed = 0, checked = 0;
    supervisor_state_start(&s, POLL, EXPIRY, 0);
    for (int64_t t = 0; t < 1000 * S;) {
        if (chance(&seed, 200) == 0) { /* we start anew */
            supervisor_state_start(&s, POLL, EXPIRY, t);
        }
        if (chance(&seed, 200) == 0) { /* it starts anew */
            known = alive = false;
        }
        enum supervisor_act act = supervisor_next(&s, t);
        if (act == SUPERVISOR_WAIT) {
            t += S / 4;
            continue;
        }
        bool away = chance(&seed, 8) == 0, silent = chance(&seed, 8) == 0;
        int64_t taken = t + (chance(&seed, 6) == 0 ? chance(&seed, 25) * S : S / 100);
        int64_t answered = taken + (chance(&seed, 6) == 0 ? chance(&seed, 25) * S : S / 100);
        if (away) {
            did(act, SUPERVISOR_UNSENT, t, taken);
            t = taken;
            continue;
        }
        for (; checked + EXPIRY / 2 <= taken; checked += EXPIRY / 2) {
            alive = alive && checked + EXPIRY / 2 - refreshed < EXPIRY;
        }
        enum supervisor_outcome outcome = SUPERVISOR_OK;
        if (act == SUPERVISOR_POLL) {
            outcome = known ? SUPERVISOR_OK : SUPERVISOR_UNKNOWN;
        } else {
            assert_false(alive);
            known = alive = true;
        }
        refreshed = alive ? taken : refreshed;
        t = answered;
        did(act, silent ? SUPERVISOR_FAILED : outcome, t < taken ? t : taken, t);
    }
}

static void test_never_registered_twice(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 2000; seed++) {
        one_life(seed);
    }
}

static void test_backoff(void **state)
{
    (void)state;
    for (unsigned failures = 1; failures < 100; failures++) {
        int64_t most = supervisor_backoff_us(failures, 0);
        assert_in_range(most, S, 60 * S);
        for (uint32_t random = 0; random < 3000; random += 7) {
            assert_in_range(supervisor_backoff_us(failures, random), most / 2, most);
        }
    }
    assert_int_equal(supervisor_backoff_us(3, 0), 4 * S);
    assert_int_equal(supervisor_backoff_us(UINT32_MAX, 0), 60 * S);
}

/* ---- the outbox ---- */

static void add(struct supervisor_outbox *o, const char *text, size_t max_bytes, bool being_sent)
{
    outbox_add(o, "https://h:1/", "org.example", slice_of(text), max_bytes, being_sent, 0);
}

static bool next_is(struct supervisor_outbox *o, const char *text, int64_t now_us)
{
    struct outbox_message *m = outbox_next(o, 100 * S, now_us);
    return m != NULL && slice_is((struct slice){m->bytes, m->size}, text);
}

static void test_outbox_in_order(void **state)
{
    (void)state;
    struct supervisor_outbox o = {0};
    add(&o, "one", 100, false);
    add(&o, "two", 100, false);
    assert_true(next_is(&o, "one", 0));
    outbox_did(&o, OUTBOX_UNREACHED, 0, 0);
    assert_null(outbox_next(&o, 100 * S, S - 1));
    assert_true(next_is(&o, "one", S));
    outbox_did(&o, OUTBOX_SENT, S, 0);
    assert_true(next_is(&o, "two", S));
    outbox_did(&o, OUTBOX_WRONG, S, 0);
    assert_null(outbox_next(&o, 100 * S, S));
    assert_int_equal(o.dropped, 1);
    assert_int_equal(o.bytes, 0);
}

static void test_outbox_refusals_and_age(void **state)
{
    (void)state;
    struct supervisor_outbox o = {0};
    int64_t t = 0;
    add(&o, "poison", 100, false);
    add(&o, "good", 100, false);
    for (int i = 0; i < OUTBOX_REFUSALS; i++) {
        assert_true(next_is(&o, "poison", t));
        outbox_did(&o, OUTBOX_REFUSED, t, 0);
        t = o.due_us;
    }
    assert_true(next_is(&o, "good", t));
    assert_null(outbox_next(&o, 100 * S, 101 * S));
    assert_int_equal(o.dropped, 2);
    assert_int_equal(o.count, 0);
}

static void test_outbox_bounds(void **state)
{
    (void)state;
    struct supervisor_outbox o = {0};
    add(&o, "0123456789", 25, false);
    add(&o, "aaaaaaaaaa", 25, false);
    add(&o, "bbbbbbbbbb", 25, true); /* the first is on its way: the second goes */
    assert_true(next_is(&o, "0123456789", 0));
    assert_int_equal(o.count, 2);
    add(&o, "cccccccccccccccccccccccccccccc", 25, true); /* finds no room */
    assert_int_equal(o.count, 1);
    assert_int_equal(o.dropped, 3);
    outbox_did(&o, OUTBOX_SENT, 0, 0);
    add(&o, "cccccccccccccccccccccccccccccc", 25, false); /* alone it does */
    assert_int_equal(o.count, 1);
    for (int i = 0; i < 2 * OUTBOX_MESSAGES; i++) {
        add(&o, "x", 1 << 20, false);
    }
    assert_int_equal(o.count, OUTBOX_MESSAGES);
    outbox_clear(&o);
    assert_int_equal(o.bytes, 0);
    assert_null(o.first);
    add(&o, "y", 10, false);
    assert_true(next_is(&o, "y", 0));
    outbox_clear(&o);
}

/* ---- settings and links ---- */

static struct faults told;

static struct supervisors_settings *read_text(const char *text)
{
    static const struct json_limits limits = {16, 10000, 4096, false};
    static const struct supervisor_files files = {"c", "k", "a", "r"};
    struct arena *a = arena_new(1 << 20);
    struct document *d = faults_begin(&told);
    struct document_place list = document_parse(d, a, slice_of(text), &limits);
    assert_non_null(list.node);
    struct supervisors_settings *settings = supervisors_settings_read(d, list.node, &files);
    arena_free(&a); /* all is copied */
    return settings;
}

static void test_settings(void **state)
{
    (void)state;
    struct supervisors_settings *l =
        read_text("[{\"url\": \"https://sup.example:8889\"},"
                  " {\"url\": \"https://[::1]:1/\", \"registration_path\": \"/r\","
                  "  \"specification_path\": \"/s\", \"result_path\": \"/t\", \"poll_s\": 3,"
                  "  \"expiry_s\": 9, \"certificate\": \"C\", \"key\": \"K\", \"ca\": \"A\","
                  "  \"link_hosts\": [\"h:1\", \"[::2]:2\"]}, {\"url\": \"https://x:1\","
                  "  \"ca\": \"A\", \"crl\": \"R\"}]");
    assert_non_null(l);
    assert_int_equal(l->count, 3);
    const struct supervisor_settings *a = &l->supervisor[0], *b = &l->supervisor[1];
    assert_string_equal(a->registration_url, "https://sup.example:8889/register/capability");
    assert_string_equal(a->specification_url, "https://sup.example:8889/show/specification");
    assert_string_equal(a->result_url, "https://sup.example:8889/register/result");
    assert_int_equal(a->poll_s, 5);
    assert_int_equal(a->expiry_s, 10);
    assert_string_equal(a->files.certificate, "c");
    assert_string_equal(a->files.crl, "r");
    assert_string_equal(b->url, "https://[::1]:1");
    assert_string_equal(b->result_url, "https://[::1]:1/t");
    assert_string_equal(b->files.key, "K");
    assert_string_equal(b->files.crl, ""); /* our list is not of that authority */
    assert_int_equal(b->link_host_count, 2);
    assert_string_equal(l->supervisor[2].files.crl, "R");
    supervisors_settings_free(&l);
    l = supervisors_settings_read(faults_begin(&told), NULL, NULL);
    assert_int_equal(l->count, 0);
    supervisors_settings_free(&l);
}

/* One fault, of that place. */
static void refused(const char *text, const char *expected)
{
    char said[300];
    snprintf(said, sizeof said, "mplane-gw.supervisors%s", expected);
    assert_null(read_text(text));
    ASSERT_FAULTS(&told, said);
}

static void test_urls_refused(void **state)
{
    static const char *const urls[] = {
        "http://h:1",    "https://h",        "https://h:1/path", "https://h:1?q", "https://h:1#f",
        "https://:1",    "ftp://h:1",        "https://h:99999",  "https://h :1",  "",
        "https://h:0x1", "https://h:1/../a", "https://[::1:1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        char text[200], said[200];
        snprintf(text, sizeof text, "[{\"url\": \"%s\"}]", urls[i]);
        snprintf(said, sizeof said, "[0].url: expected https://HOST:PORT, found \"%s\"", urls[i]);
        refused(text, said);
    }
}

static void test_passwords_are_not_shown(void **state)
{
    (void)state;
    refused("[{\"url\": \"https://u:s3cret@h:1\"}]",
            "[0].url: expected https://HOST:PORT, found 20 bytes that may hold a password");
    refused("[{\"url\": \"https://h:1\", \"link_hosts\": [\"u:s3cret@h:1\"]}]",
            "[0].link_hosts[0]: expected HOST:PORT, found 12 bytes that may hold a password");
    refused(
        "[{\"url\": \"https://h:1\", \"result_path\": \"/r?token=s3cret\"}]",
        "[0].result_path: expected a path of at most 512 bytes that begins with \"/\", found 15 "
        "bytes that may hold a password");
    refused("[{\"url\": \"https://h:1\", \"certificate\": \"c\", \"key\": \"-----BEGIN PRIVATE "
            "KEY-----\\ns3cret\"}]",
            "[0].key: expected the name of a file, found 34 bytes that may hold a password");
}

static void test_settings_refused(void **state)
{
    (void)state;
    refused("[1]", "[0]: expected an object, found 1");
    refused("[{}]", "[0].url: expected a string, found nothing");
    refused("[{\"url\": 5}]", "[0].url: expected a string, found 5");
    refused("[{\"url\": \"https://h:1\", \"x\": 5}]",
            "[0].x: unknown, expected one of url registration_path specification_path result_path "
            "certificate key ca crl poll_s expiry_s link_hosts");
    refused("[{\"url\": \"https://h:1\"}, {\"url\": \"https://H:1/\"}]",
            "[1].url: is that of supervisors[0], too");
    refused("[{\"url\": \"https://h:1\", \"key\": \"k\"}]",
            "[0]: expected `certificate` and `key` together, or neither");
    refused("[{\"url\": \"https://h:1\", \"result_path\": \"r\"}]",
            "[0].result_path: expected a path of at most 512 bytes that begins with \"/\", found "
            "\"r\"");
    refused("[{\"url\": \"https://h:1\", \"poll_s\": 0}]",
            "[0].poll_s: expected an integer 1..3600, found 0");
    refused("[{\"url\": \"https://h:1\", \"expiry_s\": 1.5}]",
            "[0].expiry_s: expected an integer 1..3600, found 1.5");
    refused("[{\"url\": \"https://h:1\", \"link_hosts\": [\"h\"]}]",
            "[0].link_hosts[0]: expected HOST:PORT, found \"h\"");
    refused("[{\"url\": \"https://h:1\", \"link_hosts\": [\"h:1/a\"]}]",
            "[0].link_hosts[0]: expected HOST:PORT, found \"h:1/a\"");
    refused("[{\"url\": \"https://h:1\", \"link_hosts\": \"h:1\"}]",
            "[0].link_hosts: expected a list, found \"h:1\"");
    refused("[{\"url\":\"https://h:1\"},{\"url\":\"https://h:2\"},{\"url\":\"https://h:3\"},"
            "{\"url\":\"https://h:4\"},{\"url\":\"https://h:5\"},{\"url\":\"https://h:6\"},"
            "{\"url\":\"https://h:7\"},{\"url\":\"https://h:8\"},{\"url\":\"https://h:9\"}]",
            ": expected at most 8 elements, found 9");
}

static void test_all_faults_at_once(void **state)
{
    (void)state;
    assert_null(
        read_text("[{\"url\": 5, \"result_path\": \"r\", \"poll_s\": 0, \"link_hosts\": [1]},"
                  " {\"url\": \"https://h:1\", \"uri\": 1}]"));
    assert_int_equal(told.count, 5);
}

static void test_links(void **state)
{
    (void)state;
    static const struct {
        const char *link;
        enum supervisor_link where;
        const char *url;
    } cases[] = {
        {NULL, SUPERVISOR_LINK_OWN, "https://sup.example:8889/r"},
        {"", SUPERVISOR_LINK_OWN, "https://sup.example:8889/r"},
        {"https://sup.example:8889", SUPERVISOR_LINK_OWN, "https://sup.example:8889/r"},
        {"https://sup.example:8889/", SUPERVISOR_LINK_OWN, "https://sup.example:8889/r"},
        {"https://SUP.example:8889/", SUPERVISOR_LINK_OWN, "https://sup.example:8889/r"},
        {"https://sup.example:8889/else", SUPERVISOR_LINK_OWN, "https://sup.example:8889/else"},
        {"https://sup.example:8889/a?b#c", SUPERVISOR_LINK_OWN, "https://sup.example:8889/a"},
        {"https://u:p@sup.example:8889/a", SUPERVISOR_LINK_REFUSED, "https://sup.example:8889/r"},
        {"https://h:1/a", SUPERVISOR_LINK_ELSEWHERE, "https://h:1/a"},
        {"https://h:1", SUPERVISOR_LINK_ELSEWHERE, "https://h:1/"},
        {"https://h:2/a", SUPERVISOR_LINK_REFUSED, "https://sup.example:8889/r"},
        {"https://h/a", SUPERVISOR_LINK_REFUSED, "https://sup.example:8889/r"},
        {"https://sup.example/", SUPERVISOR_LINK_REFUSED, "https://sup.example:8889/r"},
        {"http://sup.example:8889/a", SUPERVISOR_LINK_REFUSED, "https://sup.example:8889/r"},
        {"https://sup.example:8889@evil:1/", SUPERVISOR_LINK_REFUSED, "https://sup.example:8889/r"},
        {"https://evil:1/?https://sup.example:8889/", SUPERVISOR_LINK_REFUSED,
         "https://sup.example:8889/r"},
        {"https://evil:1\\\\@sup.example:8889/", SUPERVISOR_LINK_REFUSED,
         "https://sup.example:8889/r"},
        {"https://sup.example:8889/a b", SUPERVISOR_LINK_REFUSED, "https://sup.example:8889/r"},
        {"https://sup.example:8889/a\r\nHost: x", SUPERVISOR_LINK_REFUSED,
         "https://sup.example:8889/r"},
        {"file:///etc/passwd", SUPERVISOR_LINK_REFUSED, "https://sup.example:8889/r"},
        {"mplane-https://sup.example:8889/a", SUPERVISOR_LINK_REFUSED,
         "https://sup.example:8889/r"},
        {"nonsense", SUPERVISOR_LINK_REFUSED, "https://sup.example:8889/r"},
    };
    struct supervisors_settings *l =
        read_text("[{\"url\": \"https://sup.example:8889\", \"result_path\": \"/r\","
                  "  \"link_hosts\": [\"h:1\"]}]");
    char url[SUPERVISOR_URL_BYTES], large[4096];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum supervisor_link where =
            supervisor_result_url(&l->supervisor[0], slice_of(cases[i].link), url);
        assert_string_equal(url, cases[i].url);
        assert_int_equal(where, cases[i].where);
    }
    memset(large, 'a', sizeof large);
    memcpy(large, "https://sup.example:8889/", 25);
    assert_int_equal(
        supervisor_result_url(&l->supervisor[0], (struct slice){large, sizeof large}, url),
        SUPERVISOR_LINK_REFUSED);
    assert_int_equal(
        supervisor_result_url(&l->supervisor[0], (struct slice){"https://h:1/\0x", 15}, url),
        SUPERVISOR_LINK_REFUSED);
    supervisors_settings_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_polls_in_time),
        cmocka_unit_test(test_polls_count_from_their_beginning),
        cmocka_unit_test(test_known_at_the_start_waits),
        cmocka_unit_test(test_known_long_after_the_start_registers),
        cmocka_unit_test(test_restarted_supervisor_is_registered_with_at_once),
        cmocka_unit_test(test_lost_contact_waits_until_forgotten),
        cmocka_unit_test(test_late_answer_is_no_proof),
        cmocka_unit_test(test_doubtful_registration_is_not_repeated_soon),
        cmocka_unit_test(test_forgetful_supervisor),
        cmocka_unit_test(test_changes_are_told_when_it_is_sure),
        cmocka_unit_test(test_callbacks),
        cmocka_unit_test(test_renamed_waits_as_well),
        cmocka_unit_test(test_never_registered_twice),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_outbox_in_order),
        cmocka_unit_test(test_outbox_refusals_and_age),
        cmocka_unit_test(test_outbox_bounds),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_settings_refused),
        cmocka_unit_test(test_urls_refused),
        cmocka_unit_test(test_passwords_are_not_shown),
        cmocka_unit_test(test_all_faults_at_once),
        cmocka_unit_test(test_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
