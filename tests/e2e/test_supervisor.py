# SPDX-License-Identifier: Apache-2.0
"""mplane-gw registered with supervisors: the real program, and supervisors that behave as real ones do."""
import json
import os
import signal
import socket
import time

import pytest
from conftest import find_free_ports
from gateways import CLIENT, DIMENSIONS, OPERATORS, SERVER, answered, registry_url, specification
from messages import QUERY
from supervisor import POLL, REGISTER, RESULT, Supervisor

READ = ["GetGrading", "QueryAlerts", "QueryArrivals", "QueryBuckets", "QueryByCriteria", "QueryChanges", "QueryEvents", "QueryFacets", "QueryGradings",
        "QueryGrid", "QueryHistogram", "QueryMaintenance", "QueryMetrics", "QueryNow", "QueryPeriods", "QueryRecords", "QuerySeries", "QuerySilent", "QueryTimeline",
        "QueryWhy", "ezrepo"]
ALL = sorted([*READ, *OPERATORS])


def issue(authority, name, hosts=("127.0.0.1", "localhost"), usages=(SERVER, CLIENT), **more):
    """A certificate and key as an operator gives them to a server that is a client, too."""
    return authority.issue(name, hosts, usages, **more)


class Lab:
    """A gateway, and supervisors of its authority."""

    def __init__(self, make_gateway):
        self.gateway = make_gateway()
        self.supervisors = []
        own = issue(self.gateway.ca, "component")
        self.gateway.options.update(certificate=own[0], key=own[1])
        roles = self.gateway.options["access"]["roles"]
        roles["reader"].append("org.example.sup*")
        roles["admin"].append("org.example.superior")

    def supervisor(self, name="supervisor", files=None, **options):
        one = Supervisor(self.gateway.options["ca"], files or issue(self.gateway.ca, name), find_free_ports(1)[0],
                         **options)
        self.supervisors.append(one)
        return one

    def join(self, *supervisors, **more):
        """The gateway is told about exactly these."""
        self.gateway.options["supervisors"] = [s.settings(**more) for s in supervisors]
        self.gateway.write_config()
        self.gateway.reload()

    def joined(self, **options):
        one = self.supervisor(**options)
        self.join(one)
        self.wait(lambda: one.labels() == READ)
        return one

    def give_receipts(self):
        """From the next reload on: to who is not answered at once."""
        self.gateway.options["answer_timeout_ms"] = 200

    def wait(self, what, seconds=90):
        self.gateway.wait(what, seconds)

    def ask(self, supervisor, token, when="past ... now", parameters=None, **more):
        """Has it ask QueryByCriteria; returns the token."""
        return supervisor.ask(specification(self.gateway, f"QueryByCriteria-{token}", when=when, token=token,
                                            parameters=parameters, **more))

    def answer(self, supervisor, token, *kinds):
        """The first answer of these kinds."""
        self.wait(lambda: supervisor.answers(token, *kinds))
        return supervisor.answers(token, *kinds)[0]

    def check(self, supervisor, token="check"):
        """That a question is answered."""
        self.ask(supervisor, token)
        assert self.answer(supervisor, token, "result")["resultvalues"] == [["overall", "42", "7"], ["bandwidth", "42", "*"]]

    def restart_gateway(self):
        starts = self.gateway.log().count("gateway.started")
        self.gateway.start()
        self.wait(lambda: self.gateway.log().count("gateway.started") > starts)

    def note(self, number=0):
        """What the status says of a supervisor."""
        self.gateway.counters()
        with open(f"{self.gateway.folder}/run/status/mplane-gw-0.json", encoding="utf-8") as file:
            return json.load(file)["notes"].get(f"supervisor.{number}", "")

    def close(self):
        for one in self.supervisors:
            one.stop()
        assert [one.violations for one in self.supervisors] == [[] for _ in self.supervisors]


@pytest.fixture
def lab(make_gateway):
    one = Lab(make_gateway)
    yield one
    one.close()


# ---- registration ----

def test_registers_what_the_supervisor_may_use(lab):
    low, high = lab.supervisor("supervisor"), lab.supervisor("superior")
    lab.join(low, high)
    lab.wait(lambda: low.labels() == READ and high.labels() == ALL)
    assert low.component() == "org.example.component"
    for message in low.capabilities.values():
        assert "link" not in message and "export" not in message
        assert message["when"] == "past ... future" and message["registry"] == registry_url(lab.gateway)
    lab.wait(lambda: lab.gateway.counters()["supervisors.registered"] == 2)
    assert lab.note(0).startswith(f"{low.url} registered since 20")
    polls = len(low.polls)
    lab.wait(lambda: len(low.polls) >= polls + 3)
    assert len(low.registrations) == 1


