# SPDX-License-Identifier: Apache-2.0
"""Timelines, grids and buckets of queryd, compared with a slow reading of all records in Python."""
import bisect
import json
import random
import re
import types
from decimal import Decimal
from fractions import Fraction

import pytest
from maintenance import mark
from queries import (BUCKETS, FUTURE, GRID, INVALID, PAST, TIMELINE, Queryd, prepare_store)
from stores import now_us
from test_queryd import (DAY, DIMENSIONS, HOUR, NAMES, SECOND, SERIES, T0, Store, grade_of, matching, names_of, pages,
                         random_patterns, series_of, text_of, us_of)

GAP = 300 * SECOND


@pytest.fixture(scope="module")
def store(cluster):
    sql = cluster.connect().cursor()
    prepare_store(sql)
    made = Store(sql, seed=3)
    make_metrics(made, sql)
    return made


@pytest.fixture(scope="module")
def queryd(build_dir, cluster, store):
    process = Queryd(build_dir, cluster.connect_string("reader"))
    yield process
    process.close()


def criteria(r):
    """Patterns, maybe a bound, and a range with a beginning and an end."""
    c = random_patterns(r, [0, 1, 1, 2])
    if r.random() < 0.4:
        rows = [random_patterns(r, [1, 1, 2]) for _ in range(r.choice([1, 2, 5]))]
        c["sees"] = [row.get(d, "*") for row in rows for d in DIMENSIONS]
    edges = [T0, T0 + HOUR, T0 + 2 * HOUR, T0 + HOUR + 1, T0 + 90 * 60 * SECOND, T0 - 26 * HOUR, T0 + 4 * HOUR - 1,
             T0 + 7 * 60 * SECOND, T0 - 36 * HOUR, T0 + 12 * HOUR, T0 - 60 * HOUR, T0 + 3 * 60 * SECOND + 1, T0 + 30 * HOUR - 1,
             T0 - 20 * DAY, T0 + 100 * DAY, T0 + 5 * 60 * SECOND]
    c["since"], c["until"] = sorted(r.sample(edges, 2))
    return c


# ---- timelines ----

def periods_of(store, series, name):
    """By the definition, from the records: start, end, grade, records, ended, start of the next."""
    found = []
    records = [m for m in store.records if m["series"] == series and (grade_of(m, name) or 0) > 0]
    for m in sorted(records, key=lambda m: (m["t"], m["t_end"], m["key"])):
        grade, last = grade_of(m, name), found[-1] if found else None
        if last is not None and m["t"] - last["end"] > GAP:
            last["ended"], last["next"] = "gap", m["t"]
        elif last is not None and grade != last["grade"]:
            last["ended"], last["next"] = "grade", m["t"]
        else:
            if last is not None:
                last["records"] += 1
                last["end"] = max(last["end"], m["t_end"])
                continue
        found.append({"start": m["t"], "end": m["t_end"], "grade": grade, "records": 1, "ended": "", "next": None})
    return found


def covers(period, low, high):
    """Whether it covers an instant of [low, high)."""
    until = period["next"] if period["ended"] == "grade" else period["end"] + 1
    return max(period["start"], low) < min(until, high)


