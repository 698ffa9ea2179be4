# SPDX-License-Identifier: Apache-2.0
"""Authenticated datagrams: the sender and the vectors of docs/udp-envelope.md."""

import base64
import json
import os
import re

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def page():
    with open(os.path.join(ROOT, "docs/udp-envelope.md"), encoding="utf-8") as file:
        return file.read()


@pytest.fixture(scope="module")
def sender_text(page):
    """The Python sender, as it stands there."""
    return re.search(r"```python\n(.*?)```", page, re.S).group(1)


def key_file(folder, key_id, secret):
    file = folder / "key.json"
    file.write_text(json.dumps({"id": key_id, "secret": base64.b64encode(bytes.fromhex(secret)).decode()}))
    return str(file)


def test_the_sender_in_python_signs_as_the_vectors_say(page, sender_text, tmp_path):
    """What our own programs make of the same vectors, tests/golden/test_signed_envelope.c tells."""
    assert sum(bool(line.strip()) for line in sender_text.splitlines()) <= 30
    names = {"__name__": "sender"}
    exec(sender_text, names)  # pylint: disable=exec-used
    vectors = [v for v in json.loads(re.search(r"```json\n(.*?)```", page, re.S).group(1)) if "refused" not in v]
    assert len(vectors) == 4
    for v in vectors:
        sender = names["Sender"](key_file(tmp_path, v["key"], v["secret"]), "127.0.0.1", 9)
        sender.epoch, sender.sequence = v["epoch"], v["sequence"] - 1
        assert sender.sign(v["content"].encode(), v["time_us"]).hex() == v["datagram"]
        sender.socket.close()
