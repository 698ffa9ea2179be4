# SPDX-License-Identifier: Apache-2.0
"""Windows of maintenance: made known, ended, told once each; what lies in one, against a slow reading."""
import datetime
import ipaddress
import json
import os
import random
import re
import signal
import subprocess

from stores import SECOND, Record, now_us

BASE = datetime.datetime(2026, 5, 1, tzinfo=datetime.timezone.utc)
STATES = "SELECT (detail->>'number')::bigint, detail->>'state' FROM feed WHERE kind = 'maintenance' ORDER BY arrival, n"
DIMENSIONS = ("type", "content", "probe", "source", "dest", "path")


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
        assert done.returncode in (1, 2) and done.stdout == ""
        return done.stderr

    def list(self):
        return [json.loads(line) for line in self.do("list", "--output", "json").splitlines()]


def text(t):
    return t.strftime("%Y-%m-%d %H:%M:%S.%f")


def matches(pattern, value, addresses):
    """As docs/semantics.md has patterns."""
    if addresses:
        try:
            prefix = ipaddress.ip_network(pattern, strict=False)
        except ValueError:
            pass
        else:
            try:
                address = ipaddress.ip_address(value)
                return address.version == prefix.version and address in prefix
            except ValueError:
                return value == pattern
    glob = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(glob, value, re.S) is not None


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
                    and all(matches(p, v, name in ("source", "dest")) for name, p, v in zip(DIMENSIONS, chosen, dims))]
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
    first = operator.add("--dest", "192.0.2.0/24", "--for", "1h", "--reason", 'new "line" cards', "--author", "somebody")
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
        [(third, "over", False), (second, "in force", True), (first, "over", False)]
    assert listed[2]["ended_by"] == "else" and stored.sql("SELECT count(*) FROM maintenance") == [(3,)]
    # What cannot be.
    assert "no window of this number" in operator.refused("end", str(first))
    assert "no window of this number" in operator.refused("end", "99")
    assert "source: expected a pattern" in operator.refused("add", "--source", "10.0.0.0/33", "--for", "1h", "--reason", "x")
    assert "an end behind the beginning" in operator.refused("add", "--to", "2020-01-01", "--reason", "x")
    assert "expected --to or --for" in operator.refused("add", "--reason", "x")
    assert "expected --reason" in operator.refused("add", "--for", "1h")
    assert len(stored.sql(STATES)) == 7
