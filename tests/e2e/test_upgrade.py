# SPDX-License-Identifier: Apache-2.0
"""A store of the version before becomes one of this: what a record measured is its identity, and its order.

What is there before is made by the migrations up to 9 and by SQL, periods and counts by the references of then."""
import datetime
import json
import os
import random
import re
import signal
import time
import types

import psycopg2
import pytest

from conftest import ROOT
from processes import held_up, stand_still
from stores import DIFFERENCE, EVENTS, HOUR, NONE, PERIODS, SECOND, Record, Stored, check_store, microseconds, naive_periods
from test_rebuild import Rebuild

MINUTE = 60 * SECOND
DAY = 24 * HOUR
BASE = 20_000 * DAY  # 2024-10-04
DAYS = 6
SCHEMAS = [  # results, parameters, metadata
    (["a", "b"], ["p"], []),
    (["rtt.ms", "loss"], ["source.ip4", "destination.ip4"], ["System_ID", "note"]),
    (["ü", "B", "a.b"], [], []),
]
VALUES = ["1", "1.0", "7", "0.5", "-0", "1e00005", "x", "", None, "True", "[1]", '{"a": 1}', "00012.50", "é", "1e", "-7E-3",
          "18446744073709551615", "+5"]


def time_of(us):
    return datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(microseconds=us)


