# SPDX-License-Identifier: Apache-2.0
"""What real mPlane programs depend on, point by point: docs/conformance.md says which test shows which rule.

Client and messages are written as those programs do it: equality where they compare, nothing where they look at nothing.
"""
import json
import re
import time
import urllib.request

import pytest
from gateways import (COUNT_COLUMNS, DIMENSIONS, MPLANE, answered, held, listing, redeem, set_grading, slow, specification,
                      under_way)
from messages import CANCEL, PUBLISH, QUERY

DEFINITE = "2026-01-01 00:00:00.000000 ... 2026-01-02 00:00:00.000000"
ABSOLUTE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}( \.\.\. \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6})?")


def capabilities(client):
    return json.loads(client.get("/capabilities")[2])["contents"]


def answer(gateway, question, rows=(("overall", "1", "0"),)):
    gateway.queryd.send(question, answered(question, COUNT_COLUMNS, rows))


# ---- what decides interoperability ----

def test_wire_0_01_content_types_bear_no_parameters(gateway):
    client = gateway.client()
    token = capabilities(client)[0]["token"]
    assert client.get("/")[1] == client.get("/capability")[1] == "text/html"
    assert client.get("/capabilities")[1] == client.get(f"/capability/{token}")[1] == "application/x-mplane+json"
    for body in (specification(gateway), {"nonsense": 1}, {"envelope": "message", "version": 1, "contents": []}):
        assert client.request("POST", "/", body)[1] == "application/x-mplane+json"


def test_wire_0_02_exceptions_have_status_200(gateway):
    client = gateway.client()
    bad = [b"{", {"specification": "query"}, specification(gateway, when="sometimes"), slow(gateway, "x", version=9),
           {"redemption": "query", "version": 1, "token": "nobody-has-it"}]
    for body in bad:
        status, kind, text = client.request("POST", "/", body)
        assert (status, kind) == (200, MPLANE) and "exception" in json.loads(text)


def test_wire_0_03_handshakes_without_a_request_disturb_nothing(gateway):
    """Before discovery and after each answered POST, while the kept-open connection idles."""
    client = gateway.client()
    client.handshake_only()
    for _ in range(5):
        assert "result" in client.post(specification(gateway))
        assert client.handshake_only()["subject"]
    assert gateway.process.poll() is None


def test_wire_0_04_urls_have_a_port(gateway):
    for capability in capabilities(gateway.client("admin")):
        assert re.fullmatch(r"https://[a-z0-9.-]+:\d+/\S*", capability["link"])
        assert re.fullmatch(r"http://[a-z0-9.-]+:\d+/\S+", capability["registry"])


@pytest.mark.parametrize("path", ["/", "/capability", "/specification"])
def test_wire_0_05_notifications_go_to_the_default_url(hasty, path):
    """Not to the link: wherever specifications are taken, redemptions and interrupts are."""
    client = hasty.client()
    token = "w-5" + path
    receipt, _ = held(hasty, client, "five", token=token, path=path)
    assert client.post(redeem(receipt), path) == receipt
    interrupt = {"interrupt": "query", "version": 1, "token": token}
    assert "interrupted" in client.post(interrupt, path)["message"]


def test_wire_0_06_every_answer_bears_a_token(gateway, hasty):
    """The one that came, else the digest that the sender expects; an exception's is never null."""
    client = gateway.client()
    assert client.post(specification(gateway, token="w-6"))["token"] == "w-6"
    assert client.post(specification(gateway, token="w-6", when="sometimes"))["exception"] == "w-6"
    without, _ = held(hasty, hasty.client(), "six", when=DEFINITE)
    assert re.fullmatch("[0-9a-f]{32}", without["token"])
    for body in (b"", b"{", b"[]", {"specification": "query"}, {"envelope": "message"}):
        assert re.fullmatch("[0-9a-f]{32}", json.loads(client.request("POST", "/", body)[2])["exception"])


