/* SPDX-License-Identifier: Apache-2.0 */
/* Units as a table, and durations. */
#include "common/formats/unit.h"

#include <string.h>

/* What a unit is worth in the first of its kind: whole x 10^exponent. */
struct unit {
    struct slice name;
    enum unit_kind kind;
    int32_t whole;
    int32_t exponent;
};

/* Only names that mean the same whichever tool writes them. */
static const struct unit units[] = {
    {SLICE("s"), UNIT_TIME, 1, 0},
    {SLICE("ms"), UNIT_TIME, 1, -3},
    {SLICE("us"), UNIT_TIME, 1, -6},
    {SLICE("\xc2\xb5s"), UNIT_TIME, 1, -6}, /* the micro sign */
    {SLICE("\xce\xbcs"), UNIT_TIME, 1, -6}, /* the Greek letter */
    {SLICE("ns"), UNIT_TIME, 1, -9},
    {SLICE("min"), UNIT_TIME, 60, 0},
    {SLICE("h"), UNIT_TIME, 3600, 0},
    {SLICE("d"), UNIT_TIME, 86400, 0},
    {SLICE("sec"), UNIT_TIME, 1, 0},
    {SLICE("msec"), UNIT_TIME, 1, -3},
    {SLICE("usec"), UNIT_TIME, 1, -6},
    {SLICE("nsec"), UNIT_TIME, 1, -9},
    {SLICE("ratio"), UNIT_RATIO, 1, 0},
    {SLICE("percent"), UNIT_RATIO, 1, -2},
    {SLICE("%"), UNIT_RATIO, 1, -2},
    {SLICE("bps"), UNIT_RATE, 1, 0},
    {SLICE("kbps"), UNIT_RATE, 1, 3},
    {SLICE("Kbps"), UNIT_RATE, 1, 3},
    {SLICE("Mbps"), UNIT_RATE, 1, 6},
    {SLICE("Gbps"), UNIT_RATE, 1, 9},
    {SLICE("Tbps"), UNIT_RATE, 1, 12},
    {SLICE("bit/s"), UNIT_RATE, 1, 0},
    {SLICE("kbit/s"), UNIT_RATE, 1, 3},
    {SLICE("Kbit/s"), UNIT_RATE, 1, 3},
    {SLICE("Mbit/s"), UNIT_RATE, 1, 6},
    {SLICE("Gbit/s"), UNIT_RATE, 1, 9},
    {SLICE("Tbit/s"), UNIT_RATE, 1, 12},
    {SLICE("bits/sec"), UNIT_RATE, 1, 0},
    {SLICE("Kbits/sec"), UNIT_RATE, 1, 3},
    {SLICE("Mbits/sec"), UNIT_RATE, 1, 6},
    {SLICE("Gbits/sec"), UNIT_RATE, 1, 9},
    {SLICE("Tbits/sec"), UNIT_RATE, 1, 12},
    {SLICE("Byte/s"), UNIT_RATE, 8, 0},
    {SLICE("B/s"), UNIT_RATE, 8, 0},
    {SLICE("KiB/s"), UNIT_RATE, 8 << 10, 0},
    {SLICE("MiB/s"), UNIT_RATE, 8 << 20, 0},
    {SLICE("B"), UNIT_SIZE, 1, 0},
    {SLICE("Byte"), UNIT_SIZE, 1, 0},
    {SLICE("bit"), UNIT_SIZE, 125, -3},
    {SLICE("KiB"), UNIT_SIZE, 1 << 10, 0},
    {SLICE("MiB"), UNIT_SIZE, 1 << 20, 0},
    {SLICE("GiB"), UNIT_SIZE, 1 << 30, 0},
};

const struct unit *unit_named(struct slice name)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (slice_equal(name, units[i].name)) {
            return &units[i];
        }
    }
    return NULL;
}

/* Words of names that tell a unit, as it is called where values are converted. */
static const char *const unit_words[][2] = {
    {"s", "s"},         {"ms", "ms"},           {"us", "us"},     {"ns", "ns"},
    {"ratio", "ratio"}, {"percent", "percent"}, {"bps", "bps"},   {"kbps", "kbps"},
    {"mbps", "Mbps"},   {"octets", "B"},        {"bytes", "B"},   {"count", NULL},
    {"pps", NULL},      {"index", NULL},        {"seconds", "s"},
};

struct slice unit_next_word(struct slice *rest, const char *separators)
{
    struct slice word = {rest->at, 0};
    while (word.len < rest->len && strchr(separators, word.at[word.len]) == NULL) {
        word.len++;
    }
    size_t taken = word.len < rest->len ? word.len + 1 : word.len;
    rest->at += taken;
    rest->len -= taken;
    return word;
}

