# SPDX-License-Identifier: Apache-2.0
"""Results posted over HTTPS: mplane-gw and ingestd, the real programs; stand-ins for classifyd and stored are those
of ingestds.py, certificates and clients those of gateways.py."""

import contextlib
import gzip
import http.client
import json
import os
import signal
import threading

import pytest
from conftest import wait_for
from gateways import MPLANE, closed_within, make_context
from ingestds import result
from posts import envelope, exception, is_kept, post

@contextlib.contextmanager
def paused(ingestd):
    """Within it the process does nothing: what is posted is under way for as long."""
    os.kill(ingestd.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(ingestd.process.pid, signal.SIGCONT)


PING = {"type": "ping", "content": "ICMPECHO"}


@pytest.mark.parametrize("path", ["/result", "/register/result", "/result/"])
def test_posted_results_are_kept(pair, path):
    pair.start()
    assert is_kept(post(pair.gateway, result(value="1"), path))
    record, = pair.ingestd.collect(1)
    assert record == {**record, **PING, "probe": "org.example.reader", "values": ["1", "127.0.0.1", "127.0.0.1"]}
    answer = post(pair.gateway, envelope(result(value="2"), envelope(result(value="3"))), path,
                  content_type="application/x-mplane+json; charset=utf-8")
    assert is_kept(answer)
    assert [r["values"][0] for r in pair.ingestd.collect(2)] == ["2", "3"]
    pair.ingestd.closes()


def test_kept_is_there_after_everything_was_killed(pair):
    pair.start(peers=False)
    for i in range(3):
        assert is_kept(post(pair.gateway, result(value=str(i))))
    pair.ingestd.process.kill()
    pair.kill_gateway()
    pair.ingestd.kill()
    pair.start_ingestd()
    assert [r["values"][0] for r in pair.ingestd.collect(3)] == ["0", "1", "2"]
    pair.restart_gateway()
    wait_for(lambda: is_kept(post(pair.gateway, result(value="3"))))


def test_killed_between_post_and_answer(pair):
    """Whoever was not told 200 posts again, and whatever was told 200 is there."""
    pair.start(peers=False, batch_age_ms=10000)
    told = {}

    def run(number):
        with contextlib.suppress(OSError, http.client.HTTPException):
            told[number] = post(pair.gateway, result(value=str(number)))[0]
    threads = [threading.Thread(target=run, args=(i,)) for i in range(10)]
    for t in threads:
        t.start()
    pair.ingestd.counters(received__datagrams=10)
    pair.ingestd.kill()
    for t in threads:
        t.join()
    assert set(told.values()) <= {200, 503}
    pair.start_ingestd()
    for i in range(10):
        wait_for(lambda i=i: is_kept(post(pair.gateway, result(value=str(i)))))
    values = {r["values"][0] for r in pair.ingestd.collect(10)}
    while values != {str(i) for i in range(10)}:
        values |= {r["values"][0] for r in pair.ingestd.batch().records}


def test_killed_gateway_between_post_and_answer(pair):
    pair.start(peers=False, batch_age_ms=10000, batch_records=2)
    failed = []

    def run():
        try:
            post(pair.gateway, result(value="1"))
        except (OSError, http.client.HTTPException) as e:
            failed.append(e)
    thread = threading.Thread(target=run)
    thread.start()
    pair.ingestd.counters(received__datagrams=1)
    pair.kill_gateway()
    thread.join()
    assert failed
    pair.restart_gateway()
    assert is_kept(post(pair.gateway, result(value="1")))  # the duplicate does no harm
    pair.ingestd.connect()
    assert {r["values"][0] for r in pair.ingestd.collect(2)} == {"1"}


def test_gzip(pair):
    pair.start(gateway={"post_bytes": 100000})
    zipped = gzip.compress(json.dumps(result(value="z")).encode())
    assert is_kept(post(pair.gateway, zipped, **{"Content-Encoding": "gzip"}))
    first, second = json.dumps(result(value="two")).encode()[:50], json.dumps(result(value="two")).encode()[50:]
    assert is_kept(post(pair.gateway, gzip.compress(first) + gzip.compress(second), **{"Content-Encoding": "x-gzip"}))
    assert [r["values"][0] for r in pair.ingestd.collect(2)] == ["z", "two"]
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 100000
    text = exception(post(pair.gateway, bomb, **{"Content-Encoding": "gzip"}), 413)
    assert text == "expected a body of at most 100000 bytes when inflated"
    for broken in (b"", b"{}", zipped[:-5], zipped + b"x", b"\x1f\x8b"):
        assert "gzip" in exception(post(pair.gateway, broken, **{"Content-Encoding": "gzip"}), 400)
    answer = post(pair.gateway, b"x", **{"Content-Encoding": "br"})
    assert "expected gzip" in exception(answer, 415) and answer[1]["Accept-Encoding"] == "gzip"


def test_sizes(pair):
    pair.start(gateway={"post_bytes": 2000, "body_bytes": 50000}, body_bytes=1024)
    pad = {"metadata": {"pad": "x" * 1100}}
    assert exception(post(pair.gateway, result(**pad)), 400).startswith("length: expected at most 1024 bytes")
    assert "at most 2000 bytes" in exception(post(pair.gateway, b"x" * 3000), 413)
    assert post(pair.gateway, b"x" * 60000)[0] == 413


def test_chunked_and_slow_bodies(pair):
    pair.start(gateway={"transfer_timeout_s": 6})
    gateway = pair.gateway
    context = make_context(gateway.ca.file, gateway.files["reader"])
    connection = http.client.HTTPSConnection("127.0.0.1", gateway.port, context=context, timeout=60)
    body = json.dumps(result(value="chunked")).encode()
    connection.request("POST", "/result", iter([body[:10], body[10:200], body[200:]]), {"Content-Type": MPLANE},
                       encode_chunked=True)
    assert connection.getresponse().status == 200
    assert pair.ingestd.collect(1)[0]["values"][0] == "chunked"
    slow = http.client.HTTPSConnection("127.0.0.1", gateway.port, context=context, timeout=60)
    slow.putrequest("POST", "/result")
    slow.putheader("Content-Type", MPLANE)
    slow.putheader("Content-Length", "100")
    slow.endheaders(b"{")
    assert is_kept(post(gateway, result()))  # others do not wait for it
    assert closed_within(slow.sock, 30)


@pytest.mark.parametrize("body,text", [
    (b"", "json: "), (b"{", "json: "), ([1], "message: "), ({"receipt": "query"}, "kind: "),
    (result(when="now"), "time: when: expected an absolute"), (envelope(result(when=None)), "time: contents[0]: when"),
])
def test_the_fault_is_named(pair, body, text):
    pair.start()
    assert exception(post(pair.gateway, body), 400).startswith(text)


@pytest.mark.parametrize("form", ["array", "lines", "concatenated", "mark"])
def test_several_documents(pair, form):
    """As collectors post them: an array, lines, one behind the other; one at fault is told, the others are kept."""
    pair.start()
    texts = [json.dumps(result(value=str(v))) for v in range(3)]
    make = {"array": lambda t: "[" + ", ".join(t) + "]", "lines": "\n".join, "concatenated": "".join,
            "mark": lambda t: "\ufeff" + "\r\n".join(t) + "\r\n\0"}[form]
    assert is_kept(post(pair.gateway, make(texts).encode(), content_type="application/x-ndjson; charset=utf-8"))
    assert [r["values"][0] for r in pair.ingestd.collect(3)] == ["0", "1", "2"]
    text = exception(post(pair.gateway, make([texts[0], '{"result": [', *texts[1:]]).encode()), 200)
    assert text.startswith('kept but for 1 messages, which are refused; the first: json: document 2: line ')
    assert [r["values"][0] for r in pair.ingestd.collect(3, rejects=True)] == ["0", "1", "2"]


def test_a_result_of_megabytes(pair):
    pair.start()
    rows = [[str(i), "x" * 80] for i in range(16000)]
    assert is_kept(post(pair.gateway, result(results=["n", "filler"], resultvalues=rows)))


def test_an_envelope_in_part(pair):
    pair.start()
    text = exception(post(pair.gateway, envelope(result(), result(when=None), result())), 200)
    assert text.startswith("kept but for 1 messages, which are refused; the first: time: contents[1]: when")
    found = []
    while len(found) < 2:
        batch = pair.ingestd.batch()
        found += batch.records if batch.kind == 0 else []
    pair.gateway.counted("posts.partly_kept", 1)


def test_what_holds_nothing_to_keep(pair):
    """Only what is kept is told to be: an exception is not, nor is a result without rows."""
    pair.start()
    gateway = pair.gateway
    failed = {"exception": "token", "message": "the probe broke"}
    text = exception(post(gateway, failed), 200)
    assert text == "nothing is kept: there is nothing to keep in an exception"
    assert exception(post(gateway, envelope(failed, failed)), 200) == text
    for nothing in (envelope(), result(resultvalues=[])):
        answer = post(gateway, nothing)
        assert not is_kept(answer) and answer[0] in (200, 400), answer
        assert json.loads(answer[2])["message"], answer
    text = exception(post(gateway, envelope(result(), failed)), 200)
    assert text == "kept but for 1 exceptions, in which there is nothing to keep"
    assert is_kept(post(gateway, result(value="2")))
    outcomes = [line["outcome"] for line in gateway.audit()]
    assert outcomes[:2] == ["refused", "refused"] and outcomes[-2:] == ["partly kept", "kept"]


def test_who_may_post_what(pair):
    pair.start()
    other = result(metadata={"record.type": "weather"})
    assert is_kept(post(pair.gateway, other))
    assert is_kept(post(pair.gateway, result(), name="second"))
    assert exception(post(pair.gateway, other, name="second"), 403) == \
        "denied: not authorized to use the capability Collect-weather"
    assert "denied" in exception(post(pair.gateway, envelope(result(), other), name="second"), 200)
    for name in ("nobody", "cousin"):
        assert "not authorized" in exception(post(pair.gateway, result(), name=name), 403)
    accounts = {}
    while sum(accounts.values()) < 4:
        batch = pair.ingestd.any_batch()
        pair.ingestd.acknowledge(batch.sequence)
        for a in batch.accounts:
            accounts[a["sender"]] = accounts.get(a["sender"], 0) + a["datagrams"]
    assert accounts == {"https:org.example.reader": 1, "https:org.example.second": 3}
    pair.gateway.counted("posts.denied", 3)


def test_content_types_and_methods(pair):
    pair.start()
    assert is_kept(post(pair.gateway, result(), content_type="application/json"))
    for wrong in ("text/plain", ""):
        assert "Content-Type" in exception(post(pair.gateway, result(), content_type=wrong), 400)
    assert pair.gateway.client().get("/result")[0] == 405
    assert pair.gateway.client().request("PUT", "/result", "{}")[0] == 405
    assert post(pair.gateway, result(), "/result/x")[0] == 404


def test_without_ingestd(pair):
    pair.start()
    assert is_kept(post(pair.gateway, result()))
    pair.ingestd.kill()
    # Soon at once, not after a timeout.
    answer = wait_for(lambda: (a := post(pair.gateway, result())) and "ingestd is not there" in a[2] and a, 60)
    assert "not kept, post it again later: ingestd" in exception(answer, 503) and int(answer[1]["Retry-After"]) > 0
    pair.start_ingestd()
    wait_for(lambda: is_kept(post(pair.gateway, result())))


def test_stopped_ingestd(pair):
    """One that does not answer costs a timeout each, and no more memory than is allowed."""
    pair.start(gateway={"post_timeout_ms": 300, "posts_max_per_identity": 3, "posts_max": 4})
    with paused(pair.ingestd):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(post(pair.gateway, result()))) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert {a[0] for a in answers} == {503}
        assert any("did not answer in time" in exception(a, 503) for a in answers)
        pair.gateway.counted("posts.busy", 8)
        assert pair.gateway.counters()["posts.under_way"] == 0
    pair.gateway.change(post_timeout_ms=10000)  # a slow disk takes longer than it was
    wait_for(lambda: is_kept(post(pair.gateway, result())))


