# SPDX-License-Identifier: Apache-2.0
"""What runs the processes of a set: supervisord (supervisor.py) or systemd (systemd.py). Both do the same for whoever asks."""
from typing import Optional, Union

from . import supervisor, systemd
from .state import SYSTEMD, State

Manager = Union[supervisor.Supervisor, systemd.Systemd]


def connect(state: State, seconds: float = supervisor.START_SECONDS) -> Optional[Manager]:
    """Whichever runs the set, or could if it were asked to; None when there is none. A supervisord that is there goes
    before units that are: never both. supervisor.Mute when it does not answer within so many seconds."""
    running = supervisor.connect(state, seconds)
    if running is None and state.manager == SYSTEMD:
        return systemd.connect(state)
    return running


def launch(state: State) -> Manager:
    """Makes the one that is to run the set ready, with none of its processes started."""
    return systemd.launch(state) if state.manager == SYSTEMD else supervisor.launch(state)
