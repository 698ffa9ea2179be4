# SPDX-License-Identifier: Apache-2.0
"""A supervisor for tests, over mutual TLS, that behaves as the mPlane SDK's mpsup was measured to, quirks included.

It keeps a list of violations: whatever would break or confuse a real one. Times are those of a real one
(capabilities expire 10 s after the last poll, looked for every 5 s) multiplied by `scale`.
"""
import http.server
import json
import re
import socketserver
import ssl
import threading
import time

MPLANE = "application/x-mplane+json"
REGISTER, POLL, RESULT = "/register/capability", "/show/specification", "/register/result"
ANSWERS = ("result", "receipt", "exception")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """Handshakes that fail and peers that leave are the peer's matter."""


class Supervisor:
    """A smaller `scale` is for tests of what expires: on a loaded machine a poll comes some seconds late, and what was
    registered may have expired by then. `kind` is how it fills in `link`: "mami" its result URL, "ri" its root, "empty",
    "absent"."""

    def __init__(self, ca, files, port, scale=1, kind="mami", same_path=False):
        self.ca, self.files, self.port, self.scale, self.kind = ca, files, port, scale, kind
        self.result_path = REGISTER if same_path else RESULT
        self.violations = []
        self.polls = []       # when
        self.registrations = []  # (when, identity, envelope)
        self.received = []    # (when, identity, message) on the result path
        self.requests = 0
        self.tls_failed = 0
        # What a test may make it do: called with (method, path), returns None or (status, type, body, headers).
        self.misbehave = None
        self.hang = threading.Event()  # set: goes on; cleared: every request waits
        self.hang.set()
        self.server = None
        self.stopping = threading.Event()
        self.start()

    # ---- its life ----

    def start(self, expected=None):
        """With an empty memory, as every start of mpsup, but for what is not to be taken for a violation."""
        self.lock = threading.RLock()
        self.by_identity = {}  # identity -> tokens; with what is registered twice twice in it
        self.refreshed = {}    # token -> when
        self.capabilities = {}  # token -> message
        self.outgoing = {}     # identity -> messages
        self.expected = expected or {}  # token -> [specification, answers still to come]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.files[0], self.files[1])
        context.load_verify_locations(self.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        self.server = Server(("127.0.0.1", self.port), self.handler())
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.stopping = threading.Event()
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        threading.Thread(target=self.expire, args=(self.stopping,), daemon=True).start()

    def stop(self):
        self.stopping.set()
        self.hang.set()
        self.server.shutdown()
        self.server.server_close()

    def restart(self):
        self.stop()
        self.start()

    def expire(self, stopping):
        while not stopping.wait(5 * self.scale):
            with self.lock:
                self.forget(10 * self.scale)

    def forget(self, seconds):
        for token in [t for t, when in self.refreshed.items() if time.monotonic() - when >= seconds]:
            self.remove(token)

    def remove(self, token):
        del self.capabilities[token], self.refreshed[token]
        for tokens in self.by_identity.values():
            if token in tokens:
                tokens.remove(token)

    def wrong(self, what):
        self.violations.append(what)

    # ---- what tests ask of it ----

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def settings(self, **more):
        return {"url": self.url, "poll_s": 1, "expiry_s": max(int(10 * self.scale), 1), **more}

    def labels(self):
        with self.lock:
            return sorted(c["label"] for c in self.capabilities.values())

    def component(self):
        """The identity that is registered."""
        with self.lock:
            return next(i for i, tokens in self.by_identity.items() if tokens)

    def ask(self, message, identity=None, answers=1):
        """Queues a message for the component's next poll; returns its token."""
        with self.lock:
            link = {"mami": f"{self.url}{self.result_path}", "ri": f"{self.url}/", "empty": ""}.get(self.kind)
            if link is not None and "link" not in message and "specification" in message:
                message = {**message, "link": link}
            if "specification" in message and "token" in message:
                expected = self.expected.setdefault(message["token"], [message, 0])
                expected[1] += answers
            self.outgoing.setdefault(identity or self.component(), []).append(message)
        return message.get("token")

    def answers(self, token, *kinds):
        found = [m for _, _, m in list(self.received) if m.get("token", m.get("exception")) == token]
        return [m for m in found if not kinds or any(k in m for k in kinds)]

    # ---- requests ----

    def handler(outer):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def log_message(self, *_):
                pass

            def setup(self):
                try:
                    self.request.do_handshake()
                except (ssl.SSLError, OSError):
                    outer.tls_failed += 1
                    raise
                super().setup()

            def identity(self):
                return ".".join(rdn[0][1] for rdn in self.connection.getpeercert()["subject"])

            def send(self, status, kind, body="", headers=()):
                data = body.encode() if isinstance(body, str) else body
                self.send_response(status)
                if kind is not None:
                    self.send_header("Content-Type", kind)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def answer(self, method):
                outer.requests += 1
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                outer.hang.wait(60)
                with outer.lock:  # one request at a time
                    reply = outer.misbehave and outer.misbehave(method, self.path)
                    if not reply:
                        handle = outer.get if method == "GET" else outer.post
                        reply = handle(self.path, self.identity(), self.headers, body)
                self.send(*reply)

            def do_GET(self):
                self.answer("GET")

            def do_POST(self):
                self.answer("POST")

        return Handler

    def get(self, path, identity, headers, body):
        if path in (POLL + "/", REGISTER, RESULT, REGISTER + "/", RESULT + "/"):
            self.wrong(f"GET {path}")
            return 401, "text/plain", "Wrong path for specification requests"
        if path != POLL:
            self.wrong(f"GET {path}")
            return 404, "text/html; charset=UTF-8", "<html>404: Not Found</html>"
        now = time.monotonic()
        if identity not in self.by_identity:
            return 428, "text/plain", "not registered"
        self.polls.append(now)
        for token in self.by_identity[identity]:
            self.refreshed[token] = now
        contents = self.outgoing.pop(identity, [])
        return 200, MPLANE, json.dumps({"contents": contents, "envelope": "message", "version": 1})

    def post(self, path, identity, headers, body):
        if headers.get("Content-Type") != MPLANE:
            self.wrong(f"content type {headers.get('Content-Type')}")
            return 400, "text/plain", "Invalid format"
        message = json.loads(body)
        if path in (REGISTER + "/", RESULT + "/"):
            self.wrong(f"thrown away: {path}")
            return 200, "text/html; charset=UTF-8", ""
        if path not in (REGISTER, RESULT):
            self.wrong(f"POST {path}")
            return 404, "text/html; charset=UTF-8", "<html>404: Not Found</html>"
        if message.get("version") != 1 and "exception" not in message:
            self.wrong(f"version {message.get('version')}")
        if path == REGISTER and "envelope" in message and not any(
                kind in m for m in message["contents"] for kind in ANSWERS):
            return self.take_registration(identity, message)
        if path == self.result_path:
            return self.take_result(identity, message)
        self.wrong(f"{path}: {sorted(message)}")
        return (400, "text/plain", "Not a capability / Wrong format") if path == REGISTER else \
            (401, "text/plain", "Not authorized: not a result (or receipt) received on result path")

    def take_registration(self, identity, envelope):
        self.registrations.append((time.monotonic(), identity, envelope))
        self.forget(15 * self.scale)  # a real one has looked by then, also when our own thread has not
        reply = []
        for m in envelope["contents"]:
            label = m.get("label")
            for member in ("label", "token", "registry", "when"):
                if member not in m:
                    self.wrong(f"{label}: no {member}")
                    return 500, "text/html; charset=UTF-8", "<html>500</html>"
            if "withdrawal" in m:
                if m["token"] not in self.capabilities:
                    self.wrong(f"withdrawal of {label}, which is not registered")
                    return 500, "text/html; charset=UTF-8", "<html>500</html>"
                if "parameters" in m or "results" in m:
                    self.wrong(f"withdrawal of {label} with a schema")
                self.remove(m["token"])
                reply.append(f'"{label}":{{"registered":"no", "reason":"Withdrawn"}}')
                continue
            if "capability" not in m:
                self.wrong(f"registration of {sorted(m)}")
                continue
            if "export" in m or m["capability"] == "collect":
                self.wrong(f"{label}: for exporters")
            if m["token"] in self.capabilities:
                self.wrong(f"{label} is registered twice")
            self.capabilities[m["token"]] = m
            self.refreshed[m["token"]] = time.monotonic()
            self.by_identity.setdefault(identity, []).append(m["token"])
            reply.append(f'"{label}":{{"registered":"ok"}}')
        return 200, MPLANE, "{" + ",".join(reply) + "}"

    def take_result(self, identity, message):
        inner = message["contents"] if "envelope" in message else [message]
        if not all(any(kind in m for kind in ANSWERS) for m in inner):
            self.wrong(f"{sorted(message)} on the result path")
            return 401, "text/plain", "Not a result (or receipt) received on result path"
        self.received.append((time.monotonic(), identity, message))
        self.check_answer(message)
        return 200, "text/html; charset=UTF-8", ""

    def check_answer(self, m):
        token = m.get("token", m.get("exception"))
        expected = self.expected.get(token)
        if expected is None:
            if "exception" not in m:
                self.wrong(f"wrong token {token}")
            return
        asked = expected[0]
        if "exception" not in m and m.get("label") != asked["label"]:
            self.wrong(f"label {m.get('label')} instead of {asked['label']}")
        if "result" in m and re.search("past|now|future", m["when"]):
            self.wrong(f"a result's scope is {m['when']}")
        if "receipt" not in m:
            expected[1] -= 1
            if expected[1] < 0:
                self.wrong(f"{token} is answered twice")
