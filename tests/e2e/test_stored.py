# SPDX-License-Identifier: Apache-2.0
"""stored against a real PostgreSQL; a stand-in for classifyd pushes batches, whose acknowledgements it takes.

What must hold whatever the order of arrival is compared in the database: periods and events with the
views that compute them from the records alone, sealed hours with a count of the records.
"""
import contextlib
import datetime
import decimal
import hashlib
import json
import os
import random
import signal
import time
import uuid

import msgpack
import psycopg2
import pytest
import zmq
from conftest import ROOT, counters_now, wait_for
from messages import (ACCOUNT, BATCH_HEADER, GRADING, LOST, MESSAGE_VERSION, PUBLISH, PUBLISHED, REJECT, SCHEMA, fields,
                      listed, pack)
from stores import (HOUR, NONE, OTHER, SECOND, Record, account, accounts_frame, check_store, grades_frame, microseconds,
                    naive_store, now_us, random_records, records_frame, start_of_hour)

BLOCK = {"gradeName": "overall", "appliesTo": {}, "gradingRules": [{"grade": "3"}]}



# ---- identity ----

def ledger_same_start(stored):
    """By sender."""
    return dict(stored.sql("SELECT sender, sum(same_start)::int FROM ledger_now GROUP BY 1 HAVING sum(same_start) > 0"))


def test_what_differs_is_another_record(stored):
    """Same series and start: what was measured decides, in order, late and within one flush; who comes later is counted."""
    sender, t = stored.sender(), now_us()

    def one(value, at=t, **more):
        return Record(at, (5, NONE), values=(value, None, "x"), digest=0, **more)

    sender.commit([one("20")])
    sender.commit([one("20", row=7), one("900"), one("20.0", sender=1)])  # the numbers are equal: repetitions
    assert (stored.counter("same_start"), stored.counter("duplicates")) == (1, 2)
    assert sorted(stored.sql('SELECT "values"[1] FROM record')) == [("20",), ("900",)]
    assert ledger_same_start(stored) == {"192.0.2.9": 1}
    # Late ones: of a start that nobody has the first is none, of one that is there all are.
    sender.commit([one("1", t - SECOND), one("2", t - SECOND, sender=1), one("1", t - SECOND), one("3", t, sender=1)])
    assert (stored.counter("same_start"), stored.counter("duplicates")) == (3, 3)
    assert ledger_same_start(stored) == {"192.0.2.9": 1, "192.0.2.10": 2}
    # In order and behind it, one flush.
    sender.commit([one("1", t + SECOND), one("2", t + SECOND), one("3", t + 2 * SECOND), one("4", t + SECOND)])
    assert stored.counter("same_start") == 5
    assert stored.sql("SELECT sum(same_start)::int, sum(stored)::int FROM ledger_now") == \
        stored.sql("SELECT (count(*) - count(DISTINCT (series_id, t_start)))::int, count(*)::int FROM measurement")
    check_store(stored)


def test_a_digest_that_comes_again_with_a_later_end_is_a_duplicate(stored):
    """The end is in the digest, so that this is a chance in 2^48; it must cost the records beside it nothing."""
    sender, t = stored.sender(), now_us()
    sender.commit([Record(t, end=t), Record(t, end=t + SECOND), Record(t, end=t + SECOND, row=1), Record(t + SECOND)])
    sender.commit([Record(t + SECOND, end=t + 3 * SECOND), Record(t + 2 * SECOND)])
    assert (stored.counter("committed.records"), stored.counter("duplicates"), stored.counter("same_start")) == (4, 2, 1)
    # What came with such a one is the last of its series all the same, and what comes then lies before it.
    t += 2 * SECOND
    sender.commit([Record(t, end=t + SECOND), Record(t, (4, NONE), end=t + 3 * SECOND, row=1)])
    sender.commit([Record(t, (3, NONE), end=t + 2 * SECOND, row=2)])
    assert stored.sql("SELECT count(*) FROM rejected") == [(0,)]
    check_store(stored)


def test_equal_rows_of_a_result_are_numbered_where_no_digest_is_told(stored):
    """A batch of the release before: its rows' numbers rise within a result, and begin again with the next."""
    sender, t = stored.sender(), now_us()
    rows = [Record(t, (5, NONE), values=v, row=i, digest=0) for i, v in enumerate([("1", "2", ""), ("3", "2", ""), ("1", "2", "")])]
    sender.commit(rows + [Record(t, (5, NONE), values=("1", "2", ""), digest=0)])
    assert stored.counter("duplicates") == 1 and stored.counter("same_start") == 2
    sender.commit(rows)
    assert stored.counter("duplicates") == 4
    assert stored.sql("SELECT row, digest = record_digest(t_end, hops, results, \"values\", CASE row WHEN 2 THEN 1 ELSE 0 END)"
                      " FROM record ORDER BY row") == [(0, True), (1, True), (2, True)]
    check_store(stored)


# ---- what records share ----

def dimension_schema(*parameters):
    return {**OTHER, "parameters": list(parameters), "metadata": ["System_ID"]}


def test_what_the_series_says_is_not_stored_again(stored):
    sender, t = stored.sender(), now_us()
    names = ["source.ip4", "destination.ip6", "p"]
    values = [("1", "2", "192.0.2.1", "2001:db8::1", "192.0.2.1", "probe0"), ("1", "2", "192.0.2.1", "2001:DB8::1", "", "x"),
              ("1", None, None, "2001:db8::1", "q", None)]
    sender.commit([Record(t + i, values=v) for i, v in enumerate(values)], schema=dimension_schema(*names))
    assert [tuple(v) for v, in stored.sql('SELECT "values" FROM record ORDER BY t_start')] == values
    assert stored.sql('SELECT "values", of_series FROM measurement m JOIN schema c ON c.id = schema_id ORDER BY t_start') == [
        (["1", "2", "192.0.2.1"], ["source", "dest", "", "probe"]),
        (["1", "2", "2001:DB8::1", "", "x"], ["source", "", "", ""]),
        (["1", None, None, "q", None], ["", "dest", "", ""])]
    assert stored.sql("SELECT digest = schema_digest(verb, registry, results, parameters, metadata, of_series)"
                      " FROM schema") == [(True,)] * 3


def test_schemas_take_numbers_once(make_stored):
    """However often they are looked up; the least recently used leave the memory, the others stay."""
    stored = make_stored(max_schemas=10).start()
    sender, t = stored.sender(), now_us()
    for turn in range(3):
        for i in range(25):
            sender.batch([Record(t + 100 * turn + i)], schema={**OTHER, "results": ["a", f"b{i}"]})
        sender.send()
        sender.settle()
    assert stored.sql("SELECT count(*), max(id) FROM schema") == [(25, 25)]
    assert stored.sql("SELECT last_value FROM schema_id_seq") == [(25,)]
    assert stored.sql("SELECT DISTINCT results[2] FROM record") != []


