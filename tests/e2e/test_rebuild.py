# SPDX-License-Identifier: Apache-2.0
"""rebuild: says of every damage what differs, changes nothing with --verify, and repairs online."""
import contextlib
import itertools
import json
import os
import random
import re
import signal
import subprocess
import threading
import time

import msgpack
import pytest
import zmq
from messages import MESSAGE_VERSION, REBUILD, REBUILT, pack
from stores import (HOUR, NONE, SECOND, Record, check_store, now_us, random_records, start_of_hour,
                    stay_within_a_day)

NOTHING = {"missing": 0, "surplus": 0, "different": 0}


class Rebuild:
    """ezrepoctl rebuild of one stored, with its result as JSON."""

    def __init__(self, build_dir, stored):
        self.program = os.path.join(build_dir, "ctl", "ezrepoctl")
        self.stored = stored

    def start(self, *options):
        return subprocess.Popen([self.program, "rebuild", "--run-dir", self.stored.run_dir, "--json", *options],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, process, seconds=300):
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail(f"no end within {seconds} s\n{self.stored.status()}\n{self.stored.log()[-3000:]}")
        assert "Sanitizer" not in err, err
        return process.returncode, json.loads(out) if out else err

    def __call__(self, *options):
        return self.end(self.start(*options))

    def identical(self, *options):
        code, result = self("--verify", *options)
        assert (code, result["identical"], result["message"]) == (0, True, "identical"), result
        assert (result["periods"], result["events"], result["rollups"]) == (NOTHING, NOTHING, NOTHING)
        return result

    def differs(self, *options):
        code, result = self("--verify", *options)
        assert (code, result["identical"], result["message"]) == (1, False, "not identical"), result
        return result

    def repairs(self, *options):
        code, result = self(*options)
        assert (code, result["status"]) == (0, 0), result
        return result


@pytest.fixture
def rebuild(build_dir, stored):
    return Rebuild(build_dir, stored)


