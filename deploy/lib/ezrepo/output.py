# SPDX-License-Identifier: Apache-2.0
"""Printing that never stops what is being done: a reader that went away, or a full disk behind standard output, is
noticed, and told at the end, when all is done.
"""
import errno
import os
import sys

_lost = ""  # why standard output could not be written, when that is more than a reader who had enough


def _to_nowhere() -> None:
    """What is left in Python's buffer must not fail again when the program ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def say(text: str) -> None:
    """A line, or several, on standard output, at once."""
    global _lost  # pylint: disable=global-statement
    if sys.stdout is None:
        return
    try:
        print(text, flush=True)
    except OSError as error:
        if error.errno != errno.EPIPE:
            _lost = error.strerror
        _to_nowhere()


def complain(text: str) -> None:
    """A line on standard error; who closed it is not told."""
    try:
        print(f"ezrepo: {text}", file=sys.stderr, flush=True)
    except (OSError, AttributeError):
        pass


def lost() -> str:
    """Why something said was lost; "" when nothing was, or its reader had enough."""
    return _lost
