# SPDX-License-Identifier: Apache-2.0
"""queryd about the ledger: fabricated rows, answers compared with plain Python; which question may last how long."""
import collections
import datetime
import json
import random
import uuid

import pytest
from queries import ACCOUNTS, FAULTS, FUTURE, INVALID, LOSSES, OK, PAST, TIMEOUT, Lock, prepare_store

HOUR = 3_600_000_000
T0 = 1_455_796_800_000_000  # 2016-02-18 12:00:00
COUNTS = ["datagrams", "accepted", "exceptions", "records", "stored", "same_start", "duplicates", "rejected", "missing"]
INSTANCES = [str(uuid.UUID(int=n)) for n in (7, 2**100, 2**127)]
SENDERS = ["192.0.2.1", "2001:db8::1", "https:org.example.\u00e9", "(others)", "a.b", "~"]
REASONS = ["json", "time.past"]


def text_of(us):
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)).strftime("%Y-%m-%d %H:%M:%S.%f")


class Ledger:
    """What the store's ledger holds, as lists of dicts too: half of it not summed up yet."""

    def __init__(self, sql):
        rng = random.Random(5)
        self.rows, self.losses = [], []
        for hour in range(6):
            for instance in INSTANCES:
                for sender in rng.sample(SENDERS, 4):
                    self.add(sql, rng, T0 + hour * HOUR, instance, sender)
                self.losses.append((T0 + hour * HOUR, instance, [rng.randrange(5) for _ in range(4)]))
        sql.executemany("INSERT INTO ledger_instance (hour, instance, dropped, lost, maybe_lost, holes)"
                        " VALUES (%s, %s, %s, %s, %s, %s)", [(text_of(h) + "+00", i, *n) for h, i, n in self.losses])

    def add(self, sql, rng, hour, instance, sender):
        """A row of which a part is in entries; it closes."""
        reasons = {reason: rng.randrange(1, 9) for reason in rng.sample(REASONS, rng.randrange(3))}
        row = {"hour": hour, "instance": instance, "sender": sender, "reasons": reasons,
               **{name: rng.randrange(20) for name in ("accepted", "exceptions", "stored", "duplicates", "rejected")}}
        row["same_start"] = rng.randrange(row["stored"] + 1)
        row["missing"] = rng.randrange(-5, 6)
        row["datagrams"] = row["accepted"] + row["exceptions"] + sum(reasons.values())
        row["records"] = row["stored"] + row["duplicates"] + row["rejected"]
        summed = {name: rng.randrange(max(row[name], 0) + 1) for name in COUNTS}
        sql.execute(f"INSERT INTO ledger (hour, instance, sender, {', '.join(COUNTS)}) VALUES (%s, %s, %s"
                    f"{', %s' * len(COUNTS)}) RETURNING id", (text_of(hour) + "+00", instance, sender,
                                                              *(summed[name] for name in COUNTS)))
        row["id"] = sql.fetchone()[0]
        entry = "INSERT INTO ledger_entry (ledger_id, reason, " + ", ".join(COUNTS) + ") VALUES (%s, %s" \
            + ", %s" * len(COUNTS) + ")"
        sql.execute(entry, (row["id"], "", *(row[name] - summed[name] for name in COUNTS)))
        for reason, n in reasons.items():
            sql.execute("INSERT INTO ledger_rejected VALUES (%s, %s, %s)", (row["id"], reason, n - 1))
            sql.execute(entry, (row["id"], reason, 1, *[0] * (len(COUNTS) - 1)))
        sql.execute("INSERT INTO ledger_dropped VALUES (%s, %s)", (row["id"], row["stored"]))  # all, for their age
        self.rows.append(row)

    def accounts(self, since=PAST, until=FUTURE, instance="", sender=""):
        """As they are to be answered, in order."""
        found = collections.defaultdict(list)
        for row in self.rows:
            if row["hour"] + HOUR > since and row["hour"] < until and instance.lower() in ("", row["instance"]) \
                    and sender in ("", row["sender"]):
                found[row["instance"], row["sender"]].append(row)

        def total(rows, name):
            return str(sum(row[name] for row in rows))

        def account(key, rows):
            reasons = collections.Counter()
            for row in rows:
                reasons.update(row["reasons"])
            return {"ingestd.instance": key[0], "input.sender": key[1], "ledger.hours": str(len(rows)),
                    "ledger.first": text_of(min(row["hour"] for row in rows)),
                    "ledger.last": text_of(max(row["hour"] for row in rows)), "datagrams.count": total(rows, "datagrams"),
                    "datagrams.accepted": total(rows, "accepted"), "datagrams.exceptions": total(rows, "exceptions"),
                    "datagrams.rejected": str(sum(reasons.values())), "datagrams.reasons": dict(reasons),
                    "records.count": total(rows, "records"), "records.stored": total(rows, "stored"),
                    "records.samestart": total(rows, "same_start"), "records.duplicates": total(rows, "duplicates"),
                    "records.rejected": total(rows, "rejected"),
                    "datagrams.missing": str(max(sum(row["missing"] for row in rows), 0))}
        return [account(key, found[key]) for key in sorted(found)]


