# SPDX-License-Identifier: Apache-2.0
"""The commands timeline, grid and buckets against a stand-in of the gateway: what they ask, what they draw."""
import json
import re

import pytest
from test_ctl import COLUMNS, ctl, gateway, on_terminal, pki, result, run  # noqa: F401

SINCE = ["--since", "2026-11-21 10:00"]


def mark(first, last, grade):
    return {"first": first, "last": last, "grade": grade, "start": "", "end": "", "ended": "", "records": 1, "periods": 1,
            "retracted": 0}


def lane(dest, *marks):
    return ["ping", "", "p", "192.0.2.1", dest, "", "overall", json.dumps(marks), "t1.1"]


def columns_asked(gateway):
    return [r["message"]["parameters"]["range.columns"] for r in gateway.received]


def test_a_timeline_is_a_line_for_each_lane(run, gateway):
    gateway.answers = [result("QueryTimeline", [lane("a.example", mark(0, 2, 5), mark(3, 3, 1), mark(6, 9, 4)), lane("b", mark(9, 9, 3))])]
    done = run("timeline", *SINCE, "--width", "10", "--source", "192.0.2.0/24")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("2026-11-21 10:00:00.000000 ... 2026-11-21 11:00:00.000000: grades 1 critical to 5 normal, . nothing\n"
                           "type  probe  source     dest       grade    a column is 6 min\n"
                           "ping  p      192.0.2.1  a.example  overall  5551..4444\n"
                           "ping  p      192.0.2.1  b          overall  .........3\n")
    asked = gateway.received[0]["message"]
    assert asked["when"] == "2026-11-21 10:00:00.000000 ... now"
    assert columns_asked(gateway) == ["10"] and asked["parameters"]["record.source"] == "192.0.2.0/24"


def test_a_timeline_of_nothing(run, gateway):
    gateway.answers = [result("QueryTimeline", [])]
    done = run("timeline", *SINCE)
    assert (done.returncode, columns_asked(gateway)) == (0, ["60"])
    assert done.stdout.splitlines()[1:] == ["grade  a column is 60 s"]


def test_a_timeline_goes_on_behind_a_lane(run, gateway):
    gateway.answers = [result("QueryTimeline", [lane("a")])]
    done = run("timeline", *SINCE, "--limit", "1", "--after", "t0.0")
    assert done.stderr == "There may be more: --after t1.1\n"
    asked = gateway.received[0]["message"]["parameters"]
    assert (asked["list.limit"], asked["list.after"]) == ("1", "t0.0")


def test_for_programs_a_timeline_is_rows(run, gateway):
    gateway.answers = [result("QueryTimeline", [lane("a", mark(0, 599, 5))])] * 2
    row = json.loads(run("timeline", *SINCE, "--json").stdout)
    assert json.loads(row["timeline.marks"]) == [mark(0, 599, 5)] and row["record.dest"] == "a"
    assert run("timeline", *SINCE, "--columns", "dest,grade.name").stdout == "dest  grade.name\na     overall\n"
    assert columns_asked(gateway) == ["*", "*"]


@pytest.mark.parametrize("marks", ["", "{}", "[1]", '[{"first":0,"last":10,"grade":5}]', '[{"first":3,"last":2,"grade":5}]',
                                   '[{"first":0,"last":1,"grade":6}]', '[{"first":-1,"last":1,"grade":5}]', "[{}]"])
def test_marks_that_cannot_be_are_told(run, gateway, marks):
    gateway.answers = [result("QueryTimeline", [[*lane("a")[:7], marks, "t1.1"]])]
    done = run("timeline", *SINCE, "--width", "10")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "ezrepoctl: expected marks of 10 columns\n")


def words_of(ctl, pki, gateway, *words):
    return [ctl, *words, "--url", f"https://localhost:{gateway.port}/", "--cert", str(pki / "client.crt"), "--key",
            str(pki / "client.key"), "--ca", str(pki / "ca.crt")]


