# SPDX-License-Identifier: Apache-2.0
"""Dry runs of a grading: what they say is what publishing it before that time gives, whatever the documents and the order in which
records come. EZREPO_EXAMPLES, EZREPO_SEED as in test_property.py.
"""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest
from conftest import EZREPO, ping, running_set, time_text, wait_for

EXAMPLES = int(os.environ.get("EZREPO_EXAMPLES", "6"))
SEED = int(os.environ.get("EZREPO_SEED", random.SystemRandom().randrange(2**31)))
METRIC = "delay.twoway.icmp.us"
NAMES = ["overall", "steady", "night"]


def random_document(r):
    """Some names, each of some blocks, with whatever a block can say of steadiness and hours."""
    blocks = []
    for name in r.sample(NAMES, r.randint(1, 3)):
        for _ in range(r.randint(1, 2)):
            limits = sorted(r.sample(range(10, 200, 10), 2))
            rules = [{"grade": 5, "if": [{"metric": METRIC, "rel": "<", "limit": limits[0]}]},
                     {"grade": r.choice([3, 4]), "if": [{"metric": METRIC, "rel": "<", "limit": limits[1]}]}]
            if r.random() < 0.5:
                rules[0]["if"][0]["leave"] = limits[0] + r.choice([5, 40])
            if r.random() < 0.7:
                rules.append({"grade": r.choice([1, 2])})
            block = {"gradeName": name, "appliesTo": {"recordType": "ping"}, "gradingRules": rules}
            if r.random() < 0.4:
                block["hold"] = {"worse": {"records": r.randint(1, 3)}, "better": {"records": r.randint(1, 3), "seconds": r.choice([0, 60, 200])}}
            if r.random() < 0.4:
                block["flap"] = {"changes": r.randint(2, 4), "seconds": r.choice([120, 400, 900])}
            if r.random() < 0.3:
                hour = r.randint(0, 20)
                block["appliesTo"]["during"] = {"hours": [{"days": "mon-sun", "from": f"{hour:02}:00", "to": f"{hour + 3:02}:00"}]}
            blocks.append(block)
    return {"grading": blocks}


def random_values(r, since):
    """(time, value) of one series, before the range and within; sometimes apart by more than the gap, sometimes at once."""
    values, t = [], since - r.randint(1, 40) * 60 - 0.5
    for _ in range(r.randint(20, 60)):
        t += r.choice([30, 60, 60, 60, 120, 1, 400, 3000 if r.random() < 0.3 else 60])
        values.append((t, r.choice([5, 15, 35, 55, 95, 150, 250, 15, 15])))
    return values


class Tried:
    def __init__(self, one):
        self.set = one
        self.count = 0

    def publish(self, document):
        file = pathlib.Path(self.set.state).parent / "document.json"
        file.write_text(json.dumps(document))
        self.set.cmd("grading", "set", str(file))
        version = self.set.sql("SELECT max(version) FROM grading")[0][0]
        wait_for(lambda: all(p["counters"]["grading.version"] == version for p in self.set.processes(lambda n: n.startswith("classifyd"))), 60)

    def send(self, records):
        self.set.send([ping(dest, time_text(t), value) for dest, t, value in records])
        self.count += len(records)
        self.set.wait_for(lambda: self.set.sql("SELECT count(*) FROM measurement") == [(self.count,)], 60)

    def dry_run(self, document, *options):
        file = pathlib.Path(self.set.state).parent / "tried.json"
        file.write_text(json.dumps(document))
        rows = self.set.rows("grading", "try", str(file), *options)
        return {row["grade.name"]: {**row, "try.document": json.loads(row["try.document"])} for row in rows}

    def series(self, prefix):
        return [row[0] for row in self.set.sql("SELECT id FROM series WHERE dest LIKE %s", prefix + "%")]

    def events(self, prefix):
        """Name, series, where it stands and what it says, of those that hold."""
        return set(self.set.sql("SELECT n.name, series_id, t, t_end, key, from_grade, to_grade, flap FROM event JOIN grade_name n ON n.id = grade_id"
                                " WHERE retracted_at IS NULL AND series_id = ANY (%s)", self.series(prefix)))

    def stored(self, prefix, since, before):
        """Of each name: how many records of the range have which grade; periods that have one of them; events since."""
        found = {}
        for series in self.series(prefix):
            for name_id, name in self.set.sql("SELECT id, name FROM grade_name"):
                of = found.setdefault(name, {"grades": {}, "periods": 0, "events": 0})
                records = self.set.sql("SELECT t_start, t_end, key, grades[%s], extract(epoch FROM t_start) >= %s FROM measurement"
                                       " WHERE series_id = %s ORDER BY 1, 2, 3", name_id, since, series)
                for record in records:
                    if record[4]:
                        of["grades"][record[3]] = of["grades"].get(record[3], 0) + 1
                starts = self.set.sql("SELECT t_start, start_end, start_key FROM period WHERE series_id = %s AND grade_id = %s ORDER BY 1, 2, 3",
                                      series, name_id)
                for start, after in zip(starts, [*starts[1:], None]):
                    of["periods"] += any(r[4] and r[3] for r in records if r[:3] >= start and (after is None or r[:3] < after))
        for event in self.events(prefix) - before:
            found[event[0]]["events"] += 1
        return found


