# SPDX-License-Identifier: Apache-2.0
"""Why a series has the grade it has: what queryd says against a slow reading of the semantics; by the gateway and by `ezrepo why`;
with late data, gaps, several series, and a store that says something else than the grading.
"""
import datetime
import decimal
import ipaddress
import json
import os
import random
import re
import ssl
import time
import urllib.request
import zoneinfo

import pytest
from capabilities import DIMENSIONS, TABLE
from conftest import ROOT, ping, time_text
from queries import INVALID, Asker, WHY

MINUTE = 60
TYPES = {"types": {"why": {"interval_s": 60, "aliases": {"a": ["b", "c"], "d": ["e"]},
                           "valid": [{"metrics": ["a", "b"], "min": 0, "max": 100, "never": [7]}]}}}
COLUMNS = ["a", "b", "c", "d", "e"]
VALUES = [None, "5", "7", "7.0", "-1", "101", "100", "50.0", "1e1", "+20", "nan", "True", "[1]", "", "18446744073709551615"]
NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
RELATIONS = {"<": lambda v, m: v < m, "<=": lambda v, m: v <= m, ">": lambda v, m: v > m, ">=": lambda v, m: v >= m,
             "==": lambda v, m: v == m, "!=": lambda v, m: v != m}


# ---- a slow reading of the semantics ----

