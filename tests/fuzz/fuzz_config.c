/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file: any bytes are read or refused; what is read has all its strings. Faults
 * go to standard error: run with -close_fd_mask=2.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_settings {
    const char *database;
    int64_t flush_ms;
    bool flag;
    struct config_strings listen;
    const struct json *access;
};

static const struct config_option options[] = {
    {"database", CONFIG_STRING, offsetof(struct fuzz_settings, database), NULL, 0, 0, false, ""},
    {"flush_ms", CONFIG_INTEGER, offsetof(struct fuzz_settings, flush_ms), "20", 1, 10000, true,
     ""},
    {"flag", CONFIG_BOOLEAN, offsetof(struct fuzz_settings, flag), "true", 0, 0, true, ""},
    {"listen", CONFIG_STRINGS, offsetof(struct fuzz_settings, listen), "[]", 0, 0, true, ""},
    {"access", CONFIG_OBJECT, offsetof(struct fuzz_settings, access), NULL, 0, 0, true, ""},
    CONFIG_END};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_common common;
    struct fuzz_settings settings;
    static const struct config_section section = {"stored", options, NULL};
    struct config *c = config_read_bytes("FILE", (struct slice){(const char *)data, size}, &common,
                                         &section, &settings);
    if (c != NULL) {
        assert(strlen(common.run_dir) + strlen(settings.database) <= size);
        assert(settings.flush_ms >= 1 && settings.flush_ms <= 10000);
        for (size_t i = 0; i < settings.listen.count; i++) {
            assert(strlen(settings.listen.item[i]) <= size);
        }
    }
    config_free(&c);
    return 0;
}