def test_supervisor_that_may_use_nothing_is_registered_nothing(lab):
    one = lab.supervisor("stranger")
    lab.join(one)
    lab.wait(lambda: "no capability may be used" in lab.note())
    assert one.registrations == []
    # As soon as it may, it is.
    lab.gateway.options["access"]["roles"]["reader"].append("org.example.stranger")
    lab.gateway.write_config()
    lab.gateway.reload()
    lab.wait(lambda: one.labels() == READ)


def test_paths_can_be_others(lab):
    one = lab.supervisor(same_path=True)
    lab.join(one, result_path=REGISTER)
    lab.wait(lambda: one.labels() == READ)
    lab.check(one)


def test_registration_path_with_a_slash_too_many_is_noticed(lab):
    one = lab.supervisor()
    lab.join(one, registration_path=REGISTER + "/")
    lab.wait(lambda: "registration: status 200, content type \"text/html" in lab.note())
    assert not lab.note().startswith(f"{one.url} registered")
    one.stop()
    assert one.violations == [f"thrown away: {REGISTER}/"] * len(one.violations)
    one.violations.clear()


# ---- questions and answers ----

@pytest.mark.parametrize("kind", ["mami", "ri", "empty", "absent"])
def test_question_and_answer(lab, kind):
    one = lab.joined(kind=kind)
    token = lab.ask(one, "a1")
    result = lab.answer(one, token)
    assert result["result"] == "query" and result["label"] == "QueryByCriteria-a1" and result["token"] == "a1"
    assert result["resultvalues"] == [["overall", "42", "7"], ["bandwidth", "42", "*"]]
    assert [m["type"] for m in lab.gateway.queryd.of(QUERY)] == ["*"]


def test_several_questions_in_one_poll_and_nested_envelopes(lab):
    one = lab.joined()
    tokens = [f"m{i}" for i in range(5)]
    messages = [specification(lab.gateway, f"QueryByCriteria-{t}", token=t, parameters={"record.probe": t})
                for t in tokens]
    with one.lock:
        for m in messages:
            one.expected[m["token"]] = [m, 1]
        one.ask({"envelope": "message", "version": 1, "contents": messages[:4]})
        one.ask(messages[4], answers=0)
    for t in tokens:
        assert lab.answer(one, t)["result"] == "query"


def test_slow_answer_is_a_receipt_then_the_result(lab):
    lab.give_receipts()
    one = lab.joined()
    token = lab.ask(one, "s1", parameters={"record.probe": "slow"})
    receipt = lab.answer(one, token)
    assert receipt["receipt"] == "query" and receipt["label"] == "QueryByCriteria-s1"
    lab.wait(lambda: lab.gateway.queryd.of(QUERY))
    question, = lab.gateway.queryd.of(QUERY)
    lab.gateway.queryd.send(question, answered(question, ["grade.name", "records.matched", "records.graded"],
                                               [["overall", "1", "1"]]))
    lab.wait(lambda: len(one.answers(token)) == 2)
    assert "receipt" in one.answers(token)[0]
    assert one.answers(token)[1]["resultvalues"] == [["overall", "1", "1"]]


def test_answer_that_never_comes_is_an_exception(lab):
    lab.give_receipts()
    lab.gateway.options["query_timeout_ms"] = 4000
    one = lab.joined()
    token = lab.ask(one, "s2", parameters={"record.probe": "slow"})
    exception = lab.answer(one, token, "exception")
    assert "did not answer in time" in exception["message"]
    assert "receipt" in one.answers(token)[0] and len(one.answers(token)) == 2


def test_interrupt(lab):
    lab.give_receipts()
    one = lab.joined()
    token = lab.ask(one, "i1", parameters={"record.probe": "slow"})
    receipt = lab.answer(one, token, "receipt")
    # mpsup makes it of the receipt.
    one.ask({"interrupt": "query", **{k: v for k, v in receipt.items() if k != "receipt"}})
    exception = lab.answer(one, token, "exception")
    assert "interrupted" in exception["message"]
    # Once more: its answer has been posted. A second copy would answer a later question.
    one.ask({"interrupt": "query", **{k: v for k, v in receipt.items() if k != "receipt"}})
    lab.check(one)
    assert len(one.answers(token)) == 2


