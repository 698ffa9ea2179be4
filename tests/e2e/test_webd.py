# SPDX-License-Identifier: Apache-2.0
"""What a set says of itself over HTTP: metrics as promtool and a real Prometheus take them, health by making things ill."""
import contextlib
import datetime
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from conftest import find_free_ports, ping, time_text, wait_for
from ezrepo import pki
from ezrepo import state as states
from webds import check, get, promtool

SAMPLE = re.compile(r'(ezrepo_[a-z0-9_]+)(?:\{([^}]*)\})? (\d+(?:\.\d+)?)')


@pytest.fixture(scope="module", name="one")
def _one(module_set):
    now = time.time()
    module_set.send([ping("192.0.2.1", time_text(now - i)) for i in range(20)])
    module_set.wait_matched(20)
    # Each process says it once a second.
    counted = [("ezrepo_queryd_query_duration_seconds_count", 'process="queryd"'), ("ezrepo_stored_committed_records_total", 'process="stored"'),
               ("ezrepo_mplane_gw_request_duration_seconds_count", 'process="mplane-gw"'),
               ("ezrepo_classifyd_grades_total", 'process="classifyd-0",grade="5"')]
    module_set.wait_for(lambda: all(samples(module_set)[one] > 0 for one in counted))
    return module_set


def samples(one):
    """Of each metric and its labels the value."""
    status, text, headers = get(one, "/metrics")
    assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = [SAMPLE.fullmatch(line) for line in text.splitlines() if not line.startswith("#")]
    assert all(found)
    values = {(m[1], m[2] or ""): float(m[3]) for m in found}
    assert len(values) == len(found)  # none is there twice
    return values


def test_promtool_finds_nothing(one):
    assert promtool(get(one, "/metrics")[1]) == (0, "", "")


def test_all_that_is_counted_is_there(one, build_dir):
    values = samples(one)
    for process in one.status()["processes"]:
        if process["name"] == "postgres":
            continue
        kind = process["process"]
        assert values[("ezrepo_up", f'process="{process["name"]}"')] == 1
        rows = subprocess.run([os.path.join(build_dir, kind, kind), "--counters"], capture_output=True, text=True, check=True).stdout
        for row in map(json.loads, rows.splitlines()):
            labels = "".join(f',{name}="{value}"' for name, value in row["labels"].items())
            metric = row["metric"] + ("_count" if row["kind"] == "histogram" else "")
            assert (metric, f'process="{process["name"]}"{labels}') in values, row
    assert values[("ezrepo_stored_committed_records_total", 'process="stored"')] == 20
    assert values[("ezrepo_classifyd_grades_total", 'process="classifyd-0",grade="5"')] > 0
    flushes = values[("ezrepo_stored_flushes_total", 'process="stored"')]
    assert values[("ezrepo_stored_flush_duration_seconds_count", 'process="stored"')] == flushes > 0
    assert values[("ezrepo_stored_flush_duration_seconds_bucket", 'process="stored",le="+Inf"')] == flushes
    assert 0 < values[("ezrepo_stored_flush_duration_seconds_sum", 'process="stored"')] < 60 * flushes
    assert values[("ezrepo_queryd_query_duration_seconds_count", 'process="queryd"')] > 0
    assert values[("ezrepo_mplane_gw_request_duration_seconds_count", 'process="mplane-gw"')] > 0
    started = values[("ezrepo_process_start_time_seconds", 'process="stored"')]
    assert time.time() - 3600 < started < time.time()
    assert values[("ezrepo_process_memory_bytes", 'process="stored"')] > 1 << 20


def test_prometheus_scrapes_it(one, tmp_path):
    port, = find_free_ports(1)
    (tmp_path / "prometheus.yml").write_text(json.dumps({"scrape_configs": [{
        "job_name": "ezrepo", "scrape_interval": "1s", "static_configs": [{"targets": [f"127.0.0.1:{one.metrics}"]}]}]}))

    def asked(query):
        url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10) as answer:
            return {r["metric"].get("process", ""): r["value"][1] for r in json.load(answer)["data"]["result"]}
        return {}
    with open(tmp_path / "log", "w", encoding="utf-8") as log, subprocess.Popen(
            ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}"],
            cwd=tmp_path, stdout=log, stderr=log) as prometheus:
        try:
            wait_for(lambda: asked("ezrepo_up"), 60, lambda: (tmp_path / "log").read_text()[-2000:])
            names = {p["name"] for p in one.status()["processes"]} - {"postgres"}
            assert asked("ezrepo_up") == dict.fromkeys(names, "1") and asked("up") == {"": "1"}
            assert asked("ezrepo_stored_committed_records_total") == {"stored": "20"}
            assert asked("histogram_quantile(0.9, ezrepo_stored_flush_duration_seconds_bucket)").keys() == {"stored"}
        finally:
            prometheus.terminate()


