# SPDX-License-Identifier: Apache-2.0
"""Asking queryd over ZeroMQ, as the gateway does."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import msgpack
import zmq
from capabilities import DECLARED
from conftest import ROOT, assert_clean, counters_now, wait_for
from messages import ANSWER, MESSAGE_VERSION, QUERY, pack

_NUMBERS = {query["name"]: query["number"] for query in DECLARED["queries"]}
(COUNT, HISTOGRAM, PERIODS, EVENTS, RECORDS, GRADING, GRADINGS, ACCOUNTS, LOSSES, FAULTS, REJECTS, REJECT, CHANGES, WHY, TIMELINE, GRID,
 BUCKETS, SERIES, FACETS, NOW, SILENT, ARRIVALS, MAINTENANCE, TELLING, ALERTS, METRICS) = (
    _NUMBERS[name] for name in ("COUNT", "HISTOGRAM", "PERIODS", "EVENTS", "RECORDS", "GRADING", "GRADINGS", "ACCOUNTS",
                                "LOSSES", "FAULTS", "REJECTS", "REJECT", "CHANGES", "WHY", "TIMELINE", "GRID", "BUCKETS",
                                "SERIES", "FACETS", "NOW", "SILENT", "ARRIVALS", "MAINTENANCE", "TELLING", "ALERTS", "METRICS"))
OK, INVALID, TIMEOUT, UNAVAILABLE, TOO_LARGE, CANCELLED = range(6)
PAST, FUTURE = -2**63, 2**63 - 1


class Asker:
    """One asker of the queryd whose sockets are in `run_dir`."""

    def __init__(self, run_dir):
        self.run_dir = run_dir
        self.context = zmq.Context()
        self.socket = self.connect()
        self.id = 0

    def connect(self):
        socket = self.context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(f"ipc://{self.run_dir}/query")
        return socket

    def send(self, kind, type="*", content="*", probe="*", source="*", dest="*", path="*", since=PAST,
             until=FUTURE, instant=0, grade="all", low=1, high=5, limit=0, after="", version=0,
             timeout=0, socket=None, **more):
        """more: fields behind these, by their names."""
        self.id += 1
        (socket or self.socket).send(pack(
            QUERY, self.id, kind, type, content, probe, source, dest, path, since, until, instant,
            grade, low, high, limit, after, version, timeout, **more))
        return self.id

    def receive(self, seconds=90, socket=None):
        socket = socket or self.socket
        assert socket.poll(seconds * 1000), "no answer"
        version, number, *rest = msgpack.unpackb(socket.recv(), strict_map_key=False)
        assert (version, number) == (MESSAGE_VERSION, ANSWER)
        return Answer(*rest)

    def ask(self, kind, **criteria):
        sent = self.send(kind, **criteria)
        answer = self.receive()
        assert answer.id == sent
        return answer

    def rows(self, kind, **criteria):
        answer = self.ask(kind, **criteria)
        assert answer.status == OK, answer.message
        return answer.rows

    def close(self):
        self.context.destroy()


class Answer:
    def __init__(self, id, status, message, columns, cells):
        self.id, self.status, self.message, self.columns = id, status, message, columns
        n = len(columns)
        assert n == 0 and not cells or len(cells) % n == 0
        self.rows = [dict(zip(columns, cells[i:i + n])) for i in range(0, len(cells), n or 1)]


def prepare_store(sql):
    """The schema as the migrations have it, and the role that only reads."""
    sql.execute("CREATE ROLE ezrepo_read NOLOGIN; CREATE ROLE reader LOGIN IN ROLE ezrepo_read;"
                "CREATE SCHEMA ezrepo; GRANT USAGE ON SCHEMA ezrepo TO ezrepo_read;"
                "CREATE TABLE ezrepo.migration (number integer PRIMARY KEY, name text NOT NULL);"
                "GRANT SELECT ON ezrepo.migration TO ezrepo_read")
    migrate_store(sql)


def migrate_store(sql):
    """The migrations that it has not."""
    sql.execute("SELECT count(*) FROM ezrepo.migration")
    [(there,)] = sql.fetchall()
    for number, file in list(enumerate(sorted(pathlib.Path(ROOT, "schemas", "sql").glob("*.sql")), 1))[there:]:
        sql.execute(file.read_text())
        sql.execute("INSERT INTO ezrepo.migration VALUES (%s, %s)", (number, file.name))


def lists(size, place, counts):
    return ", ".join(f"counts({size}, {place}, {counts.format(g)}) FILTER (WHERE {counts.format(g)} <> 0)" for g in range(6))


PLACE = "extract({0} FROM {0} AT TIME ZONE 'UTC')::integer"
# The months of what is in days.
ROLLUP_MONTHS = ("INSERT INTO rollup_month SELECT date_trunc('month', day, 'UTC'), series_id, grade_id,"
                 f" {lists(31, PLACE.format('day'), 'c{}[24]')} FROM rollup_day GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;")


def rollup_days(counts):
    """Statements that fill hours and days with what a table or view counts by hour, each as measured_hour says."""
    return (f"INSERT INTO rollup_hour SELECT c.* FROM {counts} c JOIN measured_hour USING (hour) WHERE NOT in_day;"
            " INSERT INTO rollup_day SELECT date_trunc('day', hour, 'UTC'), series_id, grade_id,"
            f" {lists(24, PLACE.format('hour') + ' + 1', 'n{}')} FROM {counts} JOIN measured_hour USING (hour) WHERE in_day"
            " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;")


def rollups_of(counts):
    """The same, and months: all that has to be there."""
    return rollup_days(counts) + ROLLUP_MONTHS


class Queryd(Asker):
    """The process, with a run directory of its own unless one is given, and an asker of it."""

    def __init__(self, build, database, run_dir=None, **settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ezq"))
        settings = {"timeout_ms": 60000, **settings}
        run_dir = pathlib.Path(run_dir or self.folder / "run")
        config = self.folder / "config.json"
        config.write_text(json.dumps({
            "common": {"run_dir": str(run_dir), "schemas_dir": os.path.join(ROOT, "schemas"),
                       "log_level": "debug"},
            "queryd": {"database": database, **settings}}))
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen([f"{build}/queryd/queryd", "--config", str(config)], stdout=log, stderr=log)
        super().__init__(run_dir)

    def status(self):
        try:
            return json.loads((self.run_dir / "status/queryd-0.json").read_text())
        except FileNotFoundError:
            return {}

    def counters(self):
        """As they are now."""
        return counters_now(self.status)

    def log(self):
        return (self.folder / "log").read_text()

    def stop(self):
        """Its exit code; that of SIGKILL when SIGTERM does not end it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def kill(self):
        """kill -9; it is closed then."""
        self.process.kill()
        self.process.wait()
        log = self.log()
        super().close()
        shutil.rmtree(self.folder)
        assert_clean(log)

    def close(self):
        """It has to end with 0."""
        code, log = self.stop(), self.log()
        super().close()
        shutil.rmtree(self.folder)
        assert_clean(log)
        assert code == 0, log[-3000:]


class Lock:
    """Whoever counts waits at it while it is held."""

    def __init__(self, cluster):
        self.cluster, self.holder = cluster, None

    def hold(self):
        self.holder = self.cluster.connect()
        self.holder.cursor().execute("BEGIN; LOCK TABLE measurement, grade_name IN ACCESS EXCLUSIVE MODE")

    def leave(self):
        if self.holder is not None:
            self.holder.close()

    def wait_for_questions(self, count=1):
        """Until so many wait at it."""
        with contextlib.closing(self.cluster.connect()) as connection:
            sql = connection.cursor()

            def waiting():
                sql.execute("SELECT FROM pg_stat_activity WHERE usename = 'reader' AND wait_event_type = 'Lock'")
                return sql.rowcount == count
            wait_for(waiting, 60)
