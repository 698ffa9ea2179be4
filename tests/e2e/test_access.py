# SPDX-License-Identifier: Apache-2.0
"""Who may do what, as stored keeps it for all: a change is in force everywhere within a second, whole or not at all, and
written down; while stored is away the last copy holds."""
import base64
import concurrent.futures
import contextlib
import datetime
import hashlib
import json
import os
import re
import signal
import subprocess
import time

import msgpack
import psycopg2
import pytest
import zmq
from conftest import wait_for
from gateways import Gateway, specification
from messages import ACCESS_CHANGE, ACCESS_CHANGED, ACCESS_GET, ACCESS_HISTORY, ACCESS_PAST, ACCESS_STATE, fields, pack
from queries import INVALID, OK, UNAVAILABLE
from stores import Stored

READER = [{"kind": "role", "name": "reader", "body": ["org.example.nobody"]}]
TOKEN = {"digest": "0" * 64, "identity": "org.example.t", "types": ["ping"]}
SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
KEY = {"id": "0001020304050607", "secret": SECRET, "identity": "org.example.k", "types": ["*"]}


class Asker:
    """At one of stored's sockets."""

    def __init__(self, stored, endpoint):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(f"ipc://{stored.run_dir}/{endpoint}")
        self.number = 0

    def ask(self, number, answer, *values, wait=60000):
        self.number += 1
        self.socket.send(pack(number, self.number, *values))
        assert self.socket.poll(wait), "no answer"
        found = fields(answer, msgpack.unpackb(self.socket.recv(), raw=False))
        assert found["id"] == self.number
        return found

    def get(self, version=0, digest=0):
        return self.ask(ACCESS_GET, ACCESS_STATE, version, digest)

    def change(self, *changes, base=0, author="test"):
        return self.ask(ACCESS_CHANGE, ACCESS_CHANGED, author, base, json.dumps(changes))

    def past(self, before=0, count=100):
        return self.ask(ACCESS_PAST, ACCESS_HISTORY, before, count)


def changed(asker, *changes, **more):
    answer = asker.change(*changes, **more)
    assert (answer["status"], answer["faults"]) == (OK, []), answer
    return answer["version"]


@pytest.fixture(scope="module")
def store(build_dir, cluster):
    one = Stored(build_dir, cluster, flush_ms=5).start()
    yield one
    one.close()


@pytest.fixture(scope="module")
def gateway(build_dir, store, tmp_path_factory):
    """One that asks this stored who may do what, and stand-ins all else."""
    one = Gateway(build_dir, tmp_path_factory.mktemp("gw"))
    os.symlink(f"{store.run_dir}/access", f"{one.folder}/run/access")
    yield one
    one.stop()


@pytest.fixture
def admin(store):
    """The table is empty at the end, too."""
    one = Asker(store, "admin")
    yield one
    whole = json.loads(one.get()["document"])
    gone = [{"kind": kind[:-1], "name": name, "body": None} for kind in ("roles", "authorizations") for name in whole[kind]]
    gone += [{"kind": kind[:-1], "name": each["name"], "body": None} for kind in ("tokens", "keys") for each in whole[kind]]
    if gone:
        changed(one, *gone)
    one.socket.close()


def note(gateway):
    return gateway.status().get("notes", {}).get("access", "")


def may_ask(gateway):
    return "result" in gateway.client("nobody").post(specification(gateway))


