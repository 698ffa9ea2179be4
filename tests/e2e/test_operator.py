# SPDX-License-Identifier: Apache-2.0
"""The operator's command when things are not as they should be: supervisord that stands still, a disk that is full, a
copy of a set, many commands at once.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import threading
import time
import urllib.request

import pytest
from conftest import EZREPO, ROOT, ping, time_text
from ezrepo import state as states
from processes import all_ended, start_of


@contextlib.contextmanager
def standing_still(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def opener(one):
    """For requests with the admin's certificate."""
    files = one.client_files()
    context = ssl.create_default_context(cafile=files["ca"])
    context.load_cert_chain(files["cert"], files["key"])
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))


def test_supervisord_that_stands_still_stops_nobody(module_set):
    """Its pipes fill, from 64 KiB of log lines on; PostgreSQL and the gateway answer all the same, the gateway writes every line
    once it is read again, and `status` tells what the processes say of themselves."""
    one = module_set
    one.configure(**{"mplane-gw": {"audit_per_second": 10000, "requests_per_second": 10000, "requests_burst": 10000}})
    one.cmd("restart", "mplane-gw")
    one.wait_for(lambda: one.status()["ok"])
    before = {p["name"]: p["pid"] for p in one.status()["processes"]}
    ask = opener(one)
    with standing_still(one.status()["supervisor_pid"]):
        one.sql("DO $$ BEGIN FOR i IN 1..100 LOOP RAISE LOG '%', repeat('x', 2000); END LOOP; END $$", role="postgres")
        for _ in range(500):
            with ask.open(f"https://localhost:{one.https}/capability", timeout=120) as answer:
                assert answer.status == 200
        done = one.cmd("status", "--json", check=False, timeout=120)
        found = json.loads(done.stdout)
        assert done.returncode == 1 and "does not answer" in found["troubles"][0]
        assert {p["name"]: p["pid"] for p in found["processes"]} == before
        assert {p["state"] for p in found["processes"]} == {"running"}
        assert "does not answer" in one.cmd("status", check=False).stdout
        done = one.cmd("restart", "queryd", check=False, timeout=120)
        assert done.returncode == 1 and "does not answer" in done.stderr and "Traceback" not in done.stderr
    one.wait_for(lambda: one.logs()["mplane-gw-audit.log"].count('door="capabilities"') >= 500)
    assert one.process("mplane-gw")["counters"]["audit.left_out"] == 0


def test_up_says_whom_it_waits_for(module_set):
    """A process that stands still; once it goes on, so does the command."""
    one = module_set
    pid = one.process("queryd")["pid"]
    with standing_still(pid):
        one.wait_for(lambda: one.process("queryd")["state"] == "silent")
        with subprocess.Popen([EZREPO, "up"], stdout=subprocess.PIPE, text=True, env=one.environment) as up:
            assert re.fullmatch(rf"waiting for queryd \(silent, process {pid}\), for at most \d+ s more\n", up.stdout.readline())
            os.kill(pid, signal.SIGCONT)
            assert up.communicate(timeout=120)[0].startswith("running: ") and up.returncode == 0


def test_status_when_supervisord_was_killed(module_set):
    one = module_set
    pid = one.status()["supervisor_pid"]
    os.kill(pid, signal.SIGKILL)
    one.wait_for(lambda: start_of(pid) is None)
    found = one.status()
    assert not found["ok"] and "supervisord does not run" in found["troubles"][0]
    assert {p["state"] for p in found["processes"]} == {"running"}
    one.cmd("up")
    one.wait_for(lambda: one.status()["ok"])


def lock_out(one):
    """stored cannot use its database any more."""
    one.sql("ALTER ROLE ezrepo_store NOLOGIN", role="postgres")
    one.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ezrepo_store'", role="postgres")


