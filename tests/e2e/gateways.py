# SPDX-License-Identifier: Apache-2.0
"""What tests of the gateway share: the real mplane-gw between clients with certificates and stand-ins for queryd
and stored.

The stand-ins speak the set's own messages (schemas/messages.h) over ZeroMQ, so that a test decides when
and what they answer. The fixtures `gateway` and `make_gateway` are in conftest.py.
"""
import contextlib
import datetime
import http.client
import ipaddress
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading

import msgpack
import pytest
import zmq
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from conftest import ROOT, assert_clean, counters_now, find_free_ports, wait_for
import messages
from capabilities import DIMENSIONS, TABLE
from messages import ANSWER, CANCEL, MESSAGE_VERSION, PUBLISH, PUBLISHED, QUERY
from queries import INVALID, OK

MPLANE = "application/x-mplane+json"
AUDIT_FIELD = r' ([a-z]+)=("(?:[^"\\]|\\.)*"|[0-9.]+)'
AUDIT_LINE = r"\d{4}-\d\d-\d\dT[\d:.]+Z audit mplane-gw\[0\] (?:request|left_out)(?:" + AUDIT_FIELD + ")+"

COUNT_COLUMNS = [c for c in TABLE["QueryByCriteria"][2] if c != "maintenance.windows"]  # which a specification may leave out
LISTING = TABLE["QueryPeriods"][1]
# What only the admin may use.
OPERATORS = {label for label in TABLE if label.startswith(("SetGrading", "TryGrading", "Ledger", "Rejected"))}


# ---- certificates ----

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
GATEWAY_HOSTS = ("127.0.0.1", "gateway.test")

class Authority:
    """A CA that issues certificates into a folder."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self.sign(subject, self.key, ca=True, self_signed=True)
        self.file = self.write(f"{name}.crt", self.certificate.public_bytes(serialization.Encoding.PEM))

    def write(self, name, data, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)
        return path

    def sign(self, subject, key, ca=False, hosts=(), usages=(), days=(-60, 30), self_signed=False):
        """`days`: valid from and to so many days from now."""
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(subject)
                   .issuer_name(subject if self_signed else self.certificate.subject).public_key(key.public_key())
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now + datetime.timedelta(days=days[0]))
                   .not_valid_after(now + datetime.timedelta(days=days[1]))
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
        if hosts:
            names = [x509.IPAddress(ipaddress.ip_address(h)) if re.match(r"[0-9.]+$", h) else x509.DNSName(h)
                     for h in hosts]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        return builder.sign(key if self_signed else self.key, hashes.SHA256())

    def issue(self, name, hosts=(), usages=None, days=(-60, 30), subject=None, self_signed=False, file=None):
        """The paths of a certificate and its key, and the certificate; the identity is org.example.NAME. It is a
        server's when it has hosts, else a client's, unless usages says what for."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(subject if subject is not None else [
            x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "org"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "example"),
            x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self.sign(subject, key, hosts=hosts, usages=usages or [SERVER if hosts else CLIENT], days=days,
                                self_signed=self_signed)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
        return (self.write(f"{file or name}.crt", certificate.public_bytes(serialization.Encoding.PEM)),
                self.write(f"{file or name}.key", pem, 0o600), certificate)

    def revoke(self, *certificates):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
                   .last_update(now - datetime.timedelta(days=1)).next_update(now + datetime.timedelta(days=1)))
        for certificate in certificates:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
                .revocation_date(now - datetime.timedelta(hours=1)).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


# ---- the stand-ins ----