def test_repeated_question_is_a_receipt_and_an_envelope_at_its_end(lab):
    one = lab.joined()
    token = lab.ask(one, "p1", when="repeat now + 6s / 6s { now + 1s }")
    lab.wait(lambda: len(one.answers(token)) == 2)
    receipt, envelope = one.answers(token)
    assert receipt["receipt"] == "query" and envelope["envelope"] == "message"
    assert envelope["label"] == "QueryByCriteria-p1"
    # A real supervisor takes it only when it is over, by its scope.
    start, end = envelope["when"].split(" / ")[0].split(" ... ")
    assert start < end <= time.strftime("%Y-%m-%d %H:%M:%S.999999", time.gmtime())
    assert len(envelope["contents"]) == 2
    for result in envelope["contents"]:
        assert result["label"] == "QueryByCriteria-p1" and result["resultvalues"][0][0] == "overall"


def test_interrupted_repeated_question_says_what_there_is(lab):
    one = lab.joined()
    token = lab.ask(one, "p2", when="repeat now ... future / 1s { now + 1s }")
    receipt = lab.answer(one, token, "receipt")
    lab.wait(lambda: len(lab.gateway.queryd.of(QUERY)) > 1)  # the first has been answered then
    one.ask({"interrupt": "query", **{k: v for k, v in receipt.items() if k != "receipt"}})
    lab.wait(lambda: len(one.answers(token)) == 2)
    assert one.answers(token)[1]["contents"][0]["result"] == "query"


def test_interrupted_before_its_first_run_is_an_exception(lab):
    """Nobody waits for an envelope that would end in years."""
    one = lab.joined()
    token = lab.ask(one, "p3", when="repeat 2100-01-01 ... 2101-01-01 / 1d { now + 1h }")
    receipt = lab.answer(one, token, "receipt")
    one.ask({"interrupt": "query", **{k: v for k, v in receipt.items() if k != "receipt"}})
    assert lab.answer(one, token, "exception")["message"] == "ended before its first run"


def test_redemption_is_answered_again(lab):
    one = lab.joined()
    token = lab.ask(one, "r1")
    result = lab.answer(one, token, "result")
    one.expected[token][1] += 1
    one.ask({"redemption": "query", "version": 1, "registry": result["registry"], "token": token})
    lab.wait(lambda: len(one.answers(token, "result")) == 2)


def test_what_it_may_not_use_and_what_makes_no_sense(lab):
    one = lab.joined()
    one.ask({"specification": "store", "version": 1, "registry": registry_url(lab.gateway), "label": "SetGrading-1",
             "when": "now", "token": "d1", "parameters": {"grading.document": "{}"},
             "results": ["grading.version", "grading.blocks"]})
    assert "not authorized" in lab.answer(one, "d1", "exception")["message"]
    one.ask({"specification": "query", "version": 1, "token": "d2", "label": "x-1"})
    assert lab.answer(one, "d2", "exception")["message"].startswith("contents[0]")
    one.ask({"result": "query", "version": 1, "token": "d3", "label": "x-1"})
    assert lab.answer(one, "d3", "exception")
    one.ask({"interrupt": "query", "version": 1, "token": "d4"})
    assert "unknown job" in lab.answer(one, "d4", "exception")["message"]
    lab.check(one)
    assert lab.gateway.counters()["denied"] >= 1


def test_question_of_one_supervisor_is_not_anothers(lab):
    low, high = lab.supervisor("supervisor"), lab.supervisor("superior")
    lab.give_receipts()
    lab.join(low, high)
    lab.wait(lambda: low.labels() == READ and high.labels() == ALL)
    token = lab.ask(low, "o1", parameters={"record.probe": "slow"})
    lab.answer(low, token, "receipt")
    high.ask({"interrupt": "query", "version": 1, "token": token})
    assert "unknown job" in lab.answer(high, token, "exception")["message"]
    assert not low.answers(token, "exception", "result")


def test_publishing_a_grading(lab):
    one = lab.supervisor("superior")
    lab.join(one)
    lab.wait(lambda: one.labels() == ALL)
    one.ask({"specification": "store", "version": 1, "registry": registry_url(lab.gateway), "label": "SetGrading-1",
             "when": "now", "token": "g1", "parameters": {"grading.document": "{\"grading\": []}"},
             "results": ["grading.version", "grading.blocks"]})
    assert lab.answer(one, "g1")["resultvalues"] == [["3", "2"]]
    assert lab.gateway.stored.seen[-1]["author"] == "org.example.superior"


