# SPDX-License-Identifier: Apache-2.0
"""Following the feed of changes by a cursor: nothing is missed and nothing comes twice, whatever is killed or put back."""
import json
import random
import signal
import time

import pytest
from conftest import wait_for
from postgres import Cluster
from queries import CHANGES, INVALID, OK, Queryd
from stores import HOUR, NONE, SECOND, Record, check_store, now_us, random_records

LAST_ROW = ("more", "end", "history", "cut")


class Follower:
    """Polls with the last cursor, and keeps what holds by what it was told."""

    def __init__(self, after="begin"):
        self.cursor, self.holds, self.told, self.entries, self.began_anew = after, {}, set(), [], []

    def page(self, queryd, **criteria):
        """One answer; how it ended, None where there was none."""
        answer = queryd.ask(CHANGES, after=self.cursor, **criteria)
        if answer.status != OK:
            return None
        *entries, last = answer.rows
        assert last["feed.kind"] in LAST_ROW and {v for k, v in last.items() if k not in ("feed.kind", "list.cursor")} <= {None}
        if last["feed.kind"] in ("history", "cut"):
            assert entries == []
            self.began_anew.append(last["feed.kind"])
            self.holds, self.told = {}, set()
        for entry in entries:
            self.take(entry)
        self.cursor = last["list.cursor"]
        return last["feed.kind"]

    def take(self, entry):
        self.entries.append(entry)
        number = entry["event.number"]
        if entry["feed.kind"] == "event":
            assert number not in self.told
            self.told.add(number)
            self.holds[number] = entry["record.probe"], entry["grade.name"], entry["event.time"], entry["grade.from"], entry["grade.to"]
        elif entry["feed.kind"] == "retraction":
            assert self.holds.pop(number)[:3] == (entry["record.probe"], entry["grade.name"], entry["event.time"])

    def catch_up(self, queryd, **criteria):
        ended = None
        while ended != "end":
            ended = self.page(queryd, **criteria)
            assert ended
        return self


def events_that_hold(stored):
    return {str(number): (*what[:3], *(None if grade is None else str(grade) for grade in what[3:])) for number, *what in stored.sql(
        "SELECT e.id, s.probe, g.name, to_char(e.t, 'YYYY-MM-DD HH24:MI:SS.US'), e.from_grade, e.to_grade FROM event e"
        " JOIN series s ON s.id = e.series_id JOIN grade_name g ON g.id = e.grade_id WHERE retracted_at IS NULL")}


@pytest.fixture
def stored(make_stored):
    return make_stored().start()


@pytest.fixture
def make_queryd(build_dir):
    """A queryd beside a stored, in its run directory."""
    made = []

    def make(stored, **settings):
        made.append(Queryd(build_dir, stored.settings["database"], run_dir=stored.run_dir, **settings))
        return made[-1]
    yield make
    for one in made:
        if one.folder.exists():  # else it was killed
            one.close()


@pytest.fixture
def queryd(stored, make_queryd):
    return make_queryd(stored)


class Copies:
    """Copies of a stored's database, any of which can be put in its place."""

    def __init__(self, stored, rng):
        self.stored, self.rng, self.names = stored, rng, []

    def alone(self, *statements):
        """While nobody is connected, which the processes notice as a failover."""
        cluster, database = self.stored.cluster, self.stored.database
        if database in cluster.sessions:
            cluster.sessions.pop(database).close()
        cluster.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false',
                        f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{database}'", *statements,
                        f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')

    def take(self):
        name = f"{self.stored.database}_{len(self.names)}"
        self.alone(f'CREATE DATABASE "{name}" TEMPLATE "{self.stored.database}"')
        self.names.append(name)

    def put_back(self):
        if self.names:
            name, database = self.rng.choice(self.names), self.stored.database
            self.alone(f'ALTER DATABASE "{database}" RENAME TO "{database}_gone{self.rng.random()}"',
                       f'CREATE DATABASE "{database}" TEMPLATE "{name}"')

    def remove(self):
        for name, in self.stored.cluster.ask("postgres", "SELECT datname FROM pg_database WHERE datname LIKE %s", (self.stored.database + "_%",)):
            self.stored.cluster.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.parametrize("seed", range(2))
