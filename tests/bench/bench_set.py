# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: a set of their own, its load, and what it costs by process.

The set is made by `ezrepo init` in a temporary state directory and removed at the end. CPU time is taken from
/proc, so that it can be judged on a machine that does other things as well, where wall time cannot.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

# Some need the ones, some the others; who has not all of them is told before anything is started.
MODULES = ["cryptography", "msgpack", "psycopg2", "pytest", "zmq"]
missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
if missing:
    sys.exit(f"the benchmarks need the Python modules {', '.join(missing)}; install the packages of the tests:"
             " deploy/install-packages test")

import psycopg2  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from conftest import configure, find_free_ports  # noqa: E402
from processes import children, cpu_seconds, memory_kib  # noqa: E402

# A benchmark that is ended takes its set along.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))


def built(name):
    """A folder with programs in it, the load generators too."""
    folder = pathlib.Path(name)
    for program in ("stored/stored", "tests/bench/loadgen"):
        if not (folder / program).is_file():
            raise argparse.ArgumentTypeError(f"{folder / program} is not there; build it: meson setup {folder}"
                                             f" --buildtype=release && ninja -C {folder}")
    return folder


def add_build(parser):
    """Those that all benchmarks have."""
    parser.add_argument("--build", type=built, default=os.environ.get("EZREPO_BUILD", str(ROOT / "build")),
                        help="folder of a release build (build)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def add_options(parser, records):
    """Those that all benchmarks of a whole set have."""
    add_build(parser)
    parser.add_argument("--records", type=int, default=records, help=f"({records})")
    parser.add_argument("--classifyd", type=int, default=2, help="how many of them (2)")


class BenchSet:
    """A set, made and started by `with` and removed at its end."""

    settings = {}  # sections of the configuration, from the start

    def __init__(self, options):
        self.build = options.build.resolve()
        self.classifyds = options.classifyd
        self.udp_port, self.https_port, self.registry_port, self.ingest_port, self.metrics_port, self.page_port = find_free_ports(6)

    def __enter__(self):
        self.state = pathlib.Path(tempfile.mkdtemp(prefix="ezb", dir="/var/tmp"))
        os.chmod(self.state, 0o755)
        self.env = dict(os.environ, EZREPO_STATE=str(self.state), EZREPO_BUILD=str(self.build))
        try:
            self.ezrepo("init", "--udp-port", str(self.udp_port), "--https-port", str(self.https_port),
                        "--registry-port", str(self.registry_port), "--ingest-port", str(self.ingest_port),
                        "--metrics-port", str(self.metrics_port), "--page-port", str(self.page_port), "--classifyd", str(self.classifyds))
            # One sender sends what thousands would, and series that began long ago.
            configure(self.state, {"ingestd": {"past_limit_s": 34560000, "senders": [
                {"door": "udp", "records_per_s": 0, "series_per_day": 0, "days_per_day": 0}]}, **self.settings})
            self.ezrepo("up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if (self.state / "set.json").exists():
                self.ezrepo("down")
        finally:
            shutil.rmtree(self.state)

    def ezrepo(self, *words):
        done = subprocess.run([ROOT / "deploy/ezrepo", *words], env=self.env, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            sys.exit(f"ezrepo {' '.join(words)}: exit {done.returncode}\n{done.stdout}")
        return done.stdout

    def status(self):
        """Process name and instance -> its status file."""
        return {file.stem: json.loads(file.read_text())
                for file in (self.state / "run").glob("**/status/*.json")}

    def endpoint_folder(self, name):
        """Of the socket of that name: one for each where each process has a user of its own."""
        own = self.state / "run" / name
        return own if own.is_dir() else self.state / "run"

    def counter(self, process, name):
        return sum(s["counters"].get(name, 0) for key, s in self.status().items()
                   if key.rsplit("-", 1)[0] == process)

    def postmaster(self):
        return int((self.state / "postgres/data/postmaster.pid").read_text().split()[0])

    def connect(self):
        """As the store's owner, over the private cluster's socket."""
        connection = psycopg2.connect(host=f"{self.state}/postgres/socket", dbname="ezrepo",
                                      user="ezrepo_store", options="-c search_path=ezrepo")
        connection.autocommit = True
        return connection

    def ledger_closes(self):
        """Compared with the records themselves."""
        done = subprocess.run([ROOT / "deploy/ezrepo", "ledger", "--verify", "--json"], env=self.env,
                              stdout=subprocess.PIPE, check=False)
        return done.returncode == 0 and json.loads(done.stdout)["closes"]


# ---- costs ----

def unless_gone(measure, *arguments):
    """What a process has cost; 0 when it ended meanwhile."""
    try:
        return measure(*arguments)
    except (FileNotFoundError, ProcessLookupError):
        return 0


def postgres_cpu_seconds(postmaster):
    """Of the server with all its processes, ended ones included."""
    return cpu_seconds(postmaster, True) + sum(unless_gone(cpu_seconds, pid) for pid in children(postmaster))


def cpu_by_process(the_set):
    total = {name: unless_gone(cpu_seconds, s["pid"]) for name, s in the_set.status().items()}
    total["postgres"] = postgres_cpu_seconds(the_set.postmaster())
    return total


def memory_by_process(the_set):
    """MiB: the peak of each process; of PostgreSQL what its largest process has for itself now."""
    found = {name: memory_kib(s["pid"], "VmHWM") / 1024 for name, s in the_set.status().items()}
    postmaster = the_set.postmaster()
    found["postgres"] = max(unless_gone(memory_kib, pid, "RssAnon")
                            for pid in [postmaster, *children(postmaster)]) / 1024
    return found


def percentiles(ms):
    ordered = sorted(ms)
    return {"p50_ms": round(statistics.median(ordered), 2),
            "p99_ms": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], 2),
            "most_ms": round(ordered[-1], 2)}


# ---- load ----

def load_command(the_set, **options):
    """tests/bench/loadgen with these options."""
    return [the_set.build / "tests/bench/loadgen", "--port", str(the_set.udp_port),
            *(word for name, value in options.items() for word in (f"--{name}", str(value)))]


def parse_time(text):
    whole, fraction = text.rstrip("Z").split(".")
    return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + fraction)