def migrations():
    folder = os.path.join(ROOT, "schemas", "sql")
    return [(int(name[:4]), name, os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if int(name[:4]) <= 9]


def make_before(sql):
    """The tables, as stored of then made them."""
    sql.execute("DO $$ BEGIN CREATE ROLE ezrepo_read NOLOGIN; EXCEPTION WHEN duplicate_object OR insufficient_privilege THEN END $$;"
                " CREATE SCHEMA ezrepo; SET search_path = ezrepo; SET timezone = 'UTC'; CREATE TABLE migration"
                " (number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz DEFAULT now())")
    for number, name, path in migrations():
        with open(path, encoding="utf-8") as file:
            sql.execute(file.read())
        sql.execute("INSERT INTO migration VALUES (%s, %s)", (number, name))


class Before:
    """Records of then, in Python and in the database: several of one start, in every order, some the same but for
    their row; two classes; two grade names."""

    def __init__(self, stored, seed, count=1500):
        self.stored, self.random = stored, random.Random(seed)
        self.database = stored.cluster.connect(stored.database)
        self.sql = self.database.cursor()
        make_before(self.sql)
        self.series = [("ping", "ICMPECHO", f"probe{i}", "192.0.2.1", "2001:db8::1", "") for i in range(4)] \
            + [("OTT", "http://x.example/", f"probe{i}", "192.0.2.2", "", "") for i in range(2)]
        self.records = self.make(count)
        self.fill()

    def make(self, count):
        r, found = self.random, []
        while len(found) < count:
            series, schema = r.randrange(len(self.series)), r.randrange(len(SCHEMAS))
            t = BASE + r.randrange(DAYS * 24 * 20) * 3 * MINUTE + r.choice([0, 0, 0, 1])
            if any((m["series"], m["t"]) == (series, t) for m in found):
                continue
            for row in range(r.choice([1, 1, 1, 2, 5])):
                dims = self.series[series]
                before = found[-1] if row > 0 and r.random() < 0.3 else None  # says the same
                values = [r.choice(VALUES) for _ in SCHEMAS[schema][0]]
                rest = {"source.ip4": r.choice([dims[3], "::1"]), "destination.ip4": r.choice([dims[4], None]),
                        "System_ID": dims[2], "note": "n", "p": "q"}
                values += [rest[name] for part in SCHEMAS[schema][1:] for name in part]
                end = t + r.choice([0, 0, 1, 10 * SECOND, 2 * HOUR if r.random() < 0.1 else 0])
                found.append({"series": series, "t": t, "row": row, "schema": schema,
                              "end": before["end"] if before else end, "values": before["values"] if before else values,
                              "grades": [r.choice([None, 0, 4, 5, 5, 5]), r.choice([1, 2])][:r.choice([1, 2, 2])]})
        return found

    def fill(self):
        sql = self.sql
        sql.execute("INSERT INTO retention_class VALUES (1, 'OTT', %s, '1970-01-01')", (time_of(BASE + DAY).date(),))
        sql.execute("INSERT INTO record_type VALUES ('', '300 s'), ('ping', '300 s'), ('OTT', '300 s')")
        sql.execute("INSERT INTO grade_name VALUES (1, 'overall'), (2, 'bandWidth')")
        sql.execute("INSERT INTO grading VALUES (1, '{}', 0, 'me', now())")
        sql.execute("INSERT INTO ledger (hour, instance, sender, datagrams, accepted, records, stored) VALUES"
                    " ('2024-10-04', gen_random_uuid(), '192.0.2.9', %s, %s, %s, %s)", (len(self.records),) * 4)
        for dims in self.series:
            sql.execute("INSERT INTO series (type, content, probe, source, dest, path) VALUES (%s, %s, %s, %s, %s, %s)", dims)
        for results, parameters, metadata in SCHEMAS:
            sql.execute("INSERT INTO schema (verb, registry, results, parameters, metadata, digest) VALUES ('measure',"
                        " 'http://example.org/r', %s, %s::text[], %s::text[], gen_random_uuid())",
                        (results, parameters, metadata))
        for day in range(DAYS + 1):
            day_us = BASE + day * DAY
            name = time_of(day_us).strftime("measurement_%Y%m%d")
            sql.execute(f"CREATE TABLE {name} PARTITION OF measurement FOR VALUES FROM (%s) TO (%s) PARTITION BY LIST (class);"
                        f" CREATE TABLE {name}_c0 PARTITION OF {name} FOR VALUES IN (0);"
                        f" CREATE TABLE {name}_c1 PARTITION OF {name} FOR VALUES IN (1)",
                        (time_of(day_us), time_of(day_us + DAY)))
        for m in self.records:
            sql.execute("INSERT INTO measurement VALUES (%s, %s, %s, %s, %s, 1, %s::smallint[], %s::text[], 'l', 1, %s)",
                        (m["series"] + 1, time_of(m["t"]), time_of(m["end"]), m["row"], m["schema"] + 1, m["grades"],
                         m["values"], self.class_of(m)))
        sql.execute("INSERT INTO measured_hour (hour, reach, sealed, in_day) SELECT date_trunc('hour', t_start),"
                    " date_trunc('hour', max(t_end)) + '1 h'::interval, min(t_start) < %s, min(t_start) < %s"
                    " FROM measurement GROUP BY 1", (time_of(BASE + 5 * DAY), time_of(BASE + 4 * DAY)))
        for table in ("grade_rollup", "grade_rollup_day", "grade_total"):
            sql.execute(f"INSERT INTO {table} SELECT * FROM {table}_reference")
        sql.execute("INSERT INTO period SELECT p.series_id, grade_id, p.t_start, start_row, grade, t_end, records, ended,"
                    " last.t_start, last.row FROM period_reference p CROSS JOIN LATERAL (SELECT t_start, row FROM measurement m"
                    " WHERE m.series_id = p.series_id ORDER BY t_start DESC, row DESC LIMIT 1) AS last")
        sql.execute("INSERT INTO event (series_id, grade_id, t, row, from_grade, to_grade) SELECT * FROM event_reference")
        sql.execute("INSERT INTO event (series_id, grade_id, t, row, from_grade, to_grade, retracted_at)"
                    " SELECT series_id, grade_id, t, row, 3, 4, now() FROM event_reference LIMIT 20")

    def class_of(self, m):
        return int(self.series[m["series"]][0] == "OTT" and m["t"] >= BASE + DAY)

    def drop(self, days):
        """As retention does: what is known of the records that go is noted."""
        horizon = BASE + days * DAY
        self.sql.execute(
            "INSERT INTO period_dropped SELECT p.series_id, p.grade_id, p.t_start, p.start_row, %(h)s, count(*), max(m.t_end)"
            " FROM (SELECT DISTINCT ON (series_id, grade_id) * FROM period WHERE t_start < %(h)s"
            "       ORDER BY series_id, grade_id, t_start DESC, start_row DESC) AS p"
            " JOIN measurement m ON m.series_id = p.series_id AND (m.t_start, m.row) >= (p.t_start, p.start_row)"
            "  AND m.t_start < %(h)s AND m.grades[p.grade_id] > 0 GROUP BY 1, 2, 3, 4", {"h": time_of(horizon)})
        self.sql.execute("UPDATE retention_class SET horizon = %s", (time_of(horizon).date(),))
        kept = [m for m in self.records if m["t"] >= horizon]
        self.sql.execute("INSERT INTO ledger_dropped VALUES (1, %s)", (len(self.records) - len(kept),))
        for day in range(days):
            self.sql.execute(f"DROP TABLE {time_of(BASE + day * DAY).strftime('measurement_%Y%m%d')}")
        return kept

    def done(self):
        self.database.close()


@pytest.fixture
def stored(build_dir, cluster):
    one = Stored(build_dir, cluster, seal_after_s=86400)
    yield one
    one.close()


def test_the_digest_in_sql_is_that_of_the_vectors(stored):
    """As far as text tells what a value was."""
    stored.start()
    with open(os.path.join(ROOT, "tests", "golden", "record_identity.json"), encoding="utf-8") as file:
        cases = [c for c in json.load(file)["cases"] if "kinds" not in c]
    assert len(cases) > 40
    for c in cases:
        names, values = [m[0] for m in c["metrics"]], [m[1] for m in c["metrics"]]
        found = stored.sql("SELECT record_digest('epoch'::timestamptz + %s * interval '1 us', %s::text[], %s::text[],"
                           " %s::text[], %s)", c["t_end_us"], c.get("hops"), names, values, c.get("equal_before", 0))
        assert found == [(c["digest"],)], c


def whole(stored):
    """All records with their values as they were sent."""
    return sorted(stored.sql("SELECT probe, type, t_start, t_end, row, results, parameters, metadata, \"values\", grades,"
                             " label, ledger_id FROM record"), key=repr)


def expected(before, records):
    rows = []
    for m in records:
        dims = before.series[m["series"]]
        rows.append((dims[2], dims[0], time_of(m["t"]), time_of(m["end"]), m["row"], *SCHEMAS[m["schema"]], m["values"],
                     m["grades"], "l", 1))
    return sorted(rows, key=repr)


DIGESTS = """SELECT * FROM (SELECT digest, record_digest(t_end, hops, results, "values",
        (row_number() OVER (PARTITION BY series_id, t_start, record_digest(t_end, hops, results, "values") ORDER BY row)
         - 1)::int) AS said FROM record) AS d WHERE digest <> said"""


def check_converted(stored, before, records):
    assert whole(stored) == expected(before, records)
    assert stored.sql(DIGESTS) == []
    assert stored.sql("SELECT DISTINCT arrival, door, format, hops::text FROM record") == [(0, "", "", None)]
    assert stored.sql("SELECT sum(cardinality(of_series) - array_length(array_positions(of_series, ''), 1)) > 0"
                      " FROM schema") == [(True,)], "some values go without saying"
    assert stored.sql("SELECT count(*) FROM series_again") == [(0,)]
    assert stored.sql("SELECT count(*) FROM event WHERE retracted_at IS NOT NULL AND to_grade = 4 AND from_grade = 3")[0][0] >= 20
    for name in ("before_%", "measurement_before%"):
        assert stored.sql("SELECT relname FROM pg_class WHERE relname LIKE %s", name) == []


# Which tables are written anew, after which migration.
REWRITES = """
    CREATE TABLE public.rewrite (name text, behind integer);
    CREATE FUNCTION public.note_rewrite() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.rewrite
        SELECT pg_event_trigger_table_rewrite_oid()::regclass, max(number) FROM ezrepo.migration; END';
    CREATE EVENT TRIGGER note_rewrite ON table_rewrite EXECUTE FUNCTION public.note_rewrite();
    CREATE TABLE public.looked_at (a integer);
    ALTER TABLE public.looked_at ALTER a TYPE bigint"""


def check_steadiness(stored):
    """What migration 40 added says of records, periods and events of before that nobody asked for any, in place."""
    assert stored.sql("SELECT count(*) > 100, count(*) FILTER (WHERE steady <> '') FROM measurement") == [(True, 0)]
    assert stored.sql("SELECT DISTINCT attnotnull FROM pg_attribute WHERE attname = 'steady' AND attrelid IN"
                      " (SELECT relid FROM pg_partition_tree('ezrepo.measurement'))") == [(True,)]
    for table in ("period", "event"):
        assert stored.sql(f"SELECT DISTINCT flap FROM {table}") == [(False,)]
    assert stored.sql("SELECT count(*) FROM steady_walk") == [(0,)]
    assert stored.sql("SELECT name, behind FROM public.rewrite WHERE behind >= 37 OR name LIKE '%%looked_at'") == [("public.looked_at", 9)]
    stored.sql("DROP EVENT TRIGGER note_rewrite")


def test_a_store_of_before_is_converted(build_dir, stored):
    before = Before(stored, 1)
    before.sql.execute(REWRITES)
    before.done()
    stored.start()
    check_steadiness(stored)
    assert "migration.plan" in stored.log() and stored.log().count("migration.part part=measurement_") == DAYS + 1
    check_converted(stored, before, before.records)
    check_store(stored)
    Rebuild(build_dir, stored).identical()
    # What was stored is known again, also where it comes alone and by an ingestd that tells no digest.
    sender = stored.sender()
    names = {"verb": "measure", "registry": "http://example.org/r"}
    again = [m for m in before.records if m["row"] == 0 and m["schema"] == 1][:50]
    results, parameters, metadata = SCHEMAS[1]
    sender.commit([Record(m["t"], end=m["end"], dims=before.series[m["series"]], values=m["values"], digest=0)
                   for m in again], schema={**names, "results": results, "parameters": parameters, "metadata": metadata})
    assert stored.counter("duplicates") == len(again) and stored.counter("same_start") == 0
    sender.commit([Record(before.records[0]["t"], (5, NONE), dims=before.series[before.records[0]["series"]])])
    assert stored.counter("same_start") == 1
    check_store(stored)


def test_killed_in_its_midst_it_goes_on(build_dir, stored):
    """Each day is converted once: of those that are done nothing is done again."""
    before = Before(stored, 2, 400)
    blocked = time_of(BASE + 3 * DAY).strftime("measurement_%Y%m%d")
    before.sql.execute(f"BEGIN; LOCK TABLE {blocked} IN ACCESS SHARE MODE")
    stored.start(wait=False)
    stored.wait(lambda: stored.sql("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = to_regclass(%s)",
                                   f"ezrepo.{blocked}") != [])
    stored.stop(signal.SIGKILL)
    before.sql.execute("ROLLBACK")
    before.done()
    stored.wait_for_no_session()
    done = stored.log().count("migration.part part=measurement_")
    assert done == 3
    stored.start()
    assert stored.log().count("migration.part part=measurement_") == DAYS + 1
    check_converted(stored, before, before.records)
    check_store(stored)
    Rebuild(build_dir, stored).identical()


def digests(stored):
    return {(probe, microseconds(t), row): digest
            for probe, t, row, digest in stored.sql("SELECT probe || type, t_start, row, digest FROM record")}


@pytest.mark.parametrize("seed", (3, 4, 5))
def test_where_retention_dropped_records(build_dir, stored, seed):
    """Periods that began before the horizon are those of all records that ever came, in their new order."""
    before = Before(stored, seed)
    kept = before.drop(2)
    before.done()
    stored.start()
    check_converted(stored, before, kept)
    Rebuild(build_dir, stored).identical()
    known = digests(stored)
    us = "(extract(epoch FROM {}) * 1000000)::bigint"
    for grade_id in (1, 2):
        want = []
        for s, dims in enumerate(before.series):
            # Those that are gone keep their order, which is that of their rows.
            rows = [(m["t"], m["end"], known[(dims[2] + dims[0], m["t"], m["row"])], m["grades"][grade_id - 1] or 0)
                    if m in kept else (m["t"], m["end"], m["row"], m["grades"][grade_id - 1] or 0)
                    for m in before.records if m["series"] == s and len(m["grades"]) >= grade_id]
            gone = sorted((r for r in rows if r[0] < BASE + 2 * DAY), key=lambda r: (r[0], r[2]))
            left = sorted(r for r in rows if r[0] >= BASE + 2 * DAY)
            want += [(s + 1, p[0], p[1], *p[3:]) for p in naive_periods(gone + left, 300 * SECOND, in_order=True)]
        have = stored.sql(f"SELECT series_id, grade, {us.format('t_start')}, {us.format('t_end')}, records, ended"
                          " FROM period_now WHERE grade_id = %s", grade_id)
        assert sorted(have, key=repr) == sorted(want, key=repr)
    behind = f" WHERE t_start >= to_timestamp({(BASE + 3 * DAY) // SECOND})"
    assert stored.sql(f"SELECT count(*) FROM ({PERIODS} period_reference{behind}) AS p") != [(0,)]
    # Late ones into the time behind the horizon, and the ledger closes.
    sender = stored.sender()
    sender.commit([Record(m["t"] + 7, (3, 3), dims=before.series[m["series"]]) for m in kept[:40]])
    Rebuild(build_dir, stored).identical()
    assert stored.sql("SELECT l.id FROM ledger_now l LEFT JOIN (SELECT ledger_id, sum(n) AS n FROM (SELECT ledger_id, count(*)"
                      " AS n FROM measurement GROUP BY 1 UNION ALL SELECT ledger_id, records FROM ledger_dropped) AS c"
                      " GROUP BY 1) AS n ON n.ledger_id = l.id WHERE l.stored <> coalesce(n.n, 0)") == []


def test_a_missing_schema_loses_no_record(stored):
    """Nothing but what is there is asked for."""
    before = Before(stored, 6, 50)
    before.sql.execute("DELETE FROM schema WHERE id = 2")
    before.done()
    stored.start()
    assert stored.sql("SELECT count(*) FROM measurement") == [(len(before.records),)]
    rows = stored.sql("SELECT \"values\" FROM measurement WHERE schema_id = 2 ORDER BY series_id, t_start, row")
    assert [r[0] for r in rows] == [m["values"] for m in sorted(before.records, key=lambda m: (m["series"], m["t"], m["row"]))
                                    if m["schema"] == 1]


def test_a_stop_in_its_midst_breaks_it_off(build_dir, stored):
    """Whatever the statement under way waits for, nobody waits for it; the next start goes on."""
    before = Before(stored, 7, 300)
    blocked = time_of(BASE + 2 * DAY).strftime("measurement_%Y%m%d")
    before.sql.execute(f"BEGIN; LOCK TABLE {blocked} IN ACCESS SHARE MODE")
    stored.start(wait=False)
    stored.wait(lambda: stored.sql("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = to_regclass(%s)",
                                   f"ezrepo.{blocked}") != [])
    [(backend,)] = stored.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'ezrepo-stored'")
    with held_up(backend):
        before.sql.execute("ROLLBACK")
        stored.wait(lambda: stored.status().get("notes", {}).get("database", "").startswith("upgrading: "))
        assert stored.stop() == 0
    before.done()
    stored.wait_for_no_session()
    assert stored.log().count("migration.part part=measurement_") < DAYS
    stored.start()
    assert stored.log().count("migration.part part=measurement_") == DAYS + 1
    check_converted(stored, before, before.records)
    check_store(stored)
    Rebuild(build_dir, stored).identical()


# The third day's counts by hour wait for the test.
HELD_UP = """
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF (SELECT count(DISTINCT day) FROM ezrepo.rollup_day) = 2 THEN
        PERFORM pg_advisory_lock(17); END IF; RETURN NULL; END';
    CREATE FUNCTION held() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN IF to_regclass(''ezrepo.rollup_day'') IS NOT NULL
        AND to_regclass(''ezrepo.rollup_month'') IS NULL THEN
        CREATE TRIGGER hold BEFORE INSERT ON ezrepo.rollup_day EXECUTE FUNCTION ezrepo.hold(); END IF; END';
    CREATE EVENT TRIGGER held ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION held();
    SELECT pg_advisory_lock(17)"""


def test_counts_are_converted_day_by_day(build_dir, stored):
    """Killed in its midst it goes on where it was."""
    before = Before(stored, 9, 300)
    counted = stored.sql("SELECT * FROM grade_rollup ORDER BY 1, 2, 3"), stored.sql("SELECT * FROM grade_rollup_day ORDER BY 1, 2, 3")
    before.sql.execute(HELD_UP)
    stored.start(wait=False)
    stored.wait(lambda: stored.sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") != [])
    stored.stop(signal.SIGKILL)
    before.sql.execute("SELECT pg_advisory_unlock_all(); DROP EVENT TRIGGER held")
    stored.wait_for_no_session()
    before.sql.execute("DROP TRIGGER hold ON rollup_day")
    before.done()
    assert stored.sql("SELECT count(DISTINCT day) FROM rollup_day") == [(2,)]
    stored.start()
    assert [stored.log().count(f"migration.part part=rollup_{unit}_") for unit in ("day", "month")] == [5, 1]
    assert stored.sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'rollup_before%'") == [(0,)]
    assert counted == (stored.sql("SELECT * FROM grade_rollup ORDER BY 1, 2, 3"),
                       stored.sql("SELECT * FROM grade_rollup_day ORDER BY 1, 2, 3"))
    check_store(stored)
    Rebuild(build_dir, stored).identical()


SLOWLY = """
    CREATE FUNCTION slowly() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(2); END';
    CREATE EVENT TRIGGER slowly ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION slowly()"""


def test_the_operator_is_told_beforehand(make_set):
    """How much it is, how long that takes and what it needs, by whatever starts stored; a day takes some seconds here."""
    one = make_set()
    one.up()

    def connect(_):
        connection = psycopg2.connect(host=f"{one.state}/postgres/socket", dbname="ezrepo", user="ezrepo_store")
        connection.autocommit = True
        return connection
    pid = one.pid("stored")
    stand_still(pid)  # and is killed: no word of it is about what comes now
    one.sql("DROP SCHEMA ezrepo CASCADE")
    before = Before(types.SimpleNamespace(cluster=types.SimpleNamespace(connect=connect), database="ezrepo"), 8, 300)
    before.done()
    one.sql(SLOWLY, role="postgres")
    one.sql("REVOKE pg_read_all_settings FROM ezrepo_store", role="postgres")  # as in a set of the release before
    os.kill(pid, signal.SIGKILL)
    said = one.cmd("restart", "stored").stdout
    parts = int(re.search(r"upgrading: (\d+) parts, about .* minutes left; ", said)[1])
    assert 1 < parts <= DAYS + 1, said  # those that are over by the time that it is asked do not count
    assert " MiB of disk needed beside the database" in said
    assert "until that is done questions are not answered" in said
    assert one.sql("SELECT pg_has_role('ezrepo_store', 'pg_read_all_settings', 'USAGE')") == [(True,)]
    status = one.cmd("status", check=False)
    assert status.returncode == 1 and "! stored: database: upgrading: " in status.stdout
    assert "stored stopped" in one.cmd("down").stdout  # or it would have said that this was not clean
    said = one.cmd("up").stdout
    assert "stored makes the store one of this release: upgrading: " in said
    one.sql("DROP EVENT TRIGGER slowly", role="postgres")
    one.wait_for(lambda: one.process("stored")["notes"]["database"] == "connected")
    assert one.sql("SELECT count(*) FROM measurement") == [(len(before.records),)]
