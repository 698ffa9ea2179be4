# SPDX-License-Identifier: Apache-2.0
"""Retention: each record type is kept for its own time, whole partitions are dropped, and what is not a record stays."""
import contextlib
import json
import os
import random
import signal
import time

import conftest
import pytest
from conftest import ROOT, time_text
from queries import COUNT, HISTOGRAM, Queryd
from stores import (COUNTED, DIFFERENCE, HOUR, NONE, OTHER, SECOND, Record, check_store, naive_periods, now_us,
                    stay_within_a_day)
from test_rebuild import Rebuild, everything

MINUTE = 60 * SECOND
DAY = 24 * HOUR
LEDGER = """SELECT l.id FROM ledger_now l LEFT JOIN (
    SELECT ledger_id, sum(n) AS n FROM (SELECT ledger_id, count(*) AS n FROM measurement GROUP BY 1
    UNION ALL SELECT ledger_id, records FROM ledger_dropped) c GROUP BY 1) n ON n.ledger_id = l.id
    WHERE l.stored <> coalesce(n.n, 0) OR l.records <> l.stored + l.duplicates + l.rejected"""


@pytest.fixture(autouse=True)
def one_day():
    stay_within_a_day()


def today():
    return now_us() // DAY * DAY


def ping(t, grade=5, **more):
    return Record(t, (grade, NONE), **more)


def ott(t, grade=5, series=0, **more):
    return Record(t, (NONE, grade), dims=("OTT", "http://e.x/", f"probe{series}", "h", "", ""), **more)


def glimpse(t, grade=5, **more):
    return Record(t, (grade, NONE), dims=("GLIMPSE", "ICMPECHO", "p", "a", "b", ""), **more)


def keep(stored, retention):
    """A changed configuration, taken over with SIGHUP."""
    stored.settings["retention"] = retention
    stored.write_config()
    before = stored.log().count("config.reloaded")
    stored.process.send_signal(signal.SIGHUP)
    stored.wait(lambda: stored.log().count("config.reloaded") > before)


def send(stored, records, size=200):
    sender = stored.sender()
    for i in range(0, len(records), size):
        sender.batch(records[i:i + size])
    sender.send()
    sender.settle()
    return sender


def days(stored, what="measurement"):
    """By type: how many days ago there are records."""
    found = {}
    for type_, ago in stored.sql(f"SELECT DISTINCT type, (now() AT TIME ZONE 'UTC')::date - t_start::date FROM {what} m"
                                 " JOIN series s ON s.id = m.series_id ORDER BY 1, 2"):
        found.setdefault(type_, []).append(ago)
    return found


def partitions(stored):
    """(days ago, class) of all; class None: the day."""
    return stored.sql("SELECT (now() AT TIME ZONE 'UTC')::date - substr(relname, 13, 8)::date AS ago,"
                      " nullif(substr(relname, 23), '')::int FROM pg_class WHERE relispartition"
                      " AND relkind IN ('r', 'p') AND relname LIKE 'measurement%' ORDER BY 1, 2 NULLS FIRST")


def sealed(stored):
    stored.wait(lambda: stored.sql("SELECT bool_and(in_day) FROM measured_hour WHERE hour < date_trunc('hour', now())")
                == [(True,)])


def counted(stored, name, count):
    """The counter's value, which the status file has within a second."""
    stored.wait(lambda: stored.counter(name) >= count)
    return stored.counter(name) == count


def quiet(stored, **horizons):
    """The horizons (c0=3: of class 0, three days ago) are reached, and nothing is left to be dropped."""
    for name, ago in horizons.items():
        stored.wait(lambda c=int(name[1:]), ago=ago: stored.sql(
            "SELECT (now() AT TIME ZONE 'UTC')::date - horizon FROM retention_class WHERE class = %s", c) == [(ago,)])
    gone = ("SELECT relname FROM pg_class JOIN retention_class ON relname LIKE 'measurement\\_%\\_c' || class"
            " WHERE relispartition AND relkind = 'r' AND substr(relname, 13, 8)::date < horizon")
    stored.wait(lambda: stored.sql(gone) == [], 240)


