# SPDX-License-Identifier: Apache-2.0
"""The ledger closes, to the record: whoever sends whatever, whatever is repeated, refused, killed.

First stored by itself, with a stand-in for ingestd and classifyd; then whole sets with `ezrepo ledger`.
"""
import collections
import json
import random
import signal
import socket
import time
import uuid

import pytest

from conftest import ping, queued_bytes, time_text, wait_for
from ezrepo.state import State
from messages import LOST, REJECT, pack
from stores import (HOUR, NONE, SECOND, Record, account, accounts_frame, check_store, grades_frame, now_us, records_frame,
                    start_of_hour)

ROWS = """SELECT extract(epoch FROM hour)::bigint * 1000000, instance::text, sender, datagrams, accepted, exceptions,
    records, stored, duplicates, rejected FROM ledger_now ORDER BY 1, 2, 3"""
RECOUNT = """SELECT l.id, l.stored, count(m.ledger_id) FROM ledger_now l LEFT JOIN measurement m ON m.ledger_id = l.id
    GROUP BY l.id, l.stored HAVING l.stored <> count(m.ledger_id)"""


def rows(one):
    """What comes behind the sender, by (hour, instance, sender)."""
    return {r[:3]: tuple(r[3:]) for r in one.sql(ROWS)}


def reasons(one):
    return {(r[0], r[1]): r[2] for r in one.sql(
        "SELECT sender, reason, sum(r.datagrams)::bigint FROM ledger_rejected_now r JOIN ledger l ON l.id = ledger_id"
        " GROUP BY 1, 2")}


def name(sender):
    return str(uuid.UUID(bytes=sender.instance))


def closes(one):
    assert one.sql("SELECT * FROM ledger_now WHERE records <> stored + duplicates + rejected") == []
    assert one.sql("SELECT * FROM ledger_now l WHERE datagrams <> accepted + exceptions + (SELECT"
                   " coalesce(sum(datagrams), 0) FROM ledger_rejected_now WHERE ledger_id = l.id)") == []
    assert one.sql(RECOUNT) == []
    assert one.sql("SELECT count(*) FROM measurement WHERE ledger_id NOT IN (SELECT id FROM ledger)") == [(0,)]


# ---- stored ----

def test_every_sender_has_its_account(stored):
    sender, t, hour = stored.sender(), now_us(), start_of_hour()
    sender.received_us = hour + 5
    told = account("192.0.2.1", 10, 5, 2, 2, json=2, time__past=1) + account("2001:db8::1", 1, 1, 0, 1)
    sender.commit([Record(t), Record(t + 1), Record(t, sender=1)], accounts=told)  # the last one is a duplicate
    sender.keep(1, 0, [b"", account("192.0.2.1", 3, 0, 1, 0, json=2)])
    sender.send()
    sender.take_acks()
    assert not sender.pending
    assert rows(stored) == {(hour, name(sender), "192.0.2.1"): (13, 5, 3, 2, 2, 0, 0),
                            (hour, name(sender), "2001:db8::1"): (1, 1, 0, 1, 0, 1, 0)}
    assert reasons(stored) == {("192.0.2.1", "json"): 4, ("192.0.2.1", "time.past"): 1}
    closes(stored)
    sender.received_us += HOUR
    sender.commit([Record(t + 2)])
    assert (hour + HOUR, name(sender), "192.0.2.9") in rows(stored)
    closes(stored)


