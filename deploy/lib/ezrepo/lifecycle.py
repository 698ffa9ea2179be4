# SPDX-License-Identifier: Apache-2.0
"""up, down, restart, scale, reload: what is started and stopped in which order.

Started from the store outwards, stopped from the sockets inwards, so that what was taken in is always
finished by who comes after.
"""
import os
import signal
import subprocess
import time
from typing import Any, Dict, List

from . import accounts, cluster, manager, readers, status, supervisor, systemd, trust
from .errors import Failure, Usage
from .output import say
from .state import KINDS, MAX_CLASSIFYDS, NUMBERED, SYSTEMD, State, copy_schemas, kind_of, make_own_folders, program

UP_SECONDS = 90
TELL_SECONDS = 3  # of waiting, before it is told what for
RELOAD_SECONDS = 60
LOG_LINES = 15


def stop_order(state: State) -> List[str]:
    """socketd first, so that ingestd knows it is the last one to read; it drains into classifyds, they into
    stored; PostgreSQL goes last."""
    place = {"socketd": -1, "ingestd": 0, "classifyd": 1, "stored": 2, "mplane-gw": 3, "ingest-gw": 3, "webd": 3, "alertd": 3, "reasond": 4, "queryd": 4, "postgres": 5}
    return sorted(state.process_names(), key=lambda name: (place[kind_of(name)], name))


def check_config(state: State) -> None:
    """Asks every process whether it accepts the configuration, before anything is started."""
    faults = []
    more = (["ingest-gw"] if state.has_ingest else []) + (["webd"] if state.has_web else []) + (["alertd"] if state.has_alerts else []) + (["reasond"] if state.reasonds else [])
    for name in ["socketd", "ingestd", "classifyd", "stored", "queryd", "mplane-gw", *more]:
        done = subprocess.run([program(name), "--config", state.config_file, "--check-config"],
                              capture_output=True, text=True, check=False, cwd="/")
        if done.returncode != 0:
            faults.append(f"{name} --check-config: {(done.stderr or done.stdout).strip()}")
    faults += _unreadable(state)
    if faults:
        raise Failure("\n".join(faults))


def _unreadable(state: State) -> List[str]:
    """Own record types and formats that others than root can change, and those that root can read and the processes could
    not, so that they would not start again."""
    folders = [folder for folder in state.record_types()[1:] + state.formats() if os.path.isdir(folder)]
    if not folders or os.geteuid() != 0:
        return []
    own = [os.path.join(folder, name) for folder in folders for name in os.listdir(folder)
           if name.endswith(".json") and not name.startswith(".")]
    changeable = [found for path in folders + own for found in [trust.fault(path)] if found]
    if changeable:
        return [f"record types and formats: {found}" for found in changeable]
    account = state.account("classifyd")
    done = subprocess.run(["sh", "-c", 'for f; do test -r "$f" && { ! test -d "$f" || test -x "$f"; } || echo "$f"; done',
                           "sh", *folders, *own], capture_output=True, text=True, check=False, cwd="/", **account.run_options())
    return [f"{file}: the processes' users, as {account.name}, have to be able to read it: chmod a+rX"
            for file in done.stdout.splitlines()]


def stop_orphans(state: State) -> None:
    """What a supervisord that was killed has left running would hold sockets and the cluster."""
    orphans = [(name, pid) for name in stop_order(state) for pid in [status.pid_of_its_own(state, name)] if pid]
    for name, pid in orphans:
        say(f"{name} (process {pid}) is left from before; stopping it")
        started = supervisor.started_at(pid)
        try:
            os.kill(pid, signal.SIGINT if name == "postgres" else signal.SIGTERM)
        except ProcessLookupError:
            continue  # it ended by itself, perhaps since another one did
        if not supervisor.ends_within(pid, started, supervisor.STOP_SECONDS):
            raise Failure(f"{name} (process {pid}), left from before, does not stop")


def _end_of_log(running: manager.Manager, name: str) -> str:
    lines = running.log_tail(name, LOG_LINES).splitlines()
    return f"; the end of {running.log_name(name)}:\n" + "\n".join("    " + line for line in lines)


def _tell_waiting(waiting: Dict[str, str], told: Dict[str, str], end: float) -> Dict[str, str]:
    """Says which processes are waited for, and in which state each is, when that is another than was told. What is told now."""
    if waiting != told:
        say("waiting for " + ", ".join(f"{name} ({how})" for name, how in waiting.items())
            + f", for at most {max(end - time.monotonic(), 0):.0f} s more")
    return waiting


