# SPDX-License-Identifier: Apache-2.0
"""What is bad or silent becomes alerts of a real Alertmanager: what is active there is what is bad here, whatever is killed."""
import json
import os
import shutil
import subprocess
import time

import pytest
from alertmanagers import BAD, GOOD, Alertmanager, bad, send
from conftest import ROOT, wait_for

ROUTES = [{"name": "NotYet", "grade": "nosuch"},  # of a grade name that no grading had: the others go on
          {"name": "PingBad", "criteria": {"type": "ping"}, "range": [1, 2], "labels": {"severity": "page"},
           "annotations": {"runbook": "https://runbooks.example/ping"}},
          {"name": "PingBadLong", "criteria": {"dest": "192.0.2.0/24"}, "range": [1, 2], "for_s": 3600}]


@pytest.fixture(scope="module", name="both")
def _both(module_set, tmp_path_factory):
    manager = Alertmanager(tmp_path_factory.mktemp("alertmanager")).start()
    module_set.configure(alertd={"alertmanagers": [manager.url], "routes": ROUTES, "resend_s": 1, "look_s": 1, "labels": {"set": "test"},
                                 "page_url": "https://ezrepo.example/series"})
    module_set.cmd("restart", "alertd")
    try:
        yield module_set, manager
    finally:
        manager.kill()


def agrees(one, manager):
    return manager.dests() == bad(one)


def test_what_is_bad_fires_and_is_over(both):
    one, manager = both
    send(one, "192.0.2.1", BAD, 3, 2, 1)
    send(one, "192.0.2.2", GOOD, 3, 2, 1)
    wait_for(lambda: manager.dests() == ["192.0.2.1"], 30, manager.active)
    (labels, alert), = manager.active().items()
    labels = dict(labels)
    assert labels.items() >= {"alertname": "PingBad", "grade": "overall", "type": "ping", "dest": "192.0.2.1", "severity": "page",
                              "set": "test"}.items() and "" not in labels.values()
    notes = alert["annotations"]
    assert notes["runbook"] == "https://runbooks.example/ping" and "is not" in notes["why"] and notes["grading_version"] == "1"
    assert notes["link"].startswith("https://ezrepo.example/series?type=ping&") and alert["generatorURL"] == notes["link"]
    row, = one.rows("alerts")
    assert (row["alert.route"], row["record.dest"], row["grade.name"], row["alert.over"]) == ("PingBad", "192.0.2.1", "overall", None)
    wait_for(lambda: json.loads(one.rows("alerts")[0]["alert.document"])["receivers"].get(manager.url, {}).get("answer") == "200")
    assert json.loads(one.rows("alerts")[0]["alert.document"])["labels"] == labels
    send(one, "192.0.2.1", GOOD, 0)
    wait_for(lambda: manager.dests() == [], 30, manager.active)
    assert one.rows("alerts") == []
    row, = one.rows("alerts", "--all")
    assert row["alert.over"] is not None and f"{manager.url}: 200" in one.cmd("alerts", "--all").stdout


def test_the_watchdog_fires(both):
    _, manager = both
    wait_for(lambda: [a["labels"] for a in manager.amtool("alert", "query", "EzrepoAlertdWatchdog")] ==
             [{"alertname": "EzrepoAlertdWatchdog", "set": "test"}])


def test_late_data_resolve_what_they_prove_wrong(both):
    one, manager = both
    send(one, "192.0.2.3", BAD, 2)
    wait_for(lambda: "192.0.2.3" in manager.dests())
    before = manager.active()
    send(one, "192.0.2.3", BAD, 8, 5)  # it began earlier: the same alert, with other evidence
    wait_for(lambda: manager.active() and next(iter(manager.active().values()))["annotations"]["since"] <
             next(iter(before.values()))["annotations"]["since"])
    assert {k: a["startsAt"] for k, a in manager.active().items()} == {k: a["startsAt"] for k, a in before.items()}
    send(one, "192.0.2.3", GOOD, 1)  # late, and behind all the others
    wait_for(lambda: manager.dests() == [])
    assert len([r for r in one.rows("alerts", "--all") if r["record.dest"] == "192.0.2.3"]) == 1


def test_kills(both):
    one, manager = both
    send(one, "192.0.2.4", BAD, 2)
    send(one, "192.0.2.5", BAD, 2)
    wait_for(lambda: manager.dests() == ["192.0.2.4", "192.0.2.5"])
    starts = {k: a["startsAt"] for k, a in manager.active().items()}
    one.kill("alertd")
    manager.kill()
    send(one, "192.0.2.4", GOOD, 0)
    send(one, "192.0.2.6", BAD, 0)
    manager.start()
    wait_for(lambda: manager.dests() == ["192.0.2.5", "192.0.2.6"], 60, manager.active)
    assert next(a["startsAt"] for k, a in manager.active().items() if dict(k)["dest"] == "192.0.2.5") == \
        next(s for k, s in starts.items() if dict(k)["dest"] == "192.0.2.5")
    rows = [r["record.dest"] for r in one.rows("alerts", "--all")]
    assert rows.count("192.0.2.5") == 1 and rows.count("192.0.2.4") == 1 and agrees(one, manager)
    one.kill("stored")
    send(one, "192.0.2.5", GOOD, 0)
    send(one, "192.0.2.6", GOOD, 0)
    wait_for(lambda: manager.dests() == [] and one.rows("alerts") == [], 60, manager.active)


