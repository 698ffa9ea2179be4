# SPDX-License-Identifier: Apache-2.0
"""The listening sockets outlive ingestd: socketd or systemd keep them, and nothing that was sent while there was
no ingestd is lost. What a killed ingestd does lose is counted by the next one."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
import zmq
from conftest import ROOT, Load, assert_clean, find_free_ports, wait_for
from ingestds import HUNDRED_YEARS, Batch, has_ipv6, result
from messages import ACK, pack
from processes import held_up


class Peers:
    """What ingestd talks to, which stays when it goes: a classifyd and a stored that acknowledge all at once, and
    a probe."""

    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.run_dir = folder / "run"
        self.run_dir.mkdir(mode=0o700)
        (self.port,) = find_free_ports(1)
        self.listen = [f"127.0.0.1:{self.port}"]
        self.options = {}
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.batches = {}  # (instance, sequence) -> batch
        self.processes = []
        self.sent = 0
        self.zmq = zmq.Context()
        self.pub = self.zmq.socket(zmq.XPUB)
        self.pub.bind(f"ipc://{self.run_dir}/announce")
        self.pull = self.zmq.socket(zmq.PULL)
        self.pull.connect(f"ipc://{self.run_dir}/batches")
        self.ending = False
        self.thread = threading.Thread(target=self.take)
        self.thread.start()

    def take(self):
        while not self.ending:
            if self.pub.poll(0):
                self.pub.recv()
            if not self.pull.poll(20):
                continue
            batch = Batch(self.pull.recv_multipart())
            known = self.batches.setdefault((batch.instance, batch.sequence), batch)
            assert known.count == batch.count and known.accounts == batch.accounts
            self.pub.send_multipart([b"ack" + batch.instance,
                                     pack(ACK, batch.instance, 0, [batch.sequence], epoch=batch.epoch)])

    def configuration(self, **options):
        file = self.folder / "ezrepo.json"
        file.write_text(json.dumps({
            "common": {"run_dir": str(self.run_dir), "schemas_dir": os.path.join(ROOT, "schemas"), "user": ""},
            "ingestd": {"listen": self.listen, "spool_dir": str(self.folder / "spool"),
                        "past_limit_s": HUNDRED_YEARS, "future_limit_s": HUNDRED_YEARS,
                        "receive_buffer_bytes": 8388608, **self.options, **options}}))
        return str(file)

    def launch(self, name, *before, environment=None, **more):
        """Starts a process and waits until it says that it runs."""
        file = self.configuration()
        with open(self.folder / f"{name}.log", "a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [*before, os.path.join(self.build, name, name), "--config", file], stderr=log,
                env={**os.environ, **(environment or {})}, **more)
        self.processes.append(process)
        wait_for(lambda: process.poll() is not None or self.status(name).get("pid") == process.pid)
        return process

    def status(self, name="ingestd"):
        try:
            return json.loads((self.run_dir / f"status/{name}-0.json").read_text())
        except FileNotFoundError:
            return {"counters": {}, "notes": {}}

    def log(self, name="ingestd"):
        return (self.folder / f"{name}.log").read_text()

    def ready(self, kept_by):
        wait_for(lambda: self.status()["notes"].get("sockets_kept_by") == kept_by)

    def send(self, count):
        for _ in range(count):
            self.udp.sendto(json.dumps(result(value=str(self.sent))).encode(), ("127.0.0.1", self.port))
            self.sent += 1

    def values(self):
        return sorted(int(r["values"][0]) for b in list(self.batches.values()) if b.kind == 0
                      for r in b.records)

    def logged(self, key):
        """The sum of what all ingestds said in their logs."""
        return sum(int(n) for n in re.findall(rf"tally\.lost .*\b{key}=(\d+)", self.log()))

    def told(self, key):
        """The sum of what all ingestds told in their batches."""
        return sum(b.lost[key] for b in list(self.batches.values()))

    def dropped(self):
        return sum(b.dropped for b in list(self.batches.values()))

    def close(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.kill()
            process.wait()
        self.ending = True
        self.thread.join()
        self.udp.close()
        self.zmq.destroy(linger=0)
        for file in self.folder.glob("*.log"):
            assert_clean(file.read_text())


@pytest.fixture
def peers(build_dir, tmp_path):
    found = Peers(build_dir, tmp_path)
    yield found
    found.close()


def terminate(process, code=0):
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == code


def test_what_comes_while_there_is_no_ingestd(peers):
    peers.launch("socketd")
    ingestd = peers.launch("ingestd")
    peers.ready("socketd")
    peers.send(5)
    for _ in range(3):
        terminate(ingestd)
        peers.send(50)
        ingestd = peers.launch("ingestd")
    wait_for(lambda: len(peers.values()) == peers.sent)
    assert peers.values() == list(range(155))
    assert re.search(r"udp\.listening sockets=1 taken_over=0\n(.*\n)*.*taken_over=1\n", peers.log())
    wait_for(lambda: peers.status("socketd")["counters"]["sockets.handed_out"] >= 3)
    assert "tally.lost" not in peers.log()


def test_a_stop_does_not_wait_for_acknowledgements(peers):
    """They come to the next one; who waited for them would have the kernel's buffer fill up meanwhile."""
    peers.options = {"drain_ms": 600000}
    peers.launch("socketd")
    ingestd = peers.launch("ingestd")
    peers.ready("socketd")
    peers.ending = True
    peers.thread.join()
    peers.send(20)
    wait_for(lambda: peers.status()["counters"]["accepted.records"] == 20)
    terminate(ingestd)
    peers.ending, peers.thread = False, threading.Thread(target=peers.take)
    peers.thread.start()
    peers.launch("ingestd")
    wait_for(lambda: peers.values() == list(range(20)))


