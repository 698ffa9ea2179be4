# SPDX-License-Identifier: Apache-2.0
"""The API of webd: every question by a URL, as the roles and tokens of who asks allow; over plain HTTP on this machine, else TLS."""
import concurrent.futures
import contextlib
import csv
import email.message
import http.client
import io
import json
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Dict, Iterator, List, Optional, Tuple

import jsonschema
import pytest
from conftest import EzrepoSet, find_free_ports, ping, running_set, time_text
from processes import held_up

NEEDED = {"QueryGrid": {"grid.rows": "source", "grid.columns": "dest", "select.grade": "overall"}, "QueryFacets": {"facet.dimension": "dest"},
          "QueryBuckets": {"metric.name": "delay.twoway.icmp.us.mean", "range.columns": 10}, "QueryTimeline": {"range.columns": 100}}
MARKUP = "<script>alert(1)</script>"


@pytest.fixture(scope="module", name="one")
def set_with_records(build_dir: str) -> Iterator[EzrepoSet]:
    with running_set(build_dir) as one:
        now = int(time.time())
        one.send([ping("192.0.2.1", time_text(now - i), 10000) for i in range(5)])
        one.send([ping("192.0.2.2", time_text(now - i), 900000, probe=MARKUP) for i in range(3)])
        one.wait_matched(8)
        yield one


def token(one: EzrepoSet, name: str, *options: str) -> str:
    return one.cmd("token", "issue", name, "--from", "127.0.0.1", *options).stdout.split()[0]


@pytest.fixture(scope="module", name="bearer")
def token_that_asks(one: EzrepoSet) -> str:
    one.cmd("role", "add", "asker", "someone")
    one.cmd("role", "allow", "asker", "Query*", "GetGrading", "Ledger*")
    return token(one, "all", "--ask", "*", "--identity", "someone")


@pytest.fixture(scope="module", name="setter")
def token_that_publishes(one: EzrepoSet) -> str:
    one.cmd("role", "add", "setter", "publisher")
    one.cmd("role", "allow", "setter", "SetGrading", "TryGrading", "GetGrading", "QueryGradings")
    return token(one, "sets", "--ask", "*", "--identity", "publisher")


RULE = {"grade": "1", "if": [{"metric": "delay.twoway.icmp.us.mean", "rel": ">", "limit": "500000"}]}
GRADING = {"grading": [{"gradeName": "overall", "appliesTo": {"recordType": "ping"}, "gradingRules": [RULE, {"grade": "5"}]}]}
FAULTY = """{"grading": [
  {"gradeName": "overall", "appliesTo": {"recordType": "ping"},
   "gradingRules": [
     {"grade": "9"},
     {"grade": "1", "if": [{"metric": "m", "rel": "=<", "limit": "1"}]}]}]}"""
Answer = Tuple[int, str, email.message.Message]


def get(one: EzrepoSet, path: str, bearer: Optional[str] = None, method: str = "GET", accept: Optional[str] = None,
        base: str = "", context: Optional[ssl.SSLContext] = None, body: Optional[bytes] = None, **headers: str) -> Answer:
    sent = {**headers, **({"Authorization": f"Bearer {bearer}"} if bearer else {}), **({"Accept": accept} if accept else {})}
    request = urllib.request.Request((base or f"http://127.0.0.1:{one.page}") + path, method=method, headers=sent, data=body)
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def ask(one: EzrepoSet, bearer: str, label: str, **parameters: Any) -> Dict[str, Any]:
    query = urllib.parse.urlencode({name.replace("_", "."): value for name, value in parameters.items()})
    status, text, _ = get(one, f"/api/v1/{label}?{query}", bearer)
    assert status == 200, text
    return dict(json.loads(text))


def post(one: EzrepoSet, bearer: Optional[str], label: str, body: Any, **more: Any) -> Answer:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return get(one, f"/api/v1/{label}", bearer, method="POST", body=sent, **{"Content-Type": "application/json", **more})


def refused(answer: Answer) -> Tuple[int, str]:
    return answer[0], json.loads(answer[1])["error"]["reason"]


def test_answers_are_those_of_the_gateway(one: EzrepoSet, bearer: str) -> None:
    for label, command in (("QueryByCriteria", "query"), ("QueryPeriods", "periods"), ("QueryEvents", "events")):
        theirs = one.rows(command)
        ours = ask(one, bearer, label)["rows"]
        shared = [name for name in theirs[0] if not name.startswith(("period.", "time", "list."))] if theirs else []
        assert [[row[name] for name in shared] for row in ours] == [[row[name] for name in shared] for row in theirs], label
    now = ask(one, bearer, "QueryNow")["rows"]
    assert [(row["now.kind"], row["record.dest"], row["record.probe"]) for row in now if row["record.dest"] == "192.0.2.2"] == \
        [("series", "192.0.2.2", MARKUP)], now
    assert all(isinstance(row["grade.value"], int) and row["period.start"].endswith("Z") for row in now if row["now.kind"] == "series")
    records = ask(one, bearer, "QueryRecords", record_dest="192.0.2.1", list_limit=2)
    assert len(records["rows"]) == 2 and isinstance(records["rows"][0]["results.repo"], dict)
    rest = ask(one, bearer, "QueryRecords", record_dest="192.0.2.1", list_after=records["next"])["rows"]
    assert rest and rest[0]["time"] <= records["rows"][-1]["time"]
    assert isinstance(ask(one, bearer, "GetGrading")["rows"][0]["grading.document"], dict)


