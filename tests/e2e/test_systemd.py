# SPDX-License-Identifier: Apache-2.0
"""A set under systemd as PID 1: from init to the next boot, with the operator's command; and what becomes of one that was
installed by an earlier release."""
import json
import os
import re
import time

import pytest
from conftest import ROOT, ping, time_text, wait_for
from machines import TREE, bootable_machine, build_without_sanitizers, earlier_release

STATE = "/var/lib/ezrepo"
# The last one whose units were copied from deploy/systemd.
EARLIER = "3b97e47"
SERVICES = ["postgres", "stored", "queryd", "mplane-gw", "ingest-gw", "webd", "alertd", "reasond@0", "classifyd@0", "classifyd@1", "ingestd"]


@pytest.fixture
def machine(build_dir):
    found = bootable_machine()
    found.build = build_without_sanitizers(build_dir)
    try:
        yield found
    finally:
        found.remove()


def status(machine):
    return json.loads(machine.ezrepo("status", "--json", check=False).stdout)


def process(machine, name):
    return next(p for p in status(machine)["processes"] if p["name"] == name)


def send(machine, number, since=None):
    """So many results by UDP, a second apart."""
    start = (since or time.time()) - number
    text = "".join(json.dumps(ping("192.0.2.9", time_text(start + i))) + "\n" for i in range(number))
    machine.ezrepo("send", "-", input=text, stdin=None)


def matched(machine):
    done = machine.ezrepo("query", "--json", check=False)
    return max((int(json.loads(line)["records.matched"]) for line in done.stdout.splitlines()), default=0)


def wait_matched(machine, number):
    wait_for(lambda: matched(machine) == number, 60, lambda: f"{matched(machine)} records match\n{machine.journal()}", 0.2)


def wait_running(machine):
    wait_for(lambda: status(machine)["ok"], 60, lambda: json.dumps(status(machine))[:2000] + machine.journal(), 0.2)


def test_from_init_to_the_next_boot(machine):
    machine.install(ROOT, machine.build)
    machine.ezrepo("init", "--manager", "systemd", "--classifyd", "2")
    assert "ezrepo.target" in machine.ezrepo("up").stdout
    for name in SERVICES:
        facts = machine.show(f"ezrepo-{name}.service", "ActiveState", "Type", "NRestarts", "LimitCORE", "Result")
        assert facts["ActiveState"] == "active" and facts["Type"] == "notify" and facts["LimitCORE"] == "0", (name, facts)
        if name != "postgres":
            kind = name.partition("@")[0]
            assert machine.show(f"ezrepo-{name}.service", "User") == {"User": f"ezrepo-{kind}"}
    assert status(machine)["ok"] and "socketd" not in [p["name"] for p in status(machine)["processes"]]
    send(machine, 20)
    wait_matched(machine, 20)

    failures_that_repeat(machine)
    logs_reload_and_pki(machine)
    scale_and_restart(machine)

    send(machine, 5, time.time() + 30)
    wait_matched(machine, 25)
    machine.halt()
    machine.boot()  # by which it is started again, by nobody
    wait_running(machine)
    wait_matched(machine, 25)

    stop_and_start(machine)


def failures_that_repeat(machine):
    """More of them, and faster, than systemd's preset forgives: whoever fails is there again once its cause is gone."""
    program = f"{TREE}/build/stored/stored"
    machine.run("mv", program, program + ".away")
    machine.run("systemctl", "kill", "--kill-who=main", "--signal=KILL", "ezrepo-stored.service")
    wait_for(lambda: int(machine.show("ezrepo-stored.service", "NRestarts")["NRestarts"]) >= 6, 60, machine.journal, 0.5)
    # It is "starting" for a moment each time.
    wait_for(lambda: process(machine, "stored")["state"] == "failed" and not status(machine)["ok"], 60, machine.journal)
    for name in ("postgres", "queryd", "mplane-gw", "classifyd@1", "ingestd"):
        machine.run("systemctl", "kill", "--kill-who=main", "--signal=KILL", f"ezrepo-{name}.service")
    machine.run("mv", program + ".away", program)
    wait_running(machine)


