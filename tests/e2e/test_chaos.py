# SPDX-License-Identifier: Apache-2.0
"""Any process of a set killed every second, PostgreSQL included, under load: in the end the store holds what it would
hold had nothing happened, and the ledger closes.

EZREPO_KILLS: how many kills (12); EZREPO_SEED: what the test draws, printed at its start; EZREPO_RATE: datagrams a
second, instead of half of what this build takes on this machine.
"""
import json
import os
import random
import signal
import socket
import threading
import time

from conftest import ping, time_text
from ezrepo import supervisor
from ezrepo.state import State
from processes import children

KILLS = int(os.environ.get("EZREPO_KILLS", "12"))
SEED = int(os.environ.get("EZREPO_SEED", random.SystemRandom().randrange(2**31)))
MOST_RATE = 4000
MOST_DATAGRAMS = 1_000_000  # each has a microsecond of its own
MALFORMED = [b"{", b"\xff\xfe", b"[]", b"", b'{"result": "measure"}', b'{"result": "measure", "version": 7}']
OPTIONS = {"ingestd": {"receive_buffer_bytes": 64 << 20}, "stored": {"seal_after_s": 1}}


def script(rng, count):
    """The datagrams in the order they are sent. A label, when there is one, names what is in it; one that is sent
    twice has the same bytes both times."""
    assert count < MOST_DATAGRAMS
    base = int(time.time()) - 7200
    sent = []
    for n in range(count):
        series = rng.randrange(40)
        late = rng.random() < 0.1
        # Whole seconds, and the datagram's number as microseconds: no two records have the same identity.
        t = base + n * 3600 // count - (rng.randrange(36000) if late else 0)
        when = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(t))}.{n:06}"
        mean = rng.choice([5000, 5000, 5000, 90000, 400000])
        rows = [[str(mean - 1), str(mean), str(mean + 1), str(i)] for i in range(3 if rng.random() < 0.05 else 1)]
        label = f"chaos-{n}"
        sent.append((label, json.dumps(ping(f"192.0.2.{series}", when, probe=f"p{series % 7}", label=label,
                                            resultvalues=rows)).encode()))
    for _ in range(count // 20):  # a datagram that comes again, later
        at = rng.randrange(len(sent))
        sent.insert(min(len(sent), at + rng.randrange(1, 4000)), sent[at])
    for _ in range(count // 20):  # two in the wrong order
        a = rng.randrange(len(sent))
        b = min(len(sent) - 1, a + rng.randrange(1, 200))
        sent[a], sent[b] = sent[b], sent[a]
    for _ in range(count // 50):
        sent.insert(rng.randrange(len(sent)), (None, rng.choice(MALFORMED)))
    return sent


class Load(threading.Thread):
    """Sends at a steady pace from a few addresses, to the end or until it is told to stop; `datagrams` are then those
    that were sent."""

    def __init__(self, port, datagrams, rate):
        super().__init__()
        self.port, self.datagrams, self.rate = port, datagrams, rate
        self.sockets = []
        for i in range(1, 5):
            self.sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            self.sockets[-1].bind((f"127.0.0.{i}", 0))
        self.refused = 0
        self.stopping = False

    def run(self):
        began = time.monotonic()
        for n, (_, data) in enumerate(self.datagrams):
            if self.stopping:
                self.datagrams = self.datagrams[:n]
                break
            early = began + n / self.rate - time.monotonic()
            if early > 0.002:
                time.sleep(early)
            try:
                self.sockets[n % 4].sendto(data, ("127.0.0.1", self.port))
            except ConnectionRefusedError:
                self.refused += 1
        for s in self.sockets:
            s.close()

    def stop(self):
        self.stopping = True
        self.join()


class Killer:
    """kill -9 to one process or another, as long as there is another one that has ingestd's sockets."""

    def __init__(self, one, rng):
        self.one, self.rng = one, rng
        self.supervisor = supervisor.connect(State(one.state))
        self.killed = []

    def status(self, name):
        try:
            with open(self.one.status_file(name), encoding="utf-8") as file:
                return json.load(file)
        except (FileNotFoundError, ValueError):
            return {}

    def sockets_are_kept(self, processes):
        """By both, and both are there to say so."""
        ingestd, socketd = self.status("ingestd"), self.status("socketd")
        return (ingestd.get("pid") == processes["ingestd"]["pid"] and socketd.get("pid") == processes["socketd"]["pid"]
                and ingestd["notes"].get("sockets_kept_by") == "socketd"
                and socketd["counters"].get("sockets.held", 0) > 0)

    def victims(self):
        """(what it is called, its process id)"""
        processes = self.supervisor.processes()
        running = {name: p for name, p in processes.items() if p["statename"] in ("RUNNING", "STARTING") and p["pid"]}
        kept = self.sockets_are_kept(processes)
        found = [(name, p["pid"]) for name, p in running.items() if kept or name not in ("ingestd", "socketd")]
        if "postgres" in running:
            found += [("a backend", pid) for pid in children(running["postgres"]["pid"])]
        return found

    def kill(self):
        by_name = {}
        for name, pid in self.victims():
            by_name.setdefault(name, []).append(pid)
        if by_name:
            name = self.rng.choice(sorted(by_name))
            try:
                os.kill(self.rng.choice(by_name[name]), signal.SIGKILL)
            except ProcessLookupError:
                return
            self.killed.append(name)


def ledger(one):
    done = one.cmd("ledger", "--json", check=False)
    return json.loads(done.stdout) if done.stdout.startswith("{") else None


def received(one):
    """Datagrams in the store's ledger, what the kernel dropped, what may be lost by kills; -1 while it cannot be known."""
    found = ledger(one)
    if found is None:
        return -1, -1, -1
    return (sum(i["totals"]["datagrams"] for i in found["ingestds"]), sum(i["dropped"] for i in found["ingestds"]),
            sum(i["lost"] + i["maybe_lost"] for i in found["ingestds"]))


def settle(one, sent, seconds=300):
    """Until all runs, each datagram is accounted for, and nothing is under way any more."""
    one.wait_for(lambda: one.status()["ok"], seconds)
    one.wait_for(lambda: sum(received(one)) >= sent, seconds)

    def at_rest():
        found = ledger(one)
        return found is not None and all(i["in_flight"] == {"batches": 0, "records": 0} for i in found["ingestds"])
    one.wait_for(at_rest, seconds)
    before = None
    while before != (before := received(one)):
        time.sleep(1.5)  # accounts travel within a second


def speed(one, rng):
    """Datagrams a second that this build brings into the store here."""
    warm = [(f"speed-{n}", json.dumps(ping(f"198.51.100.{n % 40}", time_text(time.time() - 9000 + n), label=f"speed-{n}"))
             .encode()) for n in range(4000)]
    rng.shuffle(warm)
    began = time.monotonic()
    load = Load(one.udp, warm, 1e9)
    load.run()
    while one.sql("SELECT count(*) FROM measurement")[0][0] < len(warm):
        assert time.monotonic() - began < 300, one.log_ends()
        time.sleep(0.05)
    return len(warm) / (time.monotonic() - began), warm


COLUMNS = {
    "records": "SELECT type, content, probe, source, dest, path, t_start, t_end, row, grades, \"values\", label, results,"
               " parameters, metadata FROM measurement m JOIN series s ON s.id = series_id JOIN schema c"
               " ON c.id = schema_id ORDER BY label, row",
    "periods": "SELECT probe, dest, grade_id, t_start, start_end, start_key, grade, t_end, records, ended FROM period_now p"
               " JOIN series s ON s.id = series_id ORDER BY 1, 2, 3, 4, 5, 6",
    "events": "SELECT probe, dest, grade_id, t, t_end, key, from_grade, to_grade FROM event e JOIN series s ON s.id = series_id"
              " WHERE retracted_at IS NULL ORDER BY 1, 2, 3, 4, 5, 6",
    "totals": "SELECT * FROM grade_total ORDER BY 1, 2, 3, 4",
    "counts": "SELECT probe, dest, grade, count(*) FROM record_grade r JOIN series s ON s.id = series_id"
              " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
}


def undisturbed(make_set, datagrams, rate):
    """What a set holds after these, none of whose processes was killed."""
    one = make_set()
    one.configure(**OPTIONS)
    one.up()
    load = Load(one.udp, datagrams, rate)
    load.run()
    assert load.refused == 0
    one.wait_for(lambda: received(one)[0] == len(datagrams), 300)
    assert received(one)[1] == 0
    found = {name: one.sql(query) for name, query in COLUMNS.items()}
    one.down()
    return found


def check_counts(one, sent, kills):
    """The ledger closes to the datagram: what was sent came, was dropped by the kernel, or was lost by kills, which were
    so many of ingestd. How many are lost at most."""
    done = one.cmd("ledger", "--verify", "--json", check=False)
    assert done.returncode == 0, done.stdout
    ingestd, = json.loads(done.stdout)["ingestds"]
    came, dropped, lost, more = (ingestd["totals"]["datagrams"], *(ingestd[k] for k in ("dropped", "lost", "maybe_lost")))
    print(f"sent {sent}: in the ledger {came}, dropped by the kernel {dropped}, lost by kills {lost}, perhaps {more} more")
    assert came + dropped + lost <= sent <= came + dropped + lost + more, one.log_ends()
    assert lost + more < max(sent // 20, 500 * kills) and ingestd["holes"] == 0
    return dropped + lost + more


def test_whatever_is_killed(make_set):
    print(f"EZREPO_SEED={SEED}")
    rng = random.Random(SEED)
    one = make_set("--classifyd", "2")
    one.configure(**OPTIONS)
    one.up()
    full, warm = speed(one, rng)
    rate = float(os.environ.get("EZREPO_RATE", min(full / 2, MOST_RATE)))
    sent = script(rng, min(int(rate * KILLS * 4), MOST_DATAGRAMS - 1))
    print(f"{full:.0f} datagrams a second, so {rate:.0f} for {len(sent) / rate:.0f} s at most")
    load, killer = Load(one.udp, sent, rate), Killer(one, rng)
    load.start()
    while len(killer.killed) < KILLS and load.is_alive():
        time.sleep(1)
        killer.kill()
    load.stop()
    sent = load.datagrams
    print("killed:", " ".join(f"{n} x {killer.killed.count(n)}" for n in sorted(set(killer.killed))), f"in {len(sent) / rate:.0f} s")
    assert len(killer.killed) >= KILLS * 2 // 3 and load.refused == 0
    settle(one, len(warm) + len(sent))
    lost = check_counts(one, len(warm) + len(sent), killer.killed.count("ingestd"))

    have = {name: one.sql(query) for name, query in COLUMNS.items()}
    assert one.periods_differ() == []
    assert one.cmd("rebuild", "--verify", check=False).stdout.splitlines()[-1] == "identical"
    one.down()
    labels = {record[11] for record in have["records"]}
    gone = {label for label, _ in sent if label is not None} - labels
    assert len(gone) <= lost, f"{len(gone)} labels are missing, at most {lost} datagrams are lost"
    survived = [(label, data) for label, data in warm + sent if label is None or label in labels]
    want = undisturbed(make_set, survived, rate)
    for name in COLUMNS:
        assert have[name] == want[name], f"{name} differ from those of an undisturbed run"
