# SPDX-License-Identifier: Apache-2.0
"""Grid, timeline and series of the page, in a real browser on a real set: from a cell to a raw record, by pointer and by keys; zoom; what the
address restores; what is saved. What the console complains of, and what the Content-Security-Policy forbids, fails each of them."""
import csv
import datetime
import io
import json
import re
import time
import xml.etree.ElementTree
from typing import List, NamedTuple

import pytest
from browsers import browsing
from conftest import ping, running_set, time_text
from ezrepo import pki

DEST, LATE = "192.0.2.7", "192.0.2.9"
SOURCES = ("198.51.100.1", "198.51.100.2", "198.51.100.3")
MARKUP = "<img src=x onerror=document.title='run'>"
METRIC = "delay.twoway.icmp.us.mean"
HOURS, STEP_S = 3, 300
MANY = 130  # series, of five days ago


def measured(source, dest, ago_s, mean_us, probe="tester"):
    return ping(dest, time_text(time.time() - ago_s), mean_us, probe, parameters={"source.ip4": source, "destination.ip4": dest})


def history():
    """Three hours of three sources to four dests: one of them is bad from all of them for an hour and a half; one series has a gap."""
    for ago in range(HOURS * 3600, 0, -STEP_S):
        for at, source in enumerate(SOURCES):
            for dest in ("192.0.2.3", "192.0.2.5", DEST, "192.0.2.12"):
                if not (at == 1 and dest == "192.0.2.3" and 3600 < ago < 7200):
                    yield measured(source, dest, ago - at, 900000 if dest == DEST and ago < 5400 else 10000 + 10 * (ago % 700))


@pytest.fixture(scope="module", name="one")
def _one(build_dir, tmp_path_factory):
    with running_set(build_dir) as one:
        lines = [*history(), *(measured(SOURCES[0], f"10.0.0.{i}", 5 * 86400 + i, 900000 if i % 10 == 0 else 10000) for i in range(MANY)), *(measured(SOURCES[0], LATE, ago, us) for ago, us in ((900, 10000), (300, 900000))), measured(SOURCES[2], "192.0.2.99", 30, 900000, MARKUP)]
        file = tmp_path_factory.mktemp("views") / "results.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        one.cmd("import", str(file))
        one.wait_matched(len(lines))
        one.send([measured(SOURCES[0], LATE, 600, 900000)])  # what was told to begin later began here
        one.cmd("maintenance", "add", "--dest", "192.0.2.5", "--from", time_text(time.time() - 1200), "--to", time_text(time.time() + 3600), "--reason", "a new <b>card</b>")
        one.wait_matched(len(lines) + 1)
        yield one


@pytest.fixture(scope="module", name="browser")
def _browser(one):
    token = one.cmd("token", "issue", "screen", "--identity", pki.identity("admin"), "--ask", "*", "--from", "127.0.0.0/8").stdout.strip()
    with browsing(f"http://127.0.0.1:{one.page}") as browser:
        browser.open("/sign-in")
        browser.wait_text("Sign in", "h1")
        browser.run("sessionStorage.setItem('ezrepo.token', arguments[0])", token)
        browser.console()  # that nobody was known
        yield browser


def told(browser):
    return browser.text(".told")


DRAWN = "return document.querySelector('.figure-svg .mean')?.getAttribute('d')?.length > 10"  # the metric of a series is

LOOK = """
const frame = document.querySelector(arguments[0]), box = frame.getBoundingClientRect();
for (let y = Math.ceil(box.top) + 3; y < Math.min(box.bottom, innerHeight); y += 9)
    for (let x = Math.floor(box.right) - 20; x > box.left; x -= 12) {
        frame.dispatchEvent(new PointerEvent("pointermove", { clientX: x, clientY: y, pointerType: "mouse", bubbles: true }));
        const tip = [...document.querySelectorAll(".tip")].find(one => !one.hidden);
        if (tip && arguments[1].every(word => tip.textContent.includes(word)))
            return { x, y };
    }
return null;"""


