# SPDX-License-Identifier: Apache-2.0
"""When processes on the way in were not there: what the store makes of it, against a slow reading of what it says."""
import datetime
import os
import random
import signal
import time

import pytest
from conftest import ping, time_text
from stores import Stored

BASE = datetime.datetime(2026, 5, 1, tzinfo=datetime.timezone.utc)
GATEWAYS = ("mplane-gw", "ingest-gw")


@pytest.fixture(scope="module")
def sql(build_dir, cluster):
    """Of a store with nothing in it, that nobody works with any more."""
    stored = Stored(build_dir, cluster)
    try:
        stored.start()
        stored.stop()
        yield stored.sql
    finally:
        stored.close()


def at(second):
    return BASE + datetime.timedelta(seconds=second)


def slow(absences, ingestd, door, since):
    """Second by second: those in which one of the processes was not there, as [from, to)."""
    through = {"ingestd"} | (set() if door in ("udp", "file", "import") else set(GATEWAYS))
    away = {second for who, process, begin, end in absences if who == ingestd and process in through
            for second in range(max(begin, since), end)}
    return [(at(s), at(next(e for e in range(s, 1000) if e not in away))) for s in sorted(away) if s - 1 not in away]


@pytest.mark.parametrize("seed", range(5))
def test_absences_are_merged(sql, seed):
    rng = random.Random(seed)
    absences = {}
    for _ in range(rng.choice([5, 40, 150])):
        begin = rng.randrange(300)
        key = (rng.choice("ab"), rng.choice(("ingestd", *GATEWAYS)), begin)
        absences[key] = begin + rng.choice([1, 2, 5, 30])
    absences = [(*key, end) for key, end in absences.items()]
    sql("DELETE FROM absence; INSERT INTO absence SELECT v.i, v.p, %s + v.f * interval '1 second', %s + v.t * interval '1 second'"
        " FROM unnest(%s, %s, %s, %s) AS v (i, p, f, t)", BASE, BASE, *(list(column) for column in zip(*absences)))
    for _ in range(20):
        ingestd, door, since = rng.choice("abc"), rng.choice(["udp", "https", "file", "import", ""]), rng.randrange(350)
        assert sql("SELECT * FROM absences_of(%s, %s, %s)", ingestd, door, at(since)) == slow(absences, ingestd, door, since)


def test_who_is_absent_now_is_so_without_end(sql):
    sql("DELETE FROM absence; INSERT INTO sign VALUES ('x', 'mplane-gw', %s, %s), ('x', 'ingestd', %s, NULL)", at(0), at(0), at(9))
    sql("INSERT INTO absence VALUES ('x', 'ingestd', %s, %s)", at(-5), at(3))
    assert sql("SELECT t_from, t_to::text FROM absences_of('x', 'https', %s)", at(-9)) == [(at(-5), "infinity")]
    assert sql("SELECT t_from, t_to FROM absences_of('x', 'udp', %s)", at(-9)) == [(at(-5), at(3))]


def test_who_was_killed_was_absent_and_who_cannot_go_on_is_not(ezrepo_set):
    """classifyds that stand still, stored that is killed: nobody on the way in was away, and nothing is judged meanwhile."""
    one = ezrepo_set

    def notes():
        return one.process("stored")["notes"].get("signs", "")

    def absences():
        return [process for process, in one.sql("SELECT process FROM absence ORDER BY t_from")]

    one.wait_for(lambda: "all present" in notes() and "not known" not in notes())
    one.wait_for(lambda: one.sql("SELECT array_agg(process ORDER BY process) FROM sign") == [(["ingest-gw", "ingestd", "mplane-gw"],)])
    stopped = [process["pid"] for process in one.processes(lambda name: name.startswith("classifyd"))]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    one.send([ping("192.0.2.1", time_text(time.time() - 2))])
    one.kill("stored")
    time.sleep(7)
    one.wait_for(lambda: "all present" in notes())
    assert one.process("ingestd")["counters"]["signs.lag_ms"] > 5000
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    one.wait_matched(1)
    one.wait_for(lambda: one.process("ingestd")["counters"]["signs.lag_ms"] < 3000)
    assert absences() == [] and one.sql("SELECT count(*) FROM feed WHERE kind IN ('absence', 'presence')") == [(0,)]
    one.kill("ingestd")
    one.wait_for(lambda: absences() == ["ingestd"])
    one.kill("mplane-gw")
    one.wait_for(lambda: absences() == ["ingestd", "mplane-gw"])
    told = [row for row in one.rows("changes", "--since", "1h") if row["feed.kind"] == "presence"]
    assert ['"ingestd"' in row["feed.detail"] and '"from"' in row["feed.detail"] for row in told] == [True, True]
