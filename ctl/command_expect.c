/* SPDX-License-Identifier: Apache-2.0 */
/* The command expect: how often series are expected, where what is seen of them says it wrongly. */
#include "common/when_time.h"
#include "ctl/access_link.h"
#include "ctl/listing.h"

static struct {
    const char *run_dir, *output, *before;
    const char *dimensions[DIMENSION_COUNT];
    const char *every, *delay, *retire, *author;
} given;

static const struct ctl_option place_options[] = {
    {"run-dir", "DIR", &given.run_dir, NULL, "where stored's socket is"},
    {NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option list_options[] = {
    LISTING_OPTION(given.output),
    {"before", "NUMBER", &given.before, NULL, "entries before this one"},
    {NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option author_options[] = {
    {"author", "NAME", &given.author, NULL, "who says so; unless given who types this"},
    {NULL, NULL, NULL, NULL, NULL}};

#define DIMENSION_OPTION(x, name, Name, addresses, help)                                           \
    {#name, "PATTERN", &given.dimensions[DIMENSION_##name], NULL, help},
static const struct ctl_option entry_options[] = {
    DIMENSIONS(DIMENSION_OPTION, ){"every", "DURATION", &given.every, NULL,
                                   "how often a record comes: 5m, 1d"},
    {"delay", "DURATION", &given.delay, NULL,
     "how much later than it ends it may come; unless given as late as the last ones came"},
    {"retire-after", "DURATION", &given.retire, NULL,
     "after how long nobody expects it any more; 7d or 100 times as long as --every, the longer"},
    {NULL, NULL, NULL, NULL, NULL}};

static int read_duration(const char *option, const char *text, int64_t *us)
{
    if (text != NULL && (when_duration_parse(slice_of(text), us) == -1 || *us < 0 ||
                         (uint64_t)*us > LIMIT_EXPECTED_US)) {
        ctl_usage("--%s: expected a duration such as 90m, ten years at most, found \"%s\"", option,
                  text);
        return -1;
    }
    return 0;
}

static int read_entry(struct expect_message *m)
{
    int64_t every_us = 0;
    if (given.every == NULL) {
        ctl_usage("expect add: expected --every");
        return -1;
    }
    m->what = EXPECT_ADD;
    m->delay_us = m->retire_us = -1;
#define TAKE(x, name, Name, addresses, help)                                                       \
    if (given.dimensions[DIMENSION_##name] != NULL) {                                              \
        m->name = slice_of(given.dimensions[DIMENSION_##name]);                                    \
    }
    DIMENSIONS(TAKE, )
#undef TAKE
    if (read_duration("every", given.every, &every_us) == -1 ||
        read_duration("delay", given.delay, &m->delay_us) == -1 ||
        read_duration("retire-after", given.retire, &m->retire_us) == -1) {
        return -1;
    }
    m->every_us = (uint64_t)every_us;
    return 0;
}

static int read_number(struct expect_message *m, enum expect_what what, const char *text)
{
    int64_t number = 0;
    if (text != NULL && ctl_number(text, 1, INT64_MAX, &number) == -1) {
        ctl_usage("expect: expected a number, found \"%s\"", text);
        return -1;
    }
    m->what = what;
    m->number = (uint64_t)number;
    return 0;
}

/* ---- verbs ---- */

static int run(struct expect_message *m)
{
    static const char *const names[] = {"number",         "criteria", "every_s", "delay_s",
                                        "retire_after_s", "author",   "added",   NULL};
    struct access_link l;
    struct expected_message answer;
    int exit_code = access_link_open(&l, given.run_dir);
    if (exit_code != CTL_DONE) {
        return exit_code;
    }
    exit_code = access_link_expect(&l, m, given.author, &answer) == 0
                    ? access_link_print(&l, m->what == EXPECT_LIST, answer.entries, answer.number,
                                        given.output, names)
                    : CTL_FAILED;
    access_link_close(&l);
    return exit_code;
}

enum expect_verb_kind { VERB_LIST, VERB_ADD, VERB_REMOVE };

static const struct expect_verb {
    struct ctl_command command;
    const struct ctl_option *const groups[CTL_GROUPS];
    int words;
} verbs[] = {
    [VERB_LIST] = {{"expect list", "",
                    "Lists which series are expected how often, the newest "
                    "entry first.",
                    ctl_expect},
                   {place_options, list_options, NULL},
                   0},
    [VERB_ADD] = {{"expect add", "",
                   "Says how often the series that fit are expected; prints the entry's number.",
                   ctl_expect},
                  {place_options, entry_options, author_options, NULL},
                  0},
    [VERB_REMOVE] = {{"expect remove", "NUMBER", "Takes an entry out of the list.", ctl_expect},
                     {place_options, author_options, NULL},
                     1},
};

static int run_verb(const struct expect_verb *v, int argc, char **argv)
{
#define ANY(x, name, Name, addresses, help) .name = {"*", 1},
    struct expect_message m = {DIMENSIONS(ANY, ).delay_us = -1};
#undef ANY
    const char *word = NULL;
    int count, exit_code;
    if (ctl_options(&v->command, v->groups, argc, argv, &word, v->words, v->words, &count,
                    &exit_code) == -1) {
        return exit_code;
    }
    int rc = v == &verbs[VERB_ADD]      ? read_entry(&m)
             : v == &verbs[VERB_REMOVE] ? read_number(&m, EXPECT_REMOVE, word)
                                        : read_number(&m, EXPECT_LIST, given.before);
    return rc == -1 ? CTL_USAGE : run(&m);
}

int ctl_expect(const struct ctl_command *self, int argc, char **argv)
{
    int exit_code;
    const struct expect_verb *v = ctl_verb(self, verbs, sizeof verbs / sizeof verbs[0],
                                           sizeof verbs[0], argc, argv, &exit_code);
    return v == NULL ? exit_code : run_verb(v, argc - 1, argv + 1);
}
