/* SPDX-License-Identifier: Apache-2.0 */
/* So much of PostgreSQL's protocol, version 3, as libpq needs to hear: one connection at a time. */
#include "pg_stand_in.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/pg/bytes.h"

#define MESSAGE_BYTES 65536

struct served {
    int fd;
    const struct pg_stand_in_answer *answers;
    size_t count, next;
    char statement[MESSAGE_BYTES]; /* the one that was asked last */
};

/* ---- messages: a letter, then length and bytes ---- */

static int read_all(int fd, char *to, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = read(fd, to, bytes);
        if (n <= 0) {
            return -1;
        }
        to += n;
        bytes -= (size_t)n;
    }
    return 0;
}

/* Its bytes end with '\0'. */
static int read_body(int fd, char body[MESSAGE_BYTES])
{
    char length[4];
    if (read_all(fd, length, sizeof length) == -1) {
        return -1;
    }
    uint32_t bytes = bytes_get_32(length) - 4;
    if (bytes >= MESSAGE_BYTES || read_all(fd, body, bytes) == -1) {
        return -1;
    }
    body[bytes] = '\0';
    return 0;
}

static void say(int fd, char letter, const char *body, size_t bytes)
{
    char head[5] = {letter};
    bytes_set_32(head + 1, (uint32_t)bytes + 4);
    if (write(fd, head, sizeof head) == -1 || (bytes > 0 && write(fd, body, bytes) == -1)) {
        _exit(0);
    }
}

static void say_ready(int fd)
{
    say(fd, 'Z', "I", 1);
}

static void say_tag(int fd, const char *tag)
{
    say(fd, 'C', tag, strlen(tag) + 1);
}

/* ---- answers ---- */

static void say_row(int fd, int64_t value)
{
    struct bytes b = {0};
    bytes_put_16(&b, 1);
    bytes_put(&b, (struct slice){"n", 2});
    bytes_put_32(&b, 0);
    bytes_put_16(&b, 0);
    bytes_put_32(&b, 20);
    bytes_put_16(&b, 8);
    bytes_put_32(&b, UINT32_MAX);
    bytes_put_16(&b, 1);
    say(fd, 'T', b.at, b.len);
    b.len = 0;
    bytes_put_16(&b, 1);
    bytes_put_32(&b, 8);
    bytes_put_64(&b, (uint64_t)value);
    say(fd, 'D', b.at, b.len);
    say_tag(fd, "SELECT 1");
    bytes_release(&b);
}

static void say_error(int fd, const char *sqlstate)
{
    char body[64];
    int n =
        snprintf(body, sizeof body, "SERROR%cVERROR%cC%s%cMas told%c%c", 0, 0, sqlstate, 0, 0, 0);
    say(fd, 'E', body, (size_t)n);
}

static const struct pg_stand_in_answer *find_answer(struct served *s)
{
    static const struct pg_stand_in_answer yes = {.how = SAYS_DONE, .what = "SET"};
    bool told = s->next < s->count && strcmp(s->answers[s->next].statement, s->statement) == 0;
    return told ? &s->answers[s->next++] : &yes;
}

/* False: the connection is to end. */
static bool answer(struct served *s, bool parsed)
{
    const struct pg_stand_in_answer *a = find_answer(s);
    bool rows = a->how == SAYS_ROW || a->how == SAYS_ROW_AND_TAG;
    if (a->how == ENDS || a->how == SAYS_NOTHING) {
        return a->how == SAYS_NOTHING;
    }
    if (parsed && a->how != SAYS_ERROR) {
        say(s->fd, '1', "", 0);
        say(s->fd, '2', "", 0);
        if (!rows) {
            say(s->fd, 'n', "", 0);
        }
    }
    if (rows) {
        say_row(s->fd, strtoll(a->what, NULL, 10));
        if (a->how == SAYS_ROW_AND_TAG) {
            say_tag(s->fd, "DROP TABLE");
        }
    } else if (a->how == SAYS_ERROR) {
        say_error(s->fd, a->what);
    } else {
        say_tag(s->fd, a->what);
    }
    if (a->how == ENDS_BEHIND_DONE) {
        return false;
    }
    say_ready(s->fd);
    return true;
}

/* Until it ends, from either side. */
static void serve(struct served *s)
{
    static char body[MESSAGE_BYTES];
    char letter;
    if (read_body(s->fd, body) == -1) { /* what it wants to be connected to */
        return;
    }
    say(s->fd, 'R', "\0\0\0\0", 4);
    say_ready(s->fd);
    for (bool goes_on = true; goes_on;) {
        if (read_all(s->fd, &letter, 1) == -1 || read_body(s->fd, body) == -1) {
            return;
        }
        if (letter == 'Q' ||
            letter == 'P') { /* behind the name of what is prepared, if it has one */
            const char *text = letter == 'Q' ? body : body + strlen(body) + 1;
            snprintf(s->statement, sizeof s->statement, "%s", text);
        }
        if (letter == 'Q' || letter == 'S') {
            goes_on = answer(s, letter == 'S');
        }
    }
}

/* ---- the process ---- */

void pg_stand_in_begin(struct pg_stand_in *s, const struct pg_stand_in_answer *answers,
                       size_t count)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(s->folder, sizeof s->folder, "/tmp/pg_stand_in.XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(at.sun_path, sizeof at.sun_path, "%s/.s.PGSQL.5432", s->folder);
    snprintf(s->database, sizeof s->database,
             "host=%s port=5432 user=x dbname=x sslmode=disable gssencmode=disable", s->folder);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_not_equal(listener, -1);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 4), 0);
    s->pid = fork();
    assert_int_not_equal(s->pid, -1);
    if (s->pid == 0) {
        struct served *served = calloc(1, sizeof *served);
        signal(SIGPIPE, SIG_IGN);
        *served = (struct served){.answers = answers, .count = count};
        while ((served->fd = accept(listener, NULL, NULL)) != -1) {
            serve(served);
            close(served->fd);
        }
        _exit(0);
    }
    close(listener);
}

void pg_stand_in_end(struct pg_stand_in *s)
{
    char path[128];
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    snprintf(path, sizeof path, "%s/.s.PGSQL.5432", s->folder);
    unlink(path);
    rmdir(s->folder);
}
