# SPDX-License-Identifier: Apache-2.0
"""Certificates as `ezrepo pki` makes them, and what the gateway makes of them."""
import json
import os
import socket
import subprocess
import threading
import time

import pytest
from conftest import EZREPO, stopped_set
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtensionOID, NameOID


@pytest.fixture(scope="module", name="made")
def made_set(build_dir):
    """A set that is never started, for tests that make certificates, each under names of its own."""
    with stopped_set(build_dir) as one:
        yield one


def read(path):
    with open(path, "rb") as file:
        return file.read()


def certificate(path):
    data = read(path)
    return x509.load_pem_x509_certificate(data[data.index(b"-----BEGIN"):])


def identity(cert):
    """As the mPlane SDK computes it: the subject's values in DER order, joined by dots."""
    return ".".join(attribute.value for attribute in cert.subject)


def verify(one, name):
    return subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", f"{one.state}/pki/ca.crt",
                           f"{one.state}/pki/{name}.crt"], capture_output=True, text=True, check=False)


def test_what_init_makes(make_set):
    one = make_set("--name", "repo.example.org", "--name", "192.0.2.9")
    for name in ("server", "clients/admin"):
        assert verify(one, name).returncode == 0, verify(one, name).stderr
        assert read(f"{one.state}/pki/{name}.crt").startswith(b"Certificate:\n")
        cert = certificate(f"{one.state}/pki/{name}.crt")
        assert isinstance(cert.public_key().curve, ec.SECP256R1)
        assert identity(cert).startswith("org.ezrepo.")
    names = certificate(f"{one.state}/pki/server.crt").extensions.get_extension_for_oid(
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"localhost", "repo.example.org", socket.gethostname()}
    assert {str(a) for a in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1", "192.0.2.9"}
    assert f'"public_url": "https://repo.example.org:{one.https}"' in one_config(one)


def one_config(one):
    return read(one.state + "/ezrepo.json").decode()


def test_issue(make_set):
    one = make_set()
    before = one_config(one)
    said = one.cmd("pki", "issue", "probe-1.example.org").stdout
    cert = certificate(f"{one.state}/pki/clients/probe-1.example.org.crt")
    assert identity(cert) == "org.ezrepo.EZRepo.Clients.probe-1.example.org"
    assert identity(cert) in said
    assert one_config(one) == before

    one.cmd("pki", "issue", "alice", "--role", "reader")
    one.cmd("pki", "issue", "bob", "--role", "reader")
    changed = one_config(one)
    assert changed.replace('"org.ezrepo.EZRepo.Clients.alice", "org.ezrepo.EZRepo.Clients.bob"', "") == before
    listed = one.cmd("pki", "list").stdout
    assert [line.split()[:3] for line in listed.splitlines()] == [
        ["NAME", "ROLES", "STATE"], ["(authority)", "-", "good"], ["(revocations)", "-", "good"],
        ["(gateway)", "-", "good"], ["(ingest-gw)", "-", "good"],
        ["admin", "admin", "good"], ["alice", "reader", "good"], ["bob", "reader", "good"],
        ["probe-1.example.org", "-", "good"]]


def test_issue_for_a_supervisor(made):
    one = made
    one.cmd("pki", "issue", "sup", "--name", "sup.example.org", "--name", "192.0.2.9")
    assert verify(one, "clients/sup").returncode == 0
    cert = certificate(f"{one.state}/pki/clients/sup.crt")
    names = cert.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert names.get_values_for_type(x509.DNSName) == ["sup.example.org"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.9"]
    assert identity(cert) == "org.ezrepo.EZRepo.Clients.sup"


def test_refusals(made):
    one = made
    for arguments, code, says in [
            (["issue", "a/b"], 2, '"a/b"'), (["issue", "*"], 2, '"*"'), (["issue", "x" * 65], 2, "1 to 64"),
            (["issue", "frank", "--role", "king"], 2, "there are reader, probe, admin"),
            (["issue", "admin"], 1, "--renew"), (["server", "--name", "a b"], 2, '"a b"'),
            (["issue", "frank", "--name", "a b"], 2, '"a b"'), (["issue", "frank", "--days", "0"], 2, "1 to 3650"),
            (["revoke"], 2, "NAME or --serial"), (["revoke", "admin", "--serial", "1"], 2, "NAME or --serial"),
            (["revoke", "--serial", "abc"], 1, "no certificate with the serial number abc"),
            (["revoke", "dave"], 1, 'no certificate was issued to "dave"')]:
        done = one.cmd("pki", *arguments, check=False)
        assert done.returncode == code and says in done.stderr, done.stderr
    assert not os.path.exists(one.state + "/pki/clients/frank.crt")


def test_renew(made):
    one = made
    path = one.state + "/pki/clients/admin.crt"
    before = certificate(path)
    one.cmd("pki", "issue", "admin", "--role", "admin", "--renew")
    after = certificate(path)
    assert identity(after) == identity(before) and after.public_key() != before.public_key()
    assert one_config(one).count("Clients.admin") == 2  # mplane-gw's and webd's


def refused(one, client):
    """What a query of this client's ends with; nothing when it is answered."""
    return one.cmd("query", "--as", client, check=False).stderr


def rows(one, name):
    """What `pki list` has of this name."""
    return [row for row in json.loads(one.cmd("pki", "list", "--json").stdout) if row["name"] == name]


def revoked_serials(one):
    """Those that the gateway reads."""
    return {entry.serial_number for entry in x509.load_pem_x509_crl(read(one.state + "/pki/crl.pem"))}


def test_revoking_a_name_revokes_what_was_renewed(made):
    one = made
    before, serials = revoked_serials(one), set()
    for options in ([], ["--renew"], ["--renew", "--days", "5"]):
        one.cmd("pki", "issue", "carol", *options)
        serials.add(certificate(one.state + "/pki/clients/carol.crt").serial_number)
    assert len(serials) == 3
    assert sorted(row["state"] for row in rows(one, "carol")) == ["good", "good, replaced", "good, replaced"]
    ends = certificate(one.state + "/pki/clients/carol.crt").not_valid_after
    assert next(row["until"] for row in rows(one, "carol") if row["state"] == "good") == str(ends)
    assert {int(row["serial"], 16) for row in rows(one, "carol")} == serials

    assert "3 certificates" in one.cmd("pki", "revoke", "carol").stdout
    assert revoked_serials(one) - before == serials
    assert [row["state"] for row in rows(one, "carol")] == ["revoked"] * 3
    # Once more is no fault, and changes nothing.
    assert "0 certificates" in one.cmd("pki", "revoke", "carol").stdout
    assert revoked_serials(one) - before == serials


def test_one_certificate_is_revoked_by_its_serial_number(made):
    one = made
    before = revoked_serials(one)
    one.cmd("pki", "issue", "erin")
    first = certificate(one.state + "/pki/clients/erin.crt").serial_number
    one.cmd("pki", "issue", "erin", "--renew")
    one.cmd("pki", "revoke", "--serial", f"{first:X}")
    assert revoked_serials(one) - before == {first}
    assert os.path.exists(one.state + "/pki/clients/erin.crt")
    shown = certificate(one.state + "/pki/server.crt").serial_number
    done = one.cmd("pki", "revoke", "--serial", f"{shown:x}", check=False)
    assert done.returncode == 1 and "ezrepo pki server" in done.stderr
    one.cmd("pki", "server")
    one.cmd("pki", "revoke", "--serial", f"{shown:x}")
    assert revoked_serials(one) - before == {first, shown}


def test_a_set_with_a_list_of_the_revoked_only(make_set):
    """As sets were made before there was a list of all."""
    one = make_set()
    one.cmd("pki", "issue", "carol")
    one.cmd("pki", "issue", "dave")
    gone = certificate(one.state + "/pki/clients/dave.crt").serial_number
    one.cmd("pki", "revoke", "dave")
    os.unlink(one.state + "/pki/issued")
    with open(one.state + "/pki/revoked", "w", encoding="ascii") as file:
        file.write(f"R\t290224155937Z\t261121155937Z\t{gone:032X}\tunknown\t/CN=dave\n")
    assert [rows(one, name)[0]["state"] for name in ("admin", "carol", "dave")] == ["good", "good", "revoked"]
    carol = certificate(one.state + "/pki/clients/carol.crt").serial_number
    one.cmd("pki", "revoke", "carol")
    assert revoked_serials(one) == {gone, carol}
    assert not os.path.exists(one.state + "/pki/revoked")
    assert [rows(one, name)[0]["state"] for name in ("admin", "carol", "dave")] == ["good", "revoked", "revoked"]


def at_once(one, *commands):
    """Runs these at the same time; none may fail."""
    threads = [threading.Thread(target=one.cmd, args=command) for command in commands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_commands_at_once(make_set):
    """Each does what it does alone: no role is lost, and nobody who was revoked is let in."""
    one = make_set()
    names = [f"client-{i}" for i in range(8)]
    at_once(one, *[("pki", "issue", name, "--role", "reader") for name in names])
    assert all(rows(one, name)[0]["roles"] == ["reader"] for name in names)
    at_once(one, *[("pki", "revoke", name) for name in names[:5]],
            *[("pki", "issue", name, "--renew") for name in names[5:]], ("pki", "server"), ("scale", "classifyd", "2"))
    assert revoked_serials(one) == {int(rows(one, name)[0]["serial"], 16) for name in names[:5]}
    assert [len(rows(one, name)) for name in names[5:]] == [2, 2, 2]
    assert len(rows(one, "(gateway)")) == 2


def test_a_command_waits_for_another_and_says_so(made):
    one = made
    held = subprocess.run(["flock", "-n", one.state + "/supervisor/lock", EZREPO, "pki", "list"], check=True,
                          env=one.environment, capture_output=True, text=True)
    assert "admin" in held.stdout  # who only looks does not wait
    with subprocess.Popen(["flock", one.state + "/supervisor/lock", "sleep", "600"]) as holder:
        one.wait_for(lambda: subprocess.run(["flock", "-n", one.state + "/supervisor/lock", "true"],
                                            check=False).returncode == 1)
        with subprocess.Popen([EZREPO, "pki", "issue", "grace"], env=one.environment, stderr=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, text=True) as waiting:
            assert "waiting for another command" in waiting.stderr.readline()
            assert not os.path.exists(one.state + "/pki/clients/grace.crt")
            subprocess.run(["pkill", "-P", str(holder.pid)], check=True)  # flock's child, and with it the lock
            assert waiting.wait(60) == 0
    assert os.path.exists(one.state + "/pki/clients/grace.crt")


def ended_with(one, *arguments):
    """Runs a command whose standard output nobody reads; its exit code and what it says."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([EZREPO, *arguments], env=one.environment, stdout=writer, stderr=subprocess.PIPE, text=True,
                          check=False, timeout=120)
    os.close(writer)
    return done.returncode, done.stderr


def test_nobody_reads_what_is_said(ezrepo_set):
    """`ezrepo ... | true` does all that it does otherwise; the gateway is told as well."""
    one = ezrepo_set
    assert ended_with(one, "pki", "issue", "carol", "--role", "reader") == (0, "")
    one.wait_for(lambda: one.cmd("query", "--as", "carol", check=False).returncode == 0)
    kept = {kind: read(f"{one.state}/pki/clients/carol.{kind}") for kind in ("crt", "key")}
    assert ended_with(one, "pki", "revoke", "carol") == (0, "")
    for kind, data in kept.items():
        with open(f"{one.state}/pki/clients/carol.{kind}", "wb") as file:
            file.write(data)
    one.wait_for(lambda: "alert certificate revoked" in refused(one, "carol"))
    for command in (["status"], ["status", "--json"], ["query"], ["records"], ["pki", "list"], ["ledger"],
                    ["rejected", "list"], ["reload"], ["restart", "queryd"], ["scale", "classifyd", "2"], ["up"]):
        assert ended_with(one, *command) == (0, ""), command
    assert ended_with(one, "down") == (0, "")
    assert all(p["state"] == "stopped" for p in one.status()["processes"])


def test_a_full_disk_behind_standard_output(made):
    one = made
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([EZREPO, "pki", "issue", "heidi"], env=one.environment, stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and "standard output: No space left" in done.stderr
    assert os.path.exists(one.state + "/pki/clients/heidi.crt")


def request_of(key, algorithm=hashes.SHA256()):
    """A certificate request that claims to be somebody else's."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM)


def test_a_request_is_signed(module_set, tmp_path):
    """The key is the request's, and its holder's alone; name, extensions and end are ours."""
    one = module_set
    key = ec.generate_private_key(ec.SECP384R1())
    file = tmp_path / "judy.csr"
    file.write_bytes(b"said before\n" + request_of(key))
    one.cmd("pki", "sign", "judy", str(file), "--role", "reader", "--days", "30")
    cert = certificate(one.state + "/pki/clients/judy.crt")
    assert verify(one, "clients/judy").returncode == 0
    assert identity(cert) == "org.ezrepo.EZRepo.Clients.judy"
    assert cert.public_key().public_numbers() == key.public_key().public_numbers()
    assert not cert.extensions.get_extension_for_oid(ExtensionOID.BASIC_CONSTRAINTS).value.ca
    assert 29 < (cert.not_valid_after.timestamp() - time.time()) / 86400 < 31
    assert not os.path.exists(one.state + "/pki/clients/judy.key")
    (tmp_path / "judy.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    ask = [os.path.join(one.build, "ctl", "ezrepoctl"), "query", "--url", f"https://localhost:{one.https}", "--cert",
           f"{one.state}/pki/clients/judy.crt", "--key", str(tmp_path / "judy.key"), "--ca", f"{one.state}/pki/ca.crt"]
    one.wait_for(lambda: subprocess.run(ask, check=False, capture_output=True).returncode == 0)
    assert one.cmd("pki", "sign", "judy", str(file), check=False).returncode == 1
    one.cmd("pki", "sign", "judy", "-", "--renew", text=file.read_text())
    assert len(rows(one, "judy")) == 2
    one.cmd("pki", "revoke", "judy")
    one.wait_for(lambda: subprocess.run(ask, check=False, capture_output=True).returncode == 1)


def test_keys_of_requests(made, tmp_path):
    one = made
    file = tmp_path / "x.csr"
    for number, (key, good) in enumerate([
            (rsa.generate_private_key(65537, 2048), True), (ed25519.Ed25519PrivateKey.generate(), True),
            (rsa.generate_private_key(65537, 1024), False), (ec.generate_private_key(ec.SECP192R1()), False)]):
        file.write_bytes(request_of(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()))
        done = one.cmd("pki", "sign", f"client-{number}", str(file), check=False)
        assert (done.returncode == 0) == good, done.stderr
        assert good or "expected a key of type EC (256 bits at least)" in done.stderr
        assert os.path.exists(f"{one.state}/pki/clients/client-{number}.crt") == good


def test_requests_that_are_none(made, tmp_path):
    one = made
    good = request_of(ec.generate_private_key(ec.SECP256R1())).decode()
    lines = good.splitlines()
    forged = "\n".join([*lines[:-2], lines[-2][:-6] + ("AAAA" if lines[-2][-6:-2] != "AAAA" else "BBBB") + lines[-2][-2:],
                        lines[-1]]) + "\n"
    for text, says in [("", "found 0"), (good + good, "found 2"), ("x" * 70000, "found 0"), (good[:200], "found 0"),
                       (forged, "x.csr: "), (lines[0] + "\nAAAA\n" + lines[-1], "x.csr: ")]:
        file = tmp_path / "x.csr"
        file.write_text(text)
        done = one.cmd("pki", "sign", "ivan", str(file), check=False)
        assert done.returncode == 1 and says in done.stderr and "Traceback" not in done.stderr, done.stderr
    done = one.cmd("pki", "sign", "ivan", str(tmp_path / "none"), check=False)
    assert done.returncode == 1 and "No such file" in done.stderr
    assert rows(one, "ivan") == []


def test_revoke(module_set):
    one = module_set
    one.cmd("pki", "issue", "carol", "--role", "reader")
    one.wait_for(lambda: one.cmd("query", "--as", "carol", check=False).returncode == 0)
    kept = {kind: read(f"{one.state}/pki/clients/carol.{kind}") for kind in ("crt", "key")}
    one.cmd("pki", "revoke", "carol")
    assert not os.path.exists(one.state + "/pki/clients/carol.crt")
    for kind, data in kept.items():
        with open(f"{one.state}/pki/clients/carol.{kind}", "wb") as file:
            file.write(data)
    one.wait_for(lambda: "alert certificate revoked" in refused(one, "carol"))
    one.cmd("query")
    assert one.cmd("pki", "revoke", "dave", check=False).returncode == 1
    # The name may be used again; only that certificate is dead.
    one.cmd("pki", "issue", "carol", "--renew")
    one.wait_for(lambda: one.cmd("query", "--as", "carol", check=False).returncode == 0)


def test_roles_while_running(module_set):
    one = module_set
    one.cmd("pki", "issue", "nobody")
    assert "does not offer us QueryByCriteria" in refused(one, "nobody")

    one.cmd("pki", "issue", "alice", "--role", "reader")
    one.wait_for(lambda: one.cmd("query", "--as", "alice", check=False).returncode == 0)
    assert one.cmd("grading", "get", "--as", "alice").returncode == 0
    done = one.cmd("grading", "set", os.path.join(one.state, "schemas/grading/default.json"), "--as", "alice",
                   check=False)
    assert done.returncode == 1 and "does not offer us SetGrading" in done.stderr, done.stderr
    assert "does not offer us QueryByCriteria" in refused(one, "nobody")
    assert "unheard-of.crt: it is not there" in refused(one, "unheard-of")


def posted(one, name, port, path, content_type="text/plain"):
    """The status of a post by this client."""
    files = one.client_files(name)
    return subprocess.run(["curl", "-sS", "-o", os.devnull, "-w", "%{http_code}", "--cacert", one.state + "/pki/ca.crt", "--cert",
                           files["cert"], "--key", files["key"], "-H", f"Content-Type: {content_type}", "--data-binary",
                           "192.0.2.1 is alive\n", f"https://127.0.0.1:{port}{path}"],
                          check=True, capture_output=True, text=True).stdout


def test_a_role_is_of_both_servers(module_set):
    """Where each has one of that name; and it is told where."""
    one = module_set
    assert "role         reader at mplane-gw and webd\n" in one.cmd("pki", "issue", "rita", "--role", "reader").stdout
    assert posted(one, "rita", one.ingest, "/ingest/fping-text") == "403"
    assert "role         probe at mplane-gw and ingest-gw\n" in one.cmd("pki", "issue", "prue", "--role", "probe").stdout
    one.wait_for(lambda: posted(one, "prue", one.ingest, "/ingest/fping-text") == "200")
    assert posted(one, "prue", one.https, "/result", "application/x-mplane+json") == "400"  # no mPlane, but may deliver
    assert rows(one, "prue")[0]["roles"] == ["probe"]


def test_server_certificate_renewed_while_running(module_set):
    one = module_set
    before = served(one)
    one.cmd("pki", "server", "--name", "other.example.org")
    one.wait_for(lambda: served(one) not in (before, None))
    assert served(one) == certificate(one.state + "/pki/server.crt").serial_number
    one.cmd("query")


def served(one):
    """The serial number of the certificate that the gateway shows; None when it hangs up, which it may while it takes a
    new one."""
    files = one.client_files()
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{one.https}", "-cert", files["cert"],
                           "-key", files["key"], "-CAfile", files["ca"]], input="", capture_output=True,
                          text=True, check=False, timeout=60)
    begin = done.stdout.find("-----BEGIN")
    return None if begin == -1 else x509.load_pem_x509_certificate(done.stdout[begin:].encode()).serial_number
