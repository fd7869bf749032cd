"""A visit to JupyterLab: what a person does with mouse and keyboard, and what they must never see."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlparse

from playwright.sync_api import ConsoleMessage, Dialog, Locator, Page, Request, expect
from playwright.sync_api import TimeoutError as Late

from tests.notebooks.lab import ROOT

#: Milliseconds: a kernel starts on two busy cores, and a notebook runs to its end.
START, RUN = 90_000, 30_000
#: Looked at by whoever changes what is on them.
SHOTS = ROOT / "build" / "screenshots"
#: What a browser asks of its maker's servers by itself.
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-sync", "--disable-component-update", "--disable-default-apps", "--disable-domain-reliability"),
)
_OURS = ("127.0.0.1", "localhost", "")
_NUMBERED = re.compile(r"^\[\d+\]:$")


def chromium() -> str:
    """Return where the browser is."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "a Chromium is needed: apt install chromium"
    return found


def open_page(page: Page, url: str, *, seen: str) -> None:
    """Open a page until it shows a text; reload it, as a person would, where a busy server lets it hang."""
    for _ in range(3):
        with suppress(AssertionError, Late):
            page.goto(url, wait_until="domcontentloaded", timeout=START)
            expect(page.get_by_text(seen).first).to_be_visible(timeout=START)
            return
    raise AssertionError(f"{url} never showed {seen!r}")


class Visit:
    """One page, and what it asked for and complained of."""

    def __init__(self, page: Page, url: str, token: str, folder: Path, shots: Path) -> None:
        self.page = page
        #: The notebooks that JupyterLab shows; another may be put there.
        self.folder = folder
        self._url = url
        self._token = token
        self._shots = shots
        self._strangers: list[str] = []
        self._errors: list[str] = []
        self._dialogs: list[str] = []
        page.on("request", self._request)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._errors.append(str(error)))
        page.on("dialog", self._dialog)

    def open(self, name: str) -> None:
        """Open a notebook, and wait until its kernel is there."""
        self.page.goto(f"{self._url}lab/tree/{name}?reset&token={self._token}")
        expect(self.page.locator(".jp-Notebook")).to_be_visible(timeout=START)
        # The notebook's own indicator is idle before its kernel is connected.
        expect(self.page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=START)

    def run_all(self, *, errors: int = 0) -> None:
        """Run all cells, as the menu does, and wait for the last one; so many of them show an error or a warning."""
        prompts = self.page.locator(".jp-CodeCell .jp-InputArea-prompt")
        for _ in range(3):
            self.page.get_by_role("menuitem", name="Run", exact=True).click()
            self.page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
            # JupyterLab forgets what it is told in the moment in which the kernel comes.
            with suppress(AssertionError):
                expect(prompts.first).not_to_have_text("[ ]:", timeout=10_000)
                break
        # An error would leave those behind it without a number.
        for prompt in prompts.all():
            expect(prompt).to_have_text(_NUMBERED, timeout=RUN)
        shown = self.page.locator('.jp-RenderedText[data-mime-type="application/vnd.jupyter.stderr"]')
        expect(shown).to_have_count(errors)

    def save(self) -> None:
        """Save the notebook."""
        self.page.get_by_title(re.compile("^Save")).first.click()
        expect(self.page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0, timeout=RUN)

    def shoot(self, name: str, part: Locator | None = None) -> None:
        """Save a picture of the page, or of a part of it, for people to look at."""
        self._shots.mkdir(parents=True, exist_ok=True)
        (part or self.page).screenshot(path=self._shots / f"{name}.png")

    def assert_clean(self) -> None:
        """Nothing left the machine, nothing was complained of, nothing ran that was data."""
        assert self._strangers == []
        assert self._errors == []
        assert self._dialogs == []

    def _request(self, request: Request) -> None:
        found = urlparse(request.url)
        if found.scheme not in ("data", "blob") and found.hostname not in _OURS:
            self._strangers.append(request.url)

    def _dialog(self, dialog: Dialog) -> None:
        if dialog.type == "beforeunload":
            dialog.accept()
        else:
            self._dialogs.append(dialog.message)
            dialog.dismiss()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._errors.append(f"{message.text} ({message.location.get('url', '')})")
