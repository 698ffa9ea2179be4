"""Certificates as `ezrepo pki` makes them, and what the gateway makes of them."""
import os
import socket
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID


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
    assert [line.split()[:2] for line in listed.splitlines()] == [
        ["admin", "admin"], ["alice", "reader"], ["bob", "reader"], ["probe-1.example.org", "-"]]


def test_issue_for_a_supervisor(make_set):
    one = make_set()
    one.cmd("pki", "issue", "sup", "--name", "sup.example.org", "--name", "192.0.2.9")
    assert verify(one, "clients/sup").returncode == 0
    cert = certificate(f"{one.state}/pki/clients/sup.crt")
    names = cert.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert names.get_values_for_type(x509.DNSName) == ["sup.example.org"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.9"]
    assert identity(cert) == "org.ezrepo.EZRepo.Clients.sup"


def test_refusals(make_set):
    one = make_set()
    for arguments, code, says in [
            (["issue", "a/b"], 2, '"a/b"'), (["issue", "*"], 2, '"*"'), (["issue", "x" * 65], 2, "1 to 64"),
            (["issue", "carol", "--role", "king"], 2, "there are reader, probe, admin"),
            (["issue", "admin"], 1, "--renew"), (["server", "--name", "a b"], 2, '"a b"'),
            (["issue", "carol", "--name", "a b"], 2, '"a b"')]:
        done = one.cmd("pki", *arguments, check=False)
        assert done.returncode == code and says in done.stderr, done.stderr
    assert not os.path.exists(one.state + "/pki/clients/carol.crt")


def test_renew(make_set):
    one = make_set()
    path = one.state + "/pki/clients/admin.crt"
    before = certificate(path)
    one.cmd("pki", "issue", "admin", "--role", "admin", "--renew")
    after = certificate(path)
    assert identity(after) == identity(before) and after.public_key() != before.public_key()
    assert one_config(one).count("Clients.admin") == 1


def refused(one, client):
    """What a query of this client's ends with; nothing when it is answered."""
    return one.cmd("query", "--as", client, check=False).stderr


def test_revoke(ezrepo_set):
    one = ezrepo_set
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


def test_roles_while_running(ezrepo_set):
    one = ezrepo_set
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


def test_server_certificate_renewed_while_running(ezrepo_set):
    one = ezrepo_set
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
