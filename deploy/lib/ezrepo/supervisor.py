# SPDX-License-Identifier: Apache-2.0
"""supervisord of one set: its configuration, and talking to it over its Unix socket."""
import http.client
import os
import shlex
import socket
import subprocess
import time
import xmlrpc.client
from typing import Any, Dict, List, Optional

from . import cluster
from .errors import Failure
from .state import NUMBERED, State, instance_of, kind_of, make_directory, program, write_file

SUPERVISORD = "/usr/bin/supervisord"
STOP_SECONDS = 60  # to drain; then supervisord kills
START_SECONDS = 10
ANSWER_SECONDS = 30  # more than a machine under load needs
RETRIES = 1000000  # with pauses that grow: one that gave up would stay down when its cause is long gone

# What programs see of our environment: nothing that changes what they do, but what sanitizers are told.
KEPT_ENVIRONMENT = ["ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"]

HEAD = """; Written by deploy/ezrepo at each "up" and "scale"; changes here are lost.
[supervisord]
logfile = {log}/supervisord.log
logfile_maxbytes = 5MB
logfile_backups = 2
pidfile = {own}/pid
childlogdir = {log}
directory = /
umask = 027
minfds = 4096
identifier = ezrepo
{user}
[unix_http_server]
file = {own}/sock
chmod = 0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

PROGRAM = """
[program:{name}]
command = {command}
directory = /
autostart = false
autorestart = true
startsecs = 1
startretries = {retries}
stopsignal = {signal}
stopwaitsecs = {stop}
{logs}{user}"""

ONE_LOG = """redirect_stderr = true
stdout_logfile = {log}/{name}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 5
"""

# What it writes to standard output is its audit log.
WITH_AUDIT_LOG = """stderr_logfile = {log}/{name}.log
stderr_logfile_maxbytes = 10MB
stderr_logfile_backups = 5
stdout_logfile = {log}/{name}-audit.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 20
"""


def _quoted(arguments: List[str]) -> str:
    """As supervisord reads a command: shell words, and a percent sign is written twice."""
    return " ".join(shlex.quote(a) for a in arguments).replace("%", "%%")


def _program_section(state: State, name: str) -> str:
    if name == "postgres":
        command = cluster.server_command(state)
        account = cluster.cluster_account(state.account("stored"))
        user = f"user = {account.name}\n" if os.geteuid() == 0 else ""
    else:
        command = [program(kind_of(name)), "--config", state.config_file]
        if kind_of(name) in NUMBERED:
            command += ["--instance", str(instance_of(name))]
        user = ""
    logs = WITH_AUDIT_LOG if kind_of(name) in ("mplane-gw", "ingest-gw", "webd") else ONE_LOG
    return PROGRAM.format(name=name, retries=RETRIES, command=_quoted(command), stop=STOP_SECONDS, user=user,
                          signal="INT" if name == "postgres" else "TERM",
                          logs=logs.format(name=name, log=state.path("log").replace("%", "%%")))


def write_config(state: State) -> None:
    names = {"log": state.path("log").replace("%", "%%"),
             "own": state.path("supervisor").replace("%", "%%"),
             "user": "user = root\n" if os.geteuid() == 0 else ""}
    sections = [_program_section(state, name) for name in state.process_names()]
    write_file(state.supervisor_config, HEAD.format(**names) + "".join(sections), 0o600)


def started_at(pid: int) -> Optional[str]:
    """When it was started, by which it is known from another one that gets its number later; None when it does not
    run. One that ended and that nobody has waited for does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
            return None if fields[0] in ("Z", "X") else fields[19]
    except (OSError, IndexError):
        return None


def ends_within(pid: int, started: Optional[str], seconds: float) -> bool:
    """Waits until the process that was started then has ended."""
    end = time.monotonic() + seconds
    while started is not None and started_at(pid) == started:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str, seconds: float) -> None:
        super().__init__()
        self.path = path
        self.seconds = seconds

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _Connection(self.path, self.seconds)


