# SPDX-License-Identifier: Apache-2.0
"""Each way PostgreSQL can be away: nothing is acknowledged meanwhile, nothing spins, the status says what is
going on, and everything arrives afterwards."""
import os
import re
import shutil
import subprocess
import time

import psycopg2
import pytest
import zmq
from conftest import wait_for
from postgres import BIN, Cluster, Standby
from processes import cpu_seconds
from stores import NONE, SECOND, Record, check_store, now_us


class Condition:
    """A cluster of its own, with a way to take it away and bring it back; what the status says meanwhile."""
    says = ""
    restarts = False  # the first attempts may fail otherwise

    def __init__(self):
        self.cluster = Cluster(durable=True)

    def database(self, name):
        """The connection string of stored."""
        return self.cluster.connect_string(database=name)

    def begin(self, stored):
        raise NotImplementedError

    def end(self):
        raise NotImplementedError

    def remove(self):
        self.cluster.remove()


class Stopped(Condition):
    says = r"No such file or directory|Connection refused"

    def begin(self, stored):
        self.cluster.stop()

    def end(self):
        self.cluster.start()


class Crashed(Stopped):
    def begin(self, stored):
        self.cluster.kill()


class StartingUp(Condition):
    """It answers, but is not there yet."""
    says = "the database system is not accepting connections|the database system is starting up"

    def begin(self, stored):
        self.cluster.stop("immediate")
        open(os.path.join(self.cluster.data, "standby.signal"), "w", encoding="ascii").close()
        os.chmod(os.path.join(self.cluster.data, "standby.signal"), 0o666)
        self.cluster.options.append("hot_standby=off")
        self.cluster.start(wait=False)

    def end(self):
        self.cluster.stop("immediate")
        os.unlink(os.path.join(self.cluster.data, "standby.signal"))
        self.cluster.options.remove("hot_standby=off")
        self.cluster.start()


class OutOfConnections(Condition):
    says = "too many clients|remaining connection slots"

    def begin(self, stored):
        """All connections are ours, for a second without one of stored's that would have to go."""
        self.held = []
        end, quiet = time.monotonic() + 120, 0
        while quiet < 20:
            assert time.monotonic() < end, "stored could not be kept out"
            try:
                self.held.append(self.cluster.connect())
                quiet = 0
            except psycopg2.OperationalError:
                with self.held[0].cursor() as cursor:
                    cursor.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                                   " WHERE application_name LIKE 'ezrepo-stored%'")
                    quiet = quiet + 1 if cursor.fetchone()[0] == 0 else 0
                time.sleep(0.05 if quiet else 0)

    def end(self):
        for connection in self.held:
            connection.close()


