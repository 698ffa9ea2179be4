# SPDX-License-Identifier: Apache-2.0
"""What the processes say of themselves (run/status) beside what supervisord says of them."""
import datetime
import json
import os
import shutil
import textwrap
from typing import Any, Dict, List, Optional, Tuple

from . import cluster, manager, supervisor
from .errors import Failure
from .state import State, instance_of, kind_of, version

STALE_SECONDS = 5.0
SUPERVISOR_SECONDS = 5.0  # to answer; what the processes say themselves is shown in any case
STATUS_BYTES = 1 << 20


def _seconds_since(text: str) -> float:
    then = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
    return (datetime.datetime.utcnow() - then).total_seconds()


def status_file(state: State, process: str) -> str:
    return os.path.join(state.own_folder(kind_of(process)), "status", f"{kind_of(process)}-{instance_of(process)}.json")


def read_status_file(state: State, process: str) -> Optional[Dict[str, Any]]:
    """The process's own words, or None when there are none that can be read."""
    try:
        # In a folder of the set's user: root follows no link there and waits for no pipe.
        descriptor = os.open(status_file(state, process), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            words = json.loads(file.read(STATUS_BYTES))
        words["age_s"] = round(_seconds_since(words["updated_at"]), 3)
        return words
    except PermissionError:
        raise Failure(f"{state.path('run')}: no permission; be root or the set's user") from None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def runs_for(state: State, pid: int) -> bool:
    """Whether the process with this id is one of this set: started with its configuration file."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return False
    return (os.fsencode(state.config_file) in words
            or os.fsencode(state.path("postgres", "data")) in words)


def pid_of_its_own(state: State, process: str) -> int:
    """As the process itself wrote it down; 0 when it did not, or runs no more."""
    if process == "postgres":
        try:
            with open(state.path("postgres", "data", "postmaster.pid"), encoding="ascii") as file:
                pid = int(file.readline())
        except (OSError, ValueError):
            return 0
    else:
        words = read_status_file(state, process)
        pid = words.get("pid", 0) if words else 0
    return pid if isinstance(pid, int) and pid > 1 and runs_for(state, pid) else 0


def _uptime(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])
        with open("/proc/uptime", encoding="ascii") as file:
            return int(float(file.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, IndexError):
        return 0


def _found(state: State, name: str) -> Dict[str, Any]:
    """What supervisord would say of a process, when there is none that says anything."""
    pid = pid_of_its_own(state, name)
    return {"statename": "RUNNING" if pid else "STOPPED", "pid": pid, "start": 0, "now": _uptime(pid) if pid else 0}


def process_status(state: State, name: str, info: Optional[Dict[str, Any]]) -> Dict[str, Any]:
    """One process. "state" is running, starting, draining, stopped, failed or silent (runs, says nothing)."""
    supervised = info["statename"] if info else "STOPPED"
    result: Dict[str, Any] = {"name": name, "process": kind_of(name), "instance": instance_of(name),
                              "supervised": supervised, "pid": info["pid"] if info else 0,
                              "uptime_s": info["now"] - info["start"] if info and info["pid"] else 0,
                              "notes": {}, "troubles": [], "counters": {}}
    if supervised in ("FATAL", "BACKOFF"):
        result["state"] = "failed"
    elif not result["pid"] or supervised in ("STOPPED", "EXITED", "UNKNOWN"):
        result["state"] = "stopped"
    elif name == "postgres":
        result["state"] = "running" if cluster.accepts(state) else "starting"
    else:
        words = read_status_file(state, name)
        if words is None or words.get("pid") != result["pid"]:
            result["state"] = "starting"
        else:
            result["state"] = words["state"] if words["age_s"] <= STALE_SECONDS else "silent"
            result.update({k: words[k] for k in ("version", "updated_at", "notes", "troubles", "counters")
                           if k in words})
    if result["state"] == "starting" and result["uptime_s"] > 3 * STALE_SECONDS:
        result["state"] = "silent"
    return result


def troubles(processes: List[Dict[str, Any]]) -> List[str]:
    """All that keeps the set from doing what it is for, a sentence each."""
    found = []
    for process in processes:
        if process["state"] != "running":
            found.append(f"{process['name']} is {process['state']}")
        found += [f"{process['name']}: {key}: {process['notes'].get(key, '')}" for key in process["troubles"]]
    return found


def advice(processes: List[Dict[str, Any]]) -> List[str]:
    """What is no trouble, and yet somebody may want to do something about, a sentence each."""
    found = []
    for process in processes:
        if process["process"] != "stored":
            continue
        sparse, kept = (str(process["notes"].get(name, "")) for name in ("sparse", "kept"))
        if sparse:
            found.append(f"record types that come less often than their gap, so that each record is a period of its own:"
                         f" {sparse}; say their interval_s in record-types.d (docs/operations.md#record-types)")
        if kept:
            found.append(f"kept of the release before: {kept}; ezrepo types adopt shows what this one has instead")
    return found


def look(state: State, names: List[str]) -> Tuple[Optional[manager.Manager], str, List[Dict[str, Any]]]:
    """What runs the set, or why that says nothing, and each of these processes. What they say of themselves is told also
    when supervisord is away or says nothing."""
    mute = ""
    running = None
    try:
        running = manager.connect(state, SUPERVISOR_SECONDS)
    except supervisor.Mute as failure:
        mute = str(failure)
    infos = running.processes() if running else {name: _found(state, name) for name in names}
    return running, mute, [process_status(state, name, infos.get(name)) for name in names]


def collect(state: State) -> Dict[str, Any]:
    """Everything `ezrepo status --json` prints."""
    running, mute, processes = look(state, state.process_names())
    found = troubles(processes)
    if running is None and any(p["pid"] for p in processes):
        found.insert(0, mute or "supervisord does not run: what ends is not started again; ezrepo up puts that right")
    return {"version": version(), "state_dir": state.directory, "supervisor_pid": running.pid() if running else None,
            "ok": not found, "troubles": found, "advice": advice(processes), "processes": processes}


def uptime_text(seconds: int) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{seconds:02}s"


def _details(process: Dict[str, Any]) -> str:
    counters = [f"{name} {value}" for name, value in process["counters"].items() if value]
    notes = [f"{name}: {value}" for name, value in process["notes"].items() if value != ""]
    return "  ".join(counters + notes)


def table(status: Dict[str, Any]) -> str:
    """The same for people: a line a process, then what it counted other than nothing."""
    width = max(shutil.get_terminal_size((120, 24)).columns, 60)
    lines: List[str] = [f"{'PROCESS':<12} {'STATE':<9} {'PID':>7} {'UPTIME':>7}  COUNTERS AND NOTES"]
    for process in status["processes"]:
        pid = process["pid"] or "-"
        uptime = uptime_text(process["uptime_s"]) if process["pid"] else "-"
        head = f"{process['name']:<12} {process['state']:<9} {pid:>7} {uptime:>7}  "
        text = _details(process).replace(" ", "\u00a0").replace("\u00a0\u00a0", "  ")
        wrapped = textwrap.wrap(text, max(width - len(head), 30), break_long_words=False,
                                break_on_hyphens=False) or [""]
        lines.append(head + wrapped[0])
        lines += [" " * len(head) + line for line in wrapped[1:]]
    lines += [f"! {text}" for text in status["troubles"]]
    lines += status["advice"]
    lines += [f"{process['name']} runs {process['version']}, {status['version']} is installed: ezrepo restart {process['name']}"
              for process in status["processes"] if process.get("version", status["version"]) != status["version"]]
    return "\n".join(line.replace("\u00a0", " ").rstrip() for line in lines)


def remove_status_file(state: State, process: str) -> None:
    """And what its counters are."""
    name = status_file(state, process)
    for file in (name, name[:-len("json")] + "counters"):
        try:
            os.unlink(file)
        except FileNotFoundError:
            pass