def test_status_tells_what_the_processes_cannot_do(ezrepo_set):
    """All run, and yet the set does not do what it is for: the exit code says so, and a sentence why."""
    one = ezrepo_set
    one.wait_for(lambda: one.status()["ok"])
    # The database is away.
    lock_out(one)
    one.send([ping("192.0.2.7", time_text(time.time() - 60))])
    one.wait_for(lambda: any(text.startswith("stored: database: away") for text in one.status()["troubles"]))
    done = one.cmd("status", check=False)
    assert done.returncode == 1 and "! stored: database: away" in done.stdout
    one.sql("ALTER ROLE ezrepo_store LOGIN", role="postgres")
    one.wait_for(lambda: one.status()["ok"])
    # The spool has no room.
    one.configure(ingestd={"spool_bytes": 1 << 20})
    one.cmd("restart", "ingestd")
    lock_out(one)
    results = [ping("192.0.2.7", time_text(time.time() - 60 - n)) for n in range(500)]

    def is_full():
        one.send(results)
        return any(text.startswith("ingestd: spool: full") for text in one.status()["troubles"])
    one.wait_for(is_full)
    assert one.cmd("status", check=False).returncode == 1
    one.sql("ALTER ROLE ezrepo_store LOGIN", role="postgres")
    one.wait_for(lambda: one.status()["ok"])


def test_status_tells_files_that_cannot_be_moved_away(make_set):
    """In a folder as /tmp is, where nobody but a file's owner may move it: what is in it is stored, and the file stays."""
    if os.geteuid() != 0:
        pytest.skip("a file of somebody else takes root")
    one = make_set()
    drop = pathlib.Path(one.state) / "drop"
    drop.mkdir()
    drop.chmod(0o1777)
    one.configure(ingestd={"drop_dir": str(drop)})
    one.up()
    one.wait_for(lambda: one.status()["ok"])
    (drop / ".a.new").write_text(json.dumps(ping("192.0.2.7", time_text(time.time() - 60))))
    os.rename(drop / ".a.new", drop / "a.json")
    one.wait_for(lambda: any('1 taken but not moved away, such as "a.json"' in text for text in one.status()["troubles"]))
    done = one.cmd("status", check=False)
    assert done.returncode == 1 and f"! ingestd: drop: {drop}: " in done.stdout
    drop.chmod(0o777)
    one.wait_for(lambda: one.status()["ok"])
    assert (drop / "done/a.json").exists()


def test_stored_of_a_second_set_is_locked_out(make_set, module_set):
    """It says so, and so does `status`."""
    first = module_set
    second = make_set()
    second.configure(stored={"database": f"host={first.state}/postgres/socket dbname=ezrepo user=ezrepo_store"})
    second.cmd("up", "--outside")
    second.wait_for(lambda: any("holds this database" in text for text in second.status()["troubles"]))
    assert second.cmd("status", check=False).returncode == 1
    second.down()


