"""What a person does and sees on the live pages, in words; alone in knowing their markup."""

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.support.waiting import PATIENCE

__all__ = ["COLD_START", "Person"]

COLD_START = PATIENCE * 20_000
"""Milliseconds until the first figures: a cold browser on busy cores, and Plotly's 4.7 MB."""


class Person:
    """Someone in front of one browser window."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def goes_to(self, path: str = "") -> "Person":
        """Open an address of the dashboard and wait for live figures."""
        self.page.goto(f"{self.url}/{path}")
        return self.sees_figures()

    def sees_figures(self) -> "Person":
        """Wait until the page has drawn what the stream brought."""
        expect(self.updated).to_contain_text("updated", timeout=COLD_START)
        return self

    def is_still(self) -> None:
        """Wait until no run of the page is under way: it replaces what is to be pressed."""
        app = self.page.get_by_test_id("stApp")
        expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=COLD_START)

    def query(self) -> dict[str, list[str]]:
        """What the address says now; Playwright's own idea of it waits for other calls."""
        return parse_qs(urlsplit(self.page.evaluate("location.href")).query)

    def link(self) -> str:
        """The address without the dashboard's own, as it would be sent to somebody."""
        return self.page.evaluate("location.href").removeprefix(f"{self.url}/")

    @property
    def heading(self) -> Locator:
        return self.page.get_by_role("heading", level=1)

    @property
    def updated(self) -> Locator:
        """The line that says when the newest figure was taken."""
        return self.page.get_by_role("status").filter(has_text=re.compile("updated|paused|last"))

    @property
    def rows(self) -> Locator:
        """The servers of Overview."""
        return self.page.locator("tr[data-server]")

    def row(self, server: str) -> Locator:
        return self.page.locator(f'tr[data-server="{server}"]')

    def cell(self, server: str, label: str) -> Locator:
        return self.row(server).locator(f'td[data-label="{label}"]')

    @property
    def panels(self) -> Locator:
        """The plots of RCA/Cache, each a region with its title."""
        return self.page.locator("section[data-panel]")

    def panel(self, title: str) -> Locator:
        return self.page.get_by_role("region", name=title, exact=True)

    @property
    def findings(self) -> Locator:
        return self.page.get_by_role("region", name="Findings")

    @property
    def verdict(self) -> Locator:
        """What Health says of the chosen servers."""
        return self.page.get_by_role("region", name="Verdict")

    def timeline(self, server: str) -> Locator:
        """A server's row in the timeline of Health."""
        return self.page.locator(f'.vi-strip[data-server="{server}"]')

    def track(self, server: str) -> Locator:
        """The strip itself: it is hovered, clicked and walked through with arrow keys."""
        return self.timeline(server).locator(".vi-track")

    def stretches(self, server: str, tone: str) -> Locator:
        """The stretches of a server's strip that are drawn in a tone."""
        return self.timeline(server).locator(f'.vi-track i[data-tone="{tone}"]')

    def chosen(self) -> list[str]:
        """The servers whose checks are shown."""
        boxes = self.page.locator(".vi-strip[data-chosen]")
        return boxes.evaluate_all("rows => rows.map(row => row.dataset.server)")

    def checks(self, server: str) -> Locator:
        """The table of checks of a server, with its buttons."""
        return self.page.get_by_role("region", name=f"Checks of {server}", exact=True)

    def check(self, server: str, name: str) -> Locator:
        """One row of it."""
        return self.checks(server).locator(f'tr[data-check="{name}"]')

    def window_button(self, label: str) -> Locator:
        windows = self.page.get_by_role("group", name="Window of time")
        return windows.get_by_role("button", name=label, exact=True)

    def chooses_window(self, label: str) -> None:
        self.window_button(label).click()
        expect(self.window_button(label)).to_have_attribute("aria-pressed", "true")

    def pauses(self) -> None:
        self.page.get_by_role("button", name="Pause").click()
        expect(self.updated).to_contain_text("paused")

    def resumes(self) -> None:
        self.page.get_by_role("button", name="Resume").click()
        expect(self.updated).to_contain_text("updated")

    def plotted(self, index: int = 0) -> list[float | None]:
        """The values that one plot has drawn (its first curve)."""
        canvas = self.panels.nth(index).locator(".js-plotly-plot")
        expect(canvas).to_be_attached(timeout=COLD_START)
        return canvas.evaluate("plot => Array.from(plot.data[0].y)")

    def points(self) -> dict[float, float | None]:
        """What the first plot has drawn (its first curve): the value of each moment."""
        canvas = self.panels.first.locator(".js-plotly-plot")
        expect(canvas).to_be_attached(timeout=COLD_START)
        drawn = "plot => [Array.from(plot.data[0].x), Array.from(plot.data[0].y)]"
        moments, values = canvas.evaluate(drawn)
        return dict(zip(moments, values, strict=True))

    def last_moment(self) -> float:
        """The newest moment (s since 1970) that the first plot has drawn."""
        canvas = self.panels.first.locator(".js-plotly-plot")
        expect(canvas).to_be_attached(timeout=COLD_START)
        return canvas.evaluate("plot => plot.data[0].x[plot.data[0].x.length - 1]")
