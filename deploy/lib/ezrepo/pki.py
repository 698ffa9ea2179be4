"""Certificates: one authority a set, its server's certificate, one a client. All by openssl(1).

Keys are EC P-256. A certificate file begins with its text, which the mPlane SDK's programs read their own
identity from. The authority's key never leaves root (or the user whose set it is).
"""
import os
import re
import secrets
import socket
import subprocess
import time
from typing import List, Optional

from .errors import Failure, Usage
from .state import Account, State, make_directory, write_file

CA_DAYS = 3650
CRL_DAYS = 3650  # a list that has run out would lock everybody out
DEFAULT_DAYS = 825
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
HOST = re.compile(r"[A-Za-z0-9*][A-Za-z0-9.-]{0,252}")
ORGANISATION = "EZRepo"


def identity(name: str) -> str:
    """What mPlane programs call the holder: the subject's values in their order, joined by dots."""
    return f"org.ezrepo.{ORGANISATION}.Clients.{name}"


def check_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise Usage(f'"{name}" cannot be a certificate\'s name: expected 1 to 64 of A-Z a-z 0-9 . _ -,'
                    " beginning with a letter or digit")
    return name


def _openssl(arguments: List[str], text: str = "") -> str:
    done = subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise Failure(f"openssl {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def _new_key() -> str:
    return _openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])


def _with_text(certificate: str) -> str:
    return _openssl(["x509", "-text"], certificate)


