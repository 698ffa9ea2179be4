# SPDX-License-Identifier: Apache-2.0
"""mplane-gw and the files it is given: keys, certificates, authorities in between, lists of what is revoked; and how long
what a certificate allows holds."""
import contextlib
import datetime
import os
import socket
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID
from gateways import (Authority, answered, ask_without_waiting, both_versions, closed_within, make_context,
                      registry_url, slow, specification)
from ingestds import result
from posts import is_kept, post
from test_export import given

COUNTS = ["grade.name", "records.matched", "records.graded"]


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


def check_config(gateway):
    return subprocess.run([f"{gateway.build}/mplane-gw/mplane-gw", "--config", f"{gateway.folder}/ezrepo.json",
                           "--check-config"], capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL)


# ---- files that cannot be used ----

def encrypted_key(gateway):
    file = f"{gateway.folder}/encrypted.key"
    openssl("pkey", "-in", gateway.server[1], "-aes256", "-passout", "pass:secret", "-out", file)
    os.chmod(file, 0o600)
    return {"key": file}, "mplane-gw.key", "the key is encrypted"


def encrypted_old_key(gateway):
    """As scripts of mPlane's make them: the old format, which says DEK-Info."""
    file = f"{gateway.folder}/encrypted-old.key"
    openssl("ec", "-in", gateway.server[1], "-aes128", "-passout", "pass:secret", "-out", file)
    os.chmod(file, 0o600)
    assert "DEK-Info" in open(file, encoding="ascii").read()
    return {"key": file}, "mplane-gw.key", "the key is encrypted"


def no_certificate(gateway):
    return {"certificate": f"{gateway.folder}/absent.crt"}, "mplane-gw.certificate", "No such file"


