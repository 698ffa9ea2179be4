# SPDX-License-Identifier: Apache-2.0
"""Tools of Debian 12, run for real against hosts and servers of our own, from what they write to graded periods.

What is asserted is what must be so of each record whatever the machine: whom it is about, what was sent and lost, and that
times are above nothing. Each test has hosts of its own, and tells records apart by them."""
import json
import os
import shutil
import subprocess
import urllib.parse

import pytest
from conftest import find_free_ports, make_state_directory, running_set, wait_for
from labs import DEAD, ICMP, SERVER, Doors, block, made_lab
from quickstart import hosts

CLOSED = 9  # a port where nobody does
PLUGINS = "/usr/lib/nagios/plugins"
MODULES = {"icmp": {"prober": "icmp", "timeout": "2s", "icmp": {"preferred_ip_protocol": "ip4"}},
           "http": {"prober": "http", "timeout": "5s"}, "tcp": {"prober": "tcp", "timeout": "5s"},
           "dns": {"prober": "dns", "timeout": "5s",
                   "dns": {"query_name": "example.test", "query_type": "A", "preferred_ip_protocol": "ip4"}}}

SMOKEPING = """*** General ***
owner = o
contact = c@example.invalid
mailhost = localhost
sendmail = /bin/true
cgiurl = http://example.invalid/
imgurl = img
imgcache = {folder}/img
datadir = {folder}/data
piddir = {folder}/pid
smokemail = /etc/smokeping/smokemail
tmail = /etc/smokeping/tmail
*** Database ***
step = 300
pings = 5
AVERAGE 0.5 1 10
@include /etc/smokeping/config.d/Presentation
*** Probes ***
+ FPing
binary = /usr/bin/fping
hostinterval = 0.05
timeout = 0.4
*** Targets ***
probe = FPing
menu = Top
title = Top
+ Local
menu = Local
title = Local
++ Router
menu = Router
title = Router
host = {host}
"""


@pytest.fixture(scope="module", name="lab")
def _lab(build_dir):
    with made_lab(build_dir) as lab:
        yield lab


