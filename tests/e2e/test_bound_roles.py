# SPDX-License-Identifier: Apache-2.0
"""Roles that are bound to series: what a question may see goes with it, what is not of series is refused, and a change is in
force at once, also for what is under way or kept."""
import json

import pytest
import zmq
from conftest import wait_for
from gateways import COUNT_COLUMNS, Gateway, all_questions, answered, ask_without_waiting, listing, redeem, slow, specification
from capabilities import TABLE
from ingestds import result
from messages import CANCEL, QUERY
from posts import Pair, envelope, exception, is_kept, post
from stored_access import StoredAccess

CUSTOMER = [{"dest": "192.0.2.0/24"}, {"type": "ping", "probe": "a*"}]
CUSTOMER_SEES = ["*", "*", "*", "*", "192.0.2.0/24", "*", "ping", "*", "a*", "*", "*", "*"]
OTHER = [{"dest": "198.51.100.0/24"}]
OTHER_SEES = ["*", "*", "*", "*", "198.51.100.0/24", "*"]


class Bound:
    """A gateway whose role `reader` is configured, and bound by what the store says."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.stored = StoredAccess(zmq.Context.instance(), f"{gateway.folder}/run", "access")

    def sees(self, criteria, **more):
        self.stored.document = {"roles": {"reader": {"sees": criteria} if criteria else [], **more}}
        line = f"access.in_force version={self.stored.version + 1}"
        self.stored.tell(lambda: line in self.gateway.log())

    def asked(self, message, name="reader"):
        """What reached queryd."""
        before = len(self.gateway.queryd.of(QUERY))
        answer = self.gateway.client(name).post(message)
        assert "result" in answer, answer
        question, = self.gateway.queryd.of(QUERY)[before:]
        return question


@pytest.fixture(scope="module")
def bound(build_dir, tmp_path_factory):
    one = Bound(Gateway(build_dir, tmp_path_factory.mktemp("gw")))
    yield one
    one.stored.socket.close()
    one.gateway.stop()


def test_each_question_has_what_its_asker_may_see(bound):
    bound.sees(CUSTOMER)
    assert bound.asked(specification(bound.gateway))["sees"] == CUSTOMER_SEES
    assert bound.asked(specification(bound.gateway), "second")["sees"] == CUSTOMER_SEES
    assert bound.asked(specification(bound.gateway), "admin")["sees"] == []
    bound.sees(None)
    assert bound.asked(specification(bound.gateway))["sees"] == []


def test_what_is_not_of_series_is_not_for_who_is_bound(bound):
    def labels():
        return {c["label"] for c in json.loads(bound.gateway.client().get("/capabilities")[2])["contents"]}

    columns = TABLE["GetGrading"][2]
    question = {**specification(bound.gateway, "GetGrading", columns), "parameters": {"grading.version": 0}}
    bound.sees(None)
    assert "GetGrading" in labels()
    bound.sees(CUSTOMER)
    assert "GetGrading" not in labels() and {"QueryByCriteria", "QueryRecords"} <= labels()
    refusal = bound.gateway.client().post(question)
    assert refusal["message"] == ("not authorized to use the capability GetGrading: it is about all series, and your roles"
                                  " are bound to some"), refusal
    # By a role of its own that is not bound it may have it, and its questions stay bound.
    bound.stored.document["authorizations"] = {"GetGrading": ["all"]}
    bound.stored.document["roles"]["all"] = ["org.example.reader"]
    version = bound.stored.version + 1
    bound.stored.tell(lambda: f"access.in_force version={version}" in bound.gateway.log())
    assert "GetGrading" in labels()
    assert bound.asked(specification(bound.gateway))["sees"] == CUSTOMER_SEES


def test_a_change_ends_what_is_under_way(bound):
    bound.sees(CUSTOMER)
    client, question = ask_without_waiting(bound.gateway, slow(bound.gateway, "mine", token="w-1"))
    other, _ = ask_without_waiting(bound.gateway, slow(bound.gateway, "all", token="w-2"), "admin")
    bound.sees(OTHER)
    reply = json.loads(client.connection.getresponse().read())
    assert reply["exception"] == "w-1" and reply["message"].startswith("what you may see was changed meanwhile"), reply
    bound.gateway.wait(lambda: [c["id"] for c in bound.gateway.queryd.of(CANCEL)] == [question["id"]])
    # Its answer comes too late, and is nobody's; the admin, who is not bound, still waits for his.
    late = bound.gateway.counters()["answers.late"]
    bound.gateway.queryd.send(question, answered(question, COUNT_COLUMNS, [["overall", "1", "1"]]))
    bound.gateway.counted("answers.late", late + 1)
    waits = bound.gateway.queryd.of(QUERY)[-1]
    bound.gateway.queryd.send(waits, answered(waits, COUNT_COLUMNS, [["overall", "1", "1"]]))
    assert json.loads(other.connection.getresponse().read())["result"] == "query"


def test_a_change_ends_what_is_kept(bound):
    """An answer, and the pages of a listing that follow."""
    bound.sees(CUSTOMER)
    client = bound.gateway.client()
    first = client.post(specification(bound.gateway, "kept", token="k-1"))
    receipt = {k: v for k, v in specification(bound.gateway, "kept", token="k-1").items() if k != "specification"}
    assert client.post(redeem({**receipt, "receipt": "query"}))["resultvalues"] == first["resultvalues"]
    bound.sees(OTHER)
    refusal = client.post(redeem({**receipt, "receipt": "query"}))
    assert refusal["message"] == "what you may see was changed since this was asked, ask again"
    assert "unknown job" in client.post(redeem({**receipt, "receipt": "query"}))["message"]
    assert bound.asked(specification(bound.gateway, "kept", token="k-1"))["sees"] == OTHER_SEES
    page = listing(bound.gateway, "QueryPeriods", TABLE["QueryPeriods"][2], **{"list.after": "p5.1.1.1.1", "list.limit": 5,
                                                                               "range.grade": "1 ... 5"})
    asked = len(bound.gateway.queryd.of(QUERY))
    client.post(page)
    question = bound.gateway.queryd.of(QUERY)[asked]
    assert (question["after"], question["sees"]) == ("p5.1.1.1.1", OTHER_SEES)


def test_a_change_holds_for_what_repeats(bound):
    """What runs before have found is gone, and those to come ask by what is in force then."""
    bound.sees(CUSTOMER)
    client = bound.gateway.client()
    spec = specification(bound.gateway, "each", when="repeat now ... future / 1s { now + 1s }", token="e-1")
    assert "receipt" in client.post(spec)

    def runs():
        return client.post({"redemption": "query", "version": 1, "token": "e-1"}).get("contents", [])

    wait_for(lambda: len(runs()) >= 2, 30)
    before = {run["when"] for run in runs()}
    bound.sees(OTHER)
    asked = len(bound.gateway.queryd.of(QUERY))
    assert not before & {run["when"] for run in runs()}
    wait_for(lambda: len(runs()) >= 1, 30)
    assert {q["probe"]: q["sees"] for q in all_questions(bound.gateway)[asked:]} == {"*": OTHER_SEES}
    assert "envelope" in client.post({"interrupt": "query", "version": 1, "token": "e-1"})


# ---- what is delivered ----

def to(dest, **more):
    return result(parameters={"destination.ip4": dest, "source.ip4": "203.0.113.1"}, **more)


def test_what_is_posted_is_looked_at_result_by_result(build_dir, tmp_path):
    pair = Pair(tmp_path, build_dir).start()
    try:
        stored = StoredAccess(zmq.Context.instance(), f"{pair.gateway.folder}/run", "access")
        stored.document = {"roles": {"probe": {"delivers": [{"dest": "192.0.2.0/24", "type": "ping"}, {"source": "2001:db8::1"}]}}}
        stored.tell(lambda: "access.in_force version=1" in pair.gateway.log())
        assert is_kept(post(pair.gateway, to("192.0.2.7")))
        told = exception(post(pair.gateway, envelope(to("198.51.100.7"), to("192.0.2.8"), to("192.0.3.1"))), 200)
        assert told.startswith("kept but for 2 messages, which are refused; the first: denied.series: contents[0]: not authorized"
                               ' to deliver records of type "ping"') and 'dest "198.51.100.7"' in told, told
        assert exception(post(pair.gateway, to("192.0.3.1")), 403).startswith("denied.series: not authorized")
        assert is_kept(post(pair.gateway, to("192.0.3.1"), name="second")), "another role, which is not bound"
        assert [r["dest"] for r in pair.ingestd.collect(3, rejects=True)] == ["192.0.2.7", "192.0.2.8", "192.0.3.1"]
        assert pair.ingestd.counters()["rejected.denied.series"] == 3
        assert pair.gateway.counters()["posts.denied"] == 1
        stored.socket.close()
    finally:
        pair.close()
