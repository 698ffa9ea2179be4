# SPDX-License-Identifier: Apache-2.0
"""Windows of maintenance: made known, ended, told once each; what lies in one, against a slow reading."""
import datetime
import json
import os
import random
import signal
import subprocess

import pytest
from maintenance import DIMENSIONS, OfStored, Windows, fits
from queries import (ARRIVALS, CHANGES, COUNT, EVENTS, MAINTENANCE, NOW, PERIODS, RECORDS, SERIES, SILENT, TIMELINE, WHY, Queryd)
from stores import HOUR, NONE, SECOND, Record, now_us

BASE = datetime.datetime(2026, 5, 1, tzinfo=datetime.timezone.utc)
STATES = "SELECT (detail->>'number')::bigint, detail->>'state' FROM feed WHERE kind = 'maintenance' ORDER BY arrival, n"


class Operator:
    """Who types `ezrepo maintenance`."""

    def __init__(self, build, stored):
        self.call = [os.path.join(build, "ctl", "ezrepoctl"), "maintenance"]
        self.place = ["--run-dir", stored.run_dir]

    def run(self, *words):
        return subprocess.run([*self.call, *words, *self.place], capture_output=True, text=True, timeout=60, check=False)

    def do(self, *words):
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add(self, *words):
        return int(self.do("add", *words))

    def refused(self, *words):
        done = self.run(*words)
        assert done.returncode == 2 and done.stdout == ""
        return done.stderr

    def list(self):
        return [json.loads(line) for line in self.do("list", "--output", "json").splitlines()]


def text(t):
    return t.strftime("%Y-%m-%d %H:%M:%S.%f")


def test_what_lies_in_a_window(build_dir, make_stored):
    rng = random.Random(7)
    stored = make_stored().start()
    operator = Operator(build_dir, stored)
    values = (("ping", "OTT"), ("ICMPECHO", "a%b_c"), ("vp1", "vp2", ""), ("192.0.2.1", "198.51.100.7", "host.example"),
              ("192.0.2.9", "2001:db8::1", "h*st"), ("", "north"))
    patterns = (("*", "ping", "p?ng", "O*"), ("*", "a%b_c", "a?b*"), ("*", "vp?", "vp1"), ("*", "192.0.2.0/24", "192.0.2.1", "host.*"),
                ("*", "2001:db8::/32", "192.0.2.9", "h*st"), ("*", "north"))
    series = sorted({tuple(rng.choice(of) for of in values) for _ in range(40)})
    stored.sender().commit([Record(now_us() - 60 * SECOND, dims=dims) for dims in series])
    numbers = {tuple(row[1:]): row[0] for row in stored.sql("SELECT id, type, content, probe, source, dest, path FROM series")}
    windows = []
    for _ in range(12):
        begin = rng.randrange(100)
        end = begin + rng.choice([1, 10, 50])
        chosen = tuple(rng.choice(of) if rng.random() < 0.4 else "*" for of in patterns)
        given = [word for name, pattern in zip(DIMENSIONS, chosen) if pattern != "*" for word in (f"--{name}", pattern)]
        number = operator.add(*given, "--from", text(BASE + datetime.timedelta(seconds=begin)),
                              "--to", text(BASE + datetime.timedelta(seconds=end)), "--reason", "works")
        windows.append((number, chosen, begin, end))
    for dims, since in ((dims, rng.randrange(-5, 150)) for dims in series):
        until = since + rng.choice([0, 1, 20])
        expected = [number for number, chosen, begin, end in windows if begin <= until and end > since
                    and fits(chosen, dims)]
        times = (BASE + datetime.timedelta(seconds=since), BASE + datetime.timedelta(seconds=until))
        assert [n for n, in stored.sql("SELECT maintenance_of(%s, %s, %s)", numbers[dims], *times)] == expected, (dims, since, until)
        assert stored.sql("SELECT in_maintenance(%s, %s, %s)", numbers[dims], *times) == [(bool(expected),)]
    # All of these are over; each was told to be known, to begin and to end.
    stored.wait(lambda: len(stored.sql(STATES)) == 36)
    assert sorted(stored.sql(STATES)) == sorted((number, state) for number, *_ in windows for state in ("known", "begins", "ends"))


