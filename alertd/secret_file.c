/* SPDX-License-Identifier: Apache-2.0 */
/* What is no use is erased. */
#include "alertd/secret_file.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/log.h"

static bool is_line(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (iscntrl((unsigned char)text[i])) {
            return false;
        }
    }
    return true;
}

char *secret_read(const char *name, const char *file, size_t least)
{
    struct stat s;
    size_t size;
    char *text = NULL;
    if (stat(file, &s) == -1 || (text = file_read(file, SECRET_BYTES + 1, &size)) == NULL) {
        log_errno("secret.file", "receiver=%s file=%s", name, file);
        return NULL;
    }
    if (size > 0 && text[size - 1] == '\n') {
        text[--size] = '\0';
    }
    bool closed = (s.st_mode & S_IRWXO) == 0;
    if (!closed || size < least || size > SECRET_BYTES || !is_line(text, size)) {
        secret_free(&text);
        log_error("secret.file", "receiver=%s file=%s error=\"expected %s%zu ... %d bytes\"", name,
                  file, closed ? "one line of " : "a file for its owner and group only, of ", least,
                  SECRET_BYTES);
    }
    return text;
}

void secret_check(struct document *d, const char *name, const char *file, size_t least)
{
    struct stat s;
    if (stat(file, &s) == -1) {
        if (errno != EACCES) {
            document_fault_in(d, name, "%s: %s", file, strerror(errno));
        }
    } else if (!S_ISREG(s.st_mode) || (s.st_mode & S_IRWXO) != 0) {
        document_fault_in(d, name, "%s: expected a file for its owner and group only", file);
    } else if ((size_t)s.st_size < least || (size_t)s.st_size > SECRET_BYTES + 1) {
        document_fault_in(d, name, "%s: expected one line of %zu ... %d bytes", file, least,
                          SECRET_BYTES);
    }
}

void secret_free(char **secret)
{
    if (*secret != NULL) {
        OPENSSL_cleanse(*secret, strlen(*secret));
        free(*secret);
        *secret = NULL;
    }
}