def test_a_full_table_of_schemas_is_no_records_fault(stored):
    """Nothing is refused: it waits until there are numbers again."""
    sender, t = stored.sender(), now_us()
    sender.commit([Record(t)])
    stored.sql("ALTER SEQUENCE schema_id_seq MAXVALUE 2")
    sender.commit([Record(t + 1)], schema={**OTHER, "verb": "other"})
    sender.send(sender.batch([Record(t + 2), Record(t + 3)], schema={**OTHER, "verb": "another"}))
    stored.wait(lambda: "reached maximum value" in stored.log())
    stored.sql("ALTER SEQUENCE schema_id_seq NO MAXVALUE")
    sender.settle()
    assert stored.sql("SELECT count(*) FROM measurement") == [(4,)]
    assert stored.sql("SELECT count(*) FROM rejected") == [(0,)] and stored.counter("rejected.database") == 0


def test_the_part_of_a_flush_that_fails_is_named(stored):
    """A table is away for a while: the log tells which part, nothing is lost, and the times of all parts are counted."""
    sender, t = stored.sender(), now_us()
    sender.commit([Record(t)])
    stored.sql("ALTER TABLE period RENAME TO away")
    sender.send(sender.batch([Record(t + SECOND, (1, 2))]))
    stored.wait(lambda: "flush.failed part=periods sqlstate=42P01" in stored.log())
    stored.sql("ALTER TABLE away RENAME TO period")
    sender.settle()
    check_store(stored)
    assert stored.sql("SELECT count(*) FROM measurement") == [(2,)]
    parts = {name: value for name, value in counters_now(stored.status).items() if name.startswith("flush.")}
    assert len(parts) == 15 and parts["flush.commit_us"] > 0 and parts["flush.records_us"] > 0


def test_hops_door_and_format(stored):
    """Each list of hops once; what is not told is ''."""
    sender, t = stored.sender(), now_us()
    route, other = ["192.0.2.1", None, "2001:db8::1"], [None]
    records = [Record(t, hops=route), Record(t + 1, hops=other), Record(t + 2, hops=route), Record(t - 5, hops=route), Record(t + 3)]
    told = pack(ACCOUNT, "192.0.2.9", 5, 5, 0, 5, [], [], door="udp")
    frame = msgpack.packb([[listed(SCHEMA, *OTHER.values(), format="scamper")], [r.message() for r in records]], use_bin_type=True)
    sender.send(sender.keep(0, 5, [frame, told, grades_frame(records)], 1))
    sender.settle()
    sender.commit([Record(t + 4)])
    assert stored.sql("SELECT hops, door, format FROM record ORDER BY t_start") == [
        (route, "udp", "scamper"), (route, "udp", "scamper"), (other, "udp", "scamper"), (route, "udp", "scamper"),
        (None, "udp", "scamper"), (None, "", "")]
    assert stored.sql("SELECT count(*) FROM hops") == [(2,)]
    stored.stop()
    stored.start()
    stored.sender().commit([Record(t + 5, hops=other)])
    assert stored.sql("SELECT count(*) FROM hops") == [(2,)]
    assert stored.sql("SELECT id, door, format FROM origin ORDER BY id") == [(0, "", ""), (1, "udp", "scamper")]


def test_arrivals_rise_in_the_order_of_commit(stored):
    sender, t = stored.sender(), now_us()
    began = now_us()
    for i in range(5):
        sender.commit([Record(t - i * SECOND), Record(t + (i + 1) * SECOND)])
    stored.stop(signal.SIGKILL)
    stored.start()
    sender = stored.sender()
    sender.received_us = began - HOUR
    sender.commit([Record(t - 9 * SECOND)])
    numbers = [n for n, in stored.sql("SELECT DISTINCT arrival FROM measurement ORDER BY 1")]
    assert len(numbers) == 6 and numbers[0] > 0
    assert stored.sql("SELECT count(*) FROM measurement WHERE arrival = %s AND t_start < (SELECT max(t_start) FROM measurement)",
                      numbers[-1]) == [(1,)]
    times = stored.sql("SELECT a.received_at, a.committed_at FROM (SELECT DISTINCT arrival FROM measurement) m CROSS JOIN LATERAL"
                       " (SELECT * FROM arrival WHERE number <= m.arrival ORDER BY number DESC LIMIT 1) AS a ORDER BY m.arrival")
    assert len(times) == 6
    for received, committed in times[:-1]:
        assert began - SECOND <= microseconds(received) <= microseconds(committed) <= now_us()
    assert microseconds(times[-1][0]) == began - HOUR and microseconds(times[-1][1]) >= began


# ---- records ----

def test_records_land_as_they_were_sent(stored):
    t = now_us()
    records = [Record(t, (5, 0), values=("18446744073709551615", None, "True")),
               Record(t, (NONE, 2), row=1, end=t + 5, values=("", "α\"\\{},NULL", "[1, 2]"), label=""),
               Record(t + 1, (NONE, NONE), dims=("OTT", "http://e.x/", "", "host", "", "lte"))]
    stored.sender().commit(records)
    rows = stored.sql('SELECT type, content, probe, source, dest, path, t_start, t_end, row, grades, "values", label,'
                      " grading_version, results, parameters, metadata, registry FROM measurement m"
                      " JOIN series s ON s.id = m.series_id JOIN schema c ON c.id = m.schema_id ORDER BY t_start, row")
    assert [r[:6] for r in rows] == [r.dims for r in records]
    assert [(microseconds(r[6]), microseconds(r[7]), r[8]) for r in rows] == [(r.t, r.end, r.row) for r in records]
    assert [r[9] for r in rows] == [[5, 0], [None, 2], []]
    assert [tuple(r[10]) for r in rows] == [r.values for r in records]
    assert [r[11] for r in rows] == ["l", "", "l"]
    assert {r[12:] for r in map(lambda r: r[:13] + tuple(map(str, r[13:])), rows)} == \
        {(1, "['a', 'b']", "['p']", "[]", "http://example.org/r")}
    assert stored.sql("SELECT source_addr::text, dest_addr::text FROM series ORDER BY type") == \
        [(None, None), ("192.0.2.1/32", "2001:db8::1/128")]
    check_store(stored)


