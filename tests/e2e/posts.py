# SPDX-License-Identifier: Apache-2.0
"""Results posted over HTTPS: a gateway and an ingestd that work together, both real."""
import contextlib
import http.client
import json
import os

from conftest import wait_for
from gateways import MPLANE, Gateway, make_context
from ingestds import Ingestd

ROLES = {"roles": {"probe": ["org.example.reader", "org.example.admin"], "pinger": ["org.example.second"],
                   "nobody": ["org.example.cousin"]},
         "authorizations": {"Collect-*": ["probe"], "Collect-ping": ["pinger"], "Query*": ["nobody"]}}


def envelope(*messages):
    return {"envelope": "message", "version": 1, "contents": list(messages)}


def post(gateway, body, path="/result", name="reader", content_type=MPLANE, **headers):
    """Status, headers, body of the answer to a POST on a connection of its own."""
    context = make_context(gateway.ca.file, gateway.files[name])
    connection = http.client.HTTPSConnection("127.0.0.1", gateway.port, context=context, timeout=60)
    try:
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection.request("POST", path, body, {"Content-Type": content_type, **headers})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def is_kept(answer):
    return (answer[0], answer[1]["Content-Type"], answer[2]) == (200, "text/html; charset=UTF-8", "")


def exception(answer, status):
    """The text of the exception in such an answer."""
    assert (answer[0], answer[1]["Content-Type"]) == (status, MPLANE), answer
    message = json.loads(answer[2])
    assert set(message) == {"exception", "message"} and message["exception"]
    return message["message"]


class Pair:
    """A gateway and an ingestd in one run directory."""

    def __init__(self, folder, build):
        self.build, self.folder = build, folder
        self.gateway = self.ingestd = None
        self.stack = contextlib.ExitStack()

    def start(self, peers=True, gateway=None, **ingestd):
        # The run directory is the gateway's; its path is short enough for sockets.
        if self.gateway is None:
            self.gateway = Gateway(self.build, self.folder, access=ROLES, **(gateway or {}))
            self.stack.callback(self.gateway.stop)
        self.start_ingestd(peers, **ingestd)
        self.wait_connected()
        return self

    def start_ingestd(self, peers=True, **options):
        self.ingestd = Ingestd(self.build, self.folder, peers=peers, log="ingestd.log", **options)
        self.stack.callback(self.ingestd.close)

    def wait_connected(self):
        """Until the gateway says that ingestd takes posts."""
        def says():
            with contextlib.suppress(FileNotFoundError, ValueError):
                status = json.loads((self.folder / "run/status/mplane-gw-0.json").read_text())
                return status["pid"] == self.gateway.process.pid and status["notes"].get("ingestd") == "takes posts"
        wait_for(says)

    def kill_gateway(self):
        self.gateway.process.kill()
        self.gateway.process.wait()

    def restart_gateway(self):
        os.truncate(f"{self.gateway.folder}/log", 0)
        self.gateway.start()
        self.wait_connected()

    def close(self):
        self.stack.close()