def test_maintenance_and_old_data_do_not_fire(both):
    one, manager = both
    number = one.cmd("maintenance", "add", "--dest", "192.0.2.7", "--to", "tomorrow", "--reason", "works").stdout.strip()
    send(one, "192.0.2.7", BAD, 2, 1)
    send(one, "192.0.2.8", BAD, 86400)
    send(one, "192.0.2.9", BAD, 1)
    wait_for(lambda: manager.dests() == ["192.0.2.9"])
    one.cmd("maintenance", "end", number)
    wait_for(lambda: manager.dests() == ["192.0.2.7", "192.0.2.9"])
    send(one, "192.0.2.7", GOOD, 0)
    send(one, "192.0.2.9", GOOD, 0)
    wait_for(lambda: manager.dests() == [])


def test_routes_are_read_anew(both):
    one, manager = both
    send(one, "192.0.2.10", BAD, 1)
    wait_for(lambda: manager.dests() == ["192.0.2.10"])
    one.configure(alertd={"routes": [{"name": "Other", "range": [1, 2], "criteria": {"dest": "192.0.2.10"}}]})
    one.cmd("reload")
    wait_for(lambda: manager.dests() == [] and manager.dests("Other") == ["192.0.2.10"])
    one.configure(alertd={"routes": ROUTES})
    one.cmd("reload")
    wait_for(lambda: manager.dests() == ["192.0.2.10"] and manager.dests("Other") == [])
    send(one, "192.0.2.10", GOOD, 0)
    wait_for(lambda: manager.dests() == [])


def test_hours_of_the_week(both):
    """Outside of its hours a route fires nothing; what is bad when they begin fires."""
    one, manager = both
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    today = time.gmtime().tm_wday
    off = {"hours": [{"days": days[(today + 3) % 7]}], "time_zone": "Europe/Madrid"}
    on = {"hours": [{"days": f"{days[(today - 1) % 7]}-{days[(today + 1) % 7]}", "from": "00:00", "to": "24:00"}], "time_zone": "Europe/Madrid"}
    send(one, "192.0.2.11", BAD, 1)
    wait_for(lambda: manager.dests() == ["192.0.2.11"])
    for hours, dests in ((off, []), (on, ["192.0.2.11"]), (off, [])):
        one.configure(alertd={"routes": [{**ROUTES[1], **hours}]})
        one.cmd("reload")
        wait_for(lambda: manager.dests() == dests)  # pylint: disable=cell-var-from-loop
    assert bad(one) == ["192.0.2.11"]
    one.configure(alertd={"routes": ROUTES})
    one.cmd("reload")
    wait_for(lambda: manager.dests() == ["192.0.2.11"])
    send(one, "192.0.2.11", GOOD, 0)
    wait_for(lambda: manager.dests() == [])


def test_the_delivered_configuration():
    """As amtool takes it; whom it goes to."""
    folder = os.path.join(ROOT, "deploy", "alertmanager")
    manager = os.path.join(folder, "alertmanager.yml")
    done = subprocess.run(["amtool", "check-config", manager], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for labels, receiver in ((["alertname=EzrepoAlertdWatchdog", "set=lab"], "outside"), (["alertname=PingBad", "severity=page"], "people"),
                             (["alertname=ProbeSilent", "severity=ticket"], "people")):
        found = subprocess.run(["amtool", "config", "routes", "test", f"--config.file={manager}", *labels], capture_output=True, text=True,
                               check=True).stdout
        assert found.strip() == receiver


def test_a_silent_probe_hides_its_series(tmp_path):
    """By the delivered configuration, on a real Alertmanager: an alert of the probe as a whole, as alertd makes its labels."""
    manager = Alertmanager(tmp_path)
    shutil.copy(os.path.join(ROOT, "deploy", "alertmanager", "alertmanager.yml"), tmp_path)
    manager.start()
    try:
        for labels in (["alertname=ProbeSilent", "probe=vm"], ["alertname=PingBad", "probe=vm", "type=ping"],
                       ["alertname=PingBad", "probe=other", "type=ping"]):
            subprocess.run(["amtool", f"--alertmanager.url={manager.url}", "alert", "add", *labels], check=True)
        wait_for(lambda: sorted(a["labels"]["probe"] for a in manager.amtool("alert", "query", "--inhibited") or []) == ["vm"])
    finally:
        manager.kill()
