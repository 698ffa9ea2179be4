# SPDX-License-Identifier: Apache-2.0
"""The first EZRepo's capability `ezrepo`, asked of a whole set: what it promised, also where the first one failed."""
import http.client
import json
import time

import pytest
from conftest import ping, time_text
from gateways import MPLANE, make_context

# The first row's naturals are larger than a double tells apart; quotes and escapes have to survive as well.
LARGE = str(2**64 - 1)
NOW = time.time()


def ott(when, quality, content="http://video.example/it's \"one\""):
    return {"result": "measure", "version": 1, "registry": "http://ict-mplane.eu/registry/core",
            "label": "ott-download", "when": when, "parameters": {"source.ip4": "192.0.2.1", "content.url": content},
            "metadata": {"System_ID": "tester"}, "results": ["qos.content", "bandwidth.nominal.kbps"],
            "resultvalues": [[quality, LARGE]]}


GRADING = {"grading": [
    {"gradeName": "overall", "appliesTo": {"recordType": "ping"}, "gradingRules": [
        {"grade": "5", "if": [{"metric": "delay.twoway.icmp.us.mean", "rel": "<", "limit": "20000"}]}, {"grade": "2"}]},
    {"gradeName": "overall", "appliesTo": {"recordType": "OTT"}, "gradingRules": [{"grade": "4"}]},
    {"gradeName": "delay", "appliesTo": {"recordType": "ping"}, "gradingRules": [{"grade": "3"}]}]}


@pytest.fixture(scope="module")
def asked(module_set, tmp_path_factory):
    """A function that posts a specification of `ezrepo` and returns the reply."""
    grading = tmp_path_factory.mktemp("grading") / "g.json"
    grading.write_text(json.dumps(GRADING))
    module_set.cmd("grading", "set", str(grading))
    module_set.wait_for(lambda: module_set.process("classifyd-0")["notes"].get("grading", "").startswith("version 2"))
    module_set.send([ping("192.0.2.7", time_text(NOW - 60), mean_us=9000),
                     ping("192.0.2.8", time_text(NOW - 7200), mean_us=30000),
                     ott(f"{time_text(NOW - 50)} ... {time_text(NOW - 40)}", "0.1")])
    module_set.wait_matched(3)
    files = module_set.client_files()
    context = make_context(files["ca"], (files["cert"], files["key"]))
    connection = http.client.HTTPSConnection("127.0.0.1", module_set.https, context=context, timeout=60)

    def post(when="past ... future", **parameters):
        values = {"type.repo": "*", "range.grade": "1 ... 5", "select.grade": "all",
                  **{name.replace("_", "."): value for name, value in parameters.items()}}
        connection.request("POST", "/", json.dumps({
            "specification": "query", "version": 1, "label": "ezrepo-1", "when": when, "parameters": values,
            "registry": f"http://localhost:{module_set.registry}/registry/ezrepo",
            "results": ["results.repo", "overall.grade"]}), {"Content-Type": MPLANE})
        return json.loads(connection.getresponse().read())
    return post


def grades(reply):
    assert reply["result"] == "query" and reply["label"] == "ezrepo-1", reply
    return [row[1] for row in reply.get("resultvalues", [])]


def test_a_row_for_each_record_and_grade_newest_first(asked):
    reply = asked()
    assert reply.get("results") == ["results.repo", "overall.grade"], reply
    found = [(json.loads(text)["label"], grade) for text, grade in reply["resultvalues"]]
    assert found[0] == ("ott-download", "4")
    assert sorted(found[1:3]) == [("ping-average-ip4", "3"), ("ping-average-ip4", "5")]
    assert sorted(found[3:]) == [("ping-average-ip4", "2"), ("ping-average-ip4", "3")]


def test_the_measurement_is_json_and_lossless(asked):
    text, = [row[0] for row in asked(type_repo="OTT")["resultvalues"]]
    sent = ott(f"{time_text(NOW - 50)} ... {time_text(NOW - 40)}", "0.1")
    assert json.loads(text) == sent


@pytest.mark.parametrize("value,expected", [
    ("ping", ["5", "3", "2", "3"]), ("ott", ["4"]), ("OTT", ["4"]), ("p*", ["5", "3", "2", "3"]), ("GLIMPSE", []),
    ("**", ["4", "5", "3", "2", "3"])])
def test_types(asked, value, expected):
    assert sorted(grades(asked(type_repo=value))) == sorted(expected)


@pytest.mark.parametrize("value,expected", [
    ("3", ["3", "3"]), ("1 ... 2", ["2"]), ("4...5", ["4", "5"]), ("4..5", ["4", "5"]), ("1", []),
    ("*", ["2", "3", "3", "4", "5"])])
def test_ranges_and_single_grades(asked, value, expected):
    assert sorted(grades(asked(range_grade=value))) == expected


@pytest.mark.parametrize("value,expected", [("overall", ["2", "4", "5"]), ("delay", ["3", "3"])])
def test_one_grade_name(asked, value, expected):
    assert sorted(grades(asked(select_grade=value))) == expected


def test_scopes_relative_and_open(asked):
    hour_ago = time_text(NOW - 3600)
    assert sorted(grades(asked("past ... now", type_repo="ping"))) == ["2", "3", "3", "5"]
    assert sorted(grades(asked(f"{hour_ago} ... now", type_repo="ping"))) == ["3", "5"]
    assert sorted(grades(asked(f"past ... {hour_ago}"))) == ["2", "3"]
    assert sorted(grades(asked(f"{hour_ago} ... future"))) == ["3", "4", "5"]
    assert sorted(grades(asked(f"{time_text(NOW - 7300)} + 1h"))) == ["2", "3"]
    # A single time selects what covers it.
    assert grades(asked(time_text(NOW - 45))) == ["4"]


@pytest.mark.parametrize("parameters,says", [
    ({"range_grade": "0 ... 6"}, "range.grade"), ({"select_grade": "nonsense"}, "nonsense"),
    ({"type_repo": "x" * 2000}, "type.repo")])
def test_what_is_wrong_is_said(asked, parameters, says):
    assert says in asked(**parameters)["message"]


def test_the_audit_log_of_a_set(asked, module_set):
    def told():
        return module_set.logs().get("mplane-gw-audit.log", "").count('capability="ezrepo"')
    asked(type_repo="audited")
    before = told()
    asked()
    module_set.wait_for(lambda: told() > before)  # and with it all that was written before
    logs = module_set.logs()
    assert "audited" not in logs["mplane-gw-audit.log"] and " audit " not in logs["mplane-gw.log"]
    assert "gateway.started" in logs["mplane-gw.log"]