@pytest.fixture(name="tried", scope="module")
def tried_set(build_dir):
    with running_set(build_dir, "--classifyd", "2") as one:
        yield Tried(one)


def marginal(document, side):
    found = {}
    for cell in document["matrix"]:
        found[cell[side]] = found.get(cell[side], 0) + cell["records"]
    found.pop(None, None)
    return found


def check_most(row):
    """Those that change most first, each with a record that changes, explained by its version and by the document."""
    most = row["try.document"]["most"]
    assert [s["changed"] for s in most] == sorted((s["changed"] for s in most), reverse=True)
    assert sum(s["changed"] for s in most) == int(row["records.changed"]) and len(most) == row["try.document"]["series"]["changed"]
    for series in most:
        example = series["example"]
        assert example["before"] != example["after"] and example["why_after"]
        assert ("none of" in example["why_after"]) == (example["after"] is None)
        assert "none of" in example["why_before"] if example["before"] is None else "none of" not in example["why_before"]


def compare(row, stored, side):
    """One side of a dry run beside what a store has."""
    stored = stored or {"grades": {}, "periods": 0, "events": 0}
    grades = {grade: n for grade, n in stored["grades"].items() if grade is not None}
    assert marginal(row["try.document"], side) == grades
    assert int(row[f"periods.{side}"]) == stored["periods"]
    assert int(row[f"events.{side}"]) == stored["events"]
    assert sum(row["try.document"]["periods"][side].values()) == stored["periods"]


def test_a_dry_run_is_what_publishing_gives(tried):
    """The same values come twice: to series that were graded by the old document all the time, which are tried, and to series that
    were graded by the new one from the beginning of the range on."""
    print(f"EZREPO_SEED={SEED}")
    r = random.Random(SEED)
    for example in range(EXAMPLES):
        since = int(time.time()) // 3600 * 3600 - r.randint(30, 60) * 3600
        old, new = random_document(r), random_document(r)
        a, b = f"10.{example}.1.", f"10.{example}.2."
        series = [random_values(r, since) for _ in range(3)]
        late = [(n, t, value) for n, values in enumerate(series) for t, value in values if t >= since]
        tried.publish(old)
        tried.send([(f"{prefix}{n}", t, value) for n, values in enumerate(series) for t, value in values if t < since for prefix in (a, b)])
        before = {prefix: tried.events(prefix) for prefix in (a, b)}
        r.shuffle(late)
        tried.send([(f"{a}{n}", t, value) for n, t, value in late])
        rows = tried.dry_run(new, "--since", time_text(since), "--dest", f"10.{example}.1.0/24")
        tried.publish(new)
        r.shuffle(late)
        tried.send([(f"{b}{n}", t, value) for n, t, value in late])
        stored_a, stored_b = tried.stored(a, since, before[a]), tried.stored(b, since, before[b])
        assert {block["gradeName"] for block in new["grading"]} <= set(rows)
        for name in NAMES:
            if name in rows:
                check_most(rows[name])
                compare(rows[name], stored_a.get(name), "before")
                compare(rows[name], stored_b.get(name), "after")
            else:
                assert not stored_a.get(name, {}).get("periods") and not stored_b.get(name, {}).get("periods")
        assert tried.set.periods_differ() == []


MANY = {"grading": [{"gradeName": "overall", "appliesTo": {"recordType": "ping"},
                     "gradingRules": [{"grade": 5, "if": [{"metric": METRIC, "rel": "<", "limit": 100}]}, {"grade": 2}]}]}


@pytest.fixture(name="document")
def document_file(tmp_path):
    file = tmp_path / "many.json"
    file.write_text(json.dumps(MANY))
    return str(file)


def reasond(tried):
    return next(p for p in tried.set.status()["processes"] if p["name"] == "reasond-0")


def held_up(tried):
    """Whoever reads records waits as long as this connection is in its transaction."""
    connection = tried.set._connect("ezrepo_store")
    connection.cursor().execute("BEGIN; LOCK TABLE measurement IN ACCESS EXCLUSIVE MODE")
    return connection


