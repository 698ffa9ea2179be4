# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL cluster for one test or one file of tests: Unix socket only, gone at the end.

Works as root (the server then runs as the user postgres, since PostgreSQL refuses root) and as an ordinary
user. Nothing outside of its own folder is touched.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import uuid
from typing import Any, Callable, Dict, Iterator, List, Sequence

import psycopg2
import initdb_copies
from conftest import folder_of_sets, wait_for
from processes import children, stand_still

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")


class Sessions:
    """Sessions of one database, each kept for the next statement: to begin one costs the server ten times what most
    statements do, and who waits for something asks again and again. Nothing stays of a session after a failure."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self.connect = connect
        self.free: List[Any] = []

    @contextlib.contextmanager
    def cursor(self) -> Iterator[Any]:
        connection = self._kept() or self.connect()
        try:
            with connection.cursor() as cursor:
                yield cursor
        except BaseException:
            connection.close()
            raise
        self.free.append(connection)

    def _kept(self) -> Any:
        """One that is still there: the server may have been stopped, or have ended it."""
        while True:
            try:
                connection = self.free.pop()
            except IndexError:
                return None
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
                return connection
            except psycopg2.Error:
                connection.close()

    def ask(self, query: str, values: Sequence[Any] = ()) -> List[Any]:
        """The rows of a statement in a transaction of its own, or of several."""
        with self.cursor() as cursor:
            cursor.execute(query, values or None)
            return list(cursor.fetchall()) if cursor.description else []

    def close(self) -> None:
        while self.free:
            self.free.pop().close()


class Cluster:
    """Made and started by the constructor; `remove` ends it, whatever state it is in."""

    def __init__(self, *options: str, durable: bool = False, kept: str = "") -> None:
        """`options`: settings as NAME=VALUE. durable: for tests that kill the server; with shared memory in files of its
        folder, since what is in /dev/shm would outlive it. What a killed server wrote the kernel has, without fsync, too:
        so no test waits for a slow disk. kept: a folder, made unless it is there, that outlives this one, with what is in it."""
        self.kept = bool(kept)
        self.folder = os.path.abspath(kept) if kept else tempfile.mkdtemp(prefix="ezp", dir=folder_of_sets())
        os.makedirs(self.folder, exist_ok=True)
        self.data = os.path.join(self.folder, "data")
        self.as_user: List[str] = []
        if os.geteuid() == 0:
            self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
            shutil.chown(self.folder, "postgres", "postgres")
        os.chmod(self.folder, 0o755)
        self.options = ["fsync=off", "jit=off", *(["dynamic_shared_memory_type=mmap"] if durable else []), *options]
        self.free_databases: List[str] = []
        self.sessions: Dict[str, Sessions] = {}
        if not os.path.exists(self.data):
            self._run("initdb", "-D", self.data, "-U", "ezrepo", "-A", "trust", "-E", "UTF8", "--no-locale",
                      "--no-sync", programs=initdb_copies.postgresql() / "15/bin")
        self.start()

    def _run(self, program: str, *arguments: str, programs: pathlib.Path = BIN) -> None:
        done = subprocess.run([*self.as_user, str(programs / program), *arguments], cwd="/", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, f"{program}: {done.stdout}\n{self.log()[-2000:]}"

    def start(self, wait: bool = True) -> None:
        settings = " ".join(f"-c {option}" for option in self.options)
        self._run("pg_ctl", "-D", self.data, "-t", "300", "-w" if wait else "-W", "-l", os.path.join(self.folder, "log"), "-o",
                  f"-k {self.folder} -c listen_addresses= -c max_connections=30"
                  f" -c unix_socket_permissions=0777 {settings}", "start")
        self.killed_segment = ""

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", self.data, "-t", "300", "-w", "-m", mode, "stop")

    def is_running(self) -> bool:
        return os.path.exists(os.path.join(self.data, "postmaster.pid"))

    def kill(self) -> None:
        """kill -9 to the server, as a crash would; its children notice and go too."""
        file = pathlib.Path(self.data, "postmaster.pid")
        lines = file.read_text().splitlines()
        pid = int(lines[0])
        stand_still(pid)  # or it may have one more child than is known
        family = [pid, *children(pid)]
        os.kill(pid, signal.SIGKILL)
        # The next one does not start while the number of this one is taken, if only by a zombie.
        wait_for(lambda: not any(os.path.exists(f"/proc/{p}") for p in family), 120)
        file.unlink()
        self.killed_segment = lines[6].split()[1]  # of System V: the next server takes it over, if there is one

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Within `with` the whole server stands still: the kernel takes what is sent to it, and nobody answers."""
        postmaster = int(pathlib.Path(self.data, "postmaster.pid").read_text().split()[0])
        stand_still(postmaster)
        processes = [postmaster, *children(postmaster)]
        try:
            for pid in processes:
                with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                    stand_still(pid)
            yield
        finally:
            for pid in reversed(processes):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def connect_string(self, user: str = "ezrepo", database: str = "postgres") -> str:
        return f"host={self.folder} user={user} dbname={database}"

    def connect(self, database: str = "postgres", user: str = "ezrepo") -> Any:
        """A psycopg2 connection in autocommit, looking into the schema ezrepo, in UTC."""
        connection = psycopg2.connect(self.connect_string(user, database))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET search_path = ezrepo, public; SET timezone = 'UTC'")
        return connection

    def ask(self, database: str, query: str, values: Sequence[Any] = ()) -> List[Any]:
        """The rows of a statement, in a session that is kept."""
        sessions = self.sessions.setdefault(database, Sessions(lambda: self.connect(database)))
        return sessions.ask(query, values)

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """One after the other in a session of their own, each in a transaction of its own."""
        connection = self.connect(database)
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()

    def take_database(self) -> str:
        """The name of one that no test uses now, without the schema ezrepo; a new one when there is none."""
        if not self.free_databases:
            name = "d" + uuid.uuid4().hex[:12]
            self.execute(f'CREATE DATABASE "{name}"')
            return name
        name = self.free_databases.pop()
        # A test that failed may have left a session that holds a lock.
        self.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE datname = current_database() AND pid <> pg_backend_pid()",
                     "DROP SCHEMA IF EXISTS ezrepo CASCADE", database=name)
        return name

    def give_database(self, name: str) -> None:
        """Back, for another test."""
        if name in self.sessions:
            self.sessions.pop(name).close()
        self.free_databases.append(name)

    def log(self) -> str:
        path = os.path.join(self.folder, "log")
        return pathlib.Path(path).read_text(errors="replace") if os.path.exists(path) else ""

    def remove(self) -> None:
        """Of one that is kept only the server."""
        if self.kept:
            self.stop()
            return
        try:
            if self.is_running():
                self.stop("immediate")
            elif self.killed_segment:
                subprocess.run(["ipcrm", "-m", self.killed_segment], check=True)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class Standby(Cluster):
    """A copy of another cluster that follows it."""

    def __init__(self, primary: Cluster) -> None:  # pylint: disable=super-init-not-called
        self.kept = False
        self.folder = primary.folder + "b"
        self.data = os.path.join(self.folder, "data")
        self.as_user, self.options = primary.as_user, ["fsync=off"]
        self.free_databases, self.sessions = [], {}
        os.mkdir(self.folder)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        os.chmod(self.folder, 0o755)
        self._run("pg_basebackup", "-h", primary.folder, "-U", "ezrepo", "-D", self.data, "-R", "-c", "fast", "-N")
        self.start()

    def promote(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-t", "300", "-w", "promote")