def test_wire_0_07_registry_in_every_statement_can_be_fetched(gateway, hasty):
    """Without a certificate, and under the URI that stands in it, or it is fetched for each message."""
    client = gateway.client("admin")
    statements = capabilities(client) + [client.post(specification(gateway)), held(hasty, hasty.client(), "seven")[0]]
    for statement in statements:
        with urllib.request.urlopen(statement["registry"], timeout=60) as response:
            assert json.load(response)["registry-uri"] == statement["registry"]


def test_wire_0_08_labels(hasty):
    """A capability has one; an answer repeats that of the request."""
    client = hasty.client("admin")
    labels = [c["label"] for c in capabilities(client)]
    assert all(labels) and len(set(labels)) == len(labels)
    receipt, question = held(hasty, client, "QueryByCriteria-7", token="w-8")
    assert receipt["label"] == "QueryByCriteria-7"
    assert client.post(redeem(receipt))["label"] == "QueryByCriteria-7"
    answer(hasty, question)
    hasty.wait(lambda: "result" in client.post(redeem(receipt)))
    assert client.post({**redeem(receipt), "label": "another"})["label"] == "another"


def test_wire_0_09_scope_of_capabilities_is_open(gateway):
    assert {c["when"] for c in capabilities(gateway.client("admin"))} == {"past ... future"}


@pytest.mark.parametrize("when", ["past ... now", "past ... future", "2026-01-01 ... now", "now", "now + 1h",
                                  "2026-01-01 12:00:00", "2026-01-01 12:00:00 + 3h", "now ... future"])
def test_wire_0_10_scope_of_results_is_absolute(gateway, when):
    reply = gateway.client().post(specification(gateway, when=when))
    assert "result" in reply and ABSOLUTE.fullmatch(reply["when"]), reply


def test_wire_0_11_values_are_strings_and_native_ones_are_read(gateway):
    client = gateway.client()
    columns = DIMENSIONS + ["grade.name", "grade.value", "period.start", "period.end", "period.ended",
                            "records.count", "list.cursor"]
    row = [*"abcdef", "overall", None, "2026-01-01 00:00:00.000000", None, "True", "3", "c"]
    usual, gateway.queryd.answer = gateway.queryd.answer, lambda m: answered(m, columns, [row])
    try:
        reply = client.post(listing(gateway, "QueryPeriods", columns, **{"list.limit": 25, "record.type": None}))
    finally:
        gateway.queryd.answer = usual
    assert gateway.queryd.of(QUERY)[-1]["limit"] == 25 and gateway.queryd.of(QUERY)[-1]["type"] == "*"
    assert reply["parameters"]["list.limit"] == "25" and reply["parameters"]["record.type"] == "*"
    # Null is "*", but for times, where no string can be read back.
    assert reply["resultvalues"] == [[*"abcdef", "overall", "*", "2026-01-01 00:00:00.000000", None, "True", "3", "c"]]


def test_wire_0_12_fractions_have_six_digits(gateway):
    reply = gateway.client().post(specification(gateway, when="2026-01-01T12:00:00.123456789Z ... 2026-01-02"))
    assert reply["when"] == "2026-01-01 12:00:00.123456 ... 2026-01-02 00:00:00.000000"


def test_wire_0_13_large_naturals_are_not_rounded(gateway):
    large = str(2**64 - 1)
    usual = gateway.queryd.answer
    gateway.queryd.answer = lambda m: answered(m, COUNT_COLUMNS, [["overall", large, "0"]])
    try:
        reply = gateway.client().post(specification(gateway))
    finally:
        gateway.queryd.answer = usual
    assert reply["resultvalues"] == [["overall", large, "0"]]


def test_wire_0_14_discovery_by_links_shows_no_export(gateway):
    client = gateway.client("admin")
    page = client.get("/capability")[2]
    tokens = re.findall(r"href='/capability/([^']*)'", page)
    assert tokens and all("export" not in json.loads(client.get("/capability/" + t)[2]) for t in tokens)


def test_wire_0_15_link_is_a_plain_url(gateway):
    for capability in capabilities(gateway.client("admin")):
        assert re.fullmatch(r"https://[^?#]+", capability["link"])
    assert "result" in gateway.client().post(specification(gateway, link=""))


def test_wire_0_16_constraints_that_everybody_reads(gateway):
    for capability in capabilities(gateway.client("admin")):
        assert set(capability["parameters"].values()) == {"*"}


