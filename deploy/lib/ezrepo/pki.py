# SPDX-License-Identifier: Apache-2.0
"""Certificates: one authority a set, its server's certificate, one a client. All by openssl(1).

Keys are EC P-256. A certificate file begins with its text, which the mPlane SDK's programs read their own
identity from. The authority's key never leaves root (or the user whose set it is). Every certificate stands in the
list pki/issued before anybody has it, so that a name that is revoked has none left that is good.
"""
import contextlib
import os
import re
import secrets
import socket
import subprocess
import time
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from . import issued
from .errors import Failure, Usage
from .issued import CLIENTS, SERVERS, Issued
from .state import Account, State, make_directory, write_file

CA_DAYS = 3650
CRL_DAYS = 3650  # a list that has run out would lock everybody out
DEFAULT_DAYS = 825
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
HOST = re.compile(r"[A-Za-z0-9*][A-Za-z0-9.-]{0,252}")
ORGANISATION = "EZRepo"
INGEST_NAME = "ingest-"  # so begins what the door for tools is called


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
    write_file(state.path("pki", "issued"), "", 0o600)
    _write_revocations(state)


CA_CONFIGURATION = """[ca]
default_ca = set
[set]
database = {folder}/issued
certificate = {folder}/ca.crt
private_key = {folder}/ca.key
default_md = sha256
default_crl_days = {days}
unique_subject = no
"""


def _write_revocations(state: State) -> None:
    """pki/crl.pem from pki/issued."""
    folder = state.path("pki")
    configuration = state.path("pki", "ca.conf")
    write_file(configuration, CA_CONFIGURATION.format(folder=folder, days=CRL_DAYS), 0o600)
    try:
        revocations = _openssl(["ca", "-gencrl", "-config", configuration])
    finally:
        os.unlink(configuration)
    write_file(state.path("pki", "crl.pem"), revocations, 0o644)


@contextlib.contextmanager
def _own_files() -> Iterator[None]:
    """Whose set it is not cannot read its keys and lists: that is said in words."""
    try:
        yield
    except PermissionError as error:
        raise Failure(f"{error.filename}: no permission; be the user who made the set") from None


def _facts(certificate: str) -> Issued:
    """What the list says of a certificate."""
    told = dict(line.split("=", 1) for line in _openssl(
        ["x509", "-noout", "-serial", "-enddate", "-dateopt", "iso_8601", "-subject", "-nameopt", "compat"],
        certificate).splitlines())
    ends = re.sub(r"[^0-9]", "", told["notAfter"]) + "Z"
    return Issued(ends=ends[2:] if ends < "2050" else ends, revoked="", serial=told["serial"], subject=told["subject"])


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def client_files(state: State) -> List[str]:
    """Of whom there is a certificate in pki/clients."""
    return sorted(f[:-4] for f in os.listdir(state.path("pki", "clients")) if f.endswith(".crt"))


def _list_of_old_set(state: State) -> List[Issued]:
    """Sets were once made with a list of what is revoked only; what else is known of them is in the files."""
    found = issued.parse(_read(state.path("pki", "revoked")), state.path("pki", "revoked"))
    files = [state.path("pki", "server.crt")]
    files += [state.path("pki", "clients", name + ".crt") for name in client_files(state)]
    return found + [_facts(_read(file)) for file in files]


def load_issued(state: State) -> List[Issued]:
    with _own_files():
        file = state.path("pki", "issued")
        if not os.path.exists(file) and os.path.exists(state.path("pki", "revoked")):
            return _list_of_old_set(state)
        return issued.parse(_read(file), file)


def _save_issued(state: State, certificates: List[Issued]) -> None:
    write_file(state.path("pki", "issued"), issued.text(certificates), 0o600)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(state.path("pki", "revoked"))


def _note_issued(state: State, certificate: str) -> None:
    """Before anybody has it."""
    _save_issued(state, load_issued(state) + [_facts(certificate)])