def make_authority(state: State) -> None:
    """A fresh authority, named apart from every other set's."""
    make_directory(state.path("pki"), 0o755)
    make_directory(state.path("pki", "clients"), 0o700)
    key = state.path("pki", "ca.key")
    write_file(key, _new_key(), 0o600)
    certificate = _openssl([
        "req", "-new", "-x509", "-sha256", "-key", key, "-days", str(CA_DAYS), "-batch",
        "-subj", f"/DC=org/DC=ezrepo/O={ORGANISATION}/CN=EZRepo CA {secrets.token_hex(4)}",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign"])
    write_file(state.path("pki", "ca.crt"), _with_text(certificate), 0o644)
    write_file(state.path("pki", "revoked"), "", 0o600)
    _write_revocations(state)


CA_CONFIGURATION = """[ca]
default_ca = set
[set]
database = {folder}/revoked
certificate = {folder}/ca.crt
private_key = {folder}/ca.key
default_md = sha256
default_crl_days = {days}
unique_subject = no
"""


def _write_revocations(state: State) -> None:
    """pki/crl.pem from pki/revoked, which is a list in the form of openssl-ca(1)."""
    folder = state.path("pki")
    configuration = state.path("pki", "ca.conf")
    write_file(configuration, CA_CONFIGURATION.format(folder=folder, days=CRL_DAYS), 0o600)
    try:
        revocations = _openssl(["ca", "-gencrl", "-config", configuration])
    finally:
        os.unlink(configuration)
    write_file(state.path("pki", "crl.pem"), revocations, 0o644)


def revoke_client(state: State, name: str) -> None:
    """The gateway takes this certificate no longer; its files are removed."""
    check_name(name)
    certificate = state.path("pki", "clients", name + ".crt")
    try:
        known = os.path.exists(certificate)
        with open(state.path("pki", "revoked"), encoding="ascii") as file:
            revoked = file.read()
        if not known:
            os.listdir(state.path("pki", "clients"))
            raise Failure(f"{certificate} is not there")
    except PermissionError as error:
        raise Failure(f"{error.filename}: no permission; be the user who made the set") from None
    facts = dict(line.split("=", 1) for line in _openssl(
        ["x509", "-in", certificate, "-noout", "-serial", "-enddate", "-dateopt", "iso_8601"]).splitlines())
    expiry = re.sub(r"[^0-9]", "", facts["notAfter"])[2:] + "Z"
    now = time.strftime("%y%m%d%H%M%SZ", time.gmtime())
    revoked += f"R\t{expiry}\t{now}\t{facts['serial']}\tunknown\t/CN={name}\n"
    write_file(state.path("pki", "revoked"), revoked, 0o600)
    _write_revocations(state)
    for ending in (".crt", ".key"):
        os.unlink(state.path("pki", "clients", name + ending))


def _sign(state: State, key: str, subject: str, extensions: str, days: int) -> str:
    """A certificate over the key, signed by the set's authority."""
    extension_file = state.path("pki", "extensions")
    request = _openssl(["req", "-new", "-sha256", "-key", key, "-batch", "-subj", subject])
    write_file(extension_file, extensions, 0o600)
    try:
        certificate = _openssl([
            "x509", "-req", "-sha256", "-days", str(days), "-CA", state.path("pki", "ca.crt"),
            "-CAkey", state.path("pki", "ca.key"), "-set_serial", "0x" + secrets.token_hex(16),
            "-extfile", extension_file], request)
    finally:
        os.unlink(extension_file)
    return _with_text(certificate)


def _extensions(usage: str, names: Optional[str] = None) -> str:
    lines = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
             f"extendedKeyUsage={usage}", "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"]
    return "\n".join(lines + ([f"subjectAltName={names}"] if names else [])) + "\n"


def is_address(name: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, name)
            return True
        except OSError:
            pass
    return False


def _check_hosts(names: List[str]) -> None:
    for name in names:
        if not is_address(name) and not HOST.fullmatch(name):
            raise Usage(f'--name "{name}": expected a host name or an address')


def _alternatives(names: List[str]) -> str:
    return ",".join(f"{'IP' if is_address(n) else 'DNS'}:{n}" for n in names)


def server_names(extra: List[str]) -> List[str]:
    """Under which names and addresses the gateway may be asked."""
    _check_hosts(extra)
    own = [name for name in [socket.gethostname()] if HOST.fullmatch(name)]
    return list(dict.fromkeys(["localhost", "127.0.0.1", "::1", *own, *extra]))


def make_server(state: State, owner: Account, extra: List[str], days: int = DEFAULT_DAYS) -> None:
    """The gateway's key and certificate; those that were are replaced."""
    names = server_names(extra)
    key = state.path("pki", "server.key")
    fresh = key + ".fresh"
    write_file(fresh, _new_key(), 0o640, owner)
    certificate = _sign(state, fresh,
                        f"/DC=org/DC=ezrepo/O={ORGANISATION}/OU=Servers/CN=gateway",
                        _extensions("serverAuth,clientAuth", _alternatives(names)), days)
    os.rename(fresh, key)
    write_file(state.path("pki", "server.crt"), certificate, 0o644)


def issue_client(state: State, name: str, days: int = DEFAULT_DAYS, renew: bool = False,
                 hosts: Optional[List[str]] = None) -> str:
    """A client's key and certificate in pki/clients; returns its identity. A client that is asked, too, such as a
    supervisor, has a certificate that is good for its hosts."""
    check_name(name)
    _check_hosts(hosts or [])
    certificate_file = state.path("pki", "clients", name + ".crt")
    key = state.path("pki", "clients", name + ".key")
    try:
        if os.path.exists(certificate_file) and not renew:
            raise Failure(f"{certificate_file} is there already; --renew replaces it and its key")
        write_file(key + ".fresh", _new_key(), 0o600)
        certificate = _sign(state, key + ".fresh",
                            f"/DC=org/DC=ezrepo/O={ORGANISATION}/OU=Clients/CN={name}",
                            _extensions("clientAuth,serverAuth", _alternatives(hosts or [])), days)
        os.rename(key + ".fresh", key)
        write_file(certificate_file, certificate, 0o600)
    except PermissionError as error:
        raise Failure(f"{error.filename}: no permission; be the user who made the set") from None
    return identity(name)
