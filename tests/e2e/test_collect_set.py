# SPDX-License-Identifier: Apache-2.0
"""Posted results and files in a whole set: from curl, as docs/mplane.md shows it, to the answers and the ledger."""

import gzip
import json
import os
import signal
import subprocess
import time

from conftest import EzrepoSet, ping, time_text


def curl(one: EzrepoSet, client: str, path: str, *options: str, data: bytes) -> str:
    """The status, and what came with it."""
    files = one.client_files(client)
    done = subprocess.run(
        ["curl", "-sS", "--cert", files["cert"], "--key", files["key"], "--cacert", files["ca"],
         f"https://localhost:{one.https}{path}", "-H", "Content-Type: application/x-mplane+json",
         "--data-binary", "@-", "-w", "%{http_code}", *options],
        input=data, capture_output=True, check=True, timeout=180)
    return done.stdout.decode()


def result(dest: str, minutes: int) -> bytes:
    return json.dumps(ping(dest, time_text(time.time() - 60 * minutes))).encode()


def test_from_curl_and_files_to_the_ledger(make_set) -> None:  # type: ignore
    one = make_set()
    drop = os.path.join(one.state, "drop")
    os.mkdir(drop)
    os.chmod(drop, 0o777)
    one.configure(ingestd={"drop_dir": drop})
    one.up()
    one.cmd("pki", "issue", "p1", "--role", "probe")
    one.cmd("pki", "issue", "ann", "--role", "reader")
    one.cmd("reload")
    one.wait_for(lambda: one.process("mplane-gw")["notes"].get("ingestd") == "takes posts")

    one.wait_for(lambda: curl(one, "p1", "/result", data=result("192.0.2.1", 1)) == "200")
    assert curl(one, "p1", "/result", data=result("192.0.2.1", 1)[:-1]).endswith("400")
    assert curl(one, "ann", "/result", data=result("192.0.2.1", 1)).endswith("403")
    zipped = gzip.compress(result("192.0.2.2", 2))
    assert curl(one, "p1", "/result", "-H", "Content-Encoding: gzip", data=zipped) == "200"
    assert curl(one, "p1", "/result", "-H", "Transfer-Encoding: chunked", data=result("192.0.2.3", 3)) == "200"

    registry = f"http://localhost:{one.registry}/registry/ezrepo"
    identity = "org.ezrepo.EZRepo.Clients.p1"
    receipt = json.loads(curl(one, "admin", "/", data=json.dumps({
        "specification": "collect", "version": 1, "label": "for-p1", "token": "for-p1", "when": "now ... 2100-01-01",
        "registry": registry, "metadata": {"export.identity": identity},
        "parameters": {"source.ip4": "*", "destination.ip4": "*"},
        "results": ["delay.twoway.icmp.us.min", "delay.twoway.icmp.us.mean", "delay.twoway.icmp.us.max",
                    "delay.twoway.icmp.count"]}).encode())[:-3])
    path = receipt["export"].split(f":{one.https}")[1]
    assert curl(one, "p1", path, data=result("192.0.2.4", 4)) == "200"
    assert curl(one, "admin", path, data=result("192.0.2.5", 5)).endswith("403")

    hidden = os.path.join(drop, ".a.jsonl.new")
    with open(hidden, "wb") as file:
        file.write(result("192.0.2.6", 6) + b"\n" + result("192.0.2.7", 7) + b"\n")
    os.rename(hidden, os.path.join(drop, "a.jsonl"))
    one.wait_matched(6, "--type", "ping")
    one.wait_for(lambda: os.path.exists(os.path.join(drop, "done/a.jsonl")))

    # 200 holds, whatever is killed.
    assert curl(one, "p1", "/result", data=result("192.0.2.8", 8)) == "200"
    killed = {name: one.kill(name, signal.SIGKILL) for name in ("ingestd", "mplane-gw", "stored")}
    one.wait_for(lambda: all(one.process(n)["state"] == "running" and one.pid(n) != pid for n, pid in killed.items()))
    one.wait_for(lambda: one.cmd("query", "--type", "ping", check=False).returncode == 0)
    one.wait_matched(7, "--type", "ping")
    ledger = one.cmd("ledger", "--verify", "--json").stdout
    assert f'"sender": "https:{identity}"' in ledger and '"sender": "file:' in ledger