def wait_until_running(state: State, names: List[str], seconds: float = UP_SECONDS) -> None:
    """Until each process itself says that it runs; a Failure with the end of its log when one does not."""
    begin = time.monotonic()
    end = begin + seconds
    told: Dict[str, str] = {}
    while True:
        running = manager.connect(state)
        infos: Dict[str, Any] = running.processes() if running else {}
        states = {n: status.process_status(state, n, infos.get(n)) for n in names}
        waiting = [n for n in names if states[n]["state"] != "running"]
        if not waiting:
            return
        told = _tell_waiting({n: f"{states[n]['state']}, process {states[n]['pid']}" for n in waiting}, told, end) if time.monotonic() > begin + TELL_SECONDS else told
        ended = [n for n in waiting if states[n]["supervised"] in ("FATAL", "BACKOFF", "EXITED", "STOPPED")]
        if ended or time.monotonic() > end:
            which = ended or waiting
            how = "did not stay running" if ended else f"did not start within {seconds:.0f} s"
            raise Failure("\n".join(f"{n} {how}" + (_end_of_log(running, n) if running else "") for n in which))
        time.sleep(0.1)


POST_DOORS = ("mplane-gw", "ingest-gw")
AWAY_SECONDS = 2.0  # what the stored before left under way in the database ends within moments


def wait_until_ready(state: State, seconds: float = supervisor.START_SECONDS) -> None:
    """Until there is a grading, and all who grade have it: before that questions are answered by "no grading yet"; and
    ingestd takes from the doors for posts, which answer 503 before. That somebody else's database is away is told, and
    no reason to wait; nor is a store that is being upgraded, for long."""
    end = time.monotonic() + seconds
    patient = time.monotonic() + AWAY_SECONDS
    upgrading = False
    while True:
        running = manager.connect(state)
        infos: Dict[str, Any] = running.processes() if running else {}
        states = [status.process_status(state, n, infos.get(n)) for n in ["stored", *select(state, "classifyd")]]
        doors = [status.process_status(state, n, infos.get(n)) for n in state.process_names() if n in POST_DOORS]
        graded = all(s["counters"].get("grading.version") for s in states)
        open_doors = all(s["counters"].get("ingestd.ready") for s in doors if s["state"] == "running")
        if graded and open_doors:
            return
        note = states[0]["notes"].get("database", "")
        if note.startswith("upgrad") and not upgrading:
            upgrading = True
            say(f"stored makes the store one of this release: {note}")
        away = note.startswith("away")
        if time.monotonic() > (patient if away else end):
            say("not ready yet: " + ("ingestd takes no posts: they are answered 503" if graded else
                                     "until that is done questions are not answered; ezrepo status tells how far it is"
                                     if upgrading else "there is no grading" + (", the database is away" if away else "")))
            return
        time.sleep(0.1)


def wait_until_held(state: State) -> None:
    """Until a socketd that was just started has the sockets again; without ingestd there are none."""
    end = time.monotonic() + supervisor.START_SECONDS
    while time.monotonic() < end:
        running = manager.connect(state)
        infos: Dict[str, Any] = running.processes() if running else {}
        if status.process_status(state, "ingestd", infos.get("ingestd"))["state"] != "running" or \
                status.process_status(state, "socketd", infos.get("socketd"))["counters"].get("sockets.held"):
            return
        time.sleep(0.1)
    raise Failure("socketd was not given ingestd's sockets; see ezrepo logs socketd")


def check_places(state: State, asked: bool) -> None:
    """That the set uses nothing that is another one's, as a copy of a state directory does whose configuration still
    names the original's folders. Asked: what the configuration names now is right, also from now on."""
    found = state.outside()
    known = state.settings.get("outside", {})
    if asked:
        if found or known:
            state.save_settings(dict(state.settings, outside={"directory": state.directory, "places": found}))
        return
    new = [place for place in found if known.get("directory") != state.directory or place not in known["places"]]
    if new:
        raise Failure("\n".join([
            f"{state.config_file}: {place} is outside of {state.directory}; another set may be using it" for place in new]
            + ["put it right, or, if no other set does: ezrepo up --outside"]))


def choose_manager(state: State, wanted: str) -> None:
    """Has a set that does not run be run by this one from now on."""
    if wanted in ("", state.manager):
        return
    running = manager.connect(state)
    if running is not None and running.is_up():
        raise Failure(f"the set in {state.directory} runs under {running.name}; stop it first: ezrepo down"
                      f" --state {state.directory}")
    if state.manager == SYSTEMD:
        systemd.retire(state)
    state.save_settings(dict(state.settings, manager=wanted))