def test_callback_sets_the_next_poll_and_the_rest_is_done(lab):
    one = lab.joined(scale=0.3)
    with one.lock:
        before = len(one.polls)
        one.ask({"specification": "measure", "label": "callback", "version": 1, "when": "now + 8s", "token": "cb",
                 "registry": "http://ict-mplane.eu/registry/core"}, answers=0)
        lab.ask(one, "c1")
    lab.answer(one, "c1", "result")
    lab.wait(lambda: len(one.polls) > before + 1)
    assert one.polls[before + 1] - one.polls[before] >= 7.5
    assert not one.answers("cb")
    lab.wait(lambda: one.labels() == READ)  # it had forgotten us over this
    lab.check(one)


# ---- links ----

def test_link_to_another_host_is_not_followed(lab):
    one, other = lab.joined(), lab.supervisor("superior")
    lab.ask(one, "l1", link=f"{other.url}{RESULT}")
    lab.ask(one, "l2", link="http://127.0.0.1:1/", parameters={"record.probe": "2"})
    lab.ask(one, "l3", link="file:///etc/passwd", parameters={"record.probe": "3"})
    for token in ("l1", "l2", "l3"):
        assert lab.answer(one, token)["result"] == "query"
    assert other.requests == 0 and lab.gateway.counters()["supervisors.links_refused"] == 3


def test_link_to_a_host_that_is_configured(lab):
    one, other = lab.supervisor(), lab.supervisor("superior")
    lab.join(one, link_hosts=[f"127.0.0.1:{other.port}"])
    lab.wait(lambda: one.labels() == READ)
    other.expected["l4"] = [{"label": "QueryByCriteria-l4"}, 1]
    lab.ask(one, "l4", link=f"{other.url}{RESULT}")
    assert lab.answer(other, "l4")["result"] == "query"


# ---- supervisors that come and go ----

def test_supervisor_restarts(lab):
    one = lab.joined()
    one.restart()
    lab.wait(lambda: one.labels() == READ)
    lab.check(one)


def test_supervisor_is_away_for_long(lab):
    one = lab.joined(scale=0.3)
    one.stop()
    lab.wait(lambda: "away" in lab.note())
    failed = lab.gateway.counters()["supervisors.failed"]
    assert lab.gateway.log().count("supervisor.failed") <= 2 and failed < 20
    one.start()
    lab.wait(lambda: one.labels() == READ)
    lab.check(one)
    lab.wait(lambda: "supervisor.back" in lab.gateway.log())


def test_supervisor_hangs_and_forgets_us(lab):
    """It answers late, but from a memory in which we have expired, or have not: it must not matter."""
    one, other = lab.supervisor(scale=0.3), lab.supervisor("superior")
    lab.join(one, other)
    lab.wait(lambda: one.labels() == READ and other.labels() == ALL)
    one.hang.clear()
    # Nobody else notices.
    lab.check(other, "meanwhile")
    assert lab.gateway.client().post(specification(lab.gateway))["result"] == "query"
    lab.wait(lambda: one.labels() == [])
    one.hang.set()
    lab.wait(lambda: one.labels() == READ)
    lab.check(one)


def test_supervisor_is_slow_now_and_then(lab):
    """As mpsup is, which answers nobody while a client waits: registered once and for all."""
    one = lab.joined()
    for _ in range(3):
        one.hang.clear()
        time.sleep(1.2)  # how long it hangs is the case tested
        one.hang.set()
        polls = len(one.polls)
        lab.wait(lambda: len(one.polls) > polls + 1)
    assert len(one.registrations) == 1
    lab.check(one)


@pytest.mark.parametrize("reply", [
    (200, "text/html", "<html>hello</html>"), (200, "application/x-mplane+json", "{\"envelope\""),
    (200, "application/x-mplane+json", "[]"), (200, "application/x-mplane+json", "{\"envelope\": 1, \"contents\": {}}"),
    (200, "application/x-mplane+json", "x" * (5 << 20)), (302, "text/html", "", [("Location", "http://127.0.0.1:1/")]),
    (500, "text/html", "<html>500</html>"), (401, "text/plain", "Wrong path"), (204, None, ""),
    (200, "application/x-mplane+json", "{}", [("X-Long", "y" * 60000), ("X-Longer", "z" * 60000)])],
    ids=["html", "cut", "list", "no-contents", "huge", "redirect", "500", "401", "204", "headers"])