def start_try(tried, document):
    process = subprocess.Popen([sys.executable, EZREPO, "--state", tried.set.state, "grading", "try", document, "--since", "7d"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    tried.set.wait_for(lambda: waiting(tried) == 1, 60)
    return process


def waiting(tried):
    return tried.set.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ezrepo reasond'")[0][0]


@pytest.fixture(name="some", scope="module")
def some_records(tried):
    now = time.time() - 3600
    tried.send([("192.0.2.9", now + i, 50) for i in range(20)])


def test_an_interrupt_ends_it(tried, some, document):
    """Nobody works at it any more, in the database either."""
    lock = held_up(tried)
    try:
        process = start_try(tried, document)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) != 0
        tried.set.wait_for(lambda: waiting(tried) == 0 and reasond(tried)["counters"]["cancelled"] >= 1, 60)
    finally:
        lock.close()
    assert tried.dry_run(MANY, "--since", "7d", "--dest", "192.0.2.9")["overall"]["records.count"] == 20


def test_one_that_is_killed_is_told(tried, some, document):
    lock = held_up(tried)
    try:
        process = start_try(tried, document)
        before = tried.set.kill("reasond-0", signal.SIGKILL)
        assert process.wait(60) != 0 and "is gone" in process.stderr.read()
    finally:
        lock.close()
    tried.set.wait_for(lambda: reasond(tried)["pid"] not in (None, before), 60)
    assert tried.dry_run(MANY, "--since", "7d", "--dest", "192.0.2.9")["overall"]["records.count"] == 20


def test_of_a_sample_it_is_told_how_sure_it_is(tried, document):
    now = time.time() - 7200
    tried.send([(f"203.0.113.{n}", now + i, 50 if n % 3 else 150) for n in range(60) for i in range(3)])
    whole = tried.dry_run(MANY, "--since", "7d", "--dest", "203.0.113.0/24")["overall"]
    sample = tried.dry_run(MANY, "--since", "7d", "--dest", "203.0.113.0/24", "--sample", "40%")["overall"]
    told = sample["try.document"]
    assert whole["records.count"] == 180 and "sample" not in whole["try.document"]
    assert told["series"]["fit"] == 60 and 5 < told["series"]["looked_at"] < 55 and told["sample"]["share"] == 0.4
    assert abs(sample["records.count"] - 180) <= 1  # each has as many
    low, high = told["sample"]["periods_after"]
    assert low <= sample["periods.after"] <= high and low <= 60 <= high
    again = tried.dry_run(MANY, "--since", "7d", "--dest", "203.0.113.0/24", "--sample", "40%")["overall"]["try.document"]
    assert again["matrix"] == told["matrix"] and again["series"] == told["series"]  # the same ones


def test_what_cannot_be_tried(tried, document, tmp_path):
    def said(*options):
        done = tried.set.cmd("grading", "try", *options, check=False)
        assert done.returncode != 0
        return done.stderr
    assert "--since" in said(document)
    assert "try.sample" in said(document, "--since", "1d", "--sample", "0%")
    assert "select.grade" in said(document, "--since", "1d", "--grade", "nobody's")
    faulty = tmp_path / "faulty.json"
    faulty.write_text(json.dumps(MANY).replace('"grade": 2', '"grade": 9'))
    assert "gradingRules[1].grade" in said(str(faulty), "--since", "1d")
    tried.set.cmd("scale", "reasond", "2")
    assert [p["name"] for p in tried.set.status()["processes"] if p["name"].startswith("reasond")] == ["reasond-0", "reasond-1"]
    tried.set.cmd("scale", "reasond", "1")


def test_behind_the_horizon(tried):
    """The last one, since what is before it counts no more: a period that began before goes on, and was told before."""
    now = time.time()
    times = [now - 4 * 86400 + i * 300 for i in range(3 * 288)]
    tried.publish(MANY)
    tried.send([("192.0.2.77", t, 50) for t in times])
    horizon = (int(now) // 86400 - 2) * 86400
    tried.set.sql("UPDATE retention_class SET horizon = to_timestamp(%s)::date WHERE class = 0 RETURNING 1", horizon)
    row = tried.dry_run(MANY, "--since", "30d", "--dest", "192.0.2.77")["overall"]
    assert row["records.count"] == sum(t >= horizon for t in times) > 100
    assert (row["periods.before"], row["periods.after"], row["events.before"], row["events.after"]) == (1, 1, 0, 0)
    assert row["try.document"]["from"] == time_text(horizon)[:19] + ".000000"
