/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of mPlane, as far as ezrepoctl needs it: find a capability of the gateway, send
 * a specification made from it, wait for the result.
 */
#ifndef EZREPO_MPLANE_CLIENT_H
#define EZREPO_MPLANE_CLIENT_H

#include "common/mplane/mplane_message.h"
#include "ctl/ctl.h"

/* Where the gateway is and who asks; filled by mplane_options. */
struct mplane_connection {
    const char *url; /* https://HOST:PORT/ */
    const char *certificate, *key, *authority;
    const char *timeout; /* seconds for one question, as text */
};
extern struct mplane_connection mplane_connection;
extern const struct ctl_option mplane_options[];

struct mplane_client;

/*
 * Checks the connection's options and makes ready; nothing is sent yet. NULL after a complaint,
 * then *exit_code is set. The caller owns it.
 */
struct mplane_client *mplane_client_new(struct arena *a, int *exit_code);
void mplane_client_free(struct mplane_client **client);

/* A parameter of a specification, by its element name. */
struct mplane_value {
    const char *name;
    const char *text;
};

/*
 * Asks the capability of this label: its parameters get the values of those names ("*" when there
 * is none), its columns are all asked for. Waits for the result, redeeming a receipt, at most the
 * timeout; then interrupts. The result message, in the arena; NULL after a complaint.
 */
const struct mplane_message *mplane_ask(struct mplane_client *client, const char *label,
                                        const struct when *when, const struct mplane_value *values,
                                        size_t count);

/* Who is told how far the gateway says a question is that takes long, in words; from then on. */
void mplane_tell_progress(void (*tell)(struct slice words));

/* For what takes long: so many seconds, where --timeout says nothing else. Before the client. */
void mplane_be_patient(const char *seconds);

/* The exit code of a question that had no result: CTL_USAGE where it was refused for what it says.
 */
int mplane_refused(const struct mplane_client *client);

/* Whether it was refused for what it says of this parameter. */
bool mplane_blames(const struct mplane_client *client, const char *parameter);

/* The signal by which somebody wanted no answer any more to what was asked last; 0: none. */
int mplane_broken_off(void);

/* The rows of a result as cells, row by row, in the order of its columns. */
struct mplane_rows {
    uint32_t columns, rows;
    const char **names;  /* of the columns, NUL-terminated */
    struct slice *cells; /* .at NULL: null, also where it was written as "*" */
    struct when when;    /* of the result: absolute */
};

/* The cells are the result's. -1 after a complaint: there are no columns, or memory is out. */
int mplane_rows(struct arena *a, const struct mplane_message *result, struct mplane_rows *rows);

/*
 * Each row as a JSON object on a line of its own, numbers and truth values as such; the exit code.
 */
int mplane_print_json(struct arena *a, const struct mplane_rows *rows);

/* The same of one row. */
int mplane_print_json_row(struct arena *a, const struct mplane_rows *rows, uint32_t row);

/* The same of one row, without the end of the line; .at NULL after a complaint. */
struct slice mplane_json_row(struct arena *a, const struct mplane_rows *rows, uint32_t row);

/* The cell in that row of the column of that name; no value when there is no such column. */
struct slice mplane_cell(const struct mplane_rows *rows, uint32_t row, const char *column);

#endif
