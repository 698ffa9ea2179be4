# SPDX-License-Identifier: Apache-2.0
"""Who is told of alerts: Debian's Alertmanager, webhooks, the socket of a syslog."""
import http.server
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import threading
import time
from typing import Any, Dict, List, Optional, Tuple

from conftest import ROOT, find_free_ports, ping, time_text, wait_for

BAD, GOOD = 900000, 5000  # microseconds there and back
WATCHDOG = "EzrepoAlertdWatchdog"


class Alertmanager:
    """Debian's, on a port of its own; `web` is its web.config.file."""

    def __init__(self, folder: pathlib.Path, web: str = "") -> None:
        self.folder = folder
        self.port, = find_free_ports(1)
        self.url = f"{'https' if 'tls_server_config' in web else 'http'}://127.0.0.1:{self.port}"
        self.process: "Optional[subprocess.Popen[bytes]]" = None
        (folder / "alertmanager.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
        (folder / "web.yml").write_text(web or "{}")
        self.client = ""  # amtool's --http.config.file

    def start(self) -> "Alertmanager":
        with open(self.folder / "alertmanager.log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address=",
                 "--web.config.file=web.yml", f"--web.listen-address=127.0.0.1:{self.port}"], cwd=self.folder, stdout=log, stderr=log)
        wait_for(lambda: self.amtool("alert", "query") is not None, 60)
        return self

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def amtool(self, *words: str) -> Any:
        client = ["--http.config.file=" + self.client] if self.client else []
        done = subprocess.run(["amtool", *client, f"--alertmanager.url={self.url}", "-o", "json", *words], capture_output=True, text=True,
                              check=False, timeout=30)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def active(self) -> Dict[Tuple[Tuple[str, str], ...], Dict[str, Any]]:
        """Of each alert but the watchdog its labels; and the whole of it."""
        return {tuple(sorted(a["labels"].items())): a for a in self.amtool("alert", "query") or []
                if a["labels"]["alertname"] != WATCHDOG}

    def dests(self, route: str = "PingBad") -> List[str]:
        return sorted(dict(labels)["dest"] for labels in self.active() if dict(labels)["alertname"] == route)


def verifier() -> Any:
    """The function that docs/operations.md shows."""
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as page:
        code = re.search(r"```python\n(import hashlib.*?)```", page.read(), re.S)
    assert code is not None
    names: Dict[str, Any] = {}
    exec(code.group(1), names)  # pylint: disable=exec-used
    return names["is_true"]


class Webhook:
    """Verifies what comes as docs/operations.md says; answers as it is told to."""

    def __init__(self, secret: str, tls: Optional[Tuple[str, str]] = None) -> None:
        self.secret = secret
        self.status = 200
        self.refuses = ""  # this destination: a request that has it is answered 422
        self.heard: List[Tuple[str, str, str]] = []  # of each alert: status, destination, id
        self.bodies: List[Dict[str, Any]] = []
        self.authorizations: List[str] = []
        self.wrong = 0
        self.held = threading.Event()  # unset: nobody is answered
        self.held.set()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """A POST at a time."""

            def do_POST(self) -> None:  # pylint: disable=invalid-name
                hook.take(self)

            def log_message(self, *_: Any) -> None:  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server.server_address[1]}/hook?a=1"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, request: http.server.BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if not verifier()(self.secret.encode(), request.headers["EZRepo-Signature"], body):
            self.wrong += 1
        self.bodies.append(json.loads(body))
        self.authorizations.append(request.headers.get("Authorization", ""))
        self.heard += [(a["status"], a["labels"].get("dest", ""), a["id"]) for a in self.bodies[-1]["alerts"]]
        refused = self.refuses in {a["labels"].get("dest", " ") for a in self.bodies[-1]["alerts"]}
        status = 422 if refused else self.status
        self.held.wait(60)
        try:
            request.send_response(status)
            request.send_header("Content-Length", "0")
            request.end_headers()
        except OSError:
            pass  # who asked was killed

    def of(self, dest: str) -> List[str]:
        return [status for status, to, _ in self.heard if to == dest]

    def close(self) -> None:
        self.held.set()
        self.server.shutdown()
        self.server.server_close()


class Log:
    """The socket of a syslog: of this machine, or by UDP."""

    def __init__(self, path: str = "") -> None:
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(path or ("127.0.0.1", 0))
        if path:
            os.chmod(path, 0o666)  # as /dev/log is
        self.where = path or f"udp://127.0.0.1:{self.socket.getsockname()[1]}"
        self.socket.setblocking(False)
        self.lines: List[str] = []
        self.path = path

    def to(self, dest: str) -> List[str]:
        return self.of(f'"dest":"{dest}"')

    def of(self, text: str) -> List[str]:
        """The lines that have it; all that came is kept."""
        try:
            while True:
                self.lines.append(self.socket.recv(10000).decode())
        except BlockingIOError:
            return [line for line in self.lines if text in line]

    def close(self) -> None:
        self.socket.close()
        if self.path:
            os.unlink(self.path)


def send(one: Any, dest: str, delay_us: float, *ago_s: float) -> None:
    now = time.time()
    one.send([ping(dest, time_text(now - ago), delay_us) for ago in ago_s])


def bad(one: Any) -> List[str]:
    return sorted({r["record.dest"] for r in one.rows("now", "--each", "--range", "1..2") if r["now.kind"] == "series"})


def secret_file(folder: pathlib.Path, name: str, text: str) -> str:
    file = folder / name
    file.write_text(text + "\n")
    file.chmod(0o600)
    return str(file)
