# SPDX-License-Identifier: Apache-2.0
"""`init`: makes a state directory. All or nothing: what a failed init made is removed again."""
import contextlib
import ipaddress
import json
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, Optional, Tuple

from . import accounts, cluster, connections, jsonc, lock, pki, trust
from .errors import Failure, Usage
from .state import (KINDS, MAX_CLASSIFYDS, SUPERVISORD, SYSTEMD, Account, State, check_directory, copy_schemas, current_user,
                    make_directory, make_own_folders, write_file)

FORMAT = 1
DEFAULT_USER = "ezrepo"

# What differs from the presets, and why; all options: docs/configuration.md.
CONFIGURATION = """\
// Configuration of one EZRepo set: JSON with comments. Made by "ezrepo init"; from here on it is yours.
// Only what differs from the presets stands here; docs/configuration.md has all options.
// After a change: ezrepo reload (what can change while running), or ezrepo restart PROCESS.
{{
  "common": {{
    "run_dir": {run},
    "schemas_dir": {schemas},
    // Started by root, every process becomes this user; "" stays who it is.
    "user": {user}
  }},

  "ingestd": {{
    // Where probes send results to by UDP, ADDRESS:PORT. Whoever can reach it can send records:
    // set "allow" before opening it to a network (docs/threat-model.md).
    "listen": {udp},
    // What is not stored yet, on disk: survives restarts and power failures.
    "spool_dir": {spool}
  }},

  "stored": {{
    "database": {store}
  }},

  "queryd": {{
    // A role that can only read.
    "database": {query}
  }},

  "reasond": {{
    // Dry runs of a grading; the same role. More of them: ezrepo scale reasond N.
    "database": {reason}
  }},

  "ingest-gw": {{
    // HTTPS for tools of all kinds, with a client's certificate or a token (docs/formats.md).
    "listen": {ingest},
    "certificate": {ingest_certificate},
    "key": {ingest_key},
    "ca": {ca},
    "crl": {crl},
    // What Prometheus sent and is not delivered yet.
    "remote_dir": {remote},
    // Whose certificates may deliver what ("ezrepo pki issue NAME --role probe" adds one). Tokens: "ezrepo token issue".
    "access": {{"roles": {{"probe": []}}, "authorizations": {{"Collect-*": ["probe"]}}}}
  }},

  "webd": {{
    // How the set does, over plain HTTP: /metrics for Prometheus, /healthz, /readyz.
    "metrics_listen": {metrics},
    // The page and its API. Plain HTTP for this machine only; for others: docs/operations.md, "The page".
    "listen": {page},
    "web_dir": {web},
    "access": {{
      "roles": {{"reader": [], "admin": []}},
      "authorizations": {{
        "Query*": ["reader", "admin"],
        "GetGrading": ["reader", "admin"],
        "TryGrading": ["admin"],
        "Ledger*": ["admin"],
        "Rejected*": ["admin"]
      }}
    }}
  }},

  "alertd": {{
    // Whom to tell what is bad or silent, and of what.
    "alertmanagers": [],
    "routes": []
  }},

  "mplane-gw": {{
    // HTTPS with mutual TLS, and the plain-HTTP listener that serves nothing but the element registry.
    "listen": {https},
    "registry_listen": {registry},
    // How clients reach the two; the certificate must be good for these names.
    "public_url": {public_url},
    "registry_url": {registry_url},
    "certificate": {certificate},
    "key": {key},
    "ca": {ca},
    "crl": {crl},
    // Repeated specifications, so that they outlive a restart.
    "repeats_file": {repeats},
    // Where probes are told to send by UDP; and export URLs that were given to others.
    "udp_url": {udp_url},
    "exports_file": {exports},
    // Supervisors to be registered with (docs/mplane.md): {{"url": "https://supervisor.example:8889"}}, ...
    "supervisors": [],
    "access": {{
      // Who is what: a role and the identities that have it ("ezrepo pki issue NAME --role ROLE" adds one).
      "roles": {{
        "reader": [],
        "probe": [],
        "admin": []
      }},
      // Who may what: a capability's label, or a glob, and the roles that may use it.
      "authorizations": {{
        "Query*": ["reader", "admin"],
        "ezrepo": ["reader", "admin"],
        "GetGrading": ["reader", "admin"],
        "SetGrading": ["admin"],
        "TryGrading": ["admin"],
        // Who sent what, and what became of it; what was refused, with its bytes.
        "Ledger*": ["admin"],
        "Rejected*": ["admin"],
        // Posting results over HTTPS: Collect-TYPE is one record type.
        "Collect-*": ["probe", "admin"]
      }}
    }}
  }}
}}
"""