class StandIn(threading.Thread):
    """A ROUTER at a set's endpoint. `answer` gets each message as a dict and returns one or None."""

    def __init__(self, run_dir, endpoint, answer):
        super().__init__(daemon=True)
        self.answer, self.seen, self.replies = answer, [], []
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(f"ipc://{run_dir}/{endpoint}")
        self.stopping = False
        self.lock = threading.Lock()

    def run(self):
        while not self.stopping:
            with self.lock:
                replies, self.replies = self.replies, []
            for peer, fields in replies:
                self.socket.send_multipart([peer, msgpack.packb(fields)])
            if not self.socket.poll(10):
                continue
            peer, body = self.socket.recv_multipart()
            version, number, *fields = msgpack.unpackb(body)
            assert version == MESSAGE_VERSION
            message = {"number": number, "peer": peer}
            if number == QUERY:
                message.update(messages.fields(QUERY, [version, number, *fields]))
            elif number == CANCEL:
                message["id"], = fields
            else:
                assert number == PUBLISH, number
                message["id"], message["author"], message["document"], message["comment"], message["over"] = fields
            reply = self.answer(message)
            if reply is not None:
                self.send(message, reply)
            self.seen.append(message)

    def send(self, message, fields):
        with self.lock:
            self.replies.append((message["peer"], messages.listed(*fields)))

    @contextlib.contextmanager
    def answering(self, answer):
        """Within it answers come from this function, afterwards from the usual one."""
        usual, self.answer = self.answer, answer
        try:
            yield
        finally:
            self.answer = usual

    def of(self, number):
        return [m for m in list(self.seen) if m["number"] == number]

    def stop(self):
        self.stopping = True
        self.join()
        self.socket.close()


def answered(message, columns, rows, status=OK, text=""):
    return [ANSWER, message["id"], status, text, columns, [cell for row in rows for cell in row]]


def counts(message):
    """What a queryd with 42 records answers."""
    if message["number"] != QUERY:
        return None
    if message["grade_name"] == "nonsense":
        return answered(message, [], [], INVALID, 'select.grade: no grade is named "nonsense"')
    if message["probe"] == "slow":
        return None
    return answered(message, COUNT_COLUMNS, [["overall", "42", "7"], ["bandwidth", "42", None]])


def published(message):
    if message["document"].startswith("{"):
        return [PUBLISHED, message["id"], OK, "", 3, 2, []]
    return [PUBLISHED, message["id"], INVALID, "the document is refused", 0, 0,
            ["grading[0]: expected an object", "grading[1].gradeName: missing"]]


# ---- clients ----

class Client:
    """A client with a certificate on one kept-open connection."""

    def __init__(self, gateway, files, version=None, ca=None):
        self.gateway = gateway
        self.context = make_context(ca or gateway.ca.file, files, version)
        self.connection = http.client.HTTPSConnection("127.0.0.1", gateway.port, context=self.context, timeout=60)

    def request(self, method, path, body=None, content_type=MPLANE):
        headers = {"Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = content_type
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read().decode()

    def get(self, path):
        return self.request("GET", path)

    def post(self, message, path="/"):
        """Posts an mPlane message; the reply, which has to be one with status 200."""
        status, kind, body = self.request("POST", path, message)
        assert (status, kind) == (200, MPLANE), (status, kind, body)
        return json.loads(body)

    def handshake_only(self):
        """As SDK programs do beside every exchange: connect, shake hands, leave without a word."""
        raw = socket.create_connection(("127.0.0.1", self.gateway.port), timeout=60)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.gateway.ca.file)
        context.load_cert_chain(*self.gateway.files["reader"][:2])
        wrapped = context.wrap_socket(raw)
        certificate = wrapped.getpeercert()
        os.close(wrapped.detach())
        return certificate


def make_context(ca, files=None, version=None):
    context = ssl.create_default_context(cafile=ca)
    if files:
        context.load_cert_chain(files[0], files[1])
    if version:
        context.minimum_version = context.maximum_version = version
    return context