def test_every_question_there_is_is_answered(one: EzrepoSet, bearer: str) -> None:
    _, text, _ = get(one, "/api/v1/me", bearer)
    me = json.loads(text)
    assert (me["identity"], me["how"]) == ("someone", "token") and len(me["may"]) > 15
    moment = {"from": time_text(int(time.time()) - 3600).replace(" ", "T") + "Z", "to": "now"}
    for label in me["may"]:
        for accept in ("application/json", "application/x-ndjson", "text/csv"):
            parameters = {**NEEDED.get(label, {}), **(moment if label in ("QueryBuckets", "QueryTimeline") else {})}
            status, text, headers = get(one, f"/api/v1/{label}?{urllib.parse.urlencode(parameters)}", bearer, accept=accept)
            assert status == 200, (label, text)
            assert headers["Content-Type"].startswith(accept) and headers["Cache-Control"] == "no-store"
            if accept == "application/json":
                rows = json.loads(text)["rows"]
            elif accept == "application/x-ndjson":
                assert len([json.loads(line) for line in text.splitlines()]) == len(rows) or label == "QueryChanges"
            else:
                read = list(csv.DictReader(io.StringIO(text)))
                assert len(read) == len(rows) and (not rows or list(read[0]) == list(rows[0]))


def as_json_schema(part: Any) -> Any:
    """OpenAPI 3.0 says null in a way of its own."""
    if isinstance(part, list):
        return [as_json_schema(each) for each in part]
    if not isinstance(part, dict):
        return part
    rest = {key: as_json_schema(value) for key, value in part.items() if key not in ("nullable", "description")}
    return {"anyOf": [{"type": "null"}, rest]} if part.get("nullable") and rest else rest


def test_answers_are_as_the_document_says(one: EzrepoSet, bearer: str) -> None:
    document = json.loads(get(one, "/api/v1/openapi.json", bearer)[1])
    schemas = {path: as_json_schema(of["get"]["responses"]["200"]["content"]["application/json"]["schema"])
               for path, of in document["paths"].items() if "get" in of and path != "/api/v1/changes"}
    assert document["components"]["securitySchemes"]["session"]["name"] == f"ezrepo-{one.page}"
    me = json.loads(get(one, "/api/v1/me", bearer)[1])
    assert {f"/api/v1/{label}" for label in me["may"]} <= set(schemas)
    looked = 0
    for path, schema in schemas.items():
        label = path.rpartition("/")[2]
        moment = {"from": "2026-01-01T00:00:00Z", "to": "now"} if label in ("QueryBuckets", "QueryTimeline") else {}
        query = urllib.parse.urlencode({**NEEDED.get(label, {}), **moment})
        status, text, _ = get(one, f"{path}?{query}", bearer)
        if status == 200:
            jsonschema.validate(json.loads(text), {**schema, "components": as_json_schema(document["components"])})
            looked += 1
        else:
            assert label.startswith(("Rejected", "publishers")), (path, text)  # he may not
            jsonschema.validate(json.loads(text), as_json_schema(document["components"]["schemas"]["Refusal"]))
        parameters = {p.get("name") for p in document["paths"][path]["get"].get("parameters", [])}
        assert set(NEEDED.get(label, {})) <= parameters
    assert looked >= len(me["may"])
    first = "/api/v1/QuerySeries"
    broken = json.loads(get(one, first, bearer)[1])
    broken["rows"][0]["records.count"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, {**schemas[first], "components": as_json_schema(document["components"])})


def test_who_is_nobody_learns_nothing(one: EzrepoSet, bearer: str) -> None:
    told = {get(one, path, given)[1] for path in ("/api/v1/me", "/api/v1/QueryNow", "/api/v1/nosuch", "/api/v1/x")
            for given in (None, "ezr_" + "A" * 43, "x")}
    assert len(told) == 1 and '"reason":"unknown"' in told.pop()
    status, _, headers = get(one, "/api/v1/me")
    assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="EZRepo"')
    assert refused(get(one, "/api/v1/nosuch", bearer)) == (404, "path")
    assert refused(get(one, "/api/v1/SetGrading", bearer)) == (405, "method")
    assert refused(get(one, "/api/v1/QueryNow", bearer, method="POST")) == (405, "method")
    assert refused(get(one, "/api/v1/QueryNow", bearer, accept="text/html")) == (406, "invalid")
    assert refused(get(one, "/api/v1/QueryNow?list.limit=no", bearer)) == (400, "invalid")
    assert refused(get(one, "/api/v1/QueryNow?list.limit=1&list.limit=1", bearer)) == (400, "invalid")
    assert refused(get(one, "/api/v1/QueryGrid?grid.rows=colour", bearer)) == (400, "invalid")