@dataclass
class Wanted:
    """What init was asked for."""

    user: str = ""
    database: str = ""
    database_read: str = ""
    database_reason: str = ""  # the same, as reasond's user can read it
    udp_port: int = 9900
    https_port: int = 8890
    registry_port: int = 8891
    ingest_port: int = 8892
    metrics_port: int = 8893
    page_port: int = 8894
    listen: List[str] = field(default_factory=list)
    names: List[str] = field(default_factory=list)
    classifyds: int = 1
    manager: str = SUPERVISORD


@dataclass
class Client:
    """Whose certificate is wanted."""

    name: str
    role: Optional[str] = None
    renew: bool = False
    hosts: List[str] = field(default_factory=list)
    request: str = ""  # the file of its own request; without it a key is made, too
    days: int = pki.DEFAULT_DAYS


def _check(wanted: Wanted) -> None:
    for option, port in (("--udp-port", wanted.udp_port), ("--https-port", wanted.https_port),
                         ("--registry-port", wanted.registry_port), ("--ingest-port", wanted.ingest_port),
                         ("--metrics-port", wanted.metrics_port), ("--page-port", wanted.page_port)):
        if not 1 <= port <= 65535:
            raise Usage(f"{option} {port}: expected 1 to 65535")
    if len({wanted.https_port, wanted.registry_port, wanted.ingest_port, wanted.metrics_port, wanted.page_port}) < 5:
        raise Usage("--https-port, --registry-port, --ingest-port, --metrics-port and --page-port must differ")
    if not 1 <= wanted.classifyds <= MAX_CLASSIFYDS:
        raise Usage(f"--classifyd {wanted.classifyds}: expected 1 to {MAX_CLASSIFYDS}")
    if bool(wanted.database) != bool(wanted.database_read):
        raise Usage("--database and --database-read are given together: one role writes, another reads")
    if wanted.manager == SYSTEMD and os.geteuid() != 0:
        raise Failure("--manager systemd: only root can have units made")
    for address in wanted.listen:
        if not pki.is_address(address):
            raise Usage(f'--listen "{address}": expected an IPv4 or IPv6 address')


def open_addresses(listen: List[str]) -> List[str]:
    """Those of them that others than this machine can reach."""
    return [a for a in listen if not ipaddress.ip_address(a).is_loopback]


CONNINFO_BYTES = 16384


def _connection(option: str, given: str) -> str:
    """The connection string that was given, or that is in the file it names: @FILE."""
    if given.startswith("@"):
        try:
            with open(given[1:], encoding="utf-8") as file:
                text = file.read(CONNINFO_BYTES + 1).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Failure(f"{option} {given}: {getattr(error, 'strerror', None) or 'expected UTF-8'}") from None
        if len(text) > CONNINFO_BYTES or "\n" in text:
            raise Failure(f"{option} {given}: expected one line of at most {CONNINFO_BYTES} characters")
        connections.part(text, f"{option} {given}")
        return text
    if given and connections.part(given, option).has_secret:
        raise Usage(f"{option}: everybody on this machine can read a password among the arguments of a command; put the"
                    f" connection string into a file that only you can read, and give {option} @FILE")
    return given


def _owner(user: str) -> Tuple[str, bool]:
    """Whom the processes run as, and whether each has a user of its own, whose name only begins so."""
    if os.geteuid() != 0:
        if user not in ("", current_user()):
            raise Failure(f"--user {user}: only root can run processes as somebody else")
        return current_user(), False
    if not user:
        return DEFAULT_USER, True
    if user.endswith("-*"):
        accounts.check_prefix(user[:-2])
        return user[:-2], True
    if Account(user).uid == 0:
        raise Usage("--user: the processes do not run as root")
    return user, False


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _public_host(wanted: Wanted) -> str:
    """The name clients use: the first one given, else the address listened on, else this machine."""
    if wanted.names:
        return wanted.names[0]
    first = wanted.listen[0] if wanted.listen else "127.0.0.1"
    if first in ("127.0.0.1", "::1"):
        return "localhost"
    return socket.gethostname() if first in ("0.0.0.0", "::") else first


