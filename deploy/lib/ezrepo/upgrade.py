# SPDX-License-Identifier: Apache-2.0
"""`ezrepo upgrade-cluster`: the private cluster of a newer major version of PostgreSQL, by pg_upgrade.

The new cluster is made beside the old one and takes its place when all is done; until then nothing of the old one is
touched (but with --link). The old one stays as postgres/data.old.
"""
import os
import shutil
from typing import List

from . import cluster, manager
from .errors import Failure, Usage
from .output import say
from .state import Account, State, exchange, make_directory

KEPT = ("pg_hba.conf", "pg_ident.conf", "postgresql.conf", "postgresql.auto.conf")


def _target(state: State, wanted: int) -> int:
    versions = cluster.installed()
    own = cluster.own_version(state)
    if wanted and wanted not in versions:
        raise Usage(f"--to {wanted}: installed are {', '.join(str(v) for v in sorted(versions)) or 'none'}"
                    f" (package postgresql-{wanted})")
    if wanted and wanted <= own:
        raise Usage(f"--to {wanted}: the cluster is of version {own}; expected a newer one")
    return wanted or cluster.newest()


def _check_stopped(state: State) -> None:
    running = manager.connect(state)
    if (running is not None and running.is_up()) or cluster.accepts(state):
        raise Failure(f"the set is running; stop it: ezrepo down --state {state.directory}")
    if os.path.exists(state.path("postgres", "data", "postmaster.pid")):
        raise Failure(f"{state.path('postgres', 'data', 'postmaster.pid')} is there: the cluster was not shut down; start"
                      " and stop the set once (ezrepo up, ezrepo down)")


def _make_new(state: State, binaries: str, account: Account) -> str:
    """The empty cluster beside the old one, with the same settings."""
    old, new = state.path("postgres", "data"), state.path("postgres", "data.new")
    shutil.rmtree(new, ignore_errors=True)
    make_directory(new, 0o700, account)
    cluster.run_initdb(binaries, new, account)
    for name in KEPT:
        cluster.run(["cp", "--", f"{old}/{name}", f"{new}/{name}"], account)
    try:
        cluster.run([f"{binaries}/postgres", "-C", "max_connections", "-D", new], account)
    except Failure as failure:
        raise Failure(f"the new version does not take {old}/postgresql.conf: {failure}") from None
    return new


def _pg_upgrade(state: State, new: str, to: str, account: Account, options: List[str]) -> None:
    old = state.path("postgres", "data")
    sockets = state.path("postgres", "upgrade")
    shutil.rmtree(sockets, ignore_errors=True)
    make_directory(sockets, 0o700, account)
    try:
        cluster.run(["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", sockets, f"{to}/pg_upgrade", "-b",
                     cluster.bin_directory(state), "-B", to, "-d", old, "-D", new, "-U", cluster.ADMIN, "-s", sockets,
                     *options], account)
    finally:
        shutil.rmtree(sockets, ignore_errors=True)


def _analyze(state: State, binaries: str, account: Account) -> None:
    """A new cluster knows nothing of how its tables are filled, and would answer slowly."""
    data = state.path("postgres", "data")
    cluster.run([f"{binaries}/pg_ctl", "-D", data, "-l", f"{data}/upgrade.log", "-w", "-t", "600", "start"], account)
    try:
        cluster.run([f"{binaries}/vacuumdb", "-h", cluster.socket_directory(state), "-U", cluster.ADMIN, "--all",
                     "--analyze-only", "--quiet"], account)
    finally:
        cluster.run([f"{binaries}/pg_ctl", "-D", data, "-w", "-t", "600", "-m", "fast", "stop"], account)


def upgrade(state: State, wanted: int, check: bool, link: bool) -> None:
    """To the wanted major version, or the newest one installed. check: says only whether it could be done."""
    if not state.private_cluster:
        raise Failure("this set has a server of its own: upgrade that as its documentation says")
    own = cluster.own_version(state)
    target = _target(state, wanted)
    if target == own:
        say(f"the cluster is of version {own}, and none newer is installed")
        return
    if not check:
        _check_stopped(state)
    account = cluster.cluster_account(state.account("stored"))
    data, old, binaries = state.path("postgres", "data"), state.path("postgres", "data.old"), cluster.installed()[target]
    if os.path.lexists(old):
        raise Failure(f"{old} is there, of an upgrade before; remove it when you no longer need it")
    say(f"PostgreSQL {own} to {target}: a new cluster in {state.path('postgres', 'data.new')}")
    try:
        new = _make_new(state, binaries, account)
        _pg_upgrade(state, new, binaries, account, (["--check"] if check else []) + (["--link"] if link else []))
    except Failure:
        shutil.rmtree(state.path("postgres", "data.new"), ignore_errors=True)
        raise
    if check:
        shutil.rmtree(new, ignore_errors=True)
        say("it can be upgraded")
        return
    exchange(new, data)
    os.rename(new, old)
    say("its statistics are made anew")
    _analyze(state, binaries, account)
    say(f"done; the cluster of before is {old}: remove it when all is well"
        + (" (it cannot be started any more: its files were linked)" if link else ""))