def up(state: State, outside: bool = False) -> None:
    """Starts whatever of the set does not run, and returns when all of it does."""
    check_places(state, outside)
    running = manager.connect(state)
    copy_schemas(state)
    make_own_folders(state)  # in a set that was made before there was one
    accounts.make_run_folders(state)
    check_config(state)
    if running is None:
        stop_orphans(state)
        running = manager.launch(state)
    else:
        running.write_config()
        _remove(state, running, running.update())
    if state.private_cluster:
        running.start("postgres")
        accepts = cluster.wait_until_accepts(state, TELL_SECONDS)
        if not accepts:
            say(f"waiting for postgres, which accepts no connections, for at most {UP_SECONDS} s more")
        if not accepts and not cluster.wait_until_accepts(state, UP_SECONDS):
            raise Failure("PostgreSQL does not accept connections" + _end_of_log(running, "postgres"))
        cluster.let_store_see(state)
        if state.reasonds:
            readers.let_in(state, "reasond")
    names = [n for n in state.process_names() if n != "postgres"]
    for kind in set(KINDS) - set(names) - set(NUMBERED):  # taken out of the configuration while nothing ran
        status.remove_status_file(state, kind)
    for name in names:
        running.start(name)
    running.started()
    wait_until_running(state, names)
    wait_until_ready(state)


def _stop(running: manager.Manager, name: str, for_good: bool = False) -> bool:
    """Stops it if it runs, and says how it ended; whether that was as it should be."""
    info = running.stop(name, for_good)
    if info is None:
        return True
    if info["exitstatus"] == 0:
        say(f"{name} stopped")
        return True
    if info["exitstatus"] == -1:
        say(f"{name} was ended by a signal, or killed since it had not finished after"
            f" {supervisor.STOP_SECONDS} s")
    else:
        say(f"{name} stopped with exit status {info['exitstatus']}")
    return False


def down(state: State) -> None:
    """Drains and stops everything; a Failure when something did not end as it should."""
    running = manager.connect(state)
    if running is None:
        stop_orphans(state)
        say("not running")
        return
    if not running.is_up():
        running.shutdown()
        say("not running")
        return
    known = running.processes()
    clean = True
    for name in [n for n in stop_order(state) if n in known] + [n for n in known if n not in
                                                                state.process_names()]:
        clean = _stop(running, name, for_good=True) and clean
    running.shutdown()
    if not clean:
        raise Failure("not everything ended cleanly; ezrepo logs tells why")


def _need_running(state: State) -> manager.Manager:
    running = manager.connect(state)
    if running is None and any(status.pid_of_its_own(state, name) for name in state.process_names()):
        raise Failure(f"nobody runs the processes of the set in {state.directory}, supervisord is gone; ezrepo up --state"
                      f" {state.directory} stops and starts them")
    if running is None or not running.is_up():
        raise Failure(f"the set in {state.directory} is not running; start it: ezrepo up"
                      f" --state {state.directory}")
    return running


def select(state: State, process: str) -> List[str]:
    """"classifyd" names all of them, "classifyd-1" one, "" all of EZRepo's own processes that a restart or
    reload is for: socketd holds ingestd's sockets meanwhile."""
    names = state.process_names()
    if process == "":
        return [n for n in names if n not in ("postgres", "socketd")]
    chosen = [n for n in names if process in (n, kind_of(n))]
    if not chosen:
        raise Usage(f'"{process}" is no process of this set; they are {", ".join(names)}')
    return chosen


def _restart(state: State, running: manager.Manager, chosen: List[str], anew: bool) -> bool:
    """Stops and starts these; anew: by the manager's configuration as it was just written."""
    clean = True
    for name in [n for n in stop_order(state) if n in chosen]:
        clean = _stop(running, name) and clean
    if anew:
        running.renew(chosen)
    for name in chosen:
        running.start(name)
    wait_until_running(state, chosen)
    return clean


