/* SPDX-License-Identifier: Apache-2.0 */
/* ingest-gw/remote/remote_journal.h: what was synced is there after a kill. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingest-gw/remote/remote_journal.h"

static char folder[64];

/* What is read of it, as text. */
struct journal_seen {
    char text[2048];
    size_t used;
};

static int see_mark(void *context, const uint8_t key[ASSEMBLY_KEY_BYTES],
                    const struct assembly_mark *marks, uint32_t count, int64_t done_us)
{
    struct journal_seen *s = context;
    s->used += (size_t)snprintf(s->text + s->used, sizeof s->text - s->used,
                                "mark %u at %d:", key[0], (int)done_us);
    for (uint32_t i = 0; i < count; i++) {
        s->used += (size_t)snprintf(s->text + s->used, sizeof s->text - s->used, " %u=%u",
                                    (unsigned)marks[i].series, (unsigned)marks[i].value);
    }
    s->used += (size_t)snprintf(s->text + s->used, sizeof s->text - s->used, "\n");
    return 0;
}

static int see_request(void *context, const struct journal_request *r)
{
    struct journal_seen *s = context;
    s->used += (size_t)snprintf(s->text + s->used, sizeof s->text - s->used,
                                "row %u at %d: %.*s %.*s %.*s\n", (unsigned)r->row,
                                (int)r->received_us, SLICE_SHOWN(r->format, 99),
                                SLICE_SHOWN(r->door, 99), SLICE_SHOWN(r->body, 99));
    return 0;
}

/* Opens it, having seen this. */
static struct remote_journal *opened(const char *expected)
{
    struct journal_seen seen = {.used = 0};
    const struct journal_reader reader = {&seen, see_mark, see_request};
    struct remote_journal *j = remote_journal_open(folder, &reader);
    assert_non_null(j);
    assert_string_equal(seen.text, expected);
    return j;
}

static uint64_t put(struct remote_journal *j, const char *body)
{
    const struct journal_request r = {.row = remote_journal_next_row(j),
                                      .received_us = 7,
                                      .format = slice_of("f"),
                                      .door = slice_of("d"),
                                      .body = slice_of(body)};
    assert_int_equal(remote_journal_put(j, &r), 0);
    return r.row;
}

static void mark(struct remote_journal *j, uint8_t key, int64_t done_us)
{
    const struct assembly_mark marks[] = {{1, 2}, {3, 4}};
    const struct assembly_group g = {.key = {key}, .marks = marks, .count = 2};
    assert_int_equal(remote_journal_mark(j, &g, done_us), 0);
}

static void synced(struct remote_journal *j)
{
    uint64_t ticket = remote_journal_ticket(j);
    while (remote_journal_synced(j).synced < ticket) {
        struct pollfd p = {.fd = remote_journal_fd(j), .events = POLLIN};
        assert_true(poll(&p, 1, 60000) == 1 || errno == EINTR);
    }
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ezrepo-journal-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder();
    return 0;
}

static void test_what_is_kept(void **state)
{
    (void)state;
    struct remote_journal *j = opened("");
    uint64_t first = put(j, "one");
    put(j, "two");
    mark(j, 9, 100);
    mark(j, 8, 50);
    remote_journal_remove(j, first);
    synced(j);
    assert_int_equal(remote_journal_counts(j).waiting_bytes, 0);
    assert_int_equal(remote_journal_counts(j).failures, 0);
    remote_journal_close(&j);
    j = opened("mark 8 at 50: 1=2 3=4\nmark 9 at 100: 1=2 3=4\nrow 2 at 7: f d two\n");
    assert_int_equal(remote_journal_next_row(j), 3);
    remote_journal_forget(j, 100);
    remote_journal_close(&j); /* what waits is written */
    j = opened("mark 9 at 100: 1=2 3=4\nrow 2 at 7: f d two\n");
    remote_journal_close(&j);
}

static void test_killed(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct remote_journal *j = opened("");
        put(j, "one");
        synced(j);
        put(j, "two");
        synced(j);
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    struct remote_journal *j = opened("row 1 at 7: f d one\nrow 2 at 7: f d two\n");
    remote_journal_close(&j);
}

static void test_many_share_a_sync(void **state)
{
    (void)state;
    struct remote_journal *j = opened("");
    for (int i = 0; i < 500; i++) {
        put(j, "x");
    }
    synced(j);
    assert_in_range(remote_journal_counts(j).commits, 1, 250);
    remote_journal_close(&j);
}

/* As large as the process may make files: nothing is lost, nothing is told to be there. */
static void test_disk_full(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct remote_journal *j = opened("");
        static char large[300000];
        memset(large, 'x', sizeof large - 1);
        signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = {200000, RLIM_INFINITY};
        setrlimit(RLIMIT_FSIZE, &limit);
        put(j, large);
        uint64_t ticket = remote_journal_ticket(j);
        while (remote_journal_synced(j).failed < ticket) {
            struct pollfd p = {.fd = remote_journal_fd(j), .events = POLLIN};
            poll(&p, 1, 60000);
        }
        bool was_told = remote_journal_counts(j).failing && remote_journal_synced(j).synced == 0;
        limit.rlim_cur = RLIM_INFINITY;
        setrlimit(RLIMIT_FSIZE, &limit);
        put(j, "more");
        synced(j);
        was_told = was_told && !remote_journal_counts(j).failing;
        remote_journal_close(&j);
        _exit(was_told ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_damaged(void **state)
{
    char path[128], command[256];
    (void)state;
    snprintf(path, sizeof path, "%s/remote.sqlite", folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "this is no file of SQLite, but long enough to look like one", 60),
                     60);
    close(fd);
    struct remote_journal *j = opened("");
    put(j, "one");
    remote_journal_close(&j);
    j = opened("row 1 at 7: f d one\n");
    remote_journal_close(&j);
    snprintf(command, sizeof command, "ls %s.damaged-* >/dev/null", path);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_share_a_sync, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disk_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
