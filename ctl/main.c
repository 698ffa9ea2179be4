/* SPDX-License-Identifier: Apache-2.0 */
/* ezrepoctl: what the operator's command needs of TLS, mPlane and UDP. Drives no processes. */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "schemas/capability_list.h"

#define ASKING_COMMAND(NAME, name, summary) {name, "", summary, ctl_query},

static const struct ctl_command commands[] = {
    {"send", "FILE|-",
     "Sends mPlane results as datagrams, one each, however they stand in the file.", ctl_send},
    {"sign", "KEYFILE FILE...|--follow",
     "Sends mPlane results, or what another tool wrote, as authenticated datagrams.", ctl_sign},
    {"deliver", "FORMAT FILE...|--follow",
     "Delivers what another tool wrote, to the set on this machine, in the format that is named.",
     ctl_deliver},
    {"import", "FILE|FOLDER...",
     "Puts old results in, of any age and number, to the set on this machine; goes on where it "
     "was.",
     ctl_import},
    ASKING_COMMANDS(ASKING_COMMAND){
        "now", "",
        "Tells what is bad now, and why: the worst first, in groups that one dimension explains.",
        ctl_now},
    {"series", "", "Lists the series that match, what grade each has now, and since when.",
     ctl_series},
    {"facets", "[DIMENSION]",
     "Lists the values of a dimension, or some of each, among the series that match, the most "
     "frequent first: how many series and records there are, how many series are bad now.",
     ctl_facets},
    {"changes", "", "Lists what changed, in the order in which it was told, or follows it.",
     ctl_changes},
    {"silent", "", "Lists series and probes of which records are missing, and since when.",
     ctl_silent},
    {"alerts", "",
     "Lists alerts that fire, or all that were told: of what, since when, to whom, and what came "
     "back.",
     ctl_alerts},
    {"alert", "VERB", "Has receivers told of an alert that is a test.", ctl_alert},
    {"timeline", "", "Draws periods of steady quality, a line for each series and grade name.",
     ctl_timeline},
    {"grid", "", "Draws how good it is from where to where, or by two other dimensions.", ctl_grid},
    {"buckets", "", "Lists the least, mean and greatest value of a metric by parts of the range.",
     ctl_buckets},
    {"arrivals", "", "Lists records in the order in which they arrived, or follows them.",
     ctl_arrivals},
    {"watch", "FILE",
     "Follows what changes from the cursor in a file on, which it keeps there; runs a command for "
     "each.",
     ctl_watch},
    {"ask", "LABEL [NAME=VALUE...] [+ LABEL...]",
     "Asks any question by its label and prints each row as a JSON object on a line of its own.",
     ctl_ask},
    {"grading", "VERB", "Checks, fetches, publishes and lists grading documents.", ctl_grading},
    {"rebuild", "", "Computes periods, events and roll-ups from the records again.", ctl_rebuild},
    {"types", "VERB",
     "Checks files of record types; takes their gaps for a store of the release before.",
     ctl_types},
    {"format", "VERB",
     "Lists, shows and checks formats of other tools; tries one on what a tool wrote.", ctl_format},
    {"token", "VERB", "Issues, lists and revokes bearer tokens.", ctl_token},
    {"key", "VERB", "Issues, lists and revokes keys for authenticated datagrams.", ctl_token},
    {"role", "VERB", "Says who has which role, and what roles may use.", ctl_role},
    {"user", "VERB", "Says who can log in with a password, and gives links that log in once.",
     ctl_people},
    {"expect", "VERB", "Says which series are expected how often.", ctl_expect},
    {"maintenance", "VERB", "Makes known when somebody works on what is measured.",
     ctl_maintenance},
    {"access", "VERB", "Shows who may do what, and who changed it.", ctl_access},
    {"capabilities", "",
     "Prints what may be asked as JSON: dimensions, queries, capabilities, and who asks here.",
     ctl_capabilities},
    {"messages", "",
     "Prints the messages between the processes as JSON: names, numbers, fields and their types.",
     ctl_messages},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static void print_help(FILE *f)
{
    fputs("Usage: ezrepoctl COMMAND [options]\n\nCommands:\n", f);
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(f, "  %-12s %s\n", commands[i].name, commands[i].summary);
    }
    fputs("\nezrepoctl COMMAND --help tells the options. Exit codes: 0 done, 1 failed, 2 wrong "
          "usage.\n",
          f);
}

/* Whether standard output is a pipe whose reader had enough: all was done before anything is
 * printed. */
static bool reader_left(void)
{
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            int exit_code = commands[i].run(&commands[i], argc - 1, argv + 1);
            if ((fflush(stdout) == EOF || ferror(stdout)) && !reader_left()) {
                return ctl_failed("standard output cannot be written");
            }
            return exit_code;
        }
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_help(stdout);
        return CTL_DONE;
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("ezrepoctl %s\n", EZREPO_VERSION);
        return CTL_DONE;
    }
    if (argc > 1) {
        return ctl_usage("there is no command \"%s\" (--help tells more)", argv[1]);
    }
    print_help(stderr);
    return CTL_USAGE;
}