def test_a_copy_of_a_set_does_not_start_on_the_originals_folders(module_set, tmp_state):
    one = module_set
    copy = tmp_state + "/copy"
    shutil.copytree(one.state, copy, ignore=shutil.ignore_patterns("postgres", "sock", "sockets", "run"))
    before = {p["name"]: p["pid"] for p in one.status()["processes"]}
    done = one.cmd("up", "--state", copy, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    for place in (f"common.run_dir: {one.state}/run", f"ingestd.spool_dir: {one.state}/spool",
                  f"mplane-gw.repeats_file: {one.state}/gateway/repeats.jsonl",
                  f"stored.database: {one.state}/postgres/socket"):
        assert f"{place} is outside of {copy}" in done.stderr, done.stderr
    assert {p["name"]: p["pid"] for p in one.status()["processes"]} == before


def test_folders_elsewhere_are_taken_when_asked_once(make_set, tmp_state):
    one = make_set()
    spool = tmp_state + "/spool"
    shutil.copytree(one.state + "/spool", spool)
    shutil.chown(spool, os.stat(one.state + "/spool").st_uid)
    os.chmod(spool, 0o700)
    one.configure(ingestd={"spool_dir": spool})
    assert one.cmd("up", check=False).returncode == 1
    one.cmd("up", "--outside")
    one.cmd("restart", "ingestd")
    one.down()
    one.up()
    one.configure(**{"mplane-gw": {"exports_file": tmp_state + "/exports"}})
    done = one.cmd("restart", "mplane-gw", check=False)
    assert done.returncode == 1 and "mplane-gw.exports_file" in done.stderr and "spool_dir" not in done.stderr


def test_many_commands_at_once(ezrepo_set):
    one = ezrepo_set
    commands = [["up"], ["up"], ["restart", "queryd"], ["restart", "classifyd"], ["scale", "classifyd", "3"],
                ["scale", "classifyd", "2"], ["reload"], ["status"], ["status", "--json"], ["pki", "issue", "a"],
                ["pki", "issue", "b", "--role", "reader"], ["pki", "revoke", "admin"], ["pki", "list"],
                ["logs", "-n", "1"], ["ledger"], ["rejected", "list"], ["pki", "server"], ["restart", "stored"]]
    answers = {}

    def run(number):
        answers[number] = one.cmd(*commands[number], check=False, timeout=400)
    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(commands))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, command in enumerate(commands):
        done = answers[number]
        assert "Traceback" not in done.stderr, (command, done.stderr)
        assert done.returncode == 0 or command[0] in ("status", "ledger", "rejected"), (command, done.stderr)
    one.wait_for(lambda: one.status()["ok"])


LOOKER = """
import os, sys
print(flush=True)
while True:
    os.stat(sys.argv[1])
"""


