# SPDX-License-Identifier: Apache-2.0
"""The private PostgreSQL cluster of a set, and the check of somebody else's server.

The cluster listens on a Unix socket only, in a folder that only the processes' user may enter; who connects is
known by user id (peer), never by a password. As root it runs as `postgres`, so that the
processes cannot touch its files. It must never do anything to a server it has not made.
"""
import glob
import os
import subprocess
import time
from typing import Dict, List, Optional

from . import connections
from .errors import Failure
from .state import Account, State, make_directory

INSTALLED = "/usr/lib/postgresql"
OLDEST = 15
DATABASE = "ezrepo"
ADMIN = "postgres"
STORE_ROLE = "ezrepo_store"  # owns the database, writes
QUERY_ROLE = "ezrepo_query"  # reads, as a member of READ_ROLE
READ_ROLE = "ezrepo_read"
READER_ROLE = "ezrepo_reader"  # of other users of the machine that may read, all of them

ROLES = f"""
CREATE ROLE {READ_ROLE} NOLOGIN;
CREATE ROLE {STORE_ROLE} LOGIN;
CREATE ROLE {QUERY_ROLE} LOGIN IN ROLE {READ_ROLE};
ALTER ROLE {QUERY_ROLE} SET default_transaction_read_only = on;
CREATE DATABASE {DATABASE} OWNER {STORE_ROLE} TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;
GRANT CONNECT ON DATABASE {DATABASE} TO {READ_ROLE};
\\connect {DATABASE}
-- Large objects belong to nobody's table: who may only read could fill the disk with them.
REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea), lo_open(oid, integer),
    lo_put(oid, bigint, bytea), lowrite(integer, bytea), lo_truncate(integer, integer), lo_truncate64(integer, bigint)
    FROM PUBLIC;
"""

# PostgreSQL leaves out of its log what cannot be written at once, but only where writing does not wait: supervisord's
# pipe, the journal's socket do.
UNWAITING = "import os, sys; os.set_blocking(1, False); os.set_blocking(2, False); os.execv(sys.argv[1], sys.argv[1:])"

# Its search path finds the views and what they call.
READER = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{READER_ROLE}') THEN
        CREATE ROLE {READER_ROLE} LOGIN CONNECTION LIMIT 20 IN ROLE {READ_ROLE};
    END IF;