def test_entries_are_summed_up(stored):
    """Beside the flushes, and again after a restart; nothing changes by it."""
    sender, t = stored.sender(), now_us()
    sender.received_us = t
    for i in range(20):
        sender.commit([Record(t + i * SECOND, sender=k, series=k) for k in range(3)],
                      accounts=b"".join(account(f"192.0.2.{k}", 2, 1, 0, 1, missing=-1 if i % 2 else 3, json=1) for k in range(3)))
    assert stored.sql("SELECT sum(missing)::int FROM ledger_now") == [(60,)]
    before, why = rows(stored), reasons(stored)
    stored.wait(lambda: stored.sql("SELECT count(*) FROM ledger_entry") == [(0,)])
    assert rows(stored) == before and reasons(stored) == why
    assert stored.sql("SELECT sum(datagrams)::int, sum(stored)::int, sum(missing)::int FROM ledger") == [(120, 60, 60)]
    assert stored.sql("SELECT sum(datagrams)::int FROM ledger_rejected") == [(60,)]
    holder = stored.cluster.connect(stored.database)
    holder.cursor().execute("BEGIN; LOCK TABLE ledger IN SHARE MODE")  # nothing is summed up meanwhile
    sender.commit([Record(t + 100 * SECOND)], accounts=account("192.0.2.0", 1, 1, 0, 1))
    stored.stop(signal.SIGKILL)
    assert stored.sql("SELECT count(*) FROM ledger_entry") == [(1,)]
    holder.close()
    stored.start()
    stored.wait(lambda: stored.sql("SELECT count(*) FROM ledger_entry") == [(0,)])
    assert stored.sql("SELECT sum(stored)::int FROM ledger") == [(61,)]
    closes(stored)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_batch_is_counted_once_when_its_acknowledgement_is_lost(stored, how):
    sender, t = stored.sender(), now_us()
    sender.received_us = t
    sender.dropped = 7
    for i in range(5):
        sender.batch([Record(t + (i * 10 + k) * SECOND) for k in range(10)])
    sender.keep(1, 1, [pack(REJECT, "json", "d", "s", t, 1, b"x"), account(datagrams=1, accepted=0, json=1)])
    kept = dict(sender.pending)
    sender.send()
    sender.take_acks()
    assert not sender.pending
    before = rows(stored)
    stored.stop(how)
    stored.start()
    sender.pending = dict(kept)
    sender.settle()
    assert rows(stored) == before
    assert stored.sql("SELECT dropped FROM ledger_instance") == [(42,)]
    stored.wait(lambda: stored.counter("repeated.batches") == 6)
    assert stored.counter("duplicates") == 0 and stored.counter("committed.batches") == 0
    # From here on `oldest` has passed them; whoever pushes one all the same is told that it is done.
    sender.commit([Record(t + 1000 * SECOND)])
    assert stored.sql("SELECT sequence FROM batch_done") == [(7,)]
    stored.stop(how)
    stored.start()
    sender.pending = {2: kept[2]}
    sender.settle()
    assert stored.sql("SELECT sum(duplicates)::int, sum(stored)::int FROM ledger_now") == [(0, 51)]
    closes(stored)


def test_a_batch_is_counted_once_when_nobody_knows_of_its_commit(make_stored, own_cluster):
    """PostgreSQL is killed over and over while batches are written: some COMMITs get through unheard."""
    one = make_stored(on=own_cluster, flush_ms=1).start()
    sender, t, rng = one.sender(), now_us(), random.Random(3)
    sender.received_us = t
    count = 0
    for _ in range(4):
        for _ in range(60):
            sender.send(sender.batch([Record(t + count * SECOND + k, sender=k) for k in range(3)]))
            count += 1
            time.sleep(0.002)
        sender.take_acks(rng.uniform(0, 0.05))
        own_cluster.kill()
        own_cluster.start()
    sender.settle()
    assert one.sql("SELECT count(*) FROM measurement") == [(3 * count,)]
    assert sorted(r[4:] for r in rows(one).values()) == [(count, 0, 0)] * 3
    closes(one)


def test_a_batch_with_poison_is_counted_once_and_whole(stored):
    sender, t, hour = stored.sender(), now_us(), start_of_hour()
    sender.received_us = hour
    records = [Record(t + i * SECOND, sender=i % 2, values=("nul\0" if i in (3, 8, 9) else "1", "", ""))
               for i in range(20)]
    records[5] = Record(t, end=t - 1, row=1, sender=1)
    sender.commit(records)
    sender.send(sender.keep(0, 20, [b"broken", accounts_frame(records), b""], 1))
    sender.take_acks()
    sender.send(sender.keep(0, 4, [b"broken", b"broken", b""], 1))
    sender.take_acks()
    assert not sender.pending
    assert rows(stored) == {(hour, name(sender), "192.0.2.9"): (20, 20, 0, 20, 9, 0, 11),
                            (hour, name(sender), "192.0.2.10"): (20, 20, 0, 20, 7, 0, 13),
                            (hour, name(sender), "(unreadable)"): (0, 0, 0, 4, 0, 0, 4)}
    assert stored.sql("SELECT sender, reason, count(*) FROM rejected GROUP BY 1, 2 ORDER BY 1, 2") == [
        ("", "batch", 2), ("192.0.2.10", "database", 2), ("192.0.2.10", "record", 1), ("192.0.2.9", "database", 1)]
    closes(stored)


