# SPDX-License-Identifier: Apache-2.0
"""Connection strings of PostgreSQL, taken apart by libpq itself, so that no password of one is ever among the arguments
of a program, where everybody on the machine can read it.
"""
import ctypes
import functools
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .errors import Failure

SECRET = b"*"


class _Option(ctypes.Structure):
    """PQconninfoOption of libpq-fe.h."""

    _fields_ = [("keyword", ctypes.c_char_p), ("envvar", ctypes.c_char_p), ("compiled", ctypes.c_char_p),
                ("val", ctypes.c_char_p), ("label", ctypes.c_char_p), ("dispchar", ctypes.c_char_p),
                ("dispsize", ctypes.c_int)]


@functools.lru_cache(maxsize=None)
def _libpq() -> Any:
    try:
        library = ctypes.CDLL("libpq.so.5")
    except OSError as error:
        raise Failure(f"PostgreSQL's client library cannot be used: {error}") from None
    library.PQconninfoParse.restype = ctypes.POINTER(_Option)
    library.PQconninfoParse.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p)]
    library.PQconninfoFree.restype = None
    library.PQconninfoFree.argtypes = [ctypes.POINTER(_Option)]
    return library


class Parted(NamedTuple):
    """A connection string without its secrets, and these as environment variables."""

    text: str
    environment: Dict[str, str]

    @property
    def has_secret(self) -> bool:
        return bool(self.environment)


def quoted(values: List[Tuple[str, str]]) -> str:
    """As libpq reads it again, whatever is in the values."""
    return " ".join(name + "='" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" for name, value in values)


def options(text: str) -> Optional[List[Tuple[str, str, str, bool]]]:
    """What is given in it: name, environment variable, value, whether it is secret. None when libpq cannot read it; its
    complaint is not passed on, since it quotes what may be a password."""
    library = _libpq()
    parsed = library.PQconninfoParse(text.encode("utf-8", "surrogateescape"), None) if "\0" not in text else None
    if not parsed:
        return None
    found, at = [], 0
    while parsed[at].keyword:
        one = parsed[at]
        if one.val is not None:
            found.append((one.keyword.decode(), (one.envvar or b"").decode(), one.val.decode("utf-8", "surrogateescape"),
                          one.dispchar == SECRET))
        at += 1
    library.PQconninfoFree(parsed)
    return found


def part(text: str, what: str) -> Parted:
    """`what` names the option that has it, for a fault."""
    given = options(text)
    if given is None:
        raise Failure(f"{what}: expected a libpq connection string")
    environment = {}
    for name, variable, value, secret in given:
        if secret and not variable:
            raise Failure(f"{what}: {name} cannot be passed on without everybody seeing it; put it into a service file"
                          " (service=NAME)")
        if secret:
            environment[variable] = value
    return Parted(quoted([(name, value) for name, _, value, secret in given if not secret]), environment)
