# SPDX-License-Identifier: Apache-2.0
"""A real browser, Debian's Chromium without a window, and what tests of the page ask it."""
import base64
import contextlib
import os
import pathlib
import shutil
import tempfile
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

import pytest
from conftest import find_build, wait_for

WIDTHS = {360: 780, 1280: 900, 2560: 1440}  # of screenshots: its height
ZONE = "Asia/Kolkata"  # five and a half hours from UTC: local times differ from those of UTC

# Elements that make the page wider than it is seen.
TOO_WIDE = """return document.documentElement.scrollWidth <= innerWidth ? null :
    [...document.querySelectorAll("body *")].filter(one => one.getBoundingClientRect().right > innerWidth + 1)
        .map(one => `${one.tagName}#${one.id}.${one.getAttribute("class")}`).slice(0, 20)"""


class Browser:
    """One browser on one site."""

    def __init__(self, base: str, profile: str) -> None:
        webdriver = pytest.importorskip("selenium.webdriver")
        from selenium.webdriver.chrome.service import Service
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or pytest.skip("chromium is not installed")
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
                     "--disable-background-networking", "--disable-extensions", f"--user-data-dir={profile}"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})  # type: ignore[no-untyped-call]
        self.base = base
        self.profile = profile
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.driver.set_script_timeout(20)
        self.cdp("Emulation.setTimezoneOverride", timezoneId=ZONE)
        self.look_as(1280, "light")

    def cdp(self, command: str, **parameters: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, parameters)  # type: ignore[no-untyped-call]

    def look_as(self, width: int, theme: str) -> None:
        """So wide, and with the system's colours light or dark."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=WIDTHS.get(width, 900), deviceScaleFactor=1, mobile=False)
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme},
                                                         {"name": "prefers-reduced-motion", "value": "reduce"}])

    def open(self, path: str) -> None:
        self.driver.get(self.base + path)

    def run(self, script: str, *arguments: Any) -> Any:
        """What the function body of this script returns."""
        return self.driver.execute_script(script, *arguments)  # type: ignore[no-untyped-call]

    def wait(self, what: Callable[[], Any], seconds: float = 20) -> Any:
        return wait_for(what, seconds, lambda: f"{self.path()}\n{self.text()[:3000]}\n{self.console()}")

    def wait_script(self, script: str, *arguments: Any, seconds: float = 20) -> Any:
        return self.wait(lambda: self.run(script, *arguments), seconds)

    def path(self) -> str:
        """Of the address, with its query."""
        return str(self.run("return location.pathname + location.search"))

    def text(self, selector: str = "body") -> str:
        """What is seen of the first such element, spaces of all kinds as one; empty where there is none."""
        return str(self.run("return (document.querySelector(arguments[0])?.innerText ?? '').replace(/[\\u00a0\\u202f]/g, ' ')", selector))

    def wait_text(self, words: str, selector: str = "body", seconds: float = 20) -> None:
        self.wait(lambda: words in self.text(selector), seconds)

    def click(self, selector: str, words: str = "") -> None:
        """The first such element that has these words, once it is there."""
        script = """for (const one of document.querySelectorAll(arguments[0]))
                        if (one.textContent.includes(arguments[1]) && one.getClientRects().length) { one.click(); return true; }"""
        self.wait_script(script, selector, words)

    def keys(self, *keys: str) -> None:
        """Pressed one after the other, wherever the focus is: a letter, or the name of a key as "Tab"."""
        for key in keys:
            named = {"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}.get(key)
            text = "\r" if key == "Enter" else key if named is None else ""
            pressed: Dict[str, Any] = {"key": key, "windowsVirtualKeyCode": named or 0, **({"text": text} if text else {})}
            self.cdp("Input.dispatchKeyEvent", type="keyDown", **pressed)
            self.cdp("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def console(self) -> List[str]:
        """What it complained of since the last time: errors, and what the Content-Security-Policy kept."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]  # type: ignore[no-untyped-call]

    def shoot(self, name: str, look: Sequence[Tuple[int, str]] = tuple((width, theme) for width in WIDTHS for theme in ("light", "dark"))) -> None:
        """What is seen, at each of these widths and in these colours, for people: page/NAME-WIDTH-THEME.png below the build's folder."""
        folder = os.path.join(find_build(), "page")
        os.makedirs(folder, exist_ok=True)
        for width, theme in look:
            self.look_as(width, theme)
            self.run("return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            assert not (wide := self.run(TOO_WIDE)), f"{name} is wider than {width}: {wide}"
            shot = self.cdp("Page.captureScreenshot", format="png", optimizeForSpeed=True)
            pathlib.Path(folder, f"{name}-{width}-{theme}.png").write_bytes(base64.b64decode(shot["data"]))
        self.look_as(1280, "light")

    def download(self, selector: str, seconds: float = 20) -> bytes:
        """What is saved when this is clicked."""
        folder = tempfile.mkdtemp(dir=self.profile)
        self.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder)
        self.click(selector)

        def arrived() -> List[str]:
            return [name for name in os.listdir(folder) if not name.endswith(".crdownload") and os.path.getsize(os.path.join(folder, name)) > 0]
        name, = self.wait(arrived, seconds)
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()

    def close(self) -> None:
        self.driver.quit()


@contextlib.contextmanager
def browsing(base: str) -> Iterator[Browser]:
    """A browser for as long as that is used; it must not have complained of anything that was not looked at."""
    profile = tempfile.mkdtemp(prefix="ezb")
    try:
        browser = Browser(base, profile)
        try:
            yield browser
            complaints = browser.console()
            assert not complaints, complaints
        finally:
            browser.close()
    finally:
        shutil.rmtree(profile, ignore_errors=True)
