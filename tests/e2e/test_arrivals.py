# SPDX-License-Identifier: Apache-2.0
"""Following the records in the order of arrival by a cursor: each comes once, whatever is late, killed or put back."""
import json
import random
import signal
import threading
import time

import pytest
from conftest import wait_for
from postgres import Cluster
from queries import ARRIVALS, INVALID, OK
from stores import HOUR, NONE, SECOND, Record, now_us, random_records
from test_changes import Copies, make_queryd  # noqa: F401 pylint: disable=unused-import

DAY = 24 * HOUR
LAST_ROW = ("more", "end", "history", "cut")


class Follower:
    """Polls with the last cursor; `seen` is what came since it began anew."""

    def __init__(self, after="begin", **criteria):
        self.cursor, self.criteria, self.seen, self.began_anew, self.why = after, {"low": 0, **criteria}, [], [], None

    def page(self, queryd, limit=1000):
        answer = queryd.ask(ARRIVALS, after=self.cursor, limit=limit, **self.criteria)
        if answer.status != OK:
            self.why = answer.message
            return None
        *records, last = answer.rows
        assert last["feed.kind"] in LAST_ROW and {v for k, v in last.items() if k not in ("feed.kind", "list.cursor")} <= {None}
        assert len(records) <= limit and {r["feed.kind"] for r in records} <= {"record"}
        if last["feed.kind"] in ("history", "cut"):
            assert records == []
            self.began_anew.append(last["feed.kind"])
            self.seen = []
        self.seen += [(r["record.probe"], r["time"], r["grade.name"], r["grade.value"], json.loads(r["results.repo"])["resultvalues"][0][0])
                      for r in records]
        self.cursor = last["list.cursor"]
        return last["feed.kind"]

    def catch_up(self, queryd, limit=1000):
        ended = None
        while ended != "end":
            ended = self.page(queryd, limit)
            assert ended, self.why
        return self


def arrived(stored, where="true", name="overall"):
    """All records in the order of arrival, read slowly."""
    return stored.sql(
        "SELECT s.probe, to_char(m.t_start, 'YYYY-MM-DD HH24:MI:SS.US'), g.name, coalesce(m.grades[g.id], 0)::text,"
        " (whole_values(m.\"values\", cardinality(c.results), c.of_series, s.type, s.content, s.probe, s.source, s.dest, s.path))[1]"
        " FROM measurement m JOIN series s ON s.id = m.series_id JOIN schema c ON c.id = m.schema_id CROSS JOIN grade_name g"
        f" WHERE g.name = %s AND {where} ORDER BY m.arrival, m.series_id, m.t_start, m.key", name)


@pytest.fixture
def stored(make_stored):
    return make_stored().start()


@pytest.fixture
def queryd(stored, make_queryd):  # noqa: F811
    return make_queryd(stored)


def test_a_follower_misses_nothing_and_sees_nothing_twice(make_stored, make_queryd):  # noqa: F811
    """Records of many days in any order; stored and PostgreSQL killed, copies of the database put back."""
    rng, cluster = random.Random(0), Cluster(durable=True)
    try:
        stored = make_stored(cluster, flush_records=rng.choice([1, 7, 16384]), reorder_wait_ms=0).start()
        queryd, copies, sender = make_queryd(stored), Copies(stored, rng), stored.sender()
        followers = [Follower(grade="overall"), Follower(grade="overall"), Follower(grade="overall", probe="probe1", low=0, high=3)]
        records = random_records(rng, 500, 3, now_us() - 40 * DAY, 39 * DAY)
        rng.shuffle(records)

        def kill_stored():
            stored.stop(rng.choice([signal.SIGKILL, signal.SIGTERM]))
            stored.start()

        def kill_postgresql():
            cluster.kill()
            cluster.start()

        actions = [copies.take, kill_stored, copies.put_back, kill_postgresql]
        for at in range(0, 500, 20):
            sender.send(sender.batch(records[at:at + 20]))
            sender.take_acks(0.05)
            if at % 100 == 60 and actions:
                if rng.random() < 0.5:
                    sender.settle()
                actions.pop(0)()
                sender.subscribe()
            for follower in followers:
                for _ in range(rng.randrange(3)):
                    follower.page(queryd, rng.choice([1, 7, 1000]))
        sender.settle()
        for follower in followers:
            wait_for(lambda f=follower: f.page(queryd) == "end", 60, lambda f=follower: str(vars(f))[-1500:])
            low = "true" if "probe" not in follower.criteria else "s.probe = 'probe1' AND coalesce(m.grades[g.id], 0) <= 3"
            assert follower.seen == arrived(stored, low)
        fresh = Follower(grade="overall").catch_up(queryd, 50)
        assert fresh.seen == arrived(stored) and fresh.began_anew == []
    finally:
        cluster.remove()


