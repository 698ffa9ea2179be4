/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that log somebody in or out, while they wait; for logins.c only. */
#ifndef EZREPO_LOGIN_JOBS_H
#define EZREPO_LOGIN_JOBS_H

#include "common/access/password.h"
#include "webd/people/attempts.h"
#include "webd/people/hashing.h"
#include "webd/people/logins.h"

enum login_way { LOGIN_PASSWORD, LOGIN_LINK, LOGIN_OUT };

struct login_job {
    struct login_job *next, *prev; /* utlist */
    struct web *web;
    enum login_way way;
    struct evhttp_request *request; /* NULL: the client has left */
    struct connection *connection;
    char name[LIMIT_USER_BYTES + 1];
    char password[PASSWORD_BYTES];
    size_t password_len;
    char hash[LIMIT_NAME_BYTES + 1];
    char cookie[CREDENTIAL_URL_SIZE];
    uint8_t digest[LIMIT_DIGEST_BYTES], ticket[LIMIT_DIGEST_BYTES];
    struct address address;
    bool has_address;
    int64_t begun_us;
};

struct logins {
    struct attempts *attempts; /* with passwords */
    struct attempts *by_link;  /* which nobody guesses: only that it is no flood */
    struct workers *hashing;
    struct login_job *first;
    size_t count;
};

/* NULL after the request was answered: memory is out. */
struct login_job *login_job_new(struct web *w, enum login_way way, struct evhttp_request *request,
                                struct connection *c);

/* It ends without an answer: the client has left. */
void login_job_forget(struct login_job *k);

/* It ends with a refusal, where somebody waits for it. */
void login_job_refuse(struct login_job *k, int status, const char *reason, const char *message,
                      enum web_counter counter);
void login_job_refuse_unavailable(struct login_job *k);
void login_job_refuse_wrong(struct login_job *k);

/* It ends well: with its cookie, or without one from now on. */
void login_job_succeed(struct login_job *k);

/* The request waits; whether it does still, `request` tells. */
void login_job_wait(struct login_job *k);

/* Whether there may be this attempt; else it ends. */
bool login_job_charge(struct login_job *k);

/* Where it comes from; NULL: that is not known. */
const struct address *login_job_address(const struct login_job *k);

/* By which its like are counted. */
struct attempts *login_job_attempts(const struct login_job *k);

/* stored is told that this session is over. */
void login_job_end_session(struct web *w, const uint8_t digest[LIMIT_DIGEST_BYTES]);

#endif