def weak_certificate(gateway):
    folder, file = gateway.folder, f"{gateway.folder}/sha1.crt"
    openssl("req", "-new", "-key", gateway.server[1], "-batch", "-subj", "/DC=org/O=example/CN=weak", "-out",
            f"{folder}/weak.csr")
    with open(f"{folder}/ca.key", "wb") as key:
        key.write(gateway.ca.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
    openssl("x509", "-req", "-sha1", "-days", "30", "-in", f"{folder}/weak.csr", "-CA", gateway.ca.file, "-CAkey",
            f"{folder}/ca.key", "-set_serial", "77", "-out", file)
    return {"certificate": file}, "mplane-gw.certificate", "ca md too weak"


def no_ca(gateway):
    return {"ca": f"{gateway.folder}/absent.crt"}, "mplane-gw.ca", "No such file"


def no_list(gateway):
    return {"crl": f"{gateway.folder}/absent.pem"}, "mplane-gw.crl", "No such file"


def key_of_another(gateway):
    return {"key": gateway.files["admin"][1]}, "mplane-gw.key", "key values mismatch"


def supervisors_key(gateway):
    options, _, text = encrypted_key(gateway)
    return ({"supervisors": [{"url": "https://127.0.0.1:9", "certificate": gateway.server[0], **options}]},
            "mplane-gw.supervisors[0].key", text)


@pytest.mark.parametrize("fault", [encrypted_key, encrypted_old_key, no_certificate, weak_certificate, no_ca, no_list,
                                   key_of_another, supervisors_key])
def test_files_that_cannot_be_used(make_gateway, fault):
    """They are found before; a reload is refused as a whole, and who asked for it is told; a start ends at once."""
    one = make_gateway()
    before = one.status()["reload"]
    assert before == {"number": 0, "refused": False, "lines": 0, "said": []}
    changed, option, text = fault(one)
    usual = dict(one.options)
    one.options.update(changed)
    one.options["access"] = {"roles": {"nobody": ["org.example.nobody"]}, "authorizations": {"*": ["nobody"]}}
    one.write_config()
    done = check_config(one)
    assert done.returncode == 1 and option in done.stderr and text in done.stderr, done
    assert "is good" not in done.stdout
    one.reload()
    told = one.status()["reload"]
    assert told["number"] == 1 and told["refused"], told
    assert any(option in line and text in line for line in told["said"]), told
    assert "secret" not in str(told)
    # All is as it was.
    assert "result" in one.client().post(specification(one))
    assert "not authorized" in one.client("nobody").post(specification(one))["message"]
    # Nobody could give a pass phrase, so nobody is asked for one.
    done = subprocess.run([f"{one.build}/mplane-gw/mplane-gw", "--config", f"{one.folder}/ezrepo.json"],
                          capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and text in done.stderr
    one.options = usual
    one.write_config()
    assert check_config(one).returncode == 0
    one.reload()
    told = one.status()["reload"]
    assert told == {"number": 2, "refused": False, "lines": 0, "said": []}


def test_an_encrypted_key_asks_no_terminal(make_gateway):
    """Not even where there is one."""
    one = make_gateway()
    one.options.update(encrypted_key(one)[0])
    one.write_config()
    done = subprocess.run(["script", "-qec", f"{one.build}/mplane-gw/mplane-gw --config {one.folder}/ezrepo.json"
                           " --check-config", "/dev/null"], capture_output=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and b"encrypted" in done.stdout and b"pass phrase:" not in done.stdout


def test_what_takes_effect_after_a_restart_is_told(make_gateway):
    one = make_gateway()
    one.change(body_bytes=1 << 20, envelope_max=7)
    told = one.status()["reload"]
    assert (told["number"], told["refused"]) == (1, False)
    assert told["said"] == ["mplane-gw.body_bytes: changed, which takes effect after a restart"]


# ---- authorities in between ----

class Chain:
    """A root and an authority in between, which has issued a client's certificate."""

    def __init__(self, gateway):
        self.folder = gateway.folder
        self.root = Authority(gateway.folder, "chain-root")
        self.between = Authority(gateway.folder, "chain-between")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chain-between")])
        self.between.certificate = self.root.sign(subject, self.between.key, ca=True)
        self.client = self.between.issue("reader", file="chained")
        pem = self.between.certificate.public_bytes(serialization.Encoding.PEM)
        with open(self.client[0], "ab") as file:
            file.write(pem)
        with open(f"{gateway.folder}/roots.crt", "wb") as file:
            for one in (gateway.ca, self.root):
                file.write(open(one.file, "rb").read())
        gateway.options.update(ca=f"{gateway.folder}/roots.crt", crl=f"{gateway.folder}/crl.pem")
        gateway.files["chained"] = self.client

    def write_lists(self, gateway, *lists):
        with open(gateway.options["crl"], "wb") as file:
            file.write(b"".join((gateway.ca.revoke(), *lists)))
        gateway.write_config()
        gateway.reload()


@both_versions
def test_a_revoked_authority_in_between(make_gateway, version):
    one = make_gateway()
    chain = Chain(one)
    chain.write_lists(one, chain.root.revoke(), chain.between.revoke())
    client = one.client("chained", version)
    assert "result" in client.post(specification(one))
    chain.write_lists(one, chain.root.revoke(chain.between.certificate), chain.between.revoke())
    with pytest.raises(OSError):
        one.client("chained", version).get("/")
    one.wait(lambda: "certificate revoked" in one.log())
    assert "result" in one.client("reader", version).post(specification(one))


def test_a_list_that_is_missing_is_told(make_gateway):
    """Of whose certificates it is not known whether they are revoked, none is taken, and the reload says so."""
    one = make_gateway()
    chain = Chain(one)
    chain.write_lists(one, chain.between.revoke())
    told = one.status()["reload"]
    assert not told["refused"]
    assert any("chain-root" in line and "no list of this CA" in line for line in told["said"]), told
    with pytest.raises(OSError):
        one.client("chained").get("/")
    assert "result" in one.client().post(specification(one))


# ---- the end of a certificate ----

def short(gateway, seconds, name="reader"):
    files = gateway.ca.issue(name, days=(-60, seconds / 86400), file=f"short-{seconds}")
    gateway.files["short"] = files
    return files[2].not_valid_after


@both_versions
def test_a_connection_ends_with_its_certificate(make_gateway, version):
    one = make_gateway()
    ends = short(one, 8)
    client = one.client("short", version)
    assert "result" in client.post(specification(one))
    raw = client.connection.sock
    assert closed_within(raw, 60)
    assert datetime.datetime.utcnow() >= ends
    with pytest.raises(OSError):
        one.client("short", version).get("/")
    assert "result" in one.client("reader").post(specification(one))


def test_what_is_being_answered_when_a_certificate_ends_is_answered(make_gateway):
    one = make_gateway()
    ends = short(one, 6)
    asker, question = ask_without_waiting(one, slow(one, "busy", token="b-1"), "short")
    one.wait(lambda: datetime.datetime.utcnow() > ends)
    one.counters()
    one.counters()
    one.queryd.send(question, answered(question, COUNTS, [["overall", "1", "1"]]))
    answer = asker.connection.getresponse()
    assert b'"result"' in answer.read() and answer.headers["Connection"] == "close"


def test_an_export_ends_when_its_owner_is_revoked(pair):
    """The identity has its roles still; it is the certificate by which it asked that is taken back."""
    pair.start(gateway={"exports_file": str(pair.folder / "exports")})
    gateway = pair.gateway
    path, _ = given(gateway, "reader", poster="*", token="one")
    kept, _ = given(gateway, "admin", poster="*", token="two")
    assert is_kept(post(gateway, result(), path, name="second"))
    gateway.options["crl"] = f"{gateway.folder}/crl.pem"

    def revoke(*certificates):
        with open(gateway.options["crl"], "wb") as file:
            file.write(gateway.ca.revoke(*certificates) + gateway.other_ca.revoke())
        gateway.write_config()
        gateway.reload()
    revoke()
    assert is_kept(post(gateway, result(), path, name="second"))
    revoke(gateway.files["reader"][2])
    assert post(gateway, result(), path, name="second")[0] == 403
    assert is_kept(post(gateway, result(), kept, name="second"))
    # It stays so over a restart.
    pair.kill_gateway()
    pair.restart_gateway()
    assert post(gateway, result(), path, name="second")[0] == 403
    assert is_kept(post(gateway, result(), kept, name="second"))


# ---- ciphers, names ----

def cipher(gateway, names):
    context = make_context(gateway.ca.file, gateway.files["reader"], ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(names)
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        raw = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as wrapped:
            return wrapped.cipher()[0]
    return None


def test_ciphers_of_tls_1_2(gateway):
    for name in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"):
        assert cipher(gateway, name) == name
    for name in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-CCM8"):
        assert cipher(gateway, name + ":@SECLEVEL=0") is None, name


def test_a_name_forges_no_field_of_the_log(make_gateway):
    one = make_gateway()
    name = 'x" capability=y outcome="z\\'
    one.files["forger"] = one.ca.issue(name, file="forger")
    client = one.client("forger")
    assert "not authorized" in client.post(specification(one))["message"]
    client.post({"specification": "query", 'token" x="': 1, "registry": registry_url(one), "when": 'a" b="'})
    quoted = r'identity="org.example.x\" capability=y outcome=\"z\\" '
    lines = [line for line in one.log().splitlines() if "request.denied" in line or "request.malformed" in line]
    assert len(lines) == 2 and all(quoted in line for line in lines), lines