def columns_of(periods, since, until, columns):
    """Of each column: None, or its grade, what begins in it and which period covers it otherwise."""
    width = until - since
    edges = [since + -(-c * width // columns) for c in range(columns + 1)]
    seen = [p for p in periods if p["start"] < until and (p["start"] >= since or covers(p, since, until))]
    result, starts = [], [p["start"] for p in seen]
    for low, high in zip(edges, edges[1:]):
        begin = [p for p in seen if low <= max(p["start"], since) < high] if seen and seen[0]["start"] < high else []
        before = bisect.bisect_left(starts, high)
        over = [p for p in seen[max(0, before - 1):before] if covers(p, low, high)]
        result.append((min(p["grade"] for p in begin), begin, None) if begin else
                      (over[0]["grade"], [], over[0]) if over else None)
    return result


def check_lane(marks, expected):
    assert [m["first"] for m in marks] == sorted({m["first"] for m in marks})
    drawn = [None] * len(expected)
    for m in marks:
        assert 0 <= m["first"] <= m["last"] < len(expected)
        for c in range(m["first"], m["last"] + 1):
            assert drawn[c] is None, "two marks in a column"
            drawn[c] = m
    for column, (mark, told) in enumerate(zip(drawn, expected)):
        if told is None:
            assert mark is None, (column, mark)
            continue
        grade, begin, over = told
        assert mark["grade"] == grade, (column, mark, told)
        if begin:
            assert (mark["first"], mark["periods"]) == (column, len(begin))
        of = begin or [over]
        if begin or mark["periods"] == 1:
            assert (mark["start"], mark["end"], mark["ended"], mark["records"]) == \
                (text_of(of[0]["start"]), text_of(of[-1]["end"]), of[-1]["ended"], sum(p["records"] for p in of))


@pytest.mark.parametrize("seed", range(60))
def test_a_timeline_is_that_of_the_records(queryd, store, cluster, seed):
    r = random.Random(seed)
    c = criteria(r)
    if r.random() < 0.5:
        c["grade"] = r.choice(NAMES)
    columns = 4096 if seed == 7 else r.choice([1, 2, 7, 50, 100, 600])
    rows = pages(queryd, TIMELINE, r.choice([1, 2, 5, 1000]), range_columns=columns, **c)
    lanes = [(SERIES[s - 1], n, periods_of(store, s, n)) for s in series_of(c) for n in names_of(c)]
    lanes = sorted([(s, NAMES.index(n), n, p) for s, n, p in lanes if p and p[0]["start"] < c["until"]],
                   key=lambda lane: (tuple(d.encode() for d in lane[0]), lane[1]))
    assert [(tuple(row["record." + d] for d in DIMENSIONS), row["grade.name"]) for row in rows] == \
        [(s, n) for s, _, n, _ in lanes]
    sql = cluster.connect().cursor()
    for row, (series, number, name, periods) in zip(rows, lanes):
        marks = json.loads(row["timeline.marks"])
        check_lane(marks, columns_of(periods, c["since"], c["until"], columns))
        sql.execute("SELECT (extract(epoch FROM t) * 1000000)::bigint FROM event WHERE retracted_at IS NOT NULL"
                    " AND series_id = %s AND grade_id = %s", (SERIES.index(series) + 1, number + 1))
        places = [(t - c["since"]) * columns // (c["until"] - c["since"]) for t, in sql.fetchall() if c["since"] <= t < c["until"]]
        last = min(c["until"] - 1, now_us())
        assert row["maintenance.windows"] == store.windows.mark(series, c["since"], last)
        inside = store.windows.of(series, c["since"], last)
        for m in marks:
            assert m["maintenance"] == mark(n for n in store.windows.of(series, us_of(m["start"]), us_of(m["end"])) if n in inside)
        assert [m["retracted"] for m in marks] == [sum(m["first"] <= p <= m["last"] for p in places) for m in marks]


# ---- grids ----

def expected_cell(store, c, records, name):
    """Of records of one cell, or of several."""
    low, high = c["low"], c["high"]
    grades = [g for m in records if (g := grade_of(m, name) or 0) > 0]
    last = {}
    for m in sorted(records, key=lambda m: (m["t"], m["t_end"], m["key"])):
        if (grade_of(m, name) or 0) > 0:
            last[m["series"]] = grade_of(m, name)
    graded = sum(low <= g <= high for g in grades)
    share = None if not grades else (Decimal(2 * 10**4 * graded + len(grades)) / (2 * len(grades))).to_integral_value("ROUND_FLOOR") / 10**4
    return {"worst": min(grades, default=None), "last": min(last.values(), default=None), "matched": len(records),
            "rated": len(grades), "graded": graded, "share": share,
            "maintenance": store.windows.mark_any({SERIES[m["series"] - 1] for m in records}, c["since"], min(c["until"] - 1, now_us()))}


def told_cell(row):
    """The cell that a row of the answer is of, all together."""
    values = [row[n] for n in ("grade.worst", "grade.last", "records.matched", "records.rated", "records.graded")]
    return {**dict(zip(("worst", "last", "matched", "rated", "graded"), (None if v is None else int(v) for v in values))),
            "share": None if row["grade.share"] is None else Decimal(row["grade.share"]), "maintenance": row["maintenance.windows"]}


def by_value(records, dimension):
    found = {}
    for m in records:
        found.setdefault(SERIES[m["series"] - 1][DIMENSIONS.index(dimension)], []).append(m)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0].encode())))