def test_a_token_asks_only_what_it_was_made_for(one: EzrepoSet, bearer: str) -> None:
    delivers = token(one, "delivers", "--type", "ping", "--identity", "someone")
    some = token(one, "some", "--ask", "QueryNow", "--identity", "someone")
    nobody = token(one, "nobody", "--ask", "*", "--identity", "stranger")
    assert refused(get(one, "/api/v1/QueryNow", delivers)) == (403, "denied")
    assert get(one, "/api/v1/QueryNow", some)[0] == 200
    assert refused(get(one, "/api/v1/QueryEvents", some)) == (403, "denied")
    assert refused(get(one, "/api/v1/status", some)) == (403, "denied")
    assert refused(get(one, "/api/v1/QueryNow", nobody)) == (403, "denied")
    assert json.loads(get(one, "/api/v1/me", some)[1])["may"] == ["QueryNow"]
    one.cmd("token", "revoke", "some")
    one.wait_for(lambda: get(one, "/api/v1/QueryNow", some)[0] == 401)
    listed = one.cmd("token", "list", "--output", "json").stdout
    assert '"asks"' in listed and bearer not in listed


def test_a_role_that_is_bound_sees_its_series_only(one: EzrepoSet) -> None:
    one.cmd("role", "add", "half", "bounded", "--sees", "dest=192.0.2.1")
    one.cmd("role", "allow", "half", "Query*", "Ledger*")
    mine = token(one, "bounded", "--ask", "*", "--identity", "bounded")
    rows = ask(one, mine, "QuerySeries")["rows"]
    assert {row["record.dest"] for row in rows} == {"192.0.2.1"}
    assert refused(get(one, "/api/v1/LedgerLosses", mine)) == (403, "denied")
    assert refused(get(one, "/api/v1/status", mine)) == (403, "denied")


def test_who_asked_what_is_written_down(one: EzrepoSet, bearer: str) -> None:
    ask(one, bearer, "QueryFacets", facet_dimension="dest")
    get(one, "/api/v1/QueryFacets?facet.dimension=colour", bearer)
    log = f"{one.state}/log/webd-audit.log"

    def lines() -> List[str]:
        with open(log, encoding="utf-8") as file:
            return [line for line in file if 'identity="someone"' in line and 'question="QueryFacets"' in line]
    one.wait_for(lambda: {outcome for line in lines() for outcome in ("answered", "invalid") if f'outcome="{outcome}"' in line}
                 == {"answered", "invalid"})
    with open(log, encoding="utf-8") as file:
        assert bearer not in file.read()


def test_status_tells_how_the_set_does(one: EzrepoSet, bearer: str) -> None:
    told = json.loads(get(one, "/api/v1/status", bearer)[1])
    assert {p["process"] for p in told["processes"]} >= {"ingestd", "stored", "queryd", "webd"}
    assert (told["state"] == "ok") == (told["troubles"] == [])
    webd, = [p for p in told["processes"] if p["process"] == "webd"]
    assert webd["running"] and webd["counters"]["questions.answered"] > 0
    known = {(each["process"], each["what"]) for each in told["certificates"]}
    assert {("mplane-gw", "certificate"), ("mplane-gw", "authority"), ("mplane-gw", "revocation list"), ("ingest-gw", "certificate")} <= known
    assert all(each["days"] > 14 and each["whose"] for each in told["certificates"])
    spool, = [each for each in told["disks"] if each["of"] == "spool"]
    assert spool["process"] == "ingestd" and 0 < spool["free_bytes"] <= spool["bytes"]
    assert (spool["way"], spool["full_s"]) == ("unknown", None)  # it has not run for ten minutes


def test_the_disk_of_the_store_is_watched(one: EzrepoSet, bearer: str) -> None:
    def store() -> Any:
        return [each for each in json.loads(get(one, "/api/v1/status", bearer)[1])["disks"] if each["of"] == "store"]
    one.wait_for(store)
    assert 0 < store()[0]["free_bytes"] < store()[0]["bytes"]