def test_too_many_posts(pair):
    pair.start(gateway={"posts_max_per_identity": 2, "posts_max": 3, "post_timeout_ms": 60000})
    answers = []
    threads = []

    def run(name):
        thread = threading.Thread(target=lambda: answers.append(post(pair.gateway, result(), name=name)))
        thread.start()
        threads.append(thread)
    with paused(pair.ingestd):
        for _ in range(2):
            run("reader")
        pair.gateway.counted("posts.under_way", 2)
        assert "too many of your posts" in exception(post(pair.gateway, result()), 503)
        run("admin")
        pair.gateway.counted("posts.under_way", 3)
        assert "too many posts" in exception(post(pair.gateway, result(), name="second"), 503)
    for t in threads:
        t.join()
    assert all(is_kept(a) for a in answers) and len(answers) == 3


def test_a_full_spool(pair):
    pair.start(peers=False, spool_bytes=1 << 20)
    body = result(resultvalues=[["x" * 1000]] * 500)
    answers = [post(pair.gateway, body)]
    while is_kept(answers[-1]):
        answers.append(post(pair.gateway, body))
        assert len(answers) < 10
    assert "the spool is full" in exception(answers[-1], 503) and answers[-1][1]["Retry-After"]
    pair.ingestd.connect()
    pair.ingestd.collect(500 * (len(answers) - 1))
    wait_for(lambda: is_kept(post(pair.gateway, body)))


