/* SPDX-License-Identifier: Apache-2.0 */
/* The status file: notes, counters, what is foreseen. */
#include "common/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/foreseen.h"
#include "common/json.h"
#include "common/log.h"
#include "common/utf8.h"

#define NOTES      16
#define NOTE_BYTES 200

struct note {
    char key[32]; /* "": none, and none behind it */
    char text[NOTE_BYTES];
    bool is_trouble;
};

static struct note notes[NOTES];

/* What every process counts, behind its own counters. */
enum { LOG_LEFT_OUT, CPU_US, MEMORY_BYTES, COMMON_ROWS };
static const struct counter_row common_rows[COMMON_ROWS] = {
    [LOG_LEFT_OUT] = {"log.left_out", COUNTER_GROWS, "",
                      "lines left out of the log, since nobody read what was there"},
    [CPU_US] = {"process.cpu_us", COUNTER_GROWS, "microseconds",
                "time of processors, of the process and for it"},
    [MEMORY_BYTES] = {"process.memory_bytes", COUNTER_GAUGE, "bytes",
                      "memory that the process has, now"},
};

/* ---- notes ---- */

void status_note(const char *key, bool is_trouble, const char *format, va_list args)
{
    struct note *n = notes;
    while (n < notes + NOTES && n->key[0] != '\0' && strcmp(n->key, key) != 0) {
        n++;
    }
    if (n == notes + NOTES) {
        return;
    }
    n->is_trouble = is_trouble;
    snprintf(n->key, sizeof n->key, "%s", key);
    vsnprintf(n->text, sizeof n->text, format, args);
    utf8_repair(n->text, n->text + strlen(n->text));
}

/* ---- the file ---- */

static void print_time(FILE *f, const char *key, int64_t us)
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm utc;
    char text[32];
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(f, "  \"%s\": \"%s.%06dZ\",\n", key, text, (int)(us % 1000000));
}

/* Who asked for it waits until the number has changed. */
static void print_reload(FILE *f, const struct status_about *about)
{
    size_t count = about->told->count;
    fprintf(f, "  \"reload\": {\"number\": %u, \"refused\": %s, \"lines\": %zu, \"said\": [",
            about->reloads, about->refused ? "true" : "false", count);
    for (size_t i = 0; i < count && i < TOLD_LINES; i++) {
        fputs(i == 0 ? "\n    " : ",\n    ", f);
        json_print_string(f, about->told->line[i]);
    }
    fputs("]},\n", f);
}

static void print_notes(FILE *f)
{
    fputs("  \"notes\": {", f);
    for (size_t i = 0; i < NOTES && notes[i].key[0] != '\0'; i++) {
        fputs(i == 0 ? "\n    " : ",\n    ", f);
        json_print_string(f, notes[i].key);
        fputs(": ", f);
        json_print_string(f, notes[i].text);
    }
    fputs("\n  },\n", f);
}

/* Which notes are troubles. */
static void print_troubles(FILE *f)
{
    const char *before = "";
    fputs("  \"troubles\": [", f);
    for (size_t i = 0; i < NOTES && notes[i].key[0] != '\0'; i++) {
        if (notes[i].is_trouble) {
            fputs(before, f);
            json_print_string(f, notes[i].key);
            before = ", ";
        }
    }
    fputs("],\n", f);
}

static uint64_t cpu_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* Resident, by proc(5); 0 where there is no /proc. */
static uint64_t memory_bytes(void)
{
    uint64_t size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f != NULL) {
        int read = fscanf(f, "%" SCNu64 " %" SCNu64, &size, &resident);
        resident = read == 2 ? resident : 0;
        fclose(f);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void print_counters(FILE *f, const struct daemon *d)
{
    const uint64_t of_all[COMMON_ROWS] = {
        [LOG_LEFT_OUT] = log_left_out(), [CPU_US] = cpu_us(), [MEMORY_BYTES] = memory_bytes()};
    fputs("  \"gauges\": ", f);
    counter_print_gauges(f, d->counter_rows, d->counter_count, common_rows, COMMON_ROWS);
    fputs(",\n  \"counters\": {", f);
    for (size_t i = 0; i < d->counter_count; i++) {
        fprintf(f, "\n    \"%s\": %" PRIu64 ",", d->counter_rows[i].name, d->counters[i]);
    }
    for (size_t i = 0; i < COMMON_ROWS; i++) {
        fprintf(f, "%s\n    \"%s\": %" PRIu64, i == 0 ? "" : ",", common_rows[i].name, of_all[i]);
    }
    fputs("\n  }", f);
}

static void print_histograms(FILE *f, const struct daemon *d)
{
    fputs(",\n  \"histograms\": {", f);
    for (size_t i = 0; i < d->histogram_count; i++) {
        const struct histogram *h = &d->histograms[i];
        fprintf(f, "%s\n    \"%s\": {\"sum_us\": %" PRIu64 ", \"counts\": [", i == 0 ? "" : ",",
                d->histogram_rows[i].name, h->sum_us);
        for (int k = 0; k <= HISTOGRAM_BOUNDS; k++) {
            fprintf(f, "%s%" PRIu64, k == 0 ? "" : ", ", h->counts[k]);
        }
        fputs("]}", f);
    }
    fputs("\n  }\n}\n", f);
}

static void print_status(FILE *f, const struct status_about *about)
{
    const struct daemon *d = about->daemon;
    fprintf(f, "{\n  \"name\": \"%s", d->name);
    if (d->several) {
        fprintf(f, "-%u", about->instance);
    }
    fprintf(f, "\",\n  \"process\": \"%s\",\n  \"instance\": %u,\n  \"pid\": %ld,\n", d->name,
            about->instance, (long)getpid());
    fprintf(f, "  \"version\": \"%s\",\n  \"state\": \"%s\",\n", EZREPO_VERSION, about->state);
    print_time(f, "started_at", about->started_us);
    print_time(f, "updated_at", about->told_us);
    print_notes(f);
    print_troubles(f);
    foreseen_print(f);
    print_reload(f, about);
    print_counters(f, d);
    print_histograms(f, d);
}

void status_print_counters(FILE *f, const struct daemon *d)
{
    for (size_t i = 0; i < d->counter_count; i++) {
        counter_print(f, d->name, d->counter_families, &d->counter_rows[i]);
    }
    for (size_t i = 0; i < d->histogram_count; i++) {
        counter_print(f, d->name, NULL, &d->histogram_rows[i]);
    }
    for (size_t i = 0; i < COMMON_ROWS; i++) {
        counter_print(f, NULL, NULL, &common_rows[i]);
    }
}

static void print_counter_rows(FILE *f, const struct status_about *about)
{
    status_print_counters(f, about->daemon);
}

/* In a folder that says who may read it. */
static void replace(const struct status_about *about, const char *ending,
                    void (*print)(FILE *f, const struct status_about *about))
{
    static struct log_limit said;
    char path[600], temporary[620];
    snprintf(path, sizeof path, "%s/status/%s-%u.%s", about->own_dir, about->daemon->name,
             about->instance, ending);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    FILE *f = fopen(temporary, "w");
    if (f != NULL) {
        print(f, about);
        bool failed = ferror(f) != 0 || fchmod(fileno(f), 0640) == -1;
        failed = fclose(f) != 0 || failed;
        if (!failed && rename(temporary, path) == 0) {
            return;
        }
    }
    if (log_allowed(&said, 1)) {
        log_errno("status.write", "file=%s", path);
    }
}

void status_write(const struct status_about *about)
{
    replace(about, "json", print_status);
}

void status_write_counters(const struct status_about *about)
{
    replace(about, "counters", print_counter_rows);
}