def test_a_grading_is_published(one: EzrepoSet, setter: str, bearer: str) -> None:
    assert json.loads(get(one, "/api/v1/me", setter)[1])["may"] == ["GetGrading", "SetGrading", "QueryGradings", "TryGrading"]
    before = ask(one, setter, "QueryGradings")["rows"]
    text = json.dumps(GRADING, indent=2) + "\n"
    status, told, _ = post(one, setter, "SetGrading", {"grading.document": text, "grading.comment": MARKUP})
    assert status == 200 and json.loads(told)["rows"] == [{"grading.version": len(before) + 1, "grading.blocks": 1}], told
    after = ask(one, setter, "QueryGradings")["rows"]
    assert after[1:] == before and (after[0]["grading.author"], after[0]["grading.comment"], after[0]["grading.blocks"]) == ("publisher", MARKUP, 1)
    kept, = csv.DictReader(io.StringIO(get(one, "/api/v1/GetGrading", setter, accept="text/csv")[1]))
    assert kept["grading.document"] == text and kept["grading.comment"] == MARKUP
    one.send([ping("192.0.2.9", time_text(int(time.time())), 600000)])
    one.wait_for(lambda: [row["grade.value"] for row in ask(one, bearer, "QuerySeries", record_dest="192.0.2.9")["rows"]] == [1])
    newest, over = after[0]["grading.version"], {"grading.document": text}
    answer = post(one, setter, "SetGrading", {**over, "grading.version": newest - 1})
    assert refused(answer) == (400, "invalid") and f"grading.version: version {newest} is in force, not version {newest - 1}" in answer[1]
    assert post(one, setter, "SetGrading", {**over, "grading.version": str(newest)})[0] == 200
    before, after = after, ask(one, setter, "QueryGradings")["rows"]
    assert after[1:] == before
    page = ask(one, setter, "QueryGradings", list_limit=1)
    assert ask(one, setter, "QueryGradings", list_after=page["next"])["rows"] == before


def test_faults_are_told_by_line(one: EzrepoSet, setter: str) -> None:
    before = ask(one, setter, "QueryGradings")["rows"]
    status, told, _ = post(one, setter, "check-grading", {"grading.document": FAULTY})
    assert status == 200
    found = json.loads(told)
    assert (found["blocks"], found["more"]) == (None, 0)
    assert [(f["place"], f["line"], f["column"]) for f in found["faults"]] == [
        ("grading[0].gradingRules[0].grade", 4, 7), ("grading[0].gradingRules[1].if[0].rel", 5, 44)]
    assert found["faults"][1]["message"] == 'expected one of < <= > >= == !=, found "=<"'
    answer = post(one, setter, "SetGrading", {"grading.document": FAULTY})
    assert refused(answer) == (400, "invalid") and json.loads(answer[1])["error"]["faults"] == found["faults"]
    broken = json.loads(post(one, setter, "check-grading", {"grading.document": '{"grading": [\n1,\n]}'})[1])["faults"]
    assert [(f["place"], f["line"]) for f in broken] == [("document", 3)] and "byte" in broken[0]["message"]
    ended = {"grading.document": json.dumps(GRADING) + "\n\0"}
    found, = json.loads(post(one, setter, "check-grading", ended)[1])["faults"]
    assert (found["place"], found["line"], found["column"]) == ("document", 2, 1) and "NUL" in found["message"]
    assert json.loads(post(one, setter, "SetGrading", ended)[1])["error"]["faults"] == [found]
    good = json.loads(post(one, setter, "check-grading", {"grading.document": json.dumps(GRADING)})[1])
    assert [w.pop("place") for w in good["warnings"]] == ["grading[0].gradingRules[1]"]
    assert {**good, "warnings": []} == {"blocks": 1, "names": ["overall"], "faults": [], "more": 0, "warnings": [], "compared": True, "hints": good["hints"]}
    metric = RULE["if"][0]["metric"]
    seen = json.dumps({"grading": [{**GRADING["grading"][0], "gradeName": "mine", "gradingRules": [{**RULE, "if": [{**RULE["if"][0], "metric": metric + "s"}]}]}]}, indent=1)
    hints = json.loads(post(one, setter, "check-grading", {"grading.document": seen})[1])["hints"]
    assert [(h["place"], h["line"]) for h in hints][:1] == [("grading[0].gradingRules[0].if[0].metric", 1 + seen[:seen.index(metric)].count("\n"))]
    assert f'no series has "{metric}s"; there is "{metric}"' in hints[0]["message"]
    assert hints[-1]["place"] == "grading" and hints[-1]["message"].startswith('no block is of "')
    twice = json.dumps({"grading": GRADING["grading"] * 2}).replace(', {"gradeName"', ',\n {"gradeName"')
    told = json.loads(post(one, setter, "check-grading", {"grading.document": twice})[1])["warnings"]
    assert [(w["line"], w["place"]) for w in told] == [(1, "grading[0].gradingRules[1]"), (2, "grading[1]"), (2, "grading[1].gradingRules[1]")]
    assert told[1]["message"].startswith("never decides: grading[0]")
    assert ask(one, setter, "QueryGradings")["rows"] == before