bool unit_in_name(struct slice name, const char **unit)
{
    bool told = false;
    *unit = NULL;
    while (name.len > 0) {
        struct slice word = unit_next_word(&name, "._");
        for (size_t i = 0; i < sizeof unit_words / sizeof unit_words[0]; i++) {
            if (slice_is(word, unit_words[i][0])) {
                told = true;
                *unit = unit_words[i][1];
            }
        }
    }
    return told;
}

enum unit_kind unit_kind(const struct unit *u)
{
    return u->kind;
}

const char *unit_kind_name(enum unit_kind kind)
{
    static const char *const names[] = {
        [UNIT_TIME] = "time", [UNIT_RATIO] = "ratio", [UNIT_RATE] = "rate", [UNIT_SIZE] = "size"};
    return names[kind];
}

/* z = z * whole, or z / whole. */
static int times_whole(struct arena *a, int32_t whole, bool over, struct exact *z)
{
    struct exact factor = exact_of_integer(whole);
    return whole == 1 ? EXACT_OK : over ? exact_div(a, z, &factor, z) : exact_mul(a, z, &factor, z);
}

int unit_convert(struct arena *a, const struct exact *x, const struct unit *from,
                 const struct unit *to, struct exact *z)
{
    struct exact value;
    int outcome = exact_scale(x, from->exponent - to->exponent, &value);
    if (outcome == EXACT_OK) {
        outcome = times_whole(a, from->whole, false, &value);
    }
    if (outcome == EXACT_OK) {
        outcome = times_whole(a, to->whole, true, &value);
    }
    if (outcome == EXACT_OK) {
        *z = value;
    }
    return outcome;
}

/* Digits, and a fraction if one follows; what is behind them is left. */
static struct slice take_number(struct slice *text, bool *fraction)
{
    struct slice number = {text->at, 0};
    *fraction = false;
    for (; number.len < text->len; number.len++) {
        char c = text->at[number.len];
        if (c == '.') {
            *fraction = true;
        } else if (c < '0' || c > '9') {
            break;
        }
    }
    text->at += number.len;
    text->len -= number.len;
    return number;
}

static bool take(struct slice *text, char c)
{
    if (text->len == 0 || *text->at != c) {
        return false;
    }
    text->at++;
    text->len--;
    return true;
}

/* What each letter is worth, 'D' before the 'T', the others behind it. */
static const struct duration_part {
    char letter;
    bool of_day;
    int32_t seconds;
} duration_parts[] = {{'D', false, 86400}, {'H', true, 3600}, {'M', true, 60}, {'S', true, 1}};
#define DURATION_PARTS (sizeof duration_parts / sizeof duration_parts[0])

/* The part of that letter which is not before the `next`th; DURATION_PARTS: there is none. */
static size_t part_of(struct slice *text, size_t next, bool of_day)
{
    for (; next < DURATION_PARTS; next++) {
        if (duration_parts[next].of_day == of_day && take(text, duration_parts[next].letter)) {
            break;
        }
    }
    return next;
}

static int add_part(struct arena *a, struct slice number, int32_t worth, struct exact *seconds)
{
    struct exact x, factor = exact_of_integer(worth);
    int outcome = exact_of_text(a, number, &x);
    if (outcome == EXACT_OK) {
        outcome = exact_mul(a, &x, &factor, &x);
    }
    return outcome == EXACT_OK ? exact_add(a, seconds, &x, seconds) : outcome;
}

int unit_duration(struct arena *a, struct slice text, struct exact *seconds)
{
    struct exact sum = exact_of_integer(0);
    struct exact sign = exact_of_integer(take(&text, '-') ? -1 : 1);
    bool of_day = false, fraction = false;
    size_t next = 0;
    if (!take(&text, 'P') || text.len == 0) {
        return EXACT_NO_NUMBER;
    }
    while (text.len > 0) {
        bool marked = !of_day && take(&text, 'T');
        of_day = of_day || marked;
        bool after_fraction = fraction;
        struct slice number = take_number(&text, &fraction);
        size_t part = part_of(&text, next, of_day);
        if (part == DURATION_PARTS || after_fraction) {
            return EXACT_NO_NUMBER;
        }
        int outcome = add_part(a, number, duration_parts[part].seconds, &sum);
        if (outcome != EXACT_OK) {
            return outcome;
        }
        next = part + 1;
    }
    return exact_mul(a, &sum, &sign, seconds);
}