def test_the_first_arrival_stands(stored):
    t, sender = now_us(), stored.sender()
    sender.commit([Record(t, (5, 1), label="first"), Record(t, (4, 2), label="second"),
                   Record(t - 5, (3, NONE), label="late")])
    sender.commit([Record(t, (1, 1), label="third"), Record(t - 5, (1, NONE), label="again")])
    assert stored.sql("SELECT label, grades FROM measurement ORDER BY t_start") == [("late", [3]), ("first", [5, 1])]
    stored.wait(lambda: stored.counter("duplicates") == 3)
    assert stored.counter("committed.records") == 2 and stored.counter("late.records") == 1
    check_store(stored)


def test_a_batch_pushed_again_is_acknowledged_again_and_written_once(stored):
    sender = stored.sender()
    first = sender.batch([Record(now_us() + i, series=i % 3) for i in range(50)])
    kept = sender.pending[first]
    for _ in range(3):
        sender.pending[first] = kept
        sender.send(first)
        sender.take_acks()
    assert sender.acks[first] == 3
    stored.wait(lambda: stored.counter("acknowledged.batches") == 3)
    assert stored.counter("committed.records") == 50 and stored.counter("duplicates") == 0
    assert stored.sql("SELECT count(*) FROM measurement") == [(50,)]


def test_batches_are_written_in_sequence_order(make_stored):
    stored = make_stored(reorder_wait_ms=60000).start()
    t, sender = now_us(), stored.sender()
    sequences = [sender.batch([Record(t + i * SECOND, (1 + i % 5, NONE))]) for i in range(40)]
    random.Random(7).shuffle(sequences)
    sender.send(*sequences)
    sender.take_acks()
    assert not sender.pending
    stored.wait(lambda: stored.counter("committed.records") == 40)
    assert stored.counter("late.records") == 0 and stored.counter("reorder.skipped") == 0
    assert stored.sql("SELECT count(*) FROM event WHERE retracted_at IS NOT NULL") == [(0,)]
    check_store(stored)


def test_a_missing_batch_holds_up_the_others_only_shortly(stored):
    t, sender = now_us(), stored.sender()
    a, b, c = (sender.batch([Record(t + i * SECOND, (5 - i, NONE))]) for i in range(3))
    sender.send(a, c)
    sender.take_acks(but={b})
    assert sorted(sender.pending) == [b]
    stored.wait(lambda: stored.counter("reorder.skipped") == 1)
    sender.settle()
    stored.wait(lambda: stored.counter("late.records") == 1)
    check_store(stored)


def test_what_comes_during_a_transaction_is_not_missing(make_stored):
    """Nothing is read meanwhile, however long it takes."""
    stored = make_stored(flush_ms=500, reorder_wait_ms=500).start()
    t, sender, other = now_us(), stored.sender(), stored.sender()
    sender.commit([Record(t)])
    missing, behind = sender.batch([Record(t + SECOND, (4, NONE))]), sender.batch([Record(t + 2 * SECOND, (3, NONE))])
    with contextlib.closing(stored.cluster.connect(stored.database)) as connection, connection.cursor() as cursor:
        connection.autocommit = False
        cursor.execute("LOCK TABLE ezrepo.measurement IN ACCESS EXCLUSIVE MODE")
        sender.send(behind)
        other.send(other.batch([Record(t, series=1)]))
        stored.wait(lambda: stored.sql("SELECT 1 FROM pg_locks WHERE NOT granted"))
        sender.send(missing)
        time.sleep(1)
        connection.rollback()
    sender.settle()
    other.settle()
    assert stored.counter("late.records") == 0 and stored.counter("reorder.skipped") == 0
    check_store(stored)


# ---- periods and events ----


@pytest.mark.parametrize("seed", range(8))
def test_periods_do_not_depend_on_the_order_of_arrival(make_stored, seed):
    """Out of order, late, twice, in flushes of any size; batches overtaking each other; a small cache."""
    rng = random.Random(seed)
    stored = make_stored(reorder_wait_ms=rng.choice([0, 20]), flush_records=rng.choice([1, 20, 16384]),
                         max_series=rng.choice([1, 2, 1000])).start()
    sender = stored.sender()
    spread = rng.choice([2000, 8000]) * SECOND
    records = random_records(rng, 400, rng.choice([1, 3, 8]), now_us() - 2 * HOUR, spread)
    arrival = list(records)
    for i in range(len(arrival)):  # mostly in order
        if rng.random() < 0.25:
            j = min(len(arrival) - 1, i + rng.randrange(1, 120))
            arrival[i], arrival[j] = arrival[j], arrival[i]
    at, batches = 0, []
    while at < len(arrival):
        n = rng.randrange(1, 25)
        batches.append(sender.batch(arrival[at:at + n]))
        at += n
    for sequence in sorted(batches, key=lambda s: s + rng.uniform(0, rng.choice([0, 0, 6]))):
        sender.send(sequence)
        if rng.random() < 0.1:
            sender.send(sequence)
        if rng.random() < 0.3:
            sender.take_acks(0.02)
    sender.settle()
    # Twice with other contents: the first arrival stands.
    sender.commit([Record(r.t, (1, 5), row=r.row, dims=r.dims) for r in rng.sample(records, 50)])
    assert stored.sql("SELECT count(*) FROM measurement") == [(len({r.key() for r in records}),)]
    check_store(stored)
    kept = {(r[0], microseconds(r[1]), r[2]): r[3] for r in stored.sql(
        "SELECT probe, t_start, row, label FROM measurement JOIN series s ON s.id = series_id")}
    by_label = {r.label: r for r in records}
    naive_store(stored, [by_label[label] for label in kept.values()])
    stored.stop()
    check_store(stored)


@pytest.mark.parametrize("seed", range(3))
def test_periods_survive_restarts(make_stored, seed):
    rng = random.Random(100 + seed)
    stored = make_stored(max_series=4).start()
    sender = stored.sender()
    records = random_records(rng, 600, 6, now_us() - HOUR, 3000 * SECOND)
    for part in range(6):
        chunk = records[part * 100:part * 100 + 100]
        rng.shuffle(chunk)
        for i in range(0, 100, 10):
            sender.send(sender.batch(chunk[i:i + 10]))
        sender.take_acks(rng.uniform(0, 0.2))
        stored.stop(rng.choice([signal.SIGTERM, signal.SIGKILL]))
        stored.start(wait=rng.random() < 0.5)
        stored.wait(lambda: stored.status().get("pid") == stored.process.pid)
    sender.settle(60)
    assert stored.sql("SELECT count(*) FROM measurement") == [(len({r.key() for r in records}),)]
    check_store(stored)


