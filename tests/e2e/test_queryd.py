# SPDX-License-Identifier: Apache-2.0
"""queryd against a real PostgreSQL: fabricated rows, answers compared with plain SQL or plain Python."""
import datetime
import ipaddress
import json
import random
import re
import signal
import subprocess
import time

import msgpack
import pytest
from conftest import wait_for
from maintenance import some_windows
from messages import ANSWER, CANCEL, QUERY, listed, pack
from queries import (ACCOUNTS, CANCELLED, COUNT, EVENTS, FAULTS, FUTURE, GRADING, GRADINGS, HISTOGRAM, INVALID, LOSSES, METRICS, OK, PAST,
                     PERIODS, RECORDS, REJECT, REJECTS, TIMEOUT, TOO_LARGE, UNAVAILABLE, Lock, prepare_store,
                     rollups_of)
from stores import now_us


SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
T0 = 1_455_796_800 * SECOND  # 2016-02-18 12:00:00
COLUMNS = {
    COUNT: ["grade.name", "records.matched", "records.graded", "maintenance.windows"],
    HISTOGRAM: ["grade.name", "grade.value", "grade.severity", "records.count", "maintenance.windows"],
}


DIMENSIONS = ["type", "content", "probe", "source", "dest", "path"]
SERIES = [  # type, content, probe, source, dest, path
    ("GLIMPSE", "UDP", "p1", "192.0.2.1", "198.51.100.7", ""),
    ("GLIMPSE", "UDP", "p2", "192.0.2.200", "198.51.101.7", "lte"),
    ("GLIMPSE", "ICMPECHO", "p1", "192.0.3.1", "2001:db8::1", ""),
    ("ping", "ICMPECHO", "p_1", "2001:db8::5", "2001:db8:1::1", "a%b"),
    ("ping", "ICMPECHO", "p%1", "host.example", "192.0.2.0/24", "a_b"),
    ("OTT", "http://x.example/a", "p\\1", "::ffff:192.0.2.1", "", "α/β"),
    ("OTT", "http://x.example/?a", "p*1", "192.0.2.1", "", "α/β"),
]
NAMES = ["overall", "bandwidth", "delay"]
LABELS = ['plain', 'quote " and \\ and \n and \x01 and é', '']
SCHEMA = {"verb": "measure", "registry": "http://example.org/r", "results": ["rtt.ms.avg", 'odd"name'],
          "parameters": ["source.ip4"], "metadata": ["System_ID", "note"]}


def is_address(text):
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


# Which of the parameters and metadata are the dimensions of the series, and not with the values: by schema.
OF_SERIES = [["", "", ""], ["source", "probe", ""], ["", "probe", ""]]