class Gateway:
    """A running mplane-gw with its folder, its certificates and its stand-ins. It is patient: a question whose answer is
    late, on a loaded machine, is not answered by a receipt, unless `options` say so."""

    def __init__(self, build, folder, **options):
        self.folder = str(folder)
        self.port, self.registry_port = find_free_ports(2)
        self.ca = Authority(self.folder, "ca")
        self.other_ca = Authority(self.folder, "other-ca")
        self.unknown_ca = Authority(self.folder, "unknown-ca")
        with open(f"{self.folder}/both.crt", "wb") as file:
            for one in (self.ca, self.other_ca):
                file.write(open(one.file, "rb").read())
        self.server = self.ca.issue("gateway", GATEWAY_HOSTS)
        self.files = {"reader": self.ca.issue("reader"), "admin": self.ca.issue("admin"),
                      "second": self.ca.issue("second"), "nobody": self.ca.issue("nobody"),
                      "cousin": self.other_ca.issue("cousin"), "stranger": self.unknown_ca.issue("stranger"),
                      "expired": self.ca.issue("expired", days=(-60, -1)),
                      "nameless": self.ca.issue("nameless", subject=[])}
        self.options = {
            "listen": [f"127.0.0.1:{self.port}", f"[::1]:{self.port}"],
            "registry_listen": f"127.0.0.1:{self.registry_port}",
            "public_url": f"https://127.0.0.1:{self.port}/",
            "certificate": self.server[0], "key": self.server[1], "ca": f"{self.folder}/both.crt",
            "answer_timeout_ms": 60000, "query_timeout_ms": 60000, "store_timeout_ms": 60000,
            "access": {"roles": {"reader": ["org.example.reader", "org.example.sec*", "org.example.cousin"],
                                 "admin": ["org.example.admin"]},
                       "authorizations": {"Query*": ["reader", "admin"], "GetGrading": ["reader", "admin"],
                                          "ezrepo": ["reader", "admin"],
                                          "SetGrading": ["admin"], "TryGrading": ["admin"], "Ledger*": ["admin"], "Rejected*": ["admin"]}}, **options}
        self.process = None
        self.build = build
        self.write_config()
        os.mkdir(f"{self.folder}/run", 0o700)
        self.queryd = StandIn(f"{self.folder}/run", "query", counts)
        self.stored = StandIn(f"{self.folder}/run", "store", published)
        self.queryd.start()
        self.stored.start()
        try:
            self.start()
        except BaseException:
            self.end()
            raise

    def write_config(self):
        with open(f"{self.folder}/ezrepo.json", "w", encoding="utf-8") as file:
            json.dump({"common": {"run_dir": f"{self.folder}/run", "schemas_dir": f"{ROOT}/schemas", "user": "",
                                  "log_level": "debug"}, "mplane-gw": self.options}, file)

    def start(self):
        with open(f"{self.folder}/log", "ab") as log, open(f"{self.folder}/audit", "ab") as audit:
            self.process = subprocess.Popen([f"{self.build}/mplane-gw/mplane-gw", "--config",
                                             f"{self.folder}/ezrepo.json"], stdout=audit, stderr=log)
        self.wait(lambda: "gateway.started" in self.log())

    def log(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def audit(self):
        """The lines of the audit log, each as a dict of its fields; one that is being written is left out."""
        with open(f"{self.folder}/audit", "rb") as file:
            lines = file.read().rpartition(b"\n")[0].decode().splitlines()
        assert all(re.fullmatch(AUDIT_LINE, line) for line in lines), lines
        return [{name: quoted[1:-1] if quoted.startswith('"') else quoted
                 for name, quoted in re.findall(AUDIT_FIELD, line)} for line in lines]

    def wait(self, what, seconds=60):
        def seen():
            ended = self.process.poll() is not None
            found = what()
            assert found or not ended, self.log()
            return found
        wait_for(seen, seconds, lambda: self.log()[-4000:])

    def client(self, name="reader", version=None, ca=None):
        return Client(self, self.files[name], version, ca)

    def status(self):
        try:
            with open(f"{self.folder}/run/status/mplane-gw-0.json", encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {}

    def counters(self):
        """As they are now."""
        return counters_now(self.status)

    def counted(self, name, least):
        self.wait(lambda: self.counters()[name] >= least)

    def reload(self):
        """Until it has said what came of it."""
        before = self.status()["reload"]["number"]
        self.process.send_signal(signal.SIGHUP)
        self.wait(lambda: self.status().get("reload", {}).get("number", before) > before)

    def change(self, **options):
        """A reload that changes these options."""
        self.options.update(options)
        self.write_config()
        self.reload()

    def end(self):
        """SIGTERM, or SIGKILL when that does not end it; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.queryd.stop()
        self.stored.stop()
        return self.process.returncode

    def stop(self, code=0):
        """It has to end, or have ended, with this exit code and without anything left over."""
        ended, log = self.end(), self.log()
        assert ended == code, f"ended with {ended}\n{log[-6000:]}"
        assert_clean(log)


def registry_url(gateway):
    return f"http://127.0.0.1:{gateway.registry_port}/registry/ezrepo"


def specification(gateway, label="QueryByCriteria", columns=None, parameters=None, when="past ... now", **more):
    """A specification of QueryByCriteria; `parameters` replaces values."""
    values = {**{d: "*" for d in DIMENSIONS}, "select.grade": "all", "range.grade": "1 ... 5", **(parameters or {})}
    return {"specification": "query", "version": 1, "registry": registry_url(gateway), "label": label, "when": when,
            "parameters": values, "results": columns or COUNT_COLUMNS, **more}


def listing(gateway, label, columns, **parameters):
    spec = specification(gateway, label, columns)
    spec["parameters"] = {**{p: "*" for p in LISTING}, **parameters}
    return spec


def crawl(client, path="/", visited=None):
    """As SDK clients discover: follow every link of every page, take every mPlane body."""
    visited = [] if visited is None else visited
    assert path not in visited, "a page that leads back is an endless loop for them"
    visited.append(path)
    status, kind, body = client.get(path)
    assert status == 200, (path, status)
    if kind == MPLANE:
        return [json.loads(body)]
    assert kind == "text/html", kind
    found = []
    for link in re.findall(r"(?i)<a\s+href=['\"]([^'\"]*)", body):
        assert link.startswith("/"), link
        found += crawl(client, link, visited)
    return found


def slow(gateway, label, probe="slow", **more):
    return specification(gateway, label, parameters={"record.probe": probe}, **more)


def ask_without_waiting(gateway, message, name="reader", version=None):
    """Posts a question; the client, and the question as it reached queryd."""
    asked = len(gateway.queryd.of(QUERY))
    client = gateway.client(name, version)
    client.connection.request("POST", "/", json.dumps(message), {"Content-Type": MPLANE})
    gateway.wait(lambda: len(gateway.queryd.of(QUERY)) > asked)
    return client, gateway.queryd.of(QUERY)[asked]


def under_way(gateway, message, name="reader"):
    """The receipt for a question that is not answered yet, which another connection of the same client has redeemed. Who
    asked waits on; he is returned as well, since the question stays when he goes."""
    asker, _ = ask_without_waiting(gateway, message, name)
    redemption = {**message, "redemption": message["specification"]}
    del redemption["specification"]
    receipt = gateway.client(name).post(redemption)
    assert "receipt" in receipt, receipt
    return receipt, asker


def held(gateway, client, *what, path="/", **more):
    """The receipt for a question that waits for its answer, at a gateway that is not patient, and the question as it
    reached queryd."""
    asked = len(gateway.queryd.of(QUERY))
    receipt = client.post(slow(gateway, *what, **more), path)
    assert receipt["receipt"] == "query", receipt
    gateway.wait(lambda: len(gateway.queryd.of(QUERY)) > asked)
    return receipt, gateway.queryd.of(QUERY)[asked]


def all_questions(gateway, name="admin"):
    """Those that reached queryd: once one that is asked now has come, all have that were asked before."""
    assert "result" in gateway.client(name).post(specification(gateway))
    return gateway.queryd.of(QUERY)[:-1]


def set_grading(gateway, document, **more):
    spec = specification(gateway, "SetGrading", ["grading.blocks", "grading.version"], **more)
    return {**spec, "specification": "store", "parameters": {"grading.document": document}}


def redeem(receipt):
    message = {**receipt, "redemption": receipt["receipt"]}
    del message["receipt"]
    return message


def opened(gateway, name="reader"):
    context = make_context(gateway.ca.file, gateway.files[name])
    return context.wrap_socket(socket.create_connection(("127.0.0.1", gateway.port), timeout=60),
                               server_hostname="127.0.0.1")


def closed_within(connection, seconds):
    connection.settimeout(seconds)
    try:
        return connection.recv(100) == b""
    except socket.timeout:
        return False
    except OSError:
        return True


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
both_versions = pytest.mark.parametrize("version", VERSIONS, ids=["TLS1.2", "TLS1.3"])
