# SPDX-License-Identifier: Apache-2.0
"""The feed of changes as the store has it: what was told, replayed, is what holds; cursors know whose history they are of."""
import random
import signal

import pytest
from stores import HOUR, NONE, SECOND, Record, check_store, now_us, random_records
from test_rebuild import Rebuild

ENTRIES = ("SELECT arrival, n, kind, event_id, series_id, grade_id, t, from_grade, to_grade, detail FROM feed"
           " ORDER BY arrival, n")
MARKS = "SELECT first, mark FROM arrival_mark ORDER BY first"


@pytest.fixture
def stored(make_stored):
    return make_stored().start()


def replayed(entries):
    """What holds after these, by the number of the event; each is told once before it is retracted, once."""
    holds, gone = {}, set()
    for _, _, kind, event, *what, _ in entries:
        if kind == "event":
            assert event not in holds and event not in gone
            holds[event] = tuple(what)
        elif kind == "retraction":
            assert holds.pop(event) == tuple(what)
            gone.add(event)
    return holds


def events_that_hold(stored):
    return {event: tuple(what) for event, *what in stored.sql(
        "SELECT id, series_id, grade_id, t, from_grade, to_grade FROM event WHERE retracted_at IS NULL")}


def of_kind(stored, kind):
    return [detail for _, _, what, *_, detail in stored.sql(ENTRIES) if what == kind]


@pytest.mark.parametrize("seed", range(3))
def test_what_was_told_replayed_is_what_holds(make_stored, seed):
    """Late records, retracted events, batches again, stored killed while it writes."""
    rng = random.Random(seed)
    stored = make_stored(flush_records=rng.choice([1, 20, 16384]), reorder_wait_ms=0).start()
    sender = stored.sender()
    records = random_records(rng, 400, 4, now_us() - 2 * HOUR, 4000 * SECOND)
    rng.shuffle(records)
    for at in range(0, 400, 20):
        sender.send(sender.batch(records[at:at + 20]))
        if at in (140, 280):
            stored.stop(signal.SIGKILL)
            stored.start()
            sender.subscribe()
        sender.take_acks(0.05)
    sender.settle()
    check_store(stored)
    entries = stored.sql(ENTRIES)
    assert replayed(entries) == events_that_hold(stored)
    assert len(of_kind(stored, "retraction")) > 20
    assert stored.sql("SELECT count(*) FROM feed f JOIN event e ON e.id = f.event_id WHERE f.kind = 'event'"
                      " AND NOT EXISTS (SELECT FROM measurement m WHERE m.arrival <= f.arrival AND m.t_start = e.t)") == [(0,)]
    # What takes the place of an event is told with it, and behind it.
    replaced = stored.sql("SELECT count(*), bool_and(o.n < t.n) FROM feed o JOIN feed t ON t.kind = 'event' AND o.kind = 'retraction'"
                          " AND (t.arrival, t.series_id, t.grade_id, t.t) = (o.arrival, o.series_id, o.grade_id, o.t)")
    assert replaced[0][0] > 0 and replaced[0][1]


def test_numbers_go_on_behind_the_last_and_each_writer_has_its_mark(stored):
    t = now_us()
    sender = stored.sender()
    for i in range(3):
        sender.commit([Record(t + i * SECOND)])
    last = stored.sql("SELECT arrival_last(), (SELECT max(arrival) FROM measurement)")[0]
    assert last[0] == last[1]
    marks = stored.sql(MARKS)
    for number in (signal.SIGKILL, signal.SIGTERM):  # nothing is written in between
        stored.stop(number)
        stored.start()
    assert stored.sql(MARKS) == marks
    sender.subscribe()
    sender.commit([Record(t + 9 * SECOND)])
    assert stored.sql("SELECT max(arrival), arrival_last() FROM measurement") == [(last[0] + 1, last[0] + 1)]
    now = stored.sql(MARKS)
    assert now[:-1] == marks and now[-1][0] == last[0] + 1 and len({mark for _, mark in now}) == len(now)
    assert stored.sql("SELECT arrival_mark_of(%s), arrival_mark_of(%s)", last[0], last[0] + 1) == [(marks[-1][1], now[-1][1])]


def test_a_transaction_that_fails_leaves_no_hole(stored):
    """A record that PostgreSQL refuses: attempts and trials are numbered and rolled back."""
    sender, t = stored.sender(), now_us()
    sender.commit([Record(t)])
    last, = stored.sql("SELECT arrival_last()")[0]
    sender.commit([Record(t + SECOND), Record(t + 2 * SECOND, values=("\0",) * 3), Record(t + 3 * SECOND)])
    assert stored.sql("SELECT DISTINCT arrival FROM measurement WHERE arrival > %s", last) == [(last + 1,)]
    assert stored.sql("SELECT count(*) FROM arrival_mark WHERE first > %s", last) == [(0,)]