class Store:
    """What the database holds, also as Python lists, for the plain computation of answers."""

    def __init__(self, sql, seed, past_days=3):
        """past_days: as many days before T0 hold records; beyond the last three some are long and some hours unsealed."""
        self.random = random.Random(seed)
        self.past_days = past_days
        self.records = []
        sql.execute("DO $$ DECLARE d date; BEGIN FOR d IN SELECT generate_series('2016-02-18'::date - %s,"
                    " '2016-02-22'::date, '1 day') LOOP EXECUTE format('CREATE TABLE measurement_%%s"
                    " PARTITION OF measurement FOR VALUES FROM (%%L) TO (%%L) PARTITION BY RANGE (key);"
                    " CREATE TABLE measurement_%%1$s_c0 PARTITION OF measurement_%%1$s FOR VALUES FROM (0)"
                    " TO (1::bigint << 48);"
                    " CREATE TABLE measurement_%%1$s_c1 PARTITION OF measurement_%%1$s FOR VALUES FROM (1::bigint << 48)"
                    " TO (2::bigint << 48)',"
                    " to_char(d, 'YYYYMMDD'), d, d + 1); END LOOP; END $$", (past_days,))
        for i, series in enumerate(SERIES):
            addresses = [str(a) if (a := is_address(s)) else None for s in series[3:5]]
            sql.execute("INSERT INTO series (type, content, probe, source, dest, path, source_addr,"
                        " dest_addr) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", (*series, *addresses))
        for i, name in enumerate(NAMES):
            sql.execute("INSERT INTO grade_name VALUES (%s, %s)", (i + 1, name))
        sql.execute("INSERT INTO record_type VALUES ('', '300 s')")
        for of_series in OF_SERIES:
            sql.execute("INSERT INTO schema (verb, registry, results, parameters, metadata, of_series, digest) VALUES"
                        " (%s, %s, %s, %s, %s, %s, gen_random_uuid())", (*SCHEMA.values(), of_series))
        for version, document in ((1, "{}"), (2, '{"grading":[]}')):
            sql.execute("INSERT INTO grading VALUES (%s, %s, 0, 'me', '2016-02-18 12:00:00.25+00', '', %s)",
                        (version, document, "why <b>" if version == 1 else ""))
        self.fill(sql)
        self.windows = some_windows(sql, self.random, list(PATTERNS.values()), [T0 + n * HOUR for n in range(-90, 30)] + [T0 + 2000 * DAY], 30)
        for _ in range(25):  # more than are told
            self.windows.insert(sql, ("ping", *5 * "*"), T0 + HOUR, T0 + HOUR + 1)
        self.windows.insert(sql, 6 * "*", 2000 * 365 * DAY, 2001 * 365 * DAY)  # to come

    def fill(self, sql):
        r = self.random
        seen = set()
        for _ in range(1500):
            # Four hours densely, so that edges of hours and of ranges meet records, and days sparsely.
            t = T0 + (r.randrange(0, 4 * 60) * 60 * SECOND if r.random() < 0.8
                      else r.randrange(12 - 24 * self.past_days, 60) * HOUR) + r.choice([0, 0, 1, -1])
            key = (r.randrange(1, len(SERIES) + 1), t, r.choice([0, 0, 0, 1]))
            if key in seen:
                continue
            seen.add(key)
            grades = [r.choice([None, 0, 1, 2, 3, 4, 5, 5]) for _ in range(r.choice([1, 2, 3, 3]))]
            values = [r.choice(["1.5", "18446744073709551615", None, 'a"b\\', "\x1f\n", "é"])
                      for _ in range(5)]
            schema = r.randrange(len(OF_SERIES))
            said = {"source": SERIES[key[0] - 1][3], "probe": SERIES[key[0] - 1][2]}
            values[2:] = [said.get(d, v) for d, v in zip(OF_SERIES[schema], values[2:])]
            self.records.append({"series": key[0], "t": t, "grades": grades, "schema": schema,
                                 "key": (key[0] % 2) << 48 | r.randrange(1, 1 << 48),
                                 "t_end": t + r.choice([0, 0, 1, 10 * SECOND, 5 * HOUR,
                                                        5 * HOUR if t > T0 - 3 * DAY else 40 * DAY]),
                                 "values": values, "label": r.choice(LABELS)})
        for m in self.records:
            kept = m["values"][:2] + [v for d, v in zip(OF_SERIES[m["schema"]], m["values"][2:]) if d == ""]
            sql.execute("INSERT INTO measurement VALUES (%s, 'epoch'::timestamptz + %s * interval '1 us',"
                        " 'epoch'::timestamptz + %s * interval '1 us', %s, 0, %s, 0, 0, 2, 0, 0, %s::smallint[],"
                        " '', %s::text[], %s)", (m["series"], m["t"], m["t_end"], m["key"], m["schema"] + 1,
                                                   m["grades"], kept, m["label"]))
        sql.execute("INSERT INTO measured_hour (hour, reach) SELECT date_trunc('hour', t_start),"
                    " date_trunc('hour', max(t_end)) + '1 h'::interval FROM measurement GROUP BY 1")
        # Of the days some are whole in the day's counts, some in part, some not.
        sql.execute("UPDATE measured_hour SET sealed = true WHERE extract(hour FROM hour)::int % 2 = 0"
                    " OR hour < '2016-02-18' AND (hour >= '2016-02-15' OR extract(day FROM hour)::int % 9 > 0)")
        sql.execute("UPDATE measured_hour SET in_day = true WHERE sealed AND (hour < '2016-02-17' OR"
                    " extract(hour FROM hour) BETWEEN 6 AND 12)")
        sql.execute(rollups_of("grade_rollup_reference") + "INSERT INTO grade_total SELECT * FROM grade_total_reference")
        self.fill_periods(sql)
        sql.execute("ANALYZE")

    @staticmethod
    def fill_periods(sql):
        """As the reference has them; of the open ones every second is behind its records."""
        columns = "series_id, grade_id, t_start, start_end, start_key, grade, t_end, records, ended"
        sql.execute(f"INSERT INTO period ({columns}, through_t, through_end, through_key)"
                    f" SELECT {columns}, t_end, t_end, {1 << 62} FROM period_reference")
        sql.execute("UPDATE period SET t_end = start_end, records = 1, through_t = t_start, through_end = start_end,"
                    " through_key = start_key WHERE ended IS NULL")
        sql.execute("INSERT INTO event (series_id, grade_id, t, t_end, key, from_grade, to_grade, flap)"
                    " SELECT * FROM event_reference")
        sql.execute("UPDATE event SET retracted_at = now() WHERE id % 7 = 0")


@pytest.fixture(scope="module")
def store(cluster):
    sql = cluster.connect().cursor()
    prepare_store(sql)
    return Store(sql, seed=1)


# ---- the plain computation ----

def glob(pattern, text):
    return re.fullmatch("".join(".*" if c == "*" else "." if c == "?" else re.escape(c[-1])
                                for c in re.findall(r"\\.|.", pattern, re.DOTALL)), text, re.DOTALL) is not None