def test_names_and_pages_within_a_transaction(stored, queryd):
    t, sender = now_us() - HOUR, stored.sender()
    sender.commit([Record(t + i * SECOND, (5 - i % 3, 1 + i % 2), series=i % 4) for i in range(40)])
    for limit in (1, 3, 80, 1000):
        seen = Follower().catch_up(queryd, limit).seen
        assert sorted(seen) == sorted(record for name, in stored.sql("SELECT name FROM grade_name") for record in arrived(stored, name=name))
        assert len(seen) == len(set(seen)) == 80
    assert Follower(low=1, high=4, grade="overall").catch_up(queryd).seen == arrived(stored, "m.grades[g.id] BETWEEN 1 AND 4")
    assert Follower(since=t + 10 * SECOND, until=t + 20 * SECOND, grade="overall").catch_up(queryd, 4).seen == arrived(
        stored, f"m.t_start >= 'epoch'::timestamptz + {t + 10 * SECOND} * interval '1 us'"
        f" AND m.t_start < 'epoch'::timestamptz + {t + 20 * SECOND} * interval '1 us'")
    assert Follower(sees=["*", "*", "probe2", "*", "*", "*"], grade="overall").catch_up(queryd).seen == arrived(stored, "s.probe = 'probe2'")
    assert Follower("now").catch_up(queryd).seen == []
    for criteria, place in (({"after": "n1"}, "list.after"), ({"after": "c1.2.3"}, "list.after"), ({"grade": "nobody"}, "select.grade")):
        answer = queryd.ask(ARRIVALS, **criteria)
        assert answer.status == INVALID and answer.message.startswith(place + ":"), answer.message


def test_a_held_question_is_answered_once_a_record_is_there(stored, queryd):
    t, sender = now_us() - HOUR, stored.sender()
    sender.commit([Record(t)])
    cursor = Follower("now").catch_up(queryd).cursor
    began = time.monotonic()
    assert [row["feed.kind"] for row in queryd.rows(ARRIVALS, after=cursor, wait_ms=300)] == ["end"]
    assert time.monotonic() - began >= 0.3
    sockets = [queryd.connect() for _ in range(6)]
    for i, socket in enumerate(sockets):
        queryd.send(ARRIVALS, after=cursor, wait_ms=60000, grade="overall", probe=f"probe{i % 2}", socket=socket)
    wait_for(lambda: queryd.counters()["held"] == 6)
    sender.commit([Record(t - SECOND)])  # no event: the grade is the same
    for socket in sockets[::2]:
        assert [row["feed.kind"] for row in queryd.receive(socket=socket).rows] == ["record", "end"]
    wait_for(lambda: queryd.counters()["held"] == 3)
    sender.commit([Record(t, series=1)])
    for socket in sockets[1::2]:
        assert [row["feed.kind"] for row in queryd.receive(socket=socket).rows] == ["record", "end"]


