# SPDX-License-Identifier: Apache-2.0
"""People and their sessions as stored keeps them: made by the operator's command, asked for by webd's socket."""
import base64
import contextlib
import hashlib
import json
import os
import pty
import re
import select
import subprocess
import time

import psycopg2
import pytest
from conftest import wait_for
from messages import ACCESS_GET, ACCESS_STATE, SESSION, pack
from people import ADD, ADMIT, END, END_ALL, FIND, MINUTE, PASSWORD, WORD, Door, hashed
from queries import INVALID, OK, UNAVAILABLE
from stores import Stored

@pytest.fixture(scope="module", name="store")
def _store(build_dir, cluster):
    one = Stored(build_dir, cluster, flush_ms=5).start()
    yield one
    one.close()


@pytest.fixture(name="door")
def _door(store):
    one = Door(lambda endpoint: store.run_dir)
    yield one
    one.close()


def test_a_session_is_found_until_it_ends(store, door):
    secret = hashed()
    door.user("anna", secret)
    assert door.session(PASSWORD, "anna")["hash"] == secret
    digest = door.begin("anna", secret)
    answer = door.session(FIND, digest=digest)
    assert answer["user"] == "anna" and abs(answer["ends_us"] / 1e6 - time.time() - 12 * 3600) < 60
    assert answer["version"] > 1 and answer["hash"] == ""
    assert door.is_in(os.urandom(32)) is None
    store.stop()
    store.start()
    assert door.is_in(digest) == "anna"
    assert door.session(END, digest=digest)["status"] == OK
    assert door.is_in(digest) is None and door.session(END, digest=digest)["status"] == INVALID


def test_unused_or_old_it_is_over(store, door):
    secret = hashed()
    door.user("anna", secret)
    digest = door.begin("anna", secret, idle=MINUTE)
    assert door.is_in(digest, idle=MINUTE) == "anna"
    assert door.is_in(digest, idle=0) is None  # an option that became less is in force at once
    store.sql("UPDATE ezrepo.web_session SET used_at = used_at - interval '2 minutes', ends_at = ends_at - interval '2 minutes'")
    assert door.is_in(digest) is None
    digest = door.begin("anna", secret)
    store.sql("UPDATE ezrepo.web_session SET made_at = made_at - interval '7 days'")
    assert door.is_in(digest) is None
    digest = door.begin("anna", secret, most=MINUTE)
    ends_us = door.session(FIND, digest=digest, most=MINUTE)["ends_us"]
    assert abs(ends_us / 1e6 - time.time() - 60) < 30


def test_another_password_ends_all(store, door):
    secret, other = hashed(), hashed("battery staple")
    door.user("anna", secret)
    door.user("bert", other)
    anna, bert = [door.begin("anna", secret) for _ in range(3)], door.begin("bert", other)
    version = door.session(FIND, digest=anna[0])["version"]
    assert door.change({"kind": "user", "name": "anna", "new": False, "body": {"secret": hashed()}})["status"] == OK
    assert [door.is_in(one) for one in anna] == [None] * 3 and door.is_in(bert) == "bert"
    assert door.session(FIND, digest=bert)["version"] == version + 1
    # Who was compared with the password before it was changed is not let in.
    assert door.session(ADD, "anna", os.urandom(32), word_hash=secret)["status"] == INVALID
    assert door.change({"kind": "user", "name": "bert", "body": None})["status"] == OK
    assert door.is_in(bert) is None and door.session(PASSWORD, "bert")["status"] == INVALID
    assert door.session(ADD, "bert", os.urandom(32), word_hash=other)["status"] == INVALID
    assert door.change({"kind": "user", "name": "bert", "new": False, "body": {"secret": other}})["faults"] == [
        'user: there is none with the name "bert"']
    assert door.session(END_ALL, "anna")["status"] == OK


def test_the_oldest_of_too_many_goes(door):
    secret = hashed()
    door.user("anna", secret)
    made = [door.begin("anna", secret) for _ in range(64)]
    answer = door.session(ADD, "anna", b"x" * 32, word_hash=secret)
    assert answer["gone"] == made[0]
    assert door.is_in(made[0]) is None and door.is_in(made[1]) == door.is_in(b"x" * 32) == "anna"