def matches(pattern, value, addresses):
    if addresses and "*" not in pattern and "?" not in pattern:
        try:
            network = ipaddress.ip_network(pattern, strict=False)
        except ValueError:
            network = None
        if network is not None and is_address(value) is not None:
            address = is_address(value)
            return address.version == network.version and address in network
    return glob(pattern, value)


def fits(patterns, series):
    """patterns by dimension"""
    return all(matches(patterns.get(d, "*"), v, d in ("source", "dest")) for d, v in zip(DIMENSIONS, series))


def series_of(criteria):
    """The ids of those that match and that who asks may see."""
    sees = criteria.get("sees", [])
    rows = [dict(zip(DIMENSIONS, sees[i:i + 6])) for i in range(0, len(sees), 6)] or [{}]
    return {i for i, s in enumerate(SERIES, 1) if fits(criteria, s) and any(fits(row, s) for row in rows)}


def matching(store, criteria):
    ids = series_of(criteria)
    since, until = criteria.get("since", PAST), criteria.get("until", FUTURE)
    for m in store.records:
        inside = m["t"] <= since <= m["t_end"] if criteria.get("instant") else since <= m["t"] < until
        if m["series"] in ids and inside:
            yield m


def marked(store, criteria):
    """In which windows something that is counted may lie."""
    since, until = criteria.get("since", PAST), criteria.get("until", FUTURE)
    until = since + 1 if criteria.get("instant") else until
    series = [SERIES[i - 1] for i in series_of(criteria)] if since < until else []
    return store.windows.mark_any(series, since, min(until - 1, now_us()))


def grade_of(m, name):
    i = NAMES.index(name)
    return m["grades"][i] if i < len(m["grades"]) else None


def names_of(criteria):
    return NAMES if criteria.get("grade", "all") == "all" else [criteria["grade"]]


PATTERNS = {
    "type": ["GLIMPSE", "p?ng", "*T*", "none"], "content": ["UDP", "ICMP*", "?DP"], "probe": ["p1", "p_1", "p%1", "p?1"],
    "source": ["192.0.2.0/24", "0.0.0.0/0", "::/0", "192.0.2.1", "host.*"], "dest": ["198.51.100.0/23", "2001:db8::/33", "192.0.2.0/24", ""],
    "path": ["", "a%b", "α/?"]}


def random_patterns(r, most):
    """For up to so many dimensions."""
    choices = {
        "type": ["*", "**", "GLIMPSE", "p?ng", "*T*", "none", "glimpse"],
        "content": ["*", "UDP", "ICMP*", "http://*/a", "?DP", r"http://x.example/\?a", "http://x.example/?a"],
        "probe": ["*", "p1", "p_1", "p%1", r"p\\1", "p?1", "p*", r"p\*1", r"p\?1"],
        "source": ["*", "192.0.2.0/24", "192.0.0.0/16", "0.0.0.0/0", "::/0", "2001:db8::/32",
                   "192.0.2.1", "host.*", "192.0.2.*", "host.example", "2001:DB8::5"],
        "dest": ["*", "198.51.100.0/23", "2001:db8::/33", "192.0.2.0/24", "", "?*"],
        "path": ["*", "", "a%b", "a?b", "a_b", "α/?", "lte"],
    }
    return {d: r.choice(choices[d]) for d in r.sample(sorted(choices), r.choice(most))}


def random_criteria(r):
    c = random_patterns(r, [0, 1, 1, 2])
    if r.random() < 0.5:  # who asks is bound
        rows = [random_patterns(r, [1, 1, 2, 3]) for _ in range(r.choice([1, 1, 2, 16]))]
        c["sees"] = [row.get(d, "*") for row in rows for d in DIMENSIONS]
    edges = [PAST, FUTURE, T0, T0 + HOUR, T0 + 2 * HOUR, T0 + HOUR + 1, T0 + 90 * 60 * SECOND,
             T0 - 26 * HOUR, T0 + 4 * HOUR - 1, T0 + 7 * 60 * SECOND, T0 - 12 * HOUR, T0 - 36 * HOUR,
             T0 + 12 * HOUR, T0 - 60 * HOUR, T0 - 37 * HOUR + 1, T0 + 3 * 60 * SECOND + 1, T0 + 30 * HOUR - 1,
             T0 - 20 * DAY, T0 - 90 * DAY + 1]
    kind = r.random()
    if kind < 0.6:
        c["since"], c["until"] = r.choice(edges), r.choice(edges)
        if r.random() < 0.8 and c["since"] > c["until"]:
            c["since"], c["until"] = c["until"], c["since"]
    elif kind < 0.8:
        c["since"], c["instant"] = r.choice(edges), 1
    if r.random() < 0.5:
        c["grade"] = r.choice(NAMES)
    c["low"] = r.choice([0, 0, 1, 2, 3, 4, 5])
    c["high"] = r.randint(c["low"], 5)
    return c


# ---- counts ----

