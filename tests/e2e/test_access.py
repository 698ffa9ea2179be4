# SPDX-License-Identifier: Apache-2.0
"""Who may do what, as stored keeps it for all: a change is in force everywhere within a second, whole or not at all, and
written down; while stored is away the last copy holds."""
import contextlib
import json
import os
import signal
import time

import msgpack
import psycopg2
import pytest
import zmq
from conftest import wait_for
from gateways import Gateway, specification
from messages import ACCESS_CHANGE, ACCESS_CHANGED, ACCESS_GET, ACCESS_HISTORY, ACCESS_PAST, ACCESS_STATE, fields, pack
from queries import INVALID, OK
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
        gateway.wait(lambda: "stored is away, and it holds" in note(gateway))
        assert 3600 <= int(note(gateway).split()[2]) < 3700, note(gateway)
        assert may_ask(gateway)
    finally:
        store.wait_for_no_session()
        store.start()
    gateway.wait(lambda: "stored is away" not in note(gateway))
    changed(admin, {"kind": "role", "name": "reader", "body": []})
    wait_for(lambda: not may_ask(gateway), 10)


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
    for changes, said in (([{"kind": "user", "name": "a", "body": {}}], "[0].kind: expected one of role authorization token"),
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
