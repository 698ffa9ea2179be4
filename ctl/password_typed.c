/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal without echo, or a line. */
#include "ctl/password_typed.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "ctl/ctl.h"

/* What breaks the typing off; the terminal must show again then what is typed. */
static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
#define SIGNALS (sizeof signals / sizeof signals[0])

struct line {
    char text[PASSWORD_BYTES + 2]; /* one byte more than there may be is known to be too much */
    size_t len;
};

static void on_signal(int number)
{
    (void)number; /* what is read ends with EINTR */
}

/* What stands before the end of the line, or of what there is. -1: it was broken off, or nothing is
 * there. */
static int read_line(struct line *l)
{
    ssize_t n = 0;
    char c = '\0';
    l->len = 0;
    while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n') {
        if (l->len < PASSWORD_BYTES + 1) {
            l->text[l->len++] = c;
        }
    }
    return n == -1 || (n == 0 && l->len == 0) ? -1 : 0;
}

static int ask(const char *prompt, struct line *l)
{
    struct sigaction act = {.sa_handler = on_signal}, before[SIGNALS];
    struct termios as_it_was, quiet;
    if (tcgetattr(STDIN_FILENO, &as_it_was) == -1) {
        return -1;
    }
    for (size_t i = 0; i < SIGNALS; i++) {
        sigaction(signals[i], &act, &before[i]);
    }
    quiet = as_it_was;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    int rc = tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    if (rc == 0) {
        fputs(prompt, stderr);
        fflush(stderr);
        rc = read_line(l);
    }
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &as_it_was);
    for (size_t i = 0; i < SIGNALS; i++) {
        sigaction(signals[i], &before[i], NULL);
    }
    fputc('\n', stderr);
    return rc;
}

/* CTL_DONE, or the exit code after a complaint. */
static int read_password(struct line *first, struct line *second)
{
    bool terminal = isatty(STDIN_FILENO) == 1;
    int rc = terminal ? ask("Password: ", first) : read_line(first);
    if (rc == -1) {
        return ctl_failed(terminal ? "no password was typed"
                                   : "expected the password as a line of standard input");
    }
    const char *fault = password_fault((struct slice){first->text, first->len});
    if (fault != NULL) {
        return ctl_usage("password: %s", fault);
    }
    if (terminal && ask("The same again: ", second) == -1) {
        return ctl_failed("no password was typed");
    }
    if (terminal &&
        (first->len != second->len || CRYPTO_memcmp(first->text, second->text, first->len) != 0)) {
        return ctl_usage("password: it was not the same twice");
    }
    return CTL_DONE;
}

int password_typed(char hash[PASSWORD_HASH_SIZE])
{
    struct line first, second;
    int exit_code = read_password(&first, &second);
    if (exit_code == CTL_DONE && password_hash((struct slice){first.text, first.len}, hash) == -1) {
        exit_code = ctl_failed("out of memory, or of random bytes");
    }
    OPENSSL_cleanse(&first, sizeof first);
    OPENSSL_cleanse(&second, sizeof second);
    return exit_code;
}