def test_windows_are_told_once_whoever_is_killed(build_dir, make_stored):
    stored = make_stored().start()
    operator = Operator(build_dir, stored)
    now = datetime.datetime.now(datetime.timezone.utc)
    first = operator.add("--dest", "192.0.2.0/24", "--from", "now", "--for", "1h", "--reason", 'new "line" cards', "--author", "somebody")
    second = operator.add("--from", text(now + datetime.timedelta(seconds=8)), "--for", "1h", "--reason", "later")
    third = operator.add("--from", text(now + datetime.timedelta(hours=2)), "--to", text(now + datetime.timedelta(hours=3)), "--reason", "much later")
    stored.wait(lambda: len(stored.sql(STATES)) == 4)
    told = stored.sql(STATES)
    assert sorted(told) == sorted([(first, "known"), (first, "begins"), (second, "known"), (third, "known")])
    assert told.index((first, "known")) < told.index((first, "begins"))
    detail, = stored.sql("SELECT detail FROM feed WHERE kind = 'maintenance' ORDER BY arrival, n LIMIT 1")[0]
    assert (detail["criteria"], detail["reason"], detail["author"]) == ({"dest": "192.0.2.0/24"}, 'new "line" cards', "somebody")
    stored.stop(signal.SIGKILL)
    stored.start()
    stored.wait(lambda: (second, "begins") in stored.sql(STATES))
    operator.do("end", str(first), "--author", "else")
    operator.do("end", str(third))  # it never begins
    stored.wait(lambda: len(stored.sql(STATES)) == 7)
    stored.stop(signal.SIGKILL)
    stored.start()
    assert sorted(stored.sql(STATES)[5:]) == [(first, "ends"), (third, "ends")]
    listed = operator.list()
    assert [(row["number"], row["state"], row["ended_by"] is None) for row in listed] == \
        [(third, "never began", False), (second, "in force", True), (first, "over", False)]
    assert listed[2]["ended_by"] == "else" and stored.sql("SELECT count(*) FROM maintenance") == [(3,)]
    # What cannot be.
    assert "no window of this number" in operator.refused("end", str(first))
    assert "no window of this number" in operator.refused("end", "99")
    assert "source: expected a pattern" in operator.refused("add", "--source", "10.0.0.0/33", "--for", "1h", "--reason", "x")
    assert "an end behind the beginning" in operator.refused("add", "--to", "2020-01-01", "--reason", "x")
    assert "an end behind the beginning" in operator.refused("add", "--from", "2026-01-02", "--to", "2026-01-01", "--reason", "x")
    assert '--timeout: expected 1 ... 3600 seconds, found "0"' in operator.refused("list", "--timeout", "0")
    assert "expected --to or --for" in operator.refused("add", "--reason", "x")
    assert "expected --reason" in operator.refused("add", "--for", "1h")
    assert len(stored.sql(STATES)) == 7
    # Who waits for a stored that stands still waits for as long as he says.
    stored.process.send_signal(signal.SIGSTOP)
    for words, more in ((["list"], ""), (["end", str(second)], "what was asked for may be done all the same: `ezrepo maintenance list` tells\n")):
        done = operator.run(*words, "--timeout", "1")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "ezrepoctl: stored did not answer within 1 s; `ezrepo status` tells more\n" + (more and f"ezrepoctl: {more}")
    stored.process.send_signal(signal.SIGCONT)


# ---- answers ----

@pytest.fixture
def stored(make_stored):
    return make_stored().start()


@pytest.fixture
def queryd(build_dir, stored):
    made = Queryd(build_dir, stored.settings["database"], run_dir=stored.run_dir)
    yield made
    made.close()