def test_a_timeline_fills_the_terminal_in_colour(ctl, pki, gateway, monkeypatch):
    def answer(asked):
        columns = int(asked["parameters"]["range.columns"])
        return result("QueryTimeline", [lane("a", mark(0, columns - 1, 5)), lane("b", mark(1, 2, 1))])
    monkeypatch.delenv("NO_COLOR", raising=False)
    gateway.answers = [answer] * 3
    words = words_of(ctl, pki, gateway, "timeline", *SINCE)
    lines = on_terminal(words, 100).splitlines()
    assert re.sub("\x1b\\[[0-9;]*m", "", lines[2]).rstrip() == "ping  p      192.0.2.1  a     overall  " + "5" * 61
    assert "\x1b[30;42m" + "5" * 61 + "\x1b[0m" in lines[2] and ".\x1b[0m\x1b[30;41m11\x1b[0m." in lines[3]
    assert columns_asked(gateway) == ["50", "61"]
    monkeypatch.setenv("NO_COLOR", "1")
    plain = on_terminal([*words, "--width", "61"], 100).splitlines()
    assert "\x1b" not in "".join(plain) and plain[2].rstrip().endswith("  " + "5" * 61)


def now_row(kind, **more):
    cells = {"now.kind": kind, "grade.name": "overall", **{name.replace("_", "."): value for name, value in more.items()}}
    return [cells.get(name, "*") for name in COLUMNS["QueryNow"]]


def without_blanks(text):
    return "".join(text.split())


LONG = {"record_type": "ping", "record_content": "ICMPECHO", "record_probe": "a-probe-of-a-long-name.example",
        "record_source": "2001:db8:ffff:ffff:ffff:ffff:ffff:1234", "record_dest": "2001:db8:ffff:ffff:ffff:ffff:ffff:5678"}
WHY = "delay.twoway.icmp.us.mean 900000 >= 200000, by 700000 (for rtt.ms.avg), a long text that is \u202e cut or broken"


@pytest.mark.parametrize("columns", [40, 80, 300])
def test_no_line_is_wider_than_the_terminal(ctl, pki, gateway, monkeypatch, columns):
    """And nothing is left out where it has to be broken."""
    monkeypatch.setenv("NO_COLOR", "1")
    totals = [now_row("total", grade_value=str(grade), series_count=str(1234567 + grade)) for grade in range(1, 6)]
    bad = now_row("bad", grade_value="1", period_start="2026-11-21 10:00:00.000000", now_line=WHY, **LONG)
    group = now_row("group", grade_value="2", period_start="2026-11-21 10:00:00.000000", now_line="3 of 4 with dest 192.0.2.1")
    gateway.answers = [result("QueryNow", [*totals, group, bad])]
    said = on_terminal(words_of(ctl, pki, gateway, "now"), columns)
    assert max(len(line.rstrip()) for line in said.splitlines()) <= columns, said
    for text in ("1234568 critical, 1234569 major", "1234572 normal", "3 of 4 with dest 192.0.2.1", "2026-11-21 10:00:00",
                 LONG["record_dest"], LONG["record_probe"], "overall", WHY[:30]):
        assert without_blanks(text) in without_blanks(said), said
    assert columns == 300 or without_blanks(WHY).replace("\u202e", "\\xe2\\x80\\xae") in without_blanks(said)
    assert (said.count("\n") == 4) == (columns == 300)

    def lanes(asked):
        last = int(asked["parameters"]["range.columns"]) - 1
        long = [LONG[f"record_{name}"] for name in ("type", "content", "probe", "source", "dest")]
        return result("QueryTimeline", [[*long, "", "overall", json.dumps([mark(0, last, 5)]), "t1.1"], lane("b", mark(1, 1, 1))])
    gateway.answers, gateway.received = [lanes] * 2, []
    said = on_terminal(words_of(ctl, pki, gateway, "timeline", *SINCE), columns)
    assert max(len(line.rstrip()) for line in said.splitlines()) <= columns, said
    assert "5" * int(columns_asked(gateway)[-1]) in said and LONG["record_dest"] in said
    gateway.answers = []  # it is asked again only if other columns fit than were guessed
    assert without_blanks("grades 1 critical to 5 normal, . nothing") in without_blanks(said)


@pytest.mark.parametrize("command, label, says", [("series", "QuerySeries", "No series fits."), ("facets", "QueryFacets", "No series fits."),
                                                  ("silent", "QuerySilent", "Nothing that fits is silent."),
                                                  ("periods", "QueryPeriods", "Nothing fits."), ("now", "QueryNow", "No series fits.")])
def test_where_nothing_fits_people_are_told(run, gateway, command, label, says):
    gateway.answers = [result(label, [])] * 4
    assert [run(command, *more).stdout for more in ([], ["--output", "table"])] == ([f"{says}\n"] * 2)
    assert run(command, "--json").stdout == "" and run(command, "--output", "csv").stdout == ",".join(COLUMNS[label]) + "\n"


