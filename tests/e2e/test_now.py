# SPDX-License-Identifier: Apache-2.0
"""What is so now: series, facets and what is bad, against a slow reading of the semantics over all records; with late data, gaps,
records that run for long, several grade names, series without grades, and askers who may not see all."""
import collections
import fnmatch
import json
import os
import random
import re
import time

import pytest
from conftest import ping
from maintenance import OfStored, Windows, mark
from queries import FACETS, INVALID, NOW, OK, SERIES, Asker, Queryd
from stores import HOUR, NAMES, NONE, SECOND, Record, check_store, naive_periods, now_us

DIMENSIONS = ("type", "content", "probe", "source", "dest", "path")
GAPS = {"ping": 300, "slow": 7200, "quick": 60, "odd": 300}
OWN = {"gap_s": 300, "types": {t: {"gap_s": gap} for t, gap in GAPS.items() if t != "odd"}}
MARGIN = 120 * SECOND  # nothing is decided by the time that a test takes


@pytest.fixture
def stored(make_stored):
    return make_stored(own=OWN).start()


@pytest.fixture
def queryd(build_dir, stored):
    made = Queryd(build_dir, stored.settings["database"], run_dir=stored.run_dir)
    yield made
    made.close()


# ---- a slow reading ----

class World:
    """All records that were stored, and what is so by them."""

    def __init__(self, now):
        self.now, self.first, self.windows = now, {}, Windows()

    def take(self, records):
        for r in records:
            self.first.setdefault(r.key(), r)

    def series(self):
        found = collections.defaultdict(list)
        for r in self.first.values():
            found[r.dims].append(r)
        return found

    def states(self, records, index):
        """Of one series and name: the newest period's grade, start, and whether it is present; None: there is none."""
        gap = GAPS[records[0].dims[0]] * SECOND
        periods = naive_periods([(r.t, r.end, r.row, r.grades[index]) for r in records], gap)
        if not periods:
            return None
        grade, start, _, end, _, ended = periods[-1]
        assert ended is None
        return grade, start, end + gap >= self.now

    def bad_since(self, records, index, low, high):
        """Since when it is of grades within these without a break."""
        gap = GAPS[records[0].dims[0]] * SECOND
        periods = naive_periods([(r.t, r.end, r.row, r.grades[index]) for r in records], gap)
        at = len(periods) - 1
        while at > 0 and periods[at - 1][5] != "gap" and low <= periods[at - 1][0] <= high:
            at -= 1
        return periods[at][1]

    def rows(self, criteria=(), names=(0, 1), low=0, high=5):
        """What QuerySeries has to say, in no order; criteria: of any of these all patterns fit."""
        for dims, records in self.series().items():
            if criteria and not any(fits(dims, one) for one in criteria):
                continue
            states = [(NAMES[i], *s) for i in names if (s := self.states(records, i)) is not None] or [(None, None, None, None)]
            starts = [r.t for r in records]
            for name, grade, since, present in states:
                if low <= (grade if present else 0) <= high:
                    yield (*dims, name, grade and str(grade), "ungraded" if name is None else "present" if present else "over",
                           since and time_text(since), time_text(min(starts)), time_text(max(starts)), str(len(records)), self.mark(dims))

    def facets(self, d, criteria=(), low=1, high=2):
        """Of a dimension: value -> how many series, how many of them bad, how many records, in which windows they are."""
        found = collections.defaultdict(lambda: [0, 0, 0, []])
        for dims, records in self.series().items():
            if criteria and not any(fits(dims, one) for one in criteria):
                continue
            states = [self.states(records, i) for i in range(2)]
            found[dims[d]][0] += 1
            found[dims[d]][1] += any(s is not None and s[2] and low <= s[0] <= high for s in states)
            found[dims[d]][2] += len(records)
            found[dims[d]][3] += self.windows.of(dims, self.now, self.now)
        return {value: (*map(str, counts[:3]), mark(counts[3])) for value, counts in found.items()}

    def mark(self, dims):
        return self.windows.mark(dims, self.now, self.now)

    def some_windows(self, sql, rng, count):
        """In force, over and to come."""
        for _ in range(count):
            patterns = tuple(p if rng.random() < 0.4 else "*" for p in some_dims(rng))
            since = self.now + rng.choice([-30, -10, -2, 1]) * HOUR
            self.windows.insert(sql, patterns, since, since + rng.choice([1, 20, 40]) * HOUR)


