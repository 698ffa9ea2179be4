/* SPDX-License-Identifier: Apache-2.0 */
/* The command expect: how often series are expected, where what is seen of them says it wrongly. */
#include "common/when_time.h"
#include "ctl/operator_list.h"

static struct {
    const char *every, *delay, *retire;
    int64_t every_us, delay_us, retire_us;
} given;

static const struct ctl_option entry_options[] = {
    {"every", "DURATION", &given.every, NULL, "how often a record comes: 5m, 1d"},
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

static int read_entry(void)
{
    if (given.every == NULL) {
        ctl_usage("expect add: expected --every");
        return -1;
    }
    given.delay_us = given.retire_us = -1;
    return read_duration("every", given.every, &given.every_us) == -1 ||
                   read_duration("delay", given.delay, &given.delay_us) == -1 ||
                   read_duration("retire-after", given.retire, &given.retire_us) == -1
               ? -1
               : 0;
}

static void encode(struct pack *p, const struct operator_request *r)
{
    struct expect_message m = {.id = r->id,
                               .what = r->verb,
                               .author = r->author,
                               .number = r->number,
                               DIMENSIONS(OPERATOR_PATTERN, r).every_us = (uint64_t)given.every_us,
                               .delay_us = given.delay_us,
                               .retire_us = given.retire_us};
    expect_encode(p, &m);
}

static int decode(struct slice bytes, struct arena *a, struct operator_answer *answer)
{
    struct expected_message m;
    if (expected_decode_all(bytes, a, &m) == -1) {
        return -1;
    }
    *answer = (struct operator_answer){m.status, m.message, m.entries, m.number};
    return 0;
}

static const char *const columns[] = {"number",         "criteria", "every_s", "delay_s",
                                      "retire_after_s", "author",   "added",   NULL};

static const struct operator_list entries = {
    {[OPERATOR_LIST] = {"expect list", "",
                        "Lists which series are expected how often, the newest entry first.",
                        ctl_expect},
     [OPERATOR_ADD] =
         {"expect add", "",
          "Says how often the series that fit are expected; prints the entry's number.",
          ctl_expect},
     [OPERATOR_TAKE] = {"expect remove", "NUMBER", "Takes an entry out of the list.", ctl_expect}},
    entry_options,
    columns,
    read_entry,
    encode,
    decode};

int ctl_expect(const struct ctl_command *self, int argc, char **argv)
{
    return operator_list_command(&entries, self, argc, argv);
}
