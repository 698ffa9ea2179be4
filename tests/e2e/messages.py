# SPDX-License-Identifier: Apache-2.0
"""The messages between processes, as the programs that are tested have them: their numbers, their fields, how one is
packed."""
import contextlib
import os

import msgpack
from conftest import find_build
from ezrepo.messages import read

EMPTY = {"uint": 0, "int": 0, "str": "", "bin": b"", "uuid": bytes(16), "strs": [], "uints": []}

MESSAGE_VERSION, _messages = read(os.path.join(find_build(), "ctl", "ezrepoctl"))
# BATCH_HEADER, GRADES, ...: the numbers.
globals().update({message.name.upper(): message.number for message in _messages.values()})
# By number: its fields; how many of them the version before has.
FIELDS = [message.fields for message in _messages.values()]
BEFORE = [sum(not field.added for field in fields) for fields in FIELDS]


_release = 0  # how far from this release those are who speak here


@contextlib.contextmanager
def of_release(distance):
    """What is packed meanwhile is what the release before (-1) or after (1) would say. The one after appends fields."""
    global _release
    _release = distance
    try:
        yield
    finally:
        _release = 0


def listed(number, *values, **named):
    """A message as a list: its first fields, others by name; what came with this version may be left out."""
    names = [field.name for field in FIELDS[number]]
    assert set(named) <= set(names), named
    assert len(values) + len(named) >= BEFORE[number], f"expected {names}"
    rest = [named.get(field.name, EMPTY[field.type]) for field in FIELDS[number][len(values):]]
    message = [MESSAGE_VERSION + _release, number, *values, *rest]
    return message[:2 + BEFORE[number]] if _release < 0 else message + ["new", 7, [None, b"x"]] if _release > 0 else message


def pack(number, *values, **named):
    return msgpack.packb(listed(number, *values, **named), use_bin_type=True)


def fields(number, message):
    """The fields of a message that was unpacked, by name; what one of the version before does not have is empty."""
    assert message[0] in (MESSAGE_VERSION, MESSAGE_VERSION - 1) and message[1] == number, message[:2]
    added = [EMPTY[field.type] for field in FIELDS[number] if field.added] if message[0] < MESSAGE_VERSION else []
    return dict(zip([field.name for field in FIELDS[number]], message[2:] + added, strict=True))
