# SPDX-License-Identifier: Apache-2.0
"""A set's state directory: what lies where, whose it is, what init decided.

    ezrepo.json   the processes' configuration; the operator's to edit
    set.json      what only this command needs: user, cluster, number of classifyds
    pki/          authority, server and client certificates; issued: the list of all there ever were
    run/          ZeroMQ's sockets, status files; the processes' own
    log/          one file a process, rotated by supervisord
    schemas/      the contracts, as of the last `up`
    formats.d/       formats of the operator's own, likewise
    record-types.d/  record types and gaps of the operator's own; nothing here writes in it but `init`, once
    postgres/     the private cluster: data/, socket/
    supervisor/   supervisord's configuration, socket and process id; lock: see lock.py
"""
import ctypes
import functools
import grp
import json
import os
import pwd
import shutil
import subprocess
from typing import Any, Dict, List, Optional, Union

from . import connections, jsonc
from .errors import Failure, Usage

# The source tree, or, where it is installed, PREFIX/share/ezrepo; each has schemas/.
_LIBRARY = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
INSTALLED = os.path.isdir(os.path.join(_LIBRARY, "..", "schemas"))
ROOT = os.path.dirname(_LIBRARY) if INSTALLED else os.path.dirname(os.path.dirname(_LIBRARY))
PROGRAMS = os.path.join(ROOT, "..", "..", "libexec", "ezrepo") if INSTALLED else os.path.join(ROOT, "build")

# A Unix socket's path has at most 107 bytes; the longest one in a state directory is this.
SOCKET_PATH_BYTES = 107
LONGEST_SOCKET = "/postgres/socket/.s.PGSQL.5432.lock"

MAX_CLASSIFYDS = 64  # and reasonds

KINDS = ("ingestd", "socketd", "classifyd", "stored", "queryd", "mplane-gw", "ingest-gw", "webd", "alertd", "reasond")  # of processes that are ours
NUMBERED = ("classifyd", "reasond")  # there may be several: reasond-0, reasond-1
SUPERVISORD, SYSTEMD = "supervisord", "systemd"
BOOTED = "/run/systemd/system"  # is there where systemd is what runs (sd_booted(3))
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of renameat2(2)


def default_directory() -> str:
    """Where a set is when nobody says: EZREPO_STATE, else the machine's or the user's own place."""
    chosen = os.environ.get("EZREPO_STATE")
    if chosen:
        return chosen
    if os.geteuid() == 0:
        return "/var/lib/ezrepo"
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(home, "ezrepo")


def check_directory(path: str) -> None:
    """That sockets within it have names short enough."""
    room = SOCKET_PATH_BYTES - len(LONGEST_SOCKET)
    if len(os.fsencode(path)) > room:
        raise Usage(f"--state {path}: {len(os.fsencode(path))} bytes are too many; the paths of Unix"
                    f" sockets within it leave room for {room}")
    if any(c in path for c in "\n\r\"'$\\"):
        raise Usage(f"--state {path!r}: quotes, line breaks, $ and backslashes cannot be part of it")


class Account:
    """A user of the system, as the owner of files and processes."""

    def __init__(self, name: str) -> None:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            raise Failure(f'there is no user "{name}" on this system; make one:'
                          f" adduser --system --group --no-create-home {name}") from None
        self.name = name
        self.uid = entry.pw_uid
        self.gid = entry.pw_gid

    @property
    def group(self) -> str:
        return grp.getgrgid(self.gid).gr_name

    def run_options(self) -> Dict[str, Any]:
        """For subprocess: become this user. Nothing when we are not root, and so are it already."""
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": os.getgrouplist(self.name, self.gid)}


class Group:
    """A group of the system, as that of files."""

    def __init__(self, name: str) -> None:
        try:
            self.gid = grp.getgrnam(name).gr_gid
        except KeyError:
            raise Failure(f'there is no group "{name}" on this system; ezrepo init makes them') from None
        self.name = name


