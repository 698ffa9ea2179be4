# SPDX-License-Identifier: Apache-2.0
"""The matrix of mutual TLS at the gateway: whom no certificate, a bad one, or somebody else's token lets in; and that
nothing leaks in any case."""
import http.client
import json
import os
import socket
import ssl

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from gateways import (CLIENT, MPLANE, SERVER, all_questions, both_versions, closed_within, make_context, redeem,
                      registry_url, slow, specification)
from ingestds import result
from messages import QUERY
from posts import post
from test_export import given

SECRETS = [b"Query", b"capabilit", b"mplane", b"EZRepo", b"HTTP"]


def certificate(gateway, name, signer=None, usage=CLIENT, begins=-60, ends=30):
    """The paths of a certificate and its key, as org.example.NAME: signed by the gateway's CA, by `signer` (an
    Authority), or by its own key ("self"); valid from and to so many days from now."""
    authority = gateway.ca if signer in (None, "self") else signer
    return authority.issue("reader", usages=[usage], days=(begins, ends), self_signed=signer == "self",
                           file=f"matrix-{name}")


def talk(gateway, files, version=None, session=None):
    """All bytes that a peer gets, over TLS or before, for a request that the owner of a good certificate may make."""
    got = b""
    context = make_context(gateway.ca.file, files, version)
    try:
        raw = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
        with context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as wrapped:
            wrapped.sendall(b"GET /capabilities HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            while part := wrapped.recv(65536):
                got += part
    except (ssl.SSLError, OSError):
        pass
    return got


BAD = {
    "expired": {"ends": -1}, "not yet valid": {"begins": 1}, "server's": {"usage": SERVER},
    "for mail": {"usage": ExtendedKeyUsageOID.EMAIL_PROTECTION}, "foreign": {"signer": "unknown"},
    "self-signed": {"signer": "self"}, "none": None}


@both_versions
@pytest.mark.parametrize("kind", BAD)
def test_bad_certificates_get_nothing(gateway, version, kind):
    # The same certificate, but for what is bad about it, is let in.
    assert b"QueryByCriteria" in talk(gateway, certificate(gateway, "good"), version)
    before = gateway.counters()
    how = BAD[kind]
    files = None
    if how is not None:
        how = {**how, **({"signer": gateway.unknown_ca} if how.get("signer") == "unknown" else {})}
        files = certificate(gateway, kind.replace(" ", "-"), **how)
    assert talk(gateway, files, version) == b""
    gateway.counted("handshakes.failed", before["handshakes.failed"] + 1)
    assert gateway.counters()["requests"] == before["requests"]


@both_versions
def test_a_client_does_not_take_a_clients_certificate_for_the_servers(make_gateway, version):
    """The reverse of wrong usage: our own certificate may be no client's. It is the peer who has to see that."""
    one = make_gateway()
    files = certificate(one, "wrong-server")
    one.options["certificate"], one.options["key"] = files[:2]
    one.write_config()
    one.reload()
    context = make_context(one.ca.file, one.files["reader"], version)
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose|mismatch"):
        raw = socket.create_connection(("127.0.0.1", one.port), timeout=60)
        context.wrap_socket(raw, server_hostname="127.0.0.1")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["TLS1.0", "TLS1.1"])
