# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser, on a real set: what is bad is told and goes on by itself, each page opens, keys are enough, what comes
from records stays text. Pictures of all pages are left below the build's folder, for people."""
import json
import os
import re
import socket
import time

import accessible
import pytest
from browsers import browsing
from conftest import ROOT, documented_sender, find_free_ports, ping, running_set, time_text
from ezrepo import pki
from processes import held_up

MARKUP = "<img src=x onerror=document.title='run'>"
NOT_JSON = b"{not json <script>document.title='run'</script>"
GOOD_US, BAD_US = 10000, 900000
SITES = {"berlin": "198.51.100.1", "hamburg": "198.51.100.2", "munich": "198.51.100.3"}
BAD_DEST = "192.0.2.7"


def measured(probe, dest, ago_s, mean_us=GOOD_US):
    """So long ago, by this probe."""
    return ping(dest, time_text(time.time() - ago_s), mean_us, probe=probe, parameters={"source.ip4": SITES.get(probe, "198.51.100.9"), "destination.ip4": dest})


@pytest.fixture(scope="module", name="one")
def _one(build_dir):
    """Three probes measure seven dests, of which one is bad from everywhere; one series is bad alone, and in maintenance. There is a way in for who signs."""
    (signed,) = find_free_ports(1)
    with running_set(build_dir, ingestd={"listeners": [{"listen": f"127.0.0.1:{signed}", "authenticated": True}]}) as one:
        one.signed = signed
        lines = [measured(probe, f"192.0.2.{d}", ago, BAD_US if f"192.0.2.{d}" == BAD_DEST and ago < 500 else GOOD_US)
                 for ago in (900, 700, 480, 250, 60) for probe in SITES for d in range(1, 8)]
        lines.append(measured(MARKUP, "192.0.2.99", 30, BAD_US))
        one.send(lines)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(NOT_JSON, ("127.0.0.1", one.udp))
        one.wait_matched(len(lines))
        one.cmd("maintenance", "add", "--dest", "192.0.2.99", "--for", "2h", "--reason", "a new <b>card</b>")
        yield one


@pytest.fixture(scope="module", name="token")
def _token(one):
    return one.cmd("token", "issue", "screen", "--identity", pki.identity("admin"), "--ask", "*", "--from", "127.0.0.0/8").stdout.strip()


@pytest.fixture(scope="module", name="tab")
def _tab(one, token):
    """One browser, signed in; whoever has it leaves no complaint behind."""
    with browsing(f"http://127.0.0.1:{one.page}") as tab:
        tab.open("/now")
        tab.wait_text("Sign in", "h1")
        assert any("401" in line for line in tab.console())
        tab.click("summary", "access token")
        tab.run("document.getElementById('token').focus()")
        tab.keys(*"wrong", "Enter")
        tab.wait_text("That is not known here.", "main")
        assert any("401" in line for line in tab.console())
        tab.run("const field = document.getElementById('token'); field.focus(); field.value = arguments[0]", token)
        tab.keys("Enter")
        tab.wait_text("series are bad", "h1")
        yield tab


@pytest.fixture(name="page")
def _page(tab):
    yield tab
    complaints = tab.console()
    assert not complaints, complaints
    assert "run" not in tab.run("return document.title").split(), "markup of a record was run"


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("sheet", ["style.css", "dark.css"])
def test_colours_can_be_told_apart(sheet):
    """As WCAG 2.2 AA wants it: texts 4.5:1, edges of what one sees or operates 3:1; of all states, on all grounds."""
    with open(os.path.join(ROOT, "web", sheet), encoding="utf-8") as file:
        tokens = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", file.read()))
    states = ["g0", "g1", "g2", "g3", "g4", "g5", "silent", "maintenance"]
    for ground in ("page", "panel", "sunk", "select"):
        for text in ["ink", "ink-2", "link", *(f"{state}-edge" for state in states)]:
            assert contrast(tokens[text], tokens[ground]) >= 4.5, f"--{text} on --{ground}"
        for edge in ("line-strong", "focus"):
            assert contrast(tokens[edge], tokens[ground]) >= 3, f"--{edge} on --{ground}"
    for state in states:
        assert contrast(tokens[f"{state}-ink"], tokens[state]) >= 4.5, f"--{state}-ink on --{state}"


