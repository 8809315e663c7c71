"""A person's browser: Chromium, a window of it, and what must never happen while it is open.

As a command: says whether it starts here, and what to install where it does not.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.support.chromium import ARGUMENTS, find_chromium
from tests.support.processes import ROOT
from tests.support.waiting import PATIENCE

__all__ = ["SHOTS", "chromium", "shot", "window"]

expect.set_options(timeout=PATIENCE * 5_000)

SHOTS = ROOT / "tests" / "browser" / "shots"
NO_NAMES = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""The network is cut: no name leads anywhere."""
EXPECTED = ("prerenderReady", r"404 .*/[\w-]+/_stcore/(health|host-config)\)$")
"""Streamlit's own: an inline script for search engines, which our policy refuses, and its look for
the server below a page's address before it looks at the root."""


class Witness:
    """Writes down what a page must not do: leave this machine, or complain in its console."""

    def __init__(self) -> None:
        self.left: list[str] = []
        self.complaints: list[str] = []

    def request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname != "127.0.0.1":
            self.left.append(request.url)

    def console(self, message: ConsoleMessage) -> None:
        said = f"{message.text} ({message.location['url']})"
        if message.type == "error" and not any(re.search(known, said) for known in EXPECTED):
            self.complaints.append(said)

    def error(self, error: Exception) -> None:
        self.complaints.append(str(error))


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=[*ARGUMENTS, NO_NAMES]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, *, width: int = 1440, dark: bool = False) -> Iterator[Page]:
    """A fresh window, as of another person: no cookies. It fails when a page misbehaved."""
    witness = Witness()
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    context.on("request", witness.request)
    context.on("console", witness.console)
    context.on("weberror", lambda failed: witness.error(failed.error))
    page = context.new_page()
    try:
        yield page
    finally:
        context.close()
    assert not witness.left, f"requests that left this machine: {witness.left}"
    assert not witness.complaints, f"errors in the console: {witness.complaints}"


def shot(page: Page, name: str) -> None:
    """Keep a picture of the page, for people, in tests/browser/shots/NAME.png."""
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def main() -> int:
    if find_chromium() is None:
        lacking = "Chromium was not found (CHROMIUM=/path/to/it names it)"
    else:
        try:
            with chromium() as browser:
                print(f"Chromium {browser.version}")
        except Exception as error:  # noqa: BLE001 - Playwright raises a bare Exception here
            lacking = f"Chromium does not start: {str(error).splitlines()[0]}"
        else:
            return 0
    print(
        f"The browser tests can't run. {lacking}.\n"
        "Debian: sudo apt-get install chromium libatomic1 fonts-noto-cjk fonts-noto-color-emoji\n"
        "macOS: brew install --cask chromium, or install Google Chrome",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