def check_kept(stored):
    """What the records there are say of time behind the horizon is what is stored; the ledger closes."""
    assert stored.sql(LEDGER) == []
    whole = (" JOIN series s ON s.id = series_id CROSS JOIN LATERAL (SELECT coalesce((SELECT CASE WHEN c.horizon >"
             " c.from_day THEN c.horizon ELSE least(z.horizon, c.from_day) END FROM retention_class c"
             " WHERE c.type = s.type), z.horizon) AS horizon FROM retention_class z WHERE class = 0) h")
    for table, start in zip(COUNTED, ("hour", "day", "start")):
        joined = whole if start != "start" else whole.replace("JOIN series s ON s.id = series_id", "")
        name = "x" if start != "start" else "s"
        a, b = (f"SELECT {name}.* FROM {t} {name}{joined} WHERE {start} >= horizon" for t in (table, table + "_reference"))
        assert stored.sql(DIFFERENCE.format(a=a, b=b)) == [], table


def test_each_type_is_kept_for_its_own_time(build_dir, make_stored):
    stored = make_stored(seal_after_s=1).start()
    # Of today those of the last hour, which is not sealed before tomorrow.
    records = [make(today() - ago * DAY + k * HOUR + MINUTE, 1 + (ago + k) % 5) for ago in range(7)
               for k in (range(0, 23, 7) if ago else [23]) for make in (ping, ott, glimpse)]
    stored.stop()
    stored.settings["retention"] = {"ping": 2, "OTT": 0, "*": 4}
    stored.start()
    expired = [r for r in records if r.t < today() - {"ping": 2, "OTT": 99}.get(r.dims[0], 4) * DAY]
    send(stored, records)
    # Those before the horizon are refused, kept as such, and accounted for.
    assert counted(stored, "rejected.expired", len(expired)) and len(expired) == 4 * 4 + 2 * 4
    assert stored.sql("SELECT reason, count(*) FROM rejected GROUP BY 1") == [("expired", len(expired))]
    assert days(stored) == {"ping": [0, 1, 2], "OTT": list(range(7)), "GLIMPSE": list(range(5))}
    assert stored.sql("SELECT class, type, from_day::text FROM retention_class ORDER BY 1") == [
        (0, None, "1970-01-01"), (1, "ping", "1970-01-01"), (2, "OTT", "1970-01-01")]
    assert stored.sql("SELECT DISTINCT s.type, key_class(m.key) FROM measurement m JOIN series s ON s.id = series_id ORDER BY 2") \
        == [("GLIMPSE", 0), ("ping", 1), ("OTT", 2)]
    check_store(stored)
    sealed(stored)
    before = everything(stored)
    keep(stored, {"ping": 1, "OTT": 3, "*": 2})
    quiet(stored, c0=2, c1=1, c2=3)
    assert days(stored) == {"ping": [0, 1], "OTT": [0, 1, 2, 3], "GLIMPSE": [0, 1, 2]}
    assert counted(stored, "retention.records", 4 + 3 * 4 + 2 * 4)
    assert everything(stored) == before, "what was derived stays"
    # A longer time does not bring back what is gone, nor is it taken again.
    keep(stored, {"ping": 9, "*": 9})
    send(stored, [ping(today() - 2 * DAY + 7), ping(today() - DAY + 7)])
    assert counted(stored, "rejected.expired", len(expired) + 1)
    assert days(stored)["ping"] == [0, 1]
    check_kept(stored)
    Rebuild(build_dir, stored).identical()
    stored.stop()
    stored.start()
    assert stored.sql("SELECT class, (now() AT TIME ZONE 'UTC')::date - horizon FROM retention_class ORDER BY 1") == [
        (0, 2), (1, 1), (2, 3)], "kept over a restart"


def test_partitions_are_made_ahead(make_stored):
    """Those of tomorrow are there before its first record is; a new type's are from the first day without any on."""
    stored = make_stored(retention={"ping": 30}).start()
    send(stored, [ping(today())])
    stored.wait(lambda: partitions(stored) == [(ago, c) for ago in (-1, 0) for c in (None, 0, 1)])
    keep(stored, {"ping": 30, "OTT": 5, "*": 7})
    stored.wait(lambda: stored.sql("SELECT type, from_day - (now() AT TIME ZONE 'UTC')::date FROM retention_class"
                                   " WHERE class = 2") == [("OTT", 1)])
    send(stored, [ott(today() + 1), ott(today() + 2 * DAY), ping(now_us()), ott(today() + DAY)])
    assert stored.sql("SELECT key_class(m.key) FROM measurement m JOIN series s ON s.id = series_id WHERE type = 'OTT'"
                      " ORDER BY t_start") == [(0,), (2,), (2,)]
    # The same record is a duplicate whatever the configuration has become.
    keep(stored, {})
    send(stored, [ott(today() + 2 * DAY), ott(today() + 1), ott(today() + 2 * DAY + 1)])
    assert counted(stored, "duplicates", 2)
    check_store(stored)