def pattern_matches(pattern, value, addresses):
    if addresses and pattern != "*":
        try:
            return ipaddress.ip_address(value) in ipaddress.ip_network(pattern, strict=False)
        except (ValueError, TypeError):
            pass
    return re.fullmatch("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern), value, re.S) is not None


def found(metrics, name):
    """Under which column, the value, and what it is."""
    columns = [column for column in [name, *TYPES["types"]["why"]["aliases"].get(name, [])] if column in metrics]
    if not columns:
        return None, None, "missing"
    value = metrics[columns[0]]
    if value is None:
        return columns[0], None, "null"
    if not NUMBER.fullmatch(value):
        return columns[0], value, "no number"
    number = decimal.Decimal(value)
    bounds = TYPES["types"]["why"]["valid"][0]
    if columns[0] in bounds["metrics"] and (not bounds["min"] <= number <= bounds["max"] or number in bounds["never"]):
        return columns[0], value, "impossible"
    return columns[0], value, "number"


def holds(metrics, condition):
    _, value, what = found(metrics, condition["metric"])
    return what == "number" and RELATIONS[condition["rel"]](decimal.Decimal(value), decimal.Decimal(condition["limit"]))


def margin(metrics, condition):
    """By how much it holds, from 0 on, or does not, up to 0; None where there is no number."""
    _, value, what = found(metrics, condition["metric"])
    if what != "number":
        return None
    difference = decimal.Decimal(value) - decimal.Decimal(condition["limit"])
    return {"<": -difference, "<=": -difference, ">": difference, ">=": difference, "==": -abs(difference),
            "!=": abs(difference)}[condition["rel"]]


def check_explanation(told, blocks, record, metrics):
    """A record of an answer: every block, rule and condition of it."""
    name, over = told["grade_name"], []
    for i, block in enumerate(blocks):
        if block["gradeName"] != name:
            continue
        wrong = [key for key, pattern in block["appliesTo"].items()
                 if not pattern_matches(pattern, record[key], key in ("recordSource", "recordDest"))]
        if not wrong:
            break
        over.append((f"grading[{i}]", wrong))
    else:
        block = None
    said = told["record"]
    assert said["agrees"] and said["passed_over_count"] == len(over)
    for each, (place, wrong) in zip(said["passed_over"], over, strict=True):
        key = "record" + each["dimension"].capitalize()
        assert each["place"] == place and key in wrong and each["value"] == record[key]
        assert each["pattern"] == blocks[int(place[8:-1])]["appliesTo"][key]
    if block is None:
        assert said["grade"] is None and said["block"] is None and said["rules"] == []
        return
    assert said["block"] == {"place": f"grading[{i}]", "appliesTo": {k: p for k, p in block["appliesTo"].items() if p != "*"}}
    grade = 0
    for r, (rule, given) in enumerate(zip(said["rules"], block["gradingRules"], strict=True)):
        held = all(holds(metrics, condition) for condition in given.get("if", []))
        assert rule["reached"] == (grade == 0) and rule["holds"] == held
        assert rule["decides"] == (grade == 0 and held)
        assert (rule["place"], rule["grade"]) == (f"grading[{i}].gradingRules[{r}]", int(given["grade"]))
        grade = int(given["grade"]) if rule["decides"] else grade
        for c, (one, condition) in enumerate(zip(rule["conditions"], given.get("if", []), strict=True)):
            check_condition(one, condition, metrics)
            assert one["place"] == f"{rule['place']}.if[{c}]"
    assert said["grade"] == said["graded_again"] == grade


def check_condition(told, condition, metrics):
    column, value, what = found(metrics, condition["metric"])
    assert {key: told[key] for key in condition} == condition
    assert (told.get("column"), told.get("value"), told["found"]) == (column, value, what)
    assert told["holds"] == holds(metrics, condition)
    expected = margin(metrics, condition)
    assert ("margin" in told) == (expected is not None)
    assert expected is None or decimal.Decimal(told["margin"]) == expected
    assert told.get("valid") == (TYPES["types"]["why"]["valid"][0] if what == "impossible" else None)


# ---- random gradings, random records ----

def random_blocks(r):
    patterns = {"recordType": ["*", "why", "w?y", "other"], "recordContent": ["*", "x?", "x1"], "recordProbe": ["*", "p1", "p2"],
                "recordSource": ["*", "192.0.2.0/25", "192.0.2.1", "h*"], "recordDest": ["*", "198.51.0.0/16", "d*"]}
    limits = ["5", "7", "10", "50", "100", "-1", "20.5", "1e1", "18446744073709551614"]
    return [{"gradeName": r.choice(["n", "n", "m"]),
             "appliesTo": {key: r.choice(p) for key, p in patterns.items() if r.random() < 0.5},
             "gradingRules": [{"grade": str(r.randint(1, 5)),
                               "if": [{"metric": r.choice([*COLUMNS, "z"]), "rel": r.choice([*RELATIONS]), "limit": r.choice(limits)}
                                      for _ in range(r.randint(0 if r.random() < 0.1 else 1, 3))]} for _ in range(r.randint(0, 4))]}
            for _ in range(r.randint(4, 10))]


def random_record(r, number, when):
    """What is sent, its dimensions as patterns' keys have them, its metrics."""
    metrics = {column: r.choice(VALUES) for column in r.sample(COLUMNS, r.randint(1, 5))}
    record = {"recordType": "why", "recordContent": r.choice(["x1", "x2", "y"]), "recordProbe": r.choice(["p1", "p2"]),
              "recordSource": r.choice(["192.0.2.1", "192.0.2.200", "host"]),
              "recordDest": r.choice([f"198.51.{number // 200}.{number % 200 + 1}", f"d{number}"])}
    sent = {"result": "measure", "version": 1, "registry": "http://ict-mplane.eu/registry/core", "label": "why", "when": time_text(when),
            "parameters": {"record.type": "why", "record.content": record["recordContent"],
                           "source.hostname": record["recordSource"], "destination.hostname": record["recordDest"]},
            "metadata": {"System_ID": record["recordProbe"]},
            "results": list(metrics), "resultvalues": [list(metrics.values())]}
    return sent, record, metrics


def versions(one):
    return one.sql("SELECT max(version) FROM grading")[0][0]


def publish(one, tmp_path, blocks):
    (tmp_path / "grading.json").write_text(json.dumps({"grading": blocks}))
    one.cmd("grading", "set", str(tmp_path / "grading.json"))
    version = versions(one)
    one.wait_for(lambda: one.process("classifyd-0")["counters"]["grading.version"] == version)


@pytest.fixture(name="one")
def graded_set(module_set):
    """With the record type of this file."""
    file = os.path.join(module_set.state, "record-types.d", "why.json")
    if not os.path.exists(file):
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "w", encoding="utf-8") as out:
            json.dump(TYPES, out)
        before = versions(module_set)
        module_set.cmd("reload")
        module_set.wait_for(lambda: versions(module_set) == before + 1)
    return module_set


@pytest.fixture(name="asker")
def make_asker(one):
    asker = Asker(os.path.dirname(one.endpoint("query")))
    yield asker
    asker.close()