def test_without_socketd_as_ever(peers):
    """Then SIGTERM lets in nothing new and reads what is there; who comes later finds no socket."""
    ingestd = peers.launch("ingestd")
    peers.ready("nobody else")
    wait_for(lambda: "socketd.none" in peers.log())
    peers.send(30)
    terminate(ingestd)
    wait_for(lambda: peers.values() == list(range(30)))


def test_socketd_started_late_and_killed(peers):
    """Whenever it comes it is given the sockets; its death loses nothing."""
    ingestd = peers.launch("ingestd")
    peers.ready("nobody else")
    socketd = peers.launch("socketd")
    peers.ready("socketd")
    socketd.kill()
    socketd.wait()
    peers.ready("nobody else")
    peers.launch("socketd")
    peers.ready("socketd")
    terminate(ingestd)
    peers.send(10)
    peers.launch("ingestd")
    wait_for(lambda: peers.values() == list(range(10)))


def test_down_loses_nothing_that_came_before(peers):
    """socketd first: then ingestd knows that it is the last one to read."""
    socketd = peers.launch("socketd")
    ingestd = peers.launch("ingestd")
    peers.ready("socketd")
    with held_up(ingestd.pid):
        peers.send(40)
        terminate(socketd)
        ingestd.send_signal(signal.SIGTERM)
    assert ingestd.wait(60) == 0
    wait_for(lambda: peers.values() == list(range(40)))
    assert not (peers.run_dir / "sockets").exists()


def test_socketd_tells_what_is_lost_with_it(peers):
    socketd = peers.launch("socketd")
    ingestd = peers.launch("ingestd")
    peers.ready("socketd")
    terminate(ingestd)
    peers.send(7)
    terminate(socketd, 1)
    assert "sockets.lost datagrams=7 " in peers.log("socketd")
    wait_for(lambda: peers.status("socketd")["counters"]["datagrams.lost"] == 7)


def test_a_socketd_that_is_slow_to_answer(peers):
    """It is waited for: what it holds can be had from nobody else."""
    socketd = peers.launch("socketd")
    ingestd = peers.launch("ingestd")
    peers.ready("socketd")
    terminate(ingestd)
    peers.send(5)
    with held_up(socketd.pid):
        timer = threading.Timer(3, os.kill, (socketd.pid, signal.SIGCONT))
        timer.start()
        ingestd = peers.launch("ingestd")
        timer.join()
    assert ingestd.poll() is None, peers.log()
    wait_for(lambda: peers.values() == list(range(5)))


