# SPDX-License-Identifier: Apache-2.0
"""In a set that root made each process has a user of its own, and of all the set has it can read, and connect to, only
what is its own. Asked of the kernel, as each of these users."""
import json
import os
import pathlib
import pwd
import re
import subprocess
import time

import pytest
from conftest import ping, time_text, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root's sets have users of their own")

KINDS = ["ingestd", "socketd", "classifyd", "stored", "queryd", "mplane-gw", "ingest-gw", "webd", "alertd", "reasond"]
# Whose socket it is, and who besides may connect to it.
ENDPOINTS = {"batches": ("ingestd", {"classifyd"}), "deliver": ("ingestd", {"mplane-gw", "ingest-gw"}),
             "graded": ("stored", {"classifyd"}), "announce": ("stored", {"ingestd", "classifyd", "queryd"}),
             "store": ("stored", {"mplane-gw"}), "access": ("stored", {"mplane-gw", "ingest-gw", "webd"}), "keys": ("stored", {"ingestd"}),
             "admin": ("stored", set()), "query": ("queryd", {"mplane-gw", "alertd", "webd"}), "alerts": ("stored", {"alertd"}),
             "users": ("stored", {"webd"}),
             "trial": ("alertd", set()), "reason": ("queryd", {"reasond"}), "sockets": ("socketd", {"ingestd"})}

CONNECT = """
import socket, sys
for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
    with socket.socket(socket.AF_UNIX, kind) as s:
        try:
            s.connect(sys.argv[1])
            print("connected")
            break
        except OSError as error:
            print(error.strerror)
"""


@pytest.fixture(scope="module")
def one(module_set):
    now = time.time()
    module_set.send([ping("192.0.2.1", time_text(now - i)) for i in range(3)])
    module_set.wait_matched(3)
    return module_set


def account(kind):
    return pwd.getpwnam(f"ezrepo-{kind}")


def as_user(kind, *words):
    """What it says and how it ends, run by the user of that process with the groups it has."""
    who = account(kind)
    return subprocess.run(words, capture_output=True, text=True, errors="replace", check=False, cwd="/", user=who.pw_uid, group=who.pw_gid,
                          extra_groups=os.getgrouplist(who.pw_name, who.pw_gid))


def test_each_process_runs_as_its_own_user(one):
    for process in one.status()["processes"]:
        text = pathlib.Path(f"/proc/{process['pid']}/status").read_text()
        uids = set(re.search(r"^Uid:\s*(.*)$", text, re.M)[1].split())
        wanted = pwd.getpwnam("postgres") if process["name"] == "postgres" else account(process["process"])
        assert uids == {str(wanted.pw_uid)}, process["name"]
        if process["name"] != "postgres":
            assert re.search(r"^CapEff:\s*0+$", text, re.M) and re.search(r"^NoNewPrivs:\s*1$", text, re.M)
    assert len({account(kind).pw_uid for kind in KINDS}) == len(KINDS)


def owned_files(one):
    """What is in the state directory, and whose alone it is to read; None: nobody's but root's and PostgreSQL's."""
    return {"pki/server.key": "mplane-gw", "pki/ingest.key": "ingest-gw", "pki/ca.key": None, "pki/clients/admin.key": None, "spool/spool.sqlite": "ingestd",
            "spool/spool.head": "ingestd", "gateway": "mplane-gw", "spool": "ingestd", "log/stored.log": None,
            "run/mplane-gw/mplane-gw.access": "mplane-gw", "postgres/data/PG_VERSION": None, "supervisor/supervisord.conf": None,
            **{f"run/{kind}/status/{kind}-0.json": kind for kind in KINDS}}


def test_each_reads_its_own_files_only(one):
    for name, owner in owned_files(one).items():
        path = os.path.join(one.state, name)
        assert os.path.exists(path), path
        for kind in KINDS:
            read = as_user(kind, *(("ls", path) if os.path.isdir(path) else ("cat", path))).returncode == 0
            readers = {owner} | ({"webd"} if "/status/" in name else set())
            assert read == (kind in readers), f"{kind} {'reads' if read else 'cannot read'} {name}"


def test_who_may_do_what_is_the_operators(one):
    """Made by the command, in force at the gateway, in stored's log; and nobody else's process can change it."""
    token = one.cmd("token", "issue", "t", "--type", "ping", "--from", "any").stdout.strip()
    version = json.loads(one.cmd("access", "history", "--output", "json", "--limit", "1").stdout)["version"]
    one.wait_for(lambda: one.process("mplane-gw")["notes"]["access"].startswith(f"version {version},"))
    assert re.search(r'audit stored\[0\] access.changed version=2 author="[^"]+" action=added kind=token name="t"', one.logs()["stored.log"])
    assert not any(token in log for log in one.logs().values())
    one.cmd("token", "revoke", "t")