def test_checks_are_done_beside(one: EzrepoSet, setter: str) -> None:
    """By a thread, one after the other; others are answered meanwhile, and of one identity four may be under way."""
    rules = [{**RULE, "if": [{**RULE["if"][0], "limit": str(900000 - i)}]} for i in range(8)]
    blocks = [{"gradeName": f"name{i % 30}", "appliesTo": {"recordType": "ping", "recordDest": f"dest-{i}"}, "gradingRules": rules} for i in range(1000)]
    body = {"grading.document": json.dumps({"grading": blocks})}
    assert len(body["grading.document"]) > 800000
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        under_way = [pool.submit(post, one, setter, "check-grading", body) for _ in range(12)]
        assert get(one, "/api/v1/me", setter)[0] == 200
        answers = [each.result() for each in under_way]
    assert {answer[0] for answer in answers} <= {200, 429} and sum(answer[0] == 200 for answer in answers) >= 4
    for answer in answers:
        assert json.loads(answer[1])["blocks"] == 1000 if answer[0] == 200 else refused(answer) == (429, "limited")
    before = one.process("webd")["counters"]["questions.abandoned"]
    with socket.create_connection(("127.0.0.1", one.page)) as s:
        text = json.dumps(body).encode()
        s.sendall(f"POST /api/v1/check-grading HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {setter}\r\nContent-Type: application/json\r\n"
                  f"Content-Length: {len(text)}\r\n\r\n".encode() + text)
    one.wait_for(lambda: one.process("webd")["counters"]["questions.abandoned"] == before + 1)


def test_what_is_no_change_is_refused(one: EzrepoSet, setter: str, bearer: str) -> None:
    good = {"grading.document": json.dumps(GRADING)}
    before = ask(one, setter, "QueryGradings")["rows"]
    some = token(one, "reads", "--ask", "Query*", "--identity", "publisher")
    one.cmd("role", "add", "bounded", "bounded-setter", "--sees", "dest=192.0.2.1")
    one.cmd("role", "allow", "bounded", "SetGrading")
    bounded = token(one, "bounded-setter", "--ask", "*", "--identity", "bounded-setter")
    for path in ("SetGrading", "check-grading"):
        for who in (bearer, some, bounded):
            assert refused(post(one, who, path, good)) == (403, "denied"), (path, who)
        assert refused(post(one, None, path, good)) == (401, "unknown")
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""):
            assert refused(post(one, setter, path, good, **{"Content-Type": kind})) == (415, "invalid"), kind
        for body in (b"", b"{", b"[]", b"null", {}, {"grading.document": ""}, {"grading.document": GRADING}, {**good, "from": "now"}, {**good, "x": None},
                     {**good, "grading.comment": "x" * 1025}, {**good, "grading.comment": "***"}, {"grading.document": "x" * (1 << 20 | 1)}, b'{"grading.document": "\xff"}'):
            assert refused(post(one, setter, path, body)) == (400, "invalid"), (path, body)
        assert post(one, setter, path, b'{"grading.document": "' + b"x" * (5 << 20) + b'"}')[0] == 413
        assert refused(get(one, f"/api/v1/{path}", setter)) == (405, "method")
        assert get(one, f"/api/v1/{path}", setter, method="PUT", body=b"{}")[0] in (405, 501)
    assert refused(post(one, setter, "SetGrading", {**good, "grading.comment": "\0"})) == (400, "invalid")
    assert refused(post(one, setter, "SetGrading", good, Accept="text/html")) == (406, "invalid")
    assert refused(post(one, setter, "QueryGradings", good)) == (405, "method")
    assert ask(one, setter, "QueryGradings")["rows"] == before


def test_who_published_is_written_down(one: EzrepoSet, setter: str, bearer: str) -> None:
    post(one, setter, "SetGrading", {"grading.document": json.dumps(GRADING)})
    post(one, setter, "SetGrading", {"grading.document": FAULTY})
    post(one, bearer, "SetGrading", {"grading.document": FAULTY})

    def outcomes() -> set[Tuple[str, str]]:
        with open(f"{one.state}/log/webd-audit.log", encoding="utf-8") as file:
            lines = [line for line in file if 'question="SetGrading"' in line and 'peer="127.0.0.1:' in line]
        return {(who, outcome) for line in lines for who in ("publisher", "someone") for outcome in ("answered", "invalid", "denied")
                if f'identity="{who}"' in line and f'outcome="{outcome}"' in line}
    one.wait_for(lambda: {("publisher", "answered"), ("publisher", "invalid"), ("someone", "denied")} <= outcomes())


