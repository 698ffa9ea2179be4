# SPDX-License-Identifier: Apache-2.0
"""The list of every certificate that a set's authority ever signed, in the form of openssl-ca(1), a line each:

    V|R <tab> its end <tab> when it was revoked <tab> serial number <tab> unknown <tab> subject

Pure: works on texts.
"""
from dataclasses import dataclass
from typing import List

from .errors import Failure

CLIENTS = "Clients"
SERVERS = "Servers"
FIELDS = 6


@dataclass
class Issued:
    """One certificate. Times are YYMMDDhhmmssZ (UTC), the serial number hexadecimal."""

    ends: str
    revoked: str  # when; "" while it is not
    serial: str
    subject: str  # /DC=org/.../OU=Clients/CN=NAME

    @property
    def name(self) -> str:
        return self.subject.rpartition("/CN=")[2]

    @property
    def kind(self) -> str:
        return SERVERS if f"/OU={SERVERS}/" in self.subject else CLIENTS

    def line(self) -> str:
        return "\t".join(["R" if self.revoked else "V", self.ends, self.revoked, self.serial, "unknown", self.subject])


def parse(text: str, file: str) -> List[Issued]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split("\t")
        if len(fields) != FIELDS or fields[0] not in ("V", "R") or (fields[0] == "R") != bool(fields[2]):
            raise Failure(f"{file}:{number}: expected a certificate's state, end, revocation, serial number, file and"
                          f' subject between tabs, found "{line[:200]}"')
        found.append(Issued(ends=fields[1], revoked=fields[2], serial=fields[3], subject=fields[5]))
    return found


def text(certificates: List[Issued]) -> str:
    return "".join(one.line() + "\n" for one in certificates)


def when(time: str) -> str:
    """A time of the list as people read it."""
    year = time[:-11] if len(time) > 13 else ("20" if time[:2] < "50" else "19") + time[:2]
    month, day, hour, minute, second = (time[i:i + 2] for i in range(len(time) - 11, len(time) - 1, 2))
    return f"{year}-{month}-{day} {hour}:{minute}:{second}"