class BadNow:
    """What QueryNow has to say of a world, by the text of the semantics: of each name by itself."""

    ORDER = ("dest", "source", "probe", "path", "content", "type")

    def __init__(self, world, criteria, low, high, each, changed_s):
        self.totals, self.groups, self.single, self.changed = collections.Counter(), {}, set(), set()
        self.maintained, self.since = {}, {}
        series = {d: r for d, r in world.series().items() if not criteria or any(fits(d, one) for one in criteria)}
        for i, name in enumerate(NAMES):
            states = {dims: world.states(records, i) for dims, records in series.items()}
            present = {dims: s for dims, s in states.items() if s and s[2]}
            for s in states.values():
                self.totals[(name, "ungraded" if s is None else "total" if s[2] else "over", s[0] if s and s[2] else None)] += 1
            bad = {dims for dims, s in present.items() if low <= s[0] <= high}
            since = {d: world.bad_since(series[d], i, low, high) for d in bad}
            self.since |= {("series", name, *d): time_text(t) for d, t in since.items()}
            self.changed |= {(name, *d, world.mark(d), s[0], s[1]) for d, s in present.items()
                             if d not in bad and s[1] > world.now - changed_s * SECOND}
            held = {d: max(world.windows.of(d, world.now, world.now)) for d in present if world.mark(d)}
            if bad & held.keys():
                self.totals[(name, "maintained", None)] = len(bad & held.keys())
            for d in bad & held.keys() if each else ():
                self.single.add((name, *d, world.mark(d), present[d][0], present[d][1]))
            for number in set() if each else {held[d] for d in bad if d in held}:
                its = {d for d in held if held[d] == number}
                self.maintained[name, number] = (*told(its & bad, present), len(its & bad), len(its))
                self.since["maintenance", name, number] = time_text(min(since[d] for d in its & bad))
            present, bad = {d: s for d, s in present.items() if d not in held}, bad - held.keys()
            groups = {} if each else self.explaining(present, bad)
            members = collections.defaultdict(set)
            for dims in bad:
                mine = [(-b, at, value) for (at, value), (b, _) in groups.items() if at == 0 or dims[self.place(at)] == value]
                members[min(mine)[1:] if mine else None].add(dims)
            for key, those in members.items():
                if key is None or len(those) < 3:
                    self.single |= {(name, *d, None, present[d][0], present[d][1]) for d in those}
                else:
                    self.groups[(name, *key)] = (*told(those, present), *groups[key])
                    self.since["group", name, f"{self.ORDER[key[0] - 1] + ' ' + key[1] if key[0] else 'all of them'}"] = time_text(min(since[d] for d in those))

    def place(self, at):
        return DIMENSIONS.index(self.ORDER[at - 1])

    def explaining(self, present, bad):
        found = {}
        keys = {(0, "")} | {(at, d[self.place(at)]) for d in bad for at in range(1, 7) if d[self.place(at)] != ""}
        for at, value in keys:
            its = {d for d in present if at == 0 or d[self.place(at)] == value}
            others = present.keys() - its
            if len(its & bad) >= 3 and len(its & bad) >= 0.9 * len(its) and len(others & bad) <= 0.5 * len(others):
                found[at, value] = (len(its & bad), len(its))
        return found


def told(those, present):
    """Of a group: what all have in common, the worst grade, since when."""
    shared = tuple(next(iter({d[n] for d in those})) if len({d[n] for d in those}) == 1 else None for n in range(6))
    return shared, min(present[d][0] for d in those), min(present[d][1] for d in those)


TOTALS = ("total", "over", "ungraded", "maintained")


