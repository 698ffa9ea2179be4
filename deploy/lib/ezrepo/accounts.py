# SPDX-License-Identifier: Apache-2.0
"""Whom the processes of a set of root run as: each as a user of its own, so that one that was taken over has nothing of
the others'. Who may meet whom is said by folders, each open to the two ends of an endpoint only.
"""
import contextlib
import grp
import os
import pwd
import subprocess
import time
from typing import Dict, List, Optional, Tuple, Union

from .errors import Failure, Usage
from .state import KINDS, Account, Group, State, make_directory

# Of an endpoint (schemas/messages.h): whose socket it is, and whose group may connect.
ENDPOINTS: Dict[str, Tuple[str, str]] = {
    "batches": ("ingestd", "classifyd"),
    "deliver": ("ingestd", "delivering"),
    "graded": ("stored", "classifyd"),
    "signs": ("stored", "ingestd"),
    "announce": ("stored", "announced"),
    "store": ("stored", "mplane-gw"),
    "alerts": ("stored", "alertd"),
    "users": ("stored", "webd"),
    "access": ("stored", "access"),
    "keys": ("stored", "ingestd"),
    "admin": ("stored", "stored"),  # for root, who may enter any
    "query": ("queryd", "asking"),
    "reason": ("queryd", "reasond"),
    "trial": ("alertd", "alertd"),  # the same
    "sockets": ("socketd", "ingestd"),
}
# Groups of more than one process.
GROUPS: Dict[str, Tuple[str, ...]] = {"announced": ("ingestd", "classifyd", "queryd"), "database": ("stored", "queryd", "reasond"),
                                      "access": ("mplane-gw", "ingest-gw", "webd"),
                                      "delivering": ("mplane-gw", "ingest-gw"),
                                      "asking": ("mplane-gw", "alertd", "webd"),
                                      "status": ("webd",)}
NAME_BYTES = 32  # of a user at most; the longest of ours is this much longer than what it begins with
LONGEST = max(len(name) + 1 for name in (*KINDS, *GROUPS))
LOCKED_SECONDS = 30  # for others that change the system's users


def check_prefix(prefix: str) -> None:
    if len(prefix) + LONGEST > NAME_BYTES:
        raise Usage(f'"{prefix}": expected at most {NAME_BYTES - LONGEST} characters, since users and groups begin with it')


def change(*words: str) -> None:
    """Has a program change the system's users or groups."""
    end = time.monotonic() + LOCKED_SECONDS
    while True:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        # 9: it is there, perhaps since a moment ago, by another init; 1 and 10: the file is being changed by somebody.
        if done.returncode in (0, 9):
            return
        if done.returncode not in (1, 10) or time.monotonic() > end:
            raise Failure(f"{' '.join(words)}: {done.stderr.strip()}")
        time.sleep(0.2)


def _make_group(name: str) -> None:
    try:
        grp.getgrnam(name)
    except KeyError:
        change("groupadd", "--system", name)


def _make_user(name: str, groups: List[str]) -> None:
    """As it should be; one that is there stays as it is."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        change("useradd", "--system", "--gid", name, "--groups", ",".join(groups), "--no-create-home", "--home-dir",
              "/nonexistent", "--shell", "/usr/sbin/nologin", name)


def _missing_groups(prefix: str, kind: str) -> List[str]:
    """Those that the user of this process ought to be in and is not."""
    groups = [prefix] + [f"{prefix}-{group}" for group, members in GROUPS.items() if kind in members]
    return [g for g in groups if f"{prefix}-{kind}" not in grp.getgrnam(g).gr_mem]


def make(prefix: str) -> None:
    """The users PREFIX-ingestd and so on, and their groups, as far as they are not there. Those of a release before get
    what groups came since; a user that is in none of ours is somebody else's."""
    _make_group(prefix)
    for name in (*KINDS, *GROUPS):
        _make_group(f"{prefix}-{name}")
    for kind in KINDS:
        user = f"{prefix}-{kind}"
        _make_user(user, [prefix] + [f"{prefix}-{group}" for group, members in GROUPS.items() if kind in members])
        missing = _missing_groups(prefix, kind)
        if missing and prefix not in missing:
            change("usermod", "--append", "--groups", ",".join(missing), user)
            missing = _missing_groups(prefix, kind)
        if missing:
            raise Failure(f"the user {user} is there, but not in the group {missing[0]}:"
                          f" usermod --append --groups {','.join(missing)} {user}")


def _folder(path: str, mode: int, owner: Optional[Account] = None, group: Optional[Union[Account, Group]] = None) -> None:
    """As it should be, whether it is there or not: in a folder of root's that nobody else can write."""
    with contextlib.suppress(FileExistsError):
        make_directory(path, mode, owner, group)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchown(descriptor, owner.uid if owner else 0, (group or owner).gid if group or owner else 0)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def make_run_folders(state: State) -> None:
    """run/: of all a set has there, a process finds what is its own and what it may connect to. Where there is one user
    for all, its processes make it themselves."""
    if not state.each:
        return
    if os.geteuid() == 0:
        make(str(state.settings["user"]))
    try:
        _folder(state.path("run"), 0o711)
        readers = state.group("status")
        for kind in KINDS:
            _folder(state.path("run", kind), 0o710, state.account(kind), readers)
            # A file made there is the group's.
            _folder(state.path("run", kind, "status"), 0o2750, state.account(kind), readers)
        for endpoint, (owner, group) in ENDPOINTS.items():
            # A socket made there is the group's.
            _folder(state.path("run", endpoint), 0o2710, state.account(owner), state.group(group))
    except OSError as error:
        raise Failure(f"{error.filename or state.path('run')}: {error.strerror}") from None
