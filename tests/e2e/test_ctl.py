# SPDX-License-Identifier: Apache-2.0
"""ezrepoctl against a stand-in of the gateway: what it sends, what it makes of each answer."""
import calendar
import contextlib
import csv
import fcntl
import http.server
import io
import json
import os
import pty
import re
import signal
import socket
import ssl
import struct
import subprocess
import termios
import threading
import time

import pytest
from capabilities import DECLARED, DIMENSIONS, TABLE
from conftest import ROOT, find_free_ports, wait_for
from gateways import Authority

REGISTRY = "http://gateway.example:8444/registry/ezrepo"
# Of a gateway that knows nothing of maintenance: what is in a table where there is some, test_now.py has.
COLUMNS = {label: [c for c in columns if c != "maintenance.windows"] for label, (_, _, columns) in TABLE.items() if label != "ezrepo"}


@pytest.fixture(scope="module")
def ctl(build_dir):
    return os.path.join(build_dir, "ctl", "ezrepoctl")


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """An authority, a server and a client certificate, and a stranger's."""
    folder = tmp_path_factory.mktemp("pki")
    authority = Authority(folder, "ca")
    authority.issue("server", ("localhost",))
    authority.issue("client")
    Authority(folder, "other").issue("stranger")
    return folder


class Gateway:
    """Answers by what a test puts into `answers`: a list of messages, or (status, body) pairs."""

    def __init__(self, pki):
        self.answers = []
        self.received = []
        self.labels = list(COLUMNS)
        self.prefix = ""
        gateway = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, status, body):
                self.send_response(status)
                self.send_header("Content-Type", "application/x-mplane+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                assert self.path == "/capabilities"
                self.reply(200, json.dumps(gateway.envelope()).encode())

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                gateway.received.append({"path": self.path, "type": self.headers["Content-Type"],
                                         "message": json.loads(body)})
                answer = gateway.answers.pop(0)
                if callable(answer):
                    answer = answer(json.loads(body))
                if isinstance(answer, dict):
                    answer = (200, json.dumps(answer).encode())
                self.reply(*answer)

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki / "server.crt", pki / "server.key")
        context.load_verify_locations(pki / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def envelope(self):
        return {"envelope": "message", "version": 1, "contents": [
            {"capability": "store" if label == "SetGrading" else "query", "version": 1, "label": self.prefix + label,
             "registry": REGISTRY, "when": "past ... future", "link": "https://localhost:1/",
             "parameters": {p: "*" for p in TABLE[label][1]}, "results": COLUMNS[label]}
            for label in self.labels]}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def gateway(pki):
    g = Gateway(pki)
    yield g
    g.stop()
    assert g.answers == []


@pytest.fixture
def run(ctl, pki, gateway):
    def run_ctl(*arguments, text=None, url=None, name="client", timeout=60):
        words = list(arguments)
        n = 2 if words[0] == "grading" else 1
        options = ["--url", url or f"https://localhost:{gateway.port}/", "--cert", str(pki / f"{name}.crt"),
                   "--key", str(pki / f"{name}.key"), "--ca", str(pki / "ca.crt")]
        return subprocess.run([ctl, *words[:n], *options, *words[n:]], input=text, capture_output=True,
                              text=True, timeout=timeout, env={**os.environ, "https_proxy": "http://127.0.0.1:9/"})
    return run_ctl


def result(label, rows, **more):
    return {"result": "query", "version": 1, "registry": REGISTRY, "label": label, "token": "0" * 32,
            "when": "2026-11-21 10:00:00.000000 ... 2026-11-21 11:00:00.000000", "parameters": {},
            "results": COLUMNS[label], **({"resultvalues": rows} if rows else {}), **more}


# ---- questions ----

def test_query_sends_a_specification_and_prints_a_table(run, gateway):
    gateway.answers = [result("QueryByCriteria", [["overall", "12", "3"], ["bandwidth-of-it", 12, 0]])]
    done = run("query", "--source", "192.0.2.0/24", "--grade", "overall", "--range", "1..2",
               "--since", "2026-11-21 10:00", "--until", "2026-11-21T11:00:00Z")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("grade.name       records.matched  records.graded\n"
                           "overall          12               3\n"
                           "bandwidth-of-it  12               0\n")
    asked = gateway.received[0]
    assert (asked["path"], asked["type"]) == ("/", "application/x-mplane+json")
    assert asked["message"] == {
        "specification": "query", "version": 1, "registry": REGISTRY, "label": "QueryByCriteria",
        "when": "2026-11-21 10:00:00.000000 ... 2026-11-21 11:00:00.000000",
        "parameters": {**{d: "*" for d in DIMENSIONS}, "record.source": "192.0.2.0/24",
                       "select.grade": "overall", "range.grade": "1 ... 2"},
        "results": COLUMNS["QueryByCriteria"]}


@pytest.mark.parametrize("options, when", [
    ([], "past ... future"),
    (["--since", "now"], "now ... future"),
    (["--until", "2016-01-01"], "past ... 2016-01-01 00:00:00.000000"),
    (["--when", "2016-01-01 + 1h"], "2016-01-01 00:00:00.000000 + 1h"),
])
def test_scopes(run, gateway, options, when):
    gateway.answers = [result("QueryByCriteria", [])]
    assert run("query", *options).returncode == 0
    assert gateway.received[0]["message"]["when"] == when


def test_time_ago(run, gateway):
    gateway.answers = [result("QueryByCriteria", [])]
    before = time.time()
    assert run("query", "--since", "1d2h30m").returncode == 0
    since = gateway.received[0]["message"]["when"].split(" ... ")[0]
    seconds = calendar.timegm(time.strptime(since[:19], "%Y-%m-%d %H:%M:%S")) + 26.5 * 3600
    assert before - 1 <= seconds <= time.time()


@pytest.mark.parametrize("text, sent", [("3", "3 ... 3"), ("1...5", "1 ... 5"), ("2 ... 4", "2 ... 4"), ("0", "0 ... 0"), ("0..5", "0 ... 5")])
def test_ranges(run, gateway, text, sent):
    gateway.answers = [result("QueryByCriteria", [])]
    assert run("query", "--range", text).returncode == 0
    assert gateway.received[0]["message"]["parameters"]["range.grade"] == sent


def test_histogram(run, gateway):
    gateway.answers = [result("QueryHistogram", [["overall", "5", "normal", "7"]])]
    done = run("query", "--histogram", "--json")
    assert json.loads(done.stdout) == {"grade.name": "overall", "grade.value": 5,
                                       "grade.severity": "normal", "records.count": 7}


def test_periods_leave_out_empty_dimensions_and_tell_how_to_go_on(run, gateway):
    row = ["ping", "ICMPECHO", "p", "192.0.2.1", "192.0.2.2", "", "overall", "5",
           "2026-11-21 10:00:00.000000", "2026-11-21 10:05:00.000000", "", "6", "p1.2.3.4"]
    gateway.answers = [result("QueryPeriods", [row])]
    done = run("periods", "--limit", "1", "--after", "p9.9.9.9")
    head, line = done.stdout.splitlines()
    assert head.split() == ["type", "content", "probe", "source", "dest", "grade.name", "grade.value",
                            "period.start", "period.end", "period.ended", "records.count"]
    assert line.startswith("ping  ICMPECHO  p      192.0.2.1  192.0.2.2  overall")
    assert done.stderr == "There may be more: --after p1.2.3.4\n"
    asked = gateway.received[0]["message"]["parameters"]
    assert (asked["list.limit"], asked["list.after"]) == ("1", "p9.9.9.9")


def test_events_show_nulls_as_dashes(run, gateway):
    row = ["2026-11-21 10:00:00.000000", "ping", "", "p", "a", "b", "", "overall", "*", "5", "False", "e1.2"]
    gateway.answers = [result("QueryEvents", [row, row[:8] + [None] + row[9:]])] * 2
    lines = run("events").stdout.splitlines()
    assert len(lines) == 3 and lines[1] == lines[2] and re.search(r"overall +- +5 +False$", lines[1])
    found = [json.loads(line) for line in run("events", "--json").stdout.splitlines()]
    assert [f["grade.from"] for f in found] == [None, None]
    assert found[0]["list.cursor"] == "e1.2"
    assert (found[0]["grade.to"], found[0]["event.retracted"]) == (5, False)


@pytest.mark.parametrize("label, command", [
    ("QueryByCriteria", ["query"]), ("QueryHistogram", ["query", "--histogram"]), ("QueryPeriods", ["periods"]),
    ("QueryEvents", ["events"]), ("QueryRecords", ["records"]), ("LedgerAccounts", ["ask", "LedgerAccounts", "--rows", "3"]),
    ("LedgerLosses", ["ask", "LedgerLosses"]), ("LedgerFaults", ["ask", "LedgerFaults"]),
    ("RejectedList", ["ask", "RejectedList", "--rows", "3"]), ("RejectedBytes", ["ask", "RejectedBytes", "rejected.number=1"]),
    ("QueryWhy", ["ask", "QueryWhy"]), ("QuerySeries", ["series"]), ("QueryFacets", ["facets", "dest"]), ("QueryNow", ["now"]),
    ("QuerySilent", ["silent"]), ("QueryAlerts", ["alerts"]), ("QueryMetrics", ["ask", "QueryMetrics"])])
def test_json_has_the_types_of_the_registry(run, gateway, label, command):
    """Numbers are numbers, however long, and truth values truth values; what is none stays the text that it is."""
    with open(os.path.join(ROOT, "schemas", "mplane", "ezrepo.json"), encoding="utf-8") as file:
        kinds = {e["name"]: e["prim"] for e in json.load(file)["elements"]}
    good = {"natural": "12345678901234567890123", "boolean": "True"}
    gateway.answers = [result(label, [[good.get(kinds.get(c), "1") for c in COLUMNS[label]],
                                      ["01" for _ in COLUMNS[label]], [None for _ in COLUMNS[label]]])]
    json_too = [] if command[0] == "ask" else ["--json"]
    first, second, third = [json.loads(line) for line in run(*command, *json_too).stdout.splitlines()]
    assert first == {c: 12345678901234567890123 if kinds.get(c) == "natural" else True if kinds.get(c) == "boolean"
                     else "1" for c in COLUMNS[label]}
    assert set(second.values()) == {"01"} and set(third.values()) == {None}


def test_days_by_their_names(run, gateway):
    for options, days in [(["--since", "yesterday", "--until", "today"], (-1, 0)),
                          (["--since", "today", "--until", "tomorrow"], (0, 1))]:
        gateway.answers = [result("QueryByCriteria", [])]
        before = time.time() // 86400
        assert run("query", *options).returncode == 0
        after = time.time() // 86400
        times = [calendar.timegm(time.strptime(text[:19], "%Y-%m-%d %H:%M:%S")) for text in
                 gateway.received[-1]["message"]["when"].split(" ... ")]
        assert times in [[(day + n) * 86400 for n in days] for day in (before, after)]
    gateway.answers = [result("QueryByCriteria", [])]
    before = time.time()
    assert run("query", "--since", "2w1d").returncode == 0
    since = gateway.received[-1]["message"]["when"].split(" ... ")[0]
    seconds = calendar.timegm(time.strptime(since[:19], "%Y-%m-%d %H:%M:%S")) + 15 * 86400
    assert before - 1 <= seconds <= time.time()
    assert "expected a time" in run("query", "--since", "someday").stderr


PERIOD = ["ping", "ICMPECHO", "p", "192.0.2.1", "192.0.2.2", "", "overall", "5", "2026-11-21 10:00:00.000000",
          "2026-11-21 10:05:00.000000", None, "6", "p1.2.3.4"]


def test_columns_are_chosen(run, gateway):
    gateway.answers = [result("QueryPeriods", [PERIOD])] * 3
    done = run("periods", "--columns", "dest,grade.value,list.cursor,path")
    assert done.stdout == ("dest       grade.value  list.cursor  path\n"
                           "192.0.2.2  5            p1.2.3.4     \n")
    done = run("periods", "--columns", "record.dest,records.count", "--json")
    assert json.loads(done.stdout) == {"record.dest": "192.0.2.2", "records.count": 6}
    done = run("periods", "--columns", "dest,nonsense")
    assert done.returncode == 2 and 'expected names among type, content' in done.stderr and '"nonsense"' in done.stderr


def test_vertical(run, gateway):
    gateway.answers = [result("QueryPeriods", [PERIOD, PERIOD])]
    done = run("periods", "--output", "vertical", "--columns", "dest,period.ended")
    assert done.stdout == "".join(f"-- {n}\ndest          192.0.2.2\nperiod.ended  -\n" for n in (1, 2))
    done = run("periods", "--output", "nonsense")
    assert done.returncode == 2 and 'expected table, vertical, json or csv, found "nonsense"' in done.stderr


def test_csv(run, gateway):
    """RFC 4180: all columns under the registry's names, in a fixed order, also those that are empty; nothing escaped for a terminal."""
    strange = ["pi,ng", 'say "x"', "line\nbreak", *PERIOD[3:]]
    gateway.answers = [result("QueryPeriods", [PERIOD, strange])] * 2
    header, *rows = list(csv.reader(io.StringIO(run("periods", "--output", "csv").stdout)))
    assert header == COLUMNS["QueryPeriods"]
    assert rows == [[cell or "" for cell in row] for row in (PERIOD, strange)]
    done = run("periods", "--output", "csv", "--columns", "content,record.type")
    assert done.stdout == 'record.content,record.type\nICMPECHO,ping\n"say ""x""","pi,ng"\n'


def on_terminal(words, columns):
    """What the command prints on a terminal of this width."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    done = subprocess.run(words, stdout=its, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(its)
    text = b""
    with contextlib.suppress(OSError):  # how a terminal says that it is over
        while more := os.read(ours, 65536):
            text += more
    os.close(ours)
    assert done.returncode == 0, done.stderr
    return text.decode().replace("\r\n", "\n")


def test_too_wide_for_the_terminal(ctl, pki, gateway):
    words = [ctl, "periods", "--url", f"https://localhost:{gateway.port}/", "--cert", str(pki / "client.crt"),
             "--key", str(pki / "client.key"), "--ca", str(pki / "ca.crt")]
    gateway.answers = [result("QueryPeriods", [PERIOD])] * 4
    wide = on_terminal(words, 300)
    width = len(wide.splitlines()[0])
    assert wide.startswith("type  content") and width > 120
    assert on_terminal(words, width) == wide
    assert on_terminal(words, width - 1).startswith("-- 1\ntype           ping\n")
    assert on_terminal([*words, "--output", "table"], 80) == wide


def test_records_show_what_was_measured(run, gateway):
    repo = json.dumps({"result": "measure", "when": "2026-11-21 10:00:00.000000", "results": ["rtt.ms.avg", "loss"], "resultvalues": [["1.5", None]]})
    row = ["2026-11-21 10:00:00.000000", "ping", "", "p", "a", "b", "", "overall", "5", "1", repo, "r1.1.1.1"]
    gateway.answers = [result("QueryRecords", [row])]
    assert run("records").stdout.splitlines()[1].endswith("rtt.ms.avg=1.5 loss=-")


def test_nothing_reaches_the_terminal_but_text(run, gateway):
    evil = "a\x1b[31m\n\x07\u202eb\u009bé"
    row = ["2026-11-21 10:00:00.000000", evil, "", "p", "a", "b", "", "o", "5", "1", "{", "r1.1.1.1"]
    gateway.answers = [result("QueryRecords", [row]), {"exception": "t", "message": evil}]
    done = run("records")
    assert done.stdout.count("\n") == 2
    assert "a\\x1b[31m\\x0a\\x07\\xe2\\x80\\xaeb\\xc2\\x9bé" in done.stdout
    done = run("query")
    assert done.stderr == "ezrepoctl: a\\x1b[31m\\x0a\\x07\\xe2\\x80\\xaeb\\xc2\\x9bé\n"


# ---- answers that are no results ----

def test_exception(run, gateway):
    for status in (200, 403):
        gateway.answers = [(status, json.dumps({"exception": "t", "message": "no such grade"}).encode())]
        done = run("query")
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "ezrepoctl: no such grade\n")


@pytest.mark.parametrize("text, code", [
    ("the question is at fault: select.grade: expected \"all\"", 2), ("QueryByCriteria: parameters.record.dest: malformed", 2),
    ("QueryByCriteria: when: malformed", 2), ("parameters.record.dest: malformed", 2), ("the question took too long", 1),
    ("not authorized to use the capability QueryByCriteria", 1), ("QueryByCriteria: out of memory", 1), ("", 1)])
def test_what_was_asked_wrongly_is_wrong_usage(run, gateway, text, code):
    gateway.answers = [{"exception": "t", "message": text}] * 2
    for words in (["query"], ["ask", "QueryByCriteria"]):
        done = run(*words)
        assert (done.returncode, done.stdout, done.stderr) == (code, "", f"ezrepoctl: {text}\n")


def test_ranges_that_are_none(run):
    for text in ("9", "0..6", "2..1"):
        done = run("now", "--range", text)
        assert done.returncode == 2 and done.stderr == (
            "ezrepoctl: --range: expected two grades, as 1..2, or one, as 3: of 1, critical, to 5, normal, or 0, none;"
            f' found "{text}"\n')


def test_a_cursor_that_cannot_be_names_its_file(run, gateway, tmp_path):
    file = tmp_path / "cursor"
    file.write_text("garbage\n", encoding="utf-8")
    gateway.answers = [{"exception": "t", "message": f"the question is at fault: {parameter}: expected"} for parameter in ("list.after", "feed.kinds")]
    named = f'ezrepoctl: {file}: expected the cursor that watch keeps there, with --records that of records; found "garbage"\n'
    done = run("watch", str(file))
    assert done.returncode == 1 and done.stderr.endswith(named)
    done = run("watch", str(file), "--kinds", "x")
    assert done.returncode == 2 and str(file) not in done.stderr and file.read_text(encoding="utf-8") == "garbage\n"
    done = run("watch", str(file), "--exec", " ")
    assert done.returncode == 2 and done.stderr == "ezrepoctl: --exec: expected a shell command, found none\n"


def receipt(label="QueryByCriteria"):
    return {k: v for k, v in result(label, [], receipt="query").items() if k != "result"}


def test_receipt_is_redeemed(run, gateway):
    envelope = {"envelope": "message", "version": 1,
                "contents": [result("QueryByCriteria", [["overall", "1", "1"]])]}
    gateway.answers = [receipt(), receipt(), envelope]
    assert "overall" in run("query").stdout
    expected = {**receipt(), "redemption": "query"}
    del expected["receipt"], expected["parameters"]
    assert [r["message"] for r in gateway.received[1:]] == [expected, expected]


def test_receipt_is_interrupted_in_the_end(run, gateway):
    gateway.answers = [receipt()] + [lambda m: receipt() if "redemption" in m else result("QueryByCriteria", [])
                                     for _ in range(1000)]
    done = run("query", "--timeout", "7")
    assert (done.returncode, done.stderr) == (1, "ezrepoctl: no result within 7 s: interrupted\n")
    assert "interrupt" in gateway.received[-1]["message"]
    gateway.answers.clear()


@pytest.mark.parametrize("answer, said", [
    ((200, b"<html>"), "expected an mPlane message"),
    ((503, b"busy"), "found HTTP status 503"),
    ((302, b""), "found HTTP status 302"),
    ((200, b"[" * 1000), "expected an mPlane message"),
    ((200, b"[]"), "expected an mPlane message"),
    ((200, b'{"withdrawal":"query"}'), "withdrawn"),
    ((200, b'{"capability":"query"}'), "expected a result"),
    ((200, b'{"result":"query","when":"2026-11-21"}'), "expected a result with columns"),
    ((200, b'{"result":"query","results":["a"]}'), "when: expected the temporal scope"),
    ((200, b'{"result":"query","resultvalues":[["1"]]}'), "resultvalues: there are no columns"),
    ((200, b'{"result":"query","results":["a"],"resultvalues":{"a":1}}'), "resultvalues: expected an array"),
    ((200, b'{"result":"query","results":["a"],"resultvalues":[["1","2"]]}'), "resultvalues[0]: expected at most 1 values, found 2"),
    ((200, b'{"result":"query","results":["a"],"resultvalues":[7]}'), "resultvalues: expected rows that are arrays"),
    ((200, b'{"result":"query","results":["a"],"resultvalues":[[[]]]}'), "resultvalues[0][0]: expected a string"),
    ((200, b'{"receipt":"query"}'), "token: expected"),
])
def test_answers_that_are_wrong(run, gateway, answer, said):
    gateway.answers = [answer]
    done = run("query")
    assert done.returncode == 1 and said in done.stderr and done.stderr.startswith("ezrepoctl: ")


def test_rows_that_are_shorter(run, gateway):
    gateway.answers = [result("QueryByCriteria", [["overall"], ["x", "1", "2"], []])]
    assert [line.split() for line in run("query").stdout.splitlines()[1:]] == \
        [["overall", "-", "-"], ["x", "1", "2"], ["-", "-", "-"]]


def test_capability_that_is_not_offered(run, gateway):
    gateway.labels = ["QueryByCriteria"]
    done = run("events")
    assert done.returncode == 1 and "does not offer us QueryEvents" in done.stderr
    gateway.answers = [result("QueryByCriteria", [])]
    assert run("query").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_question_that_is_broken_off_is_taken_back(ctl, pki, gateway, number):
    """Else somebody would count all records for nobody."""
    def answer(message):
        if "interrupt" in message:
            return result("QueryByCriteria", [])
        gateway.answers.append(answer)
        return receipt()
    gateway.answers = [answer]
    words = [ctl, "query", "--url", f"https://localhost:{gateway.port}/", "--cert", str(pki / "client.crt"),
             "--key", str(pki / "client.key"), "--ca", str(pki / "ca.crt")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: any("redemption" in m["message"] for m in list(gateway.received)), 60)
        process.send_signal(number)
        said = process.communicate(timeout=60)
    assert (process.returncode, *said) == (1, "", "ezrepoctl: interrupted\n")
    assert gateway.received[-1]["message"]["interrupt"] == "query"


# ---- any question ----

def account(sender, cursor="c"):
    return [cursor if c == "list.cursor" else sender if c == "input.sender" else "{}" if c == "datagrams.reasons" else "1"
            for c in COLUMNS["LedgerAccounts"]]


def asked(gateway):
    return [m["message"]["parameters"] for m in gateway.received]


def test_all_pages_of_a_listing(run, gateway):
    """Until there is an empty one: how many rows a page has is the gateway's to say."""
    gateway.answers = [result("LedgerAccounts", [account(str(i), f"a.{i}") for i in range(4)]),
                       result("LedgerAccounts", [account("last", "a.last")]), result("LedgerAccounts", [])]
    done = run("ask", "LedgerAccounts", "ingestd.instance=x=y", "--when", "2026-11-21 ... now")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["input.sender"] for row in rows] == ["0", "1", "2", "3", "last"] and rows[0]["datagrams.count"] == 1
    assert [p["list.after"] for p in asked(gateway)] == ["", "a.3", "a.last"]
    assert {(p["list.limit"], p["ingestd.instance"], p["input.sender"]) for p in asked(gateway)} == {("5000", "x=y", "*")}
    assert gateway.received[0]["message"]["when"].startswith("2026-11-21")