def test_nonsense_in_reply_to_a_poll(lab, reply):
    one = lab.joined()
    one.misbehave = lambda method, path: reply if path == POLL else None
    lab.wait(lambda: ", poll: " in lab.note())
    assert lab.gateway.client().post(specification(lab.gateway))["result"] == "query"
    one.misbehave = None
    lab.wait(lambda: one.labels() == READ and ", poll: " not in lab.note())
    lab.check(one)


def test_registration_refused_is_tried_again_later(lab):
    one = lab.supervisor(scale=0.3)
    refused = []
    def misbehave(method, path):
        if path == REGISTER and len(refused) < 2:
            refused.append(time.monotonic())
            return 500, "text/html", "<html>500</html>"
        return None
    one.misbehave = misbehave
    lab.join(one)
    lab.wait(lambda: one.labels() == READ)
    # It may have kept it all the same: until that has expired there it is left alone.
    assert refused[1] - refused[0] >= 15 * one.scale


def test_results_are_tried_again(lab):
    one = lab.joined()
    count = []
    def misbehave(method, path):
        if path == RESULT and len(count) < 2:
            count.append(path)
            return 500, "text/html", "<html>500</html>"
        return None
    one.misbehave = misbehave
    lab.check(one)
    assert len(count) == 2


def test_result_that_is_refused_is_dropped_and_counted(lab):
    one = lab.joined()
    one.misbehave = lambda method, path: (401, "text/plain", "Not authorized") if path == RESULT else None
    lab.ask(one, "x1")
    lab.wait(lambda: lab.gateway.counters()["supervisors.dropped"] == 1)
    one.misbehave = None
    lab.check(one)
    assert not one.answers("x1")


def test_result_waits_for_a_supervisor_that_is_away(lab):
    lab.give_receipts()
    one = lab.joined()
    token = lab.ask(one, "w1", parameters={"record.probe": "slow"})
    lab.answer(one, token, "receipt")
    expected = one.expected
    one.stop()
    lab.wait(lambda: lab.gateway.queryd.of(QUERY))
    question, = lab.gateway.queryd.of(QUERY)
    lab.gateway.queryd.send(question, answered(question, ["grade.name", "records.matched", "records.graded"],
                                               [["overall", "1", "1"]]))
    lab.wait(lambda: lab.gateway.counters()["supervisors.waiting"] == 1)
    one.start(expected)
    lab.wait(lambda: one.answers(token, "result"))


# ---- TLS ----

def never_asked(lab, one, **more):
    lab.join(one, **more)
    lab.wait(lambda: "away" in lab.note() and "poll: " in lab.note())
    assert one.requests == 0
    return lab.note()


def test_tls_supervisor_of_an_unknown_authority(lab):
    one = lab.supervisor(files=issue(lab.gateway.unknown_ca, "supervisor"))
    assert "certificate" in never_asked(lab, one)


def test_tls_supervisor_with_another_name(lab):
    one = lab.supervisor(files=issue(lab.gateway.ca, "supervisor", hosts=("elsewhere.test",)))
    assert "127.0.0.1" in never_asked(lab, one)


def test_tls_expired_supervisor(lab):
    one = lab.supervisor(files=issue(lab.gateway.ca, "supervisor", days=(-60, -1)))
    assert "expired" in never_asked(lab, one)


def test_tls_supervisor_with_a_clients_certificate(lab):
    one = lab.supervisor(files=issue(lab.gateway.ca, "supervisor", usages=(CLIENT,)))
    assert "certificate" in never_asked(lab, one)


def test_tls_supervisor_is_revoked(lab):
    """While it is registered: from the reload on it is not asked any more, nor sent what it has asked for."""
    lab.give_receipts()
    one = lab.joined()
    token = lab.ask(one, "v1", parameters={"record.probe": "slow"})
    lab.answer(one, token, "receipt")
    crl = lab.gateway.ca.write("crl.pem", lab.gateway.ca.revoke(one.files[2]) + lab.gateway.other_ca.revoke())
    lab.gateway.options["crl"] = crl
    lab.gateway.write_config()
    lab.gateway.reload()
    lab.wait(lambda: "revoked" in lab.note())
    requests = one.requests
    lab.wait(lambda: lab.gateway.queryd.of(QUERY))
    question, = lab.gateway.queryd.of(QUERY)
    lab.gateway.queryd.send(question, answered(question, ["grade.name", "records.matched", "records.graded"],
                                               [["overall", "1", "1"]]))
    lab.wait(lambda: lab.gateway.counters()["supervisors.waiting"] == 1)
    assert one.requests == requests and not one.answers(token, "exception", "result")