@pytest.fixture(scope="module")
def store(cluster):
    sql = cluster.connect().cursor()
    prepare_store(sql)
    return Ledger(sql)


def accounts(queryd, **criteria):
    """Without their cursors, which are others' matter; reasons read."""
    return [{**{name: value for name, value in row.items() if name != "list.cursor"},
             "datagrams.reasons": json.loads(row["datagrams.reasons"])} for row in queryd.rows(ACCOUNTS, **criteria)]


CRITERIA = [{}, {"since": T0 + 1, "until": T0 + 2 * HOUR}, {"since": T0 + HOUR, "until": T0 + HOUR}, {"sender": "a.b"},
            {"since": T0 + 3 * HOUR}, {"instance": INSTANCES[1].upper(), "until": T0 + 1}, {"sender": "x' OR true; --"},
            {"sender": "\\"}, {"instance": INSTANCES[2], "sender": "~"}, {"instance": "no such"}]


@pytest.mark.parametrize("criteria", CRITERIA, ids=str)
def test_accounts_equal_plain_sums(queryd, store, criteria):
    empty = "until" in criteria and criteria.get("since") == criteria["until"]
    want = [] if empty else store.accounts(**criteria)
    assert accounts(queryd, **criteria) == want
    seen, after = [], ""
    while page := queryd.rows(ACCOUNTS, limit=4, after=after, **criteria):
        assert len(page) <= 4
        seen += [(row["ingestd.instance"], row["input.sender"]) for row in page]
        after = page[-1]["list.cursor"]
    assert seen == [(row["ingestd.instance"], row["input.sender"]) for row in want]


def test_an_instant_is_of_its_hour(queryd, store):
    at = T0 + 2 * HOUR + 5
    assert accounts(queryd, since=at, instant=1) == store.accounts(T0 + 2 * HOUR, T0 + 3 * HOUR)
    assert accounts(queryd, since=T0 - 1, instant=1) == []


def test_losses_equal_plain_sums(queryd, store):
    for since, until, instance in ((PAST, FUTURE, ""), (T0 + HOUR, T0 + 2 * HOUR + 1, ""), (PAST, T0 + 1, INSTANCES[0])):
        sums = collections.defaultdict(lambda: [0] * 4)
        for hour, name, counts in store.losses:
            if hour + HOUR > since and hour < until and instance in ("", name):
                sums[name] = [a + b for a, b in zip(sums[name], counts)]
        # Whose they were is not known: a sender restricts nothing.
        assert [list(row.values()) for row in queryd.rows(LOSSES, since=since, until=until, instance=instance, sender="x")] \
            == [[name, *map(str, sums[name])] for name in sorted(sums)]


def faults(queryd, **criteria):
    return [(int(row["ledger.row"]), row["ledger.fault"], int(row["ledger.expected"]), int(row["ledger.found"]))
            for row in queryd.rows(FAULTS, **criteria)]