def time_text(us):
    return text(datetime.datetime.fromtimestamp(us // SECOND, datetime.timezone.utc).replace(microsecond=us % SECOND))


def us_of(told):
    return None if told is None else round(datetime.datetime.fromisoformat(told + "+00:00").timestamp() * SECOND)


def dims_of(row):
    return tuple(row["record." + d] for d in DIMENSIONS)


HOST, OTHER = ("ping", "", "vp1", "", "192.0.2.7", ""), ("ping", "", "vp2", "", "192.0.2.8", "")
SEES = ["*", "*", "vp2", "*", "*", "*"]  # who may see OTHER alone


def marks(queryd, kind, **criteria):
    return {(dims_of(row)[2], row["maintenance.windows"]) for row in queryd.rows(kind, **{"low": 0, "grade": "overall", **criteria})
            if row.get("feed.kind") not in ("end", "more", "maintenance")}


def test_past_answers_are_marked_by_what_becomes_known_afterwards(stored, queryd):
    """A window that nobody knew of, then late records in it, then its end before its time."""
    now, sender, windows = now_us() // SECOND * SECOND, stored.sender(), Windows()
    then = now - 5 * HOUR

    def told():
        return [marks(queryd, kind) for kind in (PERIODS, RECORDS, EVENTS)] + [marks(queryd, CHANGES, low=1, after="begin"),
                                                                               marks(queryd, ARRIVALS, after="begin")]
    sender.commit([Record(then + i * 60 * SECOND, (5, NONE), row=i, dims=dims) for i, dims in enumerate([HOST, HOST, OTHER, OTHER])])
    assert told() == 5 * [{("vp1", None), ("vp2", None)}]
    number = windows.insert(OfStored(stored), ("*", "*", "*", "*", "192.0.2.7", "*"), then - 60 * SECOND, then + HOUR)
    mark = str(number)
    assert told() == 5 * [{("vp1", mark), ("vp2", None)}]
    count, = queryd.rows(COUNT, grade="overall", since=then, until=then + 60 * SECOND)
    assert (count["records.matched"], count["maintenance.windows"]) == ("1", mark)
    assert queryd.rows(COUNT, grade="overall", probe="vp2")[0]["maintenance.windows"] is None
    assert queryd.rows(COUNT, grade="overall", since=now - HOUR)[0]["maintenance.windows"] is None
    # Late records, in it and behind it, that make periods of their own.
    sender.commit([Record(then + 30 * 60 * SECOND, (1, NONE), row=10, dims=HOST), Record(then + 2 * HOUR, (1, NONE), row=11, dims=HOST)])
    starts = {us_of(row["period.start"]): row["maintenance.windows"] for row in queryd.rows(PERIODS, grade="overall", probe="vp1")}
    assert starts == {then: mark, then + 30 * 60 * SECOND: mark, then + 2 * HOUR: None}
    lane, = queryd.rows(TIMELINE, grade="overall", probe="vp1", since=then - HOUR, until=now, range_columns=60)
    assert lane["maintenance.windows"] == mark and \
        [(us_of(m["start"]), m["maintenance"]) for m in json.loads(lane["timeline.marks"])] == sorted(starts.items())
    why, = queryd.rows(WHY, grade="overall", probe="vp1", since=then + 31 * 60 * SECOND, instant=1)
    assert why["maintenance.windows"] == mark and json.loads(why["why.document"])["record"]["maintenance"] == mark
    why, = queryd.rows(WHY, grade="overall", probe="vp1")
    assert why["maintenance.windows"] is None and json.loads(why["why.document"])["period"]["began"]["maintenance"] is None
    # By SQL.
    joined = "SELECT DISTINCT p.probe, m.number FROM record p JOIN maintenance_series m ON m.series_id = p.series_id AND m.t_from <= p.t_end" \
        " AND m.t_until > p.t_start"
    assert stored.sql(joined) == [("vp1", number)]
    # One that was ended before it began is none.
    stored.sql("UPDATE maintenance SET ended_at = t_from RETURNING 1")
    assert told()[:3] == 3 * [{("vp1", None), ("vp2", None)}]
    assert {row["maintenance.state"] for row in queryd.rows(MAINTENANCE)} == {"never began"}


def test_what_is_silent_is_marked(stored, queryd):
    now, windows = now_us() // SECOND * SECOND, Windows()
    stored.sender().commit([Record(now - 7200 * SECOND, (5, NONE), row=i, dims=dims) for i, dims in enumerate([HOST, OTHER])])
    numbers = dict(stored.sql("SELECT probe, id FROM series"))
    for series, probe, minutes in ((numbers["vp1"], "vp1", 90), (None, "vp2", 60)):
        stored.sql("INSERT INTO silence (series_id, probe, silent_from, last_end, retire_at, as_of, expected_us, delay_us, told) VALUES"
                   " (%s, %s, now() - %s * interval '1 minute', now(), now(), now(), 1, 0, 1) RETURNING number", series, probe, minutes)
    assert marks(queryd, SILENT) == {("vp1", None), ("vp2", None)}
    of_series = windows.insert(OfStored(stored), ("*", "*", "vp1", "*", "*", "*"), now - 2 * HOUR, now - 70 * 60 * SECOND)  # it is over
    of_probe = windows.insert(OfStored(stored), ("ping", "*", "vp?", "*", "192.0.2.8", "*"), now - HOUR // 2, now + HOUR)
    assert marks(queryd, SILENT) == {("vp1", str(of_series)), ("vp2", str(of_probe))}
    assert marks(queryd, SILENT, sees=SEES) == {("vp2", str(of_probe))}
    assert marks(queryd, SERIES) == {("vp1", None), ("vp2", str(of_probe))}  # as it is now
    silences = [(r["record.probe"], r["maintenance.windows"]) for r in queryd.rows(NOW, high=2) if r["now.kind"] == "silence"]
    assert silences == [("vp1", None), ("vp2", str(of_probe))]


def test_windows_are_told(stored, queryd, build_dir):
    """By time, by criteria, page by page; who may not see all is told of those in which something of his is, and no more of them."""
    now, windows, rng = now_us() // SECOND * SECOND, Windows(), random.Random(3)
    stored.sender().commit([Record(now, (5, NONE), row=i, dims=dims) for i, dims in enumerate([HOST, OTHER])])
    for n in range(40):
        since = now + rng.randrange(-50, 50) * HOUR
        patterns = tuple(rng.choice(of) for of in (("*", "p?ng", "none"), ("*",), ("*", "vp1", "vp2", "vp*"), ("*",), ("*", "192.0.2.0/29", "192.0.2.8"), ("*",)))
        windows.insert(OfStored(stored), patterns, since, since + rng.randrange(1, 20) * HOUR, reason=f"reason {n}")

    def fitting(of, since, until, n):
        patterns, begins, ends = windows.all[n]
        return begins < until and ends > since and (of is None or any(fits(patterns, dims) for dims in of))

    def numbers(limit=1000, **asked):
        rows = page = queryd.rows(MAINTENANCE, limit=limit, **asked)
        while len(page) == limit:
            page = queryd.rows(MAINTENANCE, limit=limit, after=page[-1]["list.cursor"], **asked)
            rows = rows + page
        return [int(row["maintenance.number"]) for row in rows]
    for of, asked in ((None, {}), ([HOST], {"probe": "vp1"}), ([HOST, OTHER], {"type": "ping"}), ([OTHER], {"sees": SEES}),
                      ([], {"sees": SEES, "probe": "vp1"}), ([], {"probe": "vp3"})):
        for since, until in ((now - 1000 * HOUR, now + 1000 * HOUR), (now - 3 * HOUR, now + 5 * HOUR), (now - 20 * HOUR, now - 10 * HOUR)):
            expected = sorted((n for n in windows.all if fitting(of, since, until, n)), reverse=True)
            assert numbers(**asked, since=since, until=until) == expected, (asked, since, until)
            assert numbers(limit=3, **asked, since=since, until=until) == expected
    assert numbers(since=now, instant=1) == sorted((n for n in windows.all if fitting(None, now, now + 1, n)), reverse=True)
    for row in queryd.rows(MAINTENANCE, limit=1000):
        patterns, begins, ends = windows.all[int(row["maintenance.number"])]
        assert dims_of(row) == tuple(None if p == "*" else p for p in patterns)
        assert (us_of(row["maintenance.from"]), us_of(row["maintenance.to"]), row["maintenance.ended"]) == (begins, ends, None)
        assert row["maintenance.state"] == ("over" if ends <= now else "in force" if begins <= now else "to come")
        assert row["maintenance.author"] == "operator" and row["maintenance.reason"].startswith("reason ")
    bound = queryd.rows(MAINTENANCE, sees=SEES, limit=1000)
    assert bound and {(*dims_of(row), row["maintenance.author"], row["maintenance.endedby"]) for row in bound} == {8 * (None,)}
    assert all(row["maintenance.reason"] for row in bound)
    # What he is told elsewhere is of these, too.
    mine = {row["maintenance.number"] for row in bound}
    for kind in (COUNT, PERIODS, RECORDS, SERIES, NOW):
        told = [row["maintenance.windows"] for row in queryd.rows(kind, sees=SEES, low=1, grade="overall")]
        assert any(told) or kind == NOW
        assert {n for cell in told if cell for n in cell.split(",")} <= mine
    # One that is ended.
    operator = Operator(build_dir, stored)
    number = operator.add("--dest", "192.0.2.7", "--for", "1h", "--reason", "x", "--author", "somebody")
    operator.do("end", str(number), "--author", "else")
    row = queryd.rows(MAINTENANCE, limit=1)[0]
    assert (row["maintenance.number"], row["maintenance.state"], row["maintenance.author"], row["maintenance.endedby"]) == \
        (str(number), "over", "somebody", "else")
    assert us_of(row["maintenance.ended"]) < us_of(row["maintenance.to"]) and now < us_of(row["maintenance.made"])
