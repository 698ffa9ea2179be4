# SPDX-License-Identifier: Apache-2.0
"""People and their sessions, asked for and made at stored's sockets."""
import base64
import hashlib
import json
import os

import msgpack
import zmq
from messages import ACCESS_CHANGE, ACCESS_CHANGED, SESSION, SESSION_STATE, fields, pack
from queries import INVALID, OK

PASSWORD, ADD, ADMIT, FIND, END, END_ALL = range(6)
MINUTE = 60_000_000
IDLE, MOST = 720 * MINUTE, 7 * 1440 * MINUTE
WORD = "correct horse"


def hashed(word=WORD):
    """As the command makes it, in a hundredth of the time."""
    def text(raw):
        return base64.b64encode(raw).decode().rstrip("=")
    salt = os.urandom(16)
    return f"$scrypt$ln=10,r=8,p=1${text(salt)}${text(hashlib.scrypt(word.encode(), salt=salt, n=1024, r=8, p=1, dklen=32))}"


class Door:
    """stored's sockets as webd and the operator's command use them; `folder` tells where each is."""

    def __init__(self, folder):
        self.folder, self.sockets, self.number = folder, {}, 0

    def ask(self, endpoint, number, answer, *values, **named):
        if endpoint not in self.sockets:
            self.sockets[endpoint] = zmq.Context.instance().socket(zmq.DEALER)
            self.sockets[endpoint].linger = 0
            self.sockets[endpoint].connect(f"ipc://{self.folder(endpoint)}/{endpoint}")
        self.number += 1
        self.sockets[endpoint].send(pack(number, self.number, *values, **named))
        assert self.sockets[endpoint].poll(60000), "no answer"
        found = fields(answer, msgpack.unpackb(self.sockets[endpoint].recv()))
        assert found["id"] == self.number
        return found

    def session(self, what, user="", digest=b"", ticket=b"", word_hash="", idle=IDLE, most=MOST):
        return self.ask("users", SESSION, SESSION_STATE, what, user, word_hash, digest, ticket, idle, most)

    def change(self, *changes):
        return self.ask("admin", ACCESS_CHANGE, ACCESS_CHANGED, "test", 0, json.dumps(changes))

    def user(self, name, secret, **more):
        """Makes one; of what there was nothing stays."""
        self.change({"kind": "user", "name": name, "body": None})
        answer = self.change({"kind": "user", "name": name, "body": {"secret": secret}, **more})
        assert answer["status"] == OK, answer

    def begin(self, name, secret, digest=None, **more):
        digest = digest or os.urandom(32)
        answer = self.session(ADD, name, digest, word_hash=secret, **more)
        assert (answer["status"], answer["user"]) == (OK, name), answer
        return digest

    def is_in(self, digest, **more):
        answer = self.session(FIND, digest=digest, **more)
        assert answer["status"] in (OK, INVALID), answer
        return answer["user"] if answer["status"] == OK else None

    def close(self):
        for socket in self.sockets.values():
            socket.close()