def units_run(config_file: str) -> bool:
    """Whether systemd runs this machine and its units ezrepo-* are those of the set with this configuration."""
    if not os.path.isdir(BOOTED):
        return False
    done = subprocess.run(["systemctl", "show", "--property=ExecStart", "ezrepo-stored.service"], capture_output=True,
                          text=True, check=False)
    return f"--config {config_file} ;" in done.stdout


def current_user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise Failure(f"the user id {os.geteuid()} has no name on this system") from None


class State:
    """One set. Reading its files is left until they are needed."""

    def __init__(self, directory: str) -> None:
        self.directory = os.path.abspath(directory)
        self._settings: Optional[Dict[str, Any]] = None
        self._manager = ""

    def path(self, *parts: str) -> str:
        return os.path.join(self.directory, *parts)

    @property
    def exists(self) -> bool:
        return os.path.exists(self.path("set.json"))

    @property
    def config_file(self) -> str:
        return self.path("ezrepo.json")

    @property
    def supervisor_config(self) -> str:
        return self.path("supervisor", "supervisord.conf")

    @property
    def settings(self) -> Dict[str, Any]:
        """set.json; a Failure when there is no set here."""
        if self._settings is None:
            name = self.path("set.json")
            try:
                with open(name, encoding="utf-8") as file:
                    self._settings = json.load(file)
            except FileNotFoundError:
                raise Failure(f"{self.directory} holds no set; make one:"
                              f" ezrepo init --state {self.directory}") from None
            except PermissionError:
                raise Failure(f"{name}: no permission to read it; be the user who made the set") from None
            except ValueError as error:
                raise Failure(f"{name}: {error}") from None
        return self._settings

    def forget(self) -> None:
        """What was read; the next who asks reads again."""
        self._settings = None
        self._manager = ""

    def begin(self, settings: Dict[str, Any]) -> None:
        """What a set that is being made is to be; nothing is written yet."""
        self._settings = settings
        self._manager = ""

    def save_settings(self, settings: Dict[str, Any]) -> None:
        self._settings = settings
        self._manager = ""
        write_file(self.path("set.json"), json.dumps(settings, indent=2) + "\n", 0o644)

    @property
    def manager(self) -> str:
        """What runs the set, "supervisord" or "systemd". Units for it may be there though set.json does not say so."""
        if not self._manager:
            self._manager = self.settings.get("manager") or (SYSTEMD if units_run(self.config_file) else SUPERVISORD)
        return self._manager

    @property
    def each(self) -> bool:
        """Whether each process has a user of its own (accounts.py); else there is one for all."""
        return bool(self.settings.get("each"))

    def account(self, kind: str) -> Account:
        """Whom a process of this kind runs as."""
        name = self.settings["user"]
        return Account(f"{name}-{kind}" if self.each else name)

    def group(self, name: str) -> Union[Account, "Group"]:
        """Who may have what is of this group; "" is all processes of the set."""
        user = self.settings["user"]
        return Group(f"{user}-{name}" if name else user) if self.each else Account(user)

    def own_folder(self, kind: str) -> str:
        """Of a process's status, lock and the like."""
        return self.path("run", kind) if self.each else self.path("run")

    def endpoint_folder(self, endpoint: str) -> str:
        """Where the socket of that name is."""
        return self.path("run", endpoint) if self.each else self.path("run")

    @property
    def private_cluster(self) -> bool:
        return self.settings["database"] == "private"

    @property
    def classifyds(self) -> int:
        return int(self.settings["classifyd"])

    @property
    def reasonds(self) -> int:
        """How many do what takes long: none in a set whose configuration has no section for them."""
        return int(self.settings.get("reasond", 1)) if "reasond" in self.config() else 0

    def config_text(self) -> str:
        try:
            with open(self.config_file, encoding="utf-8") as file:
                return file.read()
        except OSError as error:
            raise Failure(f"{self.config_file}: {error.strerror}") from None

    def config(self) -> Dict[str, Any]:
        """ezrepo.json as it is."""
        value, _ = jsonc.parse(self.config_text(), self.config_file)
        if not isinstance(value, dict):
            raise Failure(f"{self.config_file}: expected an object")
        return value

    def option(self, section: str, name: str) -> Any:
        """An option that init always writes; a Failure when somebody took it out."""
        try:
            return self.config()[section][name]
        except (KeyError, TypeError):
            raise Failure(f"{self.config_file}: {section}.{name} is missing") from None

    def _is_inside(self, path: str) -> bool:
        """By its name, or by where its name leads."""
        return any(os.path.commonpath([resolve(path), resolve(self.directory)]) == resolve(self.directory)
                   for resolve in (os.path.abspath, os.path.realpath))

    def outside(self) -> List[str]:
        """Places of the configuration that are a set's own and are not in this state directory: "SECTION.OPTION: PATH"."""
        config = self.config()
        places = [(f"{section}.{name}", str(config.get(section, {}).get(name, "")))
                  for section, name in (("common", "run_dir"), ("ingestd", "spool_dir"), ("mplane-gw", "repeats_file"),
                                        ("mplane-gw", "exports_file"), ("ingest-gw", "remote_dir"))]
        if self.private_cluster:
            for section in ("stored", "queryd", "reasond"):
                given = connections.options(str(config.get(section, {}).get("database", ""))) or []
                places += [(f"{section}.database", value) for name, _, value, _ in given if name == "host"]
        return [f"{option}: {path}" for option, path in places if path and not self._is_inside(path)]

    @property
    def schemas_folder(self) -> str:
        """The contracts that the processes read."""
        return str(self.config().get("common", {}).get("schemas_dir") or os.path.join(ROOT, "schemas"))

    def record_types(self) -> List[str]:
        """What of record types the processes read: the file that is delivered, and the folder of own ones if there is
        one."""
        own = str(self.config().get("common", {}).get("record_types_dir") or "")
        if not own and os.path.lexists(self.path("record-types.d")):
            own = self.path("record-types.d")
        return [os.path.join(self.schemas_folder, "record-types.json")] + ([own] if own else [])

    def formats(self) -> List[str]:
        """The folder of own formats that the processes read, if there is one."""
        own = str(self.config().get("common", {}).get("formats_dir") or "")
        if not own and os.path.lexists(self.path("formats.d")):
            own = self.path("formats.d")
        return [own] if own else []

    @property
    def has_ingest(self) -> bool:
        """Whether there is a door for tools: a set that was made before there was one has no section for it."""
        return "ingest-gw" in self.config()

    @property
    def has_web(self) -> bool:
        """Whether there are metrics: the same of a set that was made before there were."""
        return "webd" in self.config()

    @property
    def has_alerts(self) -> bool:
        """Whether people are told: the same of a set that was made before they were."""
        return "alertd" in self.config()

    def process_names(self) -> List[str]:
        """All processes of the set, in the order they are started."""
        first = ["postgres"] if self.private_cluster else []
        keeper = ["socketd"] if self.manager == SUPERVISORD else []  # systemd keeps sockets itself
        tools = ["ingest-gw"] if self.has_ingest else []
        web = (["webd"] if self.has_web else []) + (["alertd"] if self.has_alerts else [])
        return (first + ["stored", "queryd"] + [f"reasond-{i}" for i in range(self.reasonds)] + ["mplane-gw"] + tools + web
                + [f"classifyd-{i}" for i in range(self.classifyds)] + keeper + ["ingestd"])