@pytest.mark.parametrize("seed", range(80))
def test_a_grid_is_that_of_the_records(queryd, store, seed):
    r = random.Random(seed)
    c = criteria(r)
    if r.random() < 0.2:
        c["since"] = PAST
    if r.random() < 0.2:
        c["until"] = FUTURE
    c["low"] = r.randint(1, 5)
    c["high"] = r.randint(c["low"], 5)
    c["grade"] = name = r.choice(NAMES)
    rows, columns = r.sample(DIMENSIONS, 2)
    first, *rest = queryd.rows(GRID, grid_rows=rows, grid_columns=columns, **c)
    records = [*matching(store, c), *matching(types.SimpleNamespace(records=store.values), c)]
    of_row, of_column = by_value(records, rows), by_value(records, columns)
    assert first["grid.row"] is None and told_cell(first) == expected_cell(store, c, records, name)
    assert json.loads(first["grid.cells"], parse_float=Decimal) == \
        [{"value": v, **expected_cell(store, c, own, name)} for v, own in of_column.items()]
    assert json.loads(first["grid.left"]) == {k: {"count": 0, "values": []} for k in ("rows", "columns")}
    assert [row["grid.row"] for row in rest] == list(of_row)
    for row, own in zip(rest, of_row.values()):
        assert told_cell(row) == expected_cell(store, c, own, name) and row["grid.left"] is None
        cells = by_value(own, columns)
        assert json.loads(row["grid.cells"], parse_float=Decimal) == \
            [{"column": i, **expected_cell(store, c, cells[v], name)} for i, v in enumerate(of_column) if v in cells]


# ---- buckets ----

TYPES = {1: {}, 2: {"valid": [{"metrics": ["rtt.ms", "rtt.ms.*"], "min": 0, "max": 100, "never": [33, 44.5]}],
                    "types": {"GLIMPSE": {"aliases": {"rtt.ms": ["round_trip", "rtt.ms.avg"]},
                                          "valid": [{"metrics": ["round_trip"], "max": 5}]}}}}
RESULTS = [["rtt.ms", "loss.ratio"], ["rtt.ms.avg"], ["round_trip", "rtt.ms.avg"], ["other"], ["loss.ratio", "rtt.ms"]]
TEXTS = ["0", "-0.0", "1.5", "+007.50", "33", "33.0", "44.5", "99.999", "100", "100.0001", "-3", "2e1", "1E-7", "", None, "x", " 1", "nan",
         "0x10", "1e", ".5", "5.", "True", "1" * 100, "1" * 101, "1e99", "1e100", "0." + "1" * 98, "0." + "1" * 99, "1e-99", "4.9", "3.333333", "2"]
NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?")
ORIGIN = T0 + 50 * DAY


def make_metrics(store, sql):
    """Records of other days, of schemas and versions of their own."""
    r = random.Random(5)
    for version, says in TYPES.items():
        sql.execute("UPDATE grading SET types = %s WHERE version = %s", (json.dumps(says), version))
    ids = []
    for results in RESULTS:
        sql.execute("INSERT INTO schema (verb, registry, results, parameters, metadata, of_series, digest) VALUES"
                    " ('measure', '', %s, '{source.ip4}', '{}', '{\"\"}', gen_random_uuid()) RETURNING id", (results,))
        ids.append(sql.fetchone()[0])
    sql.execute("DO $$ DECLARE d date; BEGIN FOR d IN SELECT generate_series('2016-04-08'::date, '2016-04-30'::date, '1 day') LOOP"
                " EXECUTE format('CREATE TABLE measurement_%s PARTITION OF measurement FOR VALUES FROM (%L) TO (%L)',"
                " to_char(d, 'YYYYMMDD'), d, d + 1); END LOOP; END $$")
    for _ in range(10):
        at = ORIGIN + r.randrange(30 * DAY)
        store.windows.insert(sql, (*r.choices(["*", "*", "GLIMPSE"], k=1), "*", r.choice(["*", "p1", "p?1"]), "*", "*", "*"),
                             at, at + r.choice([1, 3, 50]) * HOUR)
    store.values = []
    for n in range(1500):
        which = r.randrange(len(RESULTS))
        m = {"series": r.randrange(1, len(SERIES) + 1), "t": ORIGIN + r.randrange(20 * 24 * 60) * 60 * SECOND + r.choice([0, 0, 1]),
             "version": r.choice([1, 2, 2]), "results": RESULTS[which],
             "grades": [], "values": [r.choice(TEXTS) if r.random() < 0.7 else str(r.randrange(99)) for _ in RESULTS[which]]}
        m.update(t_end=m["t"], key=n)
        store.values.append(m)
        sql.execute("INSERT INTO measurement VALUES (%s, 'epoch'::timestamptz + %s * interval '1 us', 'epoch'::timestamptz"
                    " + %s * interval '1 us', %s, 0, %s, 0, 0, %s, 0, 0, '{}', '', %s::text[], '')",
                    (m["series"], m["t"], m["t"], n, ids[which], m["version"], m["values"] + ["a parameter"]))
    sql.execute("INSERT INTO measured_hour (hour, reach) SELECT date_trunc('hour', t_start), date_trunc('hour', max(t_end)) + '1 h'"
                " FROM measurement WHERE t_start >= '2016-04-01' GROUP BY 1; ANALYZE")


