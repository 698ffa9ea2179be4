# SPDX-License-Identifier: Apache-2.0
"""What root's `ezrepo` refuses to act on, and where passwords of databases are never seen."""
import contextlib
import os
import shutil
import socket
import stat
import subprocess
import sys

import pytest
from conftest import EZREPO, make_state_directory, wait_for
from ezrepo import trust

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root is careful with others' folders")


def run(*arguments, text=None):
    return subprocess.run([EZREPO, *arguments], capture_output=True, text=True, check=False, timeout=120, input=text)


@pytest.fixture
def folder():
    """Root's, in a sticky folder."""
    path = make_state_directory()
    yield path
    shutil.rmtree(path, ignore_errors=True)


def make(path, owner="root", mode=0o755, group=None):
    os.makedirs(path, exist_ok=True)
    shutil.chown(path, owner, group)
    os.chmod(path, mode)
    return path


@only_root
def test_what_root_believes(folder):
    assert trust.fault(folder) == "" and trust.fault(folder + "/not/there/yet") == ""
    make(folder + "/group", mode=0o775, group="nogroup")
    make(folder + "/sticky", mode=0o1777)
    make(folder + "/sticky/roots")
    make(folder + "/theirs", "nobody")
    make(folder + "/theirs/roots")
    make(folder + "/own")
    os.symlink(folder + "/theirs/roots", folder + "/own/link")
    os.symlink("../own", folder + "/theirs/back")
    os.symlink("loop", folder + "/own/loop")
    assert trust.fault(folder + "/sticky/roots") == ""
    for path, says in [("/group", "/group can be written by others"), ("/group/x", "/group can be written"),
                       ("/theirs", "/theirs belongs to nobody"), ("/theirs/roots/x", "/theirs belongs to nobody"),
                       ("/own/link", "/theirs belongs to nobody"), ("/theirs/back/x", "/theirs belongs to nobody"),
                       ("/own/../theirs", "/theirs belongs to nobody"), ("/own/loop", "more than 40 links")]:
        assert says in trust.fault(folder + path), path


@only_root
@pytest.mark.parametrize("owner, mode, place", [("nobody", 0o755, ""), ("nobody", 0o755, "/s"), ("root", 0o777, ""),
                                                ("root", 0o777, "/s")])
def test_init_takes_no_folder_that_others_can_change(folder, owner, mode, place):
    make(folder + "/theirs", owner, mode)
    done = run("init", "--state", folder + "/theirs" + place)
    assert done.returncode == 1 and "root does not act on what others can change" in done.stderr
    assert os.listdir(folder + "/theirs") == []


@only_root
def test_roots_commands_refuse_anothers_set(folder):
    """Its owner may be anybody, and its configuration says what is started."""
    theirs = make(folder + "/s", "nobody")
    for name, text in (("set.json", '{"format": 1, "user": "root", "classifyd": 1, "database": "given"}'),
                       ("ezrepo.json", "{}")):
        with open(f"{theirs}/{name}", "w", encoding="ascii") as file:
            file.write(text)
        shutil.chown(f"{theirs}/{name}", "nobody")
    for command in (["up"], ["down"], ["status"], ["ledger"], ["query"], ["send", "/dev/null"], ["pki", "list"],
                    ["restart"], ["rebuild"], ["grading", "get"]):
        done = run(*command, "--state", theirs)
        assert done.returncode == 1, command
        assert f"{theirs} belongs to nobody" in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert sorted(os.listdir(theirs)) == ["ezrepo.json", "set.json"]


@only_root
def test_a_configuration_that_others_can_write_starts_nothing(make_set):
    one = make_set()
    mode = stat.S_IMODE(os.stat(one.state + "/ezrepo.json").st_mode)
    os.chmod(one.state + "/ezrepo.json", 0o666)
    done = one.cmd("up", check=False)
    assert done.returncode == 1 and "ezrepo.json can be written by others than root" in done.stderr
    os.chmod(one.state + "/ezrepo.json", mode)


