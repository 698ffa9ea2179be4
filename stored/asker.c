/* SPDX-License-Identifier: Apache-2.0 */
#include "stored/asker.h"

void asker_tell(zsock_t *socket, struct slice peer, struct pack *p, const char *event,
                struct log_limit *said)
{
    const struct slice frames[] = {peer, pack_bytes(p)};
    if ((!pack_ok(p) || bus_send(socket, frames, 2) != 0) && log_allowed(said, 5)) {
        log_warn(event, "error=\"the asker is gone\"");
    }
    pack_release(p);
}
