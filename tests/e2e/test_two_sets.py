# SPDX-License-Identifier: Apache-2.0
"""Several sets on one machine know nothing of each other."""
import contextlib
import os
import re
import time

from conftest import ping, time_text


def results(count, dest):
    begin = time.time() - 600
    return [ping(dest, f"{time_text(begin + i)} ... {time_text(begin + i + 0.5)}") for i in range(count)]


def test_side_by_side(make_set):
    first, second = make_set("--classifyd", "2"), make_set()
    first.up()
    second.up()
    first.send(results(30, "192.0.2.1"))
    second.send(results(7, "192.0.2.1"))
    first.wait_matched(30)
    second.wait_matched(7)

    before = {p["name"]: p["pid"] for p in second.status()["processes"]}
    first.down()
    assert {p["name"]: p["pid"] for p in second.status()["processes"]} == before
    second.send(results(5, "192.0.2.2"))
    second.wait_matched(12)
    first.up()
    assert first.matched() == 30


def test_certificates_of_one_do_not_open_the_other(module_set, make_set):
    first, second = module_set, make_set()
    folder = first.state + "/pki/clients"
    for kind in ("crt", "key"):
        with open(f"{second.state}/pki/clients/admin.{kind}", encoding="ascii") as theirs, \
                open(f"{folder}/stranger.{kind}", "w", encoding="ascii") as here:
            here.write(theirs.read())
    assert first.cmd("query", "--as", "admin").returncode == 0
    done = first.cmd("query", "--as", "stranger", check=False)
    assert done.returncode == 1 and done.stderr
    # How the alert that came is told depends on whether the connection was still there.
    first.wait_for(lambda: re.search("handshake.failed .*unknown CA", first.logs()["mplane-gw.log"]), 20)


def written(pid):
    """The paths that a process has open for writing; what it closes meanwhile is left out."""
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            target = os.readlink(f"/proc/{pid}/fd/{number}")
            with open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii") as file:
                flags = int(next(line for line in file if line.startswith("flags:")).split()[1], 8)
            if flags & os.O_ACCMODE != os.O_RDONLY and target.startswith("/"):
                yield target


def test_nothing_outside_the_state_directory(module_set):
    """Every file a set's processes have open for writing is a socket, a device, or lies within."""
    one = module_set
    one.send(results(3, "192.0.2.1"))
    one.wait_matched(3)
    found = one.status()
    for pid in [found["supervisor_pid"]] + [p["pid"] for p in found["processes"]]:
        for target in written(pid):
            assert target.startswith((one.state + "/", "/dev/")), f"{pid}: {target}"
    assert any("/spool/" in target for target in written(one.pid("ingestd")))