def test_all_read_the_configuration_and_nobody_writes_it(one):
    for kind in KINDS:
        assert as_user(kind, "cat", f"{one.state}/ezrepo.json").returncode == 0
        for place in ("ezrepo.json", "set.json", "pki/crl.pem", "run", "schemas", "."):
            assert as_user(kind, "test", "-w", f"{one.state}/{place}").returncode == 1, (kind, place)
    assert subprocess.run(["cat", f"{one.state}/ezrepo.json"], user="nobody", group="nogroup", extra_groups=[],
                          capture_output=True, check=False).returncode != 0


def test_each_connects_to_its_own_sockets_only(one):
    for endpoint, (owner, others) in ENDPOINTS.items():
        path = f"{one.state}/run/{endpoint}/{endpoint}"
        assert os.path.exists(path)
        for kind in KINDS:
            said = as_user(kind, "/usr/bin/python3", "-c", CONNECT, path).stdout
            assert ("connected" in said) == (kind == owner or kind in others), f"{kind} to {endpoint}: {said}"
            assert "connected" in said or "Permission denied" in said
    for path in (f"{one.state}/supervisor/sock", f"{one.state}/postgres/socket/.s.PGSQL.5432"):
        for kind in KINDS:
            said = as_user(kind, "/usr/bin/python3", "-c", CONNECT, path).stdout
            assert ("connected" in said) == ("PGSQL" in path and kind in ("stored", "queryd", "reasond")), f"{kind} to {path}: {said}"


@pytest.mark.parametrize("kind, role", [("queryd", "ezrepo_store"), ("stored", "ezrepo_query"), ("queryd", "postgres"),
                                        ("stored", "postgres")])
def test_each_is_known_to_the_database_by_its_own_role(one, kind, role):
    own = {"queryd": "ezrepo_query", "stored": "ezrepo_store"}[kind]
    ask = ["psql", "-X", "-A", "-t", "-w", "-h", f"{one.state}/postgres/socket", "-d", "ezrepo", "-c", "SELECT current_user"]
    assert as_user(kind, *ask, "-U", own).stdout.strip() == own
    refused = as_user(kind, *ask, "-U", role)
    assert refused.returncode != 0 and "Peer authentication failed" in refused.stderr


def test_restarts_and_commands_work_the_same(one):
    one.wait_kept()
    one.cmd("restart")
    one.cmd("restart", "socketd")
    wait_for(lambda: one.status()["ok"], 60, one.log_ends, 0.2)
    one.wait_matched(3)
    one.cmd("rebuild", "--verify")
    one.cmd("ledger", "--verify")
    one.cmd("rejected", "list")
    one.cmd("pki", "server", "--name", "gateway.example")
    one.wait_for(lambda: one.cmd("query", check=False).returncode == 0)


def test_passwords_of_a_database_are_kept_apart(make_set, cluster, tmp_path):
    """All read the configuration: what queryd must not know of stored is not in it."""
    for statement in ("CREATE ROLE ezrepo_read NOLOGIN", "CREATE DATABASE apart"):
        cluster.connect().cursor().execute(statement)
    given = []
    for option, password in (("--database", "wri:te\\1"), ("--database-read", "read2")):
        file = tmp_path / password[:3]
        quoted = password.replace("\\", "\\\\")
        file.write_text(f"{cluster.connect_string(database='apart')} password='{quoted}'")
        given += [option, f"@{file}"]
    found = make_set(*given)
    text = pathlib.Path(found.state, "ezrepo.json").read_text()
    assert "te" not in re.findall(r"password=(.*)", text) and "read2" not in text and "wri" not in text
    for kind, line in (("stored", "*:*:*:*:wri\\:te\\\\1\n"), ("queryd", "*:*:*:*:read2\n")):
        for other in KINDS:
            done = as_user(other, "cat", f"{found.state}/secrets/{kind}")
            assert (done.stdout == line) == (other == kind) and (done.returncode == 0) == (other == kind)
    found.up()
    found.wait_for(lambda: found.cmd("query", check=False).returncode == 0)


def test_one_user_for_all_is_a_choice(make_set):
    found = make_set("--user", "daemon")
    found.up()
    uid = str(pwd.getpwnam("daemon").pw_uid)
    for process in found.status()["processes"]:
        if process["name"] != "postgres":
            text = pathlib.Path(f"/proc/{process['pid']}/status").read_text()
            assert re.search(rf"^Uid:\s*{uid}\s", text, re.M), process["name"]