def test_a_socketd_that_stands_still_while_ingestd_dies(peers):
    """The next ingestd has a door within seconds, by which all comes; what stood in the sockets before is read when
    socketd goes on."""
    socketd = peers.launch("socketd")
    ingestd = peers.launch("ingestd")
    peers.ready("socketd")
    waiting = set()
    with held_up(socketd.pid):
        for _ in range(2):
            ingestd.kill()
            ingestd.wait()
            waiting |= set(range(peers.sent, peers.sent + 5))
            peers.send(5)
            ingestd = peers.launch("ingestd")
            wait_for(lambda: peers.status()["notes"].get("intake") == "reading")
            seen = set(range(peers.sent, peers.sent + 30))
            peers.send(30)
            wait_for(lambda: seen <= set(peers.values()))
        assert not waiting & set(peers.values())
    wait_for(lambda: peers.values() == list(range(peers.sent)))
    peers.ready("socketd")
    assert "udp.adopted sockets=1" in peers.log()
    terminate(ingestd)
    peers.send(5)
    peers.launch("ingestd")
    wait_for(lambda: peers.values() == list(range(peers.sent)))


def test_an_address_in_use_is_told(peers):
    """By another ingestd as well, which let others of this set bind beside it."""
    peers.launch("ingestd")
    peers.ready("nobody else")
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other, pytest.raises(OSError):
        other.bind(("127.0.0.1", peers.port))


def test_listen_changed(peers):
    """Kept sockets that `listen` does not name any more are closed, also when they are in the way of others."""
    peers.launch("socketd")
    ingestd = peers.launch("ingestd")
    peers.ready("socketd")
    terminate(ingestd)
    peers.listen = [f"0.0.0.0:{peers.port}"]
    ingestd = peers.launch("ingestd")
    assert ingestd.poll() is None, peers.log()
    peers.ready("socketd")
    assert "udp.unlisted" in peers.log()
    wait_for(lambda: peers.status("socketd")["counters"]["sockets.held"] == 1)
    terminate(ingestd)
    peers.send(3)
    peers.launch("ingestd")
    wait_for(lambda: peers.values() == list(range(3)))


def test_a_larger_buffer_for_a_kept_socket(peers):
    peers.options = {"receive_buffer_bytes": 65536}
    peers.launch("socketd")
    ingestd = peers.launch("ingestd")
    peers.ready("socketd")
    assert peers.status()["notes"]["receive_buffers"].endswith(" 65536 bytes")
    terminate(ingestd)
    peers.options = {"receive_buffer_bytes": 131072}
    ingestd = peers.launch("ingestd")
    assert peers.status()["notes"]["receive_buffers"].endswith(" 131072 bytes")


def test_drops_are_told_once(peers):
    """The kernel's counter of a socket goes on over restarts and kills: all of it is told, none of it twice."""
    peers.options = {"receive_buffer_bytes": 65536}
    peers.launch("socketd")
    ingestd = peers.launch("ingestd")
    peers.ready("socketd")
    for number in (signal.SIGTERM, signal.SIGKILL) * 2:
        ingestd.send_signal(number)
        ingestd.wait(60)
        peers.send(400)
        ingestd = peers.launch("ingestd")
        wait_for(lambda: len(peers.values()) + peers.dropped() == peers.sent)
    assert peers.dropped() > 400
    time.sleep(1.5)  # accounts go with a batch of their own within a second
    assert len(peers.values()) + peers.dropped() == peers.sent
    assert peers.told("datagrams") == 0