def test_pages_have_nothing_that_makes_markup():
    for folder, _, names in os.walk(os.path.join(ROOT, "web")):
        for name in names:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text = file.read()
            if name.endswith(".js"):
                found = re.findall(r"\.(?:innerHTML|outerHTML|insertAdjacentHTML|write|html)\b\s*[=(]|\beval\(|new Function|setTimeout\(\"", text)
                assert not found, f"{name}: {found}"
            if name.endswith(".html"):
                assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]* src=)", text), name
            assert not re.findall(r"(?:src|href|url|import|fetch)\W{1,3}https?://", text), f"{name} names another host"


def test_now_says_what_is_bad_and_since_when(page):
    page.open("/now")
    page.wait_text("4 of 22 series are bad, 1 of them in maintenance; none is silent.", "h1")
    assert "The longest since" in page.text(".since-now") and re.search(r"\d\d:\d\d:\d\d \+05:30", page.text(".since-now"))
    page.wait_text("berlin", "#bad tbody tr")
    group = page.text("#bad tbody tr")
    for words in ("1 critical", f"dest {BAD_DEST}", "3 of 3 series", "900 ms", "should be < 80 ms for grade 2"):
        assert words in group, group
    assert "a new <b>card</b>" in page.text("#maintained")
    page.wait_text("complete", ".fresh-now")
    assert page.run("return document.querySelectorAll('.strip-words li').length") == 2
    assert page.run("return getComputedStyle(document.querySelector('.strip-bar span')).backgroundColor !== 'rgba(0, 0, 0, 0)'")


def test_now_goes_on_by_itself(one, page):
    """Within a second or so of the commit, and back."""
    page.open("/now")
    page.wait_text("live", ".live")
    before = page.wait_script("return document.querySelector('#bad tbody tr td.what a')")
    took = []
    for mean_us, seen in ((BAD_US, True), (GOOD_US, False)):
        count = one.matched()
        one.cmd("role", "add", "others", f"somebody-{int(seen)}")  # who may do what has changed, which ends the stream that tells the page
        one.send([measured("berlin", "192.0.2.1", 0, mean_us)])
        one.wait_matched(count + 1)
        committed = time.monotonic()
        page.wait(lambda seen=seen: (f"{SITES['berlin']} → 192.0.2.1" in page.text("#bad")) == seen)
        took.append(time.monotonic() - committed)
    assert min(took) < 3, took  # of a machine that is busy
    page.wait_text("→ 192.0.2.1", "#changed")
    assert page.run("return arguments[0] === document.querySelector('#bad tbody tr td.what a')", before), "what did not change was drawn anew"


def test_from_now_to_the_record(page):
    """Each step is a link or a button that is seen."""
    page.open("/now")
    page.click("#maintained a.to")
    page.wait_text("Timeline", "nav a[aria-current]")
    assert "record.dest=192.0.2.99" in page.path()
    page.open("/now")
    page.click("#bad .examples a")
    page.wait_text(f"→ {BAD_DEST}", "h1")
    page.wait_text("is not < 80000", "main")
    page.click("details.record summary")
    page.wait_script("return JSON.parse(document.querySelector('details.record pre').textContent).resultvalues[0].includes(arguments[0])", str(BAD_US))


def pages_there_are():
    with open(os.path.join(ROOT, "web", "app.js"), encoding="utf-8") as file:
        return re.findall(r"^    \"?([a-z-]+)\"?: \{ word: ", file.read(), re.M)