def test_paths_and_methods(one):
    assert get(one, "/healthz")[:2] == get(one, "/readyz")[:2] == (200, "ok\n")
    assert get(one, "/")[0] == get(one, "/metrics/x")[0] == 404
    status, _, headers = get(one, "/metrics", "POST")
    assert status == 405 and headers["Allow"] == "GET, HEAD"
    status, text, headers = get(one, "/metrics", "HEAD")
    assert status == 200 and text == "" and int(headers["Content-Length"]) > 10000


def test_who_says_nothing_keeps_nobody_waiting(one):
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            s = stack.enter_context(socket.create_connection(("127.0.0.1", one.metrics), 10))
            s.sendall(b"GET /metr")
        assert get(one, "/healthz")[0] == 200


@contextlib.contextmanager
def standing_still(one, name):
    pid = one.pid(name)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("name, ready", [("classifyd-0", False), ("ingest-gw", True)])
def test_a_process_that_stands_still(one, name, ready):
    with standing_still(one, name):
        one.wait_for(lambda: get(one, "/healthz")[0] == 503)
        assert re.fullmatch(rf"ill\n{name} has said nothing for \d+ s\n", get(one, "/healthz")[1])
        assert get(one, "/readyz")[0] == (200 if ready else 503)
        values = samples(one)
        assert values[("ezrepo_up", f'process="{name}"')] == 0 and values[("ezrepo_healthy", "")] == 0
    one.wait_for(lambda: get(one, "/healthz")[:2] == (200, "ok\n"))


def test_the_database_is_away(one):
    """Both processes that need it say so, as `status` has it."""
    one.sql("ALTER ROLE ezrepo_store NOLOGIN", role="postgres")
    one.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ezrepo_store'", role="postgres")
    one.send([ping("192.0.2.7", time_text(time.time()))])
    one.wait_for(lambda: get(one, "/readyz")[0] == 503)
    status, text, _ = get(one, "/healthz")
    assert status == 503 and re.search(r"^stored: database: away for \d+ s: ", text, re.M)
    assert samples(one)[("ezrepo_trouble", 'process="stored",about="database"')] == 1
    assert any(line.startswith("stored: database: away") for line in one.status()["troubles"])
    done = check(one)
    assert done.returncode == 2 and done.stdout.startswith("EZREPO CRITICAL: stored: database: away for ")
    one.wait_for(lambda: re.search(r"^ingestd: store: nothing is stored for \d+ s, 1 records wait$", get(one, "/healthz")[1], re.M))
    done = check(one)
    assert done.returncode == 2 and done.stdout.startswith("EZREPO CRITICAL: 2 troubles | ") and len(done.stdout.splitlines()) == 3
    one.sql("ALTER ROLE ezrepo_store LOGIN", role="postgres")
    one.wait_for(lambda: get(one, "/healthz")[:2] == (200, "ok\n"))
    assert ("ezrepo_trouble", 'process="stored",about="database"') not in samples(one)


def test_a_certificate_that_ends_soon(one):
    state = states.State(one.state)
    pki.make_server(state, state.account("mplane-gw"), [], days=5)
    one.cmd("reload", "mplane-gw")
    one.wait_for(lambda: re.fullmatch(r"ill\nmplane-gw: certificates: the certificate ends on 20\d\d-\d\d-\d\d\n", get(one, "/healthz")[1]))
    assert get(one, "/readyz")[0] == 200
    ends = samples(one)[("ezrepo_mplane_gw_certificate_ends_timestamp_seconds", 'process="mplane-gw"')]
    assert 4 * 86400 < ends - time.time() < 6 * 86400
    done = check(one)
    assert done.returncode == 1 and done.stdout.startswith("EZREPO WARNING: mplane-gw: certificates: ")
    one.cmd("pki", "server")
    one.wait_for(lambda: get(one, "/healthz")[0] == 200)