# ---- what clients initiate ----

def test_wire_3_invocation_by_a_specification_as_programs_send_it(gateway):
    """Also with keys they add and without what they leave out."""
    spec = specification(gateway, "QueryByCriteria-0", when=DEFINITE, link=f"https://127.0.0.1:{gateway.port}/",
                         version=1, unknown={"x": [1]})
    del spec["unknown"], spec["version"]
    reply = gateway.client().post(spec)
    assert "result" in reply and reply["version"] == 1 and "link" not in reply and "unknown" not in reply


def test_wire_3_fast_answers_are_results_and_slow_ones_receipts(gateway, hasty):
    assert "result" in gateway.client().post(specification(gateway))
    client = hasty.client()
    begun = time.monotonic()
    spec = slow(hasty, "slow", token="w-r")
    receipt, _ = held(hasty, client, "slow", token="w-r")
    assert time.monotonic() - begun > 0.15, "so long an answer is waited for"
    expected = {**spec, "receipt": "query"}
    del expected["specification"]
    assert receipt == expected, "the same sections"


def test_wire_3_redemption_whole_by_token_and_without_one(hasty):
    """The answer stays for others who redeem it, and whoever sends the receipt without its token means the same."""
    client = hasty.client()
    receipt, question = held(hasty, client, "whole", when="2026-02-01 00:00:00.000000 + 1h")
    whole, short = redeem(receipt), {"redemption": "query", "version": 1, "token": receipt["token"]}
    without = {k: v for k, v in whole.items() if k != "token"}
    for message in (whole, short, without):
        reply = client.post(message)
        assert reply["receipt"] == "query" and reply["token"] == receipt["token"]
    answer(hasty, question)
    hasty.wait(lambda: "result" in client.post(whole))
    results = [client.post(message) for message in (whole, short, without)]
    assert results[0]["resultvalues"] == [["overall", "1", "0"]] and results[0] == results[1] == results[2]
    assert "unknown job" in client.post({**short, "token": "x" * 32})["message"]
    assert "token" in client.post({"redemption": "query", "version": 1})["message"]


def test_wire_3_interrupt_whole_by_token_and_without_one(hasty):
    client = hasty.client()
    for number, keep in enumerate((None, {"interrupt", "version", "token"}, "token")):
        when = f"2026-03-0{number + 1} 00:00:00.000000 ... 2026-04-01 00:00:00.000000"
        receipt, question = held(hasty, client, "stop", when=when)
        message = {**{k: v for k, v in receipt.items() if k != "receipt"}, "interrupt": "query"}
        if keep == "token":
            del message["token"]
        elif keep:
            message = {k: v for k, v in message.items() if k in keep}
        reply = client.post(message)
        assert reply["exception"] == receipt["token"] and "interrupted" in reply["message"]
        hasty.wait(lambda: question["id"] in [m["id"] for m in hasty.queryd.of(CANCEL)])
        assert client.post(message) == reply, "twice is as once"


@pytest.mark.parametrize("token", [None, "w-idem"])
def test_wire_3_idempotence(hasty, token):
    """The same specification again, with a token or without, is the same job; each is answered under its label."""
    client, other = hasty.client(), hasty.client()
    more = {"token": token} if token else {}
    when = "2026-05-01 00:00:00.000000 ... 2026-05-02 00:00:00.000000" if not token else "past ... now"
    receipt, question = held(hasty, client, "first", when=when, **more)
    asked = len(hasty.queryd.of(QUERY))
    again = slow(hasty, "second", when=when, **more)
    again["results"] = again["results"][::-1]
    again["parameters"] = dict(reversed(again["parameters"].items()))
    second = other.post(again)
    assert second["label"] == "second" and second["token"] == receipt["token"]
    assert len(hasty.queryd.of(QUERY)) == asked
    assert client.post(redeem(receipt))["label"] == "first" and client.post(redeem(second))["label"] == "second"
    answer(hasty, question)
    hasty.wait(lambda: "result" in client.post(redeem(receipt)))
    assert client.post(redeem(second))["label"] == "second"


