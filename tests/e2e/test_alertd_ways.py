# SPDX-License-Identifier: Apache-2.0
"""Two real Alertmanagers, one of them over HTTPS with a password and away at first; silence, its retraction, and more than a route may tell."""
import json
import subprocess
import time
import warnings

import pytest
from alertmanagers import BAD, GOOD, Alertmanager, secret_file, send
from conftest import ping, time_text, wait_for

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt

PASSWORD = "password-that-nobody-may-see"
ROUTES = [{"name": "ProbeSilent", "of": "silence"},
          {"name": "PingBad", "range": [1, 2], "criteria": {"dest": "192.0.2.1"}},
          {"name": "Few", "range": [1, 2], "criteria": {"dest": "198.51.100.0/24"}, "limit": 2}]


def secured(folder):
    """An Alertmanager that wants a password, with a certificate of its own."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem",
                    "-out", "cert.pem", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                   cwd=folder, check=True, capture_output=True)
    digest = crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))
    manager = Alertmanager(folder, "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"
                           f"basic_auth_users: {{ezrepo: '{digest}'}}\n")
    (folder / "client.yml").write_text(f"basic_auth: {{username: ezrepo, password: {PASSWORD}}}\ntls_config: {{ca_file: {folder}/cert.pem}}\n")
    manager.client = str(folder / "client.yml")
    return manager


@pytest.fixture(scope="module", name="ways")
def _ways(module_set, tmp_path_factory):
    plain, folder = Alertmanager(tmp_path_factory.mktemp("plain")).start(), tmp_path_factory.mktemp("secured")
    other = secured(folder)
    with open(folder / "cert.pem", encoding="ascii") as file, open(f"{module_set.state}/other.pem", "w", encoding="ascii") as copy:
        copy.write(file.read())  # where everybody may read it
    module_set.configure(alertd={
        "alertmanagers": [plain.url, {"url": other.url, "ca": f"{module_set.state}/other.pem",
                                      "basic": secret_file(folder, "basic", f"ezrepo:{PASSWORD}")}],
        "resend_s": 1, "look_s": 1, "routes": ROUTES})
    module_set.cmd("restart", "alertd")
    try:
        yield module_set, plain, other
    finally:
        plain.kill()
        other.kill()


def test_one_that_is_away_keeps_nobody_waiting(ways):
    one, plain, other = ways
    send(one, "192.0.2.1", BAD, 2, 1)
    wait_for(lambda: plain.dests() == ["192.0.2.1"])
    wait_for(lambda: other.url in one.process("alertd")["notes"].get("receivers", ""))
    assert "1 of 2 are not told" in one.process("alertd")["notes"].get("receivers", "")
    other.start()
    wait_for(lambda: other.dests() == ["192.0.2.1"], 60)
    wait_for(lambda: one.process("alertd")["notes"].get("receivers", "") == "2")
    send(one, "192.0.2.1", GOOD, 0)
    wait_for(lambda: plain.dests() == other.dests() == [])
    found = {r["receiver"]: (r["fires"], r["over"]) for r in map(json.loads, one.cmd("alert", "test", "--output", "json").stdout.splitlines())}
    assert found == {plain.url: ("200", "200"), other.url: ("200", "200")}
    assert not any(PASSWORD in text for text in (*one.logs().values(), one.cmd("alerts", "--all", "--output", "json").stdout))


def test_silence_and_its_retraction(ways):
    """What is known later proves that it was not silent: nothing is, and nothing was."""
    one, plain, other = ways
    began = time.time()
    one.send([ping("192.0.2.20", time_text(began - ago), GOOD, probe="quiet") for ago in (3, 2, 1)])
    number = one.cmd("expect", "add", "--probe", "quiet", "--every", "1s", "--delay", "1s").stdout.strip()
    wait_for(lambda: [dict(labels) for labels in plain.active()] == [{"alertname": "ProbeSilent", "probe": "quiet"}], 60, plain.active)
    alert, = plain.active().values()
    assert alert["annotations"]["summary"] == "probe quiet is silent" and "last_record" in alert["annotations"]
    wait_for(lambda: len(other.active()) == 1)
    one.cmd("expect", "add", "--probe", "quiet", "--every", "1h", "--delay", "1h")  # from now on it is not expected so often
    one.cmd("expect", "remove", number)
    wait_for(lambda: plain.active() == other.active() == {}, 60, plain.active)
    assert one.rows("silent") == [] and one.sql("SELECT DISTINCT retracted IS NOT NULL FROM silence WHERE probe = 'quiet'") == [(True,)]
    row, = [r for r in one.rows("alerts", "--all") if r["alert.route"] == "ProbeSilent"]
    assert row["alert.over"] is not None and row["record.probe"] == "quiet"


def test_more_than_a_route_may_tell(ways):
    one, plain, _ = ways
    limit = {"alertname": "EzrepoAlertLimit", "route": "Few"}
    for n, ago in ((1, 9), (2, 6), (3, 3)):
        send(one, f"198.51.100.{n}", BAD, ago)
    wait_for(lambda: [labels for labels in map(dict, plain.active()) if labels["alertname"] == "EzrepoAlertLimit"] == [limit], 30, plain.active)
    wait_for(lambda: plain.dests("Few") == ["198.51.100.1", "198.51.100.2"])  # the longest bad ones
    send(one, "198.51.100.1", GOOD, 0)
    wait_for(lambda: [labels for labels in map(dict, plain.active()) if labels["alertname"] == "EzrepoAlertLimit"] == [], 30, plain.active)
    wait_for(lambda: plain.dests("Few") == ["198.51.100.2", "198.51.100.3"])
    for n in (2, 3):
        send(one, f"198.51.100.{n}", GOOD, 0)
    wait_for(lambda: plain.active() == {})


def test_another_ca_is_not_trusted(ways):
    one, _, other = ways
    one.configure(alertd={"alertmanagers": [other.url]})
    one.cmd("restart", "alertd")
    done = one.cmd("alert", "test", check=False)
    assert done.returncode == 1 and "1 of 1 did not take it" in done.stderr and "certificate" in done.stdout.lower()