def everything(stored):
    """What a rebuild may change, as it is."""
    return [stored.sql(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4") for table in
            ("period", "event", "grade_rollup", "grade_rollup_day", "grade_total")]


def fill(stored, seed=1, count=600, series=5, hours=6, back=30):
    """Records in random order, most of their hours sealed."""
    records = random_records(random.Random(seed), count, series, start_of_hour() - back * HOUR, hours * HOUR)
    sender = stored.sender()
    for i in range(0, len(records), 50):
        sender.send(sender.batch(records[i:i + 50]))
    sender.settle()
    return sender, records


def seal(stored):
    stored.wait(lambda: stored.sql("SELECT bool_and(sealed) FROM measured_hour") == [(True,)])
    stored.wait(lambda: stored.sql("SELECT bool_and(in_day) FROM measured_hour WHERE hour < date_trunc('hour', now())")
                == [(True,)])


@pytest.fixture
def sealed(build_dir, make_stored):
    stored = make_stored(seal_after_s=1).start()
    fill(stored)
    seal(stored)
    return Rebuild(build_dir, stored)


@contextlib.contextmanager
def held_up(stored, statement="LOCK TABLE period IN ACCESS EXCLUSIVE MODE"):
    """A rebuild comes to where it needs what this locks, and not beyond: it tries again and again."""
    holder = stored.cluster.connect(stored.database)
    try:
        holder.cursor().execute("BEGIN; " + statement)
        yield
    finally:
        holder.close()


def wait_held_up(stored):
    stored.wait(lambda: stored.sql("SELECT 1 FROM pg_stat_activity WHERE application_name = 'ezrepo-stored'"
                                   " AND wait_event_type = 'Lock' AND datname = current_database()"))


def test_an_empty_store_is_identical(rebuild):
    result = rebuild.identical()
    assert (result["series"], result["records"]) == (0, 0)


def test_what_stored_made_is_identical(sealed):
    before = everything(sealed.stored)
    result = sealed.identical()
    assert (result["series"], result["hours"] >= 24) == (5, True)
    assert [(result["records"],)] == sealed.stored.sql("SELECT count(*) FROM measurement")
    assert everything(sealed.stored) == before
    repaired = sealed.repairs()
    assert repaired["first"] == [] and everything(sealed.stored) == before


SOME = "(SELECT ctid FROM {0} x ORDER BY x.* OFFSET {1} LIMIT {2})"
PERIOD = ("INSERT INTO period (series_id, grade_id, t_start, start_end, start_key, grade, t_end, records, ended,"
          " through_t, through_end, through_key) ")
DAMAGE = {
    "periods gone": ("DELETE FROM period WHERE ctid IN " + SOME.format("period", 3, 4), "periods", "missing", 4),
    "the last period gone": ("DELETE FROM period WHERE ended IS NULL AND series_id = 2 AND grade_id = 1", "periods",
                             "missing", 1),
    "all periods gone": ("DELETE FROM period", "periods", "missing", None),
    "a period too many": (PERIOD + "SELECT series_id, grade_id, t_start + '1 us', start_end, 9, 3, t_end, 5, 'gap',"
                          " through_t, through_end, through_key FROM period WHERE ctid IN " + SOME.format("period", 5, 1),
                          "periods", "surplus", 1),
    "periods before and after all others": (
        PERIOD + "SELECT 3, 1, t, t, 0, 3, t, 5, 'gap', t, t, 0 FROM (VALUES (timestamptz '1999-01-01'),"
        " ('2031-01-01')) v (t)", "periods", "surplus", 2),
    "a period of a series without records": (
        "WITH s AS (INSERT INTO series (type, content, probe, source, dest, path) VALUES ('', '', '', '', '', '')"
        " RETURNING id) " + PERIOD + "SELECT id, 2, '2020-01-01', '2020-01-01', 0, 3, '2020-01-01', 5, NULL, '2020-01-01',"
        " '2020-01-01', 0 FROM s", "periods", "surplus", 1),
    "another grade": ("UPDATE period SET grade = grade % 5 + 1 WHERE ctid IN " + SOME.format("period", 2, 2),
                      "periods", "different", 2),
    "another end": ("UPDATE period SET t_end = t_end + '1 us' WHERE ended = 'gap' AND series_id = 1", "periods",
                    "different", None),
    "another count": ("UPDATE period SET records = records + 1 WHERE ended IS NULL", "periods", "different", None),
    "ended otherwise": ("UPDATE period SET ended = CASE ended WHEN 'gap' THEN 'grade' ELSE 'gap' END"
                        " WHERE ended IS NOT NULL AND series_id = 4", "periods", "different", None),
    "events gone": ("DELETE FROM event WHERE id IN (SELECT id FROM event WHERE retracted_at IS NULL ORDER BY id"
                    " LIMIT 3)", "events", "missing", 3),
    "all events retracted": ("UPDATE event SET retracted_at = now() WHERE retracted_at IS NULL", "events", "missing",
                             None),
    "an event too many": ("INSERT INTO event (series_id, grade_id, t, t_end, key, from_grade, to_grade) SELECT"
                          " series_id, grade_id, t + '1 us', t_end, 7, 1, 2 FROM event ORDER BY id LIMIT 1", "events", "surplus", 1),
    "events from and to another grade": (
        "UPDATE event SET from_grade = coalesce(from_grade % 5 + 1, 1), to_grade = to_grade % 5 + 1"
        " WHERE retracted_at IS NULL AND series_id = 2", "events", "different", None),
    "hours' counts gone": ("DELETE FROM rollup_day WHERE series_id = 2", "rollups", "missing", None),
    "an hour's counts changed": ("UPDATE rollup_day SET c3 = counts_add(c3, 24, (SELECT min(i) FROM generate_subscripts(c0, 1) i"
                                 " WHERE c0[i] > 0), 5) WHERE grade_id = 0 AND series_id < 3", "rollups", "different", None),
    "an hour's counts too many": ("INSERT INTO rollup_day (day, series_id, grade_id, c1) SELECT day, 99, 1, counts(24, 3, 7)"
                                  " FROM (SELECT DISTINCT day FROM rollup_day) d GROUP BY day", "rollups", "surplus", None),
    "a day's counts gone": ("DELETE FROM rollup_month WHERE series_id = 2", "rollups", "missing", None),
    "a day's counts changed": ("UPDATE rollup_month m SET c1 = counts_add(c1, 31, (SELECT extract(day FROM min(day))::int"
                               " FROM rollup_day WHERE (series_id, grade_id) = (m.series_id, m.grade_id) AND day >= m.month), 7)"
                               " WHERE series_id = 3", "rollups", "different", None),
    "a day's counts too many": ("INSERT INTO rollup_month (month, series_id, grade_id, c3) SELECT date_trunc('month', day, 'UTC'),"
                                " 99, 1, counts(31, extract(day FROM day)::int, 1) FROM (SELECT DISTINCT day FROM rollup_day) d"
                                " GROUP BY 1", "rollups", "surplus", None),
    "totals gone": ("DELETE FROM grade_total WHERE unit = 'minute'", "rollups", "missing", None),
    "totals changed": ("UPDATE grade_total SET n2 = n2 + 1 WHERE unit = 'day'", "rollups", "different", None),
    "totals too many": ("INSERT INTO grade_total SELECT unit, start, 'nosuch', 1, 0, 0, 0, 1, 0, 0 FROM grade_total"
                        " WHERE grade_id = 0 AND unit = 'hour'", "rollups", "surplus", None),
    "an hour not listed": ("DELETE FROM measured_hour WHERE hour = (SELECT min(hour) FROM measured_hour)", "rollups",
                           "missing", None),
}


def subject_of(name):
    """Of a damage: of one kind there are many, and a test of all of them would last for minutes."""
    kind = DAMAGE[name][1]
    return kind if kind != "rollups" else "totals" if name.startswith("totals") or name == "an hour not listed" else "counts"


@pytest.mark.parametrize("subject", ["periods", "events", "counts", "totals"])
def test_every_damage_is_found_and_repaired(sealed, subject):
    """One after the other in one store: after each repair it is as it was."""
    stored = sealed.stored
    names = sorted(name for name in DAMAGE if subject_of(name) == subject)
    random.Random(11).shuffle(names)
    for name in names:
        sql, kind, how, count = DAMAGE[name]
        before = everything(stored)
        stored.sql(sql)
        damaged = everything(stored)
        assert damaged != before or name == "an hour not listed", f"{name}: no damage was done"
        code, found = sealed("--verify")
        assert (code, found["identical"]) == (1, False), f"{name}: {found}"
        assert everything(stored) == damaged, f"{name}: --verify changed something"
        assert found[kind][how] > 0 if count is None else found[kind][how] == count, f"{name}: {found}"
        assert 0 < len(found["first"]) <= 20
        repaired = sealed.repairs()
        assert repaired[kind][how] > 0, f"{name}: {repaired}"
        if name.startswith("an hour"):
            seal(stored)
        sealed.identical()
        check_store(stored)


def test_a_difference_is_told_in_words(sealed):
    sealed.stored.sql("UPDATE period SET records = 77 WHERE ended = 'gap' AND series_id = 1 AND grade_id = 1"
                      " AND t_start = (SELECT min(t_start) FROM period WHERE ended = 'gap' AND series_id = 1"
                      "                AND grade_id = 1)")
    first = sealed.differs()["first"]
    assert len(first) == 1
    assert first[0].startswith("period of series 1, overall, at 20")
    assert "77 records" in first[0] and "records say grade" in first[0]
    text = subprocess.run([sealed.program, "rebuild", "--run-dir", sealed.stored.run_dir, "--verify"],
                          capture_output=True, text=True, check=False)
    assert text.returncode == 1
    assert first[0] in text.stdout and text.stdout.splitlines()[-1] == "not identical"


def test_events_that_do_not_hold_are_retracted_not_erased(sealed):
    stored = sealed.stored
    stored.sql("INSERT INTO event (series_id, grade_id, t, t_end, key, from_grade, to_grade)"
               " SELECT 1, 1, '2020-01-01'::timestamptz, '2020-01-01'::timestamptz, n, 1, 2 FROM generate_series(1, 3) n")
    count = stored.sql("SELECT count(*) FROM event")
    assert sealed.repairs()["events"]["surplus"] == 3
    assert stored.sql("SELECT count(*) FROM event") == count
    assert stored.sql("SELECT count(retracted_at) FROM event WHERE t = '2020-01-01'") == [(3,)]


def test_records_and_their_grades_stay(sealed):
    """A new grading changes nothing about what was graded before."""
    before = sealed.stored.sql("SELECT * FROM measurement ORDER BY series_id, t_start, key")
    sealed.stored.sql("INSERT INTO grading SELECT 2, document, blocks, author, published_at FROM grading")
    sealed.stored.sql("DELETE FROM period")
    sealed.repairs()
    assert sealed.stored.sql("SELECT * FROM measurement ORDER BY series_id, t_start, key") == before


def test_what_lies_before_since_is_believed(sealed):
    stored = sealed.stored
    since = stored.sql("SELECT max(hour)::text FROM (SELECT hour FROM measured_hour ORDER BY 1 LIMIT 3) h")[0][0]
    since = since[:19]
    stored.sql("UPDATE period SET t_end = t_end + '1 us' WHERE ended = 'gap' AND t_end < %s::timestamptz - interval '1 hour'",
               since)
    stored.sql("UPDATE rollup_day SET c5 = counts_add(c5, 24, extract(hour FROM first)::int + 1, 1) FROM (SELECT min(hour) AS first"
               " FROM measured_hour) AS h WHERE day = date_trunc('day', first, 'UTC')")
    assert sealed.differs()["periods"]["different"] > 0
    later = sealed("--verify", "--since", since)[1]
    assert later["periods"] == NOTHING and later["events"] == NOTHING
    assert later["rollups"]["missing"] == 0
    # The period under way at that time is looked at as a whole, what begins later of course.
    count = stored.sql("UPDATE period SET records = records + 1 WHERE t_start >= %s RETURNING 1", since)
    found = sealed("--verify", "--since", since)[1]
    assert found["periods"]["different"] == len(count) > 0
    sealed.repairs("--since", since)
    sealed.repairs()
    sealed.identical()
    check_store(stored)


def test_what_lacks_dropped_records_is_believed(build_dir, make_stored):
    """A day is dropped: its periods and roll-ups stay as they are, the one that goes on behind it too."""
    stay_within_a_day()
    stored = make_stored(seal_after_s=1).start()
    sender = stored.sender()
    midnight = start_of_hour() // (24 * HOUR) * 24 * HOUR - 2 * 24 * HOUR
    minute = 60 * SECOND
    for series in range(4):  # one that ends before midnight, one that goes on, one that ends behind it, one open
        last = (-20, 0, 10, 30)[series]
        sender.batch([Record(midnight + i * minute, (5 if i < last or series == 3 else 2, NONE), series=series)
                      for i in range(-60, 31)] + [Record(midnight + 5 * HOUR, (3, NONE), series=series)] * (series < 3))
    sender.send()
    sender.settle()
    stored.wait(lambda: stored.sql("SELECT bool_and(in_day) FROM measured_hour") == [(True,)])
    again = Rebuild(build_dir, stored)
    again.identical()
    before = everything(stored)
    stored.stop()
    stored.settings["retention"] = {"*": 2}
    stored.start()
    stored.wait(lambda: stored.sql("SELECT min(t_start) >= to_timestamp(%s) FROM measurement", midnight // SECOND)
                == [(True,)])
    again.identical()
    again.identical("--since", "10d")
    again.repairs()
    assert everything(stored) == before
    stored.sql("UPDATE period SET records = records + 1 WHERE t_start > to_timestamp(%s)", midnight // SECOND)
    assert again.repairs()["periods"]["different"] == 4
    assert everything(stored) == before


def test_a_calendar_that_cannot_be_read_is_read_later(build_dir, make_stored):
    """Or records that come late into sealed hours would not be added to the roll-ups."""
    stored = make_stored(seal_after_s=1).start()
    sender = stored.sender()
    base = start_of_hour() - 30 * HOUR
    sender.commit([Record(base + i * SECOND) for i in range(0, 100, 2)])
    stored.wait(lambda: stored.sql("SELECT bool_and(sealed) FROM measured_hour") == [(True,)])
    rebuild = Rebuild(build_dir, stored)
    with held_up(stored, "LOCK TABLE measured_hour IN ACCESS EXCLUSIVE MODE"):
        process = rebuild.start("--verify")
        stored.wait(lambda: "rebuild.failed" in stored.log())
    sender.commit([Record(base + i * SECOND) for i in range(1, 100, 2)])
    assert rebuild.end(process)[0] == 0
    check_store(stored)


def test_a_long_series_is_looked_at_in_parts(build_dir, make_stored):
    """More records than one step reads, while more of the same series arrive, in order and late."""
    stored = make_stored().start()
    rng, sender = random.Random(4), stored.sender()
    base = now_us() - 40 * HOUR
    records = [Record(base + i * 5 * SECOND, (1 + i // 3 % 5, rng.choice([NONE, 0, 4, 5]))) for i in range(20000)]
    late = [records.pop(rng.randrange(len(records))) for _ in range(1500)]
    for i in range(0, len(records), 1000):
        sender.send(sender.batch(records[i:i + 1000]))
    sender.settle()
    again = Rebuild(build_dir, stored)
    again.identical()
    stored.sql("DELETE FROM period WHERE grade = 3")
    stored.sql("UPDATE event SET to_grade = 1 WHERE to_grade = 2")
    process = again.start()
    at, times = records[-1].t, 0
    while process.poll() is None:
        at += SECOND
        times += 1  # fewer than make it leave the series out
        some = [late.pop() for _ in range(10) if times <= 15]
        rng.shuffle(some)
        sender.commit([*some, Record(at, (rng.randrange(1, 6), NONE))])
    code, result = again.end(process)
    assert code == 0 and result["periods"]["missing"] > 1000, result  # of 1332: each of 150 late ones repairs two at most
    while late:
        sender.commit([late.pop() for _ in range(min(100, len(late)))])
    again.identical()
    check_store(stored)


def test_a_series_into_which_late_records_keep_coming_is_left_out(build_dir, make_stored):
    """It would never be read to its end; the others are done, and the answer says so."""
    stored = make_stored(flush_ms=1, flush_records=1).start()
    sender, base = stored.sender(), now_us() - 100 * HOUR
    for i in range(0, 60000, 2000):
        sender.batch([Record(base + n * 4 * SECOND, (1 + n // 5 % 5, NONE)) for n in range(i, i + 2000)])
    sender.batch([Record(base + n * SECOND, series=1) for n in range(10)])
    sender.send()
    sender.settle()
    again, done = Rebuild(build_dir, stored), threading.Event()
    stored.sql("UPDATE period SET records = records + 1 WHERE series_id = (SELECT max(id) FROM series)")

    late, rows = stored.sender(), itertools.count(1)

    def send():
        """Each is a transaction of its own, and some hundred wait: if this is held up they keep coming all the same."""
        while not done.is_set():
            late.send(late.batch([Record(base, row=next(rows))]))
            while len(late.pending) > 300:
                late.take_acks(0.01)
        late.settle()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        code, result = again.end(again.start())
    finally:
        done.set()
        thread.join()
    assert (code, result["status"], result["identical"], result["series"]) == (1, 2, False, 1), result
    assert result["message"] == "1 series left out, since late records kept coming into it: try again later"
    assert "series 1: left out, since late records kept coming into it" in result["first"]
    assert (result["periods"]["different"], result["hours"] > 0) == (1, True)
    again.identical()
    check_store(stored)


def test_more_differences_than_are_kept_are_written_in_parts(build_dir, make_stored):
    stored = make_stored().start()
    sender, base = stored.sender(), now_us() - 40 * HOUR
    count = 30000
    for i in range(0, count, 2000):
        sender.batch([Record(base + n * 4 * SECOND, (1 + n % 5, NONE)) for n in range(i, i + 2000)])
    sender.send()
    sender.settle()
    again = Rebuild(build_dir, stored)
    stored.sql("TRUNCATE period; TRUNCATE event")
    result = again.repairs()
    assert (result["periods"]["missing"], result["events"]["missing"]) == (count, count)
    again.identical()
    sender.commit([Record(base + count * 4 * SECOND, (4, NONE)), Record(base + 1, (1, NONE))])
    again.identical()
    check_store(stored)


def test_stored_goes_on_from_what_was_repaired(sealed):
    """The open period in memory is not the one that was stored wrongly."""
    stored, sender = sealed.stored, sealed.stored.sender()
    t = now_us() - 2 * HOUR
    dims = ("ping", "ICMPECHO", "probe0", "192.0.2.1", "2001:db8::1", "")
    sender.commit([Record(t + i * SECOND, (4, NONE), dims=dims) for i in range(20)])
    stored.sql("UPDATE period SET t_start = t_start + '1 us', grade = 2, records = 3 WHERE ended IS NULL")
    sealed.repairs()
    sender.commit([Record(t + (20 + i) * SECOND, (4 if i < 3 else 1, NONE), dims=dims) for i in range(6)])
    stored.wait(lambda: stored.sql("SELECT bool_and(sealed) FROM measured_hour WHERE hour < now() - '1 h'::interval")
                == [(True,)])
    sealed.identical()
    check_store(stored)


def test_late_records_where_a_period_was_deleted_and_its_event_was_not(sealed):
    """They make the period again, whose event holds already, and wrongly: nothing is held up, before it is repaired either."""
    stored, sender = sealed.stored, sealed.stored.sender()
    t = now_us() - 2 * HOUR
    dims = ("ping", "ICMPECHO", "probe0", "192.0.2.1", "2001:db8::1", "")
    sender.commit([Record(t + i * SECOND, (1 + i // 10 % 2, NONE), dims=dims) for i in range(60)])
    stored.sql("DELETE FROM period WHERE t_start >= to_timestamp(%s) AND grade = 2", t // SECOND)
    stored.sql("UPDATE event SET from_grade = 3, to_grade = 4 WHERE t >= to_timestamp(%s) AND to_grade = 2", t // SECOND)
    sender.commit([Record(t + i * SECOND + 1000, (2, NONE), dims=dims) for i in range(15, 60, 20)])
    stored.wait(lambda: stored.sql("SELECT bool_and(sealed) FROM measured_hour WHERE hour < now() - '1 h'::interval")
                == [(True,)])
    sealed.repairs()
    sealed.identical()
    check_store(stored)


def test_repair_while_records_arrive(build_dir, make_stored):
    """Into many series, sealed hours included, in any order; damage is done meanwhile."""
    stored = make_stored(seal_after_s=1, flush_ms=1).start()
    rng = random.Random(21)
    fill(stored, seed=21, count=2000, series=40)
    again = Rebuild(build_dir, stored)
    records = random_records(rng, 6000, 40, start_of_hour() - 30 * HOUR, 6 * HOUR)
    done = threading.Event()

    def send():
        sender = stored.sender()
        for i in range(0, len(records), 30):
            sender.commit(records[i:i + 30])
            if done.wait(0.005):
                break

    thread = threading.Thread(target=send)
    thread.start()
    try:
        for _ in range(6):
            for table, damage in (("period", "DELETE FROM period WHERE random() < 0.1 AND ended IS NOT NULL"),
                                  ("grade_total", "UPDATE grade_total SET n4 = n4 + 3 WHERE random() < 0.1"),
                                  ("rollup_day", "UPDATE rollup_day SET c1 = counts_add(c1, 24, 1 + floor(random() * 24)::int, 3)"
                                   " WHERE random() < 0.1")):
                # Between two transactions of stored: row by row, each could wait for the other.
                stored.sql(f"BEGIN; LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE; {damage}; COMMIT")
            again.repairs()
    finally:
        done.set()
        thread.join()
    seal(stored)
    again.repairs()
    again.identical()
    check_store(stored)


def test_late_records_meanwhile_that_rest_on_a_wrong_roll_up(build_dir, make_stored):
    """Of a long period's first hours stored takes the number of records from the roll-up: wrong until that is repaired."""
    stored = make_stored(seal_after_s=1).start()
    sender, day = stored.sender(), now_us() // (24 * HOUR) * 24 * HOUR
    base = day - 48 * HOUR
    records = [Record(base + n * 15 * SECOND) for n in range(1200)]
    records += [Record(base + 5 * HOUR, end=base + 12 * HOUR), Record(base + 12 * HOUR)]
    sender.commit([Record(base - 24 * HOUR, series=1)] + records)
    seal(stored)
    stored.sql("UPDATE rollup_day SET c5 = counts_add(c5, 24, 3, 3) WHERE day = to_timestamp(%s)", base // SECOND)
    again = Rebuild(build_dir, stored)
    with stored.cluster.connect(stored.database) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE rollup_month IN ACCESS EXCLUSIVE MODE")  # it waits at the end of the day before
        process = again.start()
        stored.wait(lambda: stored.sql("SELECT 1 FROM pg_stat_activity WHERE application_name = 'ezrepo-stored-rebuild'"
                                       " AND wait_event_type = 'Lock' AND datname = current_database()"))
        sender.commit([Record(base + 8 * HOUR, (3, NONE))])  # into an hour that is in no day yet
        connection.commit()
    connection.close()
    code, result = again.end(process)
    assert (code, result["rollups"]["different"]) == (0, 2), result
    check_store(stored)


def test_one_at_a_time_and_it_can_be_given_up(build_dir, make_stored):
    stored = make_stored().start()
    fill(stored, series=40)
    again = Rebuild(build_dir, stored)
    with held_up(stored):
        first = again.start("--verify")
        wait_held_up(stored)
        code, refused = again("--verify")
        assert (code, refused["status"], refused["message"]) == (1, 3, "another rebuild is under way")
        first.send_signal(signal.SIGINT)
        code, given_up = again.end(first)
        assert (code, given_up["message"]) == (1, "given up by who asked") and given_up["series"] == 0
    assert again.identical()["series"] == 40
    stored.wait(lambda: "identical" in stored.note("rebuild"))


def test_who_asked_hears_of_it_while_it_is_held_up(make_stored):
    """Who hears nothing for long takes stored for gone."""
    stored = make_stored().start()
    fill(stored)
    with zmq.Context() as context, context.socket(zmq.DEALER) as asker:
        asker.linger = 0
        asker.connect(f"ipc://{stored.run_dir}/store")

        def told():
            assert asker.poll(60000), "nothing is told"
            version, number, identity, status, message, finished, *_ = msgpack.unpackb(asker.recv())
            assert (version, number, identity, status) == (MESSAGE_VERSION, REBUILT, 1, 0)
            return message if finished else None

        with held_up(stored):
            asker.send(pack(REBUILD, 1, 1, -2**63))
            stored.wait(lambda: "rebuild.failed" in stored.log())
            while asker.poll(0):
                assert told() is None
            for _ in range(2):
                assert told() is None
            assert "away" in stored.note("database")
        while (message := told()) is None:
            pass
        assert message == "identical"
        stored.wait(lambda: stored.note("database") == "connected")  # although nothing was written since


def test_it_outlives_a_database_that_goes_and_comes(build_dir, make_stored, own_cluster):
    stored = make_stored(on=own_cluster).start()
    fill(stored, series=40)
    stored.sql("DELETE FROM period WHERE series_id % 3 = 0")
    twenty = "(SELECT id FROM series WHERE id % 3 > 0 ORDER BY id OFFSET 13 LIMIT 1)"
    stored.sql(f"UPDATE period SET records = records + 1 WHERE series_id = {twenty}")
    again = Rebuild(build_dir, stored)
    with held_up(stored, f"SELECT FROM period WHERE series_id = {twenty} FOR UPDATE"):  # in the middle of it
        process = again.start()
        wait_held_up(stored)
        own_cluster.stop("immediate")
        stored.wait(lambda: re.search("No such file|refused", stored.note("database")))
    own_cluster.start()
    code, result = again.end(process)
    assert (code, result["series"]) == (0, 40), result
    again.identical()
    check_store(stored)
    own_cluster.stop()
    stored.wait(lambda: "away" in stored.note("database"))
    assert again()[1]["message"] == "the database is away"


def test_a_stop_ends_it(build_dir, make_stored):
    stored = make_stored().start()
    fill(stored)
    again = Rebuild(build_dir, stored)
    with held_up(stored):
        process = again.start("--verify")
        wait_held_up(stored)
        stored.stop()
    assert again.end(process)[1]["message"] == "stored is stopping"


def test_the_operators_command(ezrepo_set):
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    ezrepo_set.send([{"result": "measure", "version": 1, "registry": "http://ict-mplane.eu/registry/core",
                      "label": "ping-average-ip4", "when": stamp,
                      "parameters": {"source.ip4": "192.0.2.1", "destination.ip4": f"192.0.2.{i}"},
                      "results": ["delay.twoway.icmp.us.mean"], "resultvalues": [["9000"]]} for i in range(1, 6)])
    ezrepo_set.wait_matched(5)
    done = ezrepo_set.cmd("rebuild", "--verify", "--since", "1h")
    assert "5 series, 5 records" in done.stdout and done.stdout.splitlines()[-1] == "identical"
    ezrepo_set.sql("UPDATE period SET grade = grade % 5 + 1")
    assert ezrepo_set.cmd("rebuild", "--verify", check=False).returncode == 1
    assert ezrepo_set.cmd("rebuild").stdout.splitlines()[-1] == "repaired"
    assert ezrepo_set.cmd("rebuild", "--verify").returncode == 0
    assert "there is no option" in ezrepo_set.cmd("rebuild", "--nonsense", check=False).stderr
    assert "--since" in ezrepo_set.cmd("rebuild", "--since", "yesteryear", check=False).stderr
