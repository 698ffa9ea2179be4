# SPDX-License-Identifier: Apache-2.0
"""What `meson install` installs is whole: it makes and runs a set without the source tree."""
import contextlib
import os
import shutil
import subprocess
import time

import pytest
from conftest import ROOT, EzrepoSet, make_state_directory, ping, time_text
from processes import start_of

PROGRAMS = ["alertd", "classifyd", "ezrepoctl", "ingest-gw", "ingestd", "mplane-gw", "queryd", "reasond", "socketd", "stored", "webd"]


@pytest.fixture
def installed(build_dir):
    """The prefix within a DESTDIR, as a package is made."""
    folder = make_state_directory()
    subprocess.run(["meson", "install", "-C", build_dir, "--no-rebuild", "--quiet", "--destdir", folder], check=True,
                   capture_output=True, timeout=300)
    found = [place for place, folders, _ in os.walk(folder) if {"bin", "libexec", "share"} <= set(folders)]
    assert len(found) == 1
    yield found[0]
    shutil.rmtree(folder, ignore_errors=True)


def test_all_is_installed(installed):
    assert sorted(os.listdir(installed + "/libexec/ezrepo")) == PROGRAMS
    assert all(os.access(f"{installed}/libexec/ezrepo/{name}", os.X_OK) for name in PROGRAMS)
    for folder, own in (("share/ezrepo/schemas/sql", "schemas/sql"), ("share/ezrepo/schemas/mplane", "schemas/mplane"),
                        ("share/ezrepo/schemas/grading", "schemas/grading"),
                        ("share/ezrepo/web/pages", "web/pages"), ("share/ezrepo/lib/ezrepo", "deploy/lib/ezrepo")):
        assert sorted(os.listdir(f"{installed}/{folder}")) == sorted(
            name for name in os.listdir(os.path.join(ROOT, own)) if name != "__pycache__"), folder


def test_a_set_of_what_is_installed(installed):
    class Installed(EzrepoSet):
        """Whose command knows nothing of a build."""
        command = installed + "/bin/ezrepo"

        def cmd(self, *arguments, **more):
            self.environment.pop("EZREPO_BUILD", None)
            return super().cmd(*arguments, **more)

    with contextlib.ExitStack() as stack:
        parent = make_state_directory()
        stack.callback(shutil.rmtree, parent, ignore_errors=True)
        one = Installed("", parent + "/s")
        stack.callback(one.close)
        one.up()
        one.send([ping("192.0.2.7", time_text(time.time() - 60 - n)) for n in range(3)])
        one.wait_matched(3)
        one.cmd("pki", "issue", "carol", "--role", "reader")
        assert one.cmd("ledger", "--verify").returncode == 0
        for process in one.status()["processes"]:
            assert start_of(process["pid"]) is not None
            with open(f"/proc/{process['pid']}/cmdline", encoding="utf-8") as file:
                command = file.read()
            assert ROOT not in command
            assert process["name"] == "postgres" or command.startswith(os.path.realpath(installed) + "/libexec/ezrepo/")