def straddling(stored):
    """Series whose periods begin long before the horizon and go on behind it, end there, are silent since."""
    records = []
    for series in range(4):
        for k in range(-40, 41):
            if series == 3 and k > -20:
                continue  # silent
            grade = 2 if series == 1 and k >= -5 else 3 if series == 2 and k >= 5 else 5
            records.append(ping(today() - DAY + k * MINUTE, grade, series=series))
    return records


def all_periods(records):
    """As the definition says, of all records that were ever stored."""
    by_series = {}
    for r in records:
        by_series.setdefault(r.dims, []).append((r.t, r.end, r.row, r.grades[0]))
    return sorted((dims[2], *p) for dims, of in by_series.items() for p in naive_periods(of, 300 * SECOND))


def stored_periods(stored):
    us = "(extract(epoch FROM {})*1000000)::bigint"
    return sorted(stored.sql(
        f"SELECT probe, grade, {us.format('t_start')}, key_digest(start_key)::int - 1, {us.format('t_end')}, records, ended"
        " FROM period_now JOIN series ON id = series_id WHERE grade_id = 1"))


def test_counts_at_the_ends_of_a_range_in_dropped_time(build_dir, make_stored):
    """Of an hour that is cut nothing is counted, however much of it is within; of a type whose records are there all of them are."""
    stored = make_stored(seal_after_s=1).start()
    first = today() - 3 * DAY + 5 * HOUR
    starts = [first + k * HOUR + m * MINUTE for k in range(4) for m in range(0, 60, 10)]
    send(stored, [make(t) for make in (ping, ott) for t in starts])
    sealed(stored)
    ranges = [(first + a * MINUTE, first + b * MINUTE) for a in (0, 5, 35) for b in (50, 65, 95, 180, 205, 235)]
    with contextlib.closing(Queryd(build_dir, stored.cluster.connect_string(database=stored.database))) as queryd:
        def counts(kind):
            asked = [{"type": kind, "probe": "p*", "grade": "bandWidth" if kind == "OTT" else "overall", "since": a, "until": b}
                     for a, b in ranges]
            found = [int(queryd.rows(COUNT, **c)[0]["records.graded"]) for c in asked]
            assert found == [int(queryd.rows(HISTOGRAM, **c)[5]["records.count"]) for c in asked]
            return found
        there = [sum(a <= t < b for t in starts) for a, b in ranges]
        assert counts("ping") == counts("OTT") == there
        gone = [6 * max(0, (b - first) // HOUR - -(-(a - first) // HOUR)) for a, b in ranges]
        stored.sql("UPDATE retention_class SET horizon = (now() AT TIME ZONE 'UTC')::date - 1 WHERE class = 0")
        assert counts("OTT") == there, "they are there still"
        stored.sql("DELETE FROM measurement m USING series s WHERE s.id = m.series_id AND s.type = 'ping'")
        assert counts("ping") == gone and counts("OTT") == there


@pytest.mark.parametrize("restart", (False, True))
def test_late_records_behind_the_horizon(build_dir, make_stored, restart):
    """Periods that began before it are those of all records that ever came, whatever is split and merged."""
    stored = make_stored(seal_after_s=1).start()
    records = straddling(stored)
    send(stored, records)
    assert stored_periods(stored) == all_periods(records)
    sealed(stored)
    if restart:  # so that nobody wrote how the open periods are
        stored.stop(signal.SIGKILL)
        stored.settings["retention"] = {"ping": 1}
        stored.start()
    else:
        keep(stored, {"ping": 1})
    # The records of before were there without a class of their own.
    assert stored.sql("SELECT class FROM retention_class") in ([(0,), (1,)], [(0,)])
    keep(stored, {"*": 1})
    quiet(stored, c0=1)
    assert days(stored)["ping"] == [1]
    assert counted(stored, "retention.records", 4 * 40 - 19)
    assert stored_periods(stored) == all_periods(records)
    rebuild = Rebuild(build_dir, stored)
    rebuild.identical()
    rng = random.Random(5)
    for _ in range(12):
        late = [ping(today() - DAY + rng.randrange(0, 60) * MINUTE + 7 * SECOND + rng.randrange(1000), rng.randint(1, 5),
                     series=rng.randrange(4)) for _ in range(rng.randint(1, 4))]
        records += late
        send(stored, late)
        assert stored_periods(stored) == all_periods(records)
    stored.wait(lambda: stored.counter("periods.repaired") > 5)
    rebuild.identical()
    rebuild.repairs()
    assert stored_periods(stored) == all_periods(records)
    check_kept(stored)
    # In order again after a kill: from the rows alone.
    stored.stop(signal.SIGKILL)
    stored.start()
    more = [ping(today() - DAY + 2 * HOUR + k * MINUTE, 5, series=s) for k in range(3) for s in range(4)]
    records += more
    send(stored, more)
    assert stored_periods(stored) == all_periods(records)


def test_a_reader_delays_the_drop_and_not_the_writer(make_stored):
    stored = make_stored(seal_after_s=1).start()
    send(stored, [ping(today() - ago * DAY + k) for ago in (3, 2, 1) for k in range(50)])
    sealed(stored)
    reader = stored.cluster.connect(stored.database)
    try:
        reader.autocommit = False
        with reader.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM measurement")
            keep(stored, {"*": 1})
            stored.wait(lambda: stored.log().count("retention.locked") >= 2)
            sender, sent = stored.sender(), 0
            while stored.log().count("retention.locked") < 3:  # which is waited for meanwhile
                sender.commit([ping(now_us())])
                sent += 1
            assert days(stored)["ping"] == [0, 1, 2, 3]
            cursor.execute("SELECT count(*) FROM measurement")
            assert cursor.fetchall() == [(150 + sent,)]
    finally:
        reader.close()
    quiet(stored, c0=1)
    assert days(stored)["ping"] == [0, 1] and counted(stored, "retention.records", 100)
    stored.wait(lambda: {ago for ago, _ in partitions(stored)} == {-1, 0, 1})  # empty days go too
    check_kept(stored)


def test_killed_in_the_middle(make_stored):
    """kill -9, again and again, while days are dropped and records come: nothing is lost that is not in the ledger."""
    stored = make_stored(seal_after_s=1).start()
    count = 12
    records = [make(today() - ago * DAY + k * MINUTE, 1 + k % 5) for ago in range(1, count) for k in range(300)
               for make in (ping, ott)]
    send(stored, records, 1000)
    sealed(stored)
    rng = random.Random(3)
    stored.settings["retention"] = {"*": count - 1}
    sent = 0
    for ago in range(count - 2, 0, -1):
        stored.settings["retention"] = {"*": ago}
        stored.stop(signal.SIGKILL)
        stored.start(wait=False)
        time.sleep(rng.random() * 0.4)
        send(stored, [ping(now_us(), series=9)])
        sent += 1
    quiet(stored, c0=1)
    assert max(days(stored)["ping"]) == max(days(stored)["OTT"]) == 1
    assert stored.sql("SELECT sum(records) FROM ledger_dropped") == [((count - 2) * 600,)]
    assert stored.sql("SELECT count(*) FROM measurement") == [(600 + sent,)]
    assert stored.sql("SELECT sum(n0) FROM grade_total WHERE grade_id = 0 AND unit = 'day'") == [(len(records) + sent,)]
    check_kept(stored)


def test_what_the_option_may_be(make_stored):
    stored = make_stored(retention={"ping": 1}).start()
    for wrong, said in (({"ping": -1}, "retention.ping: expected whole days (0: for ever) 0..36500, found -1"),
                        ({"OTT": "3"}, 'retention.OTT: expected whole days (0: for ever) 0..36500, found "3"'),
                        ({"*": 1.5}, "retention.*: expected whole days"),
                        ({"*": 36501}, "retention.*: expected whole days (0: for ever) 0..36500, found 36501"),
                        ({"x" * 1025: 1}, "expected a record type of at most 1024 bytes"),
                        ({f"t{i}": 1 for i in range(17)}, "retention.t16: expected at most 16 record types")):
        stored.settings["retention"] = wrong
        stored.write_config()
        begin = len(stored.log())
        stored.process.send_signal(signal.SIGHUP)
        stored.wait(lambda begin=begin: "config.refused" in stored.log()[begin:])
        assert said in stored.log()[begin:]
    assert stored.sql("SELECT count(*) FROM retention_class") == [(2,)]
    stored.stop()
    stored.settings["retention"] = {"ping": None}
    stored.start(wait=False)
    assert stored.process.wait(120) == 1 and "found null" in stored.log()


def test_old_rows_of_the_ledger_are_removed(make_stored):
    """In steps, the oldest first; records that name them stay, and what is left still closes."""
    stored = make_stored().start()
    sender = stored.sender()
    for ago in (5, 4, 2, 0):
        sender.received_us = now_us() - ago * DAY
        sender.commit([ping(sender.received_us + k, sender=k % 2) for k in range(10)])
    assert stored.sql("SELECT count(*) FROM ledger") == [(8,)]
    stored.stop()
    stored.settings["ledger_days"] = 3
    stored.start()
    stored.wait(lambda: stored.sql("SELECT count(*) FROM ledger") == [(4,)])
    stored.wait(lambda: stored.counter("ledger.removed") == 4)
    assert stored.sql("SELECT below FROM ledger_removed") == stored.sql("SELECT min(id) FROM ledger")
    assert stored.sql(LEDGER) == [] and stored.sql("SELECT count(*) FROM measurement") == [(40,)]


def migrated(stored, number):
    """The schemas up to that migration, to begin with."""
    stored.copy_schemas()
    for name in os.listdir(os.path.join(stored.schemas, "sql")):
        if int(name[:4]) > number:
            os.unlink(os.path.join(stored.schemas, "sql", name))


def test_a_store_of_before_is_converted(make_stored):
    """Partitions by day become class 0 of their days."""
    stored = make_stored(seal_after_s=1)
    migrated(stored, 4)
    database = stored.cluster.connect(stored.database)
    with database.cursor() as cursor:
        cursor.execute("DO $$ BEGIN CREATE ROLE ezrepo_read NOLOGIN; EXCEPTION WHEN duplicate_object THEN END $$;"
                       " CREATE SCHEMA ezrepo; SET search_path = ezrepo; SET timezone = 'UTC'; CREATE TABLE migration"
                       " (number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz DEFAULT now())")
        for name in sorted(os.listdir(os.path.join(stored.schemas, "sql"))):
            with open(os.path.join(stored.schemas, "sql", name), encoding="utf-8") as file:
                cursor.execute(file.read())
            cursor.execute("INSERT INTO migration VALUES (%s, %s)", (int(name[:4]), name))
        cursor.execute("INSERT INTO schema (verb, registry, results, parameters, metadata, digest) VALUES"
                       " ('measure', '', '{a,b}', '{p}', '{}', gen_random_uuid())")
        cursor.execute("INSERT INTO series (type, content, probe, source, dest, path)"
                       " VALUES ('ping', 'ICMPECHO', 'probe0', '192.0.2.1', '2001:db8::1', '')")
        for ago in (2, 1):
            cursor.execute(f"CREATE TABLE measurement_{time.strftime('%Y%m%d', time.gmtime(today() // SECOND - ago * 86400))}"
                           " PARTITION OF measurement FOR VALUES FROM (to_timestamp(%s)) TO (to_timestamp(%s))",
                           (today() // SECOND - ago * 86400, today() // SECOND - ago * 86400 + 86400))
            cursor.execute("INSERT INTO measurement SELECT 1, to_timestamp(%s) + k * interval '1 min', to_timestamp(%s)"
                           " + k * interval '1 min', 0, 1, 1, '{}', '{1,NULL,x}', 'l', 0 FROM generate_series(1, 100) k",
                           (today() // SECOND - ago * 86400,) * 2)
        cursor.execute("INSERT INTO measured_hour SELECT DISTINCT date_trunc('hour', t_start) FROM measurement;"
                       "INSERT INTO grade_total SELECT * FROM grade_total_reference")
        cursor.execute("SELECT t_start, t_end, row, \"values\", label FROM measurement ORDER BY t_start")
        before = cursor.fetchall()
    database.close()
    stored.schemas = os.path.join(ROOT, "schemas")
    stored.settings["retention"] = {"ping": 1}
    stored.start()
    assert stored.sql("SELECT t_start, t_end, row, \"values\", label FROM record ORDER BY t_start") == before
    assert [p for p in partitions(stored) if p[0] > 0] == [(1, None), (1, 0), (2, None), (2, 0)]
    send(stored, [ping(today() - DAY + MINUTE, digest=0), ping(today() - DAY + 30 * SECOND), ping(now_us())])
    assert counted(stored, "duplicates", 1) and stored.sql("SELECT count(*) FROM measurement") == [(202,)]
    check_store(stored)
    sealed(stored)
    keep(stored, {"*": 1})
    quiet(stored, c0=1)
    assert days(stored)["ping"] == [0, 1]
    check_kept(stored)


def test_verify_closes_while_partitions_are_dropped(make_set):
    """The operator's view of it: what was dropped is in the ledger, what came too late as well."""
    one = make_set()
    one.up()
    t = time.time()
    one.send([conftest.ping("2001:db8::9", time_text(t - ago * 86400 - k * 60)) for ago in (0, 1, 2, 3) for k in range(25)])
    one.wait_matched(100)
    one.configure(stored={"seal_after_s": 1, "retention": {"*": 1}})
    one.kill("stored", signal.SIGHUP)
    for _ in range(5):
        assert json.loads(one.cmd("ledger", "--verify", "--json").stdout)["closes"]
    one.wait_for(lambda: one.sql("SELECT coalesce(sum(records), 0) >= 25 FROM ledger_dropped") == [(True,)], 120)
    one.send([conftest.ping("2001:db8::9", time_text(t - 5 * 86400))])
    one.wait_for(lambda: one.sql("SELECT count(*) FROM rejected WHERE reason = 'expired'") == [(1,)])
    found = json.loads(one.cmd("ledger", "--verify", "--json").stdout)
    totals = found["ingestds"][0]["totals"]
    assert found["closes"] and (totals["records"], totals["stored"], totals["rejected_records"]) == (101, 100, 1)
    assert one.matched() == 100, "whole minutes of all types are counted as before"


def test_schemas_and_hops_go_with_the_last_record_that_has_them(make_stored):
    """Those of a type that is kept, and those that newer records have, too, stay; one that comes again is made again."""
    stored = make_stored(seal_after_s=1, retention={"ping": 30, "OTT": 30}).start()
    sender = stored.sender()

    def commit(records, name):
        sender.commit(records, schema={**OTHER, "results": ["a", name]})

    commit([ping(today() - 5 * DAY + HOUR, hops=["192.0.2.1"])], "old")
    commit([ping(today() - 5 * DAY + 2 * HOUR, hops=["192.0.2.2"]), ping(today() - DAY, hops=["192.0.2.2"])], "both")
    commit([ott(today() - 5 * DAY + HOUR)], "ott")
    for turn in range(300):  # names that a sender makes up
        sender.batch([ping(today() - 4 * DAY + turn * MINUTE)], schema={**OTHER, "results": ["a", f"made up {turn}"]})
    sender.send()
    sender.settle()
    assert stored.sql("SELECT count(*) FROM schema") == [(303,)]
    sealed(stored)
    keep(stored, {"ping": 2, "OTT": 30})
    stored.wait(lambda: stored.sql("SELECT results[2] FROM schema ORDER BY 1") == [("both",), ("ott",)])
    stored.wait(lambda: stored.sql("SELECT addresses FROM hops") == [(["192.0.2.2"],)])
    stored.wait(lambda: stored.counter("schemas.removed") == 301 and stored.counter("hops.removed") == 1)
    assert stored.sql("SELECT count(*) FROM schema_use") == [(2,)]
    commit([ping(today() - DAY + 1, hops=["192.0.2.1"])], "old")
    assert stored.sql("SELECT results[2], hops FROM record WHERE type = 'ping' ORDER BY t_start") == [
        ("both", ["192.0.2.2"]), ("old", ["192.0.2.1"])]
    check_kept(stored)