def test_spool_full_when_terminated(peers):
    """What is in the kernel's buffer stays there, what was read goes into the spool."""
    peers.options = {"spool_bytes": 1 << 20}
    peers.launch("socketd")
    ingestd = peers.launch("ingestd")
    peers.ready("socketd")
    peers.ending = True
    peers.thread.join()
    filler = {"metadata": {"filler": "x" * 20000}}

    def full():
        for _ in range(5):
            peers.udp.sendto(json.dumps(result(value=str(peers.sent), **filler)).encode(),
                             ("127.0.0.1", peers.port))
            peers.sent += 1
        return "spool full" in peers.status()["notes"].get("intake", "")
    wait_for(full)
    peers.send(30)
    terminate(ingestd)
    assert int(re.findall(r"drain\.done .*left_buffer_bytes=(\d+)", peers.log())[-1]) > 0
    peers.ending, peers.thread = False, threading.Thread(target=peers.take)
    peers.thread.start()
    peers.launch("ingestd")
    wait_for(lambda: len(peers.values()) + peers.dropped() == peers.sent, 120)
    assert len(set(peers.values())) == len(peers.values())


def test_killed_under_load(peers):
    """kill -9 loses what was read and not yet in the spool: the next one says exactly how much that was, or that
    some more may be lost where the kill came in the midst of reading."""
    peers.options = {"receive_buffer_bytes": 64 << 20}
    peers.launch("socketd")
    ingestd = peers.launch("ingestd")
    peers.ready("socketd")
    ending = threading.Event()

    def probe():
        while not ending.is_set():
            peers.send(20)
            time.sleep(0.01)

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        for turn in range(1, 9):
            wait_for(lambda least=500 * turn: peers.sent >= least)
            ingestd.kill()
            ingestd.wait()
            ingestd = peers.launch("ingestd")
    finally:
        ending.set()
        thread.join()

    def all_there():
        missing = peers.sent - len(peers.values()) - peers.dropped()
        exact, more = peers.told("datagrams"), peers.told("maybe_more")
        return (exact, more) == (peers.logged("datagrams"), peers.logged("maybe_more")) \
            and exact <= missing <= exact + more
    wait_for(lambda: not peers.status()["counters"].get("held.batches") and all_there(), 120)
    time.sleep(1.5)
    assert all_there(), (peers.sent, len(peers.values()), peers.dropped(), peers.log())
    values = peers.values()
    assert len(set(values)) == len(values)
    assert peers.dropped() == 0 and len(values) > 1000
    assert peers.told("datagrams") < 8 * 500


# ---- who may talk to socketd, and how ----

def connect(peers):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(60)
    s.connect(str(peers.run_dir / "sockets"))
    return s


@pytest.mark.parametrize("message", [b"", b"\x01", b"\x02\x01", b"\x01\x00\x00", b"\x01\x02"])
def test_socketd_refuses_what_it_does_not_expect(peers, message):
    peers.launch("socketd")
    ingestd = peers.launch("ingestd")
    peers.ready("socketd")
    with connect(peers) as s, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        greeting, fds, _, _ = socket.recv_fds(s, 10, 16)
        assert greeting == b"\x01\x01" and len(fds) == 1
        os.close(fds[0])
        socket.send_fds(s, [message or b"\x01\x01"], [other.fileno()] if message else [0])
        assert s.recv(10) == b""  # it closed the connection
    assert "sockets.refused" in peers.log("socketd")
    terminate(ingestd)
    peers.send(4)
    peers.launch("ingestd")
    wait_for(lambda: peers.values() == list(range(4)))


def test_only_so_many_connections(peers):
    peers.launch("socketd")
    found = [connect(peers) for _ in range(5)]
    answers = [s.recv(10) for s in found]
    assert answers == [b"\x01\x00"] * 4 + [b""]
    for s in found:
        s.close()
    peers.launch("ingestd")
    peers.ready("socketd")


def test_another_user_is_refused(peers):
    if os.geteuid() != 0:
        pytest.skip("becoming somebody else takes root")
    peers.launch("socketd")
    for folder in [peers.run_dir, *list(peers.run_dir.parents)[:-2]]:
        os.chmod(folder, 0o755)
    os.chmod(peers.run_dir / "sockets", 0o777)
    code = f"""import os, socket
os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect({str(peers.run_dir / "sockets")!r})
assert s.recv(10) == b"" """
    subprocess.run(["/usr/bin/python3", "-c", code], check=True, timeout=120)
    wait_for(lambda: "client.refused uid=65534" in peers.log("socketd"))