def cell(place, worst, last, matched, rated, graded, share):
    return {**place, "worst": worst, "last": last, "matched": matched, "rated": rated, "graded": graded, "share": share}


GRID = [
    ["*", "1", "5", "30", "20", "2", "0.1000", json.dumps([cell({"value": "x\u202e"}, 1, 5, 20, 20, 2, 0.1),
                                                          cell({"value": ""}, None, None, 10, 0, 0, None)]),
     json.dumps({"rows": {"count": 3, "values": []}, "columns": {"count": 0, "values": []}})],
    ["192.0.2.1", "1", "5", "30", "20", "2", "0.1000", json.dumps([cell({"column": 0}, 1, 5, 20, 20, 2, 0.1),
                                                                  cell({"column": 1}, None, None, 10, 0, 0, None)]), "*"]]


def test_a_grid_is_two_tables(run, gateway):
    gateway.answers = [result("QueryGrid", GRID)]
    done = run("grid", "--rows", "source", "--columns", "dest", "--since", "2026-11-21 10:00")
    assert done.returncode == 0
    assert done.stdout == ("source     worst  last  records  rated  bad  share  dest\n"
                           "(all)      1      5     30       20     2    10 %   \n"
                           "192.0.2.1  1      5     30       20     2    10 %   1-\n"
                           "\n"
                           "column  dest           worst  last  records  rated  bad  share\n"
                           "1       x\\xe2\\x80\\xae  1      5     20       20     2    10 %\n"
                           "2                      -      -     10       0      0    \n")
    assert done.stderr == "Left out, with the fewest records: 3 rows, 0 columns (grid.left of --output json names some)\n"
    asked = gateway.received[0]["message"]["parameters"]
    assert (asked["grid.rows"], asked["grid.columns"], asked["select.grade"], asked["range.grade"]) == ("source", "dest", "overall", "*")


def test_for_programs_a_grid_is_rows(run, gateway):
    gateway.answers = [result("QueryGrid", GRID)]
    first, second = [json.loads(line) for line in run("grid", "--rows", "probe", "--grade", "delay", "--range", "3", "--json").stdout.splitlines()]
    assert (first["grid.row"], first["records.matched"], second["grid.row"], second["grade.worst"]) == (None, 30, "192.0.2.1", 1)
    asked = gateway.received[0]["message"]["parameters"]
    assert (asked["grid.rows"], asked["grid.columns"], asked["select.grade"], asked["range.grade"]) == ("probe", "dest", "delay", "3 ... 3")


def test_buckets_are_a_table(run, gateway):
    gateway.answers = [result("QueryBuckets", [["2026-11-21 10:00:00.000000", "1", "1.5", "2", "2", "ms", "0", "*"]])]
    done = run("buckets", "--metric", "rtt.ms.avg", *SINCE, "--until", "2026-11-21 11:00")
    assert done.returncode == 0 and done.stdout.splitlines()[1].split() == ["2026-11-21", "10:00:00.000000", "1", "1.5", "2", "2", "ms", "0", "-"]
    asked = gateway.received[0]["message"]["parameters"]
    assert (asked["metric.name"], asked["range.columns"]) == ("rtt.ms.avg", "60")


@pytest.mark.parametrize("words, says", [
    (["timeline"], "timeline: expected --since TIME"),
    (["buckets", "--metric", "a"], "buckets: expected --since TIME"),
    (["buckets", *SINCE], "buckets: expected --metric NAME"),
    (["buckets", *SINCE, "--metric", "a\udcff"], "metric.name: expected UTF-8"),
    (["timeline", *SINCE, "--width", "0"], '--width: expected 1 ... 4096, found "0"'),
    (["timeline", *SINCE, "--width", "4097"], '--width: expected 1 ... 4096, found "4097"'),
    (["timeline", *SINCE, "--limit", "x"], '--limit: expected 1 ... 10000, found "x"'),
    (["timeline", *SINCE, "--range", "1..2"], "timeline: there is no option --range (--help tells more)"),
    (["buckets", *SINCE, "--metric", "a", "--grade", "b"], "buckets: there is no option --grade (--help tells more)"),
])
def test_wrong_usage(run, gateway, words, says):
    done = run(*words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"ezrepoctl: {says}\n")