def test_hashes_are_for_webd_only(store, door):
    secret = hashed()
    door.user("anna", secret)
    digest = door.begin("anna", secret)
    for endpoint in ("access", "keys", "admin"):
        document = door.ask(endpoint, ACCESS_GET, ACCESS_STATE, 0, 0)["document"]
        assert secret not in document and set(json.loads(document)) == {"roles", "authorizations", "tokens", "keys"}, endpoint
        # A question of webd's has no answer there.
        door.sockets[endpoint].send(pack(SESSION, 1, PASSWORD, "anna", "", b"", b"", 0, 0))
        assert door.ask(endpoint, ACCESS_GET, ACCESS_STATE, 0, 0)["status"] == OK
    assert secret not in str(store.sql("TABLE access_change")) + store.log()
    reader = psycopg2.connect(store.cluster.connect_string(database=store.database))
    with contextlib.closing(reader), reader.cursor() as cursor:
        cursor.execute("SET SESSION AUTHORIZATION ezrepo_read")
        reader.commit()
        for table in ("web_session", "web_ticket"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(f"SELECT * FROM ezrepo.{table}")
            reader.rollback()
    assert door.is_in(digest) == "anna"


def test_faulty_users_are_refused(door):
    for name, body, said in (
            ("a b", {"secret": ""}, "[0].name: expected a name of letters, digits"),
            ("a", {"secret": "plain"}, "[0].body.secret: expected the hash of a password"),
            ("a", {}, "[0].body.secret: expected"), ("a", {"secret": "", "x": 1}, "[0].body")):
        answer = door.change({"kind": "user", "name": name, "body": body})
        assert answer["status"] == INVALID and answer["faults"][0].startswith(said), (answer["faults"], said)
        assert "plain" not in str(answer["faults"])
    assert door.session(ADD, "a b", os.urandom(32), word_hash=hashed())["status"] == INVALID
    assert door.session(FIND, digest=b"short")["status"] == INVALID


def test_without_a_password_nobody_logs_in(door):
    door.user("anna", "")
    assert door.session(PASSWORD, "anna")["hash"] == ""
    assert door.session(ADD, "anna", os.urandom(32), word_hash="")["status"] == INVALID


def test_while_the_database_is_away(store, cluster, door):
    door.user("anna", "")
    cluster.execute(f"ALTER DATABASE {store.database} ALLOW_CONNECTIONS false",
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{store.database}'")
    try:
        wait_for(lambda: door.session(PASSWORD, "anna")["status"] == UNAVAILABLE, 20)
    finally:
        cluster.execute(f"ALTER DATABASE {store.database} ALLOW_CONNECTIONS true")
    wait_for(lambda: door.session(PASSWORD, "anna")["status"] == OK, 20)


def test_what_is_over_goes(store, door):
    secret = hashed()
    door.user("anna", secret)
    door.begin("anna", secret)
    store.sql("UPDATE ezrepo.web_session SET ends_at = now()")
    store.stop()
    store.start()
    wait_for(lambda: store.sql("SELECT count(*) FROM ezrepo.web_session") == [(0,)], 20)


# ---- the operator's command ----

class Ctl:
    """ezrepoctl at this stored."""

    def __init__(self, build, stored):
        self.program, self.run_dir = os.path.join(build, "ctl", "ezrepoctl"), stored.run_dir

    def __call__(self, *words, code=0, typed=None):
        done = subprocess.run([self.program, *words, "--run-dir", self.run_dir], capture_output=True, text=True, check=False,
                              input=typed)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def rows(self, *words):
        return [json.loads(line) for line in self(*words, "--output", "json").splitlines()]


@pytest.fixture(name="ctl")
def _ctl(build_dir, store, door):
    for name in ("anna", "bert"):
        door.change({"kind": "user", "name": name, "body": None})
    one = Ctl(build_dir, store)
    one("role", "add", "reader", "org.example.r", "--sees", "type=ping")
    one("role", "allow", "reader", "Query*")
    one("role", "allow", "operator", "*")
    return one


def test_users_by_command(ctl, store, door):
    said = ctl("user", "add", "anna", "--role", "reader", "--role", "nobody", code=1, typed=WORD)
    assert 'there is no role "nobody"; there are: reader operator' in said
    ctl("user", "add", "anna", "--role", "reader", "--role", "operator", "--role", "reader", typed=WORD + "\n")
    secret = door.session(PASSWORD, "anna")["hash"]
    assert re.fullmatch(r"\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", secret)
    raw = [base64.b64decode(part + "=" * (-len(part) % 4)) for part in secret.split("$")[3:]]
    assert hashlib.scrypt(WORD.encode(), salt=raw[0], n=1 << 15, r=8, p=3, maxmem=1 << 26, dklen=32) == raw[1]
    # What else the role says stays.
    assert json.loads(ctl("access", "show"))["roles"] == {
        "reader": {"identities": ["org.example.r", "anna"], "sees": [{"type": "ping"}]}, "operator": ["anna"]}
    ctl("user", "add", "bert", "--role", "operator", "--no-password")
    digest = door.begin("anna", secret)
    rows = ctl.rows("user", "list")
    used = [row.pop("used") for row in rows]
    assert rows == [{"user": "anna", "roles": ["reader", "operator"], "password": "yes", "sessions": 1},
                    {"user": "bert", "roles": ["operator"], "password": "no", "sessions": 0}] and used[0] and used[1] is None
    assert 'one with the name "anna" already' in ctl("user", "add", "anna", "--role", "reader", code=1, typed=WORD)
    ctl("user", "password", "anna", typed="another word")
    assert door.is_in(digest) is None and door.session(PASSWORD, "anna")["hash"] not in ("", secret)
    ctl("user", "remove", "anna")
    assert json.loads(ctl("access", "show"))["roles"]["operator"] == ["bert"]
    assert 'none with the name "anna"' in ctl("user", "remove", "anna", code=1)
    assert 'none with the name "anna"' in ctl("user", "password", "anna", code=1, typed=WORD)
    history = ctl("access", "history", "--output", "json") + store.log()
    assert '"kind":"user"' in history.replace(" ", "") and "scrypt" not in history and WORD not in history


@pytest.mark.parametrize("typed, says", [("short\n", "at least 10 characters"), ("", "as a line of standard input"),
                                         ("x" * 1025, "at most 1024 bytes"), ("ten\tcharacters", "no control characters")])
def test_what_is_no_password(ctl, typed, says):
    said = ctl("user", "add", "anna", "--role", "reader", code=1 if typed == "" else 2, typed=typed)
    assert says in said and (typed.strip() == "" or typed not in said)


def test_wrong_usage(ctl):
    assert "--role is missing" in ctl("user", "add", "anna", code=2)
    assert "expected a name of at most 128" in ctl("user", "remove", "a b", code=2)
    assert "--url is missing" in ctl("user", "link", "anna", code=2)
    assert "no such user" in ctl("user", "link", "anna", "--url", "http://x", code=1)


def in_terminal(ctl, *typed):
    """user add anna at a terminal: the exit code, what it showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(ctl.program, [ctl.program, "user", "add", "anna", "--role", "reader", "--run-dir", ctl.run_dir])
    shown = b""
    for prompt, text in zip((b"Password: ", b"again: "), typed):
        end = time.monotonic() + 20
        while not shown.endswith(prompt) and time.monotonic() < end and select.select([terminal], [], [], 20)[0]:
            shown += os.read(terminal, 1000)
        os.write(terminal, text.encode())
    with contextlib.suppress(OSError):  # what a terminal says that nobody has open any more
        while select.select([terminal], [], [], 20)[0]:
            shown += os.read(terminal, 1000)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()


def test_at_a_terminal_it_is_asked_for_twice_and_not_shown(ctl):
    code, shown = in_terminal(ctl, WORD + "\n", "correct hose\n")
    assert code == 2 and "not the same twice" in shown and WORD not in shown
    code, shown = in_terminal(ctl, WORD + "\n", WORD + "\n")
    assert (code, shown) == (0, "Password: \r\nThe same again: \r\n")
    code, shown = in_terminal(ctl, "\x03")
    assert code == 1 and "no password was typed" in shown


def test_a_link_admits_once(ctl, door, store):
    ctl("user", "add", "anna", "--role", "reader", "--no-password")
    url = ctl("user", "link", "anna", "--url", "http://127.0.0.1:8894").strip()
    base, _, ticket = url.partition("?ticket=")
    assert base == "http://127.0.0.1:8894/login" and re.fullmatch(r"[A-Za-z0-9_-]{43}", ticket)
    stored, = store.sql("SELECT digest, ends_at - now() FROM ezrepo.web_ticket WHERE name = 'anna'")
    digest = hashlib.sha256(ticket.encode()).digest()
    assert bytes(stored[0]) == digest and 500 < stored[1].total_seconds() <= 600
    session = os.urandom(32)
    answer = door.session(ADMIT, digest=session, ticket=digest)
    assert (answer["status"], answer["user"]) == (OK, "anna") and door.is_in(session) == "anna"
    assert door.session(ADMIT, digest=os.urandom(32), ticket=digest)["status"] == INVALID
    assert ticket not in store.log()
    for spoil in ("UPDATE ezrepo.web_ticket SET ends_at = now()", None):
        ticket = ctl("user", "link", "anna", "--url", "http://x").strip().partition("?ticket=")[2]
        if spoil:
            store.sql(spoil)
        else:
            ctl("user", "password", "anna", typed=WORD)
        assert door.session(ADMIT, digest=os.urandom(32), ticket=hashlib.sha256(ticket.encode()).digest())["status"] == INVALID