@pytest.mark.parametrize("seed", range(150))
def test_counts_equal_plain_counting(queryd, store, seed):
    c = random_criteria(random.Random(seed))
    records = list(matching(store, c))
    expected = [{"grade.name": n, "records.matched": str(len(records)), "records.graded":
                 str(sum(1 for m in records if c["low"] <= (grade_of(m, n) or 0) <= c["high"])), "maintenance.windows": marked(store, c)}
                for n in names_of(c)]
    answer = queryd.ask(COUNT, **c)
    assert answer.status == OK, answer.message
    assert answer.columns == COLUMNS[COUNT]
    assert answer.rows == expected, c


@pytest.mark.parametrize("seed", range(1000, 1040))
def test_histogram_equals_plain_counting(queryd, store, seed):
    c = random_criteria(random.Random(seed))
    records = list(matching(store, c))
    severities = ["ungraded", "critical", "major", "minor", "warning", "normal"]
    expected = [{"grade.name": n, "grade.value": str(g), "grade.severity": severities[g],
                 "records.count": str(sum(1 for m in records if grade_of(m, n) == g)), "maintenance.windows": marked(store, c)}
                for n in names_of(c) for g in range(6)]
    assert queryd.rows(HISTOGRAM, **c) == expected, c


def test_counts_use_only_sealed_hours_of_the_rollup(queryd, cluster):
    """An hour that is mostly inside and sealed is not read again but for what is outside, whichever row it is in; any other does not trust
    the roll-up."""
    sql = cluster.connect().cursor()
    before = int(queryd.rows(COUNT, probe="*1")[0]["records.matched"])
    more = "INSERT INTO rollup_hour SELECT h::timestamptz, 1, 0, n, 0, 0, 0, 0, 0 FROM (VALUES {}) v (h, n)" \
        " ON CONFLICT (hour, series_id, grade_id) DO UPDATE SET n0 = rollup_hour.n0 + excluded.n0"
    sql.execute("SELECT sealed, in_day FROM measured_hour WHERE hour >= '2016-02-18 12:00+00' ORDER BY hour LIMIT 3")
    assert sql.fetchall() == [(True, True), (False, False), (True, False)]
    sql.execute(more.format("('2016-02-18 14:00+00', 1000), ('2016-02-18 13:00+00', 5000), ('2016-02-18 12:00+00', 20000)"))
    sql.execute("INSERT INTO rollup_day SELECT '2016-02-18', 1, 0, counts(24, 13, 300000) ON CONFLICT (day, series_id, grade_id)"
                " DO UPDATE SET c0 = counts_plus(rollup_day.c0, excluded.c0)")
    try:
        day = {"probe": "*1", "since": T0 - 12 * HOUR + 40 * 60 * SECOND, "until": T0 + 12 * HOUR}
        assert int(queryd.rows(COUNT, probe="*1")[0]["records.matched"]) == before + 1000, "all of the day is in its month"
        assert 301000 <= int(queryd.rows(COUNT, **day)[0]["records.matched"]) < 302500
        cut, mostly, not_sealed = (int(queryd.rows(COUNT, probe="*1", since=T0 + start, until=T0 + start // HOUR * HOUR + HOUR)[0]["records.matched"])
                                   for start in (2 * HOUR + HOUR // 2 + 1, 2 * HOUR + 1, HOUR + 1))
        assert cut < 1000 <= mostly < 2000 and not_sealed < 1000
    finally:
        sql.execute("TRUNCATE rollup_hour, rollup_day, rollup_month;" + rollups_of("grade_rollup_reference"))


def test_counts_over_all_series_come_from_the_totals(queryd, cluster):
    """With no criterion but the type, only parts of minutes are read from the records."""
    sql = cluster.connect().cursor()

    def matched(**c):
        return int(queryd.rows(COUNT, **c)[0]["records.matched"])

    day, minute = 24 * HOUR, 60 * SECOND
    ranges = [{}, {"type": "p?ng"}, {"since": T0 - day // 2, "until": T0 + day // 2},
              {"since": T0 - day, "until": T0 + 90 * minute}, {"since": T0 + 1, "until": T0 + 59 * SECOND}]
    before = [matched(**c) for c in ranges]
    sql.execute("INSERT INTO grade_total SELECT unit, start::timestamptz, 'ping', 0, n, 0, 0, 0, 0, 0 FROM (VALUES"
                " ('day', '2016-02-18', 1000000), ('hour', '2016-02-18 12:00', 10000),"
                " ('minute', '2016-02-18 13:10', 100)) v (unit, start, n) ON CONFLICT"
                " (unit, start, type, grade_id) DO UPDATE SET n0 = grade_total.n0 + excluded.n0")
    try:
        assert [matched(**c) - b for c, b in zip(ranges, before)] == [1000000, 1000000, 1000000, 10100, 0]
        assert matched(type="GLIMPSE") < 10000
    finally:
        sql.execute("DELETE FROM grade_total; INSERT INTO grade_total SELECT * FROM grade_total_reference")


def test_grade_name_that_is_not_there(queryd):
    for kind in (COUNT, HISTOGRAM, PERIODS, EVENTS, RECORDS):
        answer = queryd.ask(kind, grade="Overall")
        assert answer.status == INVALID
        assert answer.message == \
            'select.grade: expected "all" or one of: overall, bandwidth, delay, found "Overall"'


@pytest.mark.parametrize("criteria, place", [
    ({"low": 4, "high": 2}, "range.grade"), ({"grade": ""}, "select.grade"),
    ({"probe": "a\0b"}, "record.probe"), ({"probe": "a\\b"}, "record.probe"), ({"dest": "10.0.0.0/33"}, "record.dest"),
    ({"grade": "a\0b"}, "select.grade")])
def test_faults_are_named(queryd, criteria, place):
    answer = queryd.ask(COUNT, **criteria)
    assert answer.status == INVALID
    assert answer.message.startswith(place + ": expected")


# ---- who may not see all ----

def test_a_bound_by_type_is_no_question_by_type(queryd, store):
    """The counts of whole types are not read for it, also where it binds nothing but types."""
    for sees in (["ping", "*", "*", "*", "*", "*"], ["*", "*", "*", "*", "192.0.2.0/24", "*"]):
        for c in ({"sees": sees}, {"sees": sees, "type": "*T*"}, {"sees": sees, "type": "GLIMPSE"}):
            assert int(queryd.rows(COUNT, **c)[0]["records.matched"]) == len(list(matching(store, c))), c


def test_what_is_not_of_series_is_refused_to_who_is_bound(queryd):
    sees = ["ping", "*", "*", "*", "*", "*"]
    for kind in (GRADING, GRADINGS, ACCOUNTS, LOSSES, FAULTS, REJECTS, REJECT):
        answer = queryd.ask(kind, sees=sees)
        assert (answer.status, answer.rows) == (INVALID, [])
        assert answer.message == "this tells of all series, and your roles are bound to some"


@pytest.mark.parametrize("sees", [["ping"], ["*"] * 5 + ["a\\b"], ["*"] * 4 + ["10.0.0.0/33", "*"], ["*"] * 5 + [None]])
def test_a_bound_that_is_none_shows_nothing(queryd, sees):
    answer = queryd.ask(COUNT, sees=sees)
    assert (answer.status, answer.message) == (INVALID, "sees: expected criteria of 6 patterns each")


def test_the_largest_bound(queryd, store):
    """Of as many criteria as a question may have, each with a pattern for each dimension."""
    rows = [["G*", "*U*", "p?", f"192.0.{i}.0/24", f"198.51.{i}.0/24", "?*"] for i in range(64)]
    c = {"sees": sum(rows, []), "source": "192.0.0.0/8", "dest": "198.51.0.0/16", "probe": "p*"}
    assert queryd.rows(COUNT, **c)[0]["records.matched"] == str(len(list(matching(store, c))))


# ---- listings ----

def us_of(text):
    return round(datetime.datetime.fromisoformat(text + "+00:00").timestamp() * SECOND)


def text_of(us):
    t = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)
    return t.strftime("%Y-%m-%d %H:%M:%S.%f")


def pages(queryd, kind, limit, **criteria):
    rows, after = [], ""
    while True:
        page = queryd.rows(kind, limit=limit, after=after, **criteria)
        assert len(page) <= limit
        rows += page
        if len(page) < limit:
            return rows
        after = page[-1]["list.cursor"]


@pytest.mark.parametrize("seed", range(2000, 2040))
def test_records_equal_plain_selection_page_by_page(queryd, store, seed):
    r = random.Random(seed)
    c = random_criteria(r)
    expected = []
    for m in matching(store, c):
        for n in names_of(c):
            if c["low"] <= (grade_of(m, n) or 0) <= c["high"]:
                windows = store.windows.mark(SERIES[m["series"] - 1], m["t"], m["t_end"])
                expected.append((m["t"], m["series"], m["t_end"], m["key"], NAMES.index(n) + 1, windows))
    expected.sort(reverse=True)
    found = pages(queryd, RECORDS, r.choice([1000, 1000, 97, 400]), **c)
    assert [(f["time"], tuple(f["record." + d] for d in ("type", "content", "probe", "source", "dest",
                                                         "path")), f["grade.name"], f["maintenance.windows"]) for f in found] == \
        [(text_of(t), SERIES[s - 1], NAMES[n - 1], windows) for t, s, end, key, n, windows in expected]
    assert len({f["list.cursor"] for f in found}) == len(found)


def test_results_are_the_measurements_as_json(queryd, store):
    found = pages(queryd, RECORDS, 500, grade="overall")
    by_key = {(m["t"], m["series"], m["key"]): m for m in store.records}
    assert len(found) > 300
    for f in found:
        t, series, _, key, _ = f["list.cursor"][1:].split(".")
        m = by_key[(int(t), int(series), int(key))]
        when = text_of(m["t"]) + (" ... " + text_of(m["t_end"]) if m["t_end"] > m["t"] else "")
        assert json.loads(f["results.repo"]) == {
            "result": "measure", "version": 1, "registry": SCHEMA["registry"], "label": m["label"],
            "when": when, "parameters": {"source.ip4": m["values"][2]},
            "metadata": {"System_ID": m["values"][3], "note": m["values"][4]},
            "results": SCHEMA["results"], "resultvalues": [m["values"][:2]]}
        assert f["grade.value"] == str(m["grades"][0]) and f["grading.version"] == "2"


@pytest.mark.parametrize("seed", range(3000, 3040))
def test_periods_equal_the_reference_page_by_page(queryd, store, cluster, seed):
    r = random.Random(seed)
    c = random_criteria(r)
    ids = series_of(c)
    sql = cluster.connect().cursor()
    sql.execute("SELECT series_id, grade_id, (extract(epoch FROM t_start) * 1000000)::bigint,"
                " grade, (extract(epoch FROM t_end) * 1000000)::bigint, records, ended"
                " FROM period_reference ORDER BY t_start DESC, series_id DESC, grade_id DESC,"
                " start_end DESC, start_key DESC")
    since, until = c.get("since", PAST), c.get("until", FUTURE)
    expected = []
    for series, name, start, grade, end, records, ended in sql.fetchall():
        inside = start <= since <= end if c.get("instant") else \
            since < until and start < until and end >= since
        if series in ids and inside and NAMES[name - 1] in names_of(c) and c["low"] <= grade <= c["high"]:
            expected.append((*SERIES[series - 1], NAMES[name - 1], str(grade), text_of(start),
                             text_of(end), ended or "", str(records), store.windows.mark(SERIES[series - 1], start, end)))
    found = pages(queryd, PERIODS, r.choice([10000, 7, 50]), **c)
    assert [tuple(f.values())[:-1] for f in found] == expected, c


@pytest.mark.parametrize("seed", range(4000, 4020))
def test_events_equal_plain_selection_page_by_page(queryd, store, cluster, seed):
    r = random.Random(seed)
    c = random_criteria(r)
    ids = series_of(c)
    sql = cluster.connect().cursor()
    sql.execute("SELECT (extract(epoch FROM t) * 1000000)::bigint, series_id, grade_id, from_grade, to_grade,"
                " retracted_at IS NOT NULL FROM event ORDER BY t DESC, id DESC")
    since, until = c.get("since", PAST), c.get("until", FUTURE)
    expected = []
    for t, series, name, old, new, retracted in sql.fetchall():
        inside = t == since if c.get("instant") else since <= t < until
        if series in ids and inside and NAMES[name - 1] in names_of(c) and c["low"] <= new <= c["high"]:
            expected.append((text_of(t), *SERIES[series - 1], NAMES[name - 1],
                             None if old is None else str(old), str(new), str(retracted), store.windows.mark(SERIES[series - 1], t, t)))
    found = pages(queryd, EVENTS, r.choice([10000, 9]), **c)
    assert [tuple(f.values())[:-1] for f in found] == expected, c


def test_limit_of_a_listing(queryd):
    assert len(queryd.rows(RECORDS)) == 50
    assert len(queryd.rows(RECORDS, limit=3)) == 3


@pytest.mark.parametrize("cursor", ["x", "p1", "p1.1.1", "e1.1", "p1.1.1.1.1.1", "p1.1.1.-1", "p01.1.1.1",
                                    "p1.1.99999.1", "p99999999999999999999.1.1.1", "p1.1.1.1 "])
def test_cursor_that_is_none(queryd, cursor):
    answer = queryd.ask(PERIODS, after=cursor)
    assert answer.status == INVALID
    assert answer.message == "list.after: expected the list.cursor of a row of such a listing"


def test_gradings(queryd):
    assert queryd.rows(GRADING) == [{"grading.version": "2", "time": "2016-02-18 12:00:00.250000",
                                     "grading.author": "me", "grading.document": '{"grading":[]}', "grading.comment": ""}]
    assert queryd.rows(GRADING, version=1)[0]["grading.document"] == "{}"
    assert queryd.ask(GRADING, version=3).message == \
        "grading.version: there is no grading of this version"
    listed = queryd.rows(GRADINGS)
    assert [(r["grading.version"], r["grading.author"], r["grading.comment"]) for r in listed] == [("2", "me", ""), ("1", "me", "why <b>")]
    first, = queryd.rows(GRADINGS, limit=1)
    assert (first["list.cursor"], queryd.rows(GRADINGS, after=first["list.cursor"])) == ("v2", listed[1:])
    assert queryd.ask(GRADINGS, after="v-1").message.startswith("list.after: ")


@pytest.mark.parametrize("seed", range(8))
def test_metrics_are_those_of_the_last_records(queryd, store, seed):
    """Of the series that fit and that the asker may see; values that are no number count as values of a metric, and are no least."""
    c = {k: v for k, v in random_criteria(random.Random(seed)).items() if k in (*DIMENSIONS, "sees")}
    lasts = {}
    for m in matching(store, c):
        key = m["t"], m["t_end"], m["key"]
        if m["series"] not in lasts or key > lasts[m["series"]][0]:
            lasts[m["series"]] = key, m
    found = {}
    for _, m in lasts.values():
        for name, value in zip(SCHEMA["results"], m["values"]):
            found.setdefault((*SERIES[m["series"] - 1][:2], name), []).append((m["t"], value))
    numbers = {key: [n for _, n in rows if n in ("1.5", "18446744073709551615")] for key, rows in found.items()}
    assert [(r["record.type"], r["record.content"], r["metric.name"], r["metric.min"], r["metric.max"], r["series.count"], us_of(r["series.last"]))
            for r in queryd.rows(METRICS, **c)] == \
        [(*key, *(end(numbers[key], key=float) if numbers[key] else None for end in (min, max)), str(len(found[key])), max(t for t, _ in found[key]))
         for key in sorted(found)]
    assert queryd.ask(METRICS, since=T0, **c).message.startswith("when: ")


# ---- conduct ----

def test_it_cannot_write(cluster, make_queryd):
    """Also with a role that may write: a view that writes when it is read fails."""
    q = make_queryd("ezrepo")
    sql = cluster.connect().cursor()
    sql.execute("CREATE FUNCTION scribble() RETURNS int LANGUAGE sql AS"
                " 'INSERT INTO ezrepo.record_type VALUES (''x'', ''1 s'') RETURNING 1';"
                "ALTER TABLE grading RENAME TO grading_kept;"
                "CREATE VIEW grading AS SELECT * FROM grading_kept WHERE scribble() = 1")
    try:
        assert q.rows(COUNT)
        answer = q.ask(GRADING)
        assert answer.status == UNAVAILABLE and answer.message.endswith("in a read-only transaction")  # and no piece of SQL
        assert q.counters()["database.errors"] == 1
    finally:
        sql.execute("DROP VIEW grading; ALTER TABLE grading_kept RENAME TO grading;"
                    "DROP FUNCTION scribble")


def test_malformed_messages_are_counted_and_dropped(queryd):
    before = queryd.counters()["malformed"]
    good = listed(QUERY, 77, COUNT, "*", "*", "*", "*", "*", "*", PAST, FUTURE, 0, "all", 1, 5, 0, "", 0, 0)
    bad = [b"", b"\xc1", pack(ANSWER, 1, 0, "", [], []), msgpack.packb([4, *good[1:]]),
           msgpack.packb(good) + b"\0", msgpack.packb(good[:-1]), pack(CANCEL, "x")]
    for b in bad:
        queryd.socket.send(b)
    queryd.socket.send_multipart([b"a", b"b"])
    queryd.socket.send_multipart([b"a"] * 9)
    assert queryd.rows(COUNT)
    assert queryd.counters()["malformed"] == before + len(bad) + 2


@pytest.fixture
def lock(cluster, store):
    one = Lock(cluster)
    yield one
    one.leave()


def test_timeout(queryd, lock):
    lock.hold()
    began = time.monotonic()
    answer = queryd.ask(COUNT, timeout=1000)
    assert answer.status == TIMEOUT and answer.message == "no answer within 1000 ms"
    assert 0.9 < time.monotonic() - began < 30  # and not when the preset would have it
    lock.leave()
    assert queryd.rows(COUNT)


def test_cancel_of_running_and_waiting_questions(queryd, lock):
    lock.hold()
    ids = [queryd.send(COUNT) for _ in range(6)]
    lock.wait_for_questions(4)  # on as many connections as is the preset
    for i in reversed(ids):
        queryd.socket.send(pack(CANCEL, i))
    answers = [queryd.receive() for _ in ids]
    assert {a.id for a in answers} == set(ids)
    assert {a.status for a in answers} == {CANCELLED}
    lock.leave()
    queryd.socket.send(pack(CANCEL, 12345))
    assert queryd.rows(COUNT)


def test_same_id_from_two_askers(queryd, lock):
    other = queryd.connect()
    lock.hold()
    sent = queryd.send(COUNT, grade="overall")
    queryd.id -= 1
    assert queryd.send(COUNT, socket=other) == sent
    lock.wait_for_questions(2)
    lock.leave()
    assert len(queryd.receive().rows) == 1
    assert len(queryd.receive(socket=other).rows) == 3
    other.close()


def test_too_many_questions(make_queryd, lock):
    q = make_queryd(connections=1, waiting=3)
    assert q.rows(COUNT)
    lock.hold()
    for _ in range(10):
        q.send(COUNT)
    refused = [q.receive() for _ in range(6)]
    assert {a.status for a in refused} == {UNAVAILABLE}
    assert refused[0].message.startswith("too many questions")
    lock.leave()
    assert {q.receive().status for _ in range(4)} == {OK}


def test_answer_too_large(make_queryd):
    q = make_queryd(answer_bytes=65536)
    answer = q.ask(RECORDS, limit=10000)
    assert answer.status == TOO_LARGE and "lower list.limit" in answer.message
    assert not answer.rows
    assert len(q.rows(RECORDS, limit=20)) == 20
    assert q.counters()["too_large"] == 1


def test_database_away_and_back(cluster, make_queryd, queryd, lock):
    q = make_queryd()
    assert q.rows(COUNT)
    lock.hold()
    q.send(COUNT)
    lock.wait_for_questions()
    cluster.stop("immediate")  # else the session that holds the lock may end first, and the question be answered
    try:
        assert q.receive().status == UNAVAILABLE
        answer = q.ask(COUNT)
        assert answer.status == UNAVAILABLE and answer.message.startswith("the database is away")
    finally:
        cluster.start()
    wait_for(lambda: q.ask(COUNT).status == OK, 60)
    wait_for(lambda: queryd.ask(COUNT).status == OK, 60)  # the other tests' has lost its connections, too


def test_terminated_answers_what_is_under_way(make_queryd, lock):
    q = make_queryd(connections=1)
    assert q.rows(COUNT)
    lock.hold()
    running, waiting = q.send(COUNT), q.send(COUNT)
    lock.wait_for_questions()
    began = time.monotonic()
    q.process.send_signal(signal.SIGTERM)
    refused = q.receive()
    assert (refused.id, refused.status) == (waiting, UNAVAILABLE)
    assert refused.message == "the query engine is stopping"
    lock.leave()
    answer = q.receive()
    in_time = time.monotonic() - began < 4  # of the 5 s that what runs has
    assert answer.id == running and (answer.status == OK or not in_time)
    assert q.process.wait(60) == 0


def test_terminated_while_the_database_hangs(make_queryd, lock):
    q = make_queryd(connections=1)
    assert q.rows(COUNT)
    lock.hold()
    q.send(COUNT)
    lock.wait_for_questions()
    began = time.monotonic()
    assert q.stop() == 0
    assert time.monotonic() - began < 30  # and not when the question may no longer run


def test_configuration_faults(tmp_path, build_dir):
    def check(**settings):
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"common": {"run_dir": "/tmp/x", "schemas_dir": "/tmp"},
                                      "queryd": settings}))
        p = subprocess.run([f"{build_dir}/queryd/queryd", "--config", str(config), "--check-config"],
                           capture_output=True, text=True)
        return p.returncode, p.stderr
    assert check(database="host=/tmp")[0] == 0
    code, said = check(database="password=secret nonsense=1")
    assert code == 1 and said == f"{tmp_path}/config.json: queryd.database: expected a libpq connection string\n"
    assert check(database="", rows_default=200, rows_max=100)[0] == 1


@pytest.mark.parametrize("change, says", [
    ("DELETE FROM ezrepo.migration WHERE number = (SELECT max(number) FROM ezrepo.migration)",
     r"the store has version \d+, expected \d+: stored brings it up to date when it starts"),
    ("INSERT INTO ezrepo.migration SELECT max(number) + 1, 'more' FROM ezrepo.migration",
     r"the store has version \d+, expected \d+: it was made by a newer EZRepo"),
    ("REVOKE SELECT ON ezrepo.migration FROM ezrepo_read", r"the store tells no version, expected \d+: stored brings it"),
    ("ALTER TABLE ezrepo.migration RENAME TO gone", r"the store tells no version, expected \d+: stored brings it"),
])
def test_a_store_of_another_version_is_told(cluster, store, make_queryd, change, says):
    """Neither asked, nor said to be away; and asked as soon as it is as it should be."""
    assert store
    sql = cluster.connect().cursor()
    keep = "CREATE TABLE ezrepo.kept AS TABLE ezrepo.migration"
    back = ("ALTER TABLE IF EXISTS ezrepo.gone RENAME TO migration; GRANT SELECT ON ezrepo.migration TO ezrepo_read;"
            "DELETE FROM ezrepo.migration; INSERT INTO ezrepo.migration TABLE ezrepo.kept; DROP TABLE ezrepo.kept")
    sql.execute(keep)
    sql.execute(change)
    try:
        q = make_queryd()
        answer = wait_for(lambda: (a := q.ask(COUNT)).message and a)
        assert answer.status == UNAVAILABLE and re.match(says, answer.message), answer.message
        assert re.match(says, wait_for(lambda: q.status().get("notes", {}).get("database", "").startswith("the store")
                                       and q.status()["notes"]["database"]))
    finally:
        sql.execute(back)
    wait_for(lambda: q.ask(COUNT).status == OK)
