# SPDX-License-Identifier: Apache-2.0
"""The page of thresholds in a real browser, on a real set, by people who logged in: versions and what they changed, faults at their lines,
publishing with a comment after a look at the difference; what somebody sees who may not publish."""
import contextlib
import json
import time
from typing import Any, Iterator

import pytest
from accessible import wrong
from browsers import Browser, browsing
from conftest import EzrepoSet, ping, running_set, time_text
from processes import held_up

MARKUP = "loss is bad <img src=x onerror=document.title='run'> & \"so\"\non two lines"
WORD = "correct horse battery staple"
CHIEF, READER = "chief", "reader"

RULES = [{"grade": "1", "if": [{"metric": "delay.twoway.icmp.us.mean", "rel": ">", "limit": "500000"}]}, {"grade": "5"}]
FIRST = json.dumps({"grading": [{"gradeName": "overall", "appliesTo": {"recordType": "ping"}, "gradingRules": RULES}]}, indent=2)
LIMIT = '"500000"'


@pytest.fixture(scope="module", name="one")
def _one(build_dir: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EzrepoSet]:
    """Two people: one may publish."""
    with running_set(build_dir) as one:
        file = tmp_path_factory.mktemp("grading") / "first.json"
        file.write_text(FIRST)
        one.cmd("grading", "set", str(file), "--comment", "to begin with")
        for role, person, may in (("editors", CHIEF, ("SetGrading",)), ("readers", READER, ())):
            one.cmd("role", "add", role, person)
            one.cmd("role", "allow", role, "Query*", "GetGrading", "TryGrading", *may)
            one.cmd("user", "add", person, "--role", role, text=WORD + "\n")
        yield one


@pytest.fixture(scope="module", name="tab")
def _tab(one: EzrepoSet) -> Iterator[Browser]:
    with browsing(f"http://127.0.0.1:{one.page}") as tab:
        yield tab


@pytest.fixture(name="page")
def _page(tab: Browser) -> Iterator[Browser]:
    """Of who may publish."""
    sign_in(tab, CHIEF)
    yield tab
    assert not (complaints := tab.console()), complaints
    assert "run" not in str(tab.run("return document.title")).split(), "markup of a comment was run"


def sign_in(page: Browser, name: str) -> None:
    page.open("/sign-in?then=/thresholds")
    page.wait_script("return document.getElementById('password') !== null")
    page.console()  # that nobody was known
    if page.text("#who") == name:
        page.open("/thresholds")
        return
    page.run("document.getElementById('name').focus()")
    page.keys(*name, "Tab", *WORD, "Enter")
    page.wait_text("is in force.", "h1")


def versions(one: EzrepoSet) -> Any:
    return [json.loads(line) for line in one.cmd("grading", "history", "--json").stdout.splitlines()]


def write(page: Browser, text: str) -> None:
    """As if it was written there."""
    page.run("const area = document.getElementById('grading'); area.value = arguments[0]; area.dispatchEvent(new Event('input'))", text)


def line_of(text: str, words: str) -> int:
    return text[:text.index(words)].count("\n") + 1


def test_versions_are_listed_and_compared(one: EzrepoSet, page: Browser) -> None:
    page.wait_text("Version 2 is in force.", "h1")
    rows = page.run("return [...document.querySelectorAll('table.versions tbody tr')].map(row => row.innerText.replace(/\\s+/g, ' '))")
    assert len(rows) == 2 and "● in force" in rows[0] and "to begin with" in rows[0] and "until" in rows[1] and "default" in rows[1] and "no comment" in rows[1], rows
    page.click("table.versions a", "what it changed")
    page.wait(lambda: page.path() == "/thresholds?version=2&against=1")
    page.wait_text("lines removed.", ".difference")
    removed = page.run("return [...document.querySelectorAll('.diff .removed')].map(row => row.innerText)")
    assert any("− removed" in line and "ott.manifestQos" in line for line in removed), removed[:5]
    assert "block 1 · overall" in page.text(".difference h3")
    page.open(page.path())  # the address is the state
    page.wait_text("What version 2 has otherwise than version 1", "#shown h2")
    page.run("const list = document.querySelectorAll('#shown select')[1]; list.value = 'none'; list.dispatchEvent(new Event('change'))")
    page.wait(lambda: page.path() == "/thresholds?version=2")
    page.wait_text("500000", "pre.document")
    page.run("history.back()")
    page.wait_text("What version 2", "#shown h2")
    page.open("/thresholds?version=2&against=2")
    page.wait_text("There is no difference.", "#shown")