def test_a_grading_and_a_rebuild_are_one_entry_each(build_dir, stored):
    assert of_kind(stored, "grading") == [{"version": 1, "author": "default"}]
    rng, rebuild = random.Random(1), Rebuild(build_dir, stored)
    stored.sender().commit(random_records(rng, 200, 3, now_us() - 3 * HOUR, HOUR))
    before = stored.sql(ENTRIES)
    rebuild.identical()
    assert stored.sql(ENTRIES) == before
    stored.sql("DELETE FROM event WHERE id % 3 = 0")
    rebuild.repairs()
    assert stored.sql(ENTRIES)[:-1] == before
    result, = of_kind(stored, "rebuild")
    assert (result["reason"], result["result"]) == ("asked for", "repaired") and result["differences"] > 5
    check_store(stored)


def test_a_rebuild_that_was_killed_is_told_by_the_next_stored(build_dir, stored):
    stored.sender().commit(random_records(random.Random(2), 100, 3, now_us() - 3 * HOUR, HOUR))
    with stored.cluster.connect(stored.database) as blocker:
        blocker.autocommit = False
        blocker.cursor().execute("LOCK TABLE period IN ACCESS EXCLUSIVE MODE")
        asked = Rebuild(build_dir, stored).start()
        stored.wait(lambda: stored.sql("SELECT kind FROM feed_due") == [("rebuild",)])
        assert of_kind(stored, "rebuild") == []
        stored.stop(signal.SIGKILL)
        asked.kill()
        asked.communicate()
        blocker.rollback()
    stored.start()
    stored.wait(lambda: of_kind(stored, "rebuild") == [{"reason": "asked for", "result": "broken off"}])
    assert stored.sql("TABLE feed_due") == []


def test_another_gap_is_told_once_its_periods_are_made(stored):
    t = now_us() - 2 * HOUR
    stored.sender().commit([Record(t + i * 100 * SECOND, (5, NONE)) for i in range(20)])
    assert of_kind(stored, "gap") == []
    before = len(stored.sql(ENTRIES))
    stored.say("tests.json", {"gap_s": 300, "types": {"ping": {"gap_s": 50}}})
    stored.reload()
    stored.wait(lambda: of_kind(stored, "gap"))
    assert of_kind(stored, "gap") == [{"type": "ping", "was_s": 300, "gap_s": 50}]
    assert stored.sql("SELECT count(*) FROM series_again") == [(0,)] and len(stored.sql(ENTRIES)) == before + 1
    check_store(stored)


def test_old_entries_go_and_the_store_says_up_to_where(make_stored):
    stored = make_stored(feed_days=2).start()
    sender, t = stored.sender(), now_us() - HOUR
    for i in range(4):
        sender.commit([Record(t + i * SECOND, (5 - i % 2, NONE))])
    arrivals = [arrival for arrival, in stored.sql("SELECT DISTINCT arrival FROM feed ORDER BY arrival")]
    assert stored.sql("SELECT below FROM feed_cut") == [(1,)]
    stored.sql("UPDATE feed SET told_at = told_at - interval '49 hours' WHERE arrival < %s", arrivals[-2])
    stored.stop()
    stored.start()
    stored.wait(lambda: stored.sql("SELECT DISTINCT arrival FROM feed ORDER BY arrival") == [(a,) for a in arrivals[-2:]])
    assert stored.sql("SELECT below FROM feed_cut") == [(arrivals[-3] + 1,)]
    stored.wait(lambda: stored.counter("feed.removed") == len(arrivals) - 2)


def test_who_listens_is_told_after_commit_where_that_is_asked_for(make_stored):
    stored = make_stored(notify=True).start()
    sender, t = stored.sender(), now_us() - HOUR
    listener = stored.cluster.connect(stored.database)
    listener.cursor().execute("LISTEN ezrepo_feed")

    def heard():
        listener.poll()
        return [n.payload for n in listener.notifies]
    for i in range(3):
        sender.commit([Record(t + i * SECOND, (5 - i % 2, NONE))])
    stored.wait(lambda: heard() and heard()[-1] == ".".join(map(str, stored.sql(
        "SELECT 'c' || arrival_last(), 2147483647, arrival_mark_of(arrival_last())")[0])))
    assert stored.counter("feed.notified") >= 1
    # A connection that fails holds up nothing.
    stored.sql("CREATE OR REPLACE FUNCTION arrival_mark_of(number bigint) RETURNS bigint"
               " LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$")
    sender.commit([Record(t + 9 * SECOND, (1, NONE))])
    stored.wait(lambda: "feed.notify" in stored.log())
    sender.commit([Record(t + 10 * SECOND, (2, NONE))])
    listener.close()