def test_contracts_are_never_missing(module_set):
    """A process that is started while another command runs finds them, the ones or the others."""
    one = module_set
    watched = one.state + "/schemas/record-types.json"
    with subprocess.Popen(["/usr/bin/python3", "-c", LOOKER, watched], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as looker:
        looker.stdout.readline()
        for _ in range(40):
            states.copy_schemas(states.State(one.state))
        assert looker.poll() is None, looker.stderr.read()
        looker.kill()
    assert not os.path.exists(one.state + "/schemas.new")


# ---- versions of PostgreSQL ----

@pytest.fixture
def versions(tmp_state):
    """A folder as /usr/lib/postgresql, where newer() has another version appear, with the same programs."""
    folder = pathlib.Path(tmp_state)
    found = sorted(int(name) for name in os.listdir("/usr/lib/postgresql") if name.isdigit())[-1]
    (folder / str(found)).symlink_to(f"/usr/lib/postgresql/{found}")

    def newer():
        (folder / str(found + 1)).symlink_to(f"/usr/lib/postgresql/{found}")
        return found + 1
    return folder, found, newer


def program_of(one):
    with open(f"/proc/{one.pid('postgres')}/cmdline", encoding="utf-8") as file:
        return file.read().split("\0")[0]


def test_a_newer_postgresql_on_the_machine(make_set, versions, monkeypatch):
    """The cluster goes on with its own version's programs, and is upgraded when it is asked for, with all that is in it."""
    folder, own, newer = versions
    monkeypatch.setenv("EZREPO_POSTGRESQL", str(folder))
    one = make_set()
    target = newer()
    one.up()
    assert program_of(one) == f"{folder}/{own}/bin/postgres"
    one.send([ping("192.0.2.7", time_text(time.time() - 60 - n)) for n in range(20)])
    one.wait_matched(20)
    done = one.cmd("upgrade-cluster", check=False)
    assert done.returncode == 1 and "the set is running" in done.stderr
    assert "can be upgraded" in one.cmd("upgrade-cluster", "--check").stdout
    with open(one.state + "/postgres/data/postgresql.conf", "a", encoding="ascii") as file:
        file.write("max_connections = 77\n")
    one.down()
    for options, code, says in [(["--to", str(own)], 2, "expected a newer one"), (["--to", "99"], 2, "installed are")]:
        done = one.cmd("upgrade-cluster", *options, check=False)
        assert done.returncode == code and says in done.stderr, done.stderr
    before = os.stat(one.state + "/postgres/data").st_ino
    assert "can be upgraded" in one.cmd("upgrade-cluster", "--check").stdout
    assert os.stat(one.state + "/postgres/data").st_ino == before
    assert not os.path.exists(one.state + "/postgres/data.new")
    said = one.cmd("upgrade-cluster", timeout=500).stdout
    assert f"PostgreSQL {own} to {target}" in said and "done;" in said
    assert os.stat(one.state + "/postgres/data.old").st_ino == before
    one.up()
    one.wait_matched(20)
    assert one.sql("SHOW max_connections") == [("77",)]
    assert one.sql("SELECT count(*) > 0 FROM pg_statistic s JOIN pg_class c ON c.oid = s.starelid"
                   " WHERE c.relname = 'series'", role="postgres") == [(True,)]
    one.down()
    done = one.cmd("upgrade-cluster", check=False)
    assert done.returncode == 1 and "data.old is there" in done.stderr


def test_programs_of_the_clusters_version_are_gone(make_set, versions, monkeypatch):
    folder, own, newer = versions
    monkeypatch.setenv("EZREPO_POSTGRESQL", str(folder))
    one = make_set()
    newer()
    (folder / str(own)).unlink()
    done = one.cmd("up", check=False)
    assert done.returncode == 1 and f"install postgresql-{own}" in done.stderr and "Traceback" not in done.stderr
    assert one.cmd("status", check=False).returncode == 1


def test_a_failed_upgrade_changes_nothing(make_set, versions, monkeypatch):
    folder, own, newer = versions
    monkeypatch.setenv("EZREPO_POSTGRESQL", str(folder))
    one = make_set()
    newer()
    with open(one.state + "/postgres/data/postgresql.conf", "a", encoding="ascii") as file:
        file.write("no_such_setting = 1\n")
    before = os.stat(one.state + "/postgres/data").st_ino
    done = one.cmd("upgrade-cluster", check=False)
    assert done.returncode == 1 and "no_such_setting" in done.stderr and "Traceback" not in done.stderr
    assert os.stat(one.state + "/postgres/data").st_ino == before
    assert sorted(os.listdir(one.state + "/postgres")) == ["data", "socket"]
    with open(one.state + "/postgres/data/PG_VERSION", encoding="ascii") as file:
        assert int(file.read()) == own


# ---- backup, uninstall ----

def page_blocks(heading):
    """The shell commands under a heading of docs/operations.md."""
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as file:
        section = re.search(rf"^## {heading}\n(.*?)^## ", file.read(), re.S | re.M)[1]
    return re.findall(r"^```sh\n(.*?)^```", section, re.S | re.M)


def do_as_the_page_says(one, commands, folder):
    """With this set's directory instead of the page's, and as who runs the test."""
    text = commands.replace("/var/lib/ezrepo", one.state).replace("/var/backups", str(folder))
    if os.geteuid() != 0:
        text = text.replace("runuser -u postgres -- ", "")
    path = f"{os.path.dirname(EZREPO)}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-euc", text], capture_output=True, text=True, check=False, timeout=400,
                          env={**one.environment, "PATH": path})
    assert done.returncode == 0, done.stdout + done.stderr


def ask_again_and_again(one):
    """A repeated specification, which outlives restarts."""
    ask, url = opener(one), f"https://localhost:{one.https}/"
    with ask.open(url + "capabilities", timeout=60) as answer:
        offered = next(c for c in json.load(answer)["contents"] if c["label"] == "QueryByCriteria")
    wanted = {"specification": offered["capability"], "version": 1, "registry": offered["registry"],
              "label": "asked again", "when": "repeat now ... future / 1h { now + 1h }", "results": offered["results"],
              "parameters": {name: "*" for name in offered["parameters"]}}
    with ask.open(urllib.request.Request(url, json.dumps(wanted).encode(), {
            "Content-Type": "application/x-mplane+json"}), timeout=60) as answer:
        assert "receipt" in json.load(answer)