def test_records_that_are_only_refused_together(stored):
    """Nothing is wrong with any of them by itself: the batch they are in is refused, the others are not."""
    stored.sql("""CREATE FUNCTION ezrepo.only_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT count(*) FROM ezrepo.measurement WHERE label = 'lonely') > 1 THEN
            RAISE EXCEPTION 'there can be only one' USING ERRCODE = '23514'; END IF; RETURN NULL; END $$""")
    sender, t = stored.sender(), now_us()
    sender.commit([Record(t)])
    stored.sql("CREATE TRIGGER only_one AFTER INSERT ON ezrepo.batch_stream FOR EACH STATEMENT"
               " EXECUTE FUNCTION ezrepo.only_one()")
    stored.sql("CREATE TRIGGER only_two AFTER INSERT ON ezrepo.measurement FOR EACH STATEMENT"
               " EXECUTE FUNCTION ezrepo.only_one()")
    sender.batch([Record(t + SECOND)])
    sender.batch([Record(t + 2 * SECOND, label="lonely"), Record(t + 3 * SECOND, label="lonely")])
    sender.batch([Record(t + 4 * SECOND)])
    sender.send()
    sender.take_acks()
    assert not sender.pending
    assert stored.sql("SELECT count(*) FROM measurement") == [(3,)]
    assert stored.sql("SELECT reason, count(*) FROM rejected GROUP BY 1") == [("database", 2)]
    closes(stored)


def test_an_hour_has_so_many_senders_and_the_others(make_stored):
    one = make_stored(ledger_senders=3).start()
    sender, other, t, hour = one.sender(), one.sender(), now_us(), start_of_hour()
    sender.received_us = other.received_us = hour + 1
    for i in range(10):
        sender.commit([Record(t + i)], accounts=account(f"10.0.0.{i}", 2, 1, 0, 1, json=1))
    other.commit([Record(t + 100)], accounts=account("10.9.9.9", 1, 1, 0, 1))
    one.stop(signal.SIGKILL)
    one.start()
    sender.commit([Record(t + 50)], accounts=account("10.0.0.1", 1, 1, 0, 1))
    sender.commit([Record(t + 51)], accounts=account("10.0.0.77", 1, 1, 0, 1))
    found = {key[1:]: value[0] for key, value in rows(one).items()}
    assert found == {(name(sender), "10.0.0.0"): 2, (name(sender), "10.0.0.1"): 3, (name(sender), "10.0.0.2"): 2,
                     (name(sender), "(others)"): 15, (name(other), "(others)"): 1}
    closes(one)
    sender.received_us += HOUR
    sender.commit([Record(t + 60)], accounts=account("10.0.0.77", 1, 1, 0, 1))
    assert (hour + HOUR, name(sender), "10.0.0.77") in rows(one)


def test_senders_are_any_bytes(stored):
    sender, t = stored.sender(), now_us()
    sender.commit([Record(t)], accounts=account("nul\0" + "ä" * 30, 1, 0, 0, 1, **{"a\0b": 1}))
    assert [key[2] for key in rows(stored)] == ["nul?" + "ä" * 30]
    assert list(reasons(stored)) == [("nul?" + "ä" * 30, "a?b")]
    closes(stored)