def test_tls_supervisor_that_does_not_know_us(lab):
    one = lab.supervisor()
    stranger = issue(lab.gateway.unknown_ca, "intruder")
    never_asked(lab, one, certificate=stranger[0], key=stranger[1])
    lab.wait(lambda: one.tls_failed > 0)


def test_tls_own_certificate_and_authority(lab):
    """A supervisor of another authority, to which we are somebody else."""
    authority = lab.gateway.unknown_ca
    own = issue(authority, "elsewhere")
    one = Supervisor(authority.file, issue(authority, "supervisor"), find_free_ports(1)[0])
    lab.supervisors.append(one)
    other, impostor = lab.supervisor(), lab.supervisor(files=issue(authority, "superior"))
    lab.gateway.options["supervisors"] = [one.settings(certificate=own[0], key=own[1], ca=authority.file),
                                          other.settings(), impostor.settings()]
    lab.gateway.write_config()
    lab.gateway.reload()
    lab.wait(lambda: one.labels() == READ and other.labels() == READ)
    assert one.component() == "org.example.elsewhere" and other.component() == "org.example.component"
    lab.check(one)
    # What one is trusted for, another is not.
    lab.wait(lambda: "certificate" in lab.note(2))
    assert impostor.requests == 0


def test_answer_does_not_go_to_another_identity(lab):
    """Somebody else of the same authority answers at the address: what the first asked for is not told."""
    lab.give_receipts()
    one = lab.joined()
    token = lab.ask(one, "t1", parameters={"record.probe": "slow"})
    lab.answer(one, token, "receipt")
    one.stop()
    one.files = issue(lab.gateway.ca, "superior")
    one.start()
    lab.wait(lambda: one.labels() == ALL)
    lab.wait(lambda: lab.gateway.queryd.of(QUERY))
    question, = lab.gateway.queryd.of(QUERY)
    lab.gateway.queryd.send(question, answered(question, ["grade.name", "records.matched", "records.graded"],
                                               [["overall", "1", "1"]]))
    lab.wait(lambda: "another identity than before" in lab.gateway.log())
    assert not one.answers(token, "result", "exception")


# ---- reloads, restarts ----

def test_capabilities_taken_away_and_given_back(lab):
    one = lab.joined()
    rules = lab.gateway.options["access"]["authorizations"]
    rules["Query[BH]*"] = rules.pop("Query*")
    rules["QueryByCriteria"] = rules["QueryHistogram"] = rules.pop("Query[BH]*")
    lab.gateway.write_config()
    with one.lock:
        # Who asks meanwhile is told so by an exception: a withdrawal is nothing for the result path.
        lab.gateway.reload()
        one.ask(specification(lab.gateway, "QueryEvents-1", token="gone", columns=["time", *DIMENSIONS, "grade.name",
                              "grade.from", "grade.to", "event.retracted", "list.cursor"],
                              parameters={"list.limit": "1", "list.after": "*"}))
    lab.wait(lambda: one.labels() == ["GetGrading", "QueryByCriteria", "QueryHistogram", "ezrepo"])
    assert "withdrawn" in lab.answer(one, "gone", "exception")["message"]
    rules["Query*"] = rules["QueryByCriteria"]
    lab.gateway.write_config()
    lab.gateway.reload()
    lab.wait(lambda: one.labels() == READ)
    lab.check(one)


def test_supervisor_is_removed_and_added(lab):
    one, other = lab.supervisor(scale=0.3), lab.supervisor("superior")
    lab.join(one)
    lab.wait(lambda: one.labels() == READ)
    lab.join(other)
    lab.wait(lambda: one.labels() == [] and other.labels() == ALL)
    asked = one.requests
    assert lab.note(0).startswith(other.url) and lab.note(1) == ""
    assert one.requests == asked
    lab.join(one, other)
    lab.wait(lambda: one.labels() == READ)
    lab.check(one, "again")
    lab.check(other, "still")