class ReadOnly(Condition):
    """As a server that an operator, or a full disk's watchdog, has set read-only."""
    says = "read-only transaction"

    def set_read_only(self):
        self.cluster.execute("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
        wait_for(self.is_set)  # the server tells its sessions before it begins one that finds it so

    def is_set(self):
        connection = self.cluster.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SHOW default_transaction_read_only")
                return cursor.fetchone()[0] == "on"
        finally:
            connection.close()

    def begin(self, stored):
        self.set_read_only()

    def end(self):
        self.cluster.execute("SET default_transaction_read_only = off",
                             "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")


class RestartedReadOnly(ReadOnly):
    """stored has to connect to it, and look at the schema, while it is read-only."""

    def begin(self, stored):
        self.set_read_only()
        self.cluster.stop()
        self.cluster.start()


class Locked(Condition):
    """Somebody holds a table; stored waits a short while for it each time."""
    says = "lock timeout"

    def begin(self, stored):
        self.holder = self.cluster.connect(stored.database)
        with self.holder.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE measurement IN ACCESS EXCLUSIVE MODE")

    def end(self):
        self.holder.close()


class NoPermission(Condition):
    """The role may not log in for a while."""
    says = "is not permitted to log in"

    def __init__(self):
        super().__init__()
        self.cluster.execute("CREATE ROLE writer LOGIN SUPERUSER")

    def database(self, name):
        return self.cluster.connect_string("writer", name)

    def begin(self, stored):
        self.cluster.execute("ALTER ROLE writer NOLOGIN",
                             "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'writer'")

    def end(self):
        self.cluster.execute("ALTER ROLE writer LOGIN")


class FailedOver(Condition):
    """The server is gone for good; another one, that got every commit, takes over at another address."""
    says = "read-only|Connection refused"
    attributes = " target_session_attrs=read-write"

    def __init__(self):
        self.cluster = Cluster("wal_keep_size=64MB", "synchronous_standby_names=walreceiver", durable=True)
        self.standby = Standby(self.cluster)
        self.primary = self.cluster

    def database(self, name):
        return f"host={self.primary.folder},{self.standby.folder} user=ezrepo dbname={name}{self.attributes}"

    def begin(self, stored):
        self.primary.kill()
        stored.cluster = self.standby

    def end(self):
        self.standby.promote()

    def remove(self):
        self.standby.remove()
        self.primary.remove()


class FailedOverUnawares(FailedOver):
    """The connection string does not ask for a server that can be written to."""
    says = "read-only"
    attributes = ""


class Small:
    """A file system of few megabytes."""

    def __init__(self, folder, megabytes):
        self.folder = folder
        os.mkdir(folder)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", folder],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            os.rmdir(folder)
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr}")
        shutil.chown(folder, "postgres", "postgres")
        os.chmod(folder, 0o700)

    def fill(self):
        """All but nothing of what is left."""
        path = os.path.join(self.folder, "filler")
        with open(path, "wb", buffering=0) as file:
            size = 1 << 20
            while size >= 4096:
                try:
                    if file.write(b"x" * size) < size:
                        size //= 2
                except OSError:
                    size //= 2

    def free(self):
        os.unlink(os.path.join(self.folder, "filler"))

    def remove(self):
        subprocess.run(["umount", "-l", self.folder], check=True)
        os.rmdir(self.folder)


class TablesDiskFull(Condition):
    """No room for tables and indexes: PostgreSQL refuses what needs some."""
    says = "could not extend file|No space left"

    def __init__(self):
        if os.geteuid() != 0:
            pytest.skip("only root can mount a small file system")
        super().__init__()
        self.small = Small(os.path.join(self.cluster.folder, "small"), 64)
        self.cluster.execute(f"CREATE TABLESPACE small LOCATION '{self.small.folder}'",
                             "ALTER DATABASE template1 SET TABLESPACE small")

    def begin(self, stored):
        self.small.fill()

    def end(self):
        self.small.free()

    def remove(self):
        try:
            self.cluster.stop("immediate")
        finally:
            self.small.remove()
            self.cluster.remove()


class WalDiskFull(Condition):
    """No room for the log: the server panics, and cannot come back before there is some."""
    says = "No such file|not accepting|starting up|recovery|shutting down|terminating|server closed|refused"

    def __init__(self):
        if os.geteuid() != 0:
            pytest.skip("only root can mount a small file system")
        super().__init__()
        self.cluster.stop()
        wal = os.path.join(self.cluster.data, "pg_wal")
        self.small = Small(os.path.join(self.cluster.folder, "small"), 160)
        shutil.copytree(wal, os.path.join(self.small.folder, "pg_wal"))
        shutil.rmtree(wal)
        os.symlink(os.path.join(self.small.folder, "pg_wal"), wal)
        subprocess.run(["chown", "-R", "postgres:postgres", self.small.folder], check=True)
        self.cluster.start()

    def begin(self, stored):
        self.small.fill()
        connection = self.cluster.connect()
        try:
            with connection.cursor() as cursor:
                for _ in range(20):
                    cursor.execute("SELECT pg_switch_wal(), pg_create_restore_point('x')")
        except psycopg2.OperationalError:
            return
        finally:
            connection.close()
        pytest.fail("the server does not mind a full disk")

    def end(self):
        self.small.free()
        if self.cluster.is_running():  # it may still be on its way down
            subprocess.run([*self.cluster.as_user, str(BIN / "pg_ctl"), "-D", self.cluster.data, "-t", "300",
                            "-m", "immediate", "-w", "stop"], cwd="/", check=False, capture_output=True)
        self.cluster.start()

    def remove(self):
        try:
            if self.cluster.is_running():
                self.cluster.stop("immediate")
        finally:
            self.small.remove()
            self.cluster.remove()


CONDITIONS = [Stopped, Crashed, StartingUp, OutOfConnections, ReadOnly, RestartedReadOnly, Locked, NoPermission,
              FailedOver, FailedOverUnawares, TablesDiskFull, WalDiskFull]