def test_two_socketds(peers):
    peers.launch("socketd")
    second = peers.launch("socketd")
    assert second.wait(60) == 1 and "another socketd of this run_dir is running" in peers.log("socketd")
    assert (peers.run_dir / "sockets").exists()


# ---- systemd's protocol ----

AS_SYSTEMD = ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh"]


def bound(*addresses):
    found = []
    for family, address, port in addresses:
        s = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind((address, port))
        found.append(s)
    return found


def activate(peers, sockets, number=None, before=AS_SYSTEMD):
    """Starts ingestd as systemd does: descriptors from 3 on, and the environment that says so."""
    fds = [s.fileno() for s in sockets]

    def place():
        high = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)
            os.set_inheritable(3 + i, True)

    return peers.launch("ingestd", *before, preexec_fn=place, close_fds=False,
                        environment={"LISTEN_FDS": str(len(fds) if number is None else number),
                                     "LISTEN_FDNAMES": "udp"})


def test_systemd_passes_the_sockets(peers):
    addresses = [(socket.AF_INET, "127.0.0.1", peers.port)]
    if has_ipv6():
        addresses.append((socket.AF_INET6, "::1", peers.port))
        peers.listen = [f"[::1]:{peers.port}", f"127.0.0.1:{peers.port}"]
    sockets = bound(*addresses)
    peers.send(10)  # socket activation: before there was any ingestd
    ingestd = activate(peers, sockets)
    peers.ready("systemd")
    wait_for(lambda: peers.values() == list(range(10)))
    with open(f"/proc/{ingestd.pid}/environ", "rb") as file:
        assert b"LISTEN_PID=" in file.read()  # it was told so
    terminate(ingestd)
    peers.send(10)
    ingestd = activate(peers, sockets)
    wait_for(lambda: peers.values() == list(range(20)))
    assert ingestd.poll() is None
    for s in sockets:
        s.close()


def test_a_real_socket_activation(peers, build_dir):
    """As systemd itself does it."""
    program = "/usr/bin/systemd-socket-activate"
    if not os.path.exists(program):
        pytest.skip("systemd-socket-activate is not installed")
    file = peers.configuration()
    with open(peers.folder / "ingestd.log", "a", encoding="utf-8") as log:
        process = subprocess.Popen([program, "--datagram", "--listen", peers.listen[0],
                                    os.path.join(build_dir, "ingestd", "ingestd"), "--config", file], stderr=log)
    peers.processes.append(process)
    wait_for(lambda: "Listening on" in peers.log())
    peers.send(5)
    wait_for(lambda: peers.values() == list(range(5)))
    peers.ready("systemd")
    terminate(process)


@pytest.mark.parametrize("case, says", [
    ("stream", 'listen_fds.kind descriptor=3 expected="a UDP socket (ListenDatagram)"'),
    ("none", "listen_fds.kind descriptor=4"),
    ("number", "listen_fds.number"),
    ("nonsense", "listen_fds.number"),
    ("unlisted", "listen_fds.unlisted descriptor=4"),
    ("missing", "listen_fds.missing ingestd.listen=127.0.0.1:"),
])
def test_systemd_passes_something_else(peers, case, says):
    (other,) = find_free_ports(1)
    sockets, number = bound((socket.AF_INET, "127.0.0.1", peers.port)), None
    if case == "stream":
        sockets[0].close()
        sockets = [socket.create_server(("127.0.0.1", other))]
    elif case == "none":
        number = 2
    elif case == "number":
        number = 17
    elif case == "nonsense":
        number = "1x"
    elif case == "unlisted":
        sockets += bound((socket.AF_INET, "127.0.0.1", other))
    elif case == "missing":
        peers.listen.append(f"127.0.0.1:{other}")
    ingestd = activate(peers, sockets, number)
    assert ingestd.wait(60) == 1
    assert says in peers.log(), peers.log()
    for s in sockets:
        s.close()