def check_now(queryd, world, criteria, low, high, each=0, changed_s=0):
    rows = queryd.rows(NOW, low=low, high=high, limit=1000, each=each, changed_s=changed_s, sees=sees(criteria))
    by_kind = collections.defaultdict(list)
    for r in rows:
        by_kind[r["now.kind"]].append(r)
    assert [r["now.kind"] for r in rows if r["now.kind"] in TOTALS] == [r["now.kind"] for r in rows][:sum(len(by_kind[k]) for k in TOTALS)]
    want = BadNow(world, criteria, low, high, each, changed_s)
    assert {(r["grade.name"], r["now.kind"], r["grade.value"] and int(r["grade.value"])): int(r["series.count"])
            for kind in TOTALS for r in by_kind[kind]} == want.totals

    def dims(r):
        return tuple(r["record." + d] for d in DIMENSIONS)

    def state(r):
        return int(r["grade.value"]), r["period.start"]
    for kind, expected in (("series", want.single), ("changed", want.changed)):
        assert sorted(((r["grade.name"], *dims(r), r["maintenance.windows"], *state(r)) for r in by_kind[kind]), key=repr) == \
            sorted(((*one[:-1], time_text(one[-1])) for one in expected), key=repr)
    assert {(r["grade.name"], int(r["maintenance.windows"])): (dims(r), *state(r), r["series.bad"], r["series.count"]) for r in by_kind["maintenance"]} == \
        {key: (shared, grade, time_text(since), str(b), str(n)) for key, (shared, grade, since, b, n) in want.maintained.items()}
    for r in by_kind["maintenance"]:
        assert re.fullmatch(rf"maintenance {r['maintenance.windows']} until \S+ \S+ \(works\): {r['series.bad']} of {r['series.count']} series", r["now.line"])
    assert sorted((r["grade.name"], r["now.line"], dims(r), *state(r), r["series.bad"], r["series.count"]) for r in by_kind["group"]) == \
        sorted((name, f"{BadNow.ORDER[at - 1] + ' ' + value if at else 'all of them'}: {b} of {n} series", shared, grade, time_text(since),
                str(b), str(n)) for (name, at, value), (shared, grade, since, b, n) in want.groups.items())
    for kind, name in (("series", dims), ("maintenance", lambda r: (int(r["maintenance.windows"]),)), ("group", lambda r: (r["now.line"].rpartition(": ")[0],))):
        for r in by_kind[kind]:
            assert r["bad.since"] == want.since[(kind, r["grade.name"], *name(r))]
    assert all(r["bad.since"] is None for kind in ("changed", "silence", *TOTALS) for r in by_kind[kind])
    listed = [r for r in rows if r["now.kind"] in ("group", "maintenance", "series")]
    keys = [(r["maintenance.windows"] is not None, int(r["grade.value"]), r["now.kind"], -int(r["series.bad"] or 0)) for r in listed]
    assert keys == sorted(keys)
    return want