END $$;
ALTER ROLE {READER_ROLE} SET default_transaction_read_only = on;
ALTER ROLE {READER_ROLE} SET statement_timeout = '60s';
ALTER ROLE {READER_ROLE} SET search_path = ezrepo;
"""

SETTINGS = """
# Written by "ezrepo init"; from here on this file is yours.
listen_addresses = ''
unix_socket_directories = '{socket}'
unix_socket_permissions = 0777     # the folder around it decides who gets in
max_connections = 60
max_locks_per_transaction = 512    # a question may read as many partitions as there are
shared_buffers = {buffers}MB
effective_cache_size = {cache}MB
work_mem = 16MB
maintenance_work_mem = 128MB
wal_compression = lz4
max_wal_size = 4GB
min_wal_size = 256MB
checkpoint_timeout = 15min
synchronous_commit = on            # what was acknowledged stays
jit = off                          # questions are short
autovacuum_naptime = 5s            # under load 10 BRIN ranges fill in a second; 256 can wait for a worker
timezone = 'UTC'
log_timezone = 'UTC'
log_destination = 'stderr'         # to supervisord, which rotates it
logging_collector = off
log_line_prefix = '%m [%p] %q%u@%d '
"""


def installed() -> Dict[int, str]:
    """The programs of each PostgreSQL server that is there and new enough: by major version, their folder."""
    place = os.environ.get("EZREPO_POSTGRESQL", INSTALLED)
    found = {}
    for path in glob.glob(f"{glob.escape(place)}/*/bin/postgres"):
        version = path.split("/")[-3]
        if version.isdigit() and int(version) >= OLDEST:
            found[int(version)] = os.path.dirname(path)
    return found


def newest() -> int:
    versions = installed()
    if not versions:
        raise Failure(f"no PostgreSQL server of version {OLDEST} or newer in {INSTALLED};"
                      f" install postgresql-{OLDEST}, or give --database")
    return max(versions)


def server_command(state: State) -> List[str]:
    """What runs the private cluster, for the user whose it is: a server that never waits for its log."""
    return ["/usr/bin/python3", "-I", "-c", UNWAITING, f"{bin_directory(state)}/postgres", "-D", state.path("postgres", "data")]


def own_version(state: State, data: str = "") -> int:
    """The major version of the private cluster, whatever else is installed by now."""
    file = os.path.join(data or state.path("postgres", "data"), "PG_VERSION")
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as opened:
            return int(opened.read(16))
    except PermissionError:
        raise Failure(f"{file}: no permission; be the user who made the set") from None
    except (OSError, ValueError) as error:
        raise Failure(f"{file}: {error}") from None


def bin_directory(state: State) -> str:
    """The programs of the private cluster's own version: another one's do not start it."""
    version = own_version(state)
    found = installed().get(version)
    if found is None:
        raise Failure(f"{state.path('postgres', 'data')} is a cluster of PostgreSQL {version}, whose programs are not"
                      f" installed; install postgresql-{version}")
    return found


def cluster_account(own: Account) -> Account:
    """Whom the cluster runs as."""
    return Account("postgres") if os.geteuid() == 0 else own


def socket_directory(state: State) -> str:
    return state.path("postgres", "socket")


def conninfo(state: State, role: str) -> str:
    """For libpq. Quoted as libpq reads it, so that any path is possible."""
    return f"{connections.quoted([('host', socket_directory(state))])} dbname={DATABASE} user={role}"


def run(arguments: List[str], account: Account, text: str = "", secrets: Optional[Dict[str, str]] = None) -> str:
    """What a program of PostgreSQL prints, run as this account; a Failure with what it says when it fails."""
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", **(secrets or {})}
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, check=False, cwd="/",
                          env=environment, **account.run_options())
    if done.returncode != 0:
        raise Failure(f"{os.path.basename(arguments[0])} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1048576


def _write_settings(state: State, account: Account) -> None:
    """postgresql.conf, and who may connect as whom."""
    memory = _memory_mb()
    settings = SETTINGS.format(socket=socket_directory(state).replace("'", "''"),
                               buffers=min(max(memory // 8, 128), 1024), cache=max(memory // 2, 256))
    pairs = {(account.name, ADMIN), (state.account("stored").name, STORE_ROLE), (state.account("queryd").name, QUERY_ROLE),
             (state.account("reasond").name, QUERY_ROLE)}
    if os.geteuid() == 0:
        pairs |= {("root", ADMIN), ("root", STORE_ROLE), ("root", QUERY_ROLE)}
    identities = "".join(f'ezrepo "{user}" "{role}"\n' for user, role in sorted(pairs))
    data = state.path("postgres", "data")
    run(["sh", "-c", 'cat >>"$0"', f"{data}/postgresql.conf"], account, settings)
    run(["sh", "-c", 'cat >"$0"', f"{data}/pg_hba.conf"], account,
         "# Unix sockets only; who may be whom stands in pg_ident.conf.\nlocal all all peer map=ezrepo\n")
    run(["sh", "-c", 'cat >"$0"', f"{data}/pg_ident.conf"], account,
         "# MAP SYSTEM-USER DATABASE-USER\n" + identities)


def run_initdb(binaries: str, data: str, account: Account) -> None:
    run([f"{binaries}/initdb", "-D", data, f"--username={ADMIN}", "--auth-local=peer",
         "--auth-host=reject", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums",
         "--no-sync", "--no-instructions"], account)


def create(state: State) -> None:
    """Makes the cluster, its roles and its database; leaves it stopped."""
    account = cluster_account(state.account("stored"))
    binaries = installed()[newest()]
    data = state.path("postgres", "data")
    make_directory(state.path("postgres"), 0o755)
    make_directory(data, 0o700, account)
    make_directory(socket_directory(state), 0o750, account, state.group("database"))
    run_initdb(binaries, data, account)
    _write_settings(state, account)
    log = state.path("postgres", "data", "init.log")
    run([f"{binaries}/pg_ctl", "-D", data, "-l", log, "-w", "-t", "60", "start"], account)
    try:
        run([f"{binaries}/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", socket_directory(state),
              "-U", ADMIN, "-d", "postgres", "-f", "-"], account, ROLES)
    finally:
        run([f"{binaries}/pg_ctl", "-D", data, "-w", "-t", "60", "-m", "fast", "stop"], account)
    run([f"{binaries}/initdb", "-D", data, "--sync-only"], account)


def let_store_see(state: State) -> None:
    """Where the cluster's files are, so that stored sees whether there is room for an upgrade of the store. Clusters of
    releases before did not; one whose settings are somebody's own may not take it, which is no reason not to start."""
    try:
        ask_admin(state, f"GRANT pg_read_all_settings TO {STORE_ROLE}")
    except Failure:
        pass