class Supervisor:
    """A running supervisord. Its refusals, and that it says nothing, come as Failure."""

    name = "supervisord"

    def __init__(self, state: State, seconds: float = STOP_SECONDS + 30) -> None:
        self.state = state
        proxy = xmlrpc.client.ServerProxy("http://localhost/RPC2",
                                          transport=_Transport(state.path("supervisor", "sock"), seconds))
        self.api = proxy.supervisor

    def call(self, name: str, *arguments: Any) -> Any:
        try:
            return getattr(self.api, name)(*arguments)
        except xmlrpc.client.Fault as fault:
            raise Failure(f"supervisord: {name} {' '.join(map(str, arguments))}: "
                          f"{fault.faultString}") from None
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f"supervisord of {self.state.directory} does not answer: {error}") from None

    def is_up(self) -> bool:
        """Whether the set was started, whatever became of its processes."""
        return True

    def pid(self) -> int:
        return int(self.call("getPID"))

    def processes(self) -> Dict[str, Dict[str, Any]]:
        return {info["name"]: info for info in self.call("getAllProcessInfo")}

    def start(self, name: str) -> None:
        """Starts it without waiting; nothing when it runs or is being started. One that ended again and again, and waits
        for its next turn, has it now: what was wrong may have been mended."""
        state = self.processes()[name]["statename"]
        if state == "BACKOFF":
            self.call("stopProcess", name, True)
        if state not in ("RUNNING", "STARTING"):
            self.call("startProcess", name, False)

    def stop(self, name: str, for_good: bool = False) -> Optional[Dict[str, Any]]:
        """Stops it and waits. What supervisord says of its end; None when it did not run. Nothing but us starts it again,
        for_good or not."""
        state = self.processes()[name]["statename"]
        if state in ("STOPPED", "EXITED", "FATAL", "UNKNOWN"):
            return None
        asked = time.monotonic()
        self.call("stopProcess", name, True)
        info = self.processes()[name]
        begun = state != "STARTING" or info["exitstatus"] != -1 or time.monotonic() - asked >= STOP_SECONDS
        return info if state != "BACKOFF" and begun else None  # else it had ended by itself, or had begun nothing yet

    def update(self) -> List[str]:
        """Reads its configuration again and adds the programs that are new; returns those that are gone."""
        added, _, removed = self.call("reloadConfig")[0]
        for name in added:
            self.call("addProcessGroup", name)
        return list(removed)

    def write_config(self) -> None:
        """As the programs should be now; takes effect with update() and renew()."""
        write_config(self.state)

    def renew(self, chosen: List[str]) -> None:
        """The programs of these, which do not run, may be others now: a group that changed is made anew."""
        _, changed, _ = self.call("reloadConfig")[0]
        for name in [n for n in changed if n in chosen]:
            self.remove(name)
            self.call("addProcessGroup", name)

    def remove(self, name: str) -> None:
        self.call("removeProcessGroup", name)

    def hang_up(self, name: str) -> None:
        self.call("signalProcess", name, "HUP")

    def started(self) -> None:
        """All that should run was started."""

    def shutdown(self) -> None:
        """The processes are stopped: supervisord itself."""
        pid = self.pid()
        started = started_at(pid)
        self.call("shutdown")
        if not ends_within(pid, started, START_SECONDS):
            raise Failure(f"supervisord (process {pid}) does not end")

    def log_tail(self, name: str, lines: int) -> str:
        try:
            with open(self.state.path("log", name + ".log"), "rb") as file:
                file.seek(max(os.path.getsize(file.name) - 16384, 0))
                text = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return "(it wrote no log)"
        return "\n".join(text[-lines:])

    def log_name(self, name: str) -> str:
        return self.state.path("log", name + ".log")


class Mute(Failure):
    """There is a supervisord, and it does not answer."""


def connect(state: State, seconds: float = ANSWER_SECONDS) -> Optional[Supervisor]:
    """The running supervisord of the set, or None; Mute when it does not answer within so many seconds."""
    try:
        Supervisor(state, seconds).api.getPID()
        return Supervisor(state)
    except TimeoutError:
        raise Mute(f"supervisord of {state.directory} does not answer within {seconds:.0f} s") from None
    except PermissionError:
        raise Failure(f"{state.path('supervisor')}: no permission; be the user who made the set") from None
    except (OSError, http.client.HTTPException):
        return None


def launch(state: State) -> Supervisor:
    """Starts supervisord with none of the programs running yet."""
    if not os.path.exists(SUPERVISORD):
        raise Failure(f"{SUPERVISORD} is not there; install the package supervisor")
    if not os.path.isdir(state.path("supervisor")):
        make_directory(state.path("supervisor"), 0o700)
    write_config(state)
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}
    environment.update({k: os.environ[k] for k in KEPT_ENVIRONMENT if k in os.environ})
    done = subprocess.run([SUPERVISORD, "-c", state.supervisor_config], capture_output=True, text=True,
                          check=False, cwd="/", env=environment, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Failure(f"supervisord did not start: {(done.stderr or done.stdout).strip()}")
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        supervisor = connect(state)
        if supervisor is not None:
            return supervisor
        time.sleep(0.05)
    raise Failure(f"supervisord did not answer within {START_SECONDS} s;"
                  f" see {state.path('log', 'supervisord.log')}")
