# SPDX-License-Identifier: Apache-2.0
"""The operator's command: help, exit codes, errors that say what is wrong, and the life of a set."""
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time

import pytest
from conftest import EZREPO, ROOT, ping, time_text
from processes import all_ended, start_of

COMMANDS = ["init", "up", "down", "restart", "reload", "status", "scale", "logs", "upgrade-cluster", "uninstall", "pki",
            "pki issue", "pki sign", "pki revoke", "pki server", "pki list", "send", "query", "periods", "events", "records",
            "grading", "format", "ledger", "rebuild", "rejected", "rejected list", "rejected show", "rejected replay"]


def run(*arguments, build=None, **environment):
    env = {**os.environ, **environment}
    if build:
        env["EZREPO_BUILD"] = build
    return subprocess.run([EZREPO, *arguments], capture_output=True, text=True, check=False, env=env,
                          timeout=120)


@pytest.mark.parametrize("command", [""] + COMMANDS)
def test_help(command, build_dir):
    done = run(*command.split(), "--help", build=build_dir)
    assert done.returncode == 0, done.stderr
    assert "--state" in done.stdout or command in ("pki", "rejected")
    assert len(done.stdout.splitlines()) >= 3


def test_what_scripts_ask_often_loads_little():
    """Commands that become ezrepoctl take their time from it, not from modules that only others need."""
    script = "import sys; sys.path.insert(0, sys.argv[1]); from ezrepo import main; print(*sys.modules)"
    loaded = subprocess.run(["/usr/bin/python3", "-c", script, os.path.join(ROOT, "deploy", "lib")], capture_output=True,
                            text=True, check=True).stdout.split()
    assert "ezrepo.passed_on" in loaded
    assert not {"ezrepo.cli", "ezrepo.supervisor", "ezrepo.pki", "http.client", "dataclasses", "ssl"} & set(loaded)


