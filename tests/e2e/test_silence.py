# SPDX-License-Identifier: Apache-2.0
"""Silences are told as a slow reading of the definition says, once, whatever comes late and whatever is killed."""
import datetime
import json
import os
import random
import subprocess

import pytest
from judged import make_judged, quiet, regular  # noqa: F401 pylint: disable=unused-import
from queries import CHANGES, SILENT, Queryd
from silences import DAY, MINUTE, US
from stores import now_us


def text_of(us):
    """As answers have it."""
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)).strftime("%Y-%m-%d %H:%M:%S.%f")


@pytest.mark.parametrize("seed", [1])
def test_what_is_told_is_what_the_definition_says(make_judged, seed):
    rng = random.Random(seed)
    judged = make_judged(rng)
    base = now_us() // DAY * DAY - 130 * DAY
    plans = []
    for source in range(8):
        plans.append({"kind": rng.choice(["ping", "other"]), "probe": rng.choice(["", "a", "b", "b"]), "source": str(source),
                      "every": rng.choice([60, 120, 300, 1800]) * US, "batch": rng.choice([0, 0, 3600 * US]), "next": base,
                      "waiting": [], "quiet_until": 0})
    t = base
    for _ in range(7):
        t += rng.choice([5 * MINUTE, 20 * MINUTE, 2 * 60 * MINUTE, 3 * DAY, 9 * DAY] if rng.random() < 0.2 else
                        [5 * MINUTE, 10 * MINUTE, 40 * MINUTE])
        due = []
        for p in plans:
            if rng.random() < 0.25:
                p["quiet_until"] = t + rng.choice([10 * MINUTE, 60 * MINUTE, 5 * 60 * MINUTE])
            p["next"] = max(p["next"], t - 60 * p["every"])
            while p["next"] <= t:
                if p["next"] >= p["quiet_until"]:
                    start = p["next"] + rng.randrange(3 * US)
                    p["waiting"].append((p["kind"], p["probe"], p["source"], start, start + rng.choice([0, US, 40 * US])))
                p["next"] += p["every"]
            if not p["batch"] or rng.random() < 0.3:
                kept = [r for r in p["waiting"] if rng.random() < 0.1]  # late: with another batch
                due += [r for r in p["waiting"] if r not in kept]
                p["waiting"] = kept
        rng.shuffle(due)
        while due:
            size = rng.choice([20, 100])
            judged.commit(due[:size], t // US * US)
            due = due[size:]
        judged.as_of(t)
        judged.check()
    assert {"silence", "return"} <= {entry[0] for entry in judged.model.entries}


def test_a_probe_is_told_and_not_its_series(build_dir, quiet):
    judged, base = quiet
    told = [entry for entry in judged.model.entries if entry[0] == "silence"]
    assert [entry[1:3] for entry in told] == [(0, "gone"), (0, "a")]
    silent_from = base + 29 * MINUTE + US + 3 * MINUTE
    queryd = Queryd(build_dir, judged.stored.settings["database"], run_dir=judged.stored.run_dir)
    try:
        row, = queryd.rows(SILENT)
        assert (row["record.probe"], row["record.type"], row["series.count"]) == ("a", None, "2")
        assert row["silent.since"] == text_of(silent_from)
        assert (float(row["silence.expected"]), float(row["silence.delay"]), row["silence.retired"]) == (60, 1, "False")
        both = queryd.rows(SILENT, retired=1)
        assert [r["record.probe"] for r in both] == ["a", "gone"] and both[1]["silence.retired"] == "True"
        first, = queryd.rows(SILENT, retired=1, limit=1)
        assert [r["record.probe"] for r in queryd.rows(SILENT, retired=1, after=first["list.cursor"])] == ["gone"]
        assert queryd.rows(SILENT, dest="elsewhere") == [] and len(queryd.rows(SILENT, source="1")) == 1
        # Who sees some series sees the silence of a probe that has one of them; by the feed, too.
        sees = ["*", "*", "*", "3", "*", "*"]
        assert queryd.rows(SILENT, sees=sees) == [] and len(queryd.rows(SILENT, sees=["*", "*", "*", "2", "*", "*"])) == 1
        changes = queryd.rows(CHANGES, after="begin", kinds="silence,retired")[:-1]
        assert sorted((r["feed.kind"], r["record.probe"]) for r in changes) == [
            ("retired", "gone"), ("silence", "a"), ("silence", "gone")]
        assert json.loads(changes[0]["feed.detail"])["expected_s"] == 60
        assert queryd.rows(CHANGES, after="begin", kinds="silence", sees=sees)[:-1] == []
    finally:
        queryd.close()
    # The first of its records is its return; the other series is told once its own time has passed since.
    judged.commit(regular("1", "a", base + 45 * MINUTE, 1), base + 45 * MINUTE + 2 * US)
    assert judged.model.entries[-1] == ("return", 0, "a", base + 45 * MINUTE)
    judged.commit(regular("1", "a", base + 46 * MINUTE, 1), base + 46 * MINUTE + 2 * US)
    judged.as_of(base + 46 * MINUTE + 30 * US)
    judged.check()
    assert ("silence", judged.numbers["a", "2"], "", silent_from) in judged.model.entries


def test_the_operator_says_how_often_series_are_expected(build_dir, quiet):
    judged, base = quiet

    def expect(*arguments, code=0):
        done = subprocess.run([os.path.join(build_dir, "ctl", "ezrepoctl"), "expect", *arguments, "--run-dir", judged.stored.run_dir],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout

    def of_probe():
        return judged.stored.sql("SELECT retracted IS NOT NULL FROM silence WHERE probe = 'a' ORDER BY number")
    assert of_probe() == [(False,)]
    # Expected each hour it was not silent at the instant it was told; as it was before it is told again.
    number = expect("add", "--probe", "a", "--every", "1h", "--delay", "5m", "--author", "me").strip()
    judged.settle()
    assert of_probe() == [(True,)]
    entry, = [json.loads(line) for line in expect("list", "--output", "json").splitlines()]
    assert (entry["criteria"], entry["every_s"], entry["delay_s"], entry["retire_after_s"], entry["author"]) == \
        ({"probe": "a"}, 3600, 300, None, "me")
    judged.model.until = base + 29 * MINUTE + US + 185 * MINUTE - US
    judged.settle()
    assert of_probe() == [(True,)]
    judged.model.until += US
    judged.settle()
    assert of_probe() == [(True,), (False,)]
    assert judged.stored.sql("SELECT expected_us, delay_us FROM silence WHERE probe = 'a' AND retracted IS NULL") == [
        (3600 * US, 300 * US)]
    expect("remove", number)
    judged.settle()
    assert expect("list", "--output", "json") == ""
    assert judged.stored.sql("SELECT author, removed_by IS NOT NULL FROM expected") == [("me", True)]
    assert judged.stored.sql("SELECT expected_us FROM silence WHERE probe = 'a' AND retracted IS NULL") == [(60 * US,)]
    expect("remove", number, code=2)
    expect("add", "--dest", "10.0.0.0/33", "--every", "1h", code=2)
    expect("add", "--every", "never", code=2)
