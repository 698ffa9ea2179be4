# SPDX-License-Identifier: Apache-2.0
"""queryd about what was refused: selected, listed page by page, and its bytes."""
import random
import uuid

import pytest
from queries import FUTURE, INVALID, PAST, REJECT, REJECTS, prepare_store

T0 = 1_455_796_800_000_000  # 2016-02-18 12:00:00
INSTANCE = str(uuid.UUID(int=9))
SENDERS = ["192.0.2.1:5000", "192.0.2.1:5001", "192.0.2.12:1", "[2001:db8::1]:7", "https:ann", "", "192.0.2.1"]
STEP = 1_000_003
LONGEST = 65507


@pytest.fixture(scope="module")
def store(cluster):
    """The rejects as dicts, the newest first."""
    sql = cluster.connect().cursor()
    prepare_store(sql)
    rng = random.Random(7)
    rows = []
    for i in range(40):
        head = rng.randbytes([0, 1, 10, 2048, LONGEST][i % 5])
        row = {"sequence": 2**64 - 1 - i, "item": i % 3, "us": T0 + i * STEP, "sender": SENDERS[i % len(SENDERS)],
               "reason": ["json", "time.past", "*"][i % 3], "detail": f"expected '\u00e9', found \x1b {i}",
               "size": len(head) + i % 2, "head": head, "door": ["udp", "https", ""][i % 3],
               "format": ["mplane", "dig", ""][i % 3], "context": ["", "target=a%20b"][i % 2]}
        sql.execute("INSERT INTO rejected (instance, sequence, item, received_at, sender, reason, detail, size_bytes, head,"
                    " door, format, context, epoch) VALUES (%s, %s, %s, 'epoch'::timestamptz + %s * interval '1 us', %s, %s, %s, %s, %s,"
                    " %s, %s, %s, 0)"
                    " RETURNING id", (INSTANCE, *row.values()))
        rows.append({"id": sql.fetchone()[0], **row})
    return rows[::-1]


def is_wanted(row, since=PAST, until=FUTURE, instant=0, sender="", reason=""):
    in_time = row["us"] == since if instant else since <= row["us"] < until
    of_sender = sender in ("", row["sender"]) or row["sender"].startswith((f"{sender}:", f"[{sender}]:"))
    return in_time and of_sender and reason in ("", row["reason"])


@pytest.mark.parametrize("criteria, count", [
    ({}, 40), ({"reason": "time.past"}, 13), ({"reason": "x' OR true; --"}, 0), ({"sender": "192.0.2.1"}, 17),
    ({"sender": "192.0.2.1:5000"}, 6), ({"sender": "2001:db8::1", "reason": "json"}, 2), ({"sender": "192.0.2"}, 0),
    ({"since": T0 + 5 * STEP, "until": T0 + 9 * STEP}, 4), ({"since": T0 + 5 * STEP, "instant": 1}, 1),
    ({"since": T0, "until": T0}, 0)], ids=str)
def test_lists_equal_plain_selection_page_by_page(queryd, store, criteria, count):
    want = [row for row in store if is_wanted(row, **criteria)]
    assert len(want) == count
    found, after = [], ""
    while page := queryd.rows(REJECTS, limit=7, after=after, **criteria):
        found += page
        after = page[-1]["list.cursor"]
    assert [int(row["rejected.number"]) for row in found] == [row["id"] for row in want]
    for row, told in zip(want, found):
        assert told | {"time": 0, "list.cursor": 0} == {
            "rejected.number": str(row["id"]), "time": 0, "input.sender": row["sender"], "rejected.reason": row["reason"],
            "rejected.detail": row["detail"], "rejected.bytes": str(row["size"]), "rejected.kept": str(len(row["head"])),
            "ingestd.instance": INSTANCE, "batch.sequence": str(row["sequence"]), "batch.item": str(row["item"]),
            "input.door": row["door"], "input.format": row["format"], "input.context": row["context"],
            "list.cursor": 0}
    if found and not criteria:
        assert found[-1]["time"] == "2016-02-18 12:00:00.000000"


def test_the_bytes_are_those_that_are_kept(queryd, store):
    for row in store:
        told, = queryd.rows(REJECT, reject=row["id"])
        assert bytes.fromhex(told["rejected.head"]) == row["head"]
        assert (told["rejected.number"], told["rejected.detail"]) == (str(row["id"]), row["detail"])
    assert queryd.rows(REJECT, reject=2**63 - 1) == queryd.rows(REJECT) == []


def test_texts_that_are_none(queryd):
    for name, place in (("sender", "input.sender"), ("reason", "rejected.reason")):
        answer = queryd.ask(REJECTS, **{name: "a\0b"})
        assert answer.status == INVALID and answer.message == place + ": expected a text in UTF-8 without NUL"