def test_a_change_is_in_force_within_a_second(gateway, admin):
    gateway.wait(lambda: note(gateway).startswith("version"))
    assert not may_ask(gateway)
    took = []
    for body in (["org.example.nobody"], []) * 3:
        changed(admin, {"kind": "role", "name": "reader", "body": body})
        since = time.monotonic()
        wait_for(lambda: may_ask(gateway) == (body != []), 10)
        took.append(time.monotonic() - since)
    assert sorted(took)[len(took) // 2] < 1, took


def test_what_is_configured_stays(gateway, admin):
    changed(admin, {"kind": "role", "name": "reader", "body": []}, {"kind": "role", "name": "x", "body": ["*"]})
    assert "result" in gateway.client("reader").post(specification(gateway))
    assert not may_ask(gateway)


def test_while_stored_is_away_the_copy_holds(gateway, store, admin):
    changed(admin, *READER)
    wait_for(lambda: may_ask(gateway), 10)
    store.stop(signal.SIGKILL)
    try:
        assert may_ask(gateway)
        assert os.stat(f"{gateway.folder}/run/mplane-gw.access").st_mode & 0o777 == 0o600
        os.utime(f"{gateway.folder}/run/mplane-gw.access", (time.time() - 3600,) * 2)
        started = gateway.log().count("gateway.started")
        gateway.process.kill()
        gateway.process.wait()
        gateway.start()
        gateway.wait(lambda: gateway.log().count("gateway.started") > started)
        gateway.wait(lambda: "the store is away, and it holds" in note(gateway))
        assert 3600 <= int(note(gateway).split()[2]) < 3700, note(gateway)
        assert may_ask(gateway)
    finally:
        store.wait_for_no_session()
        store.start()
    gateway.wait(lambda: "the store is away" not in note(gateway))
    changed(admin, {"kind": "role", "name": "reader", "body": []})


def test_while_the_database_is_away_the_copy_holds(gateway, store, cluster, admin):
    """stored runs, and says that it does not know: that is no news of the document, whose age is told."""
    version = changed(admin, *READER)
    wait_for(lambda: may_ask(gateway), 10)
    held = Asker(store, "access")
    held.socket.send(pack(ACCESS_GET, 1, version, admin.get()["digest"]))
    cluster.execute(f"ALTER DATABASE {store.database} ALLOW_CONNECTIONS false",
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{store.database}'")
    try:
        assert held.socket.poll(60000)
        told = fields(ACCESS_STATE, msgpack.unpackb(held.socket.recv(), raw=False))
        assert (told["status"], told["message"], told["document"]) == (UNAVAILABLE, "the database is away", "")
        assert admin.get()["status"] == admin.change(*READER)["status"] == UNAVAILABLE
        gateway.process.kill()
        gateway.process.wait()
        os.utime(f"{gateway.folder}/run/mplane-gw.access", (time.time() - 3600,) * 2)
        started = gateway.log().count("gateway.started")
        gateway.start()
        gateway.wait(lambda: gateway.log().count("gateway.started") > started)
        gateway.wait(lambda: "the store is away, and it holds" in note(gateway))
        assert 3600 <= int(note(gateway).split()[2]) < 3700 and may_ask(gateway), note(gateway)
    finally:
        cluster.execute(f"ALTER DATABASE {store.database} ALLOW_CONNECTIONS true")
        held.socket.close()
    gateway.wait(lambda: "the store is away" not in note(gateway))
    assert may_ask(gateway)


def test_a_store_that_was_put_back_is_noticed(gateway, store, admin):
    """The same version as before says something else."""
    version = changed(admin, *READER)
    wait_for(lambda: may_ask(gateway), 10)
    store.stop()
    store.sql("UPDATE access_entry SET body = '[]' WHERE kind = 'role'")
    store.start()
    wait_for(lambda: not may_ask(gateway), 10)
    assert admin.get()["version"] == version


def test_a_faulty_change_is_refused_with_every_fault(store, admin):
    version = admin.get()["version"]
    answer = admin.change({"kind": "token", "name": "a b", "body": {**TOKEN, "types": []}},
                          {"kind": "authorization", "name": "Query*", "body": ["nobody"]},
                          {"kind": "role", "name": "r", "body": ["*"]})
    assert answer["status"] == INVALID and answer["version"] == version
    assert sorted(answer["faults"]) == [
        'authorizations.Query*[0]: expected a role that is in access.roles, found "nobody"',
        "tokens[0].name: expected a name of letters, digits and . _ - @ : / +, found \"a b\"",
        "tokens[0].types: expected at least one type"]
    for changes, said in (([{"kind": "person", "name": "a", "body": {}}], "[0].kind: expected one of role authorization token"),
                          ([{"kind": "role", "name": "gone", "body": None}], 'role: there is none with the name "gone"'),
                          ([{"kind": "role", "name": "r"}], "[0]: expected a body, or null"),
                          ([{"kind": "role", "name": "r\0", "body": []}], "[0].name: expected")):
        assert admin.change(*changes)["faults"][0].startswith(said), said
    assert json.loads(admin.get()["document"]) == {"roles": {}, "authorizations": {}, "tokens": [], "keys": []}
    assert admin.get()["version"] == version


def test_of_two_at_once_one_is_told(admin):
    version = changed(admin, *READER)
    assert changed(admin, {"kind": "role", "name": "x", "body": []}, base=version) == version + 1
    answer = admin.change({"kind": "role", "name": "y", "body": []}, base=version)
    assert (answer["status"], answer["moved"], answer["version"]) == (INVALID, 1, version + 1)
    one = {"kind": "token", "name": "t", "body": TOKEN, "new": True}
    changed(admin, one)
    assert admin.change(one)["faults"] == ['token: there is one with the name "t" already']


def test_secrets_are_for_ingestd_only(store, admin):
    changed(admin, {"kind": "key", "name": "k", "body": KEY}, {"kind": "role", "name": "secret", "body": ["secret", "x"]})
    with contextlib.closing(Asker(store, "keys").socket), contextlib.closing(Asker(store, "access").socket):
        assert SECRET in Asker(store, "keys").get()["document"]
        for endpoint in ("access", "admin"):
            document = json.loads(Asker(store, endpoint).get()["document"])
            assert document["keys"] == [{**{k: v for k, v in KEY.items() if k != "secret"}, "name": "k"}]
            assert document["roles"]["secret"] == ["secret", "x"]
    # A key that is changed without its secret keeps it.
    changed(admin, {"kind": "key", "name": "k", "body": {k: v for k, v in KEY.items() if k != "secret"}})
    assert SECRET in Asker(store, "keys").get()["document"]
    assert store.sql("SELECT secret FROM access_entry WHERE kind = 'key'") == [(SECRET,)]
    assert SECRET not in str(store.sql("SELECT * FROM access_change")) and SECRET not in store.log()
    reader = psycopg2.connect(store.cluster.connect_string(database=store.database))
    with contextlib.closing(reader), reader.cursor() as cursor:
        cursor.execute("SET SESSION AUTHORIZATION ezrepo_read")
        reader.commit()
        cursor.execute("SELECT kind, name, body FROM ezrepo.access_entry")
        assert ("key", "k") in [row[:2] for row in cursor.fetchall()]
        for column in ("secret", "*", "access_entry"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(f"SELECT {column} FROM ezrepo.access_entry")
            reader.rollback()


def test_only_the_operators_socket_takes_changes(store, admin):
    for endpoint in ("access", "keys", "store"):
        asker = Asker(store, endpoint)
        asker.socket.send(pack(ACCESS_CHANGE, 1, "x", 0, json.dumps(READER)))
        if endpoint != "store":
            assert asker.get()["status"] == OK  # what came before it was looked at
        asker.socket.close()
    assert json.loads(admin.get()["document"])["roles"] == {}


def test_what_was_changed_is_kept(admin):
    before = admin.get()["version"]
    changed(admin, *READER, author='zoe "z"\n')
    changed(admin, {"kind": "role", "name": "reader", "body": None}, {"kind": "token", "name": "t", "body": TOKEN}, author="ann")
    past = admin.past(count=3)
    assert list(zip(past["versions"], past["authors"], past["actions"], past["kinds"], past["names"])) == [
        (before + 2, "ann", "removed", "role", "reader"), (before + 2, "ann", "added", "token", "t"),
        (before + 1, 'zoe "z"\n', "added", "role", "reader")]
    assert past["bodies"][0] is None and json.loads(past["bodies"][1]) == TOKEN
    assert abs(past["changed_us"][0] / 1e6 - time.time()) < 60
    assert admin.past(before=before + 1, count=1)["versions"] != [before + 1]


def test_an_answer_waits_for_news(admin, store):
    waiting, state = Asker(store, "access"), admin.get()
    waiting.socket.send(pack(ACCESS_GET, 1, state["version"], state["digest"]))
    assert not waiting.socket.poll(100)
    version = changed(admin, *READER)
    assert waiting.socket.poll(1000)
    told = fields(ACCESS_STATE, msgpack.unpackb(waiting.socket.recv(), raw=False))
    assert told["version"] == version and "org.example.nobody" in told["document"]
    waiting.socket.close()


# ---- the operator's commands ----

class Ctl:
    """ezrepoctl at this stored."""

    def __init__(self, build, stored):
        self.program, self.run_dir = os.path.join(build, "ctl", "ezrepoctl"), stored.run_dir

    def __call__(self, *words, code=0, **more):
        done = subprocess.run([self.program, *words, "--run-dir", self.run_dir], capture_output=True, text=True, check=False, **more)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def rows(self, *words):
        return [json.loads(line) for line in self(*words, "--output", "json").splitlines()]


@pytest.fixture
def ctl(build_dir, store, admin):  # admin: the table is empty at the end
    return Ctl(build_dir, store)


def test_roles_by_command(gateway, ctl):
    ctl("role", "add", "guests", "org.example.nobody", "org.example.g*", "org.example.nobody")
    ctl("role", "allow", "guests", "Query*", "GetGrading")
    wait_for(lambda: may_ask(gateway), 10)
    assert ctl.rows("role", "list") == [
        {"role": "guests", "identities": ["org.example.nobody", "org.example.g*"], "may": ["Query*", "GetGrading"]}]
    assert ctl("role", "list").splitlines() == ["role    identities                         may                sees  delivers",
                                                "guests  org.example.nobody org.example.g*  Query* GetGrading  -     -"]
    ctl("role", "deny", "guests", "GetGrading")
    assert 'no identity org.example.x in the store' in ctl("role", "remove", "guests", "org.example.x", code=1)
    ctl("role", "remove", "guests", "org.example.nobody")
    wait_for(lambda: not may_ask(gateway), 10)
    ctl("role", "remove", "guests")
    assert json.loads(ctl("access", "show")) == {"roles": {}, "authorizations": {}, "tokens": [], "keys": []}
    assert '"guests" is not in the store' in ctl("role", "remove", "guests", code=1)


def test_roles_are_bound_by_command(ctl):
    """Each list that is given takes the place of the one there was; identities come and go without it."""
    def bound():
        row, = ctl.rows("role", "list")
        return row["identities"], row.get("sees"), row.get("delivers")

    ctl("role", "add", "acme", "ann", "--sees", "dest=192.0.2.0/24,type=ping", "--sees", r"path=a\,b", "--delivers", "probe=a*")
    assert bound() == (["ann"], ["dest=192.0.2.0/24,type=ping", r"path=a\,b"], ["probe=a*"])
    assert json.loads(ctl("access", "show"))["roles"]["acme"] == {
        "identities": ["ann"], "sees": [{"dest": "192.0.2.0/24", "type": "ping"}, {"path": "a,b"}], "delivers": [{"probe": "a*"}]}
    ctl("role", "add", "acme", "bob")
    ctl("role", "remove", "acme", "ann")
    assert bound() == (["bob"], ["dest=192.0.2.0/24,type=ping", r"path=a\,b"], ["probe=a*"])
    ctl("role", "add", "acme", "--sees", "dest=", "--delivers", "all")
    assert bound() == (["bob"], ["dest="], None)
    ctl("role", "add", "acme", "--sees", "all")
    assert json.loads(ctl("access", "show"))["roles"]["acme"] == ["bob"]
    for text in ("", "dest", "to=x", "dest=x,type", "dest=x,dest=y", "all,dest=x"):
        assert "--sees: expected DIMENSION=PATTERN" in ctl("role", "add", "acme", "--sees", text, code=1), text
    assert 'roles.acme.sees[1].dest: expected an address, a prefix or a pattern, found "10.0.0.0/33"' in ctl(
        "role", "add", "acme", "--sees", "type=ping", "--sees", "dest=10.0.0.0/33", code=1)
    assert "expected at most 16 elements" in ctl("role", "add", "acme", *["--sees", "type=ping"] * 17, code=1)
    assert "expected an identity, --sees or --delivers" in ctl("role", "add", "acme", code=2)
    assert bound() == (["bob"], None, None)


def test_a_token_is_printed_once(ctl, store):
    token = ctl("token", "issue", "psched-1", "--type", "throughput", "--type", "trace*", "--from", "192.0.2.0/24", "--days", "2",
                "--per-second", "5", "--identity", "org.example.p").strip()
    assert re.fullmatch(r"ezr_[A-Za-z0-9_-]{43}", token)
    row, = ctl.rows("token", "list")
    until = row.pop("until")
    assert row == {"name": "psched-1", "digest": hashlib.sha256(token.encode()).hexdigest(), "identity": "org.example.p",
                   "types": ["throughput", "trace*"], "from": ["192.0.2.0/24"], "per_second": 5}
    assert abs(datetime.datetime.fromisoformat(until).timestamp() - time.time() - 2 * 86400) < 60
    dumped = str(store.sql("TABLE access_entry")) + str(store.sql("TABLE access_change")) + store.log()
    assert token not in dumped and token[4:] not in dumped
    assert 'there is one with the name "psched-1" already' in ctl("token", "issue", "psched-1", "--type", "*", "--from", "any", code=1)
    ctl("token", "revoke", "psched-1")
    assert ctl("token", "list", "--output", "csv") == "name,identity,types,asks,from,until,per_second\n"
    assert "none with the name" in ctl("token", "revoke", "psched-1", code=1)


def test_a_key_is_a_file_of_ones_own(ctl, store, tmp_path):
    file = tmp_path / "probe.key"
    ctl("key", "issue", "probe", "--type", "*", "--from", "any", "--until", "2099-01-01", cwd=tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    key = json.loads(file.read_text())
    asker = Asker(store, "keys")
    assert json.loads(asker.get()["document"])["keys"] == [
        {"name": "probe", "identity": "probe", "types": ["*"], "until": "2099-01-01T00:00:00.000000Z", "id": key["id"],
         "secret": key["secret"]}]
    asker.socket.close()
    assert len(base64.b64decode(key["secret"])) == 32
    assert ctl.rows("key", "list") == [{"name": "probe", "id": key["id"], "identity": "probe", "types": ["*"],
                                        "until": "2099-01-01T00:00:00.000000Z"}]
    assert key["secret"] not in ctl("access", "history", "--output", "json") + ctl("access", "show") + store.log()
    # What is refused leaves no file; one that is there stays.
    assert "File exists" in ctl("key", "issue", "other", "--type", "*", "--from", "any", "--file", str(file), code=1)
    ctl("key", "issue", "probe", "--type", "*", "--from", "any", "--file", str(tmp_path / "again"), code=1)
    assert os.listdir(tmp_path) == ["probe.key"] and json.loads(file.read_text()) == key
    ctl("key", "revoke", "probe")
    assert ctl.rows("key", "list") == []


def test_commands_at_once_lose_nothing(ctl):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: ctl("role", "add", "many", f"org.example.i{i}"), range(24)))
    row, = ctl.rows("role", "list")
    assert sorted(row["identities"]) == sorted(f"org.example.i{i}" for i in range(24))
    assert len(ctl.rows("access", "history", "--limit", "24")) == 24


@pytest.mark.parametrize("words, says", [
    (["token", "issue", "t", "--from", "any"], "--type or --ask is missing"),
    (["key", "issue", "k", "--type", "*"], "--from is missing"),
    (["token", "issue", "t", "--type", "*", "--from", "any", "--days", "0"], "--days: expected 1 to 36500"),
    (["token", "issue", "t", "--type", "*", "--from", "any", "--until", "2001-01-01"], "--until: expected a time to come"),
    (["token", "issue", "t", "--type", "*", "--from", "any", "--until", "2099-01-01", "--days", "1"], "expected one of them"),
    (["token", "list", "--output", "xml"], "--output: expected table, vertical, json or csv"),
    (["access", "history", "--limit", "0"], "--limit: expected 1 to 1000"), (["role", "add", "r"], "expected an identity, --sees or --delivers"),
    (["token", "burn"], "expected issue, list or revoke"), (["role"], "expected list, add"), (["access"], "expected show")])
def test_wrong_usage(ctl, words, says):
    assert says in ctl(*words, code=2)


def test_a_faulty_token_is_refused_with_every_fault(ctl):
    said = ctl("token", "issue", "t", "--type", "a\\b", "--from", "192.0.2.0/33", "--from", "x", code=1)
    assert [line.split(": expected ")[0] for line in said.splitlines()] == [
        "ezrepoctl: tokens[0].types[0]", "ezrepoctl: tokens[0].from[0]", "ezrepoctl: tokens[0].from[1]",
        "ezrepoctl: nothing was changed"]