def test_old_versions_get_nothing(gateway, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_verify_locations(gateway.ca.file)
    context.load_cert_chain(*gateway.files["reader"][:2])
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as raw:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(raw, server_hostname="127.0.0.1")


def test_plain_bytes_get_no_page(gateway):
    for start in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x80\x2e\x01\x00\x02", b"\0" * 600):
        got = b""
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as raw:
            try:
                raw.sendall(start)
                raw.shutdown(socket.SHUT_WR)
                while part := raw.recv(1000):
                    got += part
            except OSError:
                pass
        assert not any(secret.lower() in got.lower() for secret in SECRETS), got


# ---- revocation ----

def write_crl(gateway, *revoked):
    path = os.path.join(gateway.folder, "crl.pem")
    with open(path, "wb") as file:
        file.write(gateway.ca.revoke(*revoked) + gateway.other_ca.revoke())
    return path


@both_versions
def test_a_new_list_ends_sessions_that_live(make_gateway, version):
    one = make_gateway()
    one.options["crl"] = write_crl(one)
    one.write_config()
    one.reload()
    idle, busy, other = (one.client(n, version) for n in ("reader", "reader", "admin"))
    assert idle.get("/")[0] == 200 and busy.get("/")[0] == 200 and other.get("/")[0] == 200
    session = idle.connection.sock.session
    raw = idle.connection.sock
    half = one.client("reader", version).connection
    half.putrequest("POST", "/")
    half.putheader("Content-Length", "200000")
    half.endheaders(b" " * 150000)
    one.wait(lambda: one.counters()["bodies.bytes"] > 0)
    busy.connection.request("POST", "/", json.dumps(slow(one, "busy", token="b-1")), {"Content-Type": MPLANE})
    one.wait(lambda: one.queryd.of(QUERY))
    one.counters()  # whoever else was answered is idle
    write_crl(one, one.files["reader"][2])
    one.reload()
    assert closed_within(raw, 20)
    # A request of which only a part was there is nobody's.
    with pytest.raises((OSError, http.client.HTTPException)):
        half.send(b" " * 50000)
        half.getresponse()
    # What is being answered gets its answer, which is the last on its connection.
    question = one.queryd.of(QUERY)[-1]
    one.queryd.send(question, [10, question["id"], 0, "", ["grade.name", "records.matched", "records.graded"],
                               ["overall", "1", "1"]])
    answer = busy.connection.getresponse()
    assert "result" in json.loads(answer.read()) and answer.headers["Connection"] == "close"
    assert closed_within(busy.connection.sock, 20) if busy.connection.sock else True
    # Neither a full handshake nor the session of before lets it in again.
    assert talk(one, one.files["reader"], version) == b""
    context = idle.context
    got = b""
    try:
        again = socket.create_connection(("127.0.0.1", one.port), timeout=60)
        with context.wrap_socket(again, server_hostname="127.0.0.1", session=session) as wrapped:
            wrapped.sendall(b"GET /capabilities HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            got = wrapped.recv(65536)
    except (ssl.SSLError, OSError):
        pass
    assert got == b""
    assert b"QueryByCriteria" in talk(one, one.files["admin"], version)
    # The list taken back, the same certificate is good again.
    write_crl(one)
    one.reload()
    assert b"QueryByCriteria" in talk(one, one.files["reader"], version)


def test_a_list_that_cannot_be_read_changes_nothing(make_gateway):
    one = make_gateway()
    one.options["crl"] = write_crl(one, one.files["reader"][2])
    one.write_config()
    one.reload()
    with open(one.options["crl"], "wb") as file:
        file.write(b"-----BEGIN X509 CRL-----\nnonsense\n-----END X509 CRL-----\n")
    one.reload()
    assert "mplane-gw.crl" in one.log()
    assert talk(one, one.files["reader"]) == b"" and b"QueryByCriteria" in talk(one, one.files["admin"])


# ---- what another may not see ----

def post_raw(client, message, path="/"):
    """Status, headers that tell something, and body of the answer."""
    client.connection.request("POST", path, json.dumps(message), {"Content-Type": MPLANE})
    response = client.connection.getresponse()
    headers = sorted((k, v) for k, v in response.getheaders() if k not in ("Date",))
    return response.status, headers, response.read()


@pytest.mark.parametrize("verb", ["redemption", "interrupt"])
@pytest.mark.parametrize("name", ["second", "admin", "nobody"])
def test_not_yours_looks_as_not_there(hasty, verb, name):
    owner, other = hasty.client("reader"), hasty.client(name)
    token = f"{verb[0]}-{name}-there"
    receipt = owner.post(slow(hasty, "mine", token=token))
    assert receipt["receipt"] == "query"
    whole = {**redeem(receipt), "token": token}
    if verb == "interrupt":
        del whole["redemption"]
        whole["interrupt"] = "query"
    for message in (whole, {verb: "query", "version": 1, "registry": registry_url(hasty), "token": token}):
        absent = json.loads(json.dumps(message).replace(token, token.replace("there", "thare")))
        there, not_there = post_raw(other, message), post_raw(other, absent)
        assert there[:2] == not_there[:2]
        assert there[2].replace(b"-there", b"") == not_there[2].replace(b"-thare", b"")
    assert owner.post(redeem(receipt)) == receipt  # it goes on
    owner.post({"interrupt": "query", "version": 1, "token": token})


def test_wrong_role_learns_no_more_than_the_label(gateway):
    """A capability's token is a digest of what everybody may know; who may not use it gets its label, no more."""
    nobody, admin = gateway.client("nobody"), gateway.client("admin")
    for capability in json.loads(admin.get("/capabilities")[2])["contents"]:
        status, _, body = nobody.get("/capability/" + capability["token"])
        assert status == 200 and set(json.loads(body)) == {"exception", "message"}
        assert "link" not in body and "past ... future" not in body and "record.type" not in body
    assert json.loads(nobody.get("/capabilities")[2])["contents"] == []
    before = len(gateway.queryd.of(QUERY))
    reply = nobody.post(specification(gateway, token="w-1"))
    assert set(reply) == {"exception", "message"} and len(all_questions(gateway)) == before


@pytest.mark.parametrize("header", ["Forged-MPlane-Identity", "X-Forwarded-For", "X-SSL-Client-S-DN", "Host"])
def test_headers_make_nobody_somebody_else(gateway, header):
    client = gateway.client("nobody")
    client.connection.request("POST", "/", json.dumps(specification(gateway, token="h-1")),
                              {"Content-Type": MPLANE, header: "org.example.admin"})
    assert "not authorized" in json.loads(client.connection.getresponse().read())["message"]


def test_a_session_is_nobody_elses(gateway):
    """A resumed session keeps the identity of its first handshake: that of whose certificate it was."""
    first = gateway.client("nobody", ssl.TLSVersion.TLSv1_2)
    assert first.get("/")[0] == 200
    got = talk(gateway, gateway.files["nobody"], ssl.TLSVersion.TLSv1_2)
    raw = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
    with first.context.wrap_socket(raw, server_hostname="127.0.0.1", session=first.connection.sock.session) as again:
        assert again.session_reused
        again.sendall(b"GET /capabilities HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        resumed = b""
        while part := again.recv(65536):
            resumed += part
    assert b"QueryByCriteria" not in resumed
    assert resumed.partition(b"\r\n\r\n")[2] == got.partition(b"\r\n\r\n")[2]


def test_we_keep_no_sessions(gateway):
    """Resuming is by tickets, which peers keep: those without any would fill our memory with sessions."""
    context = make_context(gateway.ca.file, gateway.files["reader"], ssl.TLSVersion.TLSv1_2)
    context.options |= ssl.OP_NO_TICKET
    session, reused = None, []
    for _ in range(2):
        raw = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
        with context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as wrapped:
            session = wrapped.session
            reused.append(wrapped.session_reused)
    assert reused == [False, False]


def test_another_ones_export_looks_as_not_there(pair):  # noqa: F811
    """A URL's token is worth nothing to whom it was not given, and nobody learns whether there is one."""
    pair.start(gateway={"exports_file": str(pair.folder / "exports")})
    gateway = pair.gateway
    path, receipt = given(gateway)
    body = result()
    for name in ("nobody", "cousin"):
        answers = [post(gateway, body, p, name=name) for p in (path, "/" + "0" * 32 + "/result")]
        there, absent = [(status, sorted((k, v) for k, v in headers.items() if k != "Date"), text)
                         for status, headers, text in answers]
        assert there == absent and there[0] == 403
    token = path.split("/")[1]
    assert token not in gateway.log() and all(token not in str(line) for line in gateway.audit())
    # Nor can somebody else take it back, or see it.
    for verb in ("redemption", "interrupt"):
        message = {verb: "collect", "version": 1, "registry": registry_url(gateway), "token": receipt["token"]}
        assert "unknown job" in gateway.client("admin").post(message)["message"]
    assert post(gateway, body, path)[0] == 200