def committed(the_set):
    """How many records stored has committed, and when that was so: told once a second."""
    stored = next(s for key, s in the_set.status().items() if key.startswith("stored-"))
    return parse_time(stored["updated_at"]), stored["counters"]["committed.records"]


class Samples:
    """Records committed and CPU time whenever stored has told a new figure, by its own clock."""

    def __init__(self, the_set):
        """Before the load begins."""
        self.set = the_set
        self.load = None
        self.load_cpu = 0.0
        self.before = committed(the_set)[1]
        self.taken = []
        self.take()

    def take(self):
        """Records committed as last told."""
        at, records = committed(self.set)
        if not self.taken or self.taken[-1][0] != at:
            if self.load is not None:
                self.load_cpu = max(self.load_cpu, unless_gone(cpu_seconds, self.load.pid))
            cpu = {**cpu_by_process(self.set), "(load generator)": self.load_cpu}
            self.taken.append((at, records - self.before, cpu))
        return self.taken[-1][1]

    def rate(self, records):
        """Records/s between a fifth and nine tenths of all, or over all of them if that was short."""
        within = [s for s in self.taken if records // 5 <= s[1] <= records * 9 // 10]
        first, last = (within[0], within[-1]) if len(within) > 1 else (self.taken[0], self.taken[-1])
        return (last[1] - first[1]) / (last[0] - first[0])

    def cpu(self):
        """Microseconds by process for each record, over all of them: not all processes are busy at the same time."""
        (_, none, first), (_, all_of_them, last) = self.taken[0], self.taken[-1]
        return {name: (seconds - first.get(name, 0)) / (all_of_them - none) * 1e6 for name, seconds in last.items()}


def run_load(the_set, records, seconds=900, **options):
    """Loads the set until all is committed that the kernel did not drop: what the generator says; records/s; CPU."""
    dropped = the_set.counter("ingestd", "kernel.drops")
    samples = Samples(the_set)
    with subprocess.Popen(load_command(the_set, records=records, **options),
                          stdout=subprocess.PIPE, text=True) as load:
        samples.load = load
        try:
            until = time.monotonic() + seconds
            while (done := samples.take()) < records:
                if load.poll() is not None and \
                        done >= records - (the_set.counter("ingestd", "kernel.drops") - dropped):
                    break
                if time.monotonic() > until:
                    sys.exit(f"only {done} of {records} records were committed within {seconds} s")
                time.sleep(0.05)
            sent = json.loads(load.stdout.read())
        finally:
            load.kill()
    return sent, samples.rate(records), samples.cpu()