@pytest.fixture(params=CONDITIONS, ids=[c.__name__ for c in CONDITIONS])
def condition(request):
    made = request.param()
    yield made
    made.remove()


def away_and_back(stored, sender, condition, t):
    """Records before, meanwhile and afterwards; what the status said meanwhile."""
    sender.commit([Record(t + i, series=i % 4) for i in range(100)])
    condition.begin(stored)
    for b in range(30):
        sender.batch([Record(t + 1000 + b * 1000 + i, (1 + b % 5, 1), series=i % 4,
                             values=("x" * 4000, os.urandom(2000).hex(), "")) for i in range(40)])
    sender.push.sndtimeo = 60000
    sender.send()
    stored.wait(lambda: "away" in stored.status()["notes"]["database"])
    sender.take_acks(1)
    assert len(sender.pending) == 30, "something was acknowledged"
    stored.wait(lambda: re.search(condition.says, stored.status()["notes"]["database"]))
    cpu, began, errors = cpu_seconds(stored.process.pid), time.monotonic(), stored.counter("database.errors")
    sender.take_acks(4)
    spent = (cpu_seconds(stored.process.pid) - cpu) / (time.monotonic() - began)
    assert len(sender.pending) == 30, "something was acknowledged"
    said = stored.status()["notes"]["database"]
    assert re.match(r"away for \d+ s: ", said) and re.search(condition.says, said), said
    assert spent < 0.15, f"it spins: {spent:.0%} of a processor"
    assert stored.counter("database.errors") - errors < 20, "no back-off"
    condition.end()
    sender.settle(180)
    sender.commit([Record(t + 100_000 + i * SECOND, series=i % 4) for i in range(10)])


def test_everything_arrives_afterwards(make_stored, condition):
    stored = make_stored(on=condition.cluster)
    stored.settings["database"] = condition.database(stored.database)
    stored.start()
    sender, t = stored.sender(), now_us() - 3600 * SECOND
    away_and_back(stored, sender, condition, t)
    assert stored.sql("SELECT count(*) FROM measurement") == [(100 + 30 * 40 + 10,)]
    assert stored.counter("rejected.database") == 0
    assert stored.process.poll() is None, "it ended"
    stored.wait(lambda: stored.status()["notes"]["database"] == "connected")
    check_store(stored)


def test_a_fast_restart_loses_nothing_and_repeats_nothing(make_stored, own_cluster):
    """Again and again, under load."""
    stored = make_stored(on=own_cluster).start()
    sender, t = stored.sender(), now_us() - 3600 * SECOND
    for part in range(6):
        for b in range(20):
            sender.send(sender.batch([Record(t + (part * 2000 + b * 100 + i) * 1000, (1 + b % 5, i % 2 or NONE),
                                             series=i % 5) for i in range(100)]))
        own_cluster.stop("fast" if part % 2 else "immediate")
        own_cluster.start()
    sender.settle(180)
    assert stored.sql("SELECT count(*) FROM measurement") == [(6 * 20 * 100,)]
    check_store(stored)


def test_stored_starts_with_a_server_it_cannot_write_to(make_stored):
    """It waits for it, as for one that is not there."""
    condition = ReadOnly()
    try:
        stored = make_stored(on=condition.cluster)
        condition.set_read_only()
        stored.start(wait=False)
        stored.wait(lambda: "read-only" in stored.status().get("notes", {}).get("database", ""))
        sender = stored.sender(subscribed=False)
        sender.send(sender.batch([Record(now_us())]))
        sender.take_acks(1)
        assert len(sender.pending) == 1
        condition.end()
        sender.settle()
        assert stored.sql("SELECT count(*) FROM measurement") == [(1,)]
    finally:
        condition.remove()


# ---- one thing at a time ----

@pytest.mark.parametrize("how", ["stop", "kill"])
def test_nothing_is_acknowledged_while_postgresql_is_away(make_stored, own_cluster, how):
    stored = make_stored(on=own_cluster).start()
    sender, t = stored.sender(), now_us()
    sender.commit([Record(t + i, series=i % 4) for i in range(100)])
    if how == "stop":
        own_cluster.stop()
    else:
        own_cluster.kill()
    for b in range(20):
        sender.send(sender.batch([Record(t + 1000 + b * 10 + i, (1 + b % 5, NONE), series=i % 4) for i in range(10)]))
    sender.take_acks(2)
    assert len(sender.pending) == 20
    stored.wait(lambda: "away" in stored.status()["notes"]["database"])
    own_cluster.start()
    sender.settle()
    assert stored.sql("SELECT count(*) FROM measurement") == [(300,)]
    stored.wait(lambda: stored.status()["notes"]["database"] == "connected")
    check_store(stored)


