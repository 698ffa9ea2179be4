/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over every file of the folders named on the command line, once each, so that a
 * corpus is a plain test. Fails when one cannot be read, or there is none: a test of no input is
 * none.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return -1;
    }
    size_t size = 0, capacity = 1 << 16;
    uint8_t *data = malloc(capacity);
    while (data != NULL) {
        size_t n = fread(data + size, 1, capacity - size, f);
        size += n;
        if (n == 0) {
            break;
        }
        if (size == capacity) {
            uint8_t *more = realloc(data, capacity *= 2);
            if (more == NULL) {
                free(data);
            }
            data = more;
        }
    }
    fclose(f);
    if (data == NULL) {
        fprintf(stderr, "%s: out of memory\n", path);
        return -1;
    }
    /* A block of exactly this size, so that AddressSanitizer sees the first byte too many. */
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    if (exact != NULL) {
        memcpy(exact, data, size);
        LLVMFuzzerTestOneInput(exact, size);
    }
    free(data);
    free(exact);
    return exact != NULL ? 0 : -1;
}

int main(int argc, char **argv)
{
    int ran = 0, failed = 0;
    for (int i = 1; i < argc; i++) {
        struct dirent **entries;
        int n = scandir(argv[i], &entries, NULL, alphasort);
        if (n == -1) {
            perror(argv[i]);
            return 1;
        }
        for (int k = 0; k < n; k++) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], entries[k]->d_name);
            if (entries[k]->d_name[0] != '.') {
                ran++;
                failed += replay_file(path) == -1;
            }
            free(entries[k]);
        }
        free(entries);
    }
    printf("%d inputs\n", ran);
    return ran > 0 && failed == 0 ? 0 : 1;
}