def _current_server_serials(state: State) -> Set[str]:
    files = [state.path("pki", name) for name in ("server.crt", "ingest.crt")]
    return {_facts(_read(file)).serial for file in files if file.endswith("server.crt") or os.path.exists(file)}


def _revoke(state: State, certificates: List[Issued], chosen: List[Issued]) -> None:
    now = time.strftime("%y%m%d%H%M%SZ", time.gmtime())
    for one in chosen:
        one.revoked = now
    _save_issued(state, certificates)
    _write_revocations(state)


def revoke_client(state: State, name: str) -> int:
    """The gateway takes no certificate of this name any longer, however many were issued; the files are removed.
    Returns how many were good until now."""
    check_name(name)
    certificates = load_issued(state)
    own = [one for one in certificates if one.kind == CLIENTS and one.name == name]
    chosen = [one for one in own if not one.revoked]
    with _own_files():
        files = [path for path in (state.path("pki", "clients", name + ending) for ending in (".crt", ".key"))
                 if os.path.exists(path)]
    if not own and not files:
        raise Failure(f'no certificate was issued to "{name}"; ezrepo pki list has all that were')
    # Also when none is left: a command that was killed may have left the gateway's list behind.
    _revoke(state, certificates, chosen)
    for path in files:
        os.unlink(path)
    return len(chosen)


def revoke_serial(state: State, serial: str) -> str:
    """The gateway takes the certificate with this serial number no longer; returns whose it was."""
    wanted = re.sub(r"[:\s]", "", serial).upper().lstrip("0")
    certificates = load_issued(state)
    chosen = [one for one in certificates if one.serial.lstrip("0") == wanted]
    if not chosen:
        raise Failure(f"no certificate with the serial number {serial} was issued; ezrepo pki list has all that were")
    if chosen[0].revoked:
        raise Failure(f"the certificate with the serial number {serial} is revoked already")
    if chosen[0].kind == SERVERS and chosen[0].serial in _current_server_serials(state):
        raise Failure("that is the certificate that the gateway shows; make another one first: ezrepo pki server")
    _revoke(state, certificates, chosen)
    return chosen[0].name


def _sign(state: State, request: str, subject: str, extensions: str, days: int) -> str:
    """A certificate for the key of the request, signed by the set's authority and noted in its list. Subject and
    extensions are ours, whatever the request says."""
    extension_file = state.path("pki", "extensions")
    write_file(extension_file, extensions, 0o600)
    try:
        certificate = _openssl([
            "x509", "-req", "-sha256", "-days", str(days), "-subj", subject, "-CA", state.path("pki", "ca.crt"),
            "-CAkey", state.path("pki", "ca.key"), "-set_serial", "0x" + secrets.token_hex(16),
            "-extfile", extension_file], request)
    finally:
        os.unlink(extension_file)
    _note_issued(state, certificate)
    return _with_text(certificate)


def _request(key: str) -> str:
    return _openssl(["req", "-new", "-sha256", "-key", key, "-batch", "-subj", "/CN=request"])


def _subject(kind: str, name: str) -> str:
    return f"/DC=org/DC=ezrepo/O={ORGANISATION}/OU={kind}/CN={name}"


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


def _fresh_server_name() -> str:
    """The gateway's, by which supervisors tell one set from another."""
    host = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:40]
    return f"gateway-{host}-{secrets.token_hex(4)}"


def _server_name(state: State) -> str:
    """What it is called, also when its certificate is made anew: others have it in their rules."""
    try:
        return _facts(_read(state.path("pki", "server.crt"))).name
    except FileNotFoundError:
        return _fresh_server_name()


def server_identity(state: State) -> str:
    with _own_files():
        return f"org.ezrepo.{ORGANISATION}.{SERVERS}.{_server_name(state)}"


def _ingest_name(state: State) -> str:
    try:
        return _facts(_read(state.path("pki", "ingest.crt"))).name
    except FileNotFoundError:
        return _fresh_server_name().replace("gateway-", INGEST_NAME, 1)