@pytest.mark.parametrize("script", ["quickstart", "run-tests", "install-packages"])
def test_help_of_scripts(script):
    done = subprocess.run([os.path.join(ROOT, "deploy", script), "--help"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0 and "usage" in done.stdout


@pytest.mark.parametrize("arguments, says", [
    ([], "COMMAND"),
    (["nonsense"], "nonsense"),
    (["up", "--nonsense"], "--nonsense"),
    (["up", "stored"], "stored"),
    (["init", "--udp-port", "70000"], "--udp-port 70000: expected 1 to 65535"),
    (["init", "--udp-port", "x"], "--udp-port"),
    (["init", "--classifyd", "0"], "--classifyd 0"),
    (["init", "--listen", "localhost"], '--listen "localhost": expected an IPv4 or IPv6 address'),
    (["init", "--https-port", "5000", "--registry-port", "5000"], "must differ"),
    (["init", "--database", "host=/nowhere"], "--database and --database-read"),
    (["scale", "classifyd", "many"], "N"),
    (["pki"], "COMMAND"),
    (["pki", "issue"], "NAME"),
])
def test_wrong_usage(arguments, says, build_dir, tmp_state):
    done = run(*arguments, "--state", tmp_state + "/s", build=build_dir)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not os.path.exists(tmp_state + "/s")


def test_state_path_too_long(tmp_state):
    done = run("init", "--state", tmp_state + "/" + "x" * 90)
    assert done.returncode == 2
    assert "bytes are too many" in done.stderr


@pytest.mark.parametrize("command", [["up"], ["down"], ["status"], ["restart"], ["scale", "classifyd", "2"],
                                     ["logs"], ["pki", "list"], ["query"], ["send", "/dev/null"]])
def test_no_set_there(command, tmp_state, build_dir):
    done = run(*command, "--state", tmp_state + "/none", build=build_dir)
    assert done.returncode == 1
    assert tmp_state + "/none" in done.stderr
    assert "Traceback" not in done.stderr


def test_init_takes_nothing_over(tmp_state):
    with open(tmp_state + "/somebodys", "w", encoding="ascii") as file:
        file.write("x")
    done = run("init", "--state", tmp_state)
    assert done.returncode == 1 and "is not empty" in done.stderr
    assert os.listdir(tmp_state) == ["somebodys"]


def test_failed_init_leaves_nothing(tmp_state):
    done = run("init", "--state", tmp_state + "/s", "--database", "host=/nonexistent dbname=x connect_timeout=2",
               "--database-read", "host=/nonexistent dbname=x")
    assert done.returncode == 1 and "--database: " in done.stderr
    assert not os.path.exists(tmp_state + "/s")


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_secrets_are_kept(make_set):
    state = make_set().state
    assert mode(state + "/pki/ca.key") == 0o600
    assert mode(state + "/pki/clients") == 0o700
    assert mode(state + "/pki/clients/admin.key") == 0o600
    assert mode(state + "/pki/server.key") == 0o640
    assert mode(state + "/ezrepo.json") == 0o640
    assert mode(state + "/run") == (0o711 if os.geteuid() == 0 else 0o700)
    assert mode(state + "/supervisor") == 0o700
    assert mode(state + "/postgres/data") == 0o700
    assert mode(state + "/postgres/socket") == 0o750


def test_configuration_fault_is_told_before_anything_starts(make_set):
    one = make_set()
    one.configure(stored={"nonsense": 1})
    done = one.cmd("up", check=False)
    assert done.returncode == 1
    assert "stored.nonsense" in done.stderr
    assert not os.path.exists(one.state + "/supervisor/sock")


def test_port_taken_is_told(module_set, make_set):
    first, second = module_set, make_set()
    second.configure(**{"mplane-gw": {"listen": [f"127.0.0.1:{first.https}"]}})
    done = second.cmd("up", check=False)
    assert done.returncode == 1
    assert "mplane-gw did not stay running" in done.stderr
    assert str(first.https) in done.stderr
    second.configure(**{"mplane-gw": {"listen": [f"127.0.0.1:{second.https}"]}})
    second.up()


def test_life_of_a_set(module_set):
    one = module_set
    one.wait_for(lambda: one.status()["ok"])
    found = one.status()
    assert {p["name"] for p in found["processes"]} == {
        "postgres", "stored", "queryd", "reasond-0", "mplane-gw", "ingest-gw", "webd", "alertd", "classifyd-0", "socketd", "ingestd"}
    pids = {p["name"]: p["pid"] for p in found["processes"]}

    one.up()  # again: nothing happens
    assert {p["name"]: p["pid"] for p in one.status()["processes"]} == pids

    table = one.cmd("status").stdout
    for name, pid in pids.items():
        line = next(text for text in table.splitlines() if text.startswith(name + " "))
        assert str(pid) in line and " running " in line

    one.cmd("restart", "queryd")
    after = {p["name"]: p["pid"] for p in one.status()["processes"]}
    assert {n for n in pids if pids[n] != after[n]} == {"queryd"}

    one.cmd("restart")
    final = {p["name"]: p["pid"] for p in one.status()["processes"]}
    assert {n for n in pids if after[n] == final[n]} == {"postgres", "socketd"}

    assert one.cmd("restart", "nonsense", check=False).returncode == 2
    assert "daemon.started" in one.cmd("logs", "stored", "-n", "1000").stdout
    # It may log a line between the two.
    one.wait_for(lambda: one.cmd("logs", "stored", "-n", "2").stdout.splitlines()
                 == one.logs()["stored.log"].splitlines()[-2:])

    starts = {pid: start_of(pid) for pid in final.values()}
    assert None not in starts.values()
    one.down()
    done = one.cmd("status", check=False)
    assert done.returncode == 1 and " running " not in done.stdout
    assert all_ended(starts)
    assert "not running" in one.cmd("down").stdout
    one.up()
    one.wait_for(lambda: one.status()["ok"])


def test_processes_are_not_root(module_set):
    if os.geteuid() != 0:
        pytest.skip("only root can start processes as somebody else")
    for process in module_set.status()["processes"]:
        with open(f"/proc/{process['pid']}/status", encoding="ascii") as file:
            ids = next(line for line in file if line.startswith("Uid:")).split()[1:]
        assert "0" not in ids, process["name"]


def test_scale_leaves_the_others_alone(module_set):
    one = module_set
    before = {p["name"]: p["pid"] for p in one.status()["processes"]}
    one.cmd("scale", "classifyd", "3")
    three = {p["name"]: p["pid"] for p in one.status()["processes"]}
    assert set(three) - set(before) == {"classifyd-1", "classifyd-2"}
    assert all(three[name] == pid for name, pid in before.items())
    starts = {three["classifyd-2"]: start_of(three["classifyd-2"])}
    one.cmd("scale", "classifyd", "1")
    final = {p["name"]: p["pid"] for p in one.status()["processes"]}
    assert final == before
    assert None not in starts.values() and all_ended(starts)
    assert one.cmd("scale", "classifyd", "0", check=False).returncode == 2
    assert one.cmd("scale", "stored", "2", check=False).returncode == 2


def test_killed_process_is_started_again(module_set):
    one = module_set
    pid = one.kill("classifyd-0", signal.SIGKILL)
    one.wait_for(lambda: one.status()["ok"] and one.pid("classifyd-0") != pid)


def test_killed_supervisord(module_set):
    """What it leaves running is found and stopped before a new one starts the same again."""
    one = module_set
    before = one.status()
    starts = {p["pid"]: start_of(p["pid"]) for p in before["processes"]}
    assert None not in starts.values()
    os.kill(before["supervisor_pid"], signal.SIGKILL)
    one.wait_for(lambda: start_of(before["supervisor_pid"]) is None)
    done = one.cmd("restart", "queryd", check=False)
    assert done.returncode == 1 and "supervisord is gone; ezrepo up" in done.stderr
    done = one.cmd("up")
    assert "left from before" in done.stdout
    one.wait_for(lambda: one.status()["ok"])
    assert all_ended(starts)


# Stands for ingestd; what stands for a classifyd is its child, and ends with it.
TWO_THAT_END_TOGETHER = """
import os, signal, subprocess, sys, time
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", sys.argv[1]])
def end(*_):
    other.kill()
    other.wait()
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print(other.pid, flush=True)
time.sleep(600)
"""


def test_what_was_left_ends_by_itself(make_set):
    one = make_set()
    with subprocess.Popen([sys.executable, "-c", TWO_THAT_END_TOGETHER, os.path.join(one.state, "ezrepo.json")],
                          stdout=subprocess.PIPE, text=True) as first:
        for name, pid in (("ingestd", first.pid), ("classifyd-0", int(first.stdout.readline()))):
            os.makedirs(os.path.dirname(one.status_file(name)), exist_ok=True)
            with open(one.status_file(name), "w", encoding="utf-8") as file:
                json.dump({"pid": pid, "state": "running", "updated_at": "2026-11-21T10:00:00.000000Z"}, file)
        done = one.cmd("down")
        assert done.stdout.count("left from before") == 2 and "not running" in done.stdout
        assert first.wait(60) == 0


def test_a_record_goes_all_the_way(module_set):
    one = module_set
    now = time.time() - 60
    one.send([ping("192.0.2.7", f"{time_text(now + i)} ... {time_text(now + i + 0.5)}") for i in range(10)])
    one.wait_matched(10, "--dest", "192.0.2.0/24")
    assert one.matched("--dest", "198.51.100.0/24") == 0
    text = one.cmd("query", "--dest", "192.0.2.7").stdout
    assert "overall" in text and "10" in text
    assert one.rows("records", "--dest", "192.0.2.7", "--limit", "4")
    assert len(one.rows("periods", "--dest", "192.0.2.7")) >= 1
    assert len(one.rows("events", "--dest", "192.0.2.7")) >= 1


def test_gradings(ezrepo_set, tmp_state):
    one = ezrepo_set
    document = {"grading": [{"gradeName": "mine", "appliesTo": {"recordType": "ping"},
                             "gradingRules": [{"grade": 3}]}]}
    path = tmp_state + "/grading.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
    one.cmd("grading", "check", path)
    one.cmd("grading", "set", path)
    assert "mine" in one.cmd("grading", "get").stdout
    assert "admin" in one.cmd("grading", "history").stdout
    document["grading"][0]["gradingRules"][0]["grade"] = 9
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
    done = one.cmd("grading", "check", path, check=False)
    assert done.returncode == 1 and "grade" in done.stdout + done.stderr
    assert one.cmd("grading", "set", path, check=False).returncode == 1
    assert "mine" in one.cmd("grading", "get").stdout
    for words in (["grading", "nonsense"], ["query", "--nonsense"]):
        done = one.cmd(*words, check=False)
        assert done.returncode == 2 and words[1] in done.stderr, done.stderr


def test_server_of_ones_own(make_set, cluster, build_dir, tmp_state):
    """With roles and database made as docs/operations.md says."""
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as file:
        statements = re.search(r"```sql\n(.*?)```", file.read(), re.S)[1].split(";")
    connection = cluster.connect()
    with connection.cursor() as cursor:
        for statement in filter(str.strip, statements):
            cursor.execute(statement)
    connection.close()
    store = cluster.connect_string("ezrepo_store", "ezrepo")
    query = cluster.connect_string("ezrepo_query", "ezrepo")

    for options, says in [
            ((query, query), "can neither create the schema"),
            ((store, store), "no member of ezrepo_read"),
            ((store, cluster.connect_string("ezrepo_query", "postgres")), "different databases"),
            ((store + " host=/nonexistent", query), "--database: ")]:
        done = run("init", "--state", tmp_state + "/s", "--database", options[0], "--database-read", options[1],
                   build=build_dir)
        assert done.returncode == 1 and says in done.stderr, done.stderr
        assert not os.path.exists(tmp_state + "/s")

    one = make_set("--database", store, "--database-read", query)
    assert not os.path.exists(one.state + "/postgres")
    one.up()
    assert "postgres" not in {p["name"] for p in one.status()["processes"]}
    one.send([ping("192.0.2.7", time_text(time.time() - 60))])
    one.wait_matched(1)
    one.down()
    assert cluster.is_running()