def test_a_limit_is_changed_in_the_table(one: EzrepoSet, page: Browser) -> None:
    """With a unit, as people write it; nothing else of the text changes, and the text is what is checked and published."""
    page.open("/thresholds?edit=2")
    page.wait_text("Edit version 2", "h1")
    page.click("summary", "Limits in a table")
    page.click(".limits details summary", "overall")
    field = "document.querySelector('.rules input')"
    page.wait_script(f"return {field} !== null && {field}.value === '500000'")
    assert "500 ms" in page.text(".rules .condition") and page.run(f"return {field}.getAttribute('aria-label')") == \
        "overall, ping, rule 1, grade 1: delay.twoway.icmp.us.mean >"

    def say(text: str) -> None:
        page.run(f"const field = {field}; field.focus(); field.value = arguments[0]; field.dispatchEvent(new Event('change'))", text)

    say("0.65 s")
    page.wait_script(f"return {field}.value === '650000' && document.activeElement === {field}")
    assert page.run("return document.getElementById('grading').value") == FIRST.replace("500000", "650000") and "650 ms" in page.text(".rules .condition")
    for wrong_one in ("5 %", "soon", "5 5", ""):
        say(wrong_one)
        assert "expected a number" in page.text(".rules .condition") and page.run(f"return {field}.getAttribute('aria-invalid')") == "true"
    assert page.run("return document.getElementById('grading').value") == FIRST.replace("500000", "650000")
    page.shoot("thresholds-limits")
    assert not (found := wrong(page)), "\n".join(found)
    write(page, FIRST + "}")
    page.wait_text("The text is no JSON at the moment", ".limits")
    write(page, FIRST)
    page.wait_script(f"return {field}.value === '500000'")
    page.click("button", "Discard")


def test_a_document_is_tried_before_it_is_published(one: EzrepoSet, page: Browser) -> None:
    """On what is stored: which grades are other ones, in sentences and as a table; what is published is told so, too."""
    now = int(time.time())
    one.send([ping("192.0.2.30", time_text(now - 600 + n), delay, probe="trial") for n, delay in enumerate([9000] * 8 + [600000] * 4)])
    one.wait_for(lambda: [row["records.count"] for row in one.rows("series", "--probe", "trial")] == [12])
    before = versions(one)
    page.open("/thresholds?edit=2")
    page.wait_text("Edit version 2", "h1")
    write(page, FIRST.replace("500000", "700000"))
    page.click("button", "Publish")
    page.wait_text("was not looked at", "dialog.publish")
    page.click("dialog button", "Not yet")
    page.click(".try button", "Try")
    page.wait_text("Of the records of the last 24 hours; nothing was written.", ".try-said")
    assert "overall: 4 of 12 records would be graded otherwise, 4 better; 1 period instead of 2, 1 event instead of 2." in page.text(".try-result")
    cells = page.run("return [...document.querySelectorAll('.matrix td')].map(one => [one.className, one.innerText])")
    assert sorted(cells) == sorted([["same", "= 8"], ["better", "↑ 4"]]), cells
    page.click(".try details summary", "that change most")
    assert "ping, ICMPECHO, trial, 192.0.2.1, 192.0.2.30: 4 of 12 records" in page.text(".most").replace("\u00a0", " ") and "600000" in page.text(".most div")
    page.shoot("thresholds-try")
    assert not (found := wrong(page)), "\n".join(found)
    page.click("button", "Publish")
    page.wait_text("Over the last 24 hours it would have done this:", "dialog.publish")
    assert "4 of 12" in page.text("dialog.publish .tried")
    page.click("dialog button", "Not yet")
    write(page, FIRST + "}")
    page.click(".try button", "Try")
    page.wait_text("It could not be tried:", ".try-said")
    assert all("400" in line for line in page.console())
    with contextlib.closing(one._connect("ezrepo_store")) as connection:
        connection.cursor().execute("BEGIN; LOCK TABLE measurement IN ACCESS EXCLUSIVE MODE")
        write(page, FIRST.replace("500000", "700000"))
        page.click(".try button", "Try")
        page.wait_text("so far: 0 %, 0 records", ".try-said")
        page.click(".try button", "Stop")
        page.wait_text("Stopped.", ".try-said")
    page.click("button", "Discard")
    assert versions(one) == before


