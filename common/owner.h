/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom the processes run as, and which part of run_dir is whose. common.user names one user for all
 * of them; with "%p" in it, which stands for the name of the process, one for each: then each has a
 * folder of its own in run_dir, and each endpoint one that only its two ends may enter. Pure.
 */
#ifndef EZREPO_OWNER_H
#define EZREPO_OWNER_H

#include <stdbool.h>
#include <stddef.h>

/* Whether each process has a user of its own. */
bool owner_is_each(const char *user);

/* The user of a process: 0, or -1 when the name does not fit. */
int owner_name(const char *user, const char *process, char *name, size_t size);

/*
 * The folder for what is this process's alone, status, lock and the like; or that of an endpoint's
 * socket: run_dir itself where one user runs all. 0, or -1 when the path does not fit.
 */
int owner_folder(const char *run_dir, const char *user, const char *process_or_endpoint, char *path,
                 size_t size);

#endif