def test_descriptors_for_another_process_are_not_ours(peers):
    """LISTEN_PID names whom they are for."""
    (other,) = find_free_ports(1)
    sockets = bound((socket.AF_INET, "127.0.0.1", other))
    ingestd = activate(peers, sockets, before=["/bin/sh", "-c", 'LISTEN_PID=1 exec "$@"', "sh"])
    peers.ready("nobody else")
    peers.send(2)
    wait_for(lambda: peers.values() == [0, 1])
    assert ingestd.poll() is None
    sockets[0].close()


# ---- a whole set under load ----

def stored_records(one):
    return one.sql("SELECT count(*) FROM measurement")[0][0]


def lost(one):
    """What killed ingestds lost, by the words of those that followed: exactly, and at most more."""
    found = re.findall(r"tally\.lost datagrams=(\d+) maybe_more=(\d+)", one.logs()["ingestd.log"])
    return sum(int(a) for a, _ in found), sum(int(b) for _, b in found)


def ingestds(one):
    return one.logs()["ingestd.log"].count("daemon.started")


def dropped(one):
    """By the kernel, for want of room in the buffers: all that ingestds told, whoever read the counter."""
    return int(one.sql("SELECT coalesce(sum(dropped), 0) FROM ledger_instance")[0][0])


def load_ends(one, load):
    """It is stopped; every datagram was stored once, or is told to be lost."""
    load.stop()
    records = load.records
    exact, more = lost(one)
    one.wait_for(lambda: stored_records(one) + dropped(one) >= records - exact - more, 300)
    one.wait_for(lambda: one.process("ingestd")["counters"]["held.batches"] == 0)
    time.sleep(1.5)  # late accounts
    found = stored_records(one) + dropped(one)
    assert records - exact - more <= found <= records - exact, (stored_records(one), dropped(one), exact, more)
    assert one.sql("SELECT sum(stored) FROM ledger_now")[0][0] == stored_records(one)
    if os.geteuid() == 0:
        assert dropped(one) == 0  # who is not root gets small buffers


def test_restarted_under_load(ezrepo_set):
    """Stopped and started again, alone and with all the others: not one record is missing, none is there twice."""
    one = ezrepo_set
    starts = 1
    with Load(one, series=500) as load:
        for process in (["ingestd"], ["socketd"], [], ["ingestd"], ["ingestd"], ["ingestd"]):
            one.wait_kept()
            one.cmd("restart", *process)
            starts += process != ["socketd"]
        load_ends(one, load)
    assert lost(one) == (0, 0) and ingestds(one) == starts


def test_killed_and_upgraded_under_load(ezrepo_set, tmp_state):
    """kill -9 loses what the next one says; other programs in the place of these lose nothing."""
    one = ezrepo_set
    one.wait_kept()
    build = one.environment["EZREPO_BUILD"]
    try:
        with Load(one, series=500) as load:
            for _ in range(3):
                time.sleep(1.5)
                pid = one.kill("ingestd")
                one.wait_for(lambda: one.pid("ingestd") not in (0, pid)
                             and one.process("ingestd")["state"] == "running")
            for name in ("ingestd", "socketd", "classifyd", "stored", "queryd", "mplane-gw", "ingest-gw", "webd", "alertd", "reasond", "ctl"):
                os.symlink(os.path.join(build, name), os.path.join(tmp_state, name))
            one.environment["EZREPO_BUILD"] = tmp_state
            one.wait_kept()
            one.cmd("restart")
            with open(f"/proc/{one.pid('ingestd')}/cmdline", "rb") as file:
                assert file.read().startswith(os.fsencode(tmp_state))
            load_ends(one, load)
    finally:
        one.environment["EZREPO_BUILD"] = build
    assert lost(one)[0] < 3 * 500 and ingestds(one) == 5
