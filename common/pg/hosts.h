/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The servers that a connection string names, so that another one can be asked first. libpq asks
 * them in order, and when nobody looks at the clock it waits for one that is frozen for ever. Pure.
 */
#ifndef EZREPO_COMMON_PG_HOSTS_H
#define EZREPO_COMMON_PG_HOSTS_H

/* As libpq has them: lists with commas; NULL: the string does not name any. */
struct hosts {
    char *host, *hostaddr, *port;
    unsigned count; /* at least 1 */
};

/* -1 when it is no connection string, or memory is out. */
int hosts_read(struct hosts *h, const char *conninfo);
void hosts_release(struct hosts *h);

/*
 * The list with its first `by` elements behind the others, which the caller frees. NULL when it is
 * NULL, when there is only one element, which stands for all, and when memory is out.
 */
char *hosts_rotate(const char *list, unsigned by);

#endif
