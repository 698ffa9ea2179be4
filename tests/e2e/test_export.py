# SPDX-License-Identifier: Apache-2.0
"""What is collected, and export URLs that are given to others: mplane-gw and ingestd, the real programs."""

import json
import os
import re
import time

import pytest
from conftest import wait_for
from gateways import registry_url
from ingestds import result
from posts import envelope, exception, is_kept, post

URL = re.compile(r"mplane-https://127\.0\.0\.1:(\d+)/([0-9a-f]{32})/result")
PING = {"source.ip4": "*", "destination.ip4": "*"}
COLUMNS = [f"delay.twoway.icmp.us.{n}" for n in ("min", "mean", "max")] + ["delay.twoway.icmp.count"]


@pytest.fixture
def both(pair):
    pair.folder.joinpath("exports").mkdir()
    return pair.start(gateway={"exports_file": str(pair.folder / "exports/file"), "udp_url": "udp://192.0.2.9:9900"})


def collect(gateway, token="t1", when="now ... future", label="Collect-ping", poster=None, **more):
    metadata = {} if poster is None else {"metadata": {"export.identity": poster}}
    return {"specification": "collect", "version": 1, "label": label, "token": token, "when": when,
            "registry": registry_url(gateway), "parameters": PING, "results": COLUMNS, **metadata, **more}


def given(gateway, name="reader", **more):
    """The path of a URL that is given, and its receipt."""
    receipt = gateway.client(name).post(collect(gateway, **more))
    assert receipt.get("receipt") == "collect", receipt
    port, token = URL.fullmatch(receipt["export"]).groups()
    assert int(port) == gateway.port
    return f"/{token}/result", receipt


def test_capabilities(both):
    gateway = both.gateway
    def listed(name):
        return json.loads(gateway.client(name).get("/capabilities")[2])["contents"]
    all_of_them = listed("reader")
    assert {c["label"] for c in all_of_them} == {"Collect-ping", "Collect-OTT", "Collect-GLIMPSE", "Collect-owamp"}
    assert {c["capability"] for c in all_of_them} == {"collect"}
    ports = {c["export"] for c in all_of_them}
    assert ports == {f"mplane-https://127.0.0.1:{gateway.port}/result", "udp://192.0.2.9:9900"}
    assert any(c["parameters"] == PING and sorted(c["results"]) == sorted(COLUMNS) for c in all_of_them)
    assert len({c["token"] for c in all_of_them}) == len(all_of_them)
    assert {c["label"] for c in listed("second")} == {"Collect-ping"}
    assert listed("nobody") == [] and all(c["label"].startswith("Query") for c in listed("cousin"))
    assert "Collect" not in gateway.client().get("/capability")[2]  # SDK clients cannot read an export


def test_a_given_url_takes_results(both):
    gateway = both.gateway
    path, receipt = given(gateway)
    assert (receipt["token"], receipt["label"]) == ("t1", "Collect-ping")
    assert is_kept(post(gateway, result(), path))
    assert both.ingestd.collect(1)[0]["probe"] == "org.example.reader"
    other = result(metadata={"record.type": "weather"})
    assert "Collect-weather" in exception(post(gateway, other, path), 403)  # though this identity may
    again = gateway.client().post(collect(gateway))
    assert again["export"] == receipt["export"]
    redeemed = gateway.client().post({"redemption": "collect", "version": 1, "token": "t1",
                                      "registry": registry_url(gateway)})
    assert redeemed["export"] == receipt["export"]


def test_a_receipt_redeemed_by_its_token_is_the_same(both):
    """Its label and scope are those of the specification, also after a restart."""
    gateway = both.gateway
    _, receipt = given(gateway, token="named", label="mine", when="now ... 2100-01-01")
    assert receipt["label"] == "mine"
    by_token = {"redemption": "collect", "version": 1, "token": "named"}

    def same(other):
        return all(other[key] == receipt[key] for key in ("label", "when", "token", "registry", "results"))
    redeemed = gateway.client().post(by_token)
    assert redeemed["receipt"] == "collect" and same(redeemed), (redeemed, receipt)
    both.kill_gateway()
    both.restart_gateway()
    assert same(gateway.client().post(by_token))
    assert same(gateway.client().post({"interrupt": "collect", "version": 1, "token": "named"}))


def test_who_may_post_to_it(both):
    gateway = both.gateway
    own, _ = given(gateway, token="own")
    second, _ = given(gateway, token="second", poster="org.example.nobody")
    anyone, _ = given(gateway, token="any", poster="*")
    texts = set()
    for path, allowed in ((own, {"reader"}), (second, {"nobody"}), (anyone, {"reader", "nobody", "cousin"})):
        for name in ("reader", "nobody", "cousin"):
            answer = post(gateway, result(), path, name=name)
            if name in allowed:
                assert is_kept(answer)
            else:
                texts.add(exception(answer, 403))
    texts.add(exception(post(gateway, result(), "/" + "0" * 32 + "/result"), 403))
    assert texts == {"this URL takes no results of yours"}
    senders = set()
    while len(senders) < 3:
        senders |= {a["sender"] for a in both.ingestd.any_batch().accounts}
    assert senders == {f"https:org.example.{n}" for n in ("reader", "nobody", "cousin")}


