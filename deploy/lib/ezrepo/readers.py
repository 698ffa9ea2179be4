# SPDX-License-Identifier: Apache-2.0
"""SQL for people and programs: psql on the store, and which users of this machine may read it by themselves, as Grafana does. A private
cluster knows who connects by user id: a reader is a user that may enter the socket's folder and be the role `ezrepo_reader`.
"""
import grp
import os
import pwd
import re
from typing import List

from . import accounts, cluster, connections
from .errors import Failure, Usage
from .state import State


def psql(state: State, arguments: List[str]) -> int:
    """psql as the role that reads, with these arguments; does not come back."""
    to = connections.part(str(state.option("queryd", "database")), "queryd.database")
    environment = {**os.environ, **to.environment, "PGOPTIONS": "-c search_path=ezrepo", "PGAPPNAME": "ezrepo-sql"}
    try:
        os.execvpe("psql", ["psql", "-d", to.text, *arguments], environment)
    except OSError as error:
        raise Failure(f"psql: {error.strerror}; install postgresql-client") from None


def _check(state: State) -> None:
    if not state.private_cluster:
        raise Failure(f"the store is on a PostgreSQL server of your own: make a role there that is a member of {cluster.READ_ROLE}")
    if os.geteuid() != 0:
        raise Failure("only root can let another user read")


def _known(user: str) -> None:
    if not re.fullmatch(r"[a-z_][a-z0-9_.-]{0,31}", user):
        raise Usage(f'"{user}": expected a user of this machine')
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise Failure(f'there is no user "{user}" on this machine') from None
    if entry.pw_uid == 0:
        raise Failure("root needs nothing for it: ezrepo sql")


def _ident_file(state: State) -> str:
    return state.path("postgres", "data", "pg_ident.conf")


def _ident(state: State) -> str:
    return cluster.run(["cat", _ident_file(state)], cluster.cluster_account(state.account("stored")))


def _line(user: str) -> str:
    return f'ezrepo "{user}" "{cluster.READER_ROLE}"'


def _write_ident(state: State, text: str) -> None:
    """Replaced at once, and read anew by the server."""
    file = _ident_file(state)
    cluster.run(["sh", "-c", 'cat >"$0.new" && mv "$0.new" "$0"', file], cluster.cluster_account(state.account("stored")), text)
    cluster.reload(state)


def _group(state: State) -> str:
    """Who is in it may enter the socket's folder."""
    return grp.getgrgid(state.group("database").gid).gr_name


def let_in(state: State, kind: str) -> None:
    """That a process's own user may be the role that reads: clusters of releases before it do not know it."""
    line = f'ezrepo "{state.account(kind).name}" "{cluster.QUERY_ROLE}"'
    if state.each and state.private_cluster and line not in _ident(state).splitlines():
        _write_ident(state, _ident(state).rstrip("\n") + f"\n{line}\n")


def listed(state: State) -> List[str]:
    return re.findall(rf'^ezrepo "([^"]+)" "{cluster.READER_ROLE}"$', _ident(state), re.M)


def add(state: State, user: str) -> str:
    """Lets the user read; what to do next."""
    _check(state)
    _known(user)
    cluster.make_reader(state)
    if user not in listed(state):
        _write_ident(state, _ident(state).rstrip("\n") + f"\n{_line(user)}\n")
    accounts.change("usermod", "--append", "--groups", _group(state), user)
    return (f"{user} may read the store: host={cluster.socket_directory(state)} dbname={cluster.DATABASE} user={cluster.READER_ROLE}\n"
            f"What runs as {user} has to be started again, so that it is in the group {_group(state)}.")


def remove(state: State, user: str) -> None:
    _check(state)
    if user not in listed(state):
        raise Failure(f'"{user}" is no reader; there are: {", ".join(listed(state)) or "none"}')
    _write_ident(state, "".join(line for line in _ident(state).splitlines(True) if line.strip() != _line(user)))
    if user in grp.getgrnam(_group(state)).gr_mem:
        accounts.change("gpasswd", "--delete", user, _group(state))
    cluster.end_readers(state)