def test_holes_are_what_never_came(stored):
    sender, t = stored.sender(), now_us()
    sequences = [sender.batch([Record(t + i * SECOND)]) for i in range(10)]
    sender.send(*reversed(sequences))  # gaps of order are none
    sender.take_acks()
    assert not sender.pending
    sender.commit([Record(t + 100 * SECOND)])
    assert stored.sql("SELECT sum(holes) FROM ledger_instance") == [(None,)]
    sender.sequence += 5  # as if an ingestd's spool had lost five
    sender.dropped = 3
    sender.commit([Record(t + 200 * SECOND)])
    sender.dropped = 0
    sender.commit([Record(t + 201 * SECOND)])
    assert stored.sql("SELECT instance::text, dropped, holes FROM ledger_instance") == [(name(sender), 3, 5)]
    stored.stop(signal.SIGKILL)
    stored.start()
    sender.commit([Record(t + 202 * SECOND)])
    assert stored.sql("SELECT sum(holes)::int FROM ledger_instance") == [(5,)]
    assert stored.sql("SELECT oldest FROM batch_stream") == [(sender.sequence,)]
    sender.sequence += 2**32 + 2  # as an ingestd that cannot know which it gave, and had lost two
    sender.commit([Record(t + 203 * SECOND)])
    sender.commit([Record(t + 204 * SECOND)])
    assert stored.sql("SELECT sum(holes)::int FROM ledger_instance") == [(7,)]


def test_what_a_killed_ingestd_lost(stored):
    """It stands behind the accounts of a batch of any kind, in the hour when it was read; once, whatever is repeated."""
    sender, t, hour = stored.sender(), now_us(), start_of_hour()
    sender.received_us = hour - HOUR + 5
    sender.keep(1, 0, [b"", pack(LOST, 30, 64)])
    kept = dict(sender.pending)
    sender.send()
    sender.take_acks()
    sender.received_us = hour + 5
    sender.batch([Record(t)], accounts=account(datagrams=1, records=1) + pack(LOST, 2, 0))
    sender.send()
    sender.take_acks()
    assert not sender.pending
    query = "SELECT extract(epoch FROM hour)::bigint * 1000000, lost, maybe_lost, dropped, holes FROM ledger_instance" \
            " ORDER BY hour"
    want = [(hour - HOUR, 30, 64, 0, 0), (hour, 2, 0, 0, 0)]
    assert stored.sql(query) == want
    stored.stop(signal.SIGKILL)
    stored.start()
    sender.pending = kept
    sender.settle()
    # In a batch whose records cannot be read it counts all the same; one with a number no ingestd can come to does not.
    sender.keep(0, 1, [b"?", account(records=1) + pack(LOST, 3, 1), b""], 1)
    sender.keep(1, 0, [b"", pack(LOST, 2**50, 0)])
    sender.keep(1, 0, [b"", pack(LOST, 1, 0) * 2])
    sender.keep(1, 0, [b"", pack(LOST, 1, 0) + account()])
    sender.settle()
    assert stored.sql(query) == [want[0], (hour, 5, 1, 0, 0)]
    closes(stored)


def random_batch(rng, sender, base, others):
    """A batch of any kind and what it adds: records by sender, as many refused, datagrams by reason."""
    senders = rng.randrange(1, 6)
    records, refused = [], collections.Counter()
    for _ in range(rng.choice([1, 5, 40])):
        r = Record(base + rng.randrange(3000) * SECOND, (rng.choice([1, 4, 5, NONE]), NONE), row=rng.randrange(2),
                   series=rng.randrange(4), sender=rng.randrange(senders))
        fate = rng.random()
        if fate < 0.04:
            r.values = ("\0", "", "")
        elif fate < 0.08:
            r.end = r.t - 1
        refused[r.sender] += fate < 0.08
        records.append(r)
    broken = rng.random() < 0.1
    by_sender = collections.Counter(r.sender for r in records)
    told, adds = b"", {}
    for k in range(senders):
        accepted, exceptions, wrong = by_sender[k], rng.randrange(3), rng.randrange(3)
        told += account(f"192.0.2.{k}", accepted + exceptions + wrong, accepted, exceptions, by_sender[k], json=wrong)
        adds[f"192.0.2.{k}"] = (accepted + exceptions + wrong, accepted, exceptions, by_sender[k],
                                by_sender[k] if broken else refused[k])
    sender.keep(0, len(records), [b"?" if broken else records_frame(records), told, grades_frame(records)], 1)
    good = [] if broken else [r for r in records if "\0" not in r.values and r.end >= r.t]
    others.extend(r.key() for r in good)
    return adds


