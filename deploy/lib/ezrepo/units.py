# SPDX-License-Identifier: Apache-2.0
"""The systemd units of a set, as text: who runs as whom, may write where and speak to whom. Nothing here is written or
started (systemd.py)."""
import os
from dataclasses import dataclass
from typing import Dict, List

from . import accounts, cluster
from .state import NUMBERED, State, kind_of, program

TARGET = "ezrepo.target"
SOCKET = "ezrepo-ingestd.socket"
STOP_SECONDS = 60  # to drain; then systemd kills
HEAD = "# Written by deploy/ezrepo at each \"up\", \"restart\" and \"scale\"; changes here are lost: systemctl edit {name}\n"

# What no process needs.
SANDBOX = """UMask=0027
LimitCORE=0
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
"""


@dataclass
class Kind:
    """What is different about the unit of a process."""

    does: str
    after: str
    families: str  # of addresses
    more: str = ""


KINDS: Dict[str, Kind] = {
    "stored": Kind("writes the store", "network-online.target ezrepo-postgres.service", "AF_UNIX AF_INET AF_INET6"),
    "queryd": Kind("answers questions from the store", "network-online.target ezrepo-postgres.service",
                   "AF_UNIX AF_INET AF_INET6"),
    "mplane-gw": Kind("HTTPS for mPlane clients", "network-online.target ezrepo-queryd.service ezrepo-stored.service",
                      "AF_UNIX AF_INET AF_INET6", "LimitNOFILE=524288\n"),
    "ingest-gw": Kind("HTTPS for tools", "network-online.target ezrepo-ingestd.service", "AF_UNIX AF_INET AF_INET6",
                      "LimitNOFILE=524288\n"),
    "webd": Kind("metrics and health over HTTP", "network-online.target", "AF_UNIX AF_INET AF_INET6"),
    "alertd": Kind("tells people what is bad", "network-online.target ezrepo-queryd.service ezrepo-stored.service",
                   "AF_UNIX AF_INET AF_INET6"),
    "reasond": Kind("tries gradings on what is stored (number %i)", "network-online.target ezrepo-queryd.service",
                    "AF_UNIX AF_INET AF_INET6", "Nice=5\n"),
    "classifyd": Kind("grades records (number %i)", "ezrepo-stored.service", "AF_UNIX"),
    "ingestd": Kind("takes results by UDP", f"network-online.target ezrepo-stored.service {SOCKET}",
                    "AF_UNIX AF_INET AF_INET6"),
}

SERVICE = """[Unit]
Description=EZRepo: {does}
PartOf=ezrepo.target
After={after}
{requires}# Tried again without end: one that gave up would stay down when its cause is long gone.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
User={user}
Group={group}
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=2
TimeoutStartSec=900
TimeoutStopSec={stop}
{more}{sandbox}RestrictAddressFamilies={families}
ReadWritePaths={writes}
"""

TARGET_TEXT = """[Unit]
Description=EZRepo, all processes of the set in {state}
Wants={wants}

[Install]
WantedBy=multi-user.target
"""

SOCKET_TEXT = """# The sockets outlive ingestd: what comes while it is restarted waits here. The addresses are those of ingestd.listen and ingestd.listeners.
[Unit]
Description=EZRepo: UDP for results
PartOf=ezrepo.target

[Socket]
{listen}BindIPv6Only=ipv6-only
ReceiveBuffer=16M
# An ingestd that does not start leaves its datagrams unread: that is no reason to close the sockets.
TriggerLimitIntervalSec=0
Service=ezrepo-ingestd.service
"""


def unit_of(name: str) -> str:
    """The service of a process of the set: "classifyd-1" is ezrepo-classifyd@1.service."""
    kind = kind_of(name)
    return f"ezrepo-{kind}@{name.rpartition('-')[2]}.service" if kind in NUMBERED else f"ezrepo-{kind}.service"


def file_of(name: str) -> str:
    """The file that says it, which is one for all of a kind."""
    return f"ezrepo-{kind_of(name)}@.service" if kind_of(name) in NUMBERED else unit_of(name)


def quoted(words: List[str]) -> str:
    """As systemd reads a command line; a state directory has no quotes, $ or backslashes in its name."""
    return " ".join(f'"{word}"'.replace("%", "%%") for word in words)


def _path(path: str) -> str:
    return '"-' + path.replace("%", "%%") + '"'


def _written(state: State, kind: str) -> List[str]:
    """Where a process writes: its own, and the sockets that others connect to."""
    more = {"ingestd": [state.path("spool")], "mplane-gw": [state.path("gateway")],
            "ingest-gw": [state.path("remote")]}.get(kind, [])
    ends = [state.endpoint_folder(name) for name, (owner, _) in accounts.ENDPOINTS.items() if owner == kind]
    return list(dict.fromkeys([state.own_folder(kind), *ends, *more]))


def _service(state: State, kind: str) -> str:
    about = KINDS[kind]
    account = state.account(kind)
    command = quoted([program(kind), "--config", state.config_file]) + (" --instance %i" if kind in NUMBERED else "")
    return SERVICE.format(
        does=about.does, after=about.after, requires=f"Requires={SOCKET}\n" if kind == "ingestd" else "",
        user=account.name, group=account.group, command=command, stop=STOP_SECONDS, families=about.families,
        more="WatchdogSec=180\n" + about.more, sandbox=SANDBOX + "MemoryDenyWriteExecute=yes\n",
        writes=" ".join(_path(p) for p in _written(state, kind)))


def _postgres(state: State) -> str:
    account = cluster.cluster_account(state.account("stored"))
    command = quoted(cluster.server_command(state))
    return SERVICE.format(
        does="the private PostgreSQL cluster", after="", requires="", user=account.name, group=account.group,
        command=command, stop=STOP_SECONDS, families="AF_UNIX",
        more="KillMode=mixed\nKillSignal=SIGINT\nOOMScoreAdjust=-900\n", sandbox=SANDBOX,
        writes=_path(state.path("postgres"))).replace("After=\n", "")


def _socket(state: State) -> str:
    ingestd = state.config().get("ingestd", {})
    listen = list(ingestd.get("listen", ["0.0.0.0:9900", "[::]:9900"])) + [x["listen"] for x in ingestd.get("listeners", [])]
    return SOCKET_TEXT.format(listen="".join(f"ListenDatagram={address}\n" for address in listen))


def _target(state: State) -> str:
    wants = [unit_of(name) for name in state.process_names()] + [SOCKET]
    return TARGET_TEXT.format(state=state.directory.replace("%", "%%"), wants=" ".join(wants))


def all_units(state: State) -> Dict[str, str]:
    """Every unit of the set: the name of its file, its text."""
    texts = {TARGET: _target(state), SOCKET: _socket(state)}
    for name in state.process_names():
        kind = kind_of(name)
        texts[file_of(name)] = _postgres(state) if kind == "postgres" else _service(state, kind)
    return {name: HEAD.format(name=name) + text for name, text in texts.items()}