def test_wire_3_publication_sent_again_is_not_published_twice(gateway):
    """As by a program that had no answer and tries again; one that the store could not take is tried anew."""
    admin = gateway.client("admin")
    spec = set_grading(gateway, '{"grading": [1]}', when="now", token="w-pub")
    published = len(gateway.stored.of(PUBLISH))
    first = admin.post(spec)
    assert first["result"] == "store"
    assert admin.post({**spec, "label": "again"}) == {**first, "label": "again"}
    assert len(gateway.stored.of(PUBLISH)) == published + 1
    other = set_grading(gateway, '{"grading": [2]}', when="now", token="w-pub")
    assert admin.post(other)["result"] == "store" and len(gateway.stored.of(PUBLISH)) == published + 2
    refused = set_grading(gateway, "nonsense", when="now", token="w-ref")
    assert "exception" in admin.post(refused) and "exception" in admin.post(refused)
    assert len(gateway.stored.of(PUBLISH)) == published + 4
    without = set_grading(gateway, '{"grading": [3]}', when="now")
    assert "result" in admin.post(without) and "result" in admin.post(without)
    assert len(gateway.stored.of(PUBLISH)) == published + 6, "without a token of its own it is meant anew"


def test_wire_3_matching(gateway):
    """By the sets of names and the registry; order and verb do not matter, columns come as they were asked for."""
    client = gateway.client()
    spec = specification(gateway, columns=COUNT_COLUMNS[::-1], token="w-m")
    spec["specification"] = "measure"
    spec["parameters"] = dict(reversed(spec["parameters"].items()))
    reply = client.post(spec)
    assert reply["result"] == "measure" and reply["results"] == COUNT_COLUMNS[::-1]
    assert reply["resultvalues"][0] == ["7", "42", "overall"]
    port = gateway.registry_port
    for url in (f"http://127.0.0.1:{port}/registry/ezrepo", f"http://localhost:{port}/registry/ezrepo",
                f"http://[::1]:{port}/registry/ezrepo"):
        reply = client.post({**spec, "registry": url, "token": url})
        assert (reply.get("result"), reply.get("registry")) == ("measure", url), "however the host is spelled"
    for change in ({"registry": "http://ict-mplane.eu/registry/core"}, {"registry": None},
                   {"registry": f"http://localhost:{port + 1}/registry/ezrepo"}):
        assert "registry" in client.post({**spec, **change})["message"]
    assert "exports nothing" in client.post({**spec, "export": "udp://192.0.2.1:9900"})["message"]


@pytest.mark.parametrize("kind", ["capability", "result", "receipt", "withdrawal", "exception"])
def test_wire_3_other_kinds_of_messages_are_refused(gateway, kind):
    message = {**specification(gateway, token="w-k", when=DEFINITE), kind: "query", "message": "x"}
    del message["specification"]
    reply = gateway.client().post(message)
    assert reply["exception"] == "w-k" and "expected a specification" in reply["message"]


def test_wire_3_exceptions_say_what_and_where(gateway):
    client = gateway.client()
    says = {"parameters.range.grade: expected a range within 0 ... 5": {"range.grade": "9"},
            "parameters.record.dest: malformed pattern": {"record.dest": "192.0.2.0/33"}}
    contents = [specification(gateway, parameters=change, token=f"w-{n}") for n, change in enumerate(says.values())]
    reply = client.post({"envelope": "message", "version": 1, "contents": [
        specification(gateway), {"envelope": "message", "version": 1, "contents": contents}]})
    assert "result" in reply["contents"][0]
    for number, text in enumerate(says):
        found = reply["contents"][number + 1]
        assert found["exception"] == f"w-{number}"
        assert found["message"].startswith(f"contents[1].contents[{number}].") and text in found["message"]


