# SPDX-License-Identifier: Apache-2.0
"""Tools of Debian 12 that send what they measure by themselves, with a token: what docs/formats.md has them configured with,
for hosts of our own, to graded periods in a whole set."""
import os

import pytest
from conftest import find_free_ports, running_set
from labs import DEAD, ICMP, Doors, adapted, block, made_lab


@pytest.fixture(scope="module", name="doors")
def _doors(build_dir):
    with running_set(build_dir) as one:
        yield Doors(one, None, None)


@pytest.fixture(scope="module", name="lab")
def _lab(build_dir, doors, tmp_path_factory):
    with made_lab(build_dir) as lab:
        lab.lead_out(doors.one.ingest, tmp_path_factory.mktemp("out"))
        yield lab


def token(doors, name, *types):
    given = [word for each in types for word in ("--type", each)]
    return doors.one.cmd("token", "issue", name, *given, "--from", "127.0.0.0/8").stdout.split()[-1]


def changes(doors, host):
    """What is of this test in any of the page's blocks."""
    return {"192.0.2.1": host, "ezrepo.example:8892": f"127.0.0.1:{doors.one.ingest}"}


def ca(doors):
    return os.path.join(doors.one.state, "pki", "ca.crt")


def goes_away(lab, doors, host):
    """The host is good, then it is no more, and so say its periods."""
    doors.one.wait_for(lambda: (5, False) in doors.grades(1, host))
    lab.hosts.set(host, DEAD)
    doors.one.wait_for(lambda: doors.grades(1, host)[-1] == (1, False))


def test_collectd(lab, doors, tmp_path):
    host = lab.host()
    (tmp_path / "collectd.conf").write_text(adapted(block("docs/formats.md", "collectd"), {
        **changes(doors, host), "/etc/collectd/ezrepo-ca.crt": ca(doors), "TOKEN": token(doors, "vp1", "ping"),
        "Interval 10": "Interval 1"}))
    lab.start("collectd", "-f", "-C", str(tmp_path / "collectd.conf"))
    goes_away(lab, doors, host)


def prometheus(lab, folder, configuration):
    """One of its own, so that the page's configuration is all it has."""
    (folder / "prometheus.yml").write_text(configuration)
    port, = find_free_ports(1)
    lab.serve("prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
              f"--web.listen-address=127.0.0.1:{port}", port=port)


@pytest.fixture(scope="module", name="own")
def _own(doors, tmp_path_factory):
    """What of Prometheus's configurations every reader has to change."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "token").write_text(token(doors, "prometheus", "icmp", "ping"))
    return {"/etc/prometheus/ezrepo.token": f"{folder}/token", "/etc/prometheus/ezrepo-ca.crt": ca(doors),
            "queue_config: {": "queue_config: {batch_send_deadline: 200ms, "}


def test_prometheus_and_blackbox_exporter(lab, doors, own, tmp_path):
    doors.one.cmd("grading", "add-defaults", "icmp")
    host = lab.host()
    (tmp_path / "blackbox.yml").write_text('{"modules": {"icmp": {"prober": "icmp"}}}')
    lab.serve("prometheus-blackbox-exporter", f"--config.file={tmp_path}/blackbox.yml", "--web.listen-address=127.0.0.1:9115", port=9115)
    prometheus(lab, tmp_path, adapted(block("docs/formats.md", "Prometheus remote write"), {
        **own, **changes(doors, host), ", 192.0.2.9": "",
        "external_labels": "scrape_interval: 1s\n  scrape_timeout: 900ms\n  external_labels"}))
    goes_away(lab, doors, host)


def test_prometheus_and_smokeping_prober(lab, doors, own, tmp_path):
    """Which only counts: what is graded is what rules make of it."""
    host = lab.host()
    (tmp_path / "none.yml").write_text("targets: []")
    lab.serve("prometheus-smokeping-prober", f"--config.file={tmp_path}/none.yml", "--privileged", "--ping.interval=200ms",
              "--web.listen-address=127.0.0.1:9374", host, port=9374)
    (tmp_path / "ezrepo.rules.yml").write_text(adapted(block("docs/formats.md", "prometheus-ping", 0),
                                                       {"interval: 1m": "interval: 1s", "[1m]": "[3s]"}))
    door = changes(doors, host)
    del door["192.0.2.1"]
    prometheus(lab, tmp_path, "global: {scrape_interval: 1s, scrape_timeout: 900ms}\n" +
               adapted(block("docs/formats.md", "prometheus-ping", 1), {**own, **door}))
    goes_away(lab, doors, host)
