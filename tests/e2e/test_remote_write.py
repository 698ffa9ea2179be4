# SPDX-License-Identifier: Apache-2.0
"""Prometheus remote write: the real ingest-gw and ingestd (ingest_doors.py); bodies made here, then Prometheus itself with
blackbox_exporter and smokeping_prober, all on loopback addresses."""
import contextlib
import http.server
import json
import os
import shutil
import signal
import struct
import subprocess
import threading
import time

import pytest
from conftest import find_free_ports, wait_for
from ingest_doors import running
from ingestds import Heard
from silences import US
from stored_access import StoredAccess
from stores import now_us

PATH = "/api/v1/write/prometheus-blackbox"
HEADERS = {"Content_Encoding": "snappy", "Content_Type": "application/x-protobuf", "X_Prometheus_Remote_Write_Version": "0.1.0"}


# ---- bodies ----

def number(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(which, data):
    return number(which << 3 | 2) + number(len(data)) + data


def series(labels, value, time_ms):
    sample = b"\x09" + struct.pack("<d", value) + b"\x10" + number(time_ms)
    return field(1, b"".join(field(1, field(1, k.encode()) + field(2, v.encode())) for k, v in labels) + field(2, sample))


def snappy(data):
    """Its block format, of nothing but literals."""
    out = number(len(data))
    for i in range(0, len(data), 60):
        piece = data[i:i + 60]
        out += bytes([len(piece) - 1 << 2]) + piece
    return out


def body(time_ms, target, **metrics):
    """Of the module `icmp`: names and values; phases as NAME__PHASE."""
    def one(name, value):
        name, _, phase = name.partition("__")
        labels = {"__name__": name, "instance": target, "job": "b", "module": "icmp", **({"phase": phase} if phase else {})}
        return series(sorted(labels.items()), value, time_ms)
    return snappy(b"".join(one(n, v) for n, v in metrics.items()))


FIRST = {"probe_duration_seconds": 0.25, "probe_icmp_duration_seconds__rtt": 0.125}
SECOND = {"probe_success": 1, "scrape_samples_post_metric_relabeling": 3}


@pytest.fixture(scope="module")
def door(build_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("r")
    (folder / "remote").mkdir()
    with running(build_dir, folder, remote_dir=str(folder / "remote"), remote_samples=100, requests_per_second=0) as one:
        yield one


def write(door, data, path=PATH, **headers):
    status, _, told = door.post(path, data, **{**HEADERS, **headers})
    return status, told


def now_ms():
    return int(time.time() * 1000)


def test_a_scrape_in_two_requests_is_a_record(door):
    at = now_ms()
    assert write(door, body(at, "192.0.2.1", **FIRST), PATH + "?probe=vp1") == (204, "")
    assert write(door, body(at, "192.0.2.1", **SECOND), PATH + "?probe=vp1") == (204, "")
    record, = door.ingestd.collect(1)
    assert (record["type"], record["dest"], record["probe"]) == ("icmp", "192.0.2.1", "vp1")
    assert record["t_start_us"] == at * 1000 and sorted(record["values"]) == ["1", "125000", "250000"]
    # The answer may have been lost: the same again makes nothing new. What is new is too late, and kept as refused.
    assert write(door, body(at, "192.0.2.1", **FIRST), PATH + "?probe=vp1")[0] == 204
    assert write(door, body(at, "192.0.2.1", probe_success=0, probe_icmp_reply_hop_limit=9), PATH + "?probe=vp1")[0] == 204
    batch = door.ingestd.batch()
    door.ingestd.acknowledge(batch.sequence)
    reject, = batch.rejects
    assert reject["reason"] == "late" and reject["sender"] == "https:org.example.probe"
    assert reject["head"].decode() == (f'probe_success{{instance="192.0.2.1",job="b",module="icmp"}} 0 {at}\n'
                                       f'probe_icmp_reply_hop_limit{{instance="192.0.2.1",job="b",module="icmp"}} 9 {at}\n')
    wait_for(lambda: door.counters()["remote.late"] == door.counters()["remote.repeated"] == 2)


def test_what_waits_for_the_rest_of_its_group_is_not_stored(door):
    """Up to when all is stored that came: not while a part of it is in the journal."""
    heard, at = Heard(door.ingestd), now_ms()
    assert write(door, body(at, "192.0.2.9", **FIRST)) == (204, "")
    answered = now_us()
    held = heard.until(lambda sign: sign["now_us"] > answered + 2.5 * US)
    assert 0 < held["until_us"] <= answered
    assert write(door, body(at, "192.0.2.9", **SECOND)) == (204, "")
    assert door.ingestd.collect(1)[0]["dest"] == "192.0.2.9"
    heard.until(lambda sign: sign["until_us"] > answered + 2.5 * US)
    heard.socket.close()


def test_who_is_bound_to_series(door):
    """It is on disk and answered before it is known what it is of; then it is refused."""
    stored = StoredAccess(door.ingestd.zmq, door.ingestd.run_dir, "access")

    def bind(roles):
        stored.document = {"roles": roles}
        line = f"access.in_force version={stored.version + 1}"
        stored.tell(lambda: line in door.log())

    bind({"probe": {"delivers": [{"dest": "192.0.2.0/24"}]}})
    at = now_ms()
    for target in ("198.51.100.1", "192.0.2.1"):
        assert write(door, body(at, target, **FIRST, **SECOND)) == (204, "")
    batches = [door.ingestd.batch() for _ in range(2)]
    door.ingestd.acknowledge(*(b.sequence for b in batches))
    assert sorted(b.kind for b in batches) == [0, 1]
    for b in batches:
        if b.kind == 1:
            assert [r["reason"] for r in b.rejects] == ["denied.series"] and '198.51.100.1' in b.rejects[0]["detail"]
        else:
            assert [r["dest"] for r in b.records] == ["192.0.2.1"]
    bind({})
    stored.socket.close()


def test_what_is_against_the_specification(door):
    """What is good of a request is kept, and 400 says that the rest never will be: Prometheus sends it no more."""
    at = now_ms()
    good = {"__name__": "probe_success", "instance": "192.0.2.2", "job": "b", "module": "icmp"}
    samples = [series(sorted(good.items()), 1, at), series(list(good.items())[::-1], 1, at), series([("a", "b")], 1, at)]
    status, told = write(door, snappy(b"".join(samples) + field(3, b"metadata")))
    assert status == 400 and told == "samples: 2 samples are invalid: labels that are not sorted by name; the others are kept\n"
    for data, status, why in ((b"", 400, "snappy"), (b"{}", 400, "snappy"), (snappy(b"no message"), 400, "protobuf"),
                              (snappy(series([("__name__", "a")], 1, at) * 101), 413, "more than 100"),
                              (number(1 << 30) + b"x", 413, "uncompressed")):
        found = write(door, data)
        assert found[0] == status and why in found[1], found
    assert write(door, b"x", Content_Encoding="gzip")[0] == 415
    assert write(door, b"x", Content_Type="application/x-protobuf;proto=io.prometheus.write.v2.Request")[0] == 415
    assert write(door, snappy(b""), "/api/v1/write/fping-text")[0] == 404
    assert door.ask("GET", PATH)[0] == 405 and write(door, b"", PATH, name=None)[0] == 401
    assert write(door, b"", PATH, name="nobody")[0] == 403


def test_killed(door):
    """What was answered is there after a kill; what was delivered before it is known when it is sent again."""
    at = now_ms()
    waiting = door.counters()["remote.groups"]  # for their time: of other tests
    assert write(door, body(at, "192.0.2.3", **FIRST, **SECOND))[0] == 204
    assert door.ingestd.collect(1)[0]["dest"] == "192.0.2.3"
    assert write(door, body(at, "192.0.2.4", **FIRST))[0] == 204
    # The mark of what was delivered is on disk once a later request is answered.
    assert write(door, body(at, "192.0.2.5", **FIRST))[0] == 204
    door.kill()
    door.start()
    assert write(door, body(at, "192.0.2.3", **FIRST))[0] == 204
    for target in ("192.0.2.4", "192.0.2.5"):
        assert write(door, body(at, target, **SECOND))[0] == 204
    found = door.ingestd.collect(2)
    assert {r["dest"] for r in found} == {"192.0.2.4", "192.0.2.5"} and all(len(r["values"]) == 3 for r in found)
    wait_for(lambda: door.counters()["remote.repeated"] == 2 and door.counters()["remote.groups.complete"] == 2)
    wait_for(lambda: door.counters()["remote.groups"] <= waiting)


def test_ingestd_away_and_no_room(door):
    """Samples are on disk without ingestd; beyond what may wait they are answered so that they come again."""
    at = now_ms()
    os.kill(door.ingestd.process.pid, signal.SIGKILL)
    door.ingestd.process.wait()
    assert write(door, body(at, "192.0.2.6", **FIRST, **SECOND))[0] == 204
    door.options["remote_groups"] = 3
    door.write_config()
    os.kill(door.process.pid, signal.SIGHUP)
    wait_for(lambda: door.status().get("reload", {}).get("number") == 1)
    for last in range(11, 15):  # three at most, with what other tests left
        status, headers, told = door.post(PATH, body(at, f"192.0.2.{last}", **FIRST), **HEADERS)
        if status != 204:
            break
    assert status == 503 and int(headers["Retry-After"]) > 0 and "wait" in told
    door.ingestd.kill()
    door.start_ingestd()
    assert door.ingestd.collect(1, rejects=True)[0]["dest"] == "192.0.2.6"


# ---- Prometheus itself ----

PROGRAMS = ("prometheus", "prometheus-blackbox-exporter", "prometheus-smokeping-prober")


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


@contextlib.contextmanager
def served(folder, *command):
    with open(folder / f"{os.path.basename(command[0])}.log", "wb") as log, \
            subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def configuration(door, blackbox, smokeping, targets):
    def job(module, hosts):
        return {"job_name": module, "metrics_path": "/probe", "params": {"module": [module]}, "static_configs": [{"targets": hosts}],
                "relabel_configs": [
                    {"source_labels": ["__address__"], "target_label": "__param_target"},
                    {"source_labels": ["__param_target"], "target_label": "instance"},
                    {"source_labels": ["__param_module"], "target_label": "module"},
                    {"target_label": "__address__", "replacement": f"127.0.0.1:{blackbox}"}]}

    def to(name, drop):
        certificate, key = door.files["probe"][:2]
        return {"url": f"https://127.0.0.1:{door.port}/api/v1/write/{name}", "tls_config": {
            "ca_file": door.ca.file, "cert_file": certificate, "key_file": key}, "queue_config": {
                # As small and as many as they can be: no scrape comes in one request.
                "max_samples_per_send": 7, "min_shards": 4, "max_shards": 4, "batch_send_deadline": "200ms"},
                "write_relabel_configs": [{"source_labels": ["job"], "regex": drop, "action": "drop"}]}
    return {"global": {"scrape_interval": "1s", "scrape_timeout": "900ms", "external_labels": {"probe": "vp1"}},
            "scrape_configs": [*(job(module, hosts) for module, hosts in targets.items()),
                               {"job_name": "smokeping", "static_configs": [{"targets": [f"127.0.0.1:{smokeping}"]}]}],
            "remote_write": [to("prometheus-blackbox", "smokeping"), to("prometheus-smokeping", "icmp|http")]}


@pytest.mark.skipif(any(shutil.which(p) is None for p in PROGRAMS), reason="Prometheus and its exporters are not installed")
def test_prometheus(build_dir, tmp_path):
    ports = find_free_ports(3)
    modules = {"modules": {"icmp": {"prober": "icmp"}, "http": {"prober": "http"}}}
    (tmp_path / "blackbox.json").write_text(json.dumps(modules))  # which is YAML, too
    (tmp_path / "smokeping.json").write_text(json.dumps({"targets": []}))
    (tmp_path / "remote").mkdir()
    with contextlib.ExitStack() as stack:
        door = stack.enter_context(running(build_dir, tmp_path, remote_dir=str(tmp_path / "remote"), requests_per_second=0,
                                           connections_max_per_identity=500, posts_max_per_identity=500))
        page = stack.enter_context(web())
        closed = f"http://127.0.0.1:{find_free_ports(1)[0]}/"
        targets = {"icmp": ["127.0.0.1", "127.0.0.2"], "http": [page, closed]}
        blackbox = stack.enter_context(served(tmp_path, PROGRAMS[1], "--config.file=blackbox.json",
                                              f"--web.listen-address=127.0.0.1:{ports[0]}"))
        stack.enter_context(served(tmp_path, PROGRAMS[2], "--config.file=smokeping.json", "--ping.interval=200ms", "--privileged",
                                   f"--web.listen-address=127.0.0.1:{ports[1]}", "127.0.0.3"))
        (tmp_path / "prometheus.json").write_text(json.dumps(configuration(door, *ports[:2], targets)))
        stack.enter_context(served(tmp_path, PROGRAMS[0], "--config.file=prometheus.json", "--storage.tsdb.path=data",
                                   f"--web.listen-address=127.0.0.1:{ports[2]}"))
        found = {}

        def settled():
            for r in door.ingestd.collect(1):
                found.setdefault((r["type"], r["dest"]), []).append(r)
            wanted = [("icmp", "127.0.0.1"), ("icmp", "127.0.0.2"), ("http", page), ("http", closed),
                      ("smokeping-prober", "127.0.0.3")]
            return all(len(found.get(w, [])) >= 2 for w in wanted)
        wait_for(settled, 60, lambda: json.dumps([list(map(str, found)), door.counters(),
                                                  (tmp_path / "prometheus.log").read_text()[-2000:]], indent=1))
        # A scrape that fails leaves marks for staleness: they are no values.
        blackbox.terminate()
        wait_for(lambda: door.counters()["remote.stale"] > 0, 60)
        counters = door.counters()
        assert counters["remote.late"] == counters["remote.invalid"] == counters["remote.refused"] == 0, counters
        for records in found.values():
            times = [r["t_start_us"] for r in records]
            assert len(set(times)) == len(times) and all(t % 1000 == 0 for t in times)
            assert {r["probe"] for r in records} == {"vp1"}
