# SPDX-License-Identifier: Apache-2.0
"""A machine with systemd as PID 1: a container whose root is this machine's own, under a layer of memory that takes what
is written and is thrown away. Nothing is downloaded, and it boots within seconds.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
from typing import Any, Dict, List, Optional, Tuple

import pytest
from conftest import ROOT, wait_for
from processes import children

PROGRAMS = {"ingestd": "ingestd", "socketd": "socketd", "classifyd": "classifyd", "stored": "stored", "queryd": "queryd",
            "mplane-gw": "mplane-gw", "ingest-gw": "ingest-gw", "webd": "webd", "alertd": "alertd", "reasond": "reasond", "ezrepoctl": "ctl"}
TREE = "/opt/ezrepo"
BOOT_SECONDS = 60
# Of this machine's own services none is wanted; of those that systemd brings, none that a container has no use for.
UNWANTED = ["getty.target", "systemd-logind.service", "systemd-networkd-wait-online.service", "e2scrub_reap.service",
            "systemd-timesyncd.service", "apt-daily.timer", "systemd-firstboot.service"]


def programs_in(tree: str) -> List[Tuple[str, str]]:
    """Name and folder of each that there is in this tree: an earlier release has fewer."""
    return [(name, folder) for name, folder in PROGRAMS.items() if os.path.isdir(os.path.join(tree, folder))]


class Unbootable(Exception):
    """Why no container can be booted here."""


class Machine:
    """Made, and not booted yet."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="ezm", dir="/tmp")
        self.root = pathlib.Path(self.folder, "memory", "root")
        self.nspawn: Optional["subprocess.Popen[bytes]"] = None
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC",
                            "EZREPO_BUILD": f"{TREE}/build"}
        try:
            self._layer()
        except BaseException:
            self.remove()
            raise
        self._empty()

    def _layer(self) -> None:
        memory = os.path.join(self.folder, "memory")
        os.mkdir(memory)
        self._mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", memory)
        for name in ("upper", "work", "root"):
            os.mkdir(os.path.join(memory, name), 0o755)
        self._mount("-t", "overlay", "-o", f"lowerdir=/,upperdir={memory}/upper,workdir={memory}/work", "overlay",
                    str(self.root))

    @staticmethod
    def _mount(*words: str) -> None:
        done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Unbootable(f"mount {' '.join(words[:2])}: {done.stderr.strip()}")

    def _empty(self) -> None:
        """What this machine starts by itself, and how it is known."""
        units = self.root / "etc/systemd/system"
        shutil.rmtree(units)
        units.mkdir()
        for name in UNWANTED:
            (units / name).symlink_to("/dev/null")
        (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
        (self.root / "etc/machine-id").write_text(os.urandom(16).hex() + "\n")
        (self.root / "etc/fstab").write_text("")
        journal = self.root / "etc/systemd/journald.conf.d"
        journal.mkdir(parents=True, exist_ok=True)
        (journal / "test.conf").write_text("[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n")

    def install(self, tree: str, build: str) -> None:
        """The command, the contracts, the page and the programs of a tree, in the place of those that were there."""
        target = self.root / TREE.lstrip("/")
        fresh = target.with_name("ezrepo.new")
        shutil.copytree(os.path.join(tree, "deploy"), fresh / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
        read = [name for name in ("schemas", "web") if os.path.isdir(os.path.join(tree, name))]  # earlier ones have no page
        for name in read:
            shutil.copytree(os.path.join(tree, name), fresh / name)
        for name, folder in programs_in(tree):
            (fresh / "build" / folder).mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.join(build, folder, name), fresh / "build" / folder / name)
        # Where the programs look for these when they do not run in the folder they were built in.
        for name in read:
            shutil.rmtree(self.root / "usr/local/share/ezrepo" / name, ignore_errors=True)
            shutil.copytree(os.path.join(tree, name), self.root / "usr/local/share/ezrepo" / name)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)

    def boot(self) -> None:
        with open(os.path.join(self.folder, "console"), "ab") as console:
            self.nspawn = subprocess.Popen(
                ["systemd-nspawn", "--register=no", "--keep-unit", "--private-network", "--quiet", "--link-journal=no",
                 "--console=pipe", "--machine=ezrepo", "--boot", "-D", str(self.root)],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        wait_for(self._is_booted, BOOT_SECONDS, self.console, 0.1)

    def _is_booted(self) -> bool:
        if self.nspawn is None or self.nspawn.poll() is not None:
            raise Unbootable(f"systemd-nspawn: {self.console().strip()[-300:]}")
        done = self.run("systemctl", "is-system-running", check=False)
        return done.stdout.strip() in ("running", "degraded")

    def console(self) -> str:
        return pathlib.Path(self.folder, "console").read_text(encoding="utf-8", errors="replace")

    def run(self, *words: str, check: bool = True, timeout: float = 300, **more: Any) -> "subprocess.CompletedProcess[str]":
        """Runs something in the machine, as root."""
        assert self.nspawn is not None
        leader = children(self.nspawn.pid)
        if not leader:
            return subprocess.CompletedProcess(words, 1, "", "it does not run")
        done = subprocess.run(["nsenter", f"--target={leader[0]}", "--mount", "--uts", "--ipc", "--net", "--pid", "--root",
                               "--wd", "--", *words], capture_output=True, text=True, check=False, timeout=timeout,
                              env=self.environment, **{"stdin": subprocess.DEVNULL, **more})
        if check and done.returncode != 0:
            pytest.fail(f"{' '.join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}\n{self.journal()}")
        return done

    def ezrepo(self, *words: str, **more: Any) -> "subprocess.CompletedProcess[str]":
        return self.run(f"{TREE}/deploy/ezrepo", *words, **more)

    def journal(self, *units: str, lines: int = 60) -> str:
        chosen: List[str] = [f"--unit={unit}" for unit in units or ["ezrepo*"]]
        return self.run("journalctl", "--no-pager", f"--lines={lines}", *chosen, check=False).stdout

    def show(self, unit: str, *names: str) -> Dict[str, str]:
        """Properties of a unit."""
        text = self.run("systemctl", "show", "--property=" + ",".join(names), unit).stdout
        return dict(line.split("=", 1) for line in text.splitlines())

    def halt(self) -> None:
        """As a machine is shut down."""
        if self.nspawn is not None and self.nspawn.poll() is None:
            self.nspawn.send_signal(signal.SIGTERM)  # which it hands on as an orderly end
            try:
                self.nspawn.wait(120)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait()
        self.nspawn = None

    def remove(self) -> None:
        self.halt()
        for place in (str(self.root), os.path.join(self.folder, "memory")):
            if os.path.ismount(place):
                subprocess.run(["umount", "--lazy", place], check=False)
        time.sleep(0)
        shutil.rmtree(self.folder, ignore_errors=True)


def bootable_machine() -> Machine:
    """A machine that was booted once; where none can be, the test is skipped with the reason."""
    for program in ("systemd-nspawn", "nsenter"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if os.geteuid() != 0:
        pytest.skip("only root can boot a container")
    if not os.path.exists("/lib/systemd/systemd"):
        pytest.skip("systemd is not installed")
    try:
        machine = Machine()
    except Unbootable as reason:
        pytest.skip(f"no container can be made here: {reason}")
    try:
        machine.boot()
    except Unbootable as reason:
        machine.remove()
        pytest.skip(f"no container can be booted here: {reason}")
    return machine


def build_without_sanitizers(build: str) -> str:
    """The build without sanitizers beside this one, if there is one: their leak check is what units forbid."""
    beside = os.path.join(ROOT, "build-gcc")
    return beside if os.path.exists(os.path.join(beside, "stored", "stored")) else build


EARLIER = os.path.join(ROOT, "build-earlier")


def earlier_release(commit: str) -> str:
    """The tree of that commit with its programs in `build`, made once; where there is no history, the test is skipped."""
    tree, build = os.path.join(EARLIER, "tree"), os.path.join(EARLIER, "tree", "build")
    if os.path.exists(os.path.join(build, "ctl", "ezrepoctl")):
        return tree
    archive = subprocess.run(["git", "-C", ROOT, "archive", commit], capture_output=True, check=False)
    if archive.returncode != 0:
        pytest.skip(f"the commit {commit} is not in this checkout's history: {archive.stderr.decode().strip()[-100:]}")
    shutil.rmtree(EARLIER, ignore_errors=True)
    os.makedirs(tree)
    subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)
    programs = [os.path.join(folder, name) for name, folder in programs_in(tree)]
    for command in (["meson", "setup", build, tree, "--buildtype=plain"], ["ninja", "-C", build, *programs]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return tree
