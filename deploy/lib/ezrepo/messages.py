# SPDX-License-Identifier: Apache-2.0
"""The messages between processes, as the programs themselves have them from schemas/messages.h."""
import functools
import json
import subprocess
from typing import Any, Dict, List, NamedTuple, Tuple

from .state import program


class Field(NamedTuple):
    """One of a message's fields; type is uint, int, str, bin, uuid, strs or uints. One that was added came with this
    version, and messages of the version before end in front of it."""
    name: str
    type: str
    added: bool


class Message(NamedTuple):
    """One of them, by its number."""
    name: str
    number: int
    fields: Tuple[Field, ...]


def read(ezrepoctl: str) -> Tuple[int, Dict[str, Message]]:
    """What this program says: the version of all messages, and each of them by its name, in the order of their numbers."""
    said = json.loads(subprocess.run([ezrepoctl, "messages"], capture_output=True, check=True).stdout)
    return said["version"], {m["name"]: Message(m["name"], m["number"], tuple(Field(**f) for f in m["fields"]))
                             for m in said["messages"]}


@functools.lru_cache(maxsize=None)
def declared() -> Tuple[int, Dict[str, Message]]:
    """The same of the program that belongs to this command."""
    return read(program("ezrepoctl"))


def fields(name: str, message: List[Any]) -> Dict[str, Any]:
    """The fields, by name, of a message of this name that was unpacked, whatever version it is of: without those that its
    version does not have, and without those that are not known here. ValueError when it is another message."""
    wanted = declared()[1][name]
    if message[1:2] != [wanted.number]:
        raise ValueError(f"expected the message {name}")
    return dict(zip((field.name for field in wanted.fields), message[2:]))