@only_root
def test_a_status_that_is_a_link_or_a_pipe(ezrepo_set):
    """The folder is the unprivileged user's: root follows no link in it, and waits for nothing."""
    one = ezrepo_set
    folder = os.path.dirname(one.status_file("classifyd-0"))
    one.cmd("scale", "classifyd", "3")
    one.cmd("down")
    os.unlink(folder + "/classifyd-1.json")
    os.unlink(folder + "/classifyd-2.json")
    os.symlink(folder + "/classifyd-0.json", folder + "/classifyd-1.json")
    os.mkfifo(folder + "/classifyd-2.json")
    assert one.process("classifyd-1")["counters"] == {}
    assert one.cmd("status", check=False, timeout=60).returncode == 1


# ---- passwords ----

@contextlib.contextmanager
def silent_server():
    """A database server that lets everybody in the door and says nothing: who asks it waits."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        yield listener.getsockname()[1]


def of_process(pid, name):
    """What /proc has of a process; nothing when that has ended meanwhile."""
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descendants(pid):
    children = [int(word) for word in of_process(pid, f"task/{pid}/children").split()]
    return children + [below for child in children for below in descendants(child)]


def seen_of(pid):
    """What everybody sees of a process and of those below it: their arguments."""
    return [of_process(each, "cmdline").split("\0") for each in [pid, *descendants(pid)]]


@pytest.mark.parametrize("form", ["host=127.0.0.1 port={port} dbname=x user=y password='s3cret s3cret'",
                                  "postgresql://y:s3cret@127.0.0.1:{port}/x"])
def test_passwords_are_not_among_arguments(make_set, tmp_path, tmp_state, form):
    one = make_set()
    with silent_server() as port:
        text = form.format(port=port)
        (tmp_path / "store.txt").write_text(text + "\n")
        command = ["init", "--state", tmp_state + "/s", "--database", f"@{tmp_path}/store.txt", "--database-read",
                   f"@{tmp_path}/store.txt"]
        with subprocess.Popen([sys.executable, EZREPO, *command], env=one.environment, stderr=subprocess.PIPE,
                              stdout=subprocess.PIPE) as process, contextlib.ExitStack() as at_end:
            at_end.callback(process.kill)
            seen = wait_for(lambda: [seen for seen in [seen_of(process.pid)] if any(
                words[0].endswith("/psql") for words in seen)], 60)[0]
            assert "s3cret" not in str(seen) and str(port) in str(seen)
            for child in descendants(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, 9)
            said = b"".join(process.communicate(timeout=60))
            assert process.returncode == 1 and b"s3cret" not in said


@pytest.mark.parametrize("given", ["host=localhost password=s3cret", "postgresql://a:s3cret@localhost/x"])
def test_init_refuses_a_password_among_its_arguments(tmp_state, given):
    done = run("init", "--state", tmp_state + "/s", "--database", given, "--database-read", "host=localhost")
    assert done.returncode == 2 and "--database @FILE" in done.stderr and "s3cret" not in done.stderr
    assert not os.path.exists(tmp_state + "/s")


def test_connection_strings_that_are_none(tmp_state, tmp_path):
    (tmp_path / "two").write_text("host=a\nhost=b\n")
    (tmp_path / "long").write_text("host=" + "a" * 20000)
    (tmp_path / "quote").write_text("password='s3cret")
    for given, says in [("@" + str(tmp_path / "none"), "No such file"), ("@" + str(tmp_path / "two"), "one line"),
                        ("@" + str(tmp_path / "long"), "one line of at most"), ("nonsense", "connection string"),
                        ("@" + str(tmp_path / "quote"), "expected a libpq connection string")]:
        done = run("init", "--state", tmp_state + "/s", "--database", given, "--database-read", "host=localhost")
        assert done.returncode == 1 and says in done.stderr and "s3cret" not in done.stderr, done.stderr