def make_ingest(state: State, owner: Account, extra: List[str], days: int = DEFAULT_DAYS) -> None:
    """The same for the door for tools, which asks nobody itself."""
    key = state.path("pki", "ingest.key")
    with _own_files():
        write_file(key + ".fresh", _new_key(), 0o640, owner)
        certificate = _sign(state, _request(key + ".fresh"), _subject(SERVERS, _ingest_name(state)),
                            _extensions("serverAuth", _alternatives(server_names(extra))), days)
        os.rename(key + ".fresh", key)
        write_file(state.path("pki", "ingest.crt"), certificate, 0o644)


def make_server(state: State, owner: Account, extra: List[str], days: int = DEFAULT_DAYS, rename: bool = False) -> None:
    """The gateway's key and certificate; those that were are replaced."""
    names = server_names(extra)
    key = state.path("pki", "server.key")
    fresh = key + ".fresh"
    with _own_files():
        write_file(fresh, _new_key(), 0o640, owner)
        name = _fresh_server_name() if rename else _server_name(state)
        certificate = _sign(state, _request(fresh), _subject(SERVERS, name),
                            _extensions("serverAuth,clientAuth", _alternatives(names)), days)
        os.rename(fresh, key)
        write_file(state.path("pki", "server.crt"), certificate, 0o644)


def _client_file(state: State, name: str, renew: bool, hosts: List[str]) -> str:
    """Where the client's certificate goes; a fault when it may not be made."""
    check_name(name)
    _check_hosts(hosts)
    file = state.path("pki", "clients", name + ".crt")
    if os.path.exists(file) and not renew:
        raise Failure(f"{file} is there already; --renew replaces it")
    return file


def _sign_client(state: State, name: str, request: str, hosts: List[str], days: int) -> str:
    return _sign(state, request, _subject(CLIENTS, name),
                 _extensions("clientAuth,serverAuth", _alternatives(hosts)), days)


def issue_client(state: State, name: str, renew: bool, hosts: List[str], days: int) -> None:
    """A client's key and certificate in pki/clients. A client that is asked, too, such as a supervisor, has a
    certificate that is good for its hosts. What is renewed stays good until it ends or the name is revoked."""
    with _own_files():
        file = _client_file(state, name, renew, hosts)
        key = state.path("pki", "clients", name + ".key")
        write_file(key + ".fresh", _new_key(), 0o600)
        certificate = _sign_client(state, name, _request(key + ".fresh"), hosts, days)
        os.rename(key + ".fresh", key)
        write_file(file, certificate, 0o600)


# ---- requests of others ----

REQUEST_BYTES = 65536
REQUEST = re.compile(r"-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----[A-Za-z0-9+/=\s]+"
                     r"-----END (?:NEW )?CERTIFICATE REQUEST-----")


def read_request(file: str) -> str:
    """A certificate request (PKCS #10, PEM) out of a file, or of standard input for "-"."""
    try:
        with contextlib.ExitStack() as stack:
            source = 0 if file == "-" else stack.enter_context(open(file, "rb")).fileno()
            data = b""
            while len(data) <= REQUEST_BYTES and (more := os.read(source, REQUEST_BYTES)):
                data += more
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from None
    found = REQUEST.findall(data.decode("ascii", "replace"))
    if len(data) > REQUEST_BYTES or len(found) != 1:
        raise Failure(f"{file}: expected one certificate request (-----BEGIN CERTIFICATE REQUEST-----) in at most"
                      f" {REQUEST_BYTES} bytes, found {len(found)}")
    return str(found[0]) + "\n"