def test_only_who_may_collect_gets_one(both):
    gateway = both.gateway
    for name in ("nobody", "cousin"):
        assert "not authorized" in gateway.client(name).post(collect(gateway))["message"]
    assert "not authorized" in gateway.client("second").post(
        {**collect(gateway), "label": "Collect-GLIMPSE", "results": [f"rtt.ms.{n}" for n in ("min", "avg", "max")]}
    )["message"]
    # A right that is taken away takes its URLs along.
    path, _ = given(gateway, "second", poster="*")
    assert is_kept(post(gateway, result(), path, name="nobody"))
    gateway.options["access"] = {**gateway.options["access"], "authorizations": {"Collect-*": ["probe"]}}
    gateway.write_config()
    gateway.reload()
    assert post(gateway, result(), path, name="nobody")[0] == 403


def test_revoked(both):
    gateway = both.gateway
    path, receipt = given(gateway)
    kept, _ = given(gateway, token="t2")
    stranger = gateway.client("admin").post({**receipt, "interrupt": receipt["receipt"], "receipt": None})
    assert "exception" in stranger
    interrupt = {k: v for k, v in receipt.items() if k not in ("receipt", "export")}
    assert "unknown job" in gateway.client("admin").post({**interrupt, "interrupt": "collect"})["message"]
    reply = gateway.client().post({**interrupt, "interrupt": "collect"})
    assert reply["receipt"] == "collect" and "export" not in reply
    assert post(gateway, result(), path)[0] == 403
    assert is_kept(post(gateway, result(), kept))
    both.kill_gateway()
    both.restart_gateway()
    assert post(gateway, result(), path)[0] == 403
    assert is_kept(post(gateway, result(), kept))


def test_revoked_in_the_envelope_that_redeems_it(both):
    """What is said of an export outlives it: the label that the message itself does not have."""
    client = both.gateway.client()
    given(both.gateway, token="t1")
    asked = collect(both.gateway, token="t2")
    del asked["label"]
    contents = [asked] + [{kind: "collect", "version": 1, "token": token} for kind, token in
                          [("redemption", "t1"), ("interrupt", "t1"), ("interrupt", "t2")]]
    replies = client.post({"envelope": "message", "version": 1, "contents": contents})["contents"]
    assert [(r["token"], r["label"]) for r in replies] == [(t, "Collect-ping") for t in ("t2", "t1", "t1", "t2")]
    assert ["export" in r for r in replies] == [True, True, False, False]
    assert both.gateway.counters()["exports"] == 0


def test_kept_over_restarts_without_its_token(both):
    gateway = both.gateway
    path, _ = given(gateway, poster="*")
    file = both.folder / "exports/file"
    assert file.stat().st_mode & 0o777 == 0o600
    assert path[1:33].encode() not in file.read_bytes() and bytes.fromhex(path[1:33]) not in file.read_bytes()
    assert path[1:33] not in gateway.log()
    both.kill_gateway()
    both.restart_gateway()
    assert is_kept(post(gateway, result(), path, name="nobody"))
    assert "not told again" in gateway.client().post(collect(gateway, poster="*"))["message"]
    assert gateway.counters()["exports"] == 1
    both.kill_gateway()
    file.write_bytes(file.read_bytes()[:-3])
    os.truncate(f"{gateway.folder}/log", 0)
    with pytest.raises(AssertionError, match="exports.read.*Bad message"):
        gateway.start()
    os.unlink(file)
    file.mkdir()
    os.truncate(f"{gateway.folder}/log", 0)
    with pytest.raises(AssertionError, match="exports.read.*Bad message"):
        gateway.start()
    file.rmdir()
    both.restart_gateway()


def test_its_time(both):
    gateway = both.gateway
    begun = time.monotonic()
    soon, _ = given(gateway, token="soon", when="now + 2s")
    assert is_kept(post(gateway, result(), soon)) or time.monotonic() - begun > 2
    later, _ = given(gateway, token="later", when="2100-01-01 ... 2101-01-01")
    assert post(gateway, result(), later)[0] == 403
    wait_for(lambda: post(gateway, result(), soon)[0] == 403)
    wait_for(lambda: gateway.counters()["exports"] == 1)
    for when in ("2016-01-01 ... 2016-01-02", "now", "repeat now ... future / 1h { now + 1s }"):
        assert gateway.client().post(collect(gateway, token=when, when=when))["message"].startswith("when: ")


def test_bounds(pair):  # noqa: F811
    pair.start(gateway={"exports_file": str(pair.folder / "exports"), "exports_max": 3,
                        "exports_max_per_identity": 2})
    gateway = pair.gateway
    given(gateway, token="1"), given(gateway, token="2")
    assert "interrupt some" in gateway.client().post(collect(gateway, token="3"))["message"]
    given(gateway, "admin", token="1")
    assert "too many export URLs are given" in gateway.client("second").post(collect(gateway))["message"]
    message = gateway.client("second").post(collect(gateway, token="t" * 2000))["message"]
    assert "too many" in message or "too long" in message


def test_none_without_a_file(pair):  # noqa: F811
    pair.start()
    assert "exports_file" in pair.gateway.client().post(collect(pair.gateway))["message"]
    both = pair.gateway.client().post(envelope(collect(pair.gateway), collect(pair.gateway, token="u")))
    assert len(both["contents"]) == 2


def test_a_file_that_cannot_be_written(pair):  # noqa: F811
    pair.start(gateway={"exports_file": str(pair.folder / "missing/exports")})
    assert "cannot be kept" in pair.gateway.client().post(collect(pair.gateway))["message"]
    assert pair.gateway.counters()["exports"] == 0