def test_days_that_are_gone_are_said(make_stored, make_queryd):  # noqa: F811
    """Who has not seen all records of a day that is dropped is told so; who has, goes on."""
    stored = make_stored(seal_after_s=1).start()
    queryd, sender, t = make_queryd(stored), stored.sender(), now_us()
    begin = Follower(grade="overall")
    assert begin.page(queryd) == "end"
    sender.commit([Record(t - 10 * DAY), Record(t - 10 * DAY + SECOND)])
    half = Follower(grade="overall")
    assert half.page(queryd, 1) == "more"
    full = Follower(grade="overall").catch_up(queryd)
    stored.wait(lambda: stored.sql("SELECT bool_and(sealed) FROM measured_hour") == [(True,)])
    stored.stop()
    stored.settings["retention"] = {"*": 5}
    stored.start()
    stored.wait(lambda: stored.sql("SELECT count(*) FROM measurement") == [(0,)])
    assert half.page(queryd) == begin.page(queryd) == "cut"
    assert full.page(queryd) == "end" and full.began_anew == []
    sender.subscribe()
    sender.commit([Record(t)])
    for follower in (half, begin, full):
        follower.catch_up(queryd)
        assert follower.seen[-1:] == arrived(stored)
    assert len(half.seen) == len(begin.seen) == 1


def test_hours_say_which_transactions_brought_their_records(stored, queryd):
    """Rounded up: most transactions change nothing; a record of an hour of long ago does."""
    sender, t = stored.sender(), now_us() - 2 * DAY
    for i in range(70):
        sender.commit([Record(t + i * SECOND)])
    sender.commit([Record(t - DAY)])
    for i in range(3):
        sender.commit([Record(t + (100 + i) * SECOND)])
    assert stored.sql("SELECT count(*) FROM measurement m JOIN measured_hour h ON h.hour = date_trunc('hour', m.t_start, 'UTC')"
                      " WHERE m.arrival < h.arrived_from OR m.arrival >= h.arrived_until") == [(0,)]
    assert stored.sql("SELECT bool_and(arrived_until <= arrival_last() + 64) FROM measured_hour") == [(True,)]
    assert Follower(grade="overall").catch_up(queryd, 9).seen == arrived(stored)


def test_a_day_that_goes_while_a_statement_runs_is_noticed(stored):
    """Its snapshot is older than the note that the day is gone; what it reads of the day is not."""
    found = []

    def ask():
        with stored.cluster.connect(stored.database) as one, one.cursor() as cursor:
            cursor.execute("SELECT c.below, n.now FROM arrival_cut c CROSS JOIN LATERAL (SELECT pg_advisory_lock(7), arrival_cut_now() AS now) AS n")
            found.append(cursor.fetchone())
    asking = threading.Thread(target=ask)
    with stored.cluster.connect(stored.database) as holder, holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(7)")
        asking.start()
        stored.wait(lambda: stored.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == [(1,)])
        stored.sql("UPDATE arrival_cut SET below = 7")
        cursor.execute("SELECT pg_advisory_unlock(7)")
    asking.join()
    assert found == [(0, 7)]


def test_few_pages_are_read_of_days_that_were_never_analysed(stored):
    stored.sender().commit([Record(now_us() - HOUR + i * 1000, series=i % 50) for i in range(2000)])
    stored.sql("INSERT INTO measurement SELECT series_id, t_start + n * interval '1 us', t_end + n * interval '1 us', key, arrival + n, schema_id, hops_id,"
               " row, grading_version, ledger_id, origin, grades, stands, \"values\", label FROM measurement CROSS JOIN generate_series(1, 50) AS n (n)")
    settings = stored.sql("SELECT proconfig FROM pg_proc WHERE proname = 'arrived_records'")[0][0]
    with stored.cluster.connect(stored.database) as one, one.cursor() as cursor:
        for setting in settings:
            cursor.execute(f"SET {setting}")
        cursor.execute("EXPLAIN SELECT * FROM ezrepo.measurement WHERE t_start >= now() - interval '1 day' AND t_start < now()"
                       " AND arrival >= 3 AND arrival <= 3 ORDER BY arrival, series_id, t_start, key LIMIT 10")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "arrival_idx" in plan, plan