@pytest.mark.parametrize("preset, found", [("off", "on"), ("local", "on"), ("remote_write", "remote_write")])
def test_a_commit_lasts_whatever_the_presets_are(make_stored, preset, found):
    stored = make_stored()
    stored.sql(f"ALTER DATABASE {stored.database} SET synchronous_commit = {preset}")
    try:
        stored.start()
        stored.sql("CREATE TABLE ezrepo.seen (setting text)")
        stored.sql("CREATE FUNCTION ezrepo.see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
                   " INSERT INTO ezrepo.seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$")
        stored.sql("CREATE TRIGGER see AFTER INSERT ON ezrepo.batch_done EXECUTE FUNCTION ezrepo.see()")
        stored.sender().commit([Record(now_us())])
        assert stored.sql("SELECT DISTINCT setting FROM ezrepo.seen") == [(found,)]
    finally:
        stored.sql(f"ALTER DATABASE {stored.database} RESET synchronous_commit")


def test_stored_waits_for_postgresql_when_it_starts(make_stored, own_cluster):
    stored = make_stored(on=own_cluster)
    own_cluster.stop()
    stored.start(wait=False)
    stored.wait(lambda: "away" in stored.status().get("notes", {}).get("database", ""))
    sender = stored.sender(subscribed=False)
    sender.send(sender.batch([Record(now_us())]))
    sender.take_acks(1)
    assert len(sender.pending) == 1
    own_cluster.start()
    sender.settle()
    assert stored.sql("SELECT count(*) FROM measurement") == [(1,)]


def test_memory_is_bounded_while_postgresql_is_away(make_stored, own_cluster):
    stored = make_stored(on=own_cluster, buffer_bytes=1_000_000, high_water=4).start()
    own_cluster.stop()
    sender, t = stored.sender(), now_us()
    sender.push.sndhwm = 4
    sender.push.sndtimeo = 1000
    is_full = False
    while not is_full and len(sender.pending) < 1000:
        b = len(sender.pending)
        try:
            sender.send(sender.batch([Record(t + b * 100 + i, values=("x" * 1000, "", "")) for i in range(50)]))
        except zmq.Again:
            is_full = stored.counter("buffered_bytes") >= 1_000_000  # and not held up
    count = len(sender.pending)
    assert count < 200
    assert stored.counter("buffered_bytes") < 1_200_000
    cpu, began = cpu_seconds(stored.process.pid), time.monotonic()
    time.sleep(2)
    assert (cpu_seconds(stored.process.pid) - cpu) / (time.monotonic() - began) < 0.25, "it spins"
    own_cluster.start()
    sender.push.sndtimeo = -1
    sender.settle()
    assert stored.sql("SELECT count(*) FROM measurement") == [(count * 50,)]


def test_a_broken_connection_is_made_again(stored):
    sender, t = stored.sender(), now_us()
    for i in range(5):
        sender.commit([Record(t + i * SECOND, (5 - i, NONE))])
        stored.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                   " AND pid <> pg_backend_pid()")
    sender.send(sender.batch([Record(t + 10 * SECOND)]))
    sender.settle()
    assert stored.sql("SELECT count(*) FROM measurement") == [(6,)]
    check_store(stored)


def test_a_failure_that_may_pass_holds_up_and_rejects_nothing(stored):
    """A table away for a while is nobody's record's fault."""
    sender, t = stored.sender(), now_us()
    sender.commit([Record(t)])
    stored.sql("ALTER TABLE event RENAME TO elsewhere")
    sender.send(sender.batch([Record(t + SECOND, (2, NONE))]))
    stored.wait(lambda: stored.counter("database.errors") > 0)
    sender.take_acks(1)
    assert len(sender.pending) == 1
    stored.sql("ALTER TABLE elsewhere RENAME TO event")
    sender.settle()
    assert stored.counter("rejected.database") == 0
    check_store(stored)
