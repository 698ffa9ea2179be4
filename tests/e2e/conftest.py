# SPDX-License-Identifier: Apache-2.0
"""What end-to-end tests share: real sets of real processes, each in a state directory of its own.

Tests run against the build that EZREPO_BUILD names (deploy/run-tests sets it). They may run several at a time:
ports are found free, directories are fresh. At the end of each set its logs are searched for what
sanitizers and panics write.
"""
import contextlib
import datetime
import errno
import fcntl
import functools
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import IO, Any, Callable, Dict, Iterator, List, Optional, Set, Union

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "deploy", "lib"))
from ezrepo import jsonc, status  # noqa: E402
from ezrepo.state import State  # noqa: E402

EZREPO = os.path.join(ROOT, "deploy", "ezrepo")
BAD_IN_LOGS = re.compile(r"\bpanic\b|Sanitizer|runtime error|Assertion.*failed")

Line = Union[str, Dict[str, Any]]


def find_build() -> str:
    """The build whose programs are tested."""
    named = os.environ.get("EZREPO_BUILD")
    for folder in [named] if named else [os.path.join(ROOT, n) for n in ("build-asan", "build-gcc", "build")]:
        if os.path.exists(os.path.join(folder, "build.ninja")):
            os.environ["EZREPO_BUILD"] = os.path.abspath(folder)
            return os.environ["EZREPO_BUILD"]
    pytest.fail(f"no build in {named or ROOT}; run deploy/run-tests, or set EZREPO_BUILD")


@pytest.fixture(scope="session")
def build_dir() -> str:
    """The same, for tests."""
    return find_build()


def pytest_configure(config: pytest.Config) -> None:
    """What fails in a thread of a test, or of what stands in for a process, fails the test."""
    config.addinivalue_line("filterwarnings", "error::pytest.PytestUnhandledThreadExceptionWarning")


