# SPDX-License-Identifier: Apache-2.0
"""systemd as what runs a set: its units in /etc/systemd/system, and systemctl. It says of processes what supervisord
says of them (supervisor.py), so that whoever asks need not know which of the two it is."""
import contextlib
import os
import re
import subprocess
import time
from typing import Any, Dict, List, Optional

from . import units
from .errors import Failure
from .output import say
from .state import BOOTED, NUMBERED, SYSTEMD, State, units_run, write_file

FOLDER = "/etc/systemd/system"
CALL_SECONDS = 600
WANTED = ["Id", "ActiveState", "SubState", "MainPID", "Job", "ExecMainCode", "ExecMainStatus",
          "ExecMainStartTimestampMonotonic"]
# In the words of supervisord. A service that waits for its next turn is not "activating" for those who wait for it.
STATES = {"active": "RUNNING", "reloading": "RUNNING", "activating": "STARTING", "deactivating": "STOPPING",
          "inactive": "STOPPED", "failed": "EXITED"}


def _call(*words: str) -> str:
    done = subprocess.run([*words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                          timeout=CALL_SECONDS)
    if done.returncode != 0:
        raise Failure(f"{' '.join(words)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _units_of_another_set(state: State) -> str:
    """The configuration that the units on this machine are for, when it is not this set's; else ""."""
    done = subprocess.run(["systemctl", "show", "--property=ExecStart", "ezrepo-stored.service"], capture_output=True,
                          text=True, check=False)
    found = re.search(r"--config (.*?) ;", done.stdout)
    return found[1] if found and found[1] != state.config_file else ""


def _text_of(unit: str) -> str:
    try:
        with open(os.path.join(FOLDER, unit), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _processes(names: List[str]) -> Dict[str, Dict[str, str]]:
    by_unit = {units.unit_of(name): name for name in names}
    text = _call("systemctl", "show", "--property=" + ",".join(WANTED), *by_unit)
    found = {}
    for block in text.strip().split("\n\n"):
        facts = dict(line.split("=", 1) for line in block.splitlines())
        found[by_unit[facts["Id"]]] = facts
    return found


def _info(name: str, facts: Dict[str, str]) -> Dict[str, Any]:
    state = STATES.get(facts["ActiveState"], "UNKNOWN")
    if facts["SubState"].startswith("auto-restart"):
        state = "BACKOFF"
    elif state in ("STOPPED", "EXITED") and facts["Job"] not in ("", "0"):
        state = "STARTING"
    now = time.clock_gettime(time.CLOCK_MONOTONIC)
    since = int(facts["ExecMainStartTimestampMonotonic"] or 0) / 1e6
    exited = facts["ExecMainCode"] in ("0", "1")  # CLD_EXITED; anything else was a signal
    return {"name": name, "statename": state, "pid": int(facts["MainPID"] or 0), "now": int(now), "start": int(since),
            "exitstatus": int(facts["ExecMainStatus"] or 0) if exited else -1}


class Systemd:
    """The units of one set. systemd's refusals come as Failure."""

    name = "systemd"

    def __init__(self, state: State) -> None:
        self.state = state
        self.new_addresses = False  # the sockets' unit names others than before

    def is_up(self) -> bool:
        """Whether the set was started, whatever became of its processes."""
        return any(info["statename"] not in ("STOPPED", "EXITED") for info in self.processes().values())

    def pid(self) -> int:
        return 1

    def processes(self) -> Dict[str, Dict[str, Any]]:
        return {name: _info(name, facts) for name, facts in _processes(self.state.process_names()).items()}

    def start(self, name: str) -> None:
        """Starts it without waiting; nothing when it runs or is being started."""
        _call("systemctl", "start", "--no-block", units.unit_of(name))

    def stop(self, name: str, for_good: bool = False) -> Optional[Dict[str, Any]]:
        """Stops it and waits. What systemd says of its end; None when it did not run. for_good: with what would start
        it again."""
        before = self.processes().get(name)
        sockets = [units.SOCKET] if name == "ingestd" and for_good else []
        _call("systemctl", "stop", *sockets, units.unit_of(name))
        if before is None or not before["pid"]:
            return None
        return self.processes()[name]

    def hang_up(self, name: str) -> None:
        _call("systemctl", "kill", "--kill-who=main", "--signal=HUP", units.unit_of(name))

    def write_config(self) -> None:
        """The units as they should be now; of what the set has no more nothing is left."""
        if os.geteuid() != 0:
            raise Failure(f"{FOLDER}: no permission; be root")
        other = _units_of_another_set(self.state)
        if other:
            raise Failure(f"the units ezrepo-* in {FOLDER} are those of another set, {other}:"
                          " one set a machine can be systemd's; ezrepo init --manager supervisord makes others")
        texts = units.all_units(self.state)
        self.new_addresses = _text_of(units.SOCKET) not in ("", texts[units.SOCKET])
        for name, text in texts.items():
            write_file(os.path.join(FOLDER, name), text, 0o644)
        _call("systemctl", "daemon-reload")
        if self.state.settings.get("manager") != SYSTEMD:
            self.state.save_settings(dict(self.state.settings, manager=SYSTEMD))
        _call("systemctl", "enable", "--quiet", units.TARGET)

    def update(self) -> List[str]:
        """Which of those that there may be several of run that the set has no more."""
        patterns = [f"ezrepo-{kind}@*.service" for kind in NUMBERED]
        text = _call("systemctl", "list-units", "--plain", "--no-legend", "--full", "--all", *patterns)
        names = [f"{kind}-{n}" for kind, n in re.findall(r"^ezrepo-(\w+)@(\d+)\.service", text, re.M)]
        return [name for name in names if name not in self.state.process_names()]

    def renew(self, chosen: List[str]) -> None:
        """The programs of these, which do not run, may be others now: their units were written and read again. Sockets are
        kept as long as their addresses stay."""
        if "ingestd" in chosen and self.new_addresses:
            _call("systemctl", "stop", units.SOCKET)

    def remove(self, name: str) -> None:
        """Nothing is left to do for one that is stopped and wanted by no target."""
        subprocess.run(["systemctl", "reset-failed", units.unit_of(name)], capture_output=True, check=False)

    def started(self) -> None:
        """All that should run was started: what was, is what `systemctl stop ezrepo.target` stops."""
        _call("systemctl", "start", "--no-block", units.TARGET)

    def shutdown(self) -> None:
        """The processes are stopped: the target, and with it the sockets."""
        _call("systemctl", "stop", units.TARGET)

    def log_tail(self, name: str, lines: int) -> str:
        return subprocess.run(["journalctl", "--no-pager", "--output=cat", f"--lines={lines}",
                               f"--unit={units.unit_of(name)}"], capture_output=True, text=True, check=False).stdout

    def log_name(self, name: str) -> str:
        return f"journalctl -u {units.unit_of(name)}"

    def show_logs(self, names: List[str], lines: int, follow: bool) -> int:
        command = ["journalctl", "--no-pager", "--output=short-iso", "--no-hostname", f"--lines={lines}"]
        return subprocess.run(command + (["--follow"] if follow else [])
                              + [f"--unit={units.unit_of(name)}" for name in names], check=False).returncode


def connect(state: State) -> Optional[Systemd]:
    """None when the units are not there, or systemd is not."""
    return Systemd(state) if units_run(state.config_file) else None


def launch(state: State) -> Systemd:
    """Has the units with none of the processes started."""
    if not os.path.isdir(BOOTED):
        raise Failure("the set is systemd's, and systemd does not run this machine;"
                      " to run it otherwise: ezrepo up --manager supervisord")
    systemd = Systemd(state)
    systemd.write_config()
    say(f"units written to {FOLDER}; ezrepo.target starts at each boot")
    return systemd


def retire(state: State) -> None:
    """Takes the units away, whose processes do not run: something else is to run the set."""
    if os.path.isdir(BOOTED):
        _call("systemctl", "stop", units.TARGET)
        _call("systemctl", "disable", "--quiet", units.TARGET)
    for name in units.all_units(state):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(FOLDER, name))
    if os.path.isdir(BOOTED):
        _call("systemctl", "daemon-reload")
