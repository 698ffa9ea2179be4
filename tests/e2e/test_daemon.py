# SPDX-License-Identifier: Apache-2.0
"""What every process does the same way: command line, configuration, signals, status file, user."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest
from conftest import ROOT, assert_clean, check_grown, wait_for
from processes import held_up

PROCESSES = ["ingestd", "socketd", "classifyd", "stored", "queryd", "mplane-gw", "ingest-gw", "webd", "alertd", "reasond"]


@pytest.fixture
def program(build_dir):
    """The path of one."""
    return lambda name: os.path.join(build_dir, name, name)


@pytest.fixture
def run(program):
    """Runs one to its end."""
    return lambda name, *words: subprocess.run([program(name), *words], capture_output=True, text=True, timeout=120,
                                               check=False)


def configuration(folder, **common):
    """A file that classifyd, which needs no other process to start, is content with."""
    file = folder / "ezrepo.json"
    settings = {"run_dir": str(folder / "run"), "schemas_dir": os.path.join(ROOT, "schemas"), **common}
    file.write_text("// comments are allowed\n" + json.dumps({"common": settings}))
    return file


@pytest.fixture
def classifyd(program, tmp_path):
    """Started with a good configuration; the process and its folder."""
    file = configuration(tmp_path)
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen([program("classifyd"), "--config", str(file), "--instance", "3"],
                               stderr=log)
    status = tmp_path / "run/status/classifyd-3.json"
    wait_for(status.exists)
    yield process, tmp_path
    if process.poll() is None:
        process.kill()
        process.wait()
    assert_clean((tmp_path / "log").read_text())


@pytest.mark.parametrize("name", PROCESSES)
def test_command_line(run, name):
    assert run(name, "--help").returncode == 0
    assert "--check-config" in run(name, "--help").stdout
    assert re.match(rf"{name} \d+\.\d+\.\d+\n", run(name, "--version").stdout)
    for wrong in ([], ["--nonsense"], ["--config"], ["--config", "x", "extra"],
                  ["--config", "x", "--instance", "-1"], ["--config", "x", "--instance", "1x"]):
        done = run(name, *wrong)
        assert done.returncode == 2, (wrong, done)
        assert "--help" in done.stderr


@pytest.mark.parametrize("name", PROCESSES)
def test_faults_of_the_configuration_are_all_told(run, name, tmp_path):
    file = tmp_path / "bad.json"
    file.write_text(json.dumps({"common": {"schemas_dir": 5, "colour": "red"}, "shop": {},
                                name: {"nonsense": 1}}))
    done = run(name, "--config", str(file), "--check-config")
    assert done.returncode == 1
    for fault in ("common.schemas_dir: expected a string, found 5", "common.colour: unknown option",
                  "shop: unknown, expected one of common ingestd socketd classifyd stored queryd mplane-gw ingest-gw webd alertd reasond", f"{name}.nonsense: unknown option",
                  "common.run_dir: expected a string, found nothing"):
        assert f"{file}: {fault}" in done.stderr, done.stderr
    done = run(name, "--config", str(tmp_path / "absent"), "--check-config")
    assert done.returncode == 1 and "No such file" in done.stderr


@pytest.mark.parametrize("name", PROCESSES)
def test_options_have_help(run, name):
    for line in run(name, "--options").stdout.splitlines():
        option, kind, preset, effect, text = line.split("\t")
        assert option.split(".")[0] in ("common", name)
        assert kind in ("string", "integer", "boolean", "strings", "object", "list")
        assert effect in ("reloadable", "restart")
        assert len(text) > 5
        if preset not in ("", "required"):
            json.loads(preset)


def test_status_file(classifyd, run):
    process, folder = classifyd
    file = folder / "run/status/classifyd-3.json"
    first = json.loads(file.read_text())
    assert (first["process"], first["instance"], first["pid"]) == ("classifyd", 3, process.pid)
    assert first["state"] == "running"
    assert first["notes"]["grading"].startswith("none yet")  # the first one is as whole as those that follow
    counters = [json.loads(line) for line in run("classifyd", "--counters").stdout.splitlines()]
    assert list(first["counters"]) == [c["name"] for c in counters]
    assert first["gauges"] == [c["name"] for c in counters if c["kind"] == "gauge"] == ["grading.version", "process.memory_bytes"]
    assert first["name"] == "classifyd-3" and first["troubles"] == []
    assert file.with_suffix(".counters").read_text() == run("classifyd", "--counters").stdout
    wait_for(lambda: json.loads(file.read_text())["updated_at"] > first["updated_at"])
    assert (folder / "run").stat().st_mode & 0o777 == 0o700


def test_what_shrinks_is_noticed():
    """By every test that looks at counters: a gauge may, in the same process nothing else may."""
    def status(pid, held, received):
        return {"pid": -pid, "started_at": "then", "gauges": ["held"], "counters": {"held": held, "received": received}}
    check_grown(status(1, 5, 5))
    check_grown(status(1, 0, 5))
    check_grown(status(2, 0, 0))
    with pytest.raises(AssertionError):
        check_grown(status(1, 5, 4))


@pytest.mark.parametrize("before", ["", "x"])
def test_status_file_is_utf8_whatever_a_note_quotes(program, tmp_path, before):
    """The database's complaint is cut to a note's length: in one of the cases within an umlaut."""
    file = tmp_path / "ezrepo.json"
    file.write_text(json.dumps({
        "common": {"run_dir": str(tmp_path / "run"), "schemas_dir": os.path.join(ROOT, "schemas")},
        "queryd": {"database": f"host=/{before}{'ü' * 95} dbname=x"}}))
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([program("queryd"), "--config", str(file)], stderr=log)
    status = tmp_path / "run/status/queryd-0.json"
    try:
        wait_for(lambda: status.exists() and b"away" in status.read_bytes())
        assert "ü" * 50 in json.loads(status.read_text(encoding="utf-8"))["notes"]["database"]
    finally:
        process.terminate()
        assert process.wait(60) == 0


def test_first_sigterm_drains(classifyd):
    process, folder = classifyd
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert json.loads((folder / "run/status/classifyd-3.json").read_text())["state"] == "stopped"
    assert "daemon.stopped exit=0" in (folder / "log").read_text()


def test_second_sigterm_exits_at_once(classifyd):
    """While it cannot even drain: it is stopped, gets both, and goes on."""
    process, _ = classifyd
    with held_up(process.pid):
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
    assert process.wait(60) == 1


def test_sighup_reloads_or_keeps(classifyd):
    process, folder = classifyd
    log = folder / "log"
    configuration(folder, log_level="debug", user="nobody-else")
    process.send_signal(signal.SIGHUP)
    wait_for(lambda: "config.reloaded" in log.read_text())
    assert 'option=common.log_level effect="now"' in log.read_text()
    assert 'option=common.user effect="after a restart"' in log.read_text()
    (folder / "ezrepo.json").write_text("{")
    process.send_signal(signal.SIGHUP)
    wait_for(lambda: "config.refused" in log.read_text())
    assert process.poll() is None


def test_run_dir_open_to_others_is_refused(run, tmp_path):
    (tmp_path / "run").mkdir(mode=0o755)
    os.chmod(tmp_path / "run", 0o755)
    done = run("classifyd", "--config", str(configuration(tmp_path)))
    assert done.returncode == 1
    assert "0700" in done.stderr


def test_run_dir_that_leads_elsewhere_is_refused(run, tmp_path):
    """Root would give what it leads to to the unprivileged user."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    done = run("classifyd", "--config", str(configuration(tmp_path, user="nobody" if os.geteuid() == 0 else "")))
    assert done.returncode == 1 and "daemon.folder" in done.stderr and "run_dir=" in done.stderr
    assert (tmp_path / "elsewhere").owner() == pathlib.Path("/proc/self").owner()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_second_process_of_a_run_dir_is_refused(classifyd, program):
    """It would take over the first one's sockets, which nobody would see until the first one is started again."""
    process, folder = classifyd
    command = [program("classifyd"), "--config", str(folder / "ezrepo.json"), "--instance"]
    done = subprocess.run([*command, "3"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert f"daemon.lock run_dir={folder}/run file=classifyd-3.lock holder={process.pid} " in done.stderr
    status = json.loads((folder / "run/status/classifyd-3.json").read_text())
    assert (status["pid"], status["state"]) == (process.pid, "running")
    with subprocess.Popen([*command, "4"], stderr=subprocess.DEVNULL) as other:
        wait_for((folder / "run/status/classifyd-4.json").exists)
        other.kill()
    # However the first one ends, its place is free then.
    process.kill()
    process.wait()
    with subprocess.Popen([*command, "3"], stderr=subprocess.DEVNULL) as next_one:
        wait_for(lambda: json.loads((folder / "run/status/classifyd-3.json").read_text())["pid"] == next_one.pid)
        next_one.terminate()
        assert next_one.wait(60) == 0


def test_an_instance_of_its_own_does_not_help_what_is_one(program, run, tmp_path):
    """Of all but classifyd there is one a run_dir, whatever it is called."""
    file = str(configuration(tmp_path))
    with subprocess.Popen([program("socketd"), "--config", file], stderr=subprocess.DEVNULL) as first:
        wait_for((tmp_path / "run/status/socketd-0.json").exists)
        done = run("socketd", "--config", file, "--instance", "1")
        assert done.returncode == 1 and "another socketd of this run_dir is running" in done.stderr
        first.terminate()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is careful with others' files")
@pytest.mark.parametrize("owner, mode", [("nobody", 0o644), ("root", 0o666)])
def test_root_starts_nothing_that_others_wrote(run, tmp_path, owner, mode):
    file = configuration(tmp_path, user="nobody")
    shutil.chown(file, owner)
    file.chmod(mode)
    for words in ([], ["--check-config"]):
        done = run("classifyd", "--config", str(file), *words)
        assert done.returncode == 1
        assert f"{file}: expected a file of root's that nobody else can write" in done.stderr
    assert not (tmp_path / "run").exists()


def read_until(descriptor, words):
    """What is read there until these words are among it."""
    found = b""
    while words not in found:
        more = os.read(descriptor, 65536)
        assert more, found
        found += more
    return found


def test_nobody_waits_for_the_log(program, tmp_path):
    """Whoever should read it stands still and the pipe is full: the process starts, reloads and ends all the same, and
    says it all once the log is read again."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"-" * 4095 + b"\n")
    os.set_blocking(writer, True)
    status = tmp_path / "run/status/classifyd-0.json"
    with subprocess.Popen([program("classifyd"), "--config", str(configuration(tmp_path))], stderr=writer) as process:
        wait_for(status.exists)
        process.send_signal(signal.SIGHUP)
        first = json.loads(status.read_text())
        wait_for(lambda: json.loads(status.read_text())["updated_at"] > first["updated_at"])
        assert json.loads(status.read_text())["counters"]["log.left_out"] == 0
        read_until(reader, b"config.reloaded")
        process.terminate()
        assert process.wait(60) == 0
    os.close(writer)
    assert b"daemon.stopped" in read_until(reader, b"daemon.stopped")
    os.close(reader)


def test_a_log_that_nobody_will_read_is_counted(program, tmp_path):
    reader, writer = os.pipe()
    status = tmp_path / "run/status/classifyd-0.json"
    with subprocess.Popen([program("classifyd"), "--config", str(configuration(tmp_path))], stderr=writer) as process:
        wait_for(status.exists)
        os.close(writer)
        os.close(reader)
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: json.loads(status.read_text())["counters"]["log.left_out"] > 0)
        process.terminate()
        assert process.wait(60) == 0


@pytest.mark.parametrize("name", ["stored", "queryd"])
@pytest.mark.parametrize("database", ["host=localhost password='s3cret", "host=localhost s3cret", "postgresql://a:s3cret@[x",
                                      ["host=localhost password=s3cret"], {"password": "s3cret"}, "host=x\0 s3cret",
                                      "postgresql://a:s3@s3cret@localhost/x", "postgresql://a:s3/s3cret@localhost/x",
                                      "postgres://localhost/s3cret@x"])
def test_passwords_are_not_shown(run, tmp_path, name, database):
    file = configuration(tmp_path)
    settings = json.loads(file.read_text().partition("\n")[2])
    file.write_text(json.dumps({**settings, name: {"database": database}}))
    done = run(name, "--config", str(file), "--check-config")
    assert done.returncode == 1
    assert f"{name}.database: expected " in done.stderr
    assert "s3cret" not in done.stderr + done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_the_user(program, tmp_path):
    os.chmod(tmp_path, 0o711)
    for parent in tmp_path.parents:
        if parent.owner() == "root" and str(parent).startswith("/tmp/pytest"):
            os.chmod(parent, 0o711)
    file = configuration(tmp_path, user="nobody")
    with subprocess.Popen([program("classifyd"), "--config", str(file)],
                          stderr=subprocess.PIPE, text=True) as process:
        wait_for((tmp_path / "run/status/classifyd-0.json").exists)
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        process.terminate()
        assert process.wait(60) == 0, process.stderr.read()
    assert not re.search(r"^Uid:.*\b0\b", status, re.M), status
    assert re.search(r"^Groups:\s*(\d*\s*)?$", status, re.M), status
    assert re.search(r"^CapEff:\s*0+$", status, re.M), status
    assert re.search(r"^NoNewPrivs:\s*1$", status, re.M), status


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_unknown_user_is_refused(run, tmp_path):
    done = run("classifyd", "--config", str(configuration(tmp_path, user="no-such-user")))
    assert done.returncode == 1
    assert "common.user=no-such-user" in done.stderr


def test_contracts_are_those_of_the_program_when_nobody_names_them(program, tmp_path):
    file = configuration(tmp_path, schemas_dir="")
    with (tmp_path / "log").open("w") as log, subprocess.Popen(
            [program("classifyd"), "--config", str(file)], stderr=log) as process:
        wait_for((tmp_path / "run/status/classifyd-0.json").exists, tell=(tmp_path / "log").read_text)
        process.terminate()
        assert process.wait(60) == 0


# ---- under systemd ----

@contextlib.contextmanager
def started(program, file, stderr, **environment):
    """With this in its environment; it is ended at last, whatever happens."""
    with subprocess.Popen([program("classifyd"), "--config", str(file)], stderr=stderr,
                          env={**os.environ, **environment}) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(program, tmp_path, abstract):
    """When it is ready, that it lives, and that it ends; and nobody whom it starts is told where."""
    name = f"@ezrepo-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, (tmp_path / "log").open("w") as log:
        systemd.bind(name.replace("@", "\0"))
        systemd.settimeout(60)
        with started(program, configuration(tmp_path), log, NOTIFY_SOCKET=name, WATCHDOG_USEC="4000000") as process:
            while (said := systemd.recv(100)) == b"WATCHDOG=1":  # where starting takes its time, it lives meanwhile
                pass
            assert said == b"READY=1"
            assert (tmp_path / "run/status/classifyd-0.json").exists()
            assert [systemd.recv(100) for _ in range(2)] == [b"WATCHDOG=1"] * 2
            with held_up(process.pid):  # what has no loop any more does not feed the watchdog
                systemd.settimeout(3)
                with pytest.raises(TimeoutError):
                    while systemd.recv(100) == b"WATCHDOG=1":
                        pass
            systemd.settimeout(60)
            process.terminate()
            while (said := systemd.recv(100)) == b"WATCHDOG=1":
                pass
            assert said == b"STOPPING=1"
            assert process.wait(60) == 0


def test_a_wrong_place_to_tell_does_no_harm(program, tmp_path):
    for wrong in ("", "/", "relative", "@", "/" + "x" * 200, "/nobody/there"):
        with (tmp_path / "log").open("w") as log, started(
                program, configuration(tmp_path), log, NOTIFY_SOCKET=wrong, WATCHDOG_USEC="x") as process:
            wait_for(lambda: "daemon.started" in (tmp_path / "log").read_text())
            process.terminate()
            assert process.wait(60) == 0


def test_the_journal_gets_priorities(program, tmp_path):
    """Only where its stream is what we write to."""
    for ours in (True, False):
        file = configuration(tmp_path, user="" if os.geteuid() == 0 else "x")
        with open(tmp_path / "log", "w+", encoding="utf-8") as log:
            about = os.fstat(log.fileno())
            stream = f"{about.st_dev}:{about.st_ino + (0 if ours else 1)}"
            with started(program, file, log, JOURNAL_STREAM=stream) as process:
                wait_for(lambda: "daemon.started" in (tmp_path / "log").read_text())
                process.terminate()
                assert process.wait(60) == 0
            log.seek(0)
            lines = log.read().splitlines()
        info = [line for line in lines if " info " in line]
        warned = [line for line in lines if " warn " in line]
        assert info and all(line.startswith("<6>20" if ours else "20") for line in info)
        assert all(line.startswith("<4>20" if ours else "20") for line in warned)