def test_each_page_opens(page):
    names = pages_there_are()
    assert len(names) > 6
    for name in names:
        page.open(f"/{name}")
        page.wait_script("return document.querySelector('h1') !== null && document.title !== 'EZRepo'")
        assert page.run("return document.querySelectorAll('h1').length") == 1, name
        assert page.run("return document.getElementById('trouble').hidden"), page.text("#trouble")
    page.open("/none")
    page.wait_text("There is no such page.")
    page.console()  # that it is none is told by the status


@pytest.mark.parametrize("name", pages_there_are())
def test_everybody_can_use_it(page, name):
    """Who hears it, sees little or no colours, has keys only, or no steady hand; with all that can be opened open."""
    page.open(f"/{name}?last=1h" + (f"&record.probe=berlin&record.dest={BAD_DEST}" if name == "series" else ""))
    page.wait_script("return document.querySelectorAll('main *').length > (['/sign-in', '/login'].includes(location.pathname) ? 5 : 20) && !document.querySelector('[aria-busy=true]')")
    page.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert not (found := accessible.wrong(page)), "\n".join(found)
    if name == "now":
        page.click("#tools button", "Keys")
        assert not (found := accessible.wrong(page)), "\n".join(found)


def test_what_cannot_be_used_is_found(page):
    """By the test above."""
    page.open("/now")
    page.wait_text("series are bad", "h1")
    page.run(accessible.BAD)
    found = "\n".join(accessible.wrong(page))
    assert not (missed := [fault for fault in accessible.FAULTS if fault not in found]), f"{missed} not in\n{found}"


def test_the_worst_in_between_is_told(one, page):
    """Of what is not bad now, and was worse than what it came from."""
    count = one.matched()
    one.send([measured("berlin", "192.0.2.31", ago, mean_us) for ago, mean_us in ((400, GOOD_US), (300, BAD_US), (200, 50000), (100, GOOD_US))])
    one.send([measured("berlin", "192.0.2.32", ago, mean_us) for ago, mean_us in ((400, GOOD_US), (300, BAD_US), (200, GOOD_US))])
    one.wait_matched(count + 7)
    page.open("/now?record.dest=192.0.2.3?")
    page.wait_text("→ 192.0.2.31", "#changed")
    rows = page.run("return [...document.querySelectorAll('#changed tbody tr')].map(row => row.innerText.replace(/\\s+/g, ' '))")
    first, = [row for row in rows if "192.0.2.31" in row]
    second, = [row for row in rows if "192.0.2.32" in row]
    assert "3 minor" in first and "worst between 1 critical" in first and "1 critical" in second and "worst between" not in second, rows
    page.shoot("between", ((1280, "light"), (360, "dark")))


def test_series_to_choose_from_are_in_order(page):
    page.open("/series?record.probe=berlin&select.grade=overall")
    page.wait_text("choose one", ".told")
    rows = page.run("return [...document.querySelectorAll('.chooser tbody tr td:first-child')].map(cell => cell.innerText.split('.').pop())")
    assert len(rows) >= 9 and rows == sorted(rows, key=int) and "31" in rows, rows


def test_who_is_bound_to_series_sees_no_limit_anywhere(one, page, token):
    """Neither on Now nor as Why: the grading is not his to see."""
    one.cmd("role", "add", "customer", "kim", "--sees", f"dest={BAD_DEST}")
    one.cmd("role", "allow", "customer", "Query*")
    kim = one.cmd("token", "issue", "kim", "--identity", "kim", "--ask", "*", "--from", "127.0.0.0/8").stdout.strip()
    page.run("sessionStorage.setItem('ezrepo.token', arguments[0])", kim)
    try:
        page.open("/now?record.probe=berlin")
        page.wait_text(f"→ {BAD_DEST}", "#bad")
        assert "80 ms" not in page.text("main")
        page.open(f"/series?record.probe=berlin&record.dest={BAD_DEST}")
        page.wait_text("You may not ask why: it shows the grading.", ".why")
        page.wait_text("us.mean 900000", "main")
        assert "80 ms" not in page.text("main")
    finally:
        page.run("sessionStorage.setItem('ezrepo.token', arguments[0])", token)
        page.open("/now")  # so that nothing is asked any more that is refused
        page.wait_text("series", "h1")
        assert all("403" in line for line in page.console())