def test_reload_that_is_wrong_changes_nothing(lab):
    one = lab.joined()
    lab.gateway.options["supervisors"] = [{"url": one.url, "poll": 3}]
    lab.gateway.write_config()
    lab.gateway.reload()
    assert "config.refused" in lab.gateway.log()
    lab.check(one)
    lab.join(one, key="/nonexistent", certificate="/nonexistent")
    assert "tls.file" in lab.gateway.log()
    lab.check(one, "again")


def test_certificate_is_renewed_by_a_reload(lab):
    one = lab.joined()
    fresh = issue(lab.gateway.ca, "component")
    assert fresh[0] == lab.gateway.options["certificate"]
    lab.gateway.reload()
    lab.check(one)
    assert len(one.registrations) == 1


def test_killed_and_started_at_once(lab):
    """The new process does not know what the old one has registered; the supervisor does."""
    one = lab.joined(scale=0.3)
    lab.gateway.process.kill()
    lab.gateway.process.wait()
    lab.restart_gateway()
    lab.wait(lambda: len(one.registrations) >= 2 and one.labels() == READ)
    lab.check(one)


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM])
def test_repeated_question_outlives_a_restart(lab, kind):
    lab.gateway.options["repeats_file"] = f"{lab.gateway.folder}/repeats"
    lab.gateway.write_config()
    lab.gateway.process.kill()
    lab.gateway.process.wait()
    lab.restart_gateway()
    lab.give_receipts()
    one = lab.joined(scale=0.3)
    token = lab.ask(one, "k1", when="repeat now ... future / 1s { now + 1s }")
    receipt = lab.answer(one, token, "receipt")
    lab.wait(lambda: os.path.exists(f"{lab.gateway.folder}/repeats") and
             '"k1"' in open(f"{lab.gateway.folder}/repeats", encoding="utf-8").read())
    lab.gateway.process.send_signal(kind)
    lab.gateway.process.wait(60)
    lab.restart_gateway()
    asked = len(lab.gateway.queryd.of(QUERY))
    lab.wait(lambda: len(lab.gateway.queryd.of(QUERY)) > asked + 1)
    one.ask({"interrupt": "query", **{k: v for k, v in receipt.items() if k != "receipt"}}, "org.example.component")
    lab.wait(lambda: one.answers(token, "envelope"))
    assert not one.answers(token, "exception")


def test_stopped_and_started_again(lab):
    lab.give_receipts()
    one = lab.joined()
    token = lab.ask(one, "z1", parameters={"record.probe": "slow"})
    lab.answer(one, token, "receipt")
    lab.gateway.process.send_signal(signal.SIGTERM)
    assert lab.gateway.process.wait(60) == 0
    assert one.labels() == []
    assert "gateway was stopped" in one.answers(token, "exception")[0]["message"]
    lab.restart_gateway()
    lab.wait(lambda: one.labels() == READ)
    lab.check(one)


def test_stopping_does_not_wait_for_a_supervisor_that_hangs(lab):
    lab.give_receipts()
    one = lab.joined()
    one.hang.clear()
    polls = one.requests
    lab.wait(lambda: one.requests > polls)
    began = time.monotonic()
    lab.gateway.process.send_signal(signal.SIGTERM)
    assert lab.gateway.process.wait(60) == 0
    assert time.monotonic() - began < 9
    lab.restart_gateway()


def test_many_connections_refused_and_a_port_that_never_answers(lab):
    """Eight supervisors, of which one accepts and says nothing, one has no address, and five are not there."""
    one = lab.supervisor()
    silent = socket.create_server(("127.0.0.1", 0))
    urls = [f"https://127.0.0.1:{silent.getsockname()[1]}", "https://nobody.invalid:1"] + \
        [f"https://127.0.0.1:{port}" for port in find_free_ports(5)]
    lab.gateway.options["supervisors"] = [one.settings()] + [{"url": u, "expiry_s": 1} for u in urls]
    lab.gateway.write_config()
    lab.gateway.reload()
    lab.wait(lambda: one.labels() == READ)
    lab.check(one)
    lab.wait(lambda: lab.gateway.counters()["supervisors.failed"] >= 7)
    lab.wait(lambda: "away" in lab.note(1) and "away" in lab.note(7))
    assert lab.gateway.client().post(specification(lab.gateway))["result"] == "query"
    silent.close()