def short_client(one, name, days):
    """A client's certificate that is 100 days old, and its key; as `ezrepo pki issue` makes them otherwise."""
    folder = pathlib.Path(one.state, "pki")
    authority = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    signing = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    like = x509.load_pem_x509_certificate((folder / "clients" / "admin.crt").read_bytes())
    subject = x509.Name([x509.NameAttribute(a.oid, name) if a.oid == x509.NameOID.COMMON_NAME else a for a in like.subject])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = x509.CertificateBuilder(issuer_name=authority.subject, subject_name=subject, public_key=key.public_key(),
                                          serial_number=x509.random_serial_number(), not_valid_before=now - datetime.timedelta(100),
                                          not_valid_after=now + datetime.timedelta(days)).sign(signing, hashes.SHA256())
    (folder / "clients" / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "clients" / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                                       serialization.NoEncryption()))


def test_a_client_whose_certificate_ends_soon(one):
    """It is told once the client has come, and no more when it comes with a newer one."""
    short_client(one, "sleepy", 5)
    one.cmd("query", "--as", "sleepy", check=False)  # whether it may ask is another matter
    one.wait_for(lambda: re.fullmatch(r"ill\nmplane-gw: clients: the certificate of \S*sleepy\S* ends on 20\d\d-\d\d-\d\d\n", get(one, "/healthz")[1]))
    assert get(one, "/readyz")[0] == 200 and check(one).returncode == 1
    one.cmd("pki", "issue", "sleepy", "--renew")
    one.cmd("query", "--as", "sleepy", check=False)
    one.wait_for(lambda: get(one, "/healthz")[:2] == (200, "ok\n"))


def test_check(one):
    done = check(one)
    assert (done.returncode, done.stderr) == (0, "")
    line, figures = done.stdout.rstrip("\n").split(" | ")
    assert line == "EZREPO OK: all processes do what they are for"
    data = dict(figure.split("=") for figure in figures.split())
    assert set(data) == {"processes", "lag", "stored", "spool", "waiting", "rejected", "dropped", "lost"}
    assert data["processes"] == str(len(one.status()["processes"]) - 1) and re.fullmatch(r"\d+c", data["stored"])
    assert one.cmd("check").stdout.startswith("EZREPO OK: ")  # finds webd by itself
    done = check(one, "--url", f"http://127.0.0.1:{find_free_ports(1)[0]}")
    assert done.returncode == 2 and done.stdout.startswith("EZREPO CRITICAL: webd does not answer: ")
    done = check(one, "--url", f"http://127.0.0.1:{one.registry}")
    assert done.returncode == 3 and "is no webd" in done.stdout
    assert check(one, "--url", "nonsense").returncode == 3
    if os.geteuid() == 0:  # who may not read where webd is takes the preset, and is no alarm when that is wrong
        done = subprocess.run([one.command, "check"], capture_output=True, text=True, check=False, cwd="/", env=one.environment,
                              user="nobody", group="nogroup", extra_groups=[])
        assert done.returncode == 3 and "ezrepo.json cannot be read, which says where it is: give --url" in done.stdout


def test_files_that_are_no_status(one):
    """A process that was taken over writes what it likes into its own folder: the others are told all the same."""
    folder = pathlib.Path(next(pathlib.Path(one.state, "run").rglob("classifyd-0.json"))).parent
    secret = pathlib.Path(one.state, "secret")
    secret.write_text('{"name": "secret"}')
    os.mkfifo(folder / "classifyd-7.json", 0o644)
    (folder / "classifyd-8.json").symlink_to(secret)
    (folder / "classifyd-9.json").write_bytes(b"\xff" * (1 << 20))
    (folder / "classifyd-10.json").write_text('{"name": "classifyd-10", "process": "classifyd"}')
    (folder / "classifyd-x.json").write_text("{}")
    for file in folder.glob("classifyd-*.json"):
        if not file.is_symlink():
            file.chmod(0o644)
    try:
        values = samples(one)
        names = {labels for metric, labels in values if metric == "ezrepo_up"}
        assert 'process="classifyd-0"' in names and not any(f"classifyd-{n}" in name for name in names for n in (7, 8, 9, 10))
        assert get(one, "/healthz")[0] == 200
        assert "status.read" in one.logs()["webd.log"]
    finally:
        for file in [*folder.glob("classifyd-[1-9]*.json"), folder / "classifyd-x.json", secret]:
            file.unlink()


def test_without_webd_nothing_else_stops(one):
    os.kill(one.pid("webd"), signal.SIGKILL)
    one.send([ping("192.0.2.8", time_text(time.time()))])
    one.wait_for(lambda: get_or_none(one) == (200, "ok\n"))
    assert one.status()["ok"]


def get_or_none(one):
    try:
        return get(one, "/healthz")[:2]
    except OSError:
        return None