def configuration(state: State, wanted: Wanted) -> str:
    addresses = wanted.listen or ["127.0.0.1", "::1"]
    host = _public_host(wanted)
    values = {
        "run": state.path("run"), "spool": state.path("spool"), "remote": state.path("remote"),
        # The programs' own are read where they are: units do not start programs that others cannot reach.
        "schemas": "" if wanted.manager == SYSTEMD else state.path("schemas"),
        "user": "" if os.geteuid() != 0 else state.settings["user"] + ("-%p" if state.each else ""),
        "udp": [_endpoint(a, wanted.udp_port) for a in addresses],
        "store": wanted.database or cluster.conninfo(state, cluster.STORE_ROLE),
        "query": wanted.database_read or cluster.conninfo(state, cluster.QUERY_ROLE),
        "reason": wanted.database_reason or wanted.database_read or cluster.conninfo(state, cluster.QUERY_ROLE),
        "https": [_endpoint(a, wanted.https_port) for a in addresses],
        "ingest": [_endpoint(a, wanted.ingest_port) for a in addresses],
        "ingest_certificate": state.path("pki", "ingest.crt"), "ingest_key": state.path("pki", "ingest.key"),
        "registry": _endpoint(addresses[0], wanted.registry_port),
        "metrics": _endpoint("127.0.0.1", wanted.metrics_port),
        "page": [_endpoint("127.0.0.1", wanted.page_port)],
        "web": "" if wanted.manager == SYSTEMD else state.path("web"),
        "public_url": f"https://{_endpoint(host, wanted.https_port)}",
        "registry_url": f"http://{_endpoint(host, wanted.registry_port)}/registry/ezrepo",
        "certificate": state.path("pki", "server.crt"), "key": state.path("pki", "server.key"),
        "ca": state.path("pki", "ca.crt"), "crl": state.path("pki", "crl.pem"),
        "repeats": state.path("gateway", "repeats.jsonl"),
        "udp_url": f"udp://{_endpoint(host, wanted.udp_port)}",
        "exports": state.path("gateway", "exports"),
    }
    return CONFIGURATION.format(**{k: json.dumps(v) for k, v in values.items()})


def _check_reachable(state: State, accounts: List[Account]) -> None:
    """That the unprivileged users can come to the state directory at all."""
    for account in accounts:
        done = subprocess.run(["test", "-x", state.directory], check=False, cwd="/",
                              **account.run_options())
        if done.returncode != 0:
            raise Failure(f'{state.directory}: the user "{account.name}" cannot enter it; choose a place'
                          " every folder above which is open to all (as in /var/lib), or open them")


def _make_folders(state: State) -> None:
    if state.each:
        accounts.make_run_folders(state)
    else:
        make_directory(state.path("run"), 0o700, state.account(""))
    make_directory(state.path("spool"), 0o700, state.account("ingestd"))
    make_directory(state.path("remote"), 0o700, state.account("ingest-gw"))
    make_directory(state.path("gateway"), 0o700, state.account("mplane-gw"))
    make_directory(state.path("log"), 0o750, None, None if state.each else state.group(""))
    make_own_folders(state)


def _kept_apart(state: State, kind: str, text: str) -> str:
    """A connection string for the configuration, which all processes read: its password is in a file of who connects."""
    to = connections.part(text, f"{kind}.database")
    password = to.environment.get("PGPASSWORD", "")
    if not state.each or not password:
        return text
    account, file = state.account(kind), state.path("secrets", kind)
    with contextlib.suppress(FileExistsError):
        make_directory(state.path("secrets"), 0o711)
    write_file(file, "*:*:*:*:" + password.replace("\\", "\\\\").replace(":", "\\:") + "\n", 0o600)
    os.chown(file, account.uid, account.gid)
    return to.text + " " + connections.quoted([("passfile", file)])