@pytest.mark.parametrize("seed", range(5))
def test_the_ledger_closes_whatever_is_killed(make_stored, seed):
    """Several ingestds and senders; repeated, late and overtaking batches; kills between any two steps."""
    rng = random.Random(seed)
    one = make_stored(flush_records=rng.choice([1, 50, 16384]), reorder_wait_ms=rng.choice([0, 20])).start()
    ingestds = [one.sender() for _ in range(3)]
    base, keys = now_us() - 2 * HOUR, []
    wanted = collections.defaultdict(lambda: [0] * 5)
    for _ in range(12):
        for ingestd in ingestds:
            ingestd.received_us = base + rng.randrange(3) * HOUR
            for _ in range(rng.randrange(1, 5)):
                for who, adds in random_batch(rng, ingestd, base, keys).items():
                    for i, n in enumerate(adds):
                        wanted[name(ingestd), who][i] += n
            pending = list(ingestd.pending)
            rng.shuffle(pending)
            ingestd.send(*pending, *rng.choices(pending, k=2))
            ingestd.take_acks(rng.uniform(0, 0.05))
        if rng.random() < 0.5:
            one.stop(rng.choice([signal.SIGTERM, signal.SIGKILL]))
            one.start()
    for ingestd in ingestds:
        ingestd.settle()
    found = collections.defaultdict(lambda: [0] * 5)
    for key, r in rows(one).items():
        for i, n in enumerate((*r[:4], r[6])):
            found[key[1:]][i] += n
    assert found == wanted
    assert one.sql("SELECT sum(stored)::int FROM ledger_now") == [(len(set(keys)),)]
    assert one.sql("SELECT sum(stored + duplicates)::int FROM ledger_now") == [(len(keys),)]
    assert one.sql("SELECT count(*) FROM ledger_instance WHERE holes > 0") == [(0,)]
    closes(one)
    check_store(one)


def test_a_database_from_before_the_ledger_goes_on(make_stored):
    """Its records belong to no row, and that is nobody's fault."""
    one = make_stored().start()
    sender, t = one.sender(), now_us()
    sender.commit([Record(t)])
    one.sql("UPDATE measurement SET ledger_id = 0; ")
    one.sql("TRUNCATE ledger, ledger_entry")
    one.stop()
    one.start()
    sender.commit([Record(t), Record(t + SECOND)])
    assert [r[3:] for r in rows(one).values()] == [(2, 1, 1, 0)]


# ---- whole sets, and the command ----