def test_an_answer_that_breaks_off_is_told(page):
    """In the midst of a cell, too."""
    page.open("/events")
    page.wait_text("live", ".live")
    page.run("""const ask = window.fetch;
        window.fetch = (address, options) => address.includes("GetGrading?") ? Promise.resolve(new Response('grading.version,grading.document\\r\\n1,"{')) : ask(address, options);""")
    page.click("#pages a", "Thresholds")
    page.wait_text("the server's answer broke off", "#trouble")
    page.run("delete window.fetch")
    page.open("/thresholds")
    page.wait_text("is in force", "h1")


def listeners(one):
    return int(one.process("webd")["counters"]["listeners"])


def test_windows_share_what_changes(one, page):
    """A browser opens six connections to a host: a seventh window would wait for ever. Whichever leads, and whatever each is about; one that lacks locks goes alone."""
    paths = ["/now", "/events", "/now?record.probe=berlin", "/events?record.dest=192.0.2.2", "/now?record.dest=192.0.2.2", "/now?record.dest=192.0.2.0/24", "/now"]
    own = page.driver.current_window_handle
    windows = [own]
    page.open(paths[0])
    page.wait_text("● live", ".live")
    try:
        for path in paths[1:]:
            page.run("window.open(arguments[0], '_blank', 'popup,width=700,height=500')", path)
            page.wait(lambda: len(page.driver.window_handles) > len(windows))
            windows += set(page.driver.window_handles) - set(windows)
        for mean_us in (BAD_US, GOOD_US, BAD_US):
            for window in windows:
                page.driver.switch_to.window(window)
                page.wait_text("● live", ".live")
                assert page.run("return document.visibilityState") == "visible"
                page.run("window.before = document.querySelector('#main').innerText; return null")
            page.wait(lambda: listeners(one) == 1)
            count = one.matched()
            one.send([measured("berlin", "192.0.2.2", 0, mean_us)])
            one.wait_matched(count + 1)
            for window in windows:  # sooner than it is asked again by itself
                page.driver.switch_to.window(window)
                page.wait_script("""return location.pathname === '/now' ? document.querySelector('#bad').innerText.includes('→ 192.0.2.2') === arguments[0]
                                    : window.before !== document.querySelector('#main').innerText""", mean_us == BAD_US, seconds=8)
            leads = windows.pop(0)  # since it was opened first; it leaves
            page.driver.switch_to.window(leads)
            page.driver.get("about:blank") if leads == own else page.driver.close()
    finally:
        for window in set(page.driver.window_handles) - {own}:
            page.driver.switch_to.window(window)
            page.driver.close()
        page.driver.switch_to.window(own)
    script = page.cdp("Page.addScriptToEvaluateOnNewDocument", source="delete Navigator.prototype.locks;")["identifier"]
    page.open("/now")
    page.wait_text("● live", ".live")
    assert page.run("return navigator.locks === undefined")
    page.cdp("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_keys_are_enough(page):
    focused = "return document.activeElement.id || document.activeElement.textContent"
    page.open("/now")
    page.wait_text("series are bad", "h1")
    page.keys("Tab")
    assert page.run(focused) == "Skip to what is shown"
    assert page.run("return document.activeElement.getBoundingClientRect().left >= 0"), "the skip link is not seen"
    page.keys("Enter")
    page.wait(lambda: page.run(focused) == "main")
    page.keys("?")
    page.wait_script("return document.querySelector('dialog').open")
    page.keys("Escape")
    page.wait_script("return !document.querySelector('dialog').open")
    page.keys("g", "e")
    page.wait_text("Events", "h1")
    page.keys("/")
    assert page.run(focused) == "criterion-type"
    page.keys("Tab", "Tab", "Tab", "Tab", *"192.0.2.7")
    page.wait_script("return [...document.querySelectorAll('#criterion-dest-values option')].map(one => one.value).join() === arguments[0]", BAD_DEST)
    page.keys("Enter")
    page.wait(lambda: page.path() == f"/events?record.dest={BAD_DEST}")
    page.wait_script("return document.querySelectorAll('table.events tbody tr').length === 6")
    assert page.run(focused) == "criterion-dest"
    page.keys("Escape", "g", "n")
    page.wait(lambda: page.path() == f"/now?record.dest={BAD_DEST}")
    page.wait_text("3 of 3 series are bad", "h1")
    page.run("history.back()")
    page.wait_text("Events", "h1")


def test_what_comes_from_records_is_text(page):
    page.open("/now")
    page.wait_text("in maintenance", "h1")
    for name, words in (("events", MARKUP), ("health", "bytes"), ("series?record.dest=192.0.2.99", MARKUP)):
        page.open(f"/{name}")
        page.wait_text(words.partition("=")[0], "main")
        if name == "health":
            page.click("details summary", "bytes")
            page.wait_text(NOT_JSON.decode(), "pre.bytes")
        assert page.run("return document.querySelectorAll('main img, main script').length") == 0
    page.open(f"/now?record.probe={MARKUP.replace('<', '%3C').replace(' ', '%20')}")
    page.wait_text(MARKUP, "#criteria")
    assert page.run("return document.images.length") == 0


def test_events_that_were_taken_back(one, page):
    """A late record shows that it was bad before: what was told first is struck through, on a page that is open."""
    one.send([measured("late", "192.0.2.50", ago, mean) for ago, mean in ((120, GOOD_US), (30, BAD_US))])
    page.open("/events?record.probe=late")
    page.wait_script("return document.querySelectorAll('table.events tbody tr').length === 2")
    page.wait_text("live", ".live")
    one.send([measured("late", "192.0.2.50", 60, BAD_US)])
    page.wait_text("retracted", "table.events")
    assert page.run("return document.querySelectorAll('table.events tr.retracted s').length") > 0
    assert page.run("return document.querySelectorAll('table.events tbody tr').length") == 3


def test_time_is_written_in_utc(page):
    """The local time is told beside it; what is no time is not asked."""
    page.open("/events")
    page.wait_script("return document.querySelector('#criterion-from')")
    write = """const field = document.getElementById('criterion-from'); field.value = arguments[0];
               field.dispatchEvent(new Event('input', {bubbles: true})); return field.parentElement.querySelector('.local').textContent"""
    assert page.run(write, "2026-11-30 08:00") == "13:30:00 +05:30"
    assert page.run(write, "noon") == ""
    page.click("#criteria button", "Show")
    assert page.path() == "/events"
    page.run(write, "2026-01-31 20:00")
    page.click("#criteria button", "Show")
    page.wait(lambda: page.path() == "/events?from=2026-01-31T20%3A00%3A00.000Z")
    assert page.text(".field.time .local") == "2026-02-01 01:30:00 +05:30"
    page.click("button.preset", "7 d")
    page.wait(lambda: page.path() == "/events?last=7d")
    page.click("#criteria button", "Clear")
    page.wait(lambda: page.path() == "/events")


def test_a_question_at_fault_says_where(page):
    page.open("/events?record.dest=x&range.grade=7")
    page.wait_text("range.grade", "#trouble")
    told = []
    page.wait(lambda: told.extend(page.console()) or sum("400" in line for line in told) >= 2)  # the question, and what changes
    page.open("/now")
    page.wait_text("series are bad", "h1")
    assert page.run("return document.getElementById('trouble').hidden")
    for address, words in (("grid?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from: expected a time before to"), ("events?from=noon", 'from: expected a time in UTC as 2026-11-30T08:00:00Z, found "noon"'),
                           ("timeline?last=5x", 'last: expected a length as 30min, 24h or 7d, found "5x"'), ("now?range.grade=bad", 'range.grade: expected grades as 1..2, or one, found "bad"'),
                           ("thresholds?version=99", 'version: there is no version "99"')):
        page.open(f"/{address}")
        page.wait_text(words, "#trouble")
        page.wait_text("Nothing is shown", "main")
        assert page.path() == f"/{address}" and not page.run("return document.querySelector('.complete')")


# Questions of window.failing are answered 503, as by a webd whose queryd is away.
FAILING = """const ask = window.fetch;
    window.failing = (sessionStorage.getItem("failing") ?? "").split(",");
    window.fetch = (address, options) => window.failing.some(label => label && address.includes(label + "?"))
        ? Promise.resolve(new Response('{"error": {"reason": "unavailable", "message": "queryd takes no questions"}}', {status: 503})) : ask(address, options);"""


def test_what_failed_is_not_called_complete(one, page):
    """Though the ledger itself can be asked; and it is once the question is answered."""
    script = page.cdp("Page.addScriptToEvaluateOnNewDocument", source=FAILING)["identifier"]
    for path, label, seen in (("/grid?last=1h", "QueryGrid", ""), ("/timeline?last=1h", "QueryTimeline", ""), ("/events", "QueryEvents", ""), ("/now", "QueryNow", "series are bad")):
        page.run("sessionStorage.setItem('failing', arguments[0])", label)
        page.open(path)
        page.wait_text("queryd takes no questions (503 unavailable)", "#trouble")
        page.wait_text("whether it is complete is not known: what was asked failed", ".complete")
        if seen:
            page.run("window.failing = []; document.querySelector('#pages a[aria-current]').click()")
            page.wait_text(seen, "h1")
            page.wait_text("✓ complete", ".complete")
            page.wait_text("● live", ".live")
            page.run("window.failing = ['QueryNow']")
            one.send([measured("berlin", "192.0.2.33", 5, BAD_US)])  # so that it asks again by itself
            page.wait_text("what was asked failed", ".complete", seconds=30)
            page.run("window.failing = []")
            one.send([measured("berlin", "192.0.2.33", 0, GOOD_US)])
            page.wait_text("✓ complete", ".complete", seconds=30)
            assert page.run("return document.getElementById('trouble').hidden")
    page.run("sessionStorage.removeItem('failing')")
    page.cdp("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
    page.open("/events")
    page.wait_text("✓ complete", ".complete")


@pytest.mark.parametrize("address,words", [
    ("now?grades=bad", 'Ignored in the address: "grades", which this page does not know.'),
    ("grid?measure=best&sort=age&last=1h", 'measure "best", expected last, worst, share; sort "age", expected worst, name.'),
    ("timeline?group=moon&last=1h", 'group "moon", expected type, content, '),
    ("series?record.probe=berlin&record.dest=192.0.2.1&at=noon", 'at "noon".')])
def test_what_an_address_has_beyond_is_said(page, address, words):
    """And the page goes on with what it does without."""
    page.open(f"/{address}")
    page.wait_text(words, "#ignored")
    page.wait_script("return document.querySelectorAll('main *').length > 20")
    page.wait_text("complete", ".complete")
    assert page.run("return document.getElementById('trouble').hidden")
    page.click("#pages a", "Events")
    page.wait_script("return document.getElementById('ignored').hidden")


def test_what_is_silent(one, page):
    """And the series of a probe that is silent are told in one line."""
    one.cmd("expect", "add", "--probe", "quiet", "--every", "1s", "--delay", "1s")
    one.send([measured("quiet", f"192.0.2.{d}", 0) for d in (61, 62, 63)])
    page.open("/now?record.probe=quiet")
    page.wait_text("3 are silent", "h1")
    row = page.text("#silent tbody tr")
    assert "silent" in row and "probe quiet" in row and "3 series" in row and "expected every 1 s" in row and "last record 20" in row, row
    page.open("/grid?grid.rows=probe&record.probe=quiet")
    page.wait_text("1 probe", ".told")
    page.click(".as-table summary")
    page.wait_text("normal, silent now", ".as-table")


def test_people_sign_in_with_a_password(one, page):
    """And see what is theirs to see; whoever signs out is nobody."""
    token = page.run("const token = sessionStorage.getItem('ezrepo.token'); sessionStorage.clear(); return token")
    one.cmd("user", "add", "anna", "--role", "reader", text="correct horse battery staple\n")
    try:
        page.open(f"/now?record.dest={BAD_DEST}")
        page.wait_text("Sign in", "h1")
        page.console()
        assert not (found := accessible.wrong(page)), "\n".join(found)
        page.run("document.getElementById('name').focus()")
        page.keys(*"anna", "Tab", *"correct horse battery staple", "Enter")
        page.wait_text("3 of 3 series are bad", "h1")
        assert page.path() == f"/now?record.dest={BAD_DEST}" and "anna" in page.text("#who")
        page.wait_text("not yours to see", ".fresh-now")
        page.open("/sign-in")
        page.wait_text("You are signed in as anna", "main")
        page.open("/health")
        page.wait_text("which you may not", "main")
        assert page.text("#pages [data-page=health]") == "Health"
        page.click("#who button", "Sign out")
        page.wait_text("Sign in", "h1")
        assert not page.console()
        page.open("/events")
        page.wait(lambda: page.path() == "/sign-in?then=%2Fevents")
        assert all("401" in line for line in page.console())
        page.wait_text("Sign in", "h1")
        page.keys(*"anna", "Tab", *"correct horse battery staple", "Enter")
        page.wait_text("anna", "#who")
        page.run("""return fetch("/api/v1/me").then(answer => answer.json())
                    .then(({csrf}) => fetch("/api/v1/logout", {method: "POST", body: "{}", headers: {"Content-Type": "application/json", "X-EZRepo-CSRF": csrf}}))""")
        page.click("#pages a", "Now")  # as one who was signed out in another tab
        page.wait_text("Sign in", "h1")
        page.wait(lambda: page.text("#who") == "Sign in")
        page.wait(lambda: all("401" in line for line in page.console()))
    finally:
        page.run("sessionStorage.setItem('ezrepo.token', arguments[0])", token)


def test_what_signed_senders_miss_is_told(one, page, tmp_path):
    """By their own numbers: beside each picture, where it was complete before."""
    page.open("/grid?last=1h")
    page.wait_text("✓ complete", ".complete")
    page.wait_text("normal at last.", ".findings")
    file = str(tmp_path / "lab.key")
    one.cmd("key", "issue", "lab", "--identity", "probe-7", "--type", "ping", "--from", "127.0.0.0/8", "--file", file)
    one.wait_for(lambda: one.process("ingestd")["notes"]["access"].startswith(f"version {one.sql('SELECT max(version) FROM access_change')[0][0]}, "))
    sender = documented_sender()(file, "127.0.0.1", one.signed)
    good = [json.dumps(measured("berlin", f"192.0.2.{70 + i}", 5)).encode() for i in range(3)]
    count = "SELECT count(*)::int FROM measurement m JOIN series s ON s.id = m.series_id WHERE s.dest = '192.0.2.{}'"
    sender.send(good[0])
    for _ in range(3):
        sender.sign(good[1], time.time_ns() // 1000)  # they never arrive
    sender.send(good[2])
    one.wait_for(lambda: one.sql(count.format(72)) == [(1,)])
    page.open("/grid?last=1h")
    page.wait_text("incomplete: 3 signed datagrams of udp:probe-7 missing", ".complete")
    sender.socket.close()


def test_a_set_that_is_ill_says_so(one, page):
    """And long before it is, what will be: which certificates end when, and how long disks have room."""
    page.open("/health")
    page.wait_text("Nothing is wrong", "h1")
    page.wait_text("It adds up.", "main")
    page.wait_text("the spool", "main")
    rows = page.run("return [...document.querySelectorAll('.certificates tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))")
    assert {row[0] for row in rows} >= {"certificate", "authority", "revocation list"} and all(int(row[4].replace("\u202f", "")) > 14 for row in rows), rows
    assert any("mplane-gw" in row[2] and "ingest-gw" in row[2] for row in rows), rows  # what is the same is told once
    assert "free; at which rate it fills is not known yet" in page.text("main")
    page.wait_text("the disk of the database", "main")
    page.wait_text(" json", ".reasons")
    assert page.text(".reasons").startswith("Datagrams rejected: ")
    with held_up(one.pid("classifyd-0")):
        one.send([measured("berlin", "192.0.2.1", 0)])
        page.wait_text("classifyd-0 has said nothing for", ".troubles", seconds=40)
        page.click("#pages a", "Now")
        page.wait_text("trouble", "#pages [data-page=health]", seconds=30)
        assert page.text("#pages [data-page=health]").startswith("Health ✗ ")
        page.wait_text("newest records may be missing", ".complete", seconds=40)
    page.wait(lambda: "newest records" not in page.text(".complete"), 40)
    page.wait(lambda: page.text("#pages [data-page=health]") == "Health", 30)


def test_a_server_that_is_away_is_told(one, page):
    page.open("/now")
    page.wait_text("live", ".live")
    page.cdp("Network.enable")
    page.cdp("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
    one.kill("webd")  # what is under way goes on otherwise
    page.wait_text("not live", ".live")
    page.wait_text("the server does not answer", "#trouble")
    page.wait_text("not known: the server does not answer", ".complete")
    page.click("#pages a", "Grid")
    page.wait_text("EZRepo does not answer; trying again", "h1")
    assert not page.run("return document.querySelector('.live, .complete')") and page.run("return document.getElementById('trouble').hidden")
    page.cdp("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    page.wait_text("Grid", "h1", seconds=30)
    page.wait_text("sources", ".told")
    page.wait_text("complete", ".complete")
    assert page.run("return document.getElementById('trouble').hidden")
    page.console()  # which complains of each question that failed


def test_dark_and_light_are_chosen(page):
    page.open("/now")
    ground = "return getComputedStyle(document.documentElement).backgroundColor"
    light = page.run(ground)
    page.click("#tools button", "Dark")
    dark = page.run(ground)
    assert dark != light
    page.open("/events")
    assert page.wait_script(f"{ground} === arguments[0]", dark)
    page.run("localStorage.clear()")


@pytest.mark.parametrize("path", ["now", "timeline?last=1h", "grid?last=1h", f"series?record.probe=berlin&record.dest={BAD_DEST}&last=1h", "events", "health"])
def test_pictures(page, path):
    """At three widths, light and dark; none is wider than the window."""
    page.open(f"/{path}")
    page.wait_script("return document.querySelectorAll('main *').length > 20")
    time.sleep(0.3)  # for what is drawn with the next frame
    page.shoot(path.partition("?")[0])


def test_what_no_version_grades(one, page, tmp_path):
    """Is not told to be without a record; what is over says from when to when it was as it was. Names are seen as they are."""
    one.send([measured("gone\u202e ", "192.0.2.51", ago) for ago in (20000, 19900)])
    page.wait(lambda: one.sql("SELECT count(*)::int FROM series s JOIN measurement m ON m.series_id = s.id WHERE s.dest = '192.0.2.51'") == [(2,)])
    page.open("/now?record.dest=192.0.2.51")
    page.wait_text("None of 1 series has a grade now: none was graded lately.", "h1")
    page.click(".strip-words a", "1 without a record lately")
    page.wait_text("over; it was", ".state")
    page.wait_text("5 normal from", ".state")
    page.wait_text("(1 min", ".state")
    page.wait_text("probe gone\\u202e·", ".series-head")
    file = tmp_path / "none.json"
    file.write_text('{"grading": []}')
    one.cmd("grading", "set", str(file))
    version = one.sql("SELECT max(version)::int FROM grading")[0][0]
    page.open("/now?record.dest=192.0.2.51")
    page.wait_text(f"1 series is not graded: version {version} grades none of them.", "h1")
    assert page.text(".strip-words").strip() == "1 not graded"