def test_several_questions(run, gateway):
    """Over one connection; their answers are told apart, also where one is empty."""
    gateway.answers = [result("LedgerAccounts", [account("x")]), result("LedgerAccounts", []), result("LedgerLosses", []),
                       result("LedgerFaults", [["1"] * len(COLUMNS["LedgerFaults"])])]
    done = run("ask", "LedgerAccounts", "input.sender=x", "+", "LedgerLosses", "+", "LedgerFaults", "ledger.recount=True")
    assert done.returncode == 0, done.stderr
    account_row, *between, fault_row, last = done.stdout.split("\n")
    assert json.loads(account_row)["input.sender"] == "x" and json.loads(fault_row)["ledger.row"] == 1
    assert [*between, last] == ["", "", ""]
    assert [sorted(p) for p in asked(gateway)][2:] == [["ingestd.instance"], ["ingestd.instance", "input.sender", "ledger.recount"]]


def test_many_pages_of_a_listing(run, gateway):
    """More than are asked for over one connection."""
    gateway.answers = [result("LedgerAccounts", [account(str(i), f"a.{i}")]) for i in range(10)] + \
        [result("LedgerAccounts", [])]
    done = run("ask", "LedgerAccounts")
    assert [json.loads(line)["input.sender"] for line in done.stdout.splitlines()] == [str(i) for i in range(10)]
    assert [p["list.after"] for p in asked(gateway)] == ["", *(f"a.{i}" for i in range(10))]