def test_keep_alive_and_leaving(pair):
    pair.start(gateway={"post_timeout_ms": 60000})
    gateway = pair.gateway
    context = make_context(gateway.ca.file, gateway.files["reader"])
    connection = http.client.HTTPSConnection("127.0.0.1", gateway.port, context=context, timeout=60)
    for i in range(2):
        connection.request("POST", "/result", json.dumps(result(value=str(i))), {"Content-Type": MPLANE})
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"")
    with paused(pair.ingestd):
        connection.request("POST", "/result", json.dumps(result(value="left")), {"Content-Type": MPLANE})
        gateway.counted("posts.under_way", 1)
        connection.close()
        gateway.counted("posts.abandoned", 1)
    assert pair.ingestd.collect(3)[-1]["values"][0] == "left"
    assert is_kept(post(gateway, result()))


def test_drained_gateway_answers(pair):
    pair.start(gateway={"post_timeout_ms": 60000})
    answers = []
    thread = threading.Thread(target=lambda: answers.append(post(pair.gateway, result())))
    with paused(pair.ingestd):
        thread.start()
        pair.gateway.counted("posts.under_way", 1)
        pair.gateway.process.send_signal(signal.SIGTERM)
        pair.gateway.wait(lambda: "draining" in pair.gateway.log())
    thread.join()
    assert is_kept(answers[0])
    assert pair.gateway.process.wait(60) == 0
