# SPDX-License-Identifier: Apache-2.0
"""The door for tools between clients and an ingestd: the real ingest-gw and ingestd, with stand-ins for classifyd and stored
(ingestds.py); certificates as in gateways.py."""
import contextlib
import http.client
import json
import os
import subprocess
import threading
from typing import Any, Dict, Iterator, Optional, Tuple

from conftest import ROOT, assert_clean, counters_now, find_free_ports, wait_for
from gateways import Authority, make_context
from ingestds import Ingestd

# It has no time of its own.
FPING = "192.0.2.1 : xmt/rcv/%loss = 3/3/0%, min/avg/max = 5.12/5.13/5.14\n"


def without_time(told: Dict[str, Any]) -> Dict[str, Any]:
    """An answer without what it says of records that have no time of their own."""
    return {k: v for k, v in told.items() if k not in ("undated", "time", "time_from")}


class IngestGw:
    """A running ingest-gw with its folder and certificates, and an ingestd in the same run directory."""

    def __init__(self, build: str, folder: Any, ingestd: Optional[Dict[str, Any]] = None, **options: Any) -> None:
        self.build, self.folder = build, folder
        (self.port,) = find_free_ports(1)
        self.ca, self.unknown_ca = Authority(str(folder), "ca"), Authority(str(folder), "unknown-ca")
        server = self.ca.issue("ingest", ("127.0.0.1",))
        self.files = {"probe": self.ca.issue("probe"), "nobody": self.ca.issue("nobody"),
                      "stranger": self.unknown_ca.issue("stranger"), "old": self.ca.issue("old", days=(-60, -1))}
        self.options = {"listen": [f"127.0.0.1:{self.port}"], "certificate": server[0], "key": server[1],
                        "ca": self.ca.file, "access": {"roles": {"probe": ["org.example.probe"], "mtr": ["org.example.old"]},
                                                       "authorizations": {"Collect-*": ["probe"], "Collect-mtr": ["mtr"]}},
                        **options}
        self.ingestd_options = ingestd or {}
        self.process: Optional["subprocess.Popen[bytes]"] = None
        self.stack = contextlib.ExitStack()
        (folder / "run").mkdir(mode=0o700)
        self.start_ingestd()
        self.start()

    def write_config(self) -> None:
        (self.folder / "ezrepo.json").write_text(json.dumps({
            "common": {"run_dir": str(self.folder / "run"), "schemas_dir": os.path.join(ROOT, "schemas"), "user": "",
                       "log_level": "debug"}, "ingest-gw": self.options}))

    def start(self) -> None:
        self.write_config()
        with open(self.folder / "log", "ab") as log, open(self.folder / "audit", "ab") as audit:
            self.process = subprocess.Popen([f"{self.build}/ingest-gw/ingest-gw", "--config",
                                             str(self.folder / "ezrepo.json")], stdout=audit, stderr=log)
        self.wait_connected()

    def start_ingestd(self, **options: Any) -> None:
        self.ingestd = Ingestd(self.build, self.folder, log="ingestd.log", **{**self.ingestd_options, **options})
        self.stack.callback(self.ingestd.close)

    def wait_connected(self) -> None:
        """Until it says that ingestd takes posts."""
        def says() -> bool:
            assert self.process is not None and self.process.poll() is None, self.log()
            status = self.status()
            return status.get("pid") == self.process.pid and status["notes"].get("ingestd") == "takes posts"
        wait_for(says, 60, self.log)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def audit(self) -> str:
        return (self.folder / "audit").read_text()

    def status(self) -> Dict[str, Any]:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return dict(json.loads((self.folder / "run/status/ingest-gw-0.json").read_text()))
        return {}

    def counters(self) -> Dict[str, int]:
        return dict(counters_now(self.status))

    def connect(self, name: Optional[str] = None) -> http.client.HTTPSConnection:
        """With this certificate, or without one."""
        context = make_context(self.ca.file, self.files[name] if name else None)
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=60)

    def ask(self, method: str, path: str, body: Any = b"", name: Optional[str] = "probe",
            **headers: str) -> Tuple[int, Any, Any]:
        """Status, headers and what the body says, on a connection of its own."""
        connection = self.connect(name)
        try:
            connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            response = connection.getresponse()
            text = response.read().decode()
            told = json.loads(text) if response.headers["Content-Type"] == "application/json" else text
            return response.status, response.headers, told
        finally:
            connection.close()

    def post(self, path: str, body: Any = FPING, name: Optional[str] = "probe", **headers: str) -> Tuple[int, Any, Any]:
        return self.ask("POST", path, body if isinstance(body, bytes) else body.encode(), name, **headers)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """It ends well, and nothing that should not is in its log."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(60) == 0, self.log()
        self.stack.close()
        assert_clean(self.log())


@contextlib.contextmanager
def running(build: str, folder: Any, **options: Any) -> Iterator[IngestGw]:
    one = IngestGw(build, folder, **options)
    try:
        yield one
    finally:
        one.stop()


def together(calls: Any) -> Dict[Any, Any]:
    """What each of them gave, all made at once; of one that failed an OSError or HTTPException."""
    told: Dict[Any, Any] = {}

    def run(key: Any, call: Any) -> None:
        try:
            told[key] = call()
        except (OSError, http.client.HTTPException) as error:
            told[key] = error
    threads = [threading.Thread(target=run, args=item) for item in calls.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told