def test_so_many_rows_of_a_listing(run, gateway):
    gateway.answers = [result("LedgerAccounts", [account(str(i), f"a.{i}") for i in range(3)])] * 2
    gateway.answers[1] = result("LedgerAccounts", [account(str(i), f"b.{i}") for i in range(3)])
    done = run("ask", "--rows", "6", "LedgerAccounts")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 6
    assert [p["list.limit"] for p in asked(gateway)] == ["6", "3"]


def test_pages_that_do_not_go_on(run, gateway):
    for cursors in (["a", "a"], [None]):
        gateway.answers = [result("LedgerAccounts", [account("x", cursor)]) for cursor in cursors]
        done = run("ask", "LedgerAccounts")
        assert done.returncode == 1 and "expected another list.cursor with each page" in done.stderr


def test_a_question_that_lists_nothing(run, gateway):
    gateway.answers = [result("LedgerFaults", [])]
    done = run("ask", "LedgerFaults", "ledger.recount=True", "input.sender=")
    assert (done.returncode, done.stdout) == (0, "")
    assert asked(gateway) == [{"ingestd.instance": "*", "input.sender": "", "ledger.recount": "True"}]
    gateway.answers = [{"exception": "t", "message": "no\x1b such"}]
    done = run("ask", "LedgerFaults")
    assert done.returncode == 1 and done.stderr.startswith("ezrepoctl: no") and "\x1b" not in done.stderr