def logs_reload_and_pki(machine):
    done = machine.ezrepo("logs", "stored", "-n", "200")
    assert "info stored[0] daemon.started" in done.stdout and "<6>" not in done.stdout
    warned = machine.run("journalctl", "--no-pager", "--priority=err", "--output=cat", "--unit=ezrepo-*").stdout
    assert " info " not in warned
    machine.ezrepo("reload", "stored")
    wait_for(lambda: "config.reloaded" in machine.journal("ezrepo-stored"), 30, machine.journal, 0.2)
    done = machine.ezrepo("pki", "issue", "ann", "--role", "reader")
    assert "mplane-gw has read its configuration" in done.stdout
    wait_for(lambda: machine.ezrepo("query", "--as", "ann", "--json", check=False).returncode == 0, 30, machine.journal, 0.2)
    machine.ezrepo("pki", "revoke", "ann")


def scale_and_restart(machine):
    machine.ezrepo("scale", "classifyd", "1")
    assert machine.show("ezrepo-classifyd@1.service", "ActiveState")["ActiveState"] == "inactive"
    machine.ezrepo("scale", "classifyd", "2")
    assert machine.show("ezrepo-classifyd@1.service", "ActiveState")["ActiveState"] == "active"
    before = process(machine, "queryd")["pid"]
    machine.ezrepo("restart")
    assert process(machine, "queryd")["pid"] != before
    assert machine.run("pgrep", "supervisord", check=False).stdout == ""


def stop_and_start(machine):
    machine.ezrepo("up")  # changes nothing: it runs
    assert machine.run("pgrep", "--count", "stored").stdout.strip() == "1"
    machine.ezrepo("down")
    states = {p["state"] for p in status(machine)["processes"]}
    assert states == {"stopped"}
    assert machine.show("ezrepo-ingestd.socket", "ActiveState")["ActiveState"] == "inactive"
    machine.run("systemctl", "start", "ezrepo.target")
    wait_running(machine)
    machine.run("systemctl", "stop", "ezrepo.target")
    wait_for(lambda: {p["state"] for p in status(machine)["processes"]} == {"stopped"}, 60, machine.journal, 0.2)
    assert re.search(r"not running", machine.ezrepo("down").stdout)
    assert not os.path.exists(os.path.join(str(machine.root), STATE.lstrip("/"), "supervisor", "sock"))


def test_upgrade_of_a_set_whose_units_were_copied(machine):
    """As its own manual told to install it; then the new programs, and `ezrepo restart`."""
    earlier = earlier_release(EARLIER)
    machine.install(earlier, os.path.join(earlier, "build"))
    machine.run("adduser", "--system", "--group", "--quiet", "--no-create-home", "--home", "/nonexistent", "ezrepo")
    machine.ezrepo("init", "--classifyd", "2")
    machine.run("sh", "-c", f"cp {TREE}/deploy/systemd/ezrepo* /etc/systemd/system/")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "enable", "--quiet", "--now", "ezrepo.target")
    wait_for(lambda: machine.ezrepo("query", "--json", check=False).returncode == 0, 60, machine.journal, 0.2)
    send(machine, 20)
    wait_matched(machine, 20)

    machine.install(ROOT, machine.build)
    found = {p["name"]: p["state"] for p in status(machine)["processes"]}  # by the new command, of the old processes
    assert set(found.values()) == {"running"} and "socketd" not in found, found
    machine.ezrepo("up")  # starts no second set
    assert machine.run("pgrep", "supervisord", check=False).stdout == ""
    machine.ezrepo("restart")
    wait_running(machine)
    assert machine.show("ezrepo-stored.service", "Type")["Type"] == "notify"
    wait_matched(machine, 20)
    send(machine, 5, time.time() + 30)
    wait_matched(machine, 25)
    machine.halt()
    machine.boot()
    wait_running(machine)
    wait_matched(machine, 25)