def pointed(browser, frame, *words):
    """Where in this element the sheet beside the pointer says all of these words: {x, y} of the window, with the pointer there."""
    place = browser.wait_script(LOOK, frame, words)
    browser.cdp("Input.dispatchMouseEvent", type="mouseMoved", **place)
    return place


def click(browser, place):
    for kind in ("mousePressed", "mouseReleased"):
        browser.cdp("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)


def test_three_clicks_from_the_grid_to_a_raw_record(browser):
    browser.open("/grid")
    browser.wait_text(f"All of dest {DEST} is bad: critical", ".findings")
    click(browser, pointed(browser, ".grid-frame", "source 198.51.100.1", f"dest {DEST}"))
    browser.wait_text("1 lane,", ".told")
    assert browser.path().startswith("/timeline?") and f"record.dest={DEST}" in browser.path()
    click(browser, pointed(browser, ".lanes", "1 critical"))
    browser.wait_text("Why")
    assert browser.path().startswith("/series?") and "at=" in browser.path()
    browser.click(".record summary")
    browser.wait_text("delay.twoway.icmp", ".record .document")
    assert json.loads(browser.text(".record .document"))["parameters"]["destination.ip4"] == DEST


def spoken(browser):
    """What is said to who does not see the picture."""
    return browser.text("[aria-live=polite]")


def settled(browser):
    """All that the lanes were asked for is there."""
    browser.wait_script("const frame = document.querySelector('.lanes'); return frame && !frame.hasAttribute('aria-busy')")


def length(browser):
    """Of the range in the address, in seconds; None: there is none."""
    times = re.findall(r"(?:from|to)=([^&]+)", browser.path().replace("%3A", ":"))
    if len(times) != 2:
        return None
    begin, end = (datetime.datetime.fromisoformat(one.replace("Z", "+00:00")) for one in times)
    return (end - begin).total_seconds()


def test_by_keys_alone(browser):
    """From a cell to the series, with what is said at each step."""
    browser.open("/grid?sort=name")
    browser.wait_text("All of dest", ".findings")
    browser.run("document.querySelector('.grid-frame').focus()")
    browser.keys("ArrowRight", "ArrowLeft", "Home", "ArrowRight", "ArrowDown")
    browser.wait(lambda: "source 198.51.100.2" in spoken(browser) and "last" in spoken(browser))
    browser.keys("ArrowRight", "Enter")
    browser.wait_text("1 lane,", ".told")
    assert browser.path().startswith("/timeline?") and "record.source=198.51.100.2" in browser.path()
    browser.run("document.querySelector('.lanes').focus()")
    browser.keys("ArrowDown", "ArrowLeft", "ArrowRight")
    browser.wait(lambda: "overall" in spoken(browser) and "from 2" in spoken(browser))
    browser.keys("+", "+")
    browser.wait(lambda: length(browser))
    assert length(browser) == pytest.approx(86400 / 1.6 ** 2, rel=0.01)
    browser.keys("Enter")
    browser.wait_text("Why")
    browser.wait_script(DRAWN)
    browser.run("document.querySelector('.figure').focus()")
    browser.keys("ArrowLeft", "ArrowLeft")
    browser.wait(lambda: "mean" in spoken(browser))
    browser.keys("Enter")
    browser.wait_text("As of", ".why")


def wheel(browser, selector, turns, **keys):
    box = browser.run("const box = document.querySelector(arguments[0]).getBoundingClientRect(); return [box.left + box.width / 2, box.top + 100]", selector)
    for _ in range(turns):
        browser.cdp("Input.dispatchMouseEvent", type="mouseWheel", x=box[0], y=box[1], deltaX=0, deltaY=-120, **keys)


def test_zoom_is_in_the_address_and_the_address_is_the_state(browser):
    browser.open("/timeline?group=source&sort=worst&last=6h")
    browser.wait_text("lanes", ".told")
    before = browser.path()
    wheel(browser, ".lanes", 2)  # scrolls
    wheel(browser, ".lanes", 4, modifiers=2)  # zooms: with Ctrl
    browser.wait(lambda: length(browser) and length(browser) < 12000)
    assert browser.path() != before and "group=source&sort=worst" in browser.path()
    # The form has it as well, and what other pages are asked.
    assert browser.run("return document.getElementById('criterion-from').value") != ""
    assert "from=" in browser.run("return [...document.querySelectorAll('#pages a')].find(one => one.textContent === 'Grid').search")
    settled(browser)
    seen = told(browser)
    browser.driver.refresh()
    browser.wait(lambda: told(browser) == seen)
    browser.run("document.querySelector('.lanes').focus()")
    browser.keys("-", "-", "-")
    browser.wait(lambda: length(browser) > 22000)


def test_drag_on_the_axis_zooms_and_beside_it_pans(browser):
    browser.open("/timeline")
    browser.wait_text("lanes", ".told")
    left, top = browser.run("const box = document.querySelector('.lanes').getBoundingClientRect(); return [box.left, box.top]")

    def drag(y, *xs):
        for kind, x in zip(("mousePressed", "mouseMoved", "mouseReleased"), xs):
            browser.cdp("Input.dispatchMouseEvent", type=kind, x=left + x, y=top + y, button="left", buttons=1, clickCount=1)
    drag(10, 600, 700, 800)
    browser.wait(lambda: length(browser))
    short = length(browser)
    assert short < 86400 / 3
    zoomed = browser.path()
    drag(80, 600, 700, 800)
    browser.wait(lambda: browser.path() != zoomed)
    assert length(browser) == pytest.approx(short, rel=0.001) and browser.path().startswith("/timeline")


SEEN_ALIKE = """
const [text] = arguments, done = arguments[arguments.length - 1];
const canvas = document.querySelector(".viewport-canvas"), image = new Image();
image.onload = () => {
    const { width, height } = canvas;
    const pixels = (...source) => {
        const sheet = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
        sheet.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
        sheet.fillRect(0, 0, width, height);
        sheet.drawImage(...source);
        return sheet.getImageData(0, 0, width, height).data;
    };
    const [ours, theirs] = [pixels(image, 0, 0), pixels(canvas, 0, 0)];
    done(ours.reduce((sum, value, at) => sum + (Math.abs(value - theirs[at]) > 64), 0) / ours.length);
};
image.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
"""


class Drawn(NamedTuple):
    texts: List[str]
    fills: int  # different colours


def as_svg(browser, page):
    """What is saved as SVG looks as what is seen, and needs nothing from elsewhere."""
    picture = browser.download("[data-kind=svg]").decode()
    root = xml.etree.ElementTree.fromstring(picture)
    assert root.tag.endswith("svg") and root[0].text.startswith(f"EZRepo {page}, ") and "http" not in picture.replace("http://www.w3.org/", "")
    browser.run("document.activeElement.blur()")
    assert browser.driver.execute_async_script(SEEN_ALIKE, picture) < 0.002
    elements = list(root.iter())
    return Drawn([one.text for one in elements if one.tag.endswith("text")], len({one.get("fill") for one in elements}))


def test_what_is_seen_is_saved(browser):
    browser.open("/grid")
    browser.wait_text("All of dest", ".findings")
    rows = list(csv.DictReader(io.StringIO(browser.download("[data-kind=csv]").decode())))
    assert {row["record.source"] for row in rows} >= {"198.51.100.1", "198.51.100.2"} and any(row["last"] == "1" for row in rows)
    assert browser.download("[data-kind=png]")[:8] == b"\x89PNG\r\n\x1a\n"
    drawn = as_svg(browser, "grid")
    assert {"all", DEST, *SOURCES, "5"} <= set(drawn.texts) and drawn.fills > 3
    browser.open(f"/timeline?record.dest={DEST}")
    browser.wait_text("lanes", ".told")
    rows = list(csv.DictReader(io.StringIO(browser.download("[data-kind=csv]").decode())))
    assert {row["record.dest"] for row in rows} == {DEST} and {"1", "5"} <= {row["grade"] for row in rows}
    assert browser.download("[data-kind=png]")[:4] == b"\x89PNG"
    drawn = as_svg(browser, "timeline")
    assert "UTC" in drawn.texts and any("198.51.100.1" in text for text in drawn.texts) and drawn.fills > 3
    browser.open(f"/series?record.dest={DEST}&record.source=198.51.100.1")
    browser.wait_script(DRAWN)
    picture = browser.download("[data-kind=svg]").decode()
    assert xml.etree.ElementTree.fromstring(picture).tag.endswith("svg") and "http" not in picture.replace("http://www.w3.org/", "")
    assert browser.download("[data-kind=png]")[:4] == b"\x89PNG"
    assert len(list(csv.DictReader(io.StringIO(browser.download("[data-kind=csv]").decode())))) > 5


def test_pictures_of_it(browser):
    """test_page.py has all pages at all widths; here there is more to be seen."""
    for name, path, words in (("lanes", "/timeline?sort=worst&group=dest&last=6h", "14 lanes"), ("limits", f"/series?record.dest={DEST}&record.source=198.51.100.1&last=6h", "What decided")):
        browser.open(path)
        browser.wait_text(words)
        browser.shoot(name, ((1280, "light"), (360, "dark")))


def test_what_stands_in_records_stays_text(browser):
    """In the lane's sheet, in a table, as a heading, in a record."""
    browser.open("/timeline?record.dest=192.0.2.99")
    browser.wait_text("1 lane,", ".told")
    browser.click(".as-table summary", "As a table")
    browser.click(".as-table summary", "Bad periods")
    browser.open("/series?record.dest=192.0.2.99")
    browser.wait_text(MARKUP, ".series-head")
    browser.click(".record summary")
    browser.wait_text(MARKUP, ".record .document")
    browser.open("/grid?grid.rows=probe")
    browser.wait_text("2 probes", ".told")
    browser.click(".as-table summary")
    browser.wait_text(MARKUP, ".as-table")
    assert browser.run("return [document.querySelectorAll('main img').length, document.title]") == [0, "Grid \u00b7 EZRepo"]


PERIODS = "return [...document.querySelectorAll('.bad-periods tbody tr')].map(row => [...row.cells].map(cell => cell.innerText.replace(/\\s+/g, ' ')))"


def test_bad_periods_are_told_by_their_times(one, browser):
    """By keys, exactly, as the store has them; a picture shows pixels. Also as CSV."""
    bad = json.loads(one.cmd("periods", "--dest", DEST, "--grade", "overall", "--range", "1..2", "--json").stdout.splitlines()[0])
    for path, several in ((f"/timeline?record.dest={DEST}&select.grade=overall&last=7d", True), (f"/series?record.dest={DEST}&record.source={SOURCES[0]}&last=7d", False)):
        browser.open(path)
        browser.wait_text("Bad periods", ".bad-periods summary")
        browser.run("document.querySelector('.bad-periods summary').focus()")
        browser.keys("Enter")
        browser.wait_text("the newest first", ".bad-periods")
        rows = browser.run(PERIODS)
        begin, end, grade, length, records = rows[0][-5:]
        assert re.search(r"\d\d:\d\d:\d\d\.\d{6}", begin) and "goes on" in end and grade.strip() == "1 critical" and length and int(records) > 0, rows
        assert [row[0] for row in rows] == list(reversed(SOURCES)) or not several, rows
        assert not several or bad["period.start"] in rows[0][1], (bad, rows)
        browser.keys("Tab", "Tab")
        assert browser.run("return document.activeElement.closest('.bad-periods td, .bad-periods th') !== null")
        saved = list(csv.DictReader(io.StringIO(browser.download(".bad-periods [data-kind=periods]").decode())))
        assert len(saved) == len(rows) and {row["record.dest"] for row in saved} == {DEST} and {row["grade"] for row in saved} == {"1"}
        assert not several or saved[0]["start"] == bad["period.start"].replace(" ", "T") + "Z"
        assert all(float(row["length_s"]) > 0 for row in saved), saved
    browser.shoot("periods", ((1280, "light"), (360, "dark")))
    browser.run("document.querySelector('.bad-periods tbody a').focus()")
    browser.keys("Enter")
    browser.wait_text("As of", ".why")
    browser.open(f"/timeline?record.dest={DEST}&last=7d&range.grade=3")
    browser.click(".bad-periods summary")
    browser.wait_text("No period of grades 3 in this time.", ".bad-periods")


def test_what_was_corrected_and_maintenance_are_told(browser):
    browser.open(f"/timeline?record.dest={LATE}&last=1h")
    browser.wait_text("1 lane,", ".told")
    settled(browser)
    browser.run("document.querySelector('.lanes').focus()")
    browser.keys("ArrowDown", "End")
    browser.wait(lambda: "corrected: 1 event" in spoken(browser) and "1 critical" in spoken(browser))
    browser.open("/timeline?record.dest=192.0.2.5&last=1h")
    browser.wait_text("3 lanes,", ".told")
    settled(browser)
    browser.run("document.querySelector('.lanes').focus()")
    browser.keys("ArrowDown")
    browser.wait(lambda: "maintenance 1: a new <b>card</b>" in spoken(browser))
    browser.open(f"/series?record.dest={LATE}")
    browser.wait_text("retracted: late data corrected it")


def test_limits_of_the_rule_stand_beside_the_metric(browser):
    browser.open(f"/series?record.dest={DEST}&record.source={SOURCES[0]}&metric.name={METRIC}&last=1h")
    browser.wait_script(DRAWN)
    browser.wait_text("2 major: < 80 ms", ".figure")
    browser.open(f"/series?record.dest={DEST}")
    browser.wait_text("3 series fit: choose one.")
    browser.click(".chooser a", SOURCES[1])
    browser.wait_text("Why")
    browser.click(".why-rules summary")
    browser.wait_text("decides", ".why-rules")


def test_lanes_come_page_by_page_and_again_when_one_looks_elsewhere(browser):
    """A page of the answer has 100 lanes."""
    browser.open("/timeline?record.dest=10.0.0.0/24&last=7d&sort=worst&lane=low")
    browser.wait_text(f"{MANY} lanes, 13 of them bad", ".told")
    pointed(browser, ".lanes", "10.0.0.0", "1 critical")
    wheel(browser, ".lanes", 3, modifiers=2)
    browser.wait(lambda: length(browser))
    settled(browser)
    browser.open("/grid?record.dest=10.0.0.0/24&last=7d&grid.rows=source&grid.columns=dest")
    browser.wait_text(f"{MANY} dests", ".told")
    browser.wait_text("Not each row or column has room for its name", "main")
    browser.look_as(360, "dark")
    browser.wait_text(f"{MANY} dests", ".told")
    browser.look_as(1280, "light")


def test_series_go_on_by_themselves(one, browser):
    """What changes is there without being asked for."""
    browser.open(f"/series?record.dest=192.0.2.12&record.source={SOURCES[0]}")
    browser.wait_text("5 normal since", ".series-head")
    browser.wait_script(DRAWN)
    one.send([measured(SOURCES[0], "192.0.2.12", 2, 900000)])
    browser.wait_text("1 critical since", ".series-head")
    browser.wait_text("overall 1 (critical)", ".why-line")
