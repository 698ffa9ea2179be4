# SPDX-License-Identifier: Apache-2.0
"""A stand-in for stored where processes ask who may do what: its document is the test's."""
import json

import msgpack
import zmq
from conftest import wait_for
from messages import ACCESS_GET, ACCESS_STATE, fields, pack


class StoredAccess:
    """Answers, at this endpoint, when there is another document than the asker has."""

    def __init__(self, context, run_dir, endpoint):
        self.socket = context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(f"ipc://{run_dir}/{endpoint}")
        self.document, self.version, self.held = {}, 0, []

    def tell(self, told):
        """The document as it is now, to who asks, until `told` says that it is known."""
        self.version += 1
        document = json.dumps(self.document)

        def seen():
            while self.socket.poll(50):
                peer, frame = self.socket.recv_multipart()
                self.held.append((peer, fields(ACCESS_GET, msgpack.unpackb(frame))))
            for peer, asked in list(self.held):
                if asked["version"] != self.version:
                    self.held.remove((peer, asked))
                    self.socket.send_multipart([peer, pack(ACCESS_STATE, asked["id"], 0, "", self.version, self.version, document)])
            return told()
        wait_for(seen)