class Client:
    """Sends from an address of its own."""

    def __init__(self, one, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.to = ("127.0.0.1", one.udp)
        self.counts = collections.Counter()

    def send(self, datagram, what, records=0):
        data = datagram if isinstance(datagram, bytes) else json.dumps(datagram).encode()
        self.socket.sendto(data, self.to)
        self.counts["datagrams"] += 1
        self.counts[what] += 1
        self.counts["records"] += records


def ledger(one, *arguments, code=0):
    done = one.cmd("ledger", "--json", *arguments, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def by_sender(found):
    return {s["sender"]: s for ingestd in found["ingestds"] for s in ingestd["senders"]}


def wait_ledger(one, datagrams):
    """Until all that was sent is in the store."""
    def total():
        return sum(i["totals"]["datagrams"] for i in ledger(one)["ingestds"])
    one.wait_for(lambda: total() >= datagrams, 180)
    assert total() == datagrams


def test_the_ledger_of_a_set_closes(make_set):
    """Several senders, everything they may do, processes killed: all of it is accounted for, to the record."""
    one = make_set("--classifyd", "2")
    one.up()
    rng, t = random.Random(11), time.time() - 600
    clients = {f"127.0.0.{i}": Client(one, f"127.0.0.{i}") for i in range(1, 7)}
    sent = 0
    for step in range(300):
        wait_for(lambda: queued_bytes(one.udp) < 64 << 10, 60)  # or the kernel would drop some
        for address, client in clients.items():
            when = time_text(t + step)
            what = rng.random()
            if what < 0.55:
                client.send(ping("192.0.2.7", when, probe=address), "accepted", 1)
            elif what < 0.7:  # again, a duplicate: of a step that this sender had before, or a new one
                client.send(ping("192.0.2.7", time_text(t + rng.randrange(step + 1)), probe=address), "accepted", 1)
            elif what < 0.8:
                client.send(ping("192.0.2.8", when, probe=address, resultvalues=[["1", "2", "3", "4"]] * 3), "accepted", 3)
            elif what < 0.9:
                client.send({"exception": "t", "message": "m"}, "exceptions")
            else:
                client.send(rng.choice([b"{", b"\xff\xfe", b"[]", json.dumps({"result": "measure"}).encode()]), "rejected")
            sent += 1
        time.sleep(0.01)
        if step % 60 == 30:
            one.wait_for(lambda: one.status()["ok"])
            time.sleep(1)  # supervisord gives up on what ends within its first second
            one.kill(rng.choice(["stored", "classifyd-0", "classifyd-1"]))
    one.wait_for(lambda: one.status()["ok"])
    wait_ledger(one, sent)
    found = ledger(one, "--verify")
    assert found["closes"] and found["verified"] and found["faults"] == []
    for address, client in clients.items():
        s = by_sender(found)[address]
        assert {k: s[k] for k in ("datagrams", "accepted", "exceptions", "records")} == \
            {k: client.counts[k] for k in ("datagrams", "accepted", "exceptions", "records")}
        assert s["rejected_datagrams"] == client.counts["rejected"] == sum(s["reasons"].values())
        assert s["records"] == s["stored"] + s["duplicates"] and s["rejected_records"] == 0
    assert one.sql("SELECT count(*)::int FROM measurement") == [(sum(s["stored"] for s in by_sender(found).values()),)]
    assert found["ingestds"][0]["dropped"] == 0 and found["ingestds"][0]["holes"] == 0
    assert len(found["ingestds"]) == 1
    text = one.cmd("ledger", "--verify").stdout
    assert "the ledger closes, compared with the records" in text and "127.0.0.6" in text
    narrowing(one, found)
    who_may_ask(one)
    tampering(one)


def narrowing(one, found):
    """What is chosen, and what cannot be."""
    instance = found["ingestds"][0]["instance"]
    assert list(by_sender(ledger(one, "--sender", "127.0.0.3"))) == ["127.0.0.3"]
    assert by_sender(ledger(one, "--instance", instance.upper())) == by_sender(found)
    assert ledger(one, "--instance", str(uuid.uuid4()))["ingestds"] == []
    assert by_sender(ledger(one, "--since", "3h", "--until", "2099-01-01")) == by_sender(found)
    assert ledger(one, "--until", "2h")["ingestds"] == []
    assert ledger(one, "--since", "2099-01-01 10:00")["ingestds"] == []
    assert ledger(one, "--sender", "x' OR true; DROP TABLE ezrepo.ledger; --")["ingestds"] == []
    assert ledger(one, "--sender", "\\")["ingestds"] == [] and by_sender(ledger(one)) == by_sender(found)
    assert by_sender(ledger(one, "--since", "99999999w", "--until", "tomorrow")) == by_sender(found)
    one.configure(queryd={"rows_default": 1, "rows_max": 2})  # pages of two
    one.cmd("reload", "queryd")
    one.wait_for(lambda: "config.reloaded" in one.cmd("logs", "queryd").stdout)
    assert by_sender(ledger(one)) == by_sender(found)
    for wrong in (["--since", "yesteryear"], ["--until", "2026-13-01"], ["--instance", "x"],
                  ["--since", "today", "--until", "yesterday"]):
        done = one.cmd("ledger", *wrong, check=False)
        assert done.returncode == 2 and wrong[0] in done.stderr


def who_may_ask(one):
    """Who has the role for it; a set of a release before, whose rules do not know of it, says what is missing."""
    one.cmd("pki", "issue", "ann", "--role", "reader")
    one.wait_for(lambda: one.cmd("query", "--as", "ann", check=False).returncode == 0)
    done = one.cmd("ledger", "--as", "ann", check=False)
    assert done.returncode == 1 and "does not offer us LedgerAccounts" in done.stderr
    done = one.cmd("ledger", "--as", "nobody-at-all", check=False)
    assert done.returncode == 1 and "nobody-at-all.crt" in done.stderr
    access = State(one.state).config()["mplane-gw"]["access"]
    rules = access["authorizations"]
    assert rules["Ledger*"] == ["admin"]
    access["authorizations"] = {label: roles for label, roles in rules.items() if label != "Ledger*"}
    one.configure(**{"mplane-gw": {"access": access}})
    one.cmd("reload", "mplane-gw")
    done = one.cmd("ledger", check=False)
    assert done.returncode == 1 and 'add "Ledger*": ["admin"] to "authorizations"' in done.stderr
    # By the store's rules he may as well as by those that are configured.
    one.cmd("role", "add", "ledger", "org.ezrepo.EZRepo.Clients.admin")
    one.cmd("role", "allow", "ledger", "Ledger*")
    one.wait_for(lambda: one.cmd("ledger", check=False).returncode == 0)
    one.configure(**{"mplane-gw": {"access": {**access, "authorizations": rules}}})
    one.cmd("reload", "mplane-gw")


def tampering(one):
    """A record that is gone, one too many, an account that is changed: found and named."""
    (row, sender), = one.sql("SELECT l.id, l.sender FROM measurement m JOIN ledger l ON l.id = m.ledger_id LIMIT 1")
    kept = one.sql("DELETE FROM measurement WHERE ctid = (SELECT ctid FROM measurement WHERE ledger_id = %s LIMIT 1)"
                   " AND ledger_id = %s AND tableoid = (SELECT tableoid FROM measurement WHERE ledger_id = %s LIMIT 1)"
                   " RETURNING series_id, t_start, t_end, row, schema_id, grading_version, grades, \"values\", label,"
                   " ledger_id", row, row, row)
    assert len(kept) == 1
    assert ledger(one)["closes"], "by itself it adds up still"
    fault, = ledger(one, "--verify", code=1)["faults"]
    assert (fault["ledger_id"], fault["sender"], fault["what"]) == (row, sender, "stored")
    assert fault["found"] - fault["expected"] == -1
    done = one.cmd("ledger", "--verify", check=False)
    assert done.returncode == 1 and f"sender {sender}: stored" in done.stdout and "(-1)" in done.stdout
    assert "the ledger does not close" in done.stdout
    # As retention would have it.
    one.sql("INSERT INTO ledger_dropped VALUES (%s, 1)", row)
    assert ledger(one, "--verify")["closes"]
    one.sql("UPDATE ledger SET duplicates = duplicates + 2, accepted = accepted - 1 WHERE id = %s", row)
    faults = ledger(one, code=1)["faults"]
    assert [(f["ledger_id"], f["what"], f["found"] - f["expected"]) for f in faults] == \
        [(row, "datagrams", -1), (row, "records", 2)]
    assert ledger(one, "--since", "2099-01-01", "--verify")["closes"], "a range without it"
    one.sql("UPDATE ledger SET duplicates = duplicates - 2, accepted = accepted + 1 WHERE id = %s", row)
    one.sql("UPDATE measurement SET ledger_id = 123456 WHERE ledger_id = %s", row)
    whats = {f["what"] for f in ledger(one, "--verify", code=1)["faults"]}
    assert whats == {"stored", "records of no row"}


def test_the_ledger_says_what_is_on_its_way(ezrepo_set):
    """Without stored, batches wait with ingestd."""
    one = ezrepo_set
    one.send([ping("192.0.2.1", time_text(time.time() - 60))])
    one.wait_matched(1)
    one.wait_for(lambda: ledger(one)["ingestds"][0]["in_flight"] == {"batches": 0, "records": 0})
    one.kill("stored", signal.SIGSTOP)
    one.send([ping("192.0.2.1", time_text(time.time() - 60 + i)) for i in range(1, 21)])
    one.wait_for(lambda: ledger(one)["ingestds"][0]["in_flight"]["batches"] > 0)
    assert ledger(one)["closes"]
    one.kill("stored", signal.SIGCONT)
    one.wait_for(lambda: ledger(one)["ingestds"][0]["totals"]["stored"] == 21)
    one.wait_for(lambda: ledger(one)["ingestds"][0]["in_flight"] == {"batches": 0, "records": 0})
    assert ledger(one, "--verify")["ingestds"][0]["totals"]["stored"] == 21