def kind_of(process: str) -> str:
    """"classifyd-1" is a classifyd, "mplane-gw" an mplane-gw."""
    stem, _, number = process.rpartition("-")
    return stem if stem and number.isdigit() else process


def instance_of(process: str) -> int:
    _, _, number = process.rpartition("-")
    return int(number) if number.isdigit() else 0


def program(name: str) -> str:
    """The path of a compiled program: in EZREPO_BUILD, else where it was installed or is built."""
    build = os.path.abspath(os.environ.get("EZREPO_BUILD") or PROGRAMS)
    folder = {"ezrepoctl": "ctl", "tun_responder": "deploy"}.get(name, name)
    for candidate in (os.path.join(build, folder, name), os.path.join(build, name)):
        if os.path.isfile(candidate):
            return candidate
    raise Failure(f"the program {name} is not in {build}; " + ("install it again: meson install" if INSTALLED else
                  "build it: meson setup build --buildtype=release && ninja -C build"))


@functools.lru_cache(maxsize=None)
def _version_of(client: str) -> str:
    return subprocess.run([client, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]


def version() -> str:
    """The release of the programs that are there, in their own words."""
    return _version_of(program("ezrepoctl"))


def copy_schemas(state: State) -> None:
    """The contracts and the page, where the unprivileged user can read them whatever the checkout's place."""
    for name in ("schemas", "web"):
        _copy(state, name)


def _copy(state: State, name: str) -> None:
    target, fresh = state.path(name), state.path(name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(os.path.join(ROOT, name), fresh, copy_function=shutil.copyfile)
    for folder, _, files in os.walk(fresh):
        os.chmod(folder, 0o755)
        for name in files:
            os.chmod(os.path.join(folder, name), 0o644)
    if not os.path.lexists(target):
        os.rename(fresh, target)
        return
    # A process that is started just now finds the ones or the others, never none.
    exchange(fresh, target)
    shutil.rmtree(fresh, ignore_errors=True)


def exchange(one: str, other: str) -> None:
    """Each gets the other's name, in one step."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == -1:
        raise Failure(f"{one} and {other} cannot be exchanged: {os.strerror(ctypes.get_errno())}")


OWN_RECORD_TYPES = """\
Record types and gaps of your own: files NAME.json of the same form as schemas/record-types.json, read in the byte order
of their names. What they say of a type goes, key by key, before what is delivered; their mappings are tried first.
No upgrade changes anything here. Then: ezrepo types check; ezrepo reload. As in speedtest.json:

{"types": {"speedtest": {"interval_s": 1800}}}
"""


OWN_FORMATS = """\
Formats of your own, of what other tools write: files NAME.json, mappings as docs/write-a-format.md describes them. One goes
before a delivered one of the same name. No upgrade changes anything here. What there is: ezrepo format list; whether one is
good: ezrepo format check FILE; what it makes of what a tool wrote: ezrepo format try NAME FILE.
"""


def make_own_folders(state: State) -> None:
    """The folders for record types and formats of the operator's own, where there are none yet."""
    for name, text in (("record-types.d", OWN_RECORD_TYPES), ("formats.d", OWN_FORMATS)):
        folder = state.path(name)
        if not os.path.lexists(folder):
            make_directory(folder, 0o755)
            write_file(os.path.join(folder, "README"), text, 0o644)


def write_file(path: str, text: str, mode: int, owner: Optional[Union[Account, Group]] = None) -> None:
    """Replaces a file at once; an owner gets it as its group, so that it can read but not change it."""
    fresh = path + ".new"
    if os.path.lexists(fresh):
        os.unlink(fresh)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        if owner is not None and os.geteuid() == 0:
            os.fchown(file.fileno(), 0, owner.gid)
        os.fchmod(file.fileno(), mode)
    os.rename(fresh, path)


def make_directory(path: str, mode: int, owner: Optional[Account] = None,
                   group: Optional[Union[Account, Group]] = None) -> None:
    os.mkdir(path, 0o700)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.geteuid() == 0:
            os.fchown(folder, owner.uid if owner else 0, (group or owner).gid if group or owner else 0)
        os.fchmod(folder, mode)
    finally:
        os.close(folder)