def time_text(us):
    """As queryd writes it."""
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(us // SECOND))}.{us % SECOND:06}"


def fits(dims, criteria):
    return all(fnmatch.fnmatchcase(dims[DIMENSIONS.index(name)], pattern) for name, pattern in criteria.items())


def some_dims(rng):
    return (rng.choice(list(GAPS)), rng.choice(["", "ICMPECHO"]), f"probe{rng.randrange(4)}", f"192.0.2.{rng.randrange(3)}",
            rng.choice(["a.example", "b.example", "192.0.2.200"]), rng.choice(["", "up"]))


def some_records(rng, dims, now, number):
    """Of one series: some measure on to now, some ceased; few are of a grade that changes much, some are graded by nothing."""
    until = now - rng.choice([0, 0, 0, 400, 3000, 30000, 90000]) * SECOND
    step = rng.choice([20, 50, 200, 1500]) * SECOND
    kind, grade, records = rng.randrange(5), rng.randrange(1, 6), []
    for i in range(rng.randrange(1, 30)):
        t = until - i * step - rng.randrange(step)
        end = t + (rng.randrange(4000 * SECOND) if rng.random() < 0.1 else rng.randrange(3 * SECOND))
        if abs(end + GAPS[dims[0]] * SECOND - now) < MARGIN:
            continue
        grade = rng.randrange(0, 6) if rng.random() < 0.2 else grade
        grades = {0: (NONE, NONE), 1: (0, NONE), 2: (grade, rng.randrange(6))}.get(kind, (grade, NONE))
        records.append(Record(t, grades, end=end, row=number * 100 + i, dims=dims))
    return records


# ---- tests ----

def all_series(queryd, limit, **criteria):
    """Page by page, but for what the store numbers as it likes."""
    rows, after = [], ""
    while True:
        page = queryd.rows(SERIES, **{"low": 0, **criteria}, limit=limit, after=after)
        rows += page
        if len(page) < limit:
            return [tuple(v for k, v in row.items() if k not in ("series.number", "silent.since", "list.cursor")) for row in rows]
        after = page[-1]["list.cursor"]


def sees(criteria):
    return [one.get(name, "*") for one in criteria for name in DIMENSIONS]


@pytest.mark.parametrize("seed", range(2))
def test_series_and_facets_are_what_the_records_say(stored, queryd, seed):
    rng = random.Random(seed)
    world, sender = World(now_us()), stored.sender()
    every = [r for i, dims in enumerate(dict.fromkeys(some_dims(rng) for _ in range(60))) for r in some_records(rng, dims, world.now, i)]
    every += [Record(world.now - 40 * 24 * HOUR, (3, NONE), row=9999, dims=some_dims(rng))]
    rng.shuffle(every)  # nearly all come late
    third = len(every) // 3
    for part in (every[:third], every[third:2 * third], every[2 * third:]):
        sender.commit(part)
        world.take(part)
        world.some_windows(OfStored(stored), rng, 2)
        for criteria in ([], [{"probe": "probe1"}], [{"type": "ping", "dest": "*.example"}, {"source": "192.0.2.1"}], [{"type": "none"}]):
            assert sorted(all_series(queryd, rng.choice([3, 17, 1000]), sees=sees(criteria)), key=repr) == \
                sorted(world.rows(criteria), key=repr)
            for d, name in enumerate(DIMENSIONS):
                rows = queryd.rows(FACETS, facet=name, high=2, limit=1000, sees=sees(criteria))
                assert {r["facet.value"]: (r["series.count"], r["series.bad"], r["records.count"], r["maintenance.windows"]) for r in rows} == world.facets(d, criteria)
                assert {r["facet.dimension"] for r in rows} <= {name}
                keys = [(-int(r["series.count"]), -int(r["records.count"]), r["facet.value"].encode()) for r in rows]
                assert keys == sorted(keys)
        assert sorted(all_series(queryd, 5, low=1, high=3, grade="overall", probe="probe?"), key=repr) == \
            sorted(world.rows([{"probe": "probe?"}], names=[0], low=1, high=3), key=repr)
    check_store(stored)


@pytest.mark.parametrize("seed", range(2))
def test_now_is_what_the_records_say(stored, queryd, seed):
    """Some destinations, a source, a path fail for all or nearly all; the rest fails at random."""
    rng = random.Random(seed)
    world, sender, seen = World(now_us()), stored.sender(), collections.Counter()
    dims = list(dict.fromkeys(some_dims(rng) for _ in range(120)))
    broken = [rng.sample(range(6), 1)[0] for _ in range(2)]
    broken = [(d, rng.choice(dims)[d]) for d in broken]
    every = []
    for i, d in enumerate(dims):
        failing = any(d[n] == value for n, value in broken) and rng.random() < 0.97
        for r in some_records(rng, d, world.now, i):
            if failing and r.grades[0] not in (NONE, 0) and r.t > world.now - 2 * HOUR:
                r.grades = (rng.randrange(1, 3), r.grades[1])
            every.append(r)
    rng.shuffle(every)
    half = len(every) // 2
    for part in (every[:half], every[half:]):
        sender.commit(part)
        world.take(part)
        world.some_windows(OfStored(stored), rng, 3)
        for criteria in ([], [{"probe": "probe1"}], [{"dest": "*.example"}, {"path": "up"}]):
            for low, high, each, changed_s in ((1, 2, 0, 0), (1, 3, 0, 3600), (1, 2, 1, 600), (5, 5, 0, 0)):
                found = check_now(queryd, world, criteria, low, high, each, changed_s)
                seen.update(groups=len(found.groups), single=len(found.single), changed=len(found.changed), maintained=len(found.maintained))
    assert all(seen[what] > 0 for what in ("groups", "single", "changed", "maintained"))


def test_it_says_why(module_set):
    """By the pipeline, as the commands print it: a host that is bad for all, one that is bad for one, others that are good."""
    one, now = module_set, now_us()
    for probe in ("a", "b", "c", "d"):
        one.send([ping(dest, time_text(now - 60 * i * SECOND), 72500 if dest == "192.0.2.7" or (dest, probe) == ("192.0.2.8", "a") and i < 3 else 9000,
                       probe) for i in range(5, -1, -1) for dest in ("192.0.2.6", "192.0.2.7", "192.0.2.8", "192.0.2.9")])
    one.wait_matched(96, "--type", "ping")
    rows = [json.loads(line) for line in one.cmd("now", "--type", "ping", "--grade", "overall", "--json").stdout.splitlines()]
    assert [(r["now.kind"], r["grade.value"], r["series.count"], r["series.bad"]) for r in rows] == \
        [("total", 2, 5, None), ("total", 5, 11, None), ("group", 2, 4, 4), ("series", 2, None, None)]
    group, single = rows[2:]
    assert group["now.line"] == "dest 192.0.2.7: 4 of 4 series" and (group["record.dest"], group["record.probe"]) == ("192.0.2.7", None)
    assert (single["record.dest"], single["record.probe"], single["grade.from"]) == ("192.0.2.8", "a", 5)
    decided = {name: single[f"now.{name}"] for name in ("metric", "value", "unit", "relation", "limit", "holds", "wants")}
    assert decided == {"metric": "delay.twoway.icmp.us.mean", "value": "72500", "unit": "us", "relation": "<", "limit": "60000", "holds": False, "wants": 3}
    assert all(r["now.metric"] is None and r["now.expected"] is None for r in rows[:3])
    why = json.loads(one.cmd("why", "--dest", "192.0.2.8", "--probe", "a", "--grade", "overall", "--output", "json").stdout)
    assert "72500 is not < 60000" in single["now.line"] and single["now.line"] in why["line"]
    text = one.cmd("now", "--type", "ping", "--grade", "overall", "--changed", "1h").stdout.splitlines()
    assert text[0] == "overall: 5 major, 11 normal" and text[1].split() == ["grade", "name", "since", "what", "why"]
    assert re.fullmatch(r"2 +overall +\S+ \S+ +dest 192.0.2.7: 4 of 4 series *", text[2])
    assert re.search(r"^2 .*probe a, .* to 192.0.2.8 \(was 5\) +delay", text[3]) and len(text) == 2 + 2 + 11
    assert len(one.cmd("now", "--type", "ping", "--each", "--grade", "overall").stdout.splitlines()) == 2 + 5
    assert one.cmd("now", "--probe", "nobody").stdout == "No series fits.\n"  # which is not that all is good
    table = one.cmd("series", "--dest", "192.0.2.8", "--range", "1..2", "--columns", "probe,grade.value,series.state,records.count").stdout
    assert table.splitlines()[1].split() == ["a", "2", "present", "6"]
    facets = one.cmd("facets", "dest", "--type", "ping", "--output", "csv").stdout.splitlines()
    assert facets[1:] == ["dest,192.0.2.6,4,0,24,", "dest,192.0.2.7,4,4,24,", "dest,192.0.2.8,4,1,24,", "dest,192.0.2.9,4,0,24,"]
    asker = Asker(os.path.dirname(one.endpoint("query")))
    bound = asker.rows(NOW, grade="overall", high=2, sees=sees([{"probe": "a"}]))
    assert {r[name] for r in bound for name in r if name in ("now.metric", "now.value", "now.limit")} == {None}  # they show the grading
    assert [(r["now.kind"], r["record.dest"], r["now.line"]) for r in bound if r["now.kind"] == "series"] == \
        [("series", dest, None) for dest in ("192.0.2.8", "192.0.2.7")]
    asker.close()
    one.sql("UPDATE measurement m SET grades[(SELECT id FROM grade_name WHERE name = 'overall')] = 1 FROM series s"
            " WHERE s.id = m.series_id AND s.dest = '192.0.2.8' AND s.probe = 'a'")
    rows = [json.loads(line) for line in one.cmd("now", "--dest", "192.0.2.8", "--grade", "overall", "--json").stdout.splitlines()]
    wrong, = (r for r in rows if r["now.kind"] == "series")
    assert re.match(r"FAULT: by version \d+ it has another grade: .*72500 is not < 60000", wrong["now.line"])
    assert {wrong[f"now.{name}"] for name in decided} == {None}  # nothing decided what is stored


def test_what_is_in_maintenance_is_told_apart(module_set):
    """What the commands print; the tables have a column for it where there is something in it."""
    one, now = module_set, now_us()
    ping_of = ("--type", "ping", "--grade", "overall")
    for probe in ("m1", "m2"):
        one.send([ping(dest, time_text(now - 60 * i * SECOND), 72500, probe) for i in range(3) for dest in ("192.0.2.17", "192.0.2.18")])
    one.wait_matched(12, "--probe", "m?")
    before = one.cmd("now", *ping_of, "--probe", "m?").stdout.splitlines()
    assert before[0] == "overall: 4 major" and "maintenance" not in one.cmd("series", *ping_of, "--probe", "m?").stdout
    number = one.cmd("maintenance", "add", "--dest", "192.0.2.17", "--probe", "m?", "--from", time_text(now - HOUR), "--for", "2h",
                     "--reason", "new line cards").stdout.strip()
    alone = one.cmd("maintenance", "add", "--dest", "192.0.2.18", "--probe", "m1", "--for", "1h", "--reason", "a fan").stdout.strip()
    text = one.cmd("now", *ping_of, "--probe", "m?").stdout.splitlines()
    assert text[0] == "overall: 4 major, 3 in maintenance"
    assert re.search(r"probe m2, .* to 192.0.2.18 +delay", text[2])  # what is bad though nobody works on it comes first
    assert re.search(rf"maintenance {number} until \S+ \S+ \(new line cards\): 2 of 2 series *$", text[3])
    assert re.search(rf"maintenance {alone} until \S+ \S+ \(a fan\): 1 of 1 series: .*probe m1, .* to 192.0.2.18 *$", text[4]) and len(text) == 5
    each = one.cmd("now", *ping_of, "--probe", "m?", "--each").stdout.splitlines()
    assert sum("in maintenance" in line for line in each[3:]) == 3 and len(each) == 6
    assert "in maintenance" not in each[2]
    for command in (["series"], ["query"], ["periods"], ["events"], ["records"], ["facets", "dest"], ["timeline", "--since", "1h"],
                    ["grid", "--rows", "probe", "--since", "1h"], ["buckets", "--metric", "delay.twoway.icmp.us", "--since", "1h"], ["changes", "--since", "1h"]):
        criteria = [] if command[0] == "buckets" else ["--grade", "overall"]
        told = one.cmd(*command, *criteria, "--dest", "192.0.2.17").stdout.splitlines()
        heads = [line for line in told if "maintenance" in line.split()]
        assert heads and any(number in line.split() for line in told), command
        told = one.cmd(*command, *criteria, "--dest", "192.0.2.18", "--probe", "m2").stdout
        assert "maintenance" not in told, command
    why = one.cmd("why", "--dest", "192.0.2.17", "--probe", "m1", "--grade", "overall").stdout
    assert f", in maintenance {number}" in why


def test_a_clock_that_is_ahead(module_set):
    """now, series and why go by the same record, and say that it is to come."""
    one, ahead = module_set, now_us() + 250 * SECOND
    one.send([ping("192.0.2.90", time_text(ahead), 900000)])
    one.wait_matched(1, "--dest", "192.0.2.90")
    of = ("--dest", "192.0.2.90", "--grade", "overall")
    lines = one.cmd("now", *of).stdout.splitlines()
    assert len(lines) == 3 and lines[2].startswith(f"1      overall  {time_text(ahead)[:19]}  ")
    assert "192.0.2.90, whose clock is ahead" in lines[2]
    line = one.cmd("why", *of).stdout.splitlines()[0]
    assert line.startswith(f"overall 1 (critical) since {time_text(ahead)} UTC: ")
    assert re.search(r" \(it came \d+ s before it begins: a clock is ahead\)$", line)
    assert one.rows("series", *of)[0]["period.start"] == time_text(ahead)


def test_what_is_silent_is_told(stored, queryd):
    """Series 0 by itself, those of probe1 with it; what has ended, is retracted or retired is not."""
    now = now_us() // SECOND * SECOND
    dims = [("ping", "", f"probe{i // 2}", "", f"d{i}", "") for i in range(10)]
    stored.sender().commit([Record(now, (1 if i == 3 else 5, NONE), row=i, dims=d) for i, d in enumerate(dims)])
    numbers = dict(stored.sql("SELECT dest, id FROM series"))

    def told(series, probe, minutes, **more):
        columns = {"series_id": series, "probe": probe, "silent_from": time_text(now - 60 * minutes * SECOND), **more}
        both = {"last_end": "now", "retire_at": "now", "as_of": "now", "expected_us": 1, "delay_us": 0, "told": 1, **columns}
        stored.sql(f"INSERT INTO silence ({', '.join(both)}) VALUES ({', '.join(['%s'] * len(both))}) RETURNING number", *both.values())
    told(numbers["d0"], "probe0", 10)
    told(None, "probe1", 5)
    told(numbers["d2"], "probe1", 20)  # before its probe
    told(numbers["d4"], "probe2", 1, silent_until="now")
    told(numbers["d5"], "probe2", 1, retracted=7)
    told(numbers["d6"], "probe3", 1, retired=7)
    told(None, "probe4", 1, silent_until="now")
    rows = queryd.rows(NOW, high=2, grade="overall", changed_s=60)
    assert [(r["now.kind"], r["series.count"]) for r in rows if r["grade.name"] is None] == \
        [("silent", "3"), ("silence", "2"), ("silence", None)]
    probe, series = (r for r in rows if r["now.kind"] == "silence")
    assert (probe["record.probe"], probe["record.dest"], probe["silent.since"]) == ("probe1", None, time_text(now - 300 * SECOND))
    assert (series["record.probe"], series["record.dest"], series["silent.since"]) == ("probe0", "d0", time_text(now - 600 * SECOND))
    since = {r["record.dest"]: r["silent.since"] for r in queryd.rows(SERIES, low=0)}
    assert since == {**{d[4]: None for d in dims}, "d0": time_text(now - 600 * SECOND), "d2": time_text(now - 1200 * SECOND),
                     "d3": time_text(now - 300 * SECOND)}
    assert {r["record.dest"]: r["silent.since"] for r in rows if r["now.kind"] in ("series", "changed")} == since
    assert [r["now.kind"] for r in queryd.rows(NOW, high=2, sees=sees([{"dest": "d7"}]))] == ["total", "ungraded"]


def test_facets_are_cut(stored, queryd):
    now = now_us()
    stored.sender().commit([Record(now, (1, NONE), row=i, dims=("ping", "", f"probe{i % 7}", "", f"d{i}", "")) for i in range(20)])
    rows = queryd.rows(FACETS, high=2)  # of each dimension a few
    assert collections.Counter(r["facet.dimension"] for r in rows) == \
        {"type": 1, "content": 1, "probe": 5, "source": 1, "dest": 5, "path": 1}
    rows = queryd.rows(FACETS, facet="dest", begins="d1", limit=4, high=2)
    assert [r["facet.value"] for r in rows] == ["d1", "d10", "d11", "d12"]
    assert {(r["series.count"], r["series.bad"], r["records.count"]) for r in rows} == {("1", "1", "1")}
    assert queryd.rows(FACETS, facet="dest", begins="%") == []
    assert queryd.ask(FACETS, facet="dst").message == "facet.dimension: expected one of type content probe source dest path, found \"dst\""


def test_now_is_now(stored, queryd):
    stored.sender().commit([Record(now_us())])
    for kind in (SERIES, FACETS, NOW):
        assert queryd.ask(kind, since=1).message == "when: expected past ... future, since this is about now"
        assert queryd.ask(kind, since=1, instant=1).status == INVALID
        answer = queryd.ask(kind, grade="nosuch")
        assert answer.status == INVALID and answer.message.startswith("select.grade: expected \"all\" or one of: ")
        assert queryd.ask(kind, grade="overall").status == OK