def test_backup_and_restore_as_the_page_says(make_set, tmp_path):
    one = make_set()
    one.up()
    one.send([ping("192.0.2.7", time_text(time.time() - 60 - n)) for n in range(20)])
    one.wait_matched(20)
    one.cmd("pki", "issue", "carol", "--role", "reader")
    one.cmd("pki", "issue", "dave", "--role", "reader")
    one.cmd("pki", "revoke", "dave")
    ask_again_and_again(one)
    one.wait_for(lambda: os.path.exists(f"{one.state}/gateway/repeats.jsonl"))
    listed = one.cmd("pki", "list").stdout
    back_up, put_back = page_blocks("Backup")
    do_as_the_page_says(one, back_up, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ezrepo-set.tar", "ezrepo.dump"]
    assert all(p.stat().st_mode & 0o077 == 0 for p in tmp_path.iterdir())
    one.down()
    os.rename(one.state, one.state + ".lost")
    do_as_the_page_says(one, put_back, tmp_path)
    one.wait_for(lambda: one.status()["ok"])
    one.wait_matched(20)
    assert one.cmd("query", "--as", "carol").returncode == 0
    assert one.cmd("pki", "list").stdout == listed
    one.wait_for(lambda: one.process("mplane-gw")["counters"]["repeats.known"] == 1)
    assert one.cmd("ledger", "--verify").returncode == 0
    one.send([ping("192.0.2.7", time_text(time.time() - 10))])
    one.wait_matched(21)


def test_a_configuration_that_is_a_link_stays_one(make_set):
    one = make_set()
    os.mkdir(one.state + "/etc")
    os.rename(one.state + "/ezrepo.json", one.state + "/etc/real.json")
    os.symlink("etc/real.json", one.state + "/ezrepo.json")
    one.cmd("pki", "issue", "carol", "--role", "reader")
    assert os.readlink(one.state + "/ezrepo.json") == "etc/real.json"
    with open(one.state + "/etc/real.json", encoding="utf-8") as file:
        assert "Clients.carol" in file.read()
    one.up()


def test_uninstall(ezrepo_set):
    one = ezrepo_set
    starts = {p["pid"]: start_of(p["pid"]) for p in one.status()["processes"]}
    assert None not in starts.values()
    said = one.cmd("uninstall").stdout
    assert "stays; --remove-state" in said and "what is left" in said
    assert all_ended(starts)
    one.up()
    one.cmd("uninstall", "--remove-state")
    assert not os.path.exists(one.state)
    done = one.cmd("uninstall", "--remove-state", check=False)
    assert done.returncode == 1 and "holds no set" in done.stderr
    assert "what is left" in one.cmd("uninstall").stdout
    one.cmd("init", "--udp-port", str(one.udp), "--https-port", str(one.https), "--registry-port", str(one.registry))


UNINSTALL_WITH = """
mount --bind "$1" /etc/postgresql-common/createcluster.d && shift && exec "$@"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sees another /etc")
@pytest.mark.parametrize("text, stays", [("# Of EZRepo\ncreate_main_cluster = false\n", False),
                                         ("create_main_cluster = false\n", False),
                                         ("create_main_cluster = false\nstart_conf = manual\n", True)])
def test_uninstall_puts_back_what_install_packages_changed(tmp_path, tmp_state, text, stays):
    """In a mount namespace of its own, so that this machine's file is not touched."""
    os.makedirs("/etc/postgresql-common/createcluster.d", exist_ok=True)
    (tmp_path / "ezrepo.conf").write_text(text)
    done = subprocess.run(["unshare", "--mount", "sh", "-ec", UNINSTALL_WITH, "sh", str(tmp_path), EZREPO, "uninstall",
                           "--state", tmp_state + "/none"], capture_output=True, text=True, check=False, timeout=60)
    if "unshare" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ezrepo.conf").exists() == stays