def test_wire_3_envelope_of_everything(gateway):
    """Results, receipts, envelopes of repeated ones, exceptions: each stands where its question stood."""
    client = gateway.client()
    client.post(specification(gateway, "rep", when="repeat now ... future / 1h", token="w-rep"))
    by_token = {"redemption": "query", "version": 1, "token": "w-rep"}
    gateway.wait(lambda: "envelope" in client.post(by_token))
    receipt, _asker = under_way(gateway, slow(gateway, "slow", token="w-slow"))
    reply = client.post({"envelope": "message", "version": 1, "label": "L", "token": "T", "contents": [
        specification(gateway, "fast"), redeem(receipt), by_token, {"interrupt": "query", "version": 1, "token": "w-slow"},
        specification(gateway, "bad", when="x"), {**by_token, "token": "none"},
        {"interrupt": "query", "version": 1, "token": "w-rep"}]})
    assert (reply["envelope"], reply["label"], reply["token"]) == ("message", "L", "T")
    kinds = [next(k for k in ("result", "receipt", "envelope", "exception") if k in m) for m in reply["contents"]]
    assert kinds == ["result", "receipt", "envelope", "exception", "exception", "exception", "envelope"]
    assert reply["contents"][2]["contents"][0]["label"] == reply["contents"][2]["label"] == "rep"


# ---- tokens, envelopes, exceptions, withdrawals ----

def test_wire_6_exception_has_two_keys(gateway):
    assert set(gateway.client().post({"specification": "query", "token": "w"})) == {"exception", "message"}


def test_wire_6_versions(gateway):
    client = gateway.client()
    for version in (0, 1, "1"):
        assert client.post(specification(gateway, version=version))["version"] == 1
    assert "version" in client.post(specification(gateway, version=2))["message"]


def test_wire_6_bytes_are_ascii_with_sorted_keys(gateway):
    _, _, text = gateway.client().request("POST", "/", specification(gateway, "Größe"))
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=2, separators=(",", ": "))
    assert text.isascii() and "Gr\\u00f6\\u00dfe" in text


def test_wire_6_withdrawal(make_gateway):
    """Who could use a capability before a reload is told that it was withdrawn, by its token, without its schema."""
    one = make_gateway()
    client = one.client()
    capability = next(c for c in capabilities(client) if c["label"] == "QueryByCriteria")
    receipt, _asker = under_way(one, slow(one, "before", token="w-w"))
    one.options["access"]["authorizations"] = {"QueryHistogram": ["reader"], "SetGrading": ["reader"]}
    one.write_config()
    one.reload()
    client = one.client()
    # What is new is offered, what is gone is not.
    assert {c["label"] for c in capabilities(client)} == {"QueryHistogram", "SetGrading"}
    assert "result" in client.post(set_grading(one, "{}"))
    expected = {k: capability[k] for k in ("version", "registry", "label", "token", "when")}
    for message in (specification(one, "after", token="w-x"), specification(one, "after", when="repeat now ... future / 1h")):
        assert client.post(message) == {**expected, "withdrawal": "query"}
    assert "not authorized" in client.post(redeem(receipt))["message"]
    assert "not authorized" in one.client("nobody").post(specification(one))["message"], "never could"
    assert one.counters()["answered.withdrawal"] == 2
    # Given back it is as before; a reload that changes nothing forgets nothing.
    one.options["access"]["authorizations"] = {"Query*": ["reader"]}
    one.write_config()
    for _ in range(12):
        one.reload()
    client = one.client()
    assert "result" in client.post(specification(one))
    assert client.post(set_grading(one, "{}"))["withdrawal"] == "store"


def test_wire_8_short_names_of_anything(gateway):
    """`*`, `**` and null are no constraint; a string `*` cannot be transported otherwise."""
    client = gateway.client()
    for value in ("*", "**", None):
        assert "result" in client.post(specification(gateway, parameters={"select.grade": value, "range.grade": value}))
        asked = gateway.queryd.of(QUERY)[-1]
        assert (asked["grade_name"], asked["grade_low"], asked["grade_high"]) == ("all", 1, 5)


def test_wire_3_keep_alive_under_any_name(gateway):
    """One connection, many requests, whatever name the client knows us by."""
    client = gateway.client()
    for _ in range(3):
        client.connection.putrequest("GET", "/capabilities", skip_host=True)
        client.connection.putheader("Host", "elsewhere.test:1")
        client.connection.endheaders()
        response = client.connection.getresponse()
        assert response.status == 200 and json.loads(response.read())["contents"]