def test_faults_are_those_that_there_are(queryd, store, cluster):
    assert faults(queryd) == faults(queryd, recount=1) == []
    one, two = store.rows[3], store.rows[-1]
    sql = cluster.connect().cursor()
    sql.execute("UPDATE ledger SET duplicates = duplicates - 100, accepted = accepted + 1 WHERE id = %s", (two["id"],))
    sql.execute("UPDATE ledger_dropped SET records = records + 2 WHERE ledger_id = %s", (one["id"],))
    sql.execute("INSERT INTO ledger_dropped VALUES (987654, 8), (987654, 1)")
    try:
        sums = [(two["id"], "datagrams", two["datagrams"], two["datagrams"] + 1),
                (two["id"], "records", two["records"], two["records"] - 100)]
        stored = [(one["id"], "stored", one["stored"], one["stored"] + 2)]
        assert faults(queryd) == sums
        assert faults(queryd, recount=1) == [*sums, *stored, (987654, "records of no row", 0, 9)]
        row, = queryd.rows(FAULTS, sender=one["sender"], instance=one["instance"], until=one["hour"] + 1, recount=1)
        assert (row["ledger.hour"], row["ingestd.instance"], row["input.sender"]) == \
            (text_of(one["hour"]), one["instance"], one["sender"])
        assert queryd.rows(FAULTS, recount=1)[-1]["ingestd.instance"] is None
        # What was removed for its age is compared no more.
        sql.execute("UPDATE ledger_removed SET below = 987655")
        assert faults(queryd, recount=1) == [*sums, *stored]
    finally:
        sql.execute("UPDATE ledger_removed SET below = 0; DELETE FROM ledger_dropped WHERE ledger_id = 987654")
        sql.execute("UPDATE ledger SET duplicates = duplicates + 100, accepted = accepted - 1 WHERE id = %s", (two["id"],))
        sql.execute("UPDATE ledger_dropped SET records = records - 2 WHERE ledger_id = %s", (one["id"],))
    assert faults(queryd, recount=1) == []


def test_a_partition_that_is_dropped_meanwhile_is_counted_once(queryd, store, cluster):
    """As retention drops it: what is counted and the partition go in one transaction, which is under way here."""
    row = store.rows[0]
    sql = cluster.connect().cursor()
    sql.execute("CREATE TABLE day PARTITION OF measurement FOR VALUES FROM ('2016-02-18') TO ('2016-02-19') PARTITION BY"
                " RANGE (key); CREATE TABLE day_c0 PARTITION OF day FOR VALUES FROM (0) TO (1::bigint << 48)")
    sql.execute("INSERT INTO measurement VALUES (1, '2016-02-18 12:00+00', '2016-02-18 12:00+00', 1, 0, 1, 0, 0, 1, %s, 0,"
                " '{}', '', '{}', '')", (row["id"],))
    sql.execute("UPDATE ledger SET records = records + 1, stored = stored + 1 WHERE id = %s", (row["id"],))
    assert faults(queryd, recount=1) == []
    dropping = cluster.connect()
    dropping.autocommit = False
    dropping.cursor().execute("INSERT INTO ledger_dropped VALUES (%s, 1); DROP TABLE day_c0", (row["id"],))
    sent = queryd.send(FAULTS, recount=1)
    Lock(cluster).wait_for_questions(1)
    dropping.commit()
    answer = queryd.receive()
    assert (answer.id, answer.status, answer.rows) == (sent, OK, [])
    assert sql.execute("SELECT count(*) FROM measurement") is None and sql.fetchone() == (0,)
    sql.execute("DROP TABLE day; UPDATE ledger SET records = records - 1, stored = stored - 1 WHERE id = %s", (row["id"],))
    sql.execute("DELETE FROM ledger_dropped WHERE ctid = (SELECT max(ctid) FROM ledger_dropped WHERE ledger_id = %s)",
                (row["id"],))


def test_only_a_recount_has_the_time_of_one(store, cluster, make_queryd):
    q, lock = make_queryd(timeout_ms=1), Lock(cluster)
    assert q.ask(FAULTS).status == TIMEOUT
    lock.hold()
    try:
        sent = q.send(FAULTS, recount=1)
        lock.wait_for_questions(1)
    finally:
        lock.leave()
    answer = q.receive()
    assert (answer.id, answer.status, answer.rows) == (sent, OK, [])
    assert q.ask(FAULTS, recount=1, timeout=1).status == TIMEOUT
    short = make_queryd(recount_timeout_ms=1)
    assert short.ask(FAULTS, recount=1).status == TIMEOUT and short.ask(FAULTS).status == OK


def test_texts_that_are_none(queryd):
    for name, place in (("sender", "input.sender"), ("instance", "ingestd.instance")):
        answer = queryd.ask(ACCOUNTS, **{name: "a\0b"})
        assert answer.status == INVALID and answer.message.startswith(place + ": expected")
    assert queryd.ask(ACCOUNTS, after="e1.2").message == \
        "list.after: expected the list.cursor of a row of such a listing"