def test_every_condition_is_as_a_slow_reading_has_it(one, asker, tmp_path):
    r = random.Random(20261129)
    now, sent = time.time() - 3600, []
    for _ in range(3):
        blocks = random_blocks(r)
        publish(one, tmp_path, blocks)
        new = [(*random_record(r, len(sent) + i, now), blocks) for i in range(60)]
        one.send([each[0] for each in new])
        sent += new
        one.wait_matched(len(sent), "--type", "why")
    seen = set()
    for _, record, metrics, blocks in sent:
        rows = asker.rows(WHY, type="why", dest=record["recordDest"])
        # Names of other versions, too: of those no block matches.
        assert {row["grade.name"] for row in rows} >= {block["gradeName"] for block in blocks}
        for row in rows:
            assert row["why.series"] == "1" and row["record.dest"] == record["recordDest"]
            told = json.loads(row["why.document"])
            assert told["line"] == row["why.line"] and "FAULT" not in told["line"]
            assert row["grade.value"] == (None if told["record"]["grade"] is None else str(told["record"]["grade"]))
            check_explanation(told, blocks, record, metrics)
            asked = [c["found"] for rule in told["record"]["rules"] if rule["reached"] for c in rule["conditions"]]
            assert ("is impossible (" in told["line"]) == ("impossible" in asked), told["line"]
            seen |= {c["found"] for rule in told["record"]["rules"] for c in rule["conditions"]}
            seen |= {c["column"] != c["metric"] for rule in told["record"]["rules"] for c in rule["conditions"] if "column" in c}
    assert seen == {"missing", "null", "no number", "impossible", "number", True, False}


def test_hours_of_the_week_by_the_clocks_of_a_zone(one, asker, tmp_path):
    """Which block decides goes by the start of the record; why says which hours those were."""
    zone = zoneinfo.ZoneInfo("Asia/Kathmandu")
    now = datetime.datetime.fromtimestamp(time.time() - 3600, zone).replace(minute=0, second=0, microsecond=0)
    there = {"hours": [{"days": now.strftime("%a").lower(), "from": now.strftime("%H:00"), "to": now.strftime("%H:30")}],
             "time_zone": "Asia/Kathmandu"}
    publish(one, tmp_path, [
        {"gradeName": "hours", "appliesTo": {"recordType": "why", "during": there}, "gradingRules": [{"grade": "2"}]},
        {"gradeName": "hours", "appliesTo": {"recordType": "why"}, "gradingRules": [{"grade": "4"}]}])
    kept, = one.sql("SELECT types::jsonb -> 'zones' -> 'Asia/Kathmandu' FROM grading ORDER BY version DESC LIMIT 1")[0]
    assert kept[-1] == 5 * 3600 + 45 * 60 and kept[-2] == int(datetime.datetime(1985, 12, 31, 18, 30, tzinfo=datetime.timezone.utc).timestamp())
    begins = now.timestamp()
    for number, (after, grade) in enumerate([(-0.000001, 4), (0, 2), (1799.999999, 2), (1800, 4)]):
        record = ping(f"hours{number}", time_text(begins + after))
        record["parameters"]["record.type"] = "why"
        one.send([record])
        one.wait_matched(1, "--dest", f"hours{number}")
        row, = asker.rows(WHY, dest=f"hours{number}", grade="hours")
        said = json.loads(row["why.document"])["record"]
        assert (row["grade.value"], said["agrees"]) == (str(grade), True)
        assert said["passed_over"] == ([] if grade == 2 else [{"place": "grading[0]", "during": there}])
        assert said["block"]["appliesTo"] == {"recordType": "why", **({"during": there} if grade == 2 else {})}


# ---- periods, events, late data ----

def as_a_client(one, dest, when):
    """QueryWhy as an mPlane client asks it: the rows of the result."""
    files = one.client_files()
    context = ssl.create_default_context(cafile=files["ca"])
    context.load_cert_chain(files["cert"], files["key"])
    values = {**dict.fromkeys(DIMENSIONS, "*"), "record.dest": dest, "select.grade": "overall"}
    columns = TABLE["QueryWhy"][2]
    question = {"specification": "query", "version": 1, "label": "why-7", "when": when, "parameters": values, "results": columns,
                "registry": f"http://localhost:{one.registry}/registry/ezrepo"}
    request = urllib.request.Request(f"https://localhost:{one.https}/specification", json.dumps(question).encode(),
                                     {"Content-Type": "application/x-mplane+json"})
    with urllib.request.urlopen(request, timeout=60, context=context) as response:
        result = json.load(response)
    assert result.get("result") == "query", result
    return [dict(zip(columns, row, strict=True)) for row in result["resultvalues"]]


OVERALL = [{"gradeName": "overall", "appliesTo": {"recordType": "OTT"}, "gradingRules": [{"grade": "1"}]},
           {"gradeName": "overall", "appliesTo": {"recordType": "ping"}, "gradingRules": [
               {"grade": "5", "if": [{"metric": "delay.twoway.icmp.us", "rel": "<", "limit": "20000"}]},
               {"grade": "3", "if": [{"metric": "delay.twoway.icmp.us", "rel": "<", "limit": "100000"}]}, {"grade": "1"}]}]


