"""A private PostgreSQL cluster for one test or one file of tests: Unix socket only, gone at the end.

Works as root (the server then runs as the user postgres, since PostgreSQL refuses root) and as an ordinary
user. Nothing outside of its own folder is touched.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
from typing import Any, List

import psycopg2

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")


class Cluster:
    """Made and started by the constructor; `remove` ends it, whatever state it is in."""

    def __init__(self, *options: str, durable: bool = False) -> None:
        """`options`: settings as NAME=VALUE. durable: with fsync, for tests that kill the server."""
        self.folder = tempfile.mkdtemp(prefix="ezp", dir="/tmp")
        self.data = os.path.join(self.folder, "data")
        self.as_user: List[str] = []
        if os.geteuid() == 0:
            self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
            shutil.chown(self.folder, "postgres", "postgres")
        os.chmod(self.folder, 0o755)
        self.options = [*([] if durable else ["fsync=off"]), *options]
        self._run("initdb", "-D", self.data, "-U", "ezrepo", "-A", "trust", "-E", "UTF8", "--no-locale",
                  "--no-sync")
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run([*self.as_user, str(BIN / program), *arguments], cwd="/", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, f"{program}: {done.stdout}\n{self.log()[-2000:]}"

    def start(self) -> None:
        settings = " ".join(f"-c {option}" for option in self.options)
        self._run("pg_ctl", "-D", self.data, "-w", "-l", os.path.join(self.folder, "log"), "-o",
                  f"-k {self.folder} -c listen_addresses= -c max_connections=30"
                  f" -c unix_socket_permissions=0777 {settings}", "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def is_running(self) -> bool:
        return os.path.exists(os.path.join(self.data, "postmaster.pid"))

    def kill(self) -> None:
        """kill -9 to the server, as a crash would; its children notice and go too."""
        with open(os.path.join(self.data, "postmaster.pid"), encoding="ascii") as file:
            pid = int(file.readline())
        os.kill(pid, signal.SIGKILL)
        while os.path.exists(f"/proc/{pid}"):
            time.sleep(0.02)
        time.sleep(0.5)
        os.unlink(os.path.join(self.data, "postmaster.pid"))

    def connect_string(self, user: str = "ezrepo", database: str = "postgres") -> str:
        return f"host={self.folder} user={user} dbname={database}"

    def connect(self, database: str = "postgres", user: str = "ezrepo") -> Any:
        """A psycopg2 connection in autocommit, looking into the schema ezrepo, in UTC."""
        connection = psycopg2.connect(self.connect_string(user, database))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET search_path = ezrepo, public; SET timezone = 'UTC'")
        return connection

    def create_database(self, name: str) -> str:
        """A fresh database; its connect string."""
        connection = self.connect()
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}"')
        connection.close()
        return self.connect_string(database=name)

    def log(self) -> str:
        path = os.path.join(self.folder, "log")
        return pathlib.Path(path).read_text(errors="replace") if os.path.exists(path) else ""

    def remove(self) -> None:
        try:
            if self.is_running():
                self.stop("immediate")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
