/* SPDX-License-Identifier: Apache-2.0 */
/* A password that somebody types: never an argument of a command, which others can read. */
#ifndef EZREPO_CTL_PASSWORD_TYPED_H
#define EZREPO_CTL_PASSWORD_TYPED_H

#include "common/access/password.h"

/*
 * The hash of the password that is typed twice at a terminal, which does not show it, or that is
 * the first line of standard input. CTL_DONE, or the exit code after a complaint.
 */
int password_typed(char hash[PASSWORD_HASH_SIZE]);

#endif