def test_labels_with_something_before_them(run, gateway):
    """Of a set that is told apart from others; one that has just the label goes before."""
    gateway.prefix = "lab-1."
    gateway.answers = [result("QueryByCriteria", [])]
    assert run("query").returncode == 0
    assert gateway.received[-1]["message"]["label"] == "lab-1.QueryByCriteria"
    usual = gateway.envelope
    gateway.envelope = lambda: {**usual(), "contents": usual()["contents"] + [
        {**one, "label": one["label"].partition(".")[2]} for one in usual()["contents"]]}
    gateway.answers = [result("QueryByCriteria", [])]
    assert run("query").returncode == 0
    assert gateway.received[-1]["message"]["label"] == "QueryByCriteria"


# ---- the connection ----

def test_server_of_another_name(run, gateway):
    done = run("query", url=f"https://127.0.0.1:{gateway.port}/")
    assert done.returncode == 1 and "ezrepoctl: https://127.0.0.1" in done.stderr
    assert gateway.received == []


def test_server_of_another_authority(ctl, pki, gateway):
    done = subprocess.run([ctl, "query", "--url", f"https://localhost:{gateway.port}", "--cert",
                           pki / "client.crt", "--key", pki / "client.key", "--ca", pki / "other.crt"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and "certificate" in done.stderr
    assert gateway.received == []


def test_client_of_another_authority(run, gateway):
    done = run("query", name="stranger")
    assert done.returncode == 1 and gateway.received == []


def test_nobody_there(run):
    done = run("query", url=f"https://localhost:{find_free_ports(1)[0]}/")
    assert done.returncode == 1 and "ezrepoctl: https://localhost" in done.stderr


# ---- gradings ----

GRADING = {"grading": [{"gradeName": "overall", "appliesTo": {"recordType": "ping"},
                        "gradingRules": [{"grade": "5"}]}]}


def grading_row(version, document="{}"):
    return [str(version), f"2026-11-21 10:00:0{version}.000000", f"org.admin-{version}", document, f"because {version}"]


def test_grading_check(ctl, tmp_path):
    file = tmp_path / "g.json"
    file.write_text(json.dumps(GRADING))
    done = subprocess.run([ctl, "grading", "check", file], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{file}: good, 1 blocks, 1 grade names\n")
    broken = json.loads(json.dumps(GRADING))
    broken["grading"][0]["gradingRules"][0].update(grade="7", nonsense=1)
    done = subprocess.run([ctl, "grading", "check", "-"], input=json.dumps(broken), capture_output=True,
                          text=True)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("ezrepoctl: -: grading[0].gradingRules[0]") for line in lines)


def test_grading_check_warns(ctl, tmp_path):
    """Of what has no effect; by the ranges that are delivered and those of one's own. It is good all the same."""
    own = tmp_path / "types"
    own.mkdir()
    (own / "a.json").write_text('{"types": {"ping": {"valid": [{"metrics": ["loss"], "min": 0, "max": 100}]}}}')
    rules = [{"grade": 1, "if": [{"metric": "loss", "rel": ">", "limit": 150}]}, {"grade": 2, "if": [{"metric": "rtt.ms", "rel": ">", "limit": "-1"}]}, {"grade": 5}]
    (tmp_path / "g.json").write_text(json.dumps({"grading": [{**GRADING["grading"][0], "gradingRules": rules}, GRADING["grading"][0]]}))
    done = subprocess.run([ctl, "grading", "check", tmp_path / "g.json", "--schemas", os.path.join(ROOT, "schemas"), "--record-types", own],
                          capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"{tmp_path}/g.json: good, 2 blocks, 1 grade names",
        'warning: grading[0].gradingRules[0].if[0].limit: 150 is above all that "loss" can be, the most is 100',
        'warning: grading[0].gradingRules[1].if[0].limit: -1 is below all that "rtt.ms" can be, the least is 0',
        "warning: grading[0].gradingRules[2]: 5 is the grade of records without a value, or with an impossible one, too: no condition holds on them",
        "warning: grading[1]: never decides: grading[0] of the same name takes all of its records before it"]


def test_grading_check_against_what_was_seen(run, ctl, gateway, tmp_path):
    """Of what nobody has, with what is alike, in which unit, and which names go; nobody who can be asked is no fault of the document."""
    before = json.dumps({"grading": [GRADING["grading"][0], {**GRADING["grading"][0], "gradeName": "speed"}]})
    rules = [{"grade": 1, "if": [{"metric": m, "rel": ">", "limit": 20}]} for m in ("delay.us", "lose.ratio", "hops")]
    (tmp_path / "g.json").write_text(json.dumps({"grading": [{**GRADING["grading"][0], "gradingRules": rules},
                                                             {**GRADING["grading"][0], "appliesTo": {"recordType": "pong"}}]}))
    seen = [["ping", "", "delay.us", "8000", "25000", "3", "*"], ["ping", "ICMPECHO", "loss.ratio", "0", "0", "2", "*"], ["ping", "", "state", None, None, "2", "*"]]
    gateway.answers = [result("GetGrading", [grading_row(3, before)]), result("QueryMetrics", seen)]
    told = run("grading", "check", str(tmp_path / "g.json"), "--schemas", os.path.join(ROOT, "schemas"))
    assert told.stdout.splitlines() == [
        f"{tmp_path}/g.json: good, 2 blocks, 1 grade names",
        'hint: grading[0].gradingRules[0].if[0].limit: all limits of "delay.us" are far below its values, of which the last are 8000 to 25000: are they in the same unit?',
        'hint: grading[0].gradingRules[1].if[0].metric: no series has "lose.ratio"; there is "loss.ratio"',
        'hint: grading[0].gradingRules: no series that the block takes has "hops"',
        'hint: grading[1].appliesTo.recordType: no series is of "pong"; there is "ping"',
        'hint: grading: no block is of "speed", which is in force: nothing is graded by it any more'] and told.returncode == 0
    assert gateway.received[1]["message"]["parameters"]["list.limit"] == "10000"
    gateway.answers = [result("GetGrading", [grading_row(3, before)]), result("QueryMetrics", [])]
    told = run("grading", "check", str(tmp_path / "g.json"), "--schemas", os.path.join(ROOT, "schemas"))
    assert told.stdout.splitlines()[1:] == ['hint: grading: no block is of "speed", which is in force: nothing is graded by it any more',
                                            "nothing was seen yet that it could be compared with"]
    gateway.received.clear()
    assert run("grading", "check", str(tmp_path / "g.json"), "--schemas", os.path.join(ROOT, "schemas"), "--offline").stdout.count("\n") == 1
    assert gateway.received == []
    nobody = subprocess.run([ctl, "grading", "check", tmp_path / "g.json", "--schemas", os.path.join(ROOT, "schemas"), "--url", "https://127.0.0.1:1/",
                             "--timeout", "1"], capture_output=True, text=True)
    assert nobody.returncode == 0 and nobody.stdout.count("\n") == 1 and nobody.stderr.endswith("not compared with what was seen\n")


def test_grading_get(run, gateway):
    text = json.dumps(GRADING, indent=1)
    gateway.answers = [result("GetGrading", [grading_row(3, text)])] * 3
    done = run("grading", "get")
    assert (done.returncode, done.stdout) == (0, text + "\n")
    assert json.loads(run("grading", "get", "3", "--json").stdout)["grading.author"] == "org.admin-3"
    assert run("grading", "get", "4294967295").returncode == 0
    assert [r["message"]["parameters"]["grading.version"] for r in gateway.received] == \
        ["0", "3", "4294967295"]


def test_grading_set(run, gateway, tmp_path):
    file = tmp_path / "g.json"
    text = json.dumps(GRADING, indent=2) + "\n" + " " * 900000
    file.write_text(text)
    gateway.answers = [result("SetGrading", [["4", "1"]])]
    done = run("grading", "set", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, "published as version 4, 1 blocks\n", "")
    asked = gateway.received[0]["message"]
    assert asked["specification"] == "store"
    assert asked["parameters"] == {"grading.document": text, "grading.comment": "*", "grading.version": "*"}
    gateway.answers = [result("SetGrading", [["5", "1"]])]
    assert run("grading", "set", str(file), "--comment", "why \"so\"").returncode == 0
    assert gateway.received[1]["message"]["parameters"] == {"grading.document": text, "grading.comment": "why \"so\"", "grading.version": "*"}
    gateway.answers = [result("SetGrading", [["6", "1"]])]
    assert run("grading", "set", str(file), "--over", "5").returncode == 0
    assert gateway.received[2]["message"]["parameters"]["grading.version"] == "5"
    done = run("grading", "set", str(file), "--over", "newest")
    assert done.returncode == 2 and 'grading set: --over: expected a version, found "newest"' in done.stderr


def test_grading_set_sends_nothing_that_is_wrong(run, gateway, tmp_path):
    file = tmp_path / "g.json"
    file.write_text('{"grading": 7}')
    done = run("grading", "set", str(file))
    assert done.returncode == 1 and "grading" in done.stderr and gateway.received == []
    file.write_text(" " * (1 << 20) + "{}")
    done = run("grading", "set", str(file))
    assert done.returncode == 1 and "expected at most 1048576 bytes" in done.stderr


def test_grading_diff(run, gateway):
    """Of what they say, not of how they are written; numbers as they are written."""
    rule = '{"grade": "5", "if": [{"metric": "delay", "rel": "<", "value": 10.0}]}'
    one = '{"grading": [{"gradeName": "overall", "appliesTo": {}, "gradingRules": [%s, {"grade": "1"}], "note": "é\\""}]}' % rule
    two = json.dumps(json.loads(one), indent=3).replace("10.0", "10.00")
    gateway.answers = [result("GetGrading", [grading_row(*row)]) for row in ((1, one), (2, two), (1, one), (3, json.dumps(json.loads(one), indent=7)))]
    done = run("grading", "diff", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "--- version 1", "+++ version 2", "@@ -4,7 +4,7 @@", '       "gradeName": "overall",', '       "appliesTo": {},', '       "gradingRules": [',
        f"-        {rule},", f"+        {rule.replace('10.0', '10.00')},", '         {"grade": "1"}', "       ],", '       "note": "é\\""']
    done = run("grading", "diff", "1", "3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "version 1 and version 3 say the same\n", "")
    assert [r["message"]["parameters"]["grading.version"] for r in gateway.received] == ["1", "0", "1", "3"]
    for wrong in ([], ["x"], ["1", "x"], ["1", "2", "3"]):
        assert run("grading", "diff", *wrong).returncode == 2
    assert len(gateway.received) == 4


def test_grading_diff_of_what_is_not_there(run, gateway):
    gateway.answers = [result("GetGrading", [grading_row(1, "{")]), result("GetGrading", [grading_row(2)]), result("GetGrading", [])]
    done = run("grading", "diff", "1", "2")
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.startswith("ezrepoctl: version 1: ")
    gateway.answers = [result("GetGrading", [])]
    done = run("grading", "diff", "9")
    assert (done.returncode, done.stdout) == (1, "") and "no such grading" in done.stderr


def test_grading_rollback(run, gateway):
    text = json.dumps(GRADING, indent=1) + "\n"
    for words, comment in (([], "rolled back to version 2"), (["--comment", "too strict"], "too strict")):
        gateway.answers = [result("GetGrading", [grading_row(2, text)]), result("SetGrading", [["7", "1"]])]
        done = run("grading", "rollback", "2", *words)
        assert (done.returncode, done.stdout, done.stderr) == (0, "published as version 7, 1 blocks\n", "")
        asked = gateway.received.pop()["message"]
        assert asked["parameters"] == {"grading.document": text, "grading.comment": comment, "grading.version": "*"}
    assert run("grading", "rollback").returncode == 2 and run("grading", "rollback", "-1").returncode == 2


def test_grading_defaults_are_put_into_what_is_in_force(run, gateway):
    """Into no other version: a gateway that cannot tell them apart is told of."""
    own = ("grading", "add-defaults", "dns", "--schemas", os.path.join(ROOT, "schemas"))
    for version, code in ((4, 0), (5, 1)):
        gateway.answers = [result("GetGrading", [grading_row(3, json.dumps(GRADING))]), result("SetGrading", [[str(version), "2"]])]
        done = run(*own)
        assert done.returncode == code and ("published by somebody else meanwhile" in done.stderr) == bool(code), done
        assert gateway.received.pop()["message"]["parameters"]["grading.version"] == "3"


def test_grading_history(run, gateway):
    rows = [[str(v), f"2026-11-21 10:00:0{v}.000000", f"org.admin-{v}", f"because {v}", "7", f"v{v}"] for v in (3, 2, 1)]
    gateway.answers = [result("QueryGradings", rows), result("QueryGradings", rows[:2]), result("QueryGradings", [])]
    done = run("grading", "history")
    assert done.stdout.splitlines()[1:] == [
        f"{v}                2026-11-21 10:00:0{v}.000000  org.admin-{v}     because {v}" for v in (3, 2, 1)]
    found = [json.loads(x) for x in run("grading", "history", "--limit", "2", "--json").stdout.splitlines()]
    assert [f["grading.version"] for f in found] == [3, 2]
    assert list(found[0]) == ["grading.version", "time", "grading.author", "grading.comment"]
    assert run("grading", "history", "--limit", "10000").returncode == 0
    assert [r["message"]["parameters"]["list.limit"] for r in gateway.received] == ["20", "2", "10000"]
    assert run("grading", "history", "--limit", "10001").returncode == 2


def test_grading_history_of_a_gateway_that_lists_none(run, gateway):
    gateway.labels = ["GetGrading"]
    done = run("grading", "history")
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.endswith("this gateway does not offer us QueryGradings\n")
    assert gateway.received == []


# ---- send ----

@pytest.fixture
def listener():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.bind(("127.0.0.1", 0))
    s.settimeout(30)
    yield s
    s.close()


def send(ctl, text, *options):
    return subprocess.run([ctl, "send", *options, "-"], input=text, capture_output=True, text=True, timeout=60)


def test_send(ctl, listener, tmp_path):
    lines = ['{"result":"measure","n":1}', '{"envelope":"message", "contents":[]}', '{"result": "é"}']
    to = ["--udp", f"127.0.0.1:{listener.getsockname()[1]}"]
    done = send(ctl, "\n".join([lines[0], "", lines[1] + "\r", lines[2]]), *to)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 sent, 0 faults\n", "")
    assert [listener.recv(70000).decode() for _ in lines] == lines
    file = tmp_path / "f"
    file.write_text(lines[0] + "\n")
    done = subprocess.run([ctl, "send", *to, file], capture_output=True, text=True)
    assert done.returncode == 0 and listener.recv(70000).decode() == lines[0]


def test_send_names_lines_that_are_wrong(ctl, listener):
    big = json.dumps({"result": "x" * 65507})
    huge = json.dumps({"result": "x" * 1000000})
    text = "\n".join(['{"result":1}', "{", "7", '{"a":1}', big, huge, '{"result":2}'])
    done = send(ctl, text, "--udp", f"localhost:{listener.getsockname()[1]}")
    assert done.returncode == 1 and done.stdout == "2 sent, 4 faults\n"
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == ["-:2", "-:4", "-:5", "-:6"]
    assert "found \"{\" in line 4; 4 bytes passed over" in done.stderr and "expected at most 65507 bytes" in done.stderr


@pytest.mark.parametrize("text", [
    json.dumps({"result": 1, "label": "é"}, indent=2, ensure_ascii=False), "\ufeff[{\"result\": 1},\n {\"result\": 2}]\r\n",
    '{"result": 1}{"result": 2}', '{"result": [1, 2\n{"result": 2}\n'], ids=range(4))
def test_send_of_other_forms(ctl, listener, text):
    """As programs write them: over several lines, as an array, one behind the other, and one that was cut."""
    done = send(ctl, text, "--udp", f"127.0.0.1:{listener.getsockname()[1]}")
    whole = '[1, 2' not in text
    assert (done.returncode, done.stderr == "") == ((0, True) if whole else (1, False))
    for number in range(1 if whole else 2, 2 + ("2}" in text)):
        assert json.loads(listener.recv(70000))["result"] == number


def test_send_keeps_the_pace(ctl, listener):
    began = time.monotonic()
    done = send(ctl, '{"result":1}\n' * 300, "--udp", f"127.0.0.1:{listener.getsockname()[1]}", "--rate", "300")
    assert done.stdout == "300 sent, 0 faults\n"
    assert 0.8 < time.monotonic() - began < 20


def test_send_to_nobody(ctl):
    done = send(ctl, '{"result":1}\n' * 3, "--udp", f"127.0.0.1:{find_free_ports(1)[0]}", "--rate", "3")
    assert done.returncode == 1 and "nobody listens there" in done.stderr


def test_send_by_ipv6(ctl):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind(("::1", 0))
    s.settimeout(30)
    assert send(ctl, '{"result":1}', "--udp", f"[::1]:{s.getsockname()[1]}").returncode == 0
    assert s.recv(100) == b'{"result":1}'
    s.close()


# ---- the messages ----

def test_messages(ctl):
    """As schemas/messages.h declares them."""
    with open(os.path.join(ROOT, "schemas", "messages.h"), encoding="utf-8") as file:
        text = file.read()
    done = subprocess.run([ctl, "messages"], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert str(said["version"]) == re.search(r"^#define MESSAGE_VERSION (\d+)$", text, re.M).group(1)
    names = re.findall(r"\bMESSAGE\((\w+), [A-Z_]+_FIELDS\)", text)
    assert len(names) > 20 and [(m["number"], m["name"]) for m in said["messages"]] == list(enumerate(names))
    grades = next(m for m in said["messages"] if m["name"] == "grades")
    assert grades == {"name": "grades", "number": 1, "fields": [
        {"name": "grading_version", "type": "uint", "added": False}, {"name": "names", "type": "strs", "added": False},
        {"name": "grades", "type": "bin", "added": False}, {"name": "digest", "type": "uint", "added": True},
        {"name": "steady", "type": "bin", "added": True}]}
    types = {field["type"] for m in said["messages"] for field in m["fields"]}
    assert types == {"uint", "int", "str", "bin", "uuid", "strs", "uints"}


# ---- the capabilities ----

SEVEN = list(enumerate(["COUNT", "HISTOGRAM", "PERIODS", "EVENTS", "RECORDS", "GRADING", "GRADINGS"]))


def test_capabilities(ctl):
    """As schemas/capability_list.h declares them; each command that asks asks for one of them."""
    with open(os.path.join(ROOT, "schemas", "capability_list.h"), encoding="utf-8") as file:
        text = file.read()
    names = re.findall(r"\bCAPABILITY\([A-Z_]+, (\"\w+\"), (\"\w+\"), QUERY_([A-Z]+)\)", text)
    queries = {query["number"]: query["name"] for query in DECLARED["queries"]}
    assert len(names) > 5 and [(f'"{c["label"]}"', f'"{c["verb"]}"', queries[c["query"]])
                               for c in DECLARED["capabilities"]] == names
    assert [query["name"] for query in DECLARED["queries"]] == re.findall(r"\bQUERY\(([A-Z]+), \"", text)
    # On the wire: never another number for one that is there.
    assert [(query["number"], query["name"]) for query in DECLARED["queries"]][:7] == SEVEN
    events = next(query for query in DECLARED["queries"] if query["name"] == "EVENTS")
    assert events == {"name": "EVENTS", "number": 3, "cursor": "e", "columns": [
        "time", *DIMENSIONS, "grade.name", "grade.from", "grade.to", "event.retracted", "maintenance.windows", "list.cursor"]}
    assert TABLE["SetGrading"] == ("store", ["grading.document", "grading.comment", "grading.version"], ["grading.version", "grading.blocks"])
    assert DIMENSIONS == ["record.type", "record.content", "record.probe", "record.source", "record.dest", "record.path"]
    assert {command["name"]: command["label"] for command in DECLARED["commands"]}["periods"] == "QueryPeriods"
    usage = subprocess.run([ctl, "--help"], capture_output=True, text=True, check=True).stdout
    for command in DECLARED["commands"]:
        assert command["label"] in TABLE and re.search(rf"^  {command['name']} ", usage, re.M)


# ---- stored ----

@pytest.mark.parametrize("words", [["types", "adopt"], ["rebuild"]], ids=["adopt", "rebuild"])
def test_a_stored_that_has_ended_is_not_waited_for(ctl, tmp_path, words):
    """Its socket is there still."""
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "store"))
    done = subprocess.run([ctl, *words, "--run-dir", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "stored does not run; `ezrepo status` tells more" in done.stderr


# ---- usage ----

@pytest.mark.parametrize("words", [
    [], ["nonsense"], ["query", "--nonsense"], ["query", "--type"], ["query", "extra"], ["grading"],
    ["grading", "nonsense"], ["grading", "check"], ["send"], ["send", "a", "b"], ["send", "--rate", "0", "-"],
    ["send", "--udp", "nowhere", "-"], ["send", "--udp", "localhost:99999", "-"], ["query"],
    ["query", "--range", "0..6"], ["query", "--range", "5..1"], ["query", "--range", "1..2..3"],
    ["query", "--since", "yesteryear"], ["query", "--since", "5x"], ["query", "--when", "soon"],
    ["query", "--when", "now", "--since", "2h"], ["query", "--since", "1h", "--until", "2h"],
    ["query", "--histogram", "--range", "1..2"], ["query", "--limit", "5"], ["events", "--limit", "0"],
    ["events", "--limit", "10001"], ["query", "--type", b"\xff"],
    ["query", "--url", "http://localhost:1/", "--cert", "/x", "--key", "/x", "--ca", "/x"],
    ["messages", "extra"], ["messages", "--json"], ["capabilities", "extra"],
    ["ask"], ["ask", "Nonsense"], ["ask", "SetGrading"], ["ask", "LedgerFaults", "nonsense"],
    ["ask", "LedgerFaults", "record.dest=x"], ["ask", "LedgerAccounts", "list.after=x"], ["ask", "LedgerFaults", "--rows", "5"],
    ["ask", "LedgerAccounts", "--rows", "0"], ["ask", "LedgerAccounts", "--when", "soon"],
    ["ask", "LedgerAccounts", b"input.sender=\xff"], ["ask", "+"], ["ask", "LedgerFaults", "+"],
    ["ask", *["LedgerLosses", "+"] * 8, "LedgerLosses"], ["ask", "LedgerLosses", "+", "+", "LedgerLosses"], ["ask", "QueryByCriteria", *["record.type=x"] * 30],
])
def test_wrong_usage(ctl, words):
    done = subprocess.run([ctl, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("ezrepoctl: " if words else "Usage: ")
    assert "found no --" not in done.stderr or words == ["query"]  # each for its own reason


@pytest.mark.parametrize("words", [
    [], ["send"], ["query"], ["periods"], ["events"], ["records"], ["grading"], ["grading", "check"],
    ["grading", "get"], ["grading", "set"], ["grading", "history"], ["messages"], ["capabilities"], ["ask"]])
def test_help(ctl, words):
    done = subprocess.run([ctl, *words, "--help"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: ezrepoctl " + " ".join(words))


def test_a_version_is_a_number(ctl, pki):
    done = subprocess.run([ctl, "grading", "get", "x", "--url", "https://localhost:1/", "--cert", pki / "client.crt", "--key",
                           pki / "client.key", "--ca", pki / "ca.crt"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, 'ezrepoctl: grading get: expected a version, found "x"\n')


def test_files_that_are_not_there(ctl, pki):
    done = subprocess.run([ctl, "query", "--url", "https://localhost:1/", "--cert", pki / "none", "--key",
                           pki / "client.key", "--ca", pki / "ca.crt"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"ezrepoctl: --cert: {pki}/none cannot be read\n")
    assert subprocess.run([ctl, "send", "/nonexistent"], capture_output=True).returncode == 1
    assert subprocess.run([ctl, "grading", "check", "/nonexistent"], capture_output=True).returncode == 1


def test_output_that_cannot_be_written(ctl, tmp_path):
    file = tmp_path / "g.json"
    file.write_text(json.dumps(GRADING))
    with open("/dev/full", "w") as full:
        assert subprocess.run([ctl, "grading", "check", file], stdout=full, stderr=subprocess.DEVNULL).returncode == 1