class Failures:
    """What failed is told when it fails, and why in a line: a run may be cut off, and is read while it goes on."""

    def __init__(self, terminal: Any) -> None:
        self.terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            why = getattr(getattr(report.longrepr, "reprcrash", None), "message", str(report.longrepr)).splitlines()
            self.terminal.write_line(f"\n{report.nodeid} failed ({report.when}): {why[0] if why else ''}"[:400], red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(Failures(terminal))


# Files that take minutes: begun first, so that at the end no worker goes on alone with one of them.
LONGEST = ["test_quickstart", "test_formats", "test_rebuild", "test_operator", "test_supervisor", "test_pki", "test_postgresql_away",
           "test_epochs", "test_ledger", "test_systemd", "test_pipeline", "test_rejected", "test_upgrade", "test_stored",
           "test_full_disk", "test_drop", "test_bench"]


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    order = {name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


def pytest_sessionfinish() -> None:
    import initdb_copies  # what it imports is this file
    initdb_copies.remove()


def is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            try:
                with socket.socket(family, kind) as s:
                    s.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return False  # any other error is that of a machine without IPv6
    return True


@functools.lru_cache(maxsize=None)
def port_claims() -> IO[bytes]:
    """The file whose byte N is locked by the test process that may use port N. Open until that process ends, and with it
    its locks."""
    return open(f"/tmp/ezrepo-test-ports-{os.getuid()}", "ab")  # pylint: disable=consider-using-with


CLAIMED: Set[int] = set()


def claim(port: int) -> bool:
    """That no other process that runs tests gets this port, until this one ends."""
    if port in CLAIMED:
        return False
    try:
        fcntl.lockf(port_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    CLAIMED.add(port)
    return True


def sender_of(page: str) -> str:
    """The program of thirty lines that docs/udp-envelope.md has."""
    found = re.search(r"```python\n(.*?)```", page, re.S)
    assert found
    return found.group(1)


def documented_sender() -> Any:
    """Its class, which signs datagrams: Sender(key_file, host, port)."""
    names: Dict[str, Any] = {"__name__": "sender"}
    with open(os.path.join(ROOT, "docs/udp-envelope.md"), encoding="utf-8") as file:
        exec(sender_of(file.read()), names)  # pylint: disable=exec-used
    return names["Sender"]


def find_free_ports(count: int) -> List[int]:
    """Ports free for UDP and TCP, IPv4 and IPv6, which no other test gets, also while nobody listens there. They are
    below those that the system gives to whoever binds to none."""
    found: List[int] = []
    while len(found) < count:
        port = random.SystemRandom().randrange(20000, 32000)
        if claim(port) and is_free(port):
            found.append(port)
    return found


def queued_bytes(port: int) -> int:
    """What the kernel holds for whoever listens on this UDP port: a sender that goes on only below a bound loses nothing,
    however long the listener is held up."""
    with open("/proc/net/udp", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return sum(int(row[4].partition(":")[2], 16) for row in rows if int(row[1].partition(":")[2], 16) == port)


@functools.lru_cache(maxsize=None)
def folder_of_sets() -> str:
    """Where sets and clusters are made; EZREPO_TEST_DIR says where else. In memory where there is plenty: each is a thousand
    files that come and go, and a disk's file system soon spends more time on them than all processes together."""
    memory = "/dev/shm"
    try:
        room = os.statvfs(memory)
        with open("/proc/meminfo", encoding="ascii") as file:
            available = next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:"))
        fits = os.access(memory, os.W_OK | os.X_OK) and min(available // 2, room.f_bavail * room.f_frsize) >= 4 << 30
    except OSError:
        fits = False
    return os.environ.get("EZREPO_TEST_DIR", memory if fits else "/tmp")


def make_state_directory() -> str:
    """Short, because sockets live in it; open to enter, because unprivileged users must."""
    path = tempfile.mkdtemp(prefix="ez", dir=folder_of_sets())
    os.chmod(path, 0o755)
    return path


@pytest.fixture
def tmp_state() -> Iterator[str]:
    """A directory to make a state directory in: tmp_state + "/s"."""
    path = make_state_directory()
    yield path
    shutil.rmtree(path, ignore_errors=True)


def assert_clean(log: str) -> None:
    """That a process's log, or what it wrote to standard error, has nothing of what sanitizers and panics write."""
    assert not BAD_IN_LOGS.search(log), log[-8000:]


def wait_for(what: Callable[[], Any], seconds: float = 60, tell: Callable[[], str] = str, pause_s: float = 0.02) -> Any:
    """Until what() is true; returns that. When it does not come about, the failure has what tell() says. What takes long
    is looked at less often, up to five pauses apart, since looking takes from what is waited for."""
    begin = time.monotonic()
    while not (found := what()):
        waited = time.monotonic() - begin
        assert waited < seconds, f"did not come about within {seconds} s\n{tell()}"
        time.sleep(min(max(pause_s, waited / 10), 5 * pause_s))
    return found


def clock() -> datetime.datetime:
    """The time of day, as status files have it."""
    return datetime.datetime.now(datetime.timezone.utc)


def tells_since(status: Dict[str, Any], moment: datetime.datetime) -> bool:
    """Whether a status tells what was so at this moment or later."""
    written = status.get("updated_at")
    return bool(written) and datetime.datetime.fromisoformat(str(written)) > moment


_counted: Dict[Any, Dict[str, int]] = {}  # of each process, at the last look


def check_grown(status: Dict[str, Any]) -> None:
    """What is no gauge only grows while the process runs; what `ezrepo status` says does not tell the gauges."""
    if "gauges" not in status:
        return
    counters = status.get("counters", {})
    grown = {name: value for name, value in counters.items() if name not in status["gauges"]}
    before = _counted.get((status.get("pid"), status.get("started_at")), {})
    assert all(value >= before.get(name, 0) for name, value in grown.items()), (before, grown)
    _counted[(status.get("pid"), status.get("started_at"))] = grown


def status_now(read_status: Callable[[], Dict[str, Any]], seconds: float = 60) -> Dict[str, Any]:
    """The status of a process as it is now or later: it is written once a second, and the one that is there may be from
    before what the test just did."""
    called = clock()

    def written_since() -> Optional[Dict[str, Any]]:
        status = read_status()
        check_grown(status)
        return status if tells_since(status, called) else None
    return dict(wait_for(written_since, seconds))


def counters_now(read_status: Callable[[], Dict[str, Any]]) -> Dict[str, int]:
    """The counters of a process as they are now or later."""
    return dict(status_now(read_status)["counters"])


def ping(dest: str, when: str, mean_us: float = 10000, probe: str = "tester", **more: Any) -> Dict[str, Any]:
    """A ping-average result as mPlane's components send it; `more` replaces whole members."""
    family = "ip6" if ":" in dest else "ip4"
    source = "2001:db8::1" if family == "ip6" else "192.0.2.1"
    return {"result": "measure", "version": 1, "registry": "http://ict-mplane.eu/registry/core",
            "label": f"ping-average-{family}", "when": when,
            "parameters": {f"source.{family}": source, f"destination.{family}": dest},
            "metadata": {"System_ID": probe},
            "results": ["delay.twoway.icmp.us.min", "delay.twoway.icmp.us.mean",
                        "delay.twoway.icmp.us.max", "delay.twoway.icmp.count"],
            "resultvalues": [[str(int(mean_us * 0.9)), str(int(mean_us)), str(int(mean_us * 1.1)), "5"]],
            **more}


def time_text(seconds: float) -> str:
    """Seconds since 1970 as mPlane writes a time."""
    whole = int(seconds // 1)
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(whole)) + f".{int((seconds - whole) * 1e6):06}"


def configure(state: Union[str, pathlib.Path], sections: Dict[str, Dict[str, Any]]) -> None:
    """Changes options in the configuration of the set in this state directory."""
    file = pathlib.Path(state, "ezrepo.json")
    settings, _ = jsonc.parse(file.read_text(encoding="utf-8"), str(file))
    for section, options in sections.items():
        settings.setdefault(section, {}).update(options)
    file.write_text(json.dumps(settings), encoding="utf-8")


PLAIN = os.path.join(ROOT, "tests", "golden", "grading-plain.json")  # tests/golden/README.md


class EzrepoSet:
    """One set: made by `init`, driven by the operator's command only."""

    command = EZREPO

    def __init__(self, build: str, state: str, *init: str, plain: bool = True) -> None:
        """plain: it grades each record by itself, by tests/golden/grading-plain.json, whatever is the default today."""
        self.build = build
        self.state = state
        self.udp, self.https, self.registry, self.ingest, self.metrics, self.page = find_free_ports(6)
        self.sessions: Dict[str, Any] = {}  # by role
        self.environment = {**os.environ, "EZREPO_BUILD": build, "EZREPO_STATE": state}
        self.environment.pop("PGHOST", None)
        self.made = self._init("--udp-port", str(self.udp), "--https-port", str(self.https),
                               "--registry-port", str(self.registry), "--ingest-port", str(self.ingest),
                               "--metrics-port", str(self.metrics), "--page-port", str(self.page), *init)
        if plain:
            self.configure(stored={"grading_default": PLAIN})

    def cmd(self, *arguments: str, check: bool = True, text: Optional[str] = None,
            timeout: float = 180) -> "subprocess.CompletedProcess[str]":
        """Runs `ezrepo`; with check, anything but exit code 0 fails the test with what it said."""
        done = subprocess.run([self.command, *arguments], input=text, capture_output=True, text=True, check=False,
                              timeout=timeout, env=self.environment)
        if check and done.returncode != 0:
            pytest.fail(f"ezrepo {' '.join(arguments)} ended with {done.returncode}\n{done.stdout}{done.stderr}"
                        f"\n{self.log_ends()}")
        return done

    def _init(self, *options: str) -> "subprocess.CompletedProcess[str]":
        import initdb_copies
        own = self.environment
        try:
            self.environment = {"EZREPO_POSTGRESQL": str(initdb_copies.postgresql()), **own}
            return self.cmd("init", *options)
        finally:
            self.environment = own

    def status_file(self, name: str) -> str:
        """Where the process writes what it says of itself."""
        return str(status.status_file(State(self.state), name))

    def endpoint(self, name: str) -> str:
        """The path of the socket of that name."""
        return os.path.join(State(self.state).endpoint_folder(name), name)

    def configure(self, **sections: Dict[str, Any]) -> None:
        """Changes options in the set's configuration; what runs already has to be told."""
        configure(self.state, sections)

    def up(self) -> None:
        self.cmd("up")

    def down(self) -> None:
        self.cmd("down")

    def status(self) -> Dict[str, Any]:
        """What `ezrepo status --json` prints; found out here, since those who wait for something ask again and again."""
        return dict(json.loads(json.dumps(status.collect(State(self.state)))))

    def process(self, name: str) -> Dict[str, Any]:
        """Of that, what it says of one process; nobody else is asked, which costs a fifth."""
        found, = self.processes(lambda each: each == name)
        return found

    def processes(self, wanted: Callable[[str], bool]) -> List[Dict[str, Any]]:
        """The same of those with such names."""
        state = State(self.state)
        return list(json.loads(json.dumps(status.look(state, [name for name in state.process_names() if wanted(name)])[2])))

    def pid(self, name: str) -> int:
        return int(self.process(name)["pid"])

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Sends a signal to one process; returns the process id it had."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def send(self, lines: List[Line]) -> None:
        """Sends results by UDP, one a datagram, with `ezrepo send`."""
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        self.cmd("send", "-", text="".join(text + "\n" for text in texts))

    def query_json(self, *arguments: str, client: str = "admin") -> List[Dict[str, Any]]:
        """The rows of the gateway's answer to `ezrepo query ... --json`."""
        return self.rows("query", *arguments, client=client)

    def rows(self, command: str, *arguments: str, client: str = "admin") -> List[Dict[str, Any]]:
        """The same for query, periods, events, records."""
        output = self.cmd(command, "--as", client, *arguments, "--json").stdout
        return [json.loads(line) for line in output.splitlines()]

    def matched(self, *arguments: str) -> int:
        """How many records match, by QueryByCriteria."""
        return max((int(row["records.matched"]) for row in self.rows("query", *arguments)), default=0)

    def wait_matched(self, count: int, *arguments: str, seconds: float = 300) -> None:
        """Until exactly so many records match; fails when there are more, or not so many in time."""
        end = time.monotonic() + seconds
        while not self._may_hold(count) and time.monotonic() < end:
            time.sleep(0.1)
        # A database that was killed says for a while that it is starting up.
        self.wait_for(lambda: "ask again later" not in self.cmd("query", "--as", "admin", check=False).stderr, seconds)
        while (found := self.matched(*arguments)) < count and time.monotonic() < end:
            time.sleep(0.1)
        assert found == count, f"{found} records match, not {count}\n{self.log_ends()}"

    def _may_hold(self, count: int) -> bool:
        """Whether there are so many records, or it cannot be told: looked up in the private cluster, which costs a
        tenth of what a question to the gateway does."""
        import psycopg2
        if not os.path.isdir(f"{self.state}/postgres"):
            return True
        try:
            return bool(self.sql("SELECT count(*) >= %s FROM measurement", count)[0][0])
        except psycopg2.OperationalError:
            return False  # it was killed, and starts

    def wait_for(self, what: Callable[[], bool], seconds: float = 60) -> None:
        wait_for(what, seconds, self.log_ends, 0.1)

    def wait_kept(self) -> None:
        """Until socketd has ingestd's sockets, and ingestd knows: then it can be stopped, and nothing is lost."""
        self.wait_for(lambda: self.process("ingestd")["notes"].get("sockets_kept_by") == "socketd"
                      and self.process("socketd")["counters"].get("sockets.held", 0) > 0)

    def sql(self, query: str, *values: Any, role: str = "ezrepo_store") -> List[Any]:
        """What the private cluster holds; tables without a schema are those of `ezrepo`."""
        from postgres import Sessions  # only where it is needed
        return self.sessions.setdefault(role, Sessions(lambda: self._connect(role))).ask(query, values)

    def _connect(self, role: str) -> Any:
        import psycopg2
        connection = psycopg2.connect(host=f"{self.state}/postgres/socket", dbname="ezrepo", user=role,
                                      options="-c search_path=ezrepo")
        connection.autocommit = True
        return connection

    def periods_differ(self) -> List[Any]:
        """What the stored periods and events, and those computed from the records alone, do not share."""
        events = "series_id, grade_id, t, t_end, key, from_grade, to_grade"
        return self.sql(f"""
            (SELECT 'stored only', p::text FROM
                (SELECT * FROM period_now EXCEPT SELECT * FROM period_reference) p)
            UNION ALL
            (SELECT 'reference only', p::text FROM
                (SELECT * FROM period_reference EXCEPT SELECT * FROM period_now) p)
            UNION ALL
            (SELECT 'event stored only', e::text FROM
                (SELECT {events} FROM event WHERE retracted_at IS NULL
                 EXCEPT SELECT {events} FROM event_reference) e)
            UNION ALL
            (SELECT 'event reference only', e::text FROM
                (SELECT {events} FROM event_reference
                 EXCEPT SELECT {events} FROM event WHERE retracted_at IS NULL) e)
            LIMIT 10""")

    def logs(self) -> Dict[str, str]:
        found = {}
        folder = os.path.join(self.state, "log")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                found[name] = file.read()
        return found

    def log_ends(self) -> str:
        return "\n".join(f"--- {name}\n" + "\n".join(text.splitlines()[-25:])
                         for name, text in self.logs().items())

    def client_files(self, name: str = "admin") -> Dict[str, str]:
        folder = os.path.join(self.state, "pki")
        return {"cert": f"{folder}/clients/{name}.crt", "key": f"{folder}/clients/{name}.key",
                "ca": f"{folder}/ca.crt"}

    def close(self) -> None:
        """Down, whatever state it is in; then the logs are searched, and all is removed."""
        for sessions in self.sessions.values():
            sessions.close()
        done = self.cmd("down", check=False)
        logs = self.logs()
        shutil.rmtree(self.state, ignore_errors=True)
        bad = [f"{name}: {line}" for name, text in logs.items() if not name.startswith("postgres")
               for line in text.splitlines() if BAD_IN_LOGS.search(line)]
        assert not bad, "\n".join(bad[:20]) + "\n" + "\n".join(
            text[-6000:] for name, text in logs.items() if any(b.startswith(name) for b in bad))
        assert done.returncode == 0, f"ezrepo down ended with {done.returncode}: {done.stdout}{done.stderr}\n" \
            + "\n".join(f"--- {n}\n{t[-1500:]}" for n, t in logs.items())


class Load:
    """tests/bench/loadgen in the background, at a rate that the slowest build here keeps up with, and slower when the
    machine does not get to read for seconds: the kernel drops none by that. Without a number of records until it is stopped.
    Within `with`, it does not outlive a failure."""

    def __init__(self, one: EzrepoSet, records: int = 10**12, rate: int = 1500, series: int = 200) -> None:
        self.records = records
        self.process = subprocess.Popen(
            [os.path.join(one.build, "tests", "bench", "loadgen"), "--port", str(one.udp),
             "--records", str(records), "--rate", str(rate), "--series", str(series),
             "--queue", str(8 << 20)],  # half of what ingestd asks for
            stdout=subprocess.PIPE, text=True)

    def finish(self) -> None:
        """Until all is sent."""
        assert self._sent(120) == self.records

    def stop(self) -> None:
        """No more is sent; `records` says how many were. It must not be over already."""
        assert self.process.poll() is None, "the load was over too soon"
        self.process.terminate()
        self.records = self._sent(120)

    def _sent(self, seconds: float) -> int:
        out, _ = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0
        return int(json.loads(out)["sent"])

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: Any) -> None:
        self.kill()


@pytest.fixture
def make_set(build_dir: str) -> Iterator[Callable[..., EzrepoSet]]:
    """Makes sets that are not started yet: make_set(*init_options). All are closed at the end."""
    with contextlib.ExitStack() as stack:
        def make(*init: str, plain: bool = True) -> EzrepoSet:
            parent = make_state_directory()
            stack.callback(shutil.rmtree, parent, ignore_errors=True)
            one = EzrepoSet(build_dir, os.path.join(parent, "s"), *init, plain=plain)
            stack.callback(one.close)
            return one
        yield make


@pytest.fixture
def ezrepo_set(make_set: Callable[..., EzrepoSet]) -> EzrepoSet:
    """A set of its own for one test, started, with one classifyd."""
    one = make_set()
    one.up()
    return one


@contextlib.contextmanager
def stopped_set(build: str, *init: str, plain: bool = True) -> Iterator[EzrepoSet]:
    """A set that was made, for a fixture that the tests of one file share. Who shares one leaves it as it was, and counts
    only what is his own: by names and addresses that he alone uses, or from what was there when he began."""
    with contextlib.ExitStack() as stack:
        parent = make_state_directory()
        stack.callback(shutil.rmtree, parent, ignore_errors=True)
        one = EzrepoSet(build, os.path.join(parent, "s"), *init, plain=plain)
        stack.callback(one.close)
        yield one


@contextlib.contextmanager
def running_set(build: str, *init: str, plain: bool = True, **sections: Dict[str, Any]) -> Iterator[EzrepoSet]:
    """The same, started, with these options."""
    with stopped_set(build, *init, plain=plain) as one:
        one.configure(**sections)
        one.up()
        yield one


@pytest.fixture(scope="module")
def module_set(build_dir: str) -> Iterator[EzrepoSet]:
    """One with the presets."""
    with running_set(build_dir) as one:
        yield one


# ---- single processes with stand-ins for the others; what they are is imported only where it is needed ----

@pytest.fixture(scope="module")
def cluster(request):
    """A PostgreSQL for all tests of a file; CLUSTER_OPTIONS there are its settings."""
    from postgres import Cluster
    one = Cluster(*getattr(request.module, "CLUSTER_OPTIONS", []))
    yield one
    one.remove()


@pytest.fixture
def own_cluster():
    """One for a test that stops or kills it."""
    from postgres import Cluster
    one = Cluster(durable=True)
    yield one
    one.remove()


@pytest.fixture
def make_stored(build_dir, cluster):
    """A stored that is not started yet, with a database of its own on the file's cluster, or `on` another."""
    from stores import Stored
    with contextlib.ExitStack() as stack:
        def make(on=None, **settings):
            one = Stored(build_dir, on or cluster, **{"flush_ms": 5, "reorder_wait_ms": 100, "grading_default": PLAIN, **settings})
            stack.callback(one.close)
            return one
        yield make


@pytest.fixture
def stored(make_stored):
    return make_stored().start()


@pytest.fixture(scope="module")
def queryd(build_dir, cluster, store):
    """One for all tests of a file, which says in its fixture `store` what the cluster holds."""
    from queries import Queryd
    one = Queryd(build_dir, cluster.connect_string("reader"), rows_default=50)
    yield one
    one.stop()
    log = one.log()
    one.close()
    assert "database.error" not in log, log


@pytest.fixture
def make_queryd(build_dir, cluster, store):
    """One of its own, with settings; it has to end with 0."""
    from queries import Queryd
    with contextlib.ExitStack() as stack:
        def make(role="reader", database=None, **settings):
            one = Queryd(build_dir, database or cluster.connect_string(role), **settings)
            stack.callback(one.close)
            return one
        yield make


@pytest.fixture
def start(build_dir, tmp_path):
    """Starts an ingestd; one that is started after another goes on with its spool."""
    from ingestds import Ingestd
    with contextlib.ExitStack() as stack:
        def starter(peers=True, **options):
            one = Ingestd(build_dir, tmp_path, peers=peers, **options)
            stack.callback(one.close)
            return one
        yield starter


@pytest.fixture
def small_disk(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A file system of 12 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs", disk],
                      capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let us mount")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.fixture(scope="module")
def gateway(build_dir, tmp_path_factory):
    """One gateway for all tests of a file that leave it as it was."""
    from gateways import Gateway
    one = Gateway(build_dir, tmp_path_factory.mktemp("gw"))
    yield one
    one.stop()


@pytest.fixture(scope="module")
def hasty(build_dir, tmp_path_factory):
    """The same, but who is not answered at once gets a receipt."""
    from gateways import Gateway
    one = Gateway(build_dir, tmp_path_factory.mktemp("gw"), answer_timeout_ms=200)
    yield one
    one.stop()


@pytest.fixture
def make_gateway(build_dir, tmp_path):
    """A gateway of its own, with options."""
    from gateways import Gateway
    numbers = itertools.count()
    with contextlib.ExitStack() as stack:
        def make(**options):
            folder = tmp_path / f"g{next(numbers)}"
            folder.mkdir()
            one = Gateway(build_dir, folder, **options)
            stack.callback(one.stop)
            return one
        yield make


@pytest.fixture
def pair(build_dir):
    """A gateway and an ingestd, which are not started yet."""
    from posts import Pair
    with tempfile.TemporaryDirectory(prefix="ez", dir=folder_of_sets()) as folder:  # short, because sockets live in it
        one = Pair(pathlib.Path(folder), build_dir)
        try:
            yield one
        finally:
            one.close()