def test_a_follower_misses_nothing_and_sees_nothing_twice(make_stored, make_queryd, seed):
    """Late records and retracted events, slow readers; stored, queryd and PostgreSQL killed, copies of the database put back."""
    rng, cluster = random.Random(seed), Cluster(durable=True)
    try:
        stored = make_stored(cluster, flush_records=rng.choice([1, 20, 16384]), reorder_wait_ms=0).start()
        queryd, copies, sender = make_queryd(stored), Copies(stored, rng), stored.sender()
        followers = [Follower(), Follower()]
        records = random_records(rng, 600, 3, now_us() - 2 * HOUR, 4000 * SECOND)
        rng.shuffle(records)

        def kill_stored():
            stored.stop(rng.choice([signal.SIGKILL, signal.SIGTERM]))
            stored.start()

        def kill_queryd():
            nonlocal queryd
            queryd.kill()
            queryd = make_queryd(stored)

        def kill_postgresql():
            cluster.kill()
            cluster.start()

        actions = [copies.take, kill_stored, copies.put_back, kill_queryd, kill_postgresql, copies.take, copies.put_back]
        for at in range(0, 600, 20):
            sender.send(sender.batch(records[at:at + 20]))
            sender.take_acks(0.05)
            if at % 80 == 60 and actions:
                if rng.random() < 0.5:
                    sender.settle()
                actions.pop(0)()
                sender.subscribe()
            for follower in followers:
                for _ in range(rng.randrange(3)):
                    follower.page(queryd, limit=rng.choice([1, 7, 1000]))
        sender.settle()
        check_store(stored)
        for follower in followers:
            wait_for(lambda f=follower: f.page(queryd) == "end", 60)
            assert follower.holds == events_that_hold(stored)
        assert "history" in followers[0].began_anew + followers[1].began_anew
        fresh = Follower().catch_up(queryd, limit=50)
        assert fresh.holds == followers[0].holds and fresh.began_anew == []
    finally:
        cluster.remove()


def test_a_cursor_is_known_by_its_history(stored, queryd):
    rng, t, sender = random.Random(1), now_us() - HOUR, stored.sender()
    copies = Copies(stored, rng)
    sender.commit([Record(t)])
    before = Follower().catch_up(queryd)
    copies.take()
    sender.subscribe()
    sender.commit([Record(t + SECOND, (4, NONE))])
    kept, lost = before.cursor, Follower().catch_up(queryd)
    copies.put_back()
    # Nothing was written since: a number beyond the last; what was seen by then holds.
    wait_for(lambda: lost.page(queryd) == "history")
    assert lost.catch_up(queryd).holds == events_that_hold(stored)
    lost_cursor = Follower().catch_up(queryd)
    sender.subscribe()
    for i in range(3):  # the numbers that are lost are given again
        sender.commit([Record(t + (i + 2) * SECOND, (3 - i, NONE))])
    assert before.catch_up(queryd).holds == events_that_hold(stored) and before.began_anew == []
    assert lost_cursor.catch_up(queryd).began_anew == []
    arrival, n, mark = kept[1:].split(".")
    for wrong in (f"c{int(arrival) + 1}.{n}.{mark}", f"c{arrival}.{n}.{int(mark) ^ 1}", f"c{2**62}.1.{mark}"):
        assert [row["feed.kind"] for row in queryd.rows(CHANGES, after=wrong)] == ["history"]
    assert len(queryd.rows(CHANGES, after=kept)) > 1
    copies.remove()


def test_what_was_cut_is_said(make_stored, make_queryd):
    stored = make_stored(feed_days=1).start()
    queryd, sender, t = make_queryd(stored), stored.sender(), now_us() - HOUR
    cursors = []
    for i in range(4):
        sender.commit([Record(t + i * SECOND, (5 - i % 2, NONE))])
        cursors.append(Follower("now").catch_up(queryd).cursor)
    stored.sql("UPDATE feed SET told_at = told_at - interval '2 days' WHERE arrival <= %s", int(cursors[1][1:].split(".")[0]))
    stored.stop()
    stored.start()
    stored.wait(lambda: stored.sql("SELECT below FROM feed_cut") != [(1,)])
    last = queryd.rows(CHANGES, after=cursors[0])
    assert [row["feed.kind"] for row in last] == ["cut"]
    anew = queryd.rows(CHANGES, after=last[0]["list.cursor"])
    assert anew[:-1] == queryd.rows(CHANGES, after=cursors[1])[:-1] == queryd.rows(CHANGES, after="begin")[:-1] and len(anew) == 3


