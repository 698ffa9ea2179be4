/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/interrupt.h"

#include <signal.h>
#include <stddef.h>

static void let_pass(int number)
{
    (void)number;
}

void interrupt_once_passes(void)
{
    struct sigaction action = {.sa_handler = let_pass, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}