def test_faults_are_marked_at_their_lines(one: EzrepoSet, page: Browser) -> None:
    before = versions(one)
    page.click("a.button", "Edit version 2")
    page.wait_text("Edit version 2", "h1")
    assert page.path() == "/thresholds?edit=2"
    assert page.run("return document.getElementById('grading').value") == FIRST
    faulty = FIRST.replace('">"', '"=<"').replace('"grade": "5"', '"grade": 9')
    write(page, faulty)
    page.cdp("Input.dispatchKeyEvent", type="keyDown", key="Enter", windowsVirtualKeyCode=13, modifiers=2)  # Ctrl
    page.wait_text("2 faults: nothing is published.", "#faults-said")
    lines = [line_of(faulty, '"rel"'), line_of(faulty, '"grade": 9')]
    assert page.run("return [...document.querySelectorAll('.gutter .faulty')].map(one => one.innerText)") == [f"✗ {line}" for line in lines]
    told = page.run("return [...document.querySelectorAll('.fault')].map(one => one.innerText)")
    assert told[0].startswith(f"line {lines[0]}, column ") and "grading[0].gradingRules[0].if[0].rel: expected one of" in told[0], told
    page.click(".fault", f"line {lines[1]}")
    chosen = page.run("const area = document.getElementById('grading'); return [document.activeElement === area, area.value.slice(area.selectionStart, area.selectionEnd)]")
    assert chosen == [True, '"grade": 9']
    page.shoot("thresholds-faults")
    assert not (found := wrong(page)), "\n".join(found)
    page.click("button", "Publish")
    page.wait_text("2 faults", "#faults-said")
    assert page.run("return document.querySelector('dialog.publish') === null")
    write(page, faulty.replace('"appliesTo": {', '"appliesTo": {,', 1))
    page.click("button", "Check")
    page.wait_text("1 fault: nothing is published.", "#faults-said")
    assert page.text(".gutter .faulty") == f"✗ {line_of(faulty, 'appliesTo')}"
    page.run("const area = document.getElementById('grading'); area.value = ' '.repeat(1100000)")
    page.click("button", "Check")
    page.wait_text("It could not be checked.", "#faults-said")
    assert all("400" in line for line in page.console())
    write(page, faulty)
    page.click("a", "Back to the versions")
    page.click("table.versions th a", "version 1")
    page.click("a.button", "Edit version 1")
    page.wait_text("Edit version 1", "h1")
    page.click("nav a", "Now")  # what was written stays, whatever else is looked at
    page.wait_text("series", "h1")
    page.run("history.go(-4)")
    page.wait_text("You wrote this before", "#faults-said")
    page.run("location.reload()")
    page.wait_text("You wrote this before", "#faults-said")
    assert '"grade": 9' in page.run("return document.getElementById('grading').value")
    page.click("button", "Discard")
    assert page.run("return document.getElementById('grading').value") == FIRST and versions(one) == before


def test_a_version_is_published_with_a_comment_after_a_look_at_the_difference(one: EzrepoSet, page: Browser) -> None:
    page.open("/thresholds?edit=2")
    page.wait_text("Edit version 2", "h1")
    write(page, FIRST.replace(LIMIT, '"250000"'))
    page.click("button", "Publish")
    page.wait_text("Version 3, compared with version 2, which is in force", "dialog.publish h2")
    assert "1 line added, 1 line removed." in page.text("dialog.publish")
    assert LIMIT in page.text("dialog.publish .removed") and "+ added" in page.text("dialog.publish .added") and "250000" in page.text("dialog.publish .added")
    assert page.run("return document.activeElement.id") == "comment"
    page.shoot("thresholds-publish")
    assert not (found := wrong(page)), "\n".join(found)
    page.run("document.getElementById('comment').value = arguments[0]", MARKUP)
    page.click("dialog.publish button", "Publish as version 3")
    page.wait_text("It is published. Version 3 is in force.", "h1")
    assert page.path() == "/thresholds?version=3&against=2&published=3"
    assert LIMIT in page.text("#shown .removed") and "250000" in page.text("#shown .added")
    newest = versions(one)[0]
    assert (newest["grading.version"], newest["grading.author"], newest["grading.comment"]) == (3, CHIEF, MARKUP)
    assert page.text("table.versions tr[aria-current] .comment") == MARKUP
    assert page.run("return document.querySelectorAll('main img').length") == 0
    one.wait_for(lambda: one.process("classifyd-0")["counters"]["grading.version"] == 3)
    page.shoot("thresholds")
    assert not (found := wrong(page)), "\n".join(found)