def test_criteria_kinds_and_limits(stored, queryd):
    t, sender = now_us() - HOUR, stored.sender()
    for i, grade in enumerate([5, 4, 2, 5, 1]):
        sender.commit([Record(t + i * SECOND, (grade, NONE), series=0), Record(t + i * SECOND, (grade, 1 + i % 2), series=1)])

    def asked(**criteria):
        return [(row["feed.kind"], row["record.probe"], row["grade.name"], row["grade.from"], row["grade.to"])
                for row in Follower().catch_up(queryd, **criteria).entries]
    everything = asked()
    assert everything == asked(limit=1) == asked(limit=4)
    assert everything[0] == ("grading", None, None, None, None)
    assert asked(probe="probe0", grade="overall") == [("event", "probe0", "overall", a, b) for a, b in
                                                      zip([None, "5", "4", "2", "5"], ["5", "4", "2", "5", "1"])]
    assert asked(probe="probe0", low=1, high=2) == [("event", "probe0", "overall", a, b) for a, b in (("4", "2"), ("5", "1"))]
    assert asked(probe="nobody") == [] and asked(probe="nobody", kinds="grading,rebuild") == everything[:1]
    assert asked(kinds="retraction") == []
    # Who may not see all series is told of none that he may not see, and of nothing that is of no series.
    assert asked(sees=["*", "*", "nobody", "*", "*", "*"], kinds="grading,rebuild,event") == []
    assert asked(sees=["*", "*", "?*", "*", "*", "*"]) == everything[1:]
    assert asked(since=now_us() + HOUR) == [] and asked(since=now_us() - HOUR) == everything
    grading, = [json.loads(row["feed.detail"]) for row in queryd.rows(CHANGES, after="begin", kinds="grading")[:-1]]
    assert grading == {"version": 1, "author": "default"}
    for criteria, place in (({"kinds": "event,"}, "feed.kinds"), ({"kinds": "nonsense"}, "feed.kinds"), ({"after": "c1"}, "list.after"),
                            ({"after": "e1.2"}, "list.after"), ({"grade": "nobody"}, "select.grade")):
        answer = queryd.ask(CHANGES, **criteria)
        assert answer.status == INVALID and answer.message.startswith(place + ":"), answer.message


def test_what_replaces_an_event_is_in_the_same_transaction(stored, queryd):
    t, sender = now_us() - HOUR, stored.sender()
    sender.commit([Record(t), Record(t + 10 * SECOND, (4, NONE))])
    follower = Follower().catch_up(queryd)
    follower.entries.clear()
    sender.commit([Record(t + 5 * SECOND, (4, NONE))])
    follower.catch_up(queryd)
    assert [entry["feed.kind"] for entry in follower.entries] == ["retraction", "event"]
    assert len({entry["list.cursor"].split(".")[0] for entry in follower.entries}) == 1
    assert follower.entries[0]["event.number"] != follower.entries[1]["event.number"]


def test_a_held_question_is_answered_once_there_is_something(stored, queryd):
    t, sender = now_us() - HOUR, stored.sender()
    sender.commit([Record(t)])
    cursor = Follower("now").catch_up(queryd).cursor
    began = time.monotonic()
    assert [row["feed.kind"] for row in queryd.rows(CHANGES, after=cursor, wait_ms=300)] == ["end"]
    assert time.monotonic() - began >= 0.3
    sockets = [queryd.connect() for _ in range(40)]
    for i, socket in enumerate(sockets):  # half of them for another series
        queryd.send(CHANGES, after=cursor, wait_ms=60000, probe=f"probe{i % 2}", socket=socket)
    wait_for(lambda: queryd.counters()["held"] == 40)
    assert queryd.counters()["running"] == queryd.counters()["waiting"] == 0
    for i in range(3):
        sender.commit([Record(t + (i + 1) * SECOND, (4 - i, NONE))])
    for socket in sockets[::2]:
        rows = queryd.receive(socket=socket).rows
        assert [row["feed.kind"] for row in rows][0] == "event" and rows[0]["grade.to"] == "4"
    wait_for(lambda: queryd.counters()["held"] == 20)
    sender.commit([Record(t, series=1)])
    for socket in sockets[1::2]:
        rows = queryd.receive(socket=socket).rows
        assert [(row["feed.kind"], row["record.probe"]) for row in rows] == [("event", "probe1"), ("end", None)]


def test_held_questions_are_bounded_and_end_with_queryd(stored, make_queryd):
    queryd = make_queryd(stored, held=5, asker_held=2)
    sockets = [queryd.connect() for _ in range(8)]
    wait_for(lambda: queryd.ask(CHANGES).status == OK)
    for socket, asker in zip(sockets, "aaabbbcd"):
        queryd.send(CHANGES, wait_ms=60000, asker=asker, socket=socket)
    wait_for(lambda: queryd.counters()["held"] == 5)
    answered = [socket for socket in sockets if socket.poll(0)]
    assert len(answered) == 3  # one of a's, one of b's, and one too many of all
    queryd.process.send_signal(signal.SIGTERM)
    for socket in sockets:
        answer = queryd.receive(socket=socket)
        assert answer.status == OK and [row["feed.kind"] for row in answer.rows] == ["end"]
    assert queryd.process.wait(60) == 0


def test_news_that_are_lost_are_looked_for(stored, queryd):
    """An entry that nobody published."""
    wait_for(lambda: queryd.ask(CHANGES).status == OK)
    queryd.send(CHANGES, wait_ms=60000)
    wait_for(lambda: queryd.counters()["held"] == 1)
    stored.sql("INSERT INTO feed (arrival, n, kind, detail) VALUES (arrival_last() + 1, 1, 'rebuild', '{}')")
    assert [row["feed.kind"] for row in queryd.receive(20).rows] == ["rebuild", "end"]
