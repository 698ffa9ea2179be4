# SPDX-License-Identifier: Apache-2.0
"""People log in to webd: by password, by link, by what a proxy says; what guesses, spoofs and other pages come to."""
import concurrent.futures
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest
from browsers import browsing
from conftest import EzrepoSet, running_set, wait_for
from ezrepo.state import State
from people import Door, hashed

WORD, OTHER = "correct horse", "battery staple"
Answer = Tuple[int, Dict[str, Any]]


class Browser:
    """Keeps the cookie it is given, and says what the page tells it to."""

    def __init__(self, one: EzrepoSet, source: str = "127.0.0.1") -> None:
        self.port, self.source = one.page, source
        self.cookie, self.csrf, self.set_cookie = "", "", ""
        self.tls: Optional[ssl.SSLContext] = None

    def ask(self, method: str, path: str, body: Any = None, **headers: Optional[str]) -> Answer:
        scheme = "https" if self.tls else "http"
        sent: Dict[str, str] = {"Cookie": f"{self.cookie_name}={self.cookie}"} if self.cookie else {}
        if method == "POST":
            sent.update({"Content-Type": "application/json", "Origin": f"{scheme}://127.0.0.1:{self.port}", "X-EZRepo-CSRF": self.csrf})
        for name, value in headers.items():
            sent.pop(name.replace("_", "-"), None)
            if value is not None:
                sent[name.replace("_", "-")] = value
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60, source_address=(self.source, 0)) if self.tls is None \
            else http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, source_address=(self.source, 0), context=self.tls)
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            text = answer.read().decode()
            self.set_cookie = answer.headers["Set-Cookie"] or ""
            if self.set_cookie:
                self.cookie = self.set_cookie.partition("=")[2].partition(";")[0]
            return answer.status, json.loads(text) if text.startswith("{") else {}

    @property
    def cookie_name(self) -> str:
        return f"{'__Host-' if self.tls else ''}ezrepo-{self.port}"

    def log_in(self, name: str, word: str = WORD, **headers: Optional[str]) -> int:
        status, _ = self.ask("POST", "/api/v1/login", {"name": name, "password": word}, **headers)
        if status == 204:
            self.csrf = self.ask("GET", "/api/v1/me")[1]["csrf"]
        return status

    @contextlib.contextmanager
    def listening(self) -> Iterator[http.client.HTTPResponse]:
        """To what changes, by server-sent events; the first one has come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20, source_address=(self.source, 0))
        with contextlib.closing(connection):
            connection.request("GET", "/api/v1/changes", headers={"Cookie": f"{self.cookie_name}={self.cookie}"})
            answer = connection.getresponse()
            assert answer.status == 200 and answer.readline().startswith(b"id: ")
            yield answer

    def me(self) -> Optional[str]:
        status, told = self.ask("GET", "/api/v1/me")
        assert status in (200, 401), told
        return str(told["identity"]) if status == 200 else None


def listens(one: EzrepoSet) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", one.page), 10):
        return True
    return False


def reason(answer: Answer) -> Tuple[int, str]:
    return answer[0], answer[1]["error"]["reason"]


def is_ended(stream: http.client.HTTPResponse) -> bool:
    """Within a second."""
    begin = time.monotonic()
    with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
        while stream.readline():
            pass
    return time.monotonic() - begin < 1


def counted(one: EzrepoSet, name: str) -> int:
    return int(one.process("webd")["counters"][name])


@pytest.fixture(scope="module", name="one")
def set_with_people(build_dir: str) -> Iterator[EzrepoSet]:
    with running_set(build_dir) as one:
        one.configure(webd={"proxy": {"from": ["127.0.0.9"], "header": "X-Remote-User"}})
        one.cmd("reload")
        door = Door(lambda endpoint: State(one.state).endpoint_folder(endpoint))
        users = [{"kind": "user", "name": name, "body": {"secret": hashed(WORD)}} for name in ("anna", "bert", "dora")]
        answer = door.change({"kind": "role", "name": "operator", "body": ["anna", "bert"]},
                             {"kind": "authorization", "name": "Query*", "body": ["operator"]}, *users)
        assert not answer["faults"]
        door.close()
        one.cmd("user", "add", "carl", "--role", "operator", text=WORD + "\n")
        yield one


@pytest.fixture(name="anna")
def _anna(one: EzrepoSet) -> Browser:
    browser = Browser(one, "127.0.0.11")
    assert browser.log_in("anna") == 204
    return browser


def test_who_logs_in_may_what_his_roles_may(one: EzrepoSet) -> None:
    browser = Browser(one)
    assert browser.me() is None
    assert browser.log_in("anna") == 204
    told = browser.set_cookie  # of /me: none
    assert told == ""
    status, me = browser.ask("GET", "/api/v1/me")
    assert (status, me["identity"], me["how"]) == (200, "anna", "session") and "QueryNow" in me["may"] and len(me["csrf"]) == 43
    assert browser.ask("GET", "/api/v1/QueryNow")[0] == 200
    assert reason(browser.ask("GET", "/api/v1/RejectedList")) == (403, "denied")
    browser.ask("POST", "/api/v1/login", {"name": "anna", "password": WORD})
    attributes = browser.set_cookie.split("; ")[1:]
    assert attributes == ["Max-Age=604800", "Path=/", "HttpOnly", "SameSite=Strict"] and len(browser.cookie) == 43


def test_wrong_and_unknown_are_told_apart_by_nothing(one: EzrepoSet) -> None:
    """Neither by the answer nor by how long it takes."""
    took: Dict[str, List[float]] = {"carl": [], "nobody": [], "no name": []}
    told = set()
    for name, times in took.items():
        for _ in range(2):
            begin = time.monotonic()
            answer = Browser(one, "127.0.0.12").ask("POST", "/api/v1/login", {"name": name, "password": "wrong password"})
            times.append(time.monotonic() - begin)
            told.add((answer[0], str(answer[1])))
    assert len(told) == 1 and next(iter(told))[0] == 401, told
    fastest = [min(times) for times in took.values()]
    assert min(fastest) > 0.05 and max(fastest) < 4 * min(fastest), took


def test_who_guesses_is_limited_and_others_get_in(one: EzrepoSet, anna: Browser) -> None:
    """Also the one whose password is guessed, from where he logged in before."""
    assert Browser(one, "127.0.0.21").log_in("bert") == 204
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda i: Browser(one, "127.0.0.66").log_in("bert", f"wrong word {i}"), range(16)))
        assert set(statuses) <= {401, 429} and statuses.count(401) <= 12 and 429 in statuses, statuses
    status, told = Browser(one, "127.0.0.66").ask("POST", "/api/v1/login", {"name": "carl", "password": WORD})
    assert status == 429 and told["error"]["reason"] == "limited"
    ticket = one.cmd("user", "link", "carl").stdout.strip().partition("=")[2]  # which nobody guesses
    assert Browser(one, "127.0.0.66").ask("POST", "/api/v1/login", {"ticket": ticket})[0] == 204
    assert Browser(one, "127.0.0.22").log_in("carl") == 204
    assert Browser(one, "127.0.0.21").log_in("bert") == 204
    assert anna.me() == "anna"
    wait_for(lambda: counted(one, "logins.limited") > 0)
    with open(f"{one.state}/log/webd-audit.log", encoding="utf-8") as file:
        log = file.read() + one.cmd("logs", "webd").stdout
    assert 'peer="127.0.0.66:' in log and 'outcome="limited"' in log and "wrong word" not in log and WORD not in log


def test_while_some_are_compared_others_are_answered(one: EzrepoSet, anna: Browser) -> None:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        under_way = [pool.submit(Browser(one, f"127.0.0.{31 + i}").log_in, f"x{i}", "wrong password") for i in range(4)]
        time.sleep(0.05)
        begin = time.monotonic()
        assert anna.me() == "anna" and time.monotonic() - begin < 0.5
        assert [one.result() for one in under_way] == [401] * 4


def test_what_is_more_than_a_question_has_to_be_meant(one: EzrepoSet, anna: Browser) -> None:
    other = Browser(one, "127.0.0.11")
    assert other.log_in("anna") == 204 and other.csrf != anna.csrf
    for headers in ({"X_EZRepo_CSRF": None}, {"X_EZRepo_CSRF": ""}, {"X_EZRepo_CSRF": "x" * 43}, {"X_EZRepo_CSRF": other.csrf},
                    {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": f"http://127.0.0.1:{one.page}1"},
                    {"Origin": None, "Sec_Fetch_Site": "cross-site"}):
        for path in ("logout", "SetGrading", "check-grading"):
            assert reason(anna.ask("POST", f"/api/v1/{path}", {}, **headers)) == (403, "csrf"), (path, headers)
    assert reason(anna.ask("POST", "/api/v1/SetGrading", {})) == (403, "denied")  # her roles may not
    assert reason(anna.ask("GET", "/api/v1/logout")) == (405, "method")
    assert anna.me() == "anna"
    # Another page cannot log anybody in, either.
    assert Browser(one).log_in("anna", Origin="http://evil.example") == 403
    assert Browser(one).ask("POST", "/api/v1/login", {"name": "anna", "password": WORD}, Content_Type="text/plain")[0] == 400
    assert anna.ask("POST", "/api/v1/logout")[0] == 204
    assert anna.set_cookie.startswith(f"{anna.cookie_name}=; Max-Age=0;") and anna.me() is None and other.me() == "anna"


def test_a_session_that_ended_is_over_for_who_kept_its_cookie(one: EzrepoSet, anna: Browser) -> None:
    thief = Browser(one)
    thief.cookie = anna.cookie
    assert thief.me() == "anna"
    with thief.listening() as stream:
        assert anna.ask("POST", "/api/v1/logout")[0] == 204
        assert is_ended(stream)
    assert thief.me() is None
    # What was there before one logs in is worth nothing afterwards.
    victim = Browser(one)
    assert victim.log_in("carl") == 204
    fixed = Browser(one)
    fixed.cookie = victim.cookie
    assert victim.log_in("anna") == 204 and victim.cookie != fixed.cookie
    wait_for(lambda: fixed.me() is None, 5)
    made_up = Browser(one)
    made_up.cookie = "A" * 43
    assert made_up.me() is None
    assert made_up.log_in("anna") == 204 and made_up.cookie != "A" * 43 and made_up.me() == "anna"


def test_restarts_keep_it(one: EzrepoSet, anna: Browser) -> None:
    csrf = anna.csrf
    one.cmd("restart", "webd")
    one.cmd("restart", "stored")
    def there() -> bool:
        with contextlib.suppress(OSError):
            return anna.ask("GET", "/api/v1/me")[0] == 200
        return False
    wait_for(there, 20)
    assert anna.ask("GET", "/api/v1/me")[1]["csrf"] == csrf


def test_a_link_logs_in_once(one: EzrepoSet) -> None:
    url = one.cmd("user", "link", "dora").stdout.strip()
    base = f"http://127.0.0.1:{one.page}"
    assert url.startswith(f"{base}/login?ticket=")
    ticket = {"ticket": url.partition("=")[2]}
    browser = Browser(one)
    for method in ("HEAD", "GET", "GET"):  # who only looks does not use it up, as a preview of links
        assert browser.ask(method, url[len(base):])[0] == 200 and browser.cookie == ""
    assert reason(browser.ask("POST", url[len(base):], {})) == (405, "method")
    # Nobody is logged in as somebody else by a page of another one.
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": None, "Sec_Fetch_Site": "cross-site"}):
        assert reason(browser.ask("POST", "/api/v1/login", ticket, **headers)) == (403, "csrf")
    assert reason(browser.ask("POST", "/api/v1/login", ticket, Content_Type="text/plain")) == (400, "invalid") and browser.cookie == ""
    assert browser.ask("POST", "/api/v1/login", ticket)[0] == 204
    assert browser.me() == "dora" and ticket["ticket"] not in one.cmd("logs", "webd").stdout
    for used in (ticket["ticket"], "x", "A" * 43):
        assert reason(Browser(one).ask("POST", "/api/v1/login", {"ticket": used})) == (403, "unknown")


def test_logging_in_is_a_post(one: EzrepoSet) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", one.page, timeout=60)) as connection:
        connection.request("GET", "/api/v1/login")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Allow"], json.load(answer)["error"]["reason"]) == (405, "POST", "method")


def test_only_the_proxy_says_who_asks(one: EzrepoSet) -> None:
    proxied = Browser(one, "127.0.0.9")
    status, me = proxied.ask("GET", "/api/v1/me", X_Remote_User="anna")
    assert (status, me["identity"], me["how"]) == (200, "anna", "proxy")
    assert proxied.ask("GET", "/api/v1/QueryNow", X_Remote_User="anna")[0] == 200
    assert proxied.ask("GET", "/api/v1/QueryNow", X_Remote_User="nobody")[0] == 403
    assert proxied.me() is None
    assert reason(proxied.ask("POST", "/api/v1/logout", X_Remote_User="anna", X_EZRepo_CSRF=None)) == (403, "csrf")
    assert reason(proxied.ask("POST", "/api/v1/SetGrading", {}, X_Remote_User="anna", X_EZRepo_CSRF=None)) == (403, "csrf")
    assert reason(proxied.ask("POST", "/api/v1/SetGrading", {}, X_Remote_User="anna", X_EZRepo_CSRF=me["csrf"])) == (403, "denied")
    before = counted(one, "proxy.ignored")
    for name in ("X_Remote_User", "x_remote_user"):
        assert Browser(one, "127.0.0.10").ask("GET", "/api/v1/me", **{name: "anna"})[0] == 401
    wait_for(lambda: counted(one, "proxy.ignored") == before + 2)
    # Twice: somebody has put it beside the proxy's.
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", one.page, source_address=("127.0.0.9", 0))) as connection:
        connection.putrequest("GET", "/api/v1/me")
        for name in ("anna", "bert"):
            connection.putheader("X-Remote-User", name)
        connection.endheaders()
        assert connection.getresponse().status == 401


@pytest.mark.parametrize("body", [None, {}, {"name": "anna"}, {"ticket": 1}, {"ticket": "A" * 43, "name": "anna"}, {"name": "anna", "password": 1}, ["anna", WORD],
                                  {"name": "anna", "password": "x" * 1025}, {"name": "x" * 9000, "password": WORD}])
def test_what_is_no_login(one: EzrepoSet, body: Any) -> None:
    assert reason(Browser(one).ask("POST", "/api/v1/login", body)) == (400, "invalid")


def test_while_the_database_is_away_who_is_known_goes_on(one: EzrepoSet, anna: Browser) -> None:
    stored = one.pid("stored")
    os.kill(stored, signal.SIGSTOP)
    try:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:  # each waits for stored as long as it may
            login = pool.submit(Browser(one, "127.0.0.11").ask, "POST", "/api/v1/login", {"name": "anna", "password": WORD})
            stranger = Browser(one)
            stranger.cookie = "B" * 43
            asked = pool.submit(stranger.ask, "GET", "/api/v1/me")
            assert anna.me() == "anna"
            assert reason(login.result()) == reason(asked.result()) == (503, "unavailable")
    finally:
        os.kill(stored, signal.SIGCONT)
    assert anna.me() == "anna"


def test_in_a_browser(one: EzrepoSet) -> None:
    base = f"http://127.0.0.1:{one.page}"
    with browsing(base) as tab:
        link = one.cmd("user", "link", "dora").stdout.strip()[len(base):]
        for _ in range(2):
            tab.open(link)
            tab.wait_text("by a link", "h1")
        tab.shoot("login")
        tab.click("main button", "Sign in")
        tab.wait_text("dora", "#who")
        assert tab.path() in ("/", "/now") and tab.run("return document.cookie") == ""
        tab.open(link)
        tab.wait_text("You are signed in as dora")
        tab.click("main button", "Sign in")
        tab.wait_text("this link was used", "main")
        assert any("403" in line for line in tab.console())
        tab.click("button", "Sign out")
        tab.wait_script("return document.getElementById('name') !== null")
        for word in ("wrong password", WORD):
            for field, text in (("name", "dora"), ("password", word)):
                tab.run("const field = document.getElementById(arguments[0]); field.focus(); field.value = arguments[1]", field, text)
            tab.keys("Enter")
            if word != WORD:
                tab.wait_text("Name or password is wrong.", "main")
                assert any("401" in line for line in tab.console())
        tab.wait_text("dora", "#who")
        tab.wait_text("you may not ask this", "body")
        assert all("403" in line for line in tab.console())  # she has no role


def test_who_signs_out_of_a_token_is_signed_out(one: EzrepoSet) -> None:
    """Also of the session that it stood before."""
    base = f"http://127.0.0.1:{one.page}"
    token = one.cmd("token", "issue", "desk", "--identity", "anna", "--ask", "*", "--from", "127.0.0.0/8").stdout.strip()
    with browsing(base) as tab:
        tab.open("/sign-in")
        tab.run("""return fetch("/api/v1/login", {method: "POST", headers: {"Content-Type": "application/json"},
                       body: JSON.stringify({name: "dora", password: arguments[0]})}).then(() => true)""", WORD)
        tab.run("sessionStorage.setItem('ezrepo.token', arguments[0])", token)
        tab.open("/events")
        tab.wait_text("anna", "#who")
        tab.click("button", "Sign out")
        tab.wait_text("Sign in", "h1")
        tab.open("/sign-in")
        tab.wait_text("Sign in", "#who")
        assert "You are signed in" not in tab.text()
        tab.console()  # that nobody was known, and dora has no role


def test_another_password_throws_out_within_a_second(one: EzrepoSet, anna: Browser) -> None:
    bert = Browser(one, "127.0.0.21")
    assert bert.log_in("bert") == 204 and anna.me() == "anna"
    with anna.listening() as stream:
        one.cmd("user", "password", "anna", text=OTHER + "\n")
        begin = time.monotonic()
        assert is_ended(stream)
    wait_for(lambda: anna.me() is None, 10)
    assert time.monotonic() - begin < 1 and bert.me() == "bert"
    assert Browser(one, "127.0.0.11").log_in("anna") == 401 and Browser(one, "127.0.0.11").log_in("anna", OTHER) == 204
    one.cmd("user", "remove", "bert")
    wait_for(lambda: bert.me() is None, 1)
    assert Browser(one, "127.0.0.21").log_in("bert") == 401
    assert "bert" not in one.cmd("role", "list").stdout


def test_over_tls_the_cookie_is_for_tls_only(one: EzrepoSet) -> None:
    pki = f"{one.state}/pki"
    shutil.copyfile(f"{pki}/ingest.key", f"{pki}/web.key")
    shutil.chown(f"{pki}/web.key", os.stat(f"/proc/{one.pid('webd')}").st_uid)
    os.chmod(f"{pki}/web.key", 0o600)
    one.configure(webd={"certificate": f"{pki}/ingest.crt", "key": f"{pki}/web.key", "ca": f"{pki}/ca.crt"})
    one.cmd("restart", "webd")
    browser = Browser(one)
    browser.tls = ssl.create_default_context(cafile=f"{pki}/ca.crt")
    browser.tls.check_hostname = False
    wait_for(lambda: listens(one))
    assert browser.log_in("dora", Origin=f"http://127.0.0.1:{one.page}") == 403
    assert browser.log_in("dora") == 204 and browser.me() == "dora"
    assert browser.ask("POST", "/api/v1/logout")[0] == 204
    assert browser.set_cookie == f"{browser.cookie_name}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict; Secure"
    assert one.cmd("user", "link", "dora").stdout.startswith("https://")
