# SPDX-License-Identifier: Apache-2.0
"""One lock a state directory. Every command that writes in it holds it from before it reads what it will change until
all is done, so that any number of commands at once do the same as one after the other.
"""
import contextlib
import fcntl
import os
import time
from typing import Iterator

from .errors import Failure
from .output import complain
from .state import State, make_directory

WAIT_SECONDS = 600  # more than any command takes
QUIET_SECONDS = 1


def _open(state: State) -> int:
    """The file that is locked; in a folder that nobody else may enter, who could keep it locked."""
    folder = state.path("supervisor")
    try:
        with contextlib.suppress(FileExistsError):
            make_directory(folder, 0o700)
        return os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except PermissionError as error:
        raise Failure(f"{error.filename}: no permission; be the user who made the set") from None
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}") from None


def _is_still(state: State, descriptor: int) -> bool:
    """Whether the file is the one that others lock, and was not removed with its directory meanwhile."""
    try:
        there = os.stat(state.path("supervisor", "lock"))
    except OSError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip() or "a process"


def _wait(state: State, descriptor: int) -> None:
    begin = time.monotonic()
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            waited = time.monotonic() - begin
        except OSError as error:
            raise Failure(f"{state.path('supervisor', 'lock')}: {error.strerror}") from None
        if waited > WAIT_SECONDS:
            raise Failure(f"another command has been at work on {state.directory} for {WAIT_SECONDS} s:"
                          f" {_holder(descriptor)}")
        if waited > QUIET_SECONDS and not told:
            complain(f"waiting for another command at work on {state.directory}: {_holder(descriptor)}")
            told = True
        time.sleep(0.05)


@contextlib.contextmanager
def held(state: State, command: str) -> Iterator[None]:
    """Waits until no other command writes in the state directory, which must be there, and keeps others out."""
    while True:
        descriptor = _open(state)
        _wait(state, descriptor)
        if _is_still(state, descriptor):
            break
        os.close(descriptor)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"ezrepo {command} (process {os.getpid()})\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
