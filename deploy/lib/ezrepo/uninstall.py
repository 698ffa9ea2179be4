# SPDX-License-Identifier: Apache-2.0
"""`ezrepo uninstall`: the machine as it was before init and install-packages, as far as they changed it."""
import os
import shutil

from . import lifecycle, lock, systemd, trust
from .errors import Failure
from .output import say
from .state import INSTALLED, SYSTEMD, State

# Written by deploy/install-packages where there was no PostgreSQL before; with it none gets a cluster by being installed.
NO_CLUSTER = "/etc/postgresql-common/createcluster.d/ezrepo.conf"
NO_CLUSTER_TEXT = "create_main_cluster = false"


def _put_back_clusters() -> None:
    try:
        with open(NO_CLUSTER, encoding="utf-8") as file:
            lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    except FileNotFoundError:
        return
    if lines != [NO_CLUSTER_TEXT]:
        say(f"{NO_CLUSTER} was changed since it was made, and stays")
        return
    try:
        os.unlink(NO_CLUSTER)
    except PermissionError:
        say(f"{NO_CLUSTER} stays: only root can remove it")
        return
    say(f"{NO_CLUSTER} removed")


def _stop(state: State) -> None:
    lifecycle.down(state)
    if state.manager == SYSTEMD:
        systemd.retire(state)


def _remove_state(state: State) -> None:
    """Everything in the state directory, which is known to be a set's."""
    with lock.held(state, "uninstall"):
        _stop(state)
        for entry in sorted(os.listdir(state.directory), key=lambda name: name == "set.json"):
            path = state.path(entry)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
    try:
        os.rmdir(state.directory)
    except OSError as error:
        raise Failure(f"{state.directory}: {error.strerror}") from None
    say(f"{state.directory} removed")


def uninstall(state: State, remove_state: bool) -> None:
    if state.exists:
        trust.check(state.path("set.json"))
        _ = state.settings
        if remove_state:
            _remove_state(state)
        else:
            with lock.held(state, "uninstall"):
                _stop(state)
            say(f"{state.directory} stays; --remove-state removes it, with the database and all certificates")
    elif remove_state:
        raise Failure(f"{state.directory} holds no set")
    _put_back_clusters()
    say("what is left: the packages that deploy/packages names, the users ezrepo-* (deluser), and "
        + ("what meson install put under its prefix" if INSTALLED else "this source tree"))