@pytest.fixture(scope="module", name="web")
def _web(lab, tmp_path_factory):
    """A web server of one page."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "page").write_text("x" * 1000)
    lab.serve("/usr/bin/python3", "-m", "http.server", "-b", SERVER, "80", port=80, folder=folder)
    return f"http://{SERVER}/page"


@pytest.fixture(scope="module", name="names")
def _names(lab):
    """A server that knows example.test."""
    lab.serve("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file",
              f"--listen-address={SERVER}", "--bind-interfaces", "--address=/example.test/192.0.2.80", port=53, udp=True)
    return SERVER


FOLDERS = ["iperf3", "irtt", "scamper"]


@pytest.fixture(scope="module", name="doors")
def _doors(build_dir):
    drop = make_state_directory()
    for folder in [drop, *(os.path.join(drop, name) for name in FOLDERS)]:
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o777)  # ingestd's user moves what is in it
    port, = find_free_ports(1)
    try:
        with running_set(build_dir, ingestd={"drop_dir": drop, "drop_formats": FOLDERS, "drop_settle_s": 0,
                                             "listeners": [{"listen": f"127.0.0.1:{port}", "format": "curl"}]}) as one:
            yield Doors(one, drop, port)
    finally:
        shutil.rmtree(drop, ignore_errors=True)


def check_trips(record, name, packets):
    """All of them came back, and took their time."""
    assert 1000 < record[f"{name}.min"] <= record[f"{name}.mean"] <= record[f"{name}.max"] < 10e6
    assert (record["packets.sent"], record.get("packets.received", packets), record["loss.ratio"]) == (packets, packets, 0)


def check_lost(record, name, packets):
    assert (record["packets.sent"], record["packets.received"], record["loss.ratio"]) == (packets, 0, 1)
    assert not any(key.startswith(name) for key in record)


# ---- ping: graded by what the default grading has ----

PINGS = {
    "fping-c": ("fping-text", lambda dest: ["fping", "-q", "-c", "3", "-p", "20", "-t", "400", dest]),
    "fping-C": ("fping-text", lambda dest: ["fping", "-q", "-C", "3", "-p", "20", "-t", "400", dest]),
    "fping-each": ("fping-text", lambda dest: ["fping", "-c", "3", "-p", "20", "-t", "400", dest]),
    "fping-sums": ("fping-text", lambda dest: ["fping", "-q", "-s", "-c", "3", "-p", "20", "-t", "400", dest]),
    "iputils": ("iputils", lambda dest: ["ping", "-n", "-c", "3", "-i", "0.05", "-W", "1", dest]),
    "iputils-D": ("iputils", lambda dest: ["ping", "-D", "-n", "-c", "3", "-i", "0.05", "-W", "1", dest]),
}


@pytest.mark.parametrize("how", PINGS)
def test_a_host_that_goes_away_ends_the_good_period(lab, doors, how):
    format_name, command = PINGS[how]
    host = lab.host()

    def measure():
        doors.send(format_name, lab.run(*command(host), both=True, ends=(0, 1)), 1)
    good, count = doors.until_good(host, measure)
    check_trips(good, ICMP, 3)
    lab.hosts.set(host, DEAD)
    measure()
    dead = doors.records(count + 1, "ping", dest=host)[-1]
    assert good["content"] == dead["content"] == "ICMPECHO"
    check_lost(dead, ICMP, 3)
    assert doors.grades(2, host)[-2:] == [(5, True), (1, False)]


def test_fping_tells_who_is_alive(lab, doors):
    alive, dead = lab.host(), lab.host(DEAD)
    doors.send("fping-text", lab.run("fping", "-e", "-r", "0", "-t", "400", alive, dead, "nowhere.invalid", both=True, ends=(1, 2)), 3)
    record = doors.record("ping", dest=alive)
    assert record["success"] == 1 and 1000 < record[f"{ICMP}.min"] < 10e6
    assert doors.record("ping", dest=dead)["success"] == 0
    unknown = doors.record("ping", dest="nowhere.invalid")
    assert unknown["success"] == 0 and "name resolution" in unknown["error"]


def test_fping_followed(lab, doors):
    """Each second's summaries, as they come."""
    good, dead = lab.host(), lab.host(DEAD)
    fping = [*lab.hosts.command_prefix(), "fping", "-l", "-Q", "1", "-p", "200", "-t", "150", good, dead]
    with subprocess.Popen(fping, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as measuring, subprocess.Popen(
            [doors.one.command, "send", "--format", "fping-text", "--follow"], stdin=measuring.stderr, stdout=subprocess.PIPE,
            text=True, env=doors.one.environment) as sending:
        doors.one.wait_for(lambda: doors.count(good) >= 2 and doors.count(dead) >= 2 and
                           5 in [grade for grade, _ in doors.grades(1, good)])  # while both go on
        assert measuring.poll() is None and sending.poll() is None
        measuring.terminate()
        measuring.stderr.close()
        told = sending.communicate(timeout=60)[0]
    assert int(told.split()[0]) >= 4 and told.endswith(" 0 refused\n"), told
    assert doors.grades(1, dead) == [(1, False)]


def test_ping_of_nobody_is_a_failed_measurement(lab, doors):
    doors.send("iputils", lab.run("ping", "-c", "1", "elsewhere.invalid", ends=(2,)), 1, target="elsewhere.invalid")
    assert doors.record("ping", dest="elsewhere.invalid")["success"] == 0


def test_scamper(lab, doors):
    host = lab.host()
    ping = ["scamper", "-O", "json", "-o", "-", "-c", "ping -c 2 -W 1", "-i", host]
    record, count = doors.until_good(host, lambda: doors.put("scamper", lab.run(*ping)))
    check_trips(record, ICMP, 2)
    assert record["source"] == hosts.NEAR4
    doors.put("scamper", lab.run("scamper", "-O", "json", "-o", "-", "-c", "trace -P icmp-paris -w 1", "-i", host))
    trace = doors.record("traceroute", dest=host)
    assert (trace["content"], trace["reached"], trace["hops.ip"], trace["hops"]) == ("icmp-echo-paris", 1, 1, [host])
    assert 1000 < trace["rtt.us.min"] < 10e6
    lab.hosts.set(host, DEAD)
    doors.put("scamper", lab.run(*ping))
    check_lost(doors.records(count + 1, "ping", dest=host)[-1], ICMP, 2)
    assert doors.grades(2, host)[-2:] == [(5, True), (1, False)]


def test_monitoring_plugins(lab, doors, web):
    host = lab.host()
    icmp = [f"{PLUGINS}/check_icmp", "-n", "3", "-i", "20ms", "-t", "3", host]
    record, count = doors.until_good(host, lambda: doors.send("monitoring-plugins", lab.run(*icmp, ends=(0, 1, 2)), 1))
    assert (record["state"], record["success"], record["loss.ratio"]) == ("OK", 1, 0) and 1000 < record[f"{ICMP}.mean"] < 10e6
    lab.hosts.set(host, DEAD)
    doors.send("monitoring-plugins", lab.run(*icmp, ends=(2,)), 1)
    dead = doors.records(count + 1, "ping", dest=host)[-1]
    assert (dead["state"], dead["success"], dead["loss.ratio"]) == ("CRITICAL", 0, 1) and f"{ICMP}.mean" not in dead
    assert doors.grades(2, host)[-2:] == [(5, True), (1, False)]
    other = lab.host()
    doors.send("monitoring-plugins", lab.run(f"{PLUGINS}/check_ping", "-H", other, "-w", "5000,20%", "-c", "9000,50%", "-p", "2"), 1,
               target=other)
    record = doors.record("ping", dest=other)
    assert (record["success"], record["loss.ratio"]) == (1, 0) and 1000 < record[f"{ICMP}.mean"] < 10e6
    for port, success, ends in ((80, 1, 0), (CLOSED, 0, 2)):
        doors.send("monitoring-plugins", lab.run(f"{PLUGINS}/check_tcp", "-H", SERVER, "-p", str(port), ends=(ends,)), 1)
        record = doors.record("tcp", dest=SERVER, content=str(port))
        assert record["success"] == success and ("tcp.connect.us" in record) == bool(success)
    doors.send("monitoring-plugins", lab.run(f"{PLUGINS}/check_http", "-I", SERVER, "-u", urllib.parse.urlsplit(web).path), 1,
               target="check.example")
    record = doors.record("http", dest="check.example")
    assert (record["success"], record["http.code"]) == (1, 200) and 0 < record["http.total.us"] and record["http.octets"] > 1000


def test_smokeping(lab, doors, tmp_path):
    """A round at a time, as its daemon would; what its file says of the newest."""
    host = lab.host()
    for folder in ("data", "img", "pid"):
        (tmp_path / folder).mkdir()
    (tmp_path / "config").write_text(SMOKEPING.format(folder=tmp_path, host=host))
    told, ask = [], block("docs/formats.md", "smokeping-lastupdate").split(" | ")[0].split()
    assert ask == ["rrdtool", "lastupdate", "/var/lib/smokeping/Local/Router.rrd"]

    def measure():
        def newer():  # its times are whole seconds
            lab.run("smokeping", f"--config={tmp_path}/config", "--debug")
            told.append(lab.run(*ask[:2], f"{tmp_path}/data/Local/Router.rrd"))
            return told[-1] not in told[:-1]
        wait_for(newer, 30)
        doors.send("smokeping-lastupdate", told[-1], 1, target=host)
    good, count = doors.until_good(host, measure)
    assert (good["packets.sent"], good["packets.received"], good["loss.ratio"], good["content"]) == (5, 5, 0, "ICMPECHO")
    assert 1000 < good[f"{ICMP}.min"] <= good[f"{ICMP}.50pct"] <= good[f"{ICMP}.max"] < 10e6
    lab.hosts.set(host, DEAD)
    measure()
    check_lost(doors.records(count + 1, "ping", dest=host)[-1], ICMP, 5)
    assert doors.grades(2, host)[-2:] == [(5, True), (1, False)]


# ---- paths ----

def test_mtr(lab, doors):
    host, dead = lab.host(), lab.host(DEAD)
    doors.send("mtr", lab.run("mtr", "-j", "-n", "-c", "3", "-i", "0.1", "-G", "1", host), 1)
    hop = doors.record("mtr", dest=host)
    check_trips(hop, "rtt.us", 3)
    assert (hop["hop.index"], hop["hop.address"], hop["last.hop"], hop["reached"]) == (1, host, 1, 1)
    # Nobody answers at all: mtr lists no hop then.
    doors.send("mtr", lab.run("mtr", "-j", "-n", "-c", "1", "-i", "0.1", "-G", "0.2", dead), 1)
    assert doors.record("mtr", dest=dead)["success"] == 0
    doors.send("mtr", lab.run("mtr", "-j", "-n", "-c", "1", "nowhere.invalid"), 1, target="nowhere.invalid")
    assert doors.record("mtr", dest="nowhere.invalid")["success"] == 0


@pytest.mark.parametrize("names", [["-n"], []])
def test_traceroute(lab, doors, names):
    host, dead = lab.host(), lab.host(DEAD)
    runs = lab.run("traceroute", *names, "-I", "-w", "2", host) + lab.run("traceroute", *names, "-I", "-w", "0.2", "-m", "3", dead)
    doors.send("traceroute", runs, 2)  # one behind the other
    trace, lost = doors.record("traceroute", dest=host), doors.record("traceroute", dest=dead)
    assert (trace["reached"], trace["hops.ip"], trace["hops"]) == (1, 1, [host]) and 1000 < trace["rtt.us.min"] < 10e6
    assert lost["reached"] == 0 and "rtt.us.min" not in lost and "hops.ip" not in lost


@pytest.mark.parametrize("names", [["-n"], []])
def test_traceroute_by_hops(lab, doors, names):
    host, dead = lab.host(), lab.host(DEAD)
    runs = lab.run("traceroute", *names, "-I", "-w", "2", host) + lab.run("traceroute", *names, "-I", "-w", "0.2", "-m", "3", dead)
    doors.send("traceroute-text", runs, 4)
    hop = doors.record("traceroute", dest=host)
    check_trips(hop, "rtt.us", 3)
    assert (hop["hop.index"], hop["hop.address"], hop["reached"]) == (1, host, 1)
    lost = doors.records(3, "traceroute", dest=dead)
    assert sorted(hop["hop.index"] for hop in lost) == [1, 2, 3]  # of one start, so in any order
    for hop in lost:
        check_lost(hop, "rtt.us", 3)
        assert hop["reached"] == 0 and "hop.address" not in hop


# ---- throughput ----

def test_iperf3(lab, doors):
    lab.serve("iperf3", "-s", "-B", SERVER, port=5201)
    client = ["iperf3", "-J", "-c", SERVER]
    doors.put("iperf3", lab.run(*client, "-t", "1"))
    tcp = doors.record("throughput", dest=SERVER, content="TCP")
    assert 0 < tcp["throughput.bps"] and 0 < tcp["throughput.sent.bps"] and 0 < tcp["rtt.us.min"] <= tcp["rtt.us.max"]
    assert (tcp["source"], tcp["streams"], tcp["success"]) == (SERVER, 1, 1)
    doors.put("iperf3", lab.run(*client, "-u", "-b", "20M", "-t", "1"))
    udp = doors.record("throughput", dest=SERVER, content="UDP")
    assert 0 < udp["throughput.bps"] and 0 < udp["packets.sent"] and 0 <= udp["loss.ratio"] < 1 and 0 <= udp["jitter.us"]
    doors.put("iperf3", lab.run(*client, "-t", "1", "--bidir"))
    both = doors.records(3, "throughput", dest=SERVER, content="TCP")[1:]
    assert all(record["success"] == 1 and 0 < record["throughput.bps"] for record in both)
    doors.send("iperf3", lab.run(*client, "-p", str(CLOSED), ends=(0, 1)), 1, target=SERVER)
    refused = doors.records(4, "throughput", dest=SERVER, content="TCP")[-1]
    assert refused["success"] == 0 and "refused" in refused["error"]


def test_irtt(lab, doors):
    lab.serve("irtt", "server", "-b", SERVER, port=2112, udp=True)
    doors.put("irtt", lab.run("irtt", "client", "-i", "20ms", "-d", "200ms", "-Q", "-o", "-", SERVER))
    record = doors.record("irtt", dest=SERVER)
    assert record["content"] == "UDP" and record["source"] == SERVER
    assert 0 < record["rtt.us.min"] <= record["rtt.us.mean"] <= record["rtt.us.max"] < 10e6
    assert record["packets.sent"] >= 2 and 0 <= record["loss.ratio"] < 1
    doors.send("irtt", lab.run("irtt", "client", "-d", "200ms", "-Q", "-o", "-", f"{SERVER}:{CLOSED}", ends=(1,)), 1,
               target="irtt.example")
    assert doors.record("irtt", dest="irtt.example")["success"] == 0


# ---- HTTP, DNS and others ----

def test_curl(lab, doors, web):
    curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{json}"]
    doors.say(lab.run(*curl, web))
    page = doors.record("http", dest=web)
    assert (page["success"], page["http.code"], page["http.body.octets"], page["curl.exit"]) == (1, 200, 1000, 0)
    assert (page["source"], page["http.address"]) == ("", SERVER) and 0 < page["http.firstbyte.us"] <= page["http.total.us"]
    doors.say(lab.run(*curl, f"{web}-absent"))
    assert doors.record("http", dest=f"{web}-absent")["http.code"] == 404
    nobody = f"http://{SERVER}:{CLOSED}/"
    doors.say(lab.run(*curl, nobody, ends=(7,)))
    refused = doors.record("http", dest=nobody)
    assert (refused["success"], refused["curl.exit"]) == (0, 7) and "http.code" not in refused and refused["error"]


def test_httping(lab, doors, web):
    doors.send("httping", lab.run("httping", "-M", "-s", "-c", "2", "-i", "0.1", "-g", web), 2, target=web)
    for record in doors.records(2, "http", dest=SERVER, content=web):
        assert (record["success"], record["http.code"]) == (1, 200) and 0 < record["http.connect.us"] < record["http.total.us"]
    nobody = f"http://{SERVER}:{CLOSED}/x"
    # 139, -11: Debian's crashes where the first request fails.
    doors.send("httping", lab.run("httping", "-M", "-s", "-c", "1", "-g", nobody, ends=(139, -11)), 1, target=nobody)
    assert doors.record("http", content=nobody)["success"] == 0


def test_dig(lab, doors, names):
    query = ["dig", "-u", "+time=5", "+tries=1", f"@{names}"]
    doors.send("dig", lab.run(*query, "example.test", "A") + lab.run(*query, "other.test", "AAAA"), 2)
    answer = doors.record("dns", content="example.test. A")
    assert (answer["dest"], answer["success"], answer["dns.rcode"], answer["dns.answers"]) == (names, 1, "NOERROR", 1)
    assert 0 < answer["dns.total.us"] and 20 < answer["dns.size"]
    refused = doors.record("dns", content="other.test. AAAA")
    assert (refused["dest"], refused["success"], refused["dns.rcode"]) == (names, 0, "REFUSED")
    silent = lab.host(DEAD)
    doors.send("dig", lab.run("dig", "-u", "+time=1", "+tries=1", f"@{silent}", "example.test", ends=(9,)), 1, target=silent)
    assert doors.record("dns", dest=silent)["success"] == 0


def test_kdig(lab, doors, names):
    doors.send("kdig", lab.run("kdig", "+json", "+time=5", "+retry=0", f"@{names}", "example.test", "A"), 1, target="kdig.example")
    answer = doors.record("dns", dest="kdig.example")
    assert (answer["content"], answer["success"], answer["dns.rcode"], answer["dns.answers"]) == ("example.test. A", 1, 0, 1)
    silent = lab.host(DEAD)
    doors.send("kdig", lab.run("kdig", "+json", "+time=1", "+retry=0", f"@{silent}", "example.test", ends=(1,)), 1, target=silent)
    assert doors.record("dns", dest=silent)["success"] == 0


def test_blackbox_exporter(lab, doors, web, names, tmp_path):
    (tmp_path / "blackbox.json").write_text(json.dumps({"modules": MODULES}))  # which is YAML, too
    lab.serve("prometheus-blackbox-exporter", f"--config.file={tmp_path}/blackbox.json", f"--web.listen-address={SERVER}:9115",
              port=9115)
    good, dead = lab.host(), lab.host(DEAD)
    probed = {}
    for module, target in (("icmp", good), ("icmp", dead), ("http", web), ("dns", names), ("tcp", f"{SERVER}:{CLOSED}")):
        asked = urllib.parse.urlencode({"module": module, "target": target})
        doors.send("blackbox", lab.run("curl", "-sS", f"http://{SERVER}:9115/probe?{asked}"), 1, module=module, target=target,
                   instance="bb")
        record = probed[module, target] = doors.record(module, content=target, probe="bb")
        assert 0 < record["probe.duration.us"]
    assert {key for key, record in probed.items() if record["success"] == 1} == {("icmp", good), ("http", web), ("dns", names)}
    assert 1000 < probed["icmp", good][ICMP] < 10e6 and ICMP not in probed["icmp", dead]
    page = probed["http", web]
    assert (page["http.code"], page["http.body.octets"]) == (200, 1000) and 0 < page["http.connect.us"]
    answer = probed["dns", names]
    assert (answer["dns.query.succeeded"], answer["dns.answers"]) == (1, 1) and 0 < answer["dns.request.us"]
