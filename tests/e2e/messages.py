# SPDX-License-Identifier: Apache-2.0
"""The messages between processes, as schemas/messages.h declares them: their numbers, their fields, how one is packed."""
import contextlib
import os
import re

import msgpack
from conftest import ROOT

EMPTY = {"UINT": 0, "INT": 0, "STR": "", "BIN": b"", "UUID": bytes(16), "STRS": [], "UINTS": []}


def _declared():
    with open(os.path.join(ROOT, "schemas", "messages.h"), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read().replace("\\\n", " "), flags=re.S)
    lists = dict(re.findall(r"^#define (\w+_FIELDS)\(UINT[^)]*\)(.*)$", text, re.M))
    fields = {name: re.findall(r"\b(UINT|INT|STR|BIN|UUID|STRS|UINTS|ADDED)\((\w*)", body)
              for name, body in lists.items()}
    version = re.search(r"^#define MESSAGE_VERSION (\d+)$", text, re.M)
    return int(version.group(1)), re.findall(r"\bMESSAGE\((\w+), (\w+)\)", text), fields


MESSAGE_VERSION, _MESSAGES, _FIELDS = _declared()
# BATCH_HEADER, GRADES, ...: the numbers.
globals().update({name.upper(): number for number, (name, _) in enumerate(_MESSAGES)})
# By number: (kind, name) of each field; of those that came with this version.
FIELDS = [[field for field in _FIELDS[name] if field[0] != "ADDED"] for _, name in _MESSAGES]
ADDED = [[kind for kind, _ in _FIELDS[name]].index("ADDED") if ("ADDED", "") in _FIELDS[name] else len(_FIELDS[name])
         for _, name in _MESSAGES]


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
    names = [name for _, name in FIELDS[number]]
    assert set(named) <= set(names), named
    assert len(values) + len(named) >= ADDED[number], f"expected {names}"
    rest = [named.get(name, EMPTY[kind]) for kind, name in FIELDS[number][len(values):]]
    message = [MESSAGE_VERSION + _release, number, *values, *rest]
    return message[:2 + ADDED[number]] if _release < 0 else message + ["new", 7, [None, b"x"]] if _release > 0 else message


def pack(number, *values, **named):
    return msgpack.packb(listed(number, *values, **named), use_bin_type=True)


def fields(number, message):
    """The fields of a message that was unpacked, by name; what one of the version before does not have is empty."""
    assert message[0] in (MESSAGE_VERSION, MESSAGE_VERSION - 1) and message[1] == number, message[:2]
    added = [EMPTY[kind] for kind, _ in FIELDS[number][ADDED[number]:]] if message[0] < MESSAGE_VERSION else []
    return dict(zip([name for _, name in FIELDS[number]], message[2:] + added, strict=True))
