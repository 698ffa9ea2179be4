/* SPDX-License-Identifier: Apache-2.0 */
/* boot_id of random(4). */
#include "common/boot.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int boot_id(char id[BOOT_ID_BYTES])
{
    char text[BOOT_ID_BYTES];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof text);
    if (fd != -1) {
        close(fd);
    }
    if (n != BOOT_ID_BYTES) {
        memset(id, '0', BOOT_ID_BYTES);
        return -1;
    }
    memcpy(id, text, sizeof text);
    return 0;
}