def _make(state: State, wanted: Wanted) -> None:
    store, query = state.account("stored"), state.account("queryd")
    _check_reachable(state, [state.account(kind) for kind in (KINDS if state.each else ("stored",))]
                     + ([cluster.cluster_account(store)] if state.private_cluster else []))
    if not state.private_cluster:
        cluster.check_server(wanted.database, wanted.database_read, store, query)
        wanted.database = _kept_apart(state, "stored", wanted.database)
        wanted.database_reason = _kept_apart(state, "reasond", wanted.database_read)
        wanted.database_read = _kept_apart(state, "queryd", wanted.database_read)
    _make_folders(state)
    copy_schemas(state)
    pki.make_authority(state)
    pki.make_server(state, state.account("mplane-gw"), wanted.names)
    pki.make_ingest(state, state.account("ingest-gw"), wanted.names)
    write_file(state.config_file, configuration(state, wanted), 0o640, state.group(""))
    add_client(state, Client("admin", "admin"))
    if state.private_cluster:
        cluster.create(state)
    state.save_settings(state.settings)


SERVERS = ("mplane-gw", "ingest-gw", "webd")  # each has roles of its own in the configuration


def configured_roles(config: Dict[str, Any]) -> Dict[str, Dict[str, List[str]]]:
    """Of each server that is configured: its roles, and who has them."""
    return {server: config[server].get("access", {}).get("roles", {}) for server in SERVERS if server in config}


def _with_role(state: State, text: str, client: Client) -> Tuple[str, List[str]]:
    """The configuration with the client's role given wherever there is one of that name; and at which servers that is."""
    config, _ = jsonc.parse(text, state.config_file)
    roles = configured_roles(config)
    servers = [server for server, own in roles.items() if client.role in own]
    if not servers:
        known = dict.fromkeys(role for own in roles.values() for role in own)
        raise Usage(f'--role "{client.role}": {state.config_file} has no such role in mplane-gw.access.roles or'
                    f" ingest-gw.access.roles; there are {', '.join(known) or 'none'}."
                    " One that is in the store: ezrepo role add")
    for server in servers:
        text = jsonc.append(text, state.config_file, (server, "access", "roles", client.role), pki.identity(client.name))
    return text, servers


def add_client(state: State, client: Client) -> Tuple[str, List[str]]:
    """Makes or signs a client's certificate and writes its identity into the role, at each server that has it. Returns the
    identity, and these servers."""
    text = state.config_text()
    changed, servers = (text, []) if client.role is None else _with_role(state, text, client)
    if client.request:
        pki.sign_client(state, client.name, client.request, client.renew, client.hosts, client.days)
    else:
        pki.issue_client(state, client.name, client.renew, client.hosts, client.days)
    if changed != text:
        write_file(os.path.realpath(state.config_file), changed, 0o640, state.group(""))
    return pki.identity(client.name), servers


def _make_folder(state: State) -> bool:
    """The empty state directory; whether it is new."""
    existed = os.path.isdir(state.directory)
    try:
        os.makedirs(state.directory, 0o755, exist_ok=True)
        os.chmod(state.directory, 0o755)
    except OSError as error:
        raise Failure(f"{state.directory}: {error.strerror}") from None
    return not existed


def _empty(state: State) -> None:
    for entry in os.listdir(state.directory):
        path = state.path(entry)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


def _check_empty(state: State) -> None:
    if state.exists:
        raise Failure(f"{state.directory} holds a set already")
    # What is locked while a set is made is in supervisor/.
    others = [name for name in os.listdir(state.directory) if name != "supervisor"]
    if others or not set(os.listdir(state.path("supervisor"))) <= {"lock"}:
        raise Failure(f"{state.directory} is not empty")


def _check_directory(state: State) -> None:
    """Before anything is made there."""
    check_directory(state.directory)
    trust.check(state.directory)
    if state.exists:
        raise Failure(f"{state.directory} holds a set already")
    if os.path.isdir(state.directory) and not set(os.listdir(state.directory)) <= {"supervisor"}:
        raise Failure(f"{state.directory} is not empty")


def init(state: State, wanted: Wanted) -> None:
    _check(wanted)
    wanted = replace(wanted, database=_connection("--database", wanted.database),
                     database_read=_connection("--database-read", wanted.database_read))
    user, each = _owner(wanted.user)
    _check_directory(state)
    state.begin({"format": FORMAT, "user": user, "each": each, "classifyd": wanted.classifyds,
                 "database": "given" if wanted.database else "private", "manager": wanted.manager})
    if each:
        accounts.make(user)
    new = _make_folder(state)
    with lock.held(state, "init"):
        _check_empty(state)  # another one may have been at it meanwhile
        try:
            _make(state, wanted)
        except BaseException:
            _empty(state)
            if new:
                os.rmdir(state.directory)
            raise
