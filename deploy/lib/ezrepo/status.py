"""What the processes say of themselves (run/status) beside what supervisord says of them."""
import datetime
import json
import os
import shutil
import textwrap
from typing import Any, Dict, List, Optional

from . import cluster, supervisor
from .errors import Failure
from .state import State, instance_of, kind_of

STALE_SECONDS = 5.0
STATUS_BYTES = 1 << 20


def _seconds_since(text: str) -> float:
    then = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
    return (datetime.datetime.utcnow() - then).total_seconds()


def status_file(state: State, process: str) -> str:
    return state.path("run", "status", f"{kind_of(process)}-{instance_of(process)}.json")


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


def process_status(state: State, name: str, info: Optional[Dict[str, Any]]) -> Dict[str, Any]:
    """One process. "state" is running, starting, draining, stopped, failed or silent (runs, says nothing)."""
    supervised = info["statename"] if info else "STOPPED"
    result: Dict[str, Any] = {"name": name, "process": kind_of(name), "instance": instance_of(name),
                              "supervised": supervised, "pid": info["pid"] if info else 0,
                              "uptime_s": info["now"] - info["start"] if info and info["pid"] else 0,
                              "notes": {}, "counters": {}}
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
            result.update({k: words[k] for k in ("version", "updated_at", "notes", "counters")
                           if k in words})
    if result["state"] == "starting" and result["uptime_s"] > 3 * STALE_SECONDS:
        result["state"] = "silent"
    return result


def collect(state: State) -> Dict[str, Any]:
    """Everything `ezrepo status --json` prints."""
    running = supervisor.connect(state)
    infos = running.processes() if running else {}
    processes = [process_status(state, name, infos.get(name)) for name in state.process_names()]
    return {"state_dir": state.directory, "supervisor_pid": running.pid() if running else None,
            "ok": all(p["state"] == "running" for p in processes), "processes": processes}


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
    return "\n".join(line.replace("\u00a0", " ").rstrip() for line in lines)


def remove_status_file(state: State, process: str) -> None:
    try:
        os.unlink(status_file(state, process))
    except FileNotFoundError:
        pass