def test_what_somebody_else_published_meanwhile_is_told(one: EzrepoSet, page: Browser, tmp_path: Any) -> None:
    page.open("/thresholds")
    page.wait_text("Version 3 is in force.", "h1")
    page.click("a.button", "Edit version 3")
    page.wait_text("Edit version 3", "h1")
    file = tmp_path / "other.json"
    file.write_text(FIRST.replace(LIMIT, '"300000"'))
    one.cmd("grading", "set", str(file))
    page.click("button", "Publish")
    page.wait_text("Version 4, by org.ezrepo.EZRepo.Clients.admin, is in force", "dialog.publish")
    one.cmd("grading", "set", str(file))
    page.click("dialog.publish button", "Publish as version 5")
    page.wait_text("Version 5, by org.ezrepo.EZRepo.Clients.admin, was published meanwhile.", "dialog.publish [role=alert]")
    assert page.run("return [...document.querySelectorAll('dialog.publish button')].map(button => button.disabled)") == [True, False]
    assert all("400" in line for line in page.console())
    page.click("dialog.publish button", "Not yet")
    page.click("a", "Back to the versions")
    page.wait_text("Version 5 is in force.", "h1")
    file.write_text("\ufeff" + file.read_text())
    one.cmd("grading", "set", str(file))
    page.wait_text("Another version was published meanwhile.", ".other-version")  # also where it came before it was listened
    page.click(".other-version a")
    page.wait_text("Version 6 is in force.", "h1")
    page.click("table.versions a", "what it changed")
    page.wait_text("Both say the same; they are only laid out otherwise.", "#shown")
    assert versions(one)[0]["grading.version"] == 6


def test_who_leaves_while_it_is_published_has_no_draft_of_it(one: EzrepoSet, page: Browser) -> None:
    page.open("/thresholds")
    page.click("a.button", "Edit version 6")
    page.wait_text("Edit version 6", "h1")
    write(page, FIRST.replace(LIMIT, '"350000"'))
    page.click("button", "Publish")
    page.wait_text("Version 7, compared with version 6", "dialog.publish h2")
    with held_up(one.pid("stored")):
        page.click("dialog.publish button", "Publish as version 7")
        page.run("history.back()")
        page.wait(lambda: page.path() == "/thresholds")
    one.wait_for(lambda: versions(one)[0]["grading.version"] == 7)
    page.click("table.versions th a", "version 6")
    page.click("a.button", "Edit version 6")
    page.wait_text("Edit version 6", "h1")
    page.wait_script("return !document.getElementById('grading').value.includes('350000')")
    assert page.text("#faults-said") == ""


def test_who_may_not_publish_looks(one: EzrepoSet, tab: Browser) -> None:
    """Nor is he told who may; who may is."""
    sign_in(tab, CHIEF)
    tab.wait_text("is in force.", "h1")
    tab.click(".who-may summary")
    tab.wait_text("role editors", ".publishers")
    assert CHIEF in tab.text(".publishers") and READER not in tab.text(".publishers")
    tab.shoot("publishers", ((1280, "light"), (360, "dark")))
    assert not (found := wrong(tab)), "\n".join(found)
    tab.click("#who button", "Sign out")
    tab.wait_text("Sign in", "h1")
    tab.console()
    sign_in(tab, READER)
    tab.wait_text("You may look and not publish: no role of yours may use SetGrading", "main")
    tab.open("/thresholds?edit=2")
    tab.wait_text("You may look and not publish", "main")
    assert tab.run("return document.querySelector('.who-may') === null")
    assert tab.run("return document.querySelector('textarea') === null && ![...document.querySelectorAll('main a, main button')].some(one => one.textContent.includes('Edit'))")
    assert tab.run("""const me = await (await fetch("/api/v1/me")).json();
        const sent = { method: "POST", body: JSON.stringify({ "grading.document": "{}" }), headers: { "Content-Type": "application/json", "X-EZRepo-CSRF": me.csrf } };
        return (await fetch("/api/v1/SetGrading", sent)).status""") == 403
    assert all("403" in line for line in tab.console())
    tab.keys("g", "n", "g", "r")
    tab.wait_text("is in force.", "h1")
    assert not tab.console()