def _check_key(request: str) -> None:
    """That the key is of a kind, and long enough, to be known by: EC or Ed25519 from 256 bits, RSA from 2048."""
    described = _openssl(["pkey", "-pubin", "-noout", "-text"], _openssl(["req", "-noout", "-pubkey"], request))
    bits = re.search(r"Public-Key: \((\d+) bit", described)
    kind = "RSA" if "Modulus:" in described else "EC" if "ASN1 OID:" in described else (
        "of another type" if described.startswith("Public-Key") else described.partition(" ")[0])
    least = {"RSA": 2048, "EC": 256, "ED25519": 0, "ED448": 0}.get(kind)
    if least is None or (bits and not least <= int(bits[1]) <= 16384):
        raise Failure("expected a key of type EC (256 bits at least), RSA (2048 at least), Ed25519 or Ed448,"
                      f" found {kind}{f' of {bits[1]} bits' if bits else ''}")


def sign_client(state: State, name: str, file: str, renew: bool, hosts: List[str], days: int) -> None:
    """A client's certificate for the key in its own request; the key stays where it was made, and a key of that name
    that was made here goes."""
    request = read_request(file)
    with _own_files():
        certificate_file = _client_file(state, name, renew, hosts)
        try:
            _check_key(request)
            certificate = _sign_client(state, name, request, hosts, days)
        except Failure as failure:
            raise Failure(f"{file}: {failure}") from None
        write_file(certificate_file, certificate, 0o600)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(state.path("pki", "clients", name + ".key"))


# ---- what there is ----

def _state_of(ends: str, revoked: str, current: bool) -> str:
    long = ends if len(ends) > 13 else "20" + ends
    if revoked:
        return "revoked"
    if long <= time.strftime("%Y%m%d%H%M%SZ", time.gmtime()):
        return "ended"
    return "good" if current else "good, replaced"


def _row(name: str, kind: str, one: Issued, state: str) -> Dict[str, Any]:
    return {"name": name, "kind": kind, "roles": [], "state": state, "until": issued.when(one.ends),
            "revoked": issued.when(one.revoked) if one.revoked else None, "serial": one.serial}


def _authority_rows(state: State) -> List[Dict[str, Any]]:
    authority = _facts(_read(state.path("pki", "ca.crt")))
    told = _openssl(["crl", "-noout", "-nextupdate", "-dateopt", "iso_8601", "-in", state.path("pki", "crl.pem")])
    ends = re.sub(r"[^0-9]", "", told)[2:] + "Z"
    revocations = Issued(ends=ends, revoked="", serial="", subject="")
    return [_row("(authority)", "authority", authority, _state_of(authority.ends, "", True)),
            _row("(revocations)", "revocations", revocations, _state_of(ends, "", True))]


def list_all(state: State, roles: List[Dict[str, List[str]]]) -> List[Dict[str, Any]]:
    """The authority, its revocations, and every certificate it signed, those of each name by their ends. Roles as each
    server has them."""
    certificates = load_issued(state)
    with _own_files():
        rows = _authority_rows(state)
        current = _current_server_serials(state)
        current |= {_facts(_read(state.path("pki", "clients", name + ".crt"))).serial for name in client_files(state)}
    order = sorted(certificates, key=lambda one: (one.kind == CLIENTS, one.name, issued.when(one.ends)))
    for one in order:
        client = one.kind == CLIENTS
        server = "ingest-gw" if one.name.startswith(INGEST_NAME) else "gateway"
        row = _row(one.name if client else f"({server})", "client" if client else server, one,
                   _state_of(one.ends, one.revoked, one.serial in current))
        if client and not one.revoked:
            row["roles"] = list(dict.fromkeys(role for own in roles for role, members in own.items()
                                              if identity(one.name) in members))
        rows.append(row)
    return rows


LIST_COLUMNS: List[Tuple[str, str]] = [("NAME", "name"), ("ROLES", "roles"), ("STATE", "state"), ("UNTIL", "until"),
                                       ("SERIAL", "serial")]


def list_text(rows: List[Dict[str, Any]]) -> str:
    cells = [[head for head, _ in LIST_COLUMNS]]
    for row in rows:
        shown = dict(row, roles=",".join(row["roles"]) or "-", serial=row["serial"] or "-")
        cells.append([str(shown[key]) for _, key in LIST_COLUMNS])
    widths = [max(len(line[i]) for line in cells) for i in range(len(LIST_COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells)