def test_who_else_may_publish(one: EzrepoSet, setter: str, bearer: str) -> None:
    """For who may; no role that is bound to series does."""
    schema = json.loads(get(one, "/api/v1/openapi.json", setter)[1])["paths"]["/api/v1/publishers"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    one.cmd("role", "add", "setter", "deputy-*")
    one.wait_for(lambda: "deputy-*" in get(one, "/api/v1/publishers", setter)[1])
    told = json.loads(get(one, "/api/v1/publishers", setter)[1])
    jsonschema.validate(told, as_json_schema(schema))
    roles = {role["role"]: role["identities"] for role in told["roles"]}
    assert sorted(roles["setter"]) == ["deputy-*", "publisher"] and "bounded" not in roles and told["more"] == 0
    assert refused(get(one, "/api/v1/publishers", bearer)) == (403, "denied")
    one.cmd("role", "remove", "setter", "deputy-*")


def test_changes_are_as_the_document_says(one: EzrepoSet, setter: str) -> None:
    document = json.loads(get(one, "/api/v1/openapi.json", setter)[1])
    posted = {path: of["post"] for path, of in document["paths"].items() if "post" in of and path not in ("/api/v1/login", "/api/v1/logout")}
    assert set(posted) == {"/api/v1/SetGrading", "/api/v1/TryGrading", "/api/v1/check-grading"}
    components = as_json_schema(document["components"])
    for path, of in posted.items():
        for text in (json.dumps(GRADING), FAULTY):
            body = {"grading.document": text, **({"from": "past"} if "Try" in path else {"grading.comment": None})}
            jsonschema.validate(body, as_json_schema(of["requestBody"]["content"]["application/json"]["schema"]))
            status, told, _ = post(one, setter, path.rpartition("/")[2], body)
            schema = of["responses"]["200" if status == 200 else "default"]["content"]["application/json"]["schema"]
            jsonschema.validate(json.loads(told), {**as_json_schema(schema), "components": components})
        assert {p["name"] for p in of["parameters"]} == {"X-EZRepo-CSRF"}


def test_a_dry_run_is_posted(one: EzrepoSet, setter: str, bearer: str) -> None:
    """And cut to a range and criteria; what is wrong is said as of any question; nothing is published."""
    before = len(ask(one, setter, "QueryGradings")["rows"])
    body = {"grading.document": json.dumps(GRADING), "record.dest": "192.0.2.2", "from": "past", "to": "now"}
    status, text, _ = post(one, setter, "TryGrading", body)
    [row] = [row for row in json.loads(text)["rows"] if row["grade.name"] == "overall"]
    assert (status, row["records.count"], row["periods.after"]) == (200, 3, 1)
    assert {cell["after"] for cell in row["try.document"]["matrix"]} == {1}
    assert refused(post(one, bearer, "TryGrading", body)) == (403, "denied")
    assert refused(post(one, setter, "TryGrading", {**body, "grading.document": FAULTY})) == (400, "invalid")
    assert refused(post(one, setter, "TryGrading", {**body, "try.sample": "many"})) == (400, "invalid")
    assert refused(post(one, setter, "TryGrading", {**body, "nonsense": "1"})) == (400, "invalid")
    assert refused(get(one, "/api/v1/TryGrading", setter)) == (405, "method")
    assert len(ask(one, setter, "QueryGradings")["rows"]) == before


def test_how_far_a_dry_run_is(one: EzrepoSet, setter: str, bearer: str) -> None:
    """And who leaves ends it: here one that waits for a table."""
    def under_way(who: str) -> List[Dict[str, int]]:
        return json.loads(get(one, "/api/v1/under-way", who)[1])["dry_runs"]

    assert under_way(setter) == []
    body = json.dumps({"grading.document": json.dumps(GRADING)}).encode()
    with contextlib.closing(one._connect("ezrepo_store")) as connection, socket.create_connection(("127.0.0.1", one.page)) as s:
        connection.cursor().execute("BEGIN; LOCK TABLE measurement IN ACCESS EXCLUSIVE MODE")
        s.sendall(f"POST /api/v1/TryGrading HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {setter}\r\nContent-Type: application/json\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        one.wait_for(lambda: len(under_way(setter)) == 1)
        assert set(under_way(setter)[0]) == {"thousandths", "records", "seconds"} and under_way(bearer) == []
        s.close()
        one.wait_for(lambda: under_way(setter) == [])
        one.wait_for(lambda: one.sql("SELECT FROM pg_stat_activity WHERE application_name = 'ezrepo reasond'") == [])


def test_who_leaves_is_published_all_the_same(one: EzrepoSet, setter: str) -> None:
    """And is counted as one who left, not as answered."""
    def abandoned() -> int:
        return int(one.process("webd")["counters"]["questions.abandoned"])
    before = len(ask(one, setter, "QueryGradings")["rows"])
    one.wait_for(lambda: one.process("webd")["counters"]["connections.open"] == 0)
    so_far = abandoned()
    body = json.dumps({"grading.document": json.dumps(GRADING)}).encode()
    with held_up(one.pid("stored")):
        with socket.create_connection(("127.0.0.1", one.page)) as s:
            s.sendall(f"POST /api/v1/SetGrading HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {setter}\r\nContent-Type: application/json\r\n"
                      f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            one.wait_for(lambda: one.process("webd")["counters"]["connections.open"] == 1)
        one.wait_for(lambda: one.process("webd")["counters"]["connections.open"] == 0)
    one.wait_for(lambda: abandoned() == so_far + 1)
    one.wait_for(lambda: len(ask(one, setter, "QueryGradings")["rows"]) == before + 1)


def test_bodies_are_charged(one: EzrepoSet, setter: str) -> None:
    """A large body counts as many requests, whatever becomes of it."""
    body = {"grading.document": "x" * 1000000}
    one.configure(webd={"request_bytes": 1024, "requests_per_second": 1})
    one.cmd("reload", "webd")
    one.wait_for(lambda: post(one, setter, "SetGrading", body)[0] == 429)
    assert refused(post(one, setter, "check-grading", body)) == (429, "limited")
    one.configure(webd={"request_bytes": 65536, "requests_per_second": 500})
    one.cmd("reload", "webd")
    one.wait_for(lambda: get(one, "/api/v1/me", setter)[0] == 200)


def test_files_of_the_page(one: EzrepoSet) -> None:
    status, text, headers = get(one, "/grid?record.dest=192.0.2.1")
    assert (status, "<html" in text) == (200, True) and text == get(one, "/")[1]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    status, script, headers = get(one, "/app/app.js")
    assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert get(one, "/app/app.js", **{"If-None-Match": headers["ETag"]})[:2] == (304, "")
    status, text, headers = get(one, "/app/app.js", method="HEAD")
    assert (status, text, int(headers["Content-Length"])) == (200, "", len(script.encode()))
    assert "d3" in get(one, "/d3.js")[1][:400].lower()
    for path in ("/app/../webd/main.c", "/app/..%2f..%2fetc%2fpasswd", "/app//etc/passwd", "/app/", "/app/README.md", "/x.html", "/a/b", "/api"):
        assert get(one, path)[0] == 404, path
    assert refused(get(one, "/", method="DELETE")) == (405, "method")


def raw(one: EzrepoSet, text: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", one.page), timeout=30) as s:
        s.sendall(text)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := s.recv(65536):
                got += piece
    return got


def test_a_host_in_the_path_is_no_path(one: EzrepoSet, bearer: str) -> None:
    for target in ("//etc/passwd", "//localhost/now", f"//localhost:{one.page}/api/v1/me"):
        got = raw(one, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {bearer}\r\nConnection: close\r\n\r\n".encode())
        assert b" 404 " in got.split(b"\r\n")[0] and b"<html" not in got, got[:200]


def test_what_is_no_request_is_told(one: EzrepoSet, bearer: str) -> None:
    for text in (b"GARBAGE\r\n\r\n", b"POST /api/v1/me HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                 b"GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", b"GET / HTTP/1.1\r\nA: " + b"x" * 70000 + b"\r\n\r\n"):
        got = raw(one, text)
        assert got == b"" or b" 400 " in got.split(b"\r\n")[0] or b" 413 " in got.split(b"\r\n")[0], got[:200]
    assert get(one, "/api/v1/me", bearer)[0] == 200


def test_under_names_of_others_there_is_nothing(one: EzrepoSet, bearer: str) -> None:
    """A site whose name leads here would ask under that one; a proxy's name is said."""
    def asked(host: str, path: str = "/api/v1/me") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", one.page, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Host": host, "Authorization": f"Bearer {bearer}"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.msg
    for path in ("/api/v1/me", "/", "/login?ticket=" + "A" * 43):
        assert refused(asked(f"evil.example:{one.page}", path)) == (421, "host")
    assert asked(f"localhost:{one.page}")[0] == 200
    for path, code in (("http://evil.example/api/v1/me", b" 421 "), (f"http://localhost:{one.page}/api/v1/me", b" 200 ")):  # RFC 9112, section 3.2.2
        assert code in raw(one, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {bearer}\r\nConnection: close\r\n\r\n".encode()).split(b"\r\n")[0]
    assert b" 400 " in raw(one, f"GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nAuthorization: Bearer {bearer}\r\n\r\n".encode()).split(b"\r\n")[0]
    one.configure(webd={"hosts": ["page.example"]})
    one.cmd("reload", "webd")
    assert asked("page.example")[0] == 200 and refused(asked("evil.example")) == (421, "host")


def test_who_leaves_takes_the_question_along(one: EzrepoSet, bearer: str) -> None:
    before = one.process("webd")["counters"]
    with socket.create_connection(("127.0.0.1", one.page)) as s:
        s.sendall(f"GET /api/v1/QueryChanges?list.after=now&feed.wait=60000 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {bearer}\r\n\r\n".encode())
        one.wait_for(lambda: one.process("webd")["counters"]["questions.under_way"] == 1)
    one.wait_for(lambda: one.process("webd")["counters"]["questions.under_way"] == 0)
    after = one.process("webd")["counters"]
    assert after["questions.abandoned"] == before["questions.abandoned"] + 1
    one.wait_for(lambda: one.process("webd")["counters"]["connections.open"] <= 1)


def test_of_one_identity_so_many_are_under_way(one: EzrepoSet, bearer: str) -> None:
    one.configure(webd={"questions_max_per_identity": 2})
    one.cmd("reload", "webd")
    request = f"GET /api/v1/QueryChanges?list.after=now&feed.wait=20000 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {bearer}\r\n\r\n".encode()
    with contextlib.ExitStack() as held:
        sockets: List[socket.socket] = [held.enter_context(socket.create_connection(("127.0.0.1", one.page))) for _ in range(2)]
        for s in sockets:
            s.sendall(request)
        one.wait_for(lambda: one.process("webd")["counters"]["questions.under_way"] == 2)
        assert refused(get(one, "/api/v1/QueryNow", bearer)) == (429, "limited")
    one.wait_for(lambda: get(one, "/api/v1/QueryNow", bearer)[0] == 200)


def test_strangers_keep_nobody_out(one: EzrepoSet, bearer: str) -> None:
    one.configure(webd={"unknown_burst": 5, "unknown_per_second": 1})
    one.cmd("reload", "webd")
    answers = [get(one, "/api/v1/me", "ezr_" + "B" * 43)[0] for _ in range(10)]
    assert answers[-1] == 429 and get(one, "/api/v1/me", bearer)[0] == 200
    with contextlib.ExitStack() as held:  # who connects and says nothing, or a little
        for i in range(100):
            s = held.enter_context(socket.create_connection(("127.0.0.1", one.page)))
            s.sendall(b"GET / HT" if i % 2 else b"")
        one.wait_for(lambda: get(one, "/api/v1/me", bearer)[0] == 200)
    one.wait_for(lambda: one.process("webd")["counters"]["connections.accepted"] > 100)


def test_elsewhere_only_with_tls(one: EzrepoSet, bearer: str) -> None:
    one.configure(webd={"listen": [f"0.0.0.0:{one.page}"]})
    done = one.cmd("reload", "webd", check=False)
    assert done.returncode != 0 and "webd.listen" in done.stdout + done.stderr and "this machine only" in done.stdout + done.stderr
    port, = find_free_ports(1)
    pki = f"{one.state}/pki"
    one.configure(webd={"listen": [f"127.0.0.1:{port}"], "certificate": f"{pki}/ingest.crt", "key": f"{pki}/web.key", "ca": f"{pki}/ca.crt",
                        "access": {"roles": {"reader": ["*.admin"]}, "authorizations": {"QueryNow": ["reader"], "SetGrading": ["reader"]}}})
    with open(f"{pki}/ingest.key", encoding="ascii") as key, open(f"{pki}/web.key", "w", encoding="ascii") as copy:
        copy.write(key.read())
    import os
    import shutil
    uid = os.stat(f"/proc/{one.pid('webd')}").st_uid
    os.chmod(f"{pki}/web.key", 0o600)
    shutil.chown(f"{pki}/web.key", uid)
    one.cmd("restart", "webd")
    files = one.client_files("admin")
    context = ssl.create_default_context(cafile=files["ca"])
    context.check_hostname = False
    base = f"https://127.0.0.1:{port}"
    assert get(one, "/api/v1/me", base=base, context=context)[0] == 401
    assert get(one, "/api/v1/QueryNow", bearer, base=base, context=context)[0] == 200
    context.load_cert_chain(files["cert"], files["key"])
    me = json.loads(get(one, "/api/v1/me", base=base, context=context)[1])
    assert (me["how"], me["may"]) == ("certificate", ["SetGrading", "QueryNow"])
    # A browser shows a certificate by itself, so that does not say that its owner means it.
    good, csrf = {"grading.document": json.dumps(GRADING)}, me["csrf"]
    for headers in ({}, {"Origin": base}, {"X-EZRepo-CSRF": csrf[:-1]}, {"X-EZRepo-CSRF": csrf, "Origin": "https://evil.example"},
                    {"X-EZRepo-CSRF": csrf, "Origin": "null"}, {"X-EZRepo-CSRF": csrf, "Sec-Fetch-Site": "cross-site"}):
        assert refused(post(one, None, "SetGrading", good, base=base, context=context, **headers)) == (403, "csrf"), headers
    for headers in ({}, {"Origin": base}):
        assert post(one, None, "SetGrading", good, base=base, context=context, **{"X-EZRepo-CSRF": csrf, **headers})[0] == 200
    assert get(one, "/", base=base, context=context)[0] == 200