def why(one, dest, *arguments, code=0):
    done = one.cmd("why", "--dest", dest, "--grade", "overall", *arguments, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def document(one, dest, *arguments):
    return json.loads(why(one, dest, "--output", "json", *arguments))


def test_what_late_data_changed_and_what_began_and_ended_a_period(one, tmp_path):
    publish(one, tmp_path, OVERALL)
    base, dest = time.time() // MINUTE * MINUTE - 3 * 3600, "198.51.100.7"

    def at(minute):
        return time_text(base + minute * MINUTE)

    def send(total, *records):
        one.send([ping(dest, at(minute), mean) for minute, mean in records])
        one.wait_matched(total, "--dest", dest)
    send(4, (0, 9000), (1, 9000), (3, 130000), (4, 9000))
    before = document(one, dest, "--at", at(3))
    assert before["period"]["start"] == at(3) and before["period"]["retracted"] is None
    send(6, (2, 120000), (60, 9000))
    told = document(one, dest, "--at", at(3.5))
    period = told["period"]
    assert told["line"] == (f"overall 1 (critical) since {at(2)} UTC: delay.twoway.icmp.us.mean 130000 is not < 100000 (by 30000)"
                            " as grade 3 wants")
    assert (period["start"], period["end"], period["records"], period["ended"]) == (at(2), at(3), 2, "grade")
    assert period["event"]["from"] == 5 and not period["event"]["late"]
    retracted, = period["retracted"]
    assert (retracted["time"], retracted["from"], retracted["to"]) == (at(3), 5, 1)
    assert retracted["told"] == before["period"]["event"]["told"] < retracted["retracted"]
    assert period["began"]["start"] == at(2) and period["began"]["because"].startswith("delay.twoway.icmp.us.mean 120000")
    assert period["next"]["start"] == at(4) and period["next"]["record"]["grade"] == 5
    assert told["record"]["door"] == "udp" and told["record"]["format"] == "mplane"
    assert told["record"]["received"] <= told["record"]["committed"]
    assert told["record"]["ingestd"] == one.process("ingestd")["notes"]["instance"]
    # The same, by what any mPlane client sends and by what a person reads.
    row, = as_a_client(one, dest, at(3.5))
    assert json.loads(row["why.document"]) == told and (row["time"], row["grade.value"]) == (at(3), "1")
    text = why(one, dest, "--at", at(3.5))
    assert text.startswith(told["line"] + "\n") and f"retracted  from 5 to 1 at {at(3).rstrip('0').rstrip('.')}" in text
    assert "no  delay.twoway.icmp.us.mean 130000 < 20000, by 110000 (for delay.twoway.icmp.us)" in text
    # A gap, and the record after it; now.
    told = document(one, dest, "--at", at(30))
    assert told["record"]["start"] == at(4) and told["period"]["ended"] == "gap"
    assert (told["period"]["next"]["after_s"], told["period"]["gap_s"], told["period"]["gap_type"]) == (56 * 60, 750, "ping")
    assert document(one, dest)["period"]["ended"] is None
    # A record before which another came late: the event was told when its record had long been there.
    one.sql("UPDATE event SET told_at = told_at + interval '1 h' WHERE t = %s AND retracted_at IS NULL", at(60) + "+00")
    assert document(one, dest)["period"]["event"]["late"]


def test_the_example_of_steadiness(one, tmp_path):
    """docs/gradings.md: the document it has, and the records of its table."""
    with open(os.path.join(ROOT, "docs", "gradings.md"), encoding="utf-8") as file:
        page = file.read()
    publish(one, tmp_path, json.loads(page.split("```json\n")[1].split("```")[0])["grading"])
    rows = {line.split("|")[1].strip(): [int(cell) for cell in line.split("|")[2:-1]] for line in page.splitlines()
            if line.startswith(("| delay", "| grade of", "| state"))}
    base, dest = time.time() // MINUTE * MINUTE - 3600, "198.51.100.77"
    for i, delay in enumerate(rows["delay, ms"]):
        one.send([ping(dest, time_text(base + 30 * i), delay * 1000)])
        one.wait_matched(i + 1, "--dest", dest)
    for i, (grade, state) in enumerate(zip(rows["grade of the record"], rows["state"], strict=True)):
        told = document(one, dest, "--at", time_text(base + 30 * i))
        assert (told["record"]["grade"], told["period"]["grade"]) == (grade, state), i
        held = f"overall {state} ({('critical', 'major', 'minor', 'warning', 'normal')[state - 1]}, held) since "
        assert told["line"].startswith(held) == (grade != state) and (f"the record is graded {grade}: " in told["line"]) == (grade != state)
    assert one.sql("SELECT p.grade, p.records, p.ended FROM period_now p JOIN series s ON s.id = series_id WHERE dest = %s"
                   " ORDER BY t_start", dest) == [(5, 4, "grade"), (3, 2, "grade"), (5, 3, None)]


def test_missing_and_impossible_are_told_apart(one, tmp_path):
    """Also where another condition decided than the one that found what is impossible."""
    delay, lost, success = ({"metric": metric, "rel": rel, "limit": limit} for metric, rel, limit in
                            (("delay.twoway.icmp.us", "<", "5"), ("loss.ratio", "<", "0.1"), ("success", "==", "1")))

    def line(dest, conditions, ratio):
        publish(one, tmp_path, [{"gradeName": "overall", "appliesTo": {}, "gradingRules":
                                 [*({"grade": 5 - i, "if": [c]} for i, c in enumerate(conditions)), {"grade": 1}]}])
        record = ping(dest, time_text(time.time() - 60))
        record["results"].append("loss.ratio")
        record["resultvalues"][0].append(ratio)
        one.send([record])
        one.wait_matched(1, "--dest", dest)
        return document(one, dest)["line"].split(" UTC: ")[1]
    missing = "success is missing, wanted == 1 as grade "
    assert line("198.51.100.21", (delay, success), "2.5") == missing + "4 wants"  # nobody asked for the ratio
    assert line("198.51.100.22", (lost, success), "0.5") == missing + "4 wants"
    assert line("198.51.100.23", (lost, success), "2.5") == missing + "4 wants; loss.ratio is impossible (2.5)"
    assert line("198.51.100.24", (success, lost), "2.5") == "loss.ratio is impossible (2.5), wanted < 0.1 as grade 4 wants"


def test_which_series_is_meant(one, asker, tmp_path):
    publish(one, tmp_path, OVERALL)
    now = time_text(time.time() - 60)
    one.send([ping("203.0.113.5", now, probe=f"probe{i:02}") for i in range(30)])
    one.wait_matched(30, "--dest", "203.0.113.5")
    rows = asker.rows(WHY, dest="203.0.113.5")
    assert [row["record.probe"] for row in rows] == [f"probe{i:02}" for i in range(20)]
    assert {(row["why.series"], row["why.line"], row["grade.name"], row["why.document"], row["time"]) for row in rows} \
        == {("30", "one of 30 series that fit: say which", None, None, None)}
    assert "--probe probe07" in why(one, "203.0.113.5", code=1)
    assert asker.rows(WHY, dest="203.0.113.77") == [] and why(one, "203.0.113.77", code=1) == "no series fits\n"
    assert "no record in the time" in why(one, "203.0.113.5", "--probe", "probe03", "--at", "2020-01-01", code=1)
    answer = asker.ask(WHY, dest="203.0.113.5", grade="nonsense")
    assert answer.status == INVALID and "expected \"all\" or one of" in answer.message
    # A range: the last that starts in it.
    row, = asker.rows(WHY, dest="203.0.113.5", probe="probe03", grade="overall")
    assert row["time"] == now
    # Another empty dimension than that of any series.
    assert "no series fits" in why(one, "203.0.113.5", "--type", "", code=1)


def test_a_store_that_says_something_else(one, tmp_path):
    """Whoever changed it: said first and loudly, and counted."""
    publish(one, tmp_path, OVERALL)
    one.send([ping("203.0.113.9", time_text(time.time() - 60))])
    one.wait_matched(1, "--dest", "203.0.113.9")
    faults = one.process("queryd")["counters"].get("why.faults", 0)
    one.sql("UPDATE measurement m SET grades[(SELECT id FROM grade_name WHERE name = 'overall')] = 2 FROM series s"
            " WHERE s.id = m.series_id AND s.dest = '203.0.113.9'")
    text = why(one, "203.0.113.9", code=1)
    assert re.match(r"FAULT: overall 2 \(major\) since .* is stored, but by version \d+ it is another grade: ", text)
    one.wait_for(lambda: one.process("queryd")["counters"]["why.faults"] > faults)
    one.sql("DELETE FROM measurement WHERE series_id = (SELECT id FROM series WHERE dest = '203.0.113.9')")