def test_late_records_split_and_join_periods(stored):
    t, sender = now_us() - HOUR, stored.sender()
    minute = 60 * SECOND
    sender.commit([Record(t + i * minute, (5, NONE)) for i in range(10)])
    sender.commit([Record(t + 20 * minute, (5, NONE))])  # beyond the gap: a second period
    assert stored.sql("SELECT count(*) FROM period") == [(2,)]
    sender.commit([Record(t + 14 * minute - 1, (5, NONE)), Record(t + 4 * minute + 1, (2, NONE)),
                   Record(t + 17 * minute, (5, NONE))])
    assert stored.sql("SELECT grade, records, ended FROM period_now ORDER BY t_start") == \
        [(5, 5, "grade"), (2, 1, "grade"), (5, 8, None)]
    assert stored.sql("SELECT from_grade, to_grade, retracted_at IS NULL FROM event ORDER BY t, id") == \
        [(None, 5, True), (5, 2, True), (2, 5, True), (None, 5, False)]
    stored.wait(lambda: stored.counter("events.retracted") == 1)
    check_store(stored)


def test_an_ended_period_takes_late_records_in(stored):
    """Many series at once: no series is computed again for it."""
    t, sender = now_us() - HOUR, stored.sender()
    sender.commit([Record(t + i * SECOND, (5 - i // 10, NONE), series=s) for s in range(50) for i in range(30)])
    sender.commit([Record(t + i * SECOND + 7, (5 - i // 10, NONE), series=s) for s in range(50) for i in (3, 8, 15)])
    stored.wait(lambda: stored.counter("late.records") == 150)
    assert stored.counter("periods.repaired") == 0
    assert stored.sql("SELECT grade, sum(records)::int, count(*)::int FROM period_now GROUP BY 1 ORDER BY 1") == \
        [(3, 500, 50), (4, 550, 50), (5, 600, 50)]
    check_store(stored)


def test_repairs_of_hundreds_of_pairs_in_one_flush(make_stored):
    """Some have more periods and records behind them than are read ahead, some days between two records."""
    stored = make_stored().start()
    sender, rng, base = stored.sender(), random.Random(11), now_us() - 100 * HOUR
    minute = 60 * SECOND
    there, late = [], []
    for s in range(300):  # on three days; each name of each is one pair
        t = base + s % 3 * 26 * HOUR
        there += [Record(t + i * minute, (5 - i // 4, 4 if i < 9 else NONE), series=s) for i in range(12)]
        late += [Record(t + i * minute + SECOND, (1, 2), series=s) for i in rng.sample(range(11), 1 + s % 3)]
    for s in range(300, 304):  # 200 periods between the first and the last late record
        there += [Record(base + i * minute, (4 + i % 2, NONE), series=s) for i in range(200)]
        late += [Record(base + i * minute + SECOND, (1, NONE), series=s) for i in (0, 198)]
    for s in range(304, 308):  # one long period, which the first of them splits; two have another behind it
        there += [Record(base + i * SECOND, (5 if i < 3000 else 3, NONE), series=s)
                  for i in range(3000 + s % 2 * 100)]
        late += [Record(base + i * SECOND + 1, (2, NONE), series=s) for i in (1, 2900)[:1 + s // 306]]
    for s in range(308, 312):  # records that last days
        there += [Record(t, (5, NONE), end=t + 40 * HOUR, series=s) for t in (base, base + 40 * HOUR)]
        late.append(Record(base + SECOND, (1 + s % 2 * 4, 2), series=s))
        late.append(Record(base - SECOND, (5, NONE), series=s))
    for at in range(0, len(there), 4000):
        sender.commit(there[at:at + 4000])
    check_store(stored)
    rng.shuffle(late)
    sender.commit(late)
    stored.wait(lambda: stored.counter("late.records") == len(late))
    assert stored.counter("periods.repaired") > 500
    check_store(stored)
    naive_store(stored, there + late)
    # On from there, in memory and after a restart.
    for part in range(2):
        more = [Record(r.t + (part + 1) * SECOND // 3, (rng.choice([1, 5]), NONE), dims=r.dims)
                for r in rng.sample(there, 500)]
        more += [Record(base + 90 * HOUR + part, (rng.choice([1, 5]), 4), series=s) for s in range(312)]
        there += more
        sender.commit(more)
        check_store(stored)
        naive_store(stored, there + late)
        stored.stop()
        stored.start()


def test_open_periods_are_complete_after_a_graceful_stop(stored):
    sender, t = stored.sender(), now_us()
    for i in range(5):
        sender.commit([Record(t + (10 * i + j) * SECOND, (5, 4), series=j % 2) for j in range(10)])
    stored.stop()
    assert stored.sql("SELECT sum(records)::int FROM period") == [(100,)]
    assert stored.sql("SELECT count(*) FROM period WHERE (through_t, through_end, through_key) IN"
                      " (SELECT max(t_start), max(t_end), 1 FROM measurement GROUP BY series_id)") == [(4,)]
    check_store(stored)


def test_metrics_of_a_period_end_where_the_next_begins(stored):
    t = now_us()
    values = [("1", "7", ""), ("x", "8", ""), ("2.5e0", None, ""), ("1000", "9", ""), ("1e999999", "1e00001", "")]
    ends = [100 * SECOND, 0, 0, 0, 0]
    grades = [5, 5, 5, 2, 5]
    stored.sender().commit([Record(t + i * SECOND, (grades[i], NONE), end=t + i * SECOND + ends[i], values=v)
                            for i, v in enumerate(values)])
    assert stored.sql("SELECT metric, min::float, mean::float, max::float, \"values\" FROM period_metric"
                      " ORDER BY t_start, metric") == \
        [("a", 1, 1.75, 2.5, 2), ("b", 7, 7.5, 8, 2), ("a", 1000, 1000, 1000, 1), ("b", 9, 9, 9, 1),
         ("b", 10, 10, 10, 1)]


def test_impossible_values_are_kept_but_enter_no_statistics(make_stored):
    stored = make_stored()
    schemas = stored.copy_schemas()
    path = os.path.join(schemas, "record-types.json")
    with open(path, encoding="utf-8") as file:
        types = json.load(file)
    types["valid"] = [{"metrics": ["a"], "min": 0, "max": 600, "never": [500]}, {"metrics": ["b*"], "min": 1}]
    types["types"]["ping"]["valid"] = [{"metrics": ["b"], "max": 10}]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(types, file)
    stored.start()
    t = now_us()
    values = [("7", "-3", ""), ("-1", "11", ""), ("3600", "2", ""), ("500.0", "4", ""), ("9", "x", "")]
    records = [Record(t + i * SECOND, (5, NONE), values=v, dims=(kind, "", "p", "", "", ""))
               for kind in ("ping", "other") for i, v in enumerate(values)]
    stored.sender().commit(records)
    assert stored.sql("SELECT type, metric, min::float, mean::float, max::float, \"values\" FROM period_metric"
                      " JOIN series ON id = series_id ORDER BY type DESC, metric") == \
        [("ping", "a", 7, 8, 9, 2), ("ping", "b", -3, 1, 4, 3), ("other", "a", 7, 8, 9, 2),
         ("other", "b", 2, 17 / 3, 11, 3)]
    assert stored.sql("SELECT \"values\"[1] FROM measurement ORDER BY series_id, t_start") == \
        [(v[0],) for v in values] * 2


# ---- roll-ups ----

def test_sealed_hours_are_counted_completely(make_stored):
    stored = make_stored(seal_after_s=1).start()
    rng, sender, base = random.Random(5), stored.sender(), start_of_hour() - 30 * HOUR
    records = random_records(rng, 300, 5, base, 4 * HOUR)
    sender.commit([r for r in records[:200] if r.t < base + 3 * HOUR])
    stored.wait(lambda: stored.sql("SELECT count(*), bool_and(sealed) FROM measured_hour") == [(3, True)])
    check_store(stored)
    assert stored.sql("SELECT sum(n0)::int FROM grade_rollup WHERE grade_id = 0") == \
        stored.sql("SELECT count(*)::int FROM measurement")
    sender.commit(records)  # late ones and duplicates into sealed hours, and an hour that is not
    check_store(stored)
    stored.wait(lambda: stored.sql("SELECT count(*), bool_and(sealed) FROM measured_hour") == [(4, True)])
    stored.wait(lambda: stored.counter("sealed.hourly") == 4)
    check_store(stored)
    assert stored.sql("SELECT sum(n0)::int FROM grade_rollup WHERE grade_id = 0") == \
        [(len({r.key() for r in records}),)]


def test_hours_are_sealed_while_records_fall_into_them(make_stored):
    """Counting an hour and writing into it at the same time, over and over."""
    stored = make_stored(seal_after_s=1, flush_ms=1).start()
    rng, sender, base = random.Random(6), stored.sender(), start_of_hour() - 10 * HOUR
    keys = set()
    end = time.monotonic() + 8
    while time.monotonic() < end:
        records = random_records(rng, 30, 3, base, 3 * HOUR)
        keys |= {r.key() for r in records}
        sender.commit(records)
        if rng.random() < 0.2:
            time.sleep(1.1)
    stored.wait(lambda: stored.sql("SELECT bool_and(sealed) FROM measured_hour") == [(True,)])
    check_store(stored)
    assert stored.sql("SELECT sum(n0)::int FROM grade_rollup WHERE grade_id = 0") == [(len(keys),)]


def test_an_hour_tells_how_late_its_records_end(make_stored):
    """reach is set when a record ends later than those before it, also over a restart and by a late record."""
    stored = make_stored().start()
    sender = stored.sender()
    hour = start_of_hour() - 5 * HOUR

    def reaches():
        return stored.sql("SELECT (extract(epoch FROM reach - hour) / 3600)::int FROM measured_hour ORDER BY hour")

    for t, hours, expected in ((0, 0, [(1,)]), (1, 0.5, [(1,)]), (2, 1.5, [(2,)]), (3 * HOUR, 0, [(2,), (1,)]),
                               (3, 4, [(5,), (1,)])):
        sender.batch([Record(hour + t, end=hour + t + int(hours * HOUR))])
        sender.send()
        sender.settle()
        assert reaches() == expected
        stored.stop()
        stored.start()
    check_store(stored)


def test_the_hour_at_hand_is_not_sealed(make_stored):
    """Nor one that begins later, when one that is over is."""
    stored = make_stored(seal_after_s=1).start()
    stored.sender().commit([Record(now_us() + hours * HOUR) for hours in (-2, 0, 1)])
    stored.wait(lambda: stored.sql("SELECT sealed FROM measured_hour ORDER BY hour LIMIT 1") == [(True,)])
    # By the clock as it is when they are read: the hour at hand may end meanwhile.
    assert stored.sql("SELECT count(*) > 0, bool_or(sealed) FROM measured_hour"
                      " WHERE hour + interval '1 h 1 s' > clock_timestamp()") == [(True, False)]
    assert stored.sql("SELECT count(*) FROM grade_rollup WHERE hour + interval '1 h 1 s' > clock_timestamp()") == [(0,)]


# ---- what is refused ----

def test_a_record_postgresql_refuses_holds_up_nothing(stored):
    sender, t = stored.sender(), now_us()
    bad = {17: ("nul\0", "", ""), 40: ("", "", ""), 230: (b"\xff\xfe", "", "")}
    records = [Record(t + i * SECOND, (1 + i % 5, NONE), series=i % 7, values=bad.get(i, ("1", "2", "3")),
                      label=str(i)) for i in range(300)]
    records[40] = Record(t, label="40", dims=("ping", "a\0b", "p", "", "", ""))
    for i in range(0, 300, 50):
        sender.batch(records[i:i + 50])
    frames = {s: p[2][0] for s, p in sender.pending.items()}
    # msgpack's Python packer has bytes as bin; make the string that is no UTF-8 a string.
    for s, frame in frames.items():
        sender.pending[s][2][0] = frame.replace(b"\xc4\x02\xff\xfe", b"\xa2\xff\xfe")
    sender.send()
    sender.take_acks()
    assert not sender.pending
    assert {int(r[0]) for r in stored.sql("SELECT label FROM measurement")} == set(range(300)) - set(bad)
    rows = stored.sql("SELECT sequence::int, item, reason, detail, head FROM rejected ORDER BY 1, 2")
    assert [r[:3] for r in rows] == [(1, 17, "database"), (1, 40, "database"), (5, 30, "database")]
    assert all("22021" in r[3] for r in rows)
    assert bytes(rows[0][4]) == records_frame([records[17]]), "whole, with the names of its values"
    stored.wait(lambda: stored.counter("rejected.database") == 3)
    assert stored.counter("committed.records") == 297
    check_store(stored)


def test_records_out_of_bounds_are_kept_as_rejected(stored):
    t = now_us()
    records = [Record(t), Record(t, end=t - 1, row=1), Record(-1, row=2), Record(2**62, row=3), Record(t, end=2**62, row=4),
               Record(t, dims=("x" * 1000, "y" * 1000, "z" * 1000, "", "", "")), Record(t, row=6)]
    stored.sender().commit(records)
    assert stored.sql("SELECT row FROM measurement ORDER BY 1") == [(0,), (6,)]
    assert stored.sql("SELECT item, reason FROM rejected ORDER BY 1") == [(i, "record") for i in range(1, 6)]


def test_refused_records_of_a_long_schema_are_kept_within_a_bound(stored):
    """Each is kept with the names of its values: 2000 of 40 KB would be 80 MB, of which one flush keeps 16."""
    long = {**OTHER, "results": [f"{i:03}" + "x" * 250 for i in range(150)], "parameters": []}
    t, sender, count = now_us(), stored.sender(), 2000
    records = [Record(t, end=t - 1, row=i, values=[None] * 150) for i in range(count)]
    sender.commit([*records, Record(t, row=count, values=[None] * 150)], schema=long)
    assert stored.sql("SELECT row FROM measurement") == [(count,)]
    assert stored.sql("SELECT count(*), min(size_bytes) > 0 FROM rejected") == [(count, True)]
    (whole, none, total), = stored.sql(
        "SELECT count(*) FILTER (WHERE length(head) = size_bytes), count(*) FILTER (WHERE length(head) = 0),"
        " sum(length(head))::bigint FROM rejected")
    assert whole + none == count and 16 << 20 <= total < (16 << 20) + 65536
    (first,), = stored.sql("SELECT head FROM rejected WHERE item = 0")
    assert bytes(first) == records_frame([Record(t, end=t - 1, row=0, values=[None] * 150)], long)


def test_malformed_batches_are_counted_kept_and_acknowledged(stored):
    sender, t = stored.sender(), now_us()
    good = [Record(t), Record(t + 1)]
    frames, grades, known = records_frame(good), grades_frame(good), accounts_frame(good)
    broken = [
        [b"", known, grades], [frames[:-1], known, grades], [frames + b"\0", known, grades], [frames, known, b""],
        [frames, known, grades + b"\0"], [frames, known], [frames, known, grades_frame(good, version=2)],
        [frames, known, grades_frame(good[:1])], [frames, known, grades_frame(good, names=["overall", "nosuch"])],
        [frames, known, grades_frame(good, names=["overall", "overall"])],
        [frames, known, grades_frame([Record(t, (6, 1)), Record(t, (1, 1))])],
        [records_frame(good[:1]), known, grades],
        [records_frame(good, {**OTHER, "results": ["a", None]}), known, grades],
        [records_frame(good, {**OTHER, "results": ["a"]}), known, grades],
        [msgpack.packb([[], [r.message() for r in good]]), known, grades],
        [frames, b"", grades], [frames, known[:-1], grades], [frames, known + b"\0", grades],
        [frames, known * 1025, grades], [frames, account(datagrams=2**60), grades],
        [frames, pack(ACCOUNT, "s", 1, 1, 0, 0, ["a"], []), grades],
        [frames, pack(ACCOUNT, "s", 1, 1, 0, 0, [None], [1]), grades],
        [frames, pack(LOST, 1, 0) + known, grades], [frames, known + pack(LOST, 1, 0) * 2, grades],
        [frames, known + pack(LOST, 2**60, 0), grades], [frames, known + pack(LOST, 0, 2**60), grades],
        [records_frame([Record(t), Record(t + 1, sender=1)]), known, grades],
    ]
    for frames_of in broken:
        sender.keep(0, 2, frames_of, 1)
    reject = pack(REJECT, "json", "d", "s", t, 1, b"x")
    rejects = [[reject * 2, known], [b"\x93\x01\x02", known], [reject * 3, known, b""], [reject * 3, b"\0"]]
    for frames_of in rejects:
        sender.keep(1, 3, frames_of)
    sender.send()
    for garbage in ([b""], [b"", b""], [b"\0" * 100, b""], [os.urandom(50), os.urandom(50), b"", b""],
                    [pack(BATCH_HEADER, 0, b"short", 0, 1, 1, 1, 0, 0, 0), b"", b""],
                    [pack(BATCH_HEADER, 0, sender.instance, 0, 5, 9, 1, 0, 0, 0), b"", b""],
                    [b"1", b"2", b"3", b"4", b"5", b"6"]):
        sender.push.send_multipart(garbage)
    sender.take_acks()
    assert not sender.pending
    stored.wait(lambda: stored.counter("malformed.batches") == len(broken) + len(rejects) + 7)
    assert stored.sql("SELECT count(*), count(DISTINCT sequence) FROM rejected WHERE reason = 'batch'") == \
        [(len(broken) + len(rejects), len(broken) + len(rejects))]
    sender.commit(good)
    assert stored.sql("SELECT count(*) FROM measurement") == [(2,)]


def test_rejects_of_ingestd_are_kept_once_and_bounded(make_stored):
    stored = make_stored(rejected_rows=10).start()
    sender, t = stored.sender(), now_us()

    def reject(i):
        return pack(REJECT, "json", f"nu\0l {i} \udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
                    "192.0.2.1:5", t + i, 70000, b"\0\xff" + bytes([i]))

    sender.keep(1, 5, [b"".join(reject(i) for i in range(5)), account()])
    sender.send()
    sender.take_acks()
    assert not sender.pending
    sender.subscribe(uuid.uuid4().bytes)
    sender.sequence = 0
    sender.send(sender.keep(1, 30, [b"".join(reject(i) for i in range(30)), b""]))
    sender.take_acks()
    assert not sender.pending
    rows = stored.sql("SELECT detail, sender, size_bytes, head, item FROM rejected ORDER BY id")
    assert [r[4] for r in rows] == list(range(20, 30))
    assert rows[0][0].startswith("nu?l 20") and rows[0][1] == "192.0.2.1:5" and rows[0][2] == 70000
    assert bytes(rows[0][3]) == b"\0\xff" + bytes([20])


# ---- migrations, ownership, roles ----

def test_migrations_are_applied_once(make_stored):
    stored = make_stored().start()
    count = len(os.listdir(os.path.join(ROOT, "schemas", "sql")))
    applied = stored.sql("SELECT * FROM migration ORDER BY number")
    assert [m[0] for m in applied] == list(range(1, count + 1))
    stored.stop()
    stored.start()
    assert stored.sql("SELECT * FROM migration ORDER BY number") == applied
    stored.stop()
    stored.copy_schemas()
    with open(os.path.join(stored.schemas, "sql", f"{count + 1:04}-more.sql"), "w", encoding="utf-8") as file:
        file.write("CREATE TABLE more (x integer); INSERT INTO more VALUES (1);")
    stored.start()
    assert stored.sql("SELECT * FROM more") == [(1,)]
    assert stored.sql("SELECT * FROM migration ORDER BY number")[:-1] == applied
    stored.stop()
    stored.schemas = os.path.join(ROOT, "schemas")
    stored.start(wait=False)
    assert stored.process.wait(120) == 1
    assert "migration.newer" in stored.log() and "memory is out" not in stored.log()


def test_a_migration_that_fails_leaves_nothing_behind(make_stored):
    stored = make_stored().start()
    stored.stop()
    stored.copy_schemas()
    number = len(os.listdir(os.path.join(ROOT, "schemas", "sql"))) + 1
    with open(os.path.join(stored.schemas, "sql", f"{number:04}-bad.sql"), "w", encoding="utf-8") as file:
        file.write("CREATE TABLE half (x integer); SELECT nonsense;")
    stored.start(wait=False)
    assert stored.process.wait(120) == 1
    assert f"{number:04}-bad.sql" in stored.log()
    assert stored.sql("SELECT to_regclass('ezrepo.half') IS NULL") == [(True,)]


def test_only_one_stored_owns_a_database(make_stored):
    first, second = make_stored().start(), make_stored()
    second.settings["database"] = first.settings["database"]
    second.start(wait=False)
    second.wait(lambda: "database.owned" in second.log())
    first.sender().commit([Record(now_us())])
    second.wait(lambda: second.status()["notes"]["database"].endswith("holds this database"))
    first.stop()
    second.wait(lambda: second.status()["notes"]["database"] == "connected")
    second.sender().commit([Record(now_us())])
    assert first.sql("SELECT count(*) FROM measurement") == [(2,)]


def test_the_reading_role_reads_everything_and_writes_nothing(stored, cluster):
    stored.sender().commit([Record(now_us() - i * 24 * HOUR) for i in range(3)])
    stored.sql("DO $$ BEGIN CREATE ROLE reader LOGIN IN ROLE ezrepo_read; EXCEPTION WHEN duplicate_object THEN END $$")
    connection = cluster.connect(stored.database, "reader")
    with connection.cursor() as cursor:
        for name, in stored.sql("SELECT relname FROM pg_class WHERE relnamespace = 'ezrepo'::regnamespace"
                                " AND relkind IN ('r', 'v', 'p') AND relname NOT IN ('migration', 'migration_step', 'writer',"
                                " 'web_session', 'web_ticket')"):
            cursor.execute(f"SELECT count(*) FROM {name}")
        cursor.execute("SELECT count(*) FROM measurement")
        assert cursor.fetchall() == [(3,)]
        cursor.execute("SET search_path = public")
        for name, in stored.sql("SELECT viewname FROM pg_views WHERE schemaname = 'ezrepo'"):
            cursor.execute(f"SELECT * FROM ezrepo.{name} LIMIT 1")
        cursor.execute("SELECT metric, mean FROM ezrepo.period_metric")
        assert len(cursor.fetchall()) > 0
        cursor.execute("SELECT ezrepo.as_number('12e-1'), ezrepo.record_digest('2026-01-01', NULL, ARRAY['a'], ARRAY['1'])"
                       " = ezrepo.record_digest('2026-01-01', NULL, ARRAY['a'], ARRAY['1.0'])")
        assert cursor.fetchall() == [(decimal.Decimal("1.2"), True)]
        for of_series in ("NULL", "ARRAY(SELECT id FROM ezrepo.series)"):
            cursor.execute("SELECT sum(records) FROM ezrepo.counted_records(ARRAY(SELECT hour FROM ezrepo.measured_hour),"
                           f" '-infinity', 'infinity', '-infinity', {of_series})")
            assert cursor.fetchall() == [(3,)]
        cursor.execute("SET search_path = ezrepo")
        for statement in ("INSERT INTO grade_name VALUES (9, 'x')", "DELETE FROM measurement", "DROP TABLE event",
                          "SELECT FROM web_session", "SELECT FROM web_ticket"):  # by which one logs in
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)
    connection.close()


def test_days_get_their_partitions(stored):
    base = start_of_hour() // (24 * HOUR) * 24 * HOUR
    stored.sender().commit([Record(base - 1), Record(base), Record(base + 24 * HOUR - 1), Record(base + 24 * HOUR)])
    names = [r[0] for r in stored.sql("SELECT tableoid::regclass::text FROM measurement ORDER BY t_start")]
    days = [datetime.datetime.fromtimestamp(base // SECOND + d * 86400, datetime.timezone.utc).strftime("%Y%m%d")
            for d in (-1, 0, 0, 1)]
    assert names == [f"measurement_{d}_c0" for d in days]
    # One dropped behind its back, as an operator might: its day is simply made again.
    stored.sql(f"DROP TABLE measurement_{days[0]}")
    stored.sender().commit([Record(base - 2)])
    assert stored.sql("SELECT count(*) FROM measurement") == [(4,)]
    assert stored.counter("rejected.database") == 0


# ---- gradings ----

def test_other_values_that_can_be_are_another_version_of_the_same_document(make_stored):
    stored = make_stored().start()
    path = os.path.join(stored.copy_schemas(), "record-types.json")
    first = stored.sql("SELECT version, document, types FROM grading")
    assert len(first) == 1 and json.loads(first[0][2])["types"]["ping"]["aliases"]
    stored.stop()
    stored.start()  # the same file: the same version
    assert stored.sql("SELECT version, document, types FROM grading") == first
    stored.stop()
    with open(path, encoding="utf-8") as file:
        types = json.load(file)
    types["types"]["ping"]["valid"] = [{"metrics": ["loss"], "max": "0.5"}]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(types, file)
    stored.start()
    again = stored.sql("SELECT version, document, author, types FROM grading WHERE version > 1")
    assert [(v, d, a) for v, d, a, _ in again] == [(2, first[0][1], "record types")]
    assert json.loads(again[0][3])["types"]["ping"]["valid"] == [{"metrics": ["loss"], "max": "0.5"}]
    publisher = Publisher(stored)
    try:
        publisher.sub.setsockopt(zmq.SUBSCRIBE, b"grading")
        assert publisher.sub.poll(60000)
        grading = fields(GRADING, msgpack.unpackb(publisher.sub.recv_multipart()[1]))
        assert (grading["version"], grading["types"]) == (2, again[0][3])
        text = grading["document"].encode() + b"\0" + grading["types"].encode()
        assert grading["digest"] == int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
    finally:
        publisher.close()


class Publisher:
    def __init__(self, stored):
        self.context = zmq.Context()
        self.dealer = self.context.socket(zmq.DEALER)
        self.dealer.connect(f"ipc://{stored.run_dir}/store")
        self.sub = self.context.socket(zmq.SUB)
        self.sub.connect(f"ipc://{stored.run_dir}/announce")

    def publish(self, document, author="somebody", identity=1, **more):
        text = document if isinstance(document, str) else json.dumps(document)
        self.dealer.send(pack(PUBLISH, identity, author, text, **more))
        return self.answer()

    def answer(self):
        assert self.dealer.poll(60000)
        fields = msgpack.unpackb(self.dealer.recv())
        assert fields[:2] == [MESSAGE_VERSION, PUBLISHED]
        return dict(zip(["id", "status", "message", "version", "blocks", "faults"], fields[2:]))

    def announced(self, topic, version):
        """That version, with what is told of it; others, which were announced before, are passed over."""
        self.sub.subscribe(topic)
        while True:
            assert self.sub.poll(60000)
            name, message = self.sub.recv_multipart()
            told = msgpack.unpackb(message)[2:]
            if name == topic and told[0] == version:
                return told

    def close(self):
        self.context.destroy(linger=0)


@pytest.fixture
def publisher(stored):
    p = Publisher(stored)
    yield p
    p.close()


def test_an_empty_store_gets_the_default_grading(stored, publisher):
    with open(stored.settings["grading_default"], encoding="utf-8") as file:
        document = file.read()
    assert stored.sql("SELECT version, author, document FROM grading") == [(1, "default", document)]
    assert publisher.announced(b"grading", 1)[:2] == [1, document]
    assert publisher.announced(b"version", 1)[:1] == [1]
    stored.stop()
    stored.start()
    assert stored.sql("SELECT count(*) FROM grading") == [(1,)]


def test_a_grading_is_published_and_announced(stored, publisher):
    document = json.dumps({"grading": [BLOCK, {**BLOCK, "gradeName": "new"}]}, indent=3)
    publisher.announced(b"grading", 1)
    answer = publisher.publish(document, author="DN=somebody", identity=77, comment="why <b>\nso")
    assert answer == {"id": 77, "status": 0, "message": "published", "version": 2, "blocks": 2, "faults": []}
    assert publisher.announced(b"grading", 2)[:2] == [2, document]
    assert stored.sql("SELECT version, author, document, blocks, comment FROM grading ORDER BY version DESC LIMIT 1") == \
        [(2, "DN=somebody", document, 2, "why <b>\nso")]
    assert publisher.publish(document, comment="a\0b")["message"] == "grading.comment: expected UTF-8 without NUL"
    names = dict((name, i) for i, name in stored.sql("SELECT id, name FROM grade_name"))
    assert names == {"overall": 1, "bandWidth": 2, "new": 3}
    sender = stored.sender()
    sender.commit([Record(now_us(), (4, 2))], version=2, names=["new", "overall"])
    assert stored.sql("SELECT grades, grading_version FROM measurement") == [([2, None, 4], 2)]
    stored.wait(lambda: stored.counter("grading.version") == 2)
    check_store(stored)


def test_faults_of_a_grading_are_named_by_place(stored, publisher):
    bad = {"grading": [BLOCK, {**BLOCK, "gradingRules": [{"grade": "9"}, {"grade": "1", "if": [
        {"metric": "m", "rel": "~", "limit": "1"}]}]}]}
    answer = publisher.publish(bad)
    assert answer["status"] == 1 and answer["version"] == 0 and len(answer["faults"]) == 2
    assert answer["faults"][0].startswith("grading[1].gradingRules[0].grade: ")
    assert answer["faults"][1].startswith("grading[1].gradingRules[1].if[0].rel: ")
    assert publisher.publish("{")["status"] == 1
    assert publisher.publish("")["status"] == 1
    assert publisher.publish({"grading": [{**BLOCK, "gradeName": "a\0b"}]})["status"] == 1
    assert stored.sql("SELECT max(version) FROM grading") == [(1,)]
    for garbage in ([b"x"], [b"", b"y"], [b"1", b"2", b"3", b"4", b"5"]):
        publisher.dealer.send_multipart(garbage)
    assert publisher.publish({"grading": [BLOCK]})["version"] == 2


def test_a_grading_is_refused_while_the_database_is_away(make_stored, own_cluster):
    stored = make_stored(on=own_cluster).start()
    own_cluster.stop()
    publisher = Publisher(stored)
    assert publisher.publish({"grading": [BLOCK]})["status"] == 3
    own_cluster.start()
    answer = wait_for(lambda: (a := publisher.publish({"grading": [BLOCK]}))["status"] != 3 and a, 120)
    assert (answer["status"], answer["version"]) == (0, 2)
    publisher.close()


def test_each_record_keeps_the_version_that_graded_it(stored, publisher):
    sender, t = stored.sender(), now_us()
    for version in range(1, 6):
        for i in range(10):
            sender.send(sender.batch([Record(t + (version * 10 + i) * SECOND, (version, NONE))], version=version))
        if version < 5:
            assert publisher.publish({"grading": [BLOCK]})["version"] == version + 1
    sender.settle()
    assert stored.sql("SELECT grading_version, min(grades[1])::int, max(grades[1])::int, count(*) FROM measurement"
                      " GROUP BY 1 ORDER BY 1") == [(v, v, v, 10) for v in range(1, 6)]


# ---- stopping ----

def test_a_graceful_stop_works_off_what_is_under_way(make_stored):
    stored = make_stored(flush_ms=200, reorder_wait_ms=60000).start()
    sender, t = stored.sender(), now_us()
    for b in range(200):
        sender.batch([Record(t + b * 100 + i, series=i % 20) for i in range(100)])
    sender.send(*[s for s in sender.pending if s != 3])  # 3 never comes: what waits for it is written all the same
    stored.wait(lambda: stored.counter("received.batches") == 199)
    stored.wait(lambda: stored.sql("SELECT count(*) FROM measurement") == [(200,)])
    stored.stop()
    assert stored.sql("SELECT count(*) FROM measurement") == [(19900,)]
    check_store(stored)
    stored.start()  # an acknowledgement given with the last breath may not have come
    sender.settle()
    assert stored.sql("SELECT count(*) FROM measurement") == [(20000,)]


def test_a_second_signal_ends_at_once(make_stored, own_cluster):
    stored = make_stored(on=own_cluster, drain_ms=600000).start()
    own_cluster.stop()
    sender = stored.sender()
    sender.send(sender.batch([Record(now_us())]))
    stored.wait(lambda: stored.counter("received.batches") == 1)
    stored.process.send_signal(signal.SIGTERM)
    stored.wait(lambda: "daemon.draining" in stored.log())
    assert stored.process.poll() is None
    stored.process.send_signal(signal.SIGTERM)
    assert stored.process.wait(120) == 1


@pytest.mark.parametrize("settings, expected", [
    ({"database": "nonsense=1"}, "stored.database"), ({"flush_ms": 0}, "stored.flush_ms"),
    ({"grading_default": "/nonexistent"}, "stored.grading_default"), ({"nonsense": 1}, "nonsense")])
def test_the_configuration_is_checked(make_stored, settings, expected):
    stored = make_stored(**settings)
    stored.start(wait=False)
    assert stored.process.wait(120) == 1
    assert expected in stored.log()
