# SPDX-License-Identifier: Apache-2.0
"""What tests of real tools share: hosts of our own that the tools measure, a set with doors for what they write, and what
docs/formats.md says how they are used."""
import contextlib
import datetime
import itertools
import os
import re
import socket
import subprocess

import pytest
from conftest import ROOT, wait_for
from quickstart import hosts

SERVER = "203.0.113.1"  # where our own servers listen, in the namespace that has the hosts
GOOD, DEAD = hosts.Condition(2, 1), hosts.Condition(2, 1, 100)
ICMP = "delay.twoway.icmp.us"
PROXY = "/lib/systemd/systemd-socket-proxyd"


def block(page, heading, number=0):
    """Of the fenced blocks under this heading the one of that number."""
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        section, = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?:^##|\Z)", file.read(), re.M | re.S)
    return re.findall(r"^```\n(.*?)^```$", section, re.M | re.S)[number]


def adapted(text, changes):
    """A block of a page as it stands, but for what every reader has to change: what, and into what."""
    for what, into in changes.items():
        assert what in text, what
        text = text.replace(what, into)
    return text


class Lab:
    """Hosts whose delay and loss we set, and a namespace in which tools reach them, and servers listen."""

    def __init__(self, made, addresses, stack):
        self.hosts, self._free, self._stack = made, iter(addresses), stack
        subprocess.run([*made.command_prefix(), "ip", "address", "add", f"{SERVER}/32", "dev", "lo"], check=True)

    def host(self, condition=GOOD):
        """One that nobody else uses."""
        address = next(self._free)
        self.hosts.set(address, condition)
        return address

    def run(self, *command, both=False, ends=(0,)):
        """What a tool writes to standard output; `both`: to standard error, too. It has to end with one of these codes."""
        done = subprocess.run([*self.hosts.command_prefix(), *command], stdout=subprocess.PIPE, text=True, timeout=60,
                              stderr=subprocess.STDOUT if both else subprocess.PIPE, check=False,
                              env={**os.environ, "LC_ALL": "C", "RES_OPTIONS": "timeout:1 attempts:1"})
        assert done.returncode in ends, f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def serve(self, *command, port, udp=False, folder=None):
        """Starts a server, until the tests of this file end, and waits until it listens."""
        process = self.start(*command, folder=folder)

        def listens():
            assert process.poll() is None, f"{command} ended: {process.stderr.read()}"
            return self.run("ss", "-Hnul" if udp else "-Hntl", f"sport = {port}")
        wait_for(listens, 60)

    def start(self, *command, folder=None, inside=True):
        """Starts what runs until the tests of this file end, `inside` the namespace or not."""
        process = subprocess.Popen([*(self.hosts.command_prefix() if inside else []), *command], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, cwd=folder, text=True)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def lead_out(self, port, folder):
        """Connections that are made in the namespace to this port of 127.0.0.1 are those to it outside, by a Unix socket, which
        no namespace of networks divides."""
        path = f"{folder}/{port}.sock"
        self.start("systemd-socket-activate", "-l", path, PROXY, f"127.0.0.1:{port}", inside=False)
        wait_for(lambda: os.path.exists(path))
        self.serve("systemd-socket-activate", "-l", f"127.0.0.1:{port}", PROXY, path, port=port)


@contextlib.contextmanager
def made_lab(build_dir):
    """For a fixture that the tests of one file share."""
    addresses = [f"198.51.100.{n}" for n in range(1, 31)]
    if os.geteuid() != 0:
        pytest.skip("ping, mtr, scamper and traceroute take root")
    made = hosts.make(addresses, os.path.join(build_dir, "deploy", "tun_responder"))
    if made is None:
        pytest.skip("no hosts of our own here: neither network namespaces with netem nor a TUN device can be made")
    with contextlib.ExitStack() as stack:
        stack.callback(made.close)
        yield Lab(made, addresses, stack)


class Doors:
    """One set, its doors for what tools write, and what it has of it."""

    def __init__(self, one, drop, port):
        self.one, self.drop, self.port = one, drop, port
        self._files = itertools.count()

    def send(self, format_name, text, records, **context):
        """By `ezrepo send`, which has to take so many records and refuse none."""
        given = [word for name, value in context.items() for word in ("--context", f"{name}={value}")]
        assert self.one.cmd("send", "--format", format_name, *given, "-", text=text).stdout \
            == f"{records} record{'s' * (records != 1)} taken, 0 refused\n"

    def put(self, format_name, text):
        """As a file, which has to be done."""
        name = f"{next(self._files)}.out"
        folder = os.path.join(self.drop, format_name)
        with open(os.path.join(folder, f".{name}"), "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(os.path.join(folder, f".{name}"), os.path.join(folder, name))
        self.one.wait_for(lambda: not os.path.exists(os.path.join(folder, name)))
        assert os.listdir(os.path.join(folder, "failed")) == []

    def say(self, text):
        """As a datagram to the listener for curl."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(text.encode(), ("127.0.0.1", self.port))

    def records(self, count, record_type, **dimensions):
        """The records of this type and these dimensions, once there are so many, by time and row."""
        where = "".join(f" AND {name} = %s" for name in dimensions)

        def found():
            return self.one.sql(
                f"""SELECT type, content, source, dest, t_start, t_end, addresses, results, "values" FROM measurement m
                    JOIN series s ON s.id = series_id JOIN schema c ON c.id = schema_id LEFT JOIN hops h ON h.id = hops_id
                    WHERE type = %s{where} ORDER BY t_start, row""", record_type, *dimensions.values())
        self.one.wait_for(lambda: len(found()) >= count)
        rows = found()
        assert len(rows) == count, rows
        now = datetime.datetime.now(datetime.timezone.utc)
        for row in rows:  # measured just now, by whatever clock the tool has
            assert datetime.timedelta(seconds=-5) < now - row[5] < datetime.timedelta(minutes=10) and row[4] <= row[5]
        return [{"content": row[1], "source": row[2], "dest": row[3], "hops": row[6],
                 **{name: number(value) for name, value in zip(row[7], row[8]) if value is not None}} for row in rows]

    def record(self, record_type, **dimensions):
        return self.records(1, record_type, **dimensions)[0]

    def until_good(self, host, measure):
        """Has it measured and delivered until the host is graded 5, which a busy machine may put off. The last record, and
        how many there are."""
        for count in range(1, 21):
            measure()
            record = self.records(count, "ping", dest=host)[-1]
            if self.grades(1, host)[-1] == (5, False):
                return record, count
        pytest.fail(f"never good: {record}")

    def count(self, dest):
        return self.one.sql("SELECT count(*) FROM measurement m JOIN series s ON s.id = series_id WHERE dest = %s", dest)[0][0]

    def grades(self, periods, dest):
        """The grades of a destination's periods, the first first, and whether each has ended."""
        def found():
            return sorted((row["period.start"], int(row["grade.value"]), bool(row["period.ended"]))
                          for row in self.one.rows("periods", "--grade", "overall", "--dest", dest))
        self.one.wait_for(lambda: len(found()) >= periods)
        return [row[1:] for row in found()]


def number(text):
    try:
        return float(text)
    except ValueError:
        return text