def restart(state: State, process: str) -> None:
    """One process, one kind of them, or all but PostgreSQL and socketd; drained first. ingestd goes on while
    the others are away, since it keeps what they do not take, and is away itself as shortly as can be."""
    check_places(state, False)
    running = _need_running(state)
    chosen = select(state, process)
    copy_schemas(state)
    make_own_folders(state)
    accounts.make_run_folders(state)
    check_config(state)
    anew = process == "" or running.name == SYSTEMD
    if anew:
        running.write_config()
        running.update()
    if process == "" and "socketd" in state.process_names():
        running.start("socketd")  # in a set that was made before there was one
    if "stored" in chosen and state.private_cluster and cluster.accepts(state):
        cluster.let_store_see(state)
    others = [n for n in chosen if n != "ingestd"]
    clean = not others or _restart(state, running, others, anew)
    if "ingestd" in chosen:
        clean = _restart(state, running, ["ingestd"], anew) and clean
    if "socketd" in chosen:
        wait_until_held(state)
    if {"stored", "ingestd", *POST_DOORS}.intersection(chosen):
        wait_until_ready(state)
    say(" ".join(chosen) + " running")
    if not clean:
        raise Failure("not everything ended cleanly before it was started again")


def read_again(state: State, running: manager.Manager, name: str) -> bool:
    """SIGHUP: the process reads its configuration, certificates and lists again and takes what can change while it
    runs. Says what came of it; False when it refused any of it, and what was in force stays."""
    before = status.read_status_file(state, name)
    running.hang_up(name)
    if before is None:
        say(f"{name} told to read its configuration")
        return True
    end = time.monotonic() + RELOAD_SECONDS
    while (after := status.read_status_file(state, name) or before)["pid"] == before["pid"] and \
            after.get("reload", {}).get("number") == before.get("reload", {}).get("number"):
        if time.monotonic() > end:
            raise Failure(f"{name} has not said within {RELOAD_SECONDS} s that it read its configuration;"
                          f" ezrepo logs {name} may tell why")
        time.sleep(0.02)
    outcome = after.get("reload", {"refused": False, "said": [], "lines": 0})
    said = [f"    {line}" for line in outcome["said"]]
    if outcome["lines"] > len(said):
        said.append(f"    and {outcome['lines'] - len(said)} more; see ezrepo logs {name}")
    say("\n".join([f"{name} refused what it read; what was in force stays:" if outcome["refused"]
                   else f"{name} has read its configuration"] + said))
    return not outcome["refused"]


def reload(state: State, process: str) -> None:
    """Each of them reads the configuration again; a Failure when one refused any of it."""
    running = _need_running(state)
    check_config(state)
    refused = [name for name in select(state, process)
               if status.process_status(state, name, running.processes().get(name))["state"] == "running"
               and not read_again(state, running, name)]
    if refused:
        raise Failure(f"refused by {', '.join(refused)}")


def _remove(state: State, running: manager.Manager, names: List[str]) -> bool:
    clean = True
    for name in names:
        clean = _stop(running, name) and clean
        running.remove(name)
        status.remove_status_file(state, name)
    return clean


def scale(state: State, process: str, count: int) -> None:
    """Changes how many classifyds or reasonds there are; those that stay are not touched."""
    if process not in NUMBERED:
        raise Usage(f'"{process}" cannot be scaled; {" and ".join(NUMBERED)} can')
    if not 1 <= count <= MAX_CLASSIFYDS:
        raise Usage(f"expected 1 to {MAX_CLASSIFYDS} {process}s, not {count}")
    if process == "reasond" and not state.reasonds:
        raise Usage(f"{state.config_file} has no section reasond")
    running = manager.connect(state)
    state.save_settings({**state.settings, process: count})
    if running is None:
        say(f"{count} {process} from the next start on")
        return
    running.write_config()
    clean = _remove(state, running, running.update())
    for name in select(state, process):
        running.start(name)
    wait_until_running(state, select(state, process))
    say(f"{count} {process} running")
    if not clean:
        raise Failure(f"not every {process} ended cleanly")


def show_logs(state: State, process: str, lines: int, follow: bool) -> int:
    running = manager.connect(state)
    if running is not None and running.name == SYSTEMD:
        return running.show_logs(state.process_names() if process == "" else select(state, process), lines, follow)
    names = state.process_names() + ["supervisord"] if process == "" else (
        ["supervisord"] if process == "supervisord" else select(state, process))
    files = [f for f in (state.path("log", n + ".log") for n in names) if os.path.exists(f)]
    if not files:
        raise Failure(f"{state.path('log')}: no logs yet")
    try:
        return subprocess.run(["tail", "-n", str(lines), *(["-F"] if follow else []), *files],
                              check=False).returncode
    except KeyboardInterrupt:
        return 0