def ask_admin(state: State, text: str) -> str:
    """What the private cluster answers its administrator."""
    return run([f"{_client_directory()}/psql", "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-h", socket_directory(state), "-U", ADMIN,
                "-d", DATABASE, "-f", "-"], cluster_account(state.account("stored")), text)


def make_reader(state: State) -> None:
    ask_admin(state, READER)


def end_readers(state: State) -> None:
    """Connections that readers have: who still is one connects again."""
    ask_admin(state, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{READER_ROLE}'")


def reload(state: State) -> None:
    """Who may be whom is read again."""
    ask_admin(state, "SELECT pg_reload_conf()")


def accepts(state: State) -> bool:
    """Whether the private cluster takes connections."""
    done = subprocess.run([f"{_client_directory()}/pg_isready", "-q", "-h", socket_directory(state), "-U", ADMIN,
                           "-d", "postgres"], check=False, env={"PATH": "/usr/bin:/bin"}, cwd="/")
    return done.returncode == 0


def wait_until_accepts(state: State, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if accepts(state):
            return True
        time.sleep(0.1)
    return False


def check_server(store: str, query: str, own: Account, reader: Account) -> None:
    """That a given server is one a set can live on: both connections work, for the users who make them, and may do what they
    must."""
    version = _ask(store, own, "--database", "SHOW server_version_num")
    if int(version) < OLDEST * 10000:
        raise Failure(f"--database: the server is version {version}; expected {OLDEST} or newer")
    may_create = ("SELECT has_database_privilege(current_database(), 'CREATE')"
                  " OR EXISTS (SELECT FROM pg_namespace WHERE nspname = 'ezrepo'"
                  " AND pg_has_role(nspowner, 'USAGE'))")
    if _ask(store, own, "--database", may_create) != "t":
        raise Failure("--database: this role can neither create the schema ezrepo nor owns it;"
                      " GRANT CREATE ON DATABASE ... TO it")
    member = (f"SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = '{READ_ROLE}'"
              " AND pg_has_role(oid, 'USAGE'))")
    if _ask(query, reader, "--database-read", member) != "t":
        raise Failure(f"--database-read: this role is no member of {READ_ROLE};"
                      f" CREATE ROLE {READ_ROLE} NOLOGIN; GRANT {READ_ROLE} TO it")
    place = "SELECT current_database() || ' ' || (SELECT system_identifier FROM pg_control_system())"
    if _ask(store, own, "--database", place) != _ask(query, reader, "--database-read", place):
        raise Failure("--database and --database-read lead to different databases")


def _ask(connection: str, own: Account, option: str, question: str) -> str:
    to = connections.part(connection, option)
    try:
        return run([f"{_client_directory()}/psql", "-X", "-A", "-t", "-w", "-d", to.text, "-c", question], own,
                    secrets=to.environment).strip()
    except Failure as failure:
        raise Failure(f"{option}: {failure}") from None


def _client_directory() -> str:
    """Any version's psql does."""
    versions = installed()
    return versions[max(versions)] if versions else "/usr/bin"