def named(column, patterns):
    return any(re.fullmatch(re.escape(p).replace(r"\*", ".*"), column) for p in patterns)


def value_of(m, metric):
    """As grading takes it; None where it is not there."""
    of_type = TYPES[m["version"]].get("types", {}).get(SERIES[m["series"] - 1][0], {})
    column = next((n for n in [metric, *of_type.get("aliases", {}).get(metric, [])] if n in m["results"]), None)
    text = None if column is None else m["values"][m["results"].index(column)]
    if text is None or len(text) > 100 or not NUMBER.fullmatch(text):
        return None
    number = Fraction(text)
    for valid in of_type.get("valid", []) + TYPES[m["version"]].get("valid", []):
        if named(column, valid["metrics"]):
            possible = valid.get("min", number) <= number <= valid.get("max", number) and \
                number not in [Fraction(str(n)) for n in valid.get("never", [])]
            return number if possible else None
    return number


def digits_of(number):
    """Behind the point; all of these are decimals."""
    digits = 0
    while (number * 10**digits).denominator != 1:
        digits += 1
    return digits


def rounded(number, digits):
    """Half away from 0."""
    whole = (2 * abs(number) * 10**digits + 1) // 2
    return Fraction(whole if number >= 0 else -whole, 10**digits)


@pytest.mark.parametrize("seed", range(60))
def test_buckets_are_those_of_the_records(queryd, store, seed):
    r = random.Random(seed)
    c = random_patterns(r, [0, 1, 1]) if r.random() < 0.7 else {}
    if r.random() < 0.3:
        c["sees"] = [random_patterns(r, [1]).get(d, "*") for d in DIMENSIONS]
    since = ORIGIN + r.choice([-DAY, 0, 1, 3 * DAY, r.randrange(20 * DAY)])
    until = since + r.choice([1000000, HOUR, 5 * DAY, 30 * DAY + 7])
    columns, metric = r.choice([1, 3, 30, 600, 4096]), r.choice(["rtt.ms", "rtt.ms.avg", "loss.ratio", "none", "other"])
    found, ids = {}, series_of(c)
    for m in store.values:
        if m["series"] in ids and since <= m["t"] < until and (number := value_of(m, metric)) is not None:
            found.setdefault((m["t"] - since) * columns // (until - since), []).append(number)
    def begins(part):
        return since + -(-part * (until - since) // columns)

    expected = [(text_of(begins(part)), min(v), rounded(sum(v) / len(v), max(map(digits_of, v)) + 3),
                 max(v), len(v),
                 store.windows.mark_any([SERIES[i - 1] for i in ids], begins(part), begins(part + 1) - 1)) for part, v in sorted(found.items())]
    rows = queryd.rows(BUCKETS, since=since, until=until, metric=metric, range_columns=columns, **c)
    assert [(row["time"], *(Fraction(row["metric." + n]) for n in ("min", "mean", "max")), int(row["values.count"]),
             row["maintenance.windows"]) for row in rows] == expected
    unit = {"rtt.ms": "ms", "rtt.ms.avg": "ms", "loss.ratio": "ratio"}.get(metric, "")
    limits = ("0", "100") if metric.startswith("rtt") else (None, None)
    assert all((row["metric.unit"], row["metric.least"], row["metric.most"]) == (unit, *limits) for row in rows)


# ---- what is refused ----

RANGE = {"since": T0, "until": T0 + DAY}


@pytest.mark.parametrize("kind, given, message", [
    (TIMELINE, {}, "when: expected a range with a beginning and an end"),
    (TIMELINE, {"since": T0}, "when: expected a range with a beginning and an end"),
    (BUCKETS, {"metric": "rtt.ms", "until": T0}, "when: expected a range with a beginning and an end"),
    (TIMELINE, {"since": T0, "instant": 1}, "when: expected a range with a beginning and an end"),
    (TIMELINE, {"since": T0, "until": T0}, "when: expected a range of more than 0 and at most 3660 days"),
    (TIMELINE, {"since": T0 - 3661 * DAY, "until": T0}, "when: expected a range of more than 0 and at most 3660 days"),
    (TIMELINE, {"since": T0, "until": T0 + 599}, "range.columns: expected columns of a microsecond or more"),
    (TIMELINE, {**RANGE, "grade": "none"}, 'select.grade: expected "all" or one of: overall, bandwidth, delay, found "none"'),
    (BUCKETS, RANGE, "metric.name: expected the name of a metric in UTF-8"),
    (BUCKETS, {**RANGE, "metric": "a\0b"}, "metric.name: expected the name of a metric in UTF-8"),
    (GRID, {"grid_rows": "source", "grid_columns": "destination"},
     'grid.columns: expected one of type content probe source dest path, found "destination"'),
    (GRID, {"grid_rows": "", "grid_columns": "dest"}, 'grid.rows: expected one of type content probe source dest path, found ""'),
    (GRID, {"grid_rows": "dest", "grid_columns": "dest"}, "grid.columns: expected another dimension than that of grid.rows"),
    (GRID, {"grid_rows": "source", "grid_columns": "dest"}, "select.grade: expected the name of one grade, which a grid is of"),
    (GRID, {"grid_rows": "source", "grid_columns": "dest", "grade": "none"},
     'select.grade: expected "all" or one of: overall, bandwidth, delay, found "none"'),
    (GRID, {"grid_rows": "source", "grid_columns": "dest", "grade": "delay", "low": 0},
     "range.grade: expected two grades within 1 ... 5, found 0 ... 5"),
    (GRID, {"grid_rows": "source", "grid_columns": "dest", "grade": "delay", "instant": 1, "since": T0}, "when: expected a range"),
])
def test_faults_are_named(queryd, kind, given, message):
    answer = queryd.ask(kind, **given)
    assert (answer.status, answer.message) == (INVALID, message)


# ---- how much is looked at ----

def test_more_series_than_a_grid_looks_at(queryd, cluster):
    sql = cluster.connect().cursor()
    sql.execute("INSERT INTO series (type, content, probe, source, dest, path) SELECT '', '', 'many', g::text, '', ''"
                " FROM generate_series(1, 100000) AS g")
    asked = {"probe": "many", "grid_rows": "source", "grid_columns": "dest", "grade": "overall", "high": 2}
    try:
        assert [row["records.matched"] for row in queryd.rows(GRID, **asked)] == ["0"]
        sql.execute("INSERT INTO series (type, content, probe, source, dest, path) VALUES ('', '', 'many', 'one more', '', '')")
        answer = queryd.ask(GRID, **asked)
        assert (answer.status, answer.message) == (INVALID, "record.*: expected criteria that at most 100000 series fit")
    finally:
        sql.execute("DELETE FROM series WHERE probe = 'many'")


def test_more_records_than_buckets_look_at(cluster, store):
    sql = cluster.connect().cursor()
    reached = sum(m["series"] == 1 for m in store.values)
    for most, parts in ((reached, False), (reached - 1, True)):
        sql.execute("SELECT part IS NULL FROM metric_buckets('{1}', 'rtt.ms', 'epoch'::timestamptz + %s * interval '1 us',"
                    " 'epoch'::timestamptz + %s * interval '1 us', 10, %s) ORDER BY 1 DESC LIMIT 1", (ORIGIN, ORIGIN + 30 * DAY, most))
        assert sql.fetchall() == [(parts,)]


def test_values_beyond_a_grid_are_counted_and_named(queryd, cluster):
    """Of rows and columns those with the most records are shown; sums are of all."""
    sql = cluster.connect().cursor()
    sql.execute("INSERT INTO series (type, content, probe, source, dest, path) SELECT '', '', 'wide', 's', lpad(g::text, 3, '0'), ''"
                " FROM generate_series(1, 230) AS g")
    sql.execute("INSERT INTO measurement SELECT s.id, v.t, v.t, 1, 0, 1, 0, 0, 1, 0, 0, '{5}', '', '{}', '' FROM series s, LATERAL"
                " (SELECT '2016-02-22 10:00:00+00'::timestamptz + n * interval '1 s' AS t FROM generate_series(1, 1 + (s.dest = '230')::int) AS n)"
                " AS v WHERE s.probe = 'wide'")
    sql.execute("INSERT INTO measured_hour (hour) VALUES ('2016-02-22 10:00+00')")
    first, row = queryd.rows(GRID, probe="wide", grid_rows="source", grid_columns="dest", grade="overall", high=2)
    columns = [c["value"] for c in json.loads(first["grid.cells"])]
    assert columns == ["230", *(f"{g:03}" for g in range(1, 200))]
    assert json.loads(first["grid.left"]) == {"rows": {"count": 0, "values": []},
                                              "columns": {"count": 30, "values": [f"{g:03}" for g in range(200, 220)]}}
    assert (first["records.matched"], row["records.matched"], len(json.loads(row["grid.cells"]))) == ("231", "231", 200)
