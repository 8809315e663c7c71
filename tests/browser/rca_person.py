"""What a person does and sees on RCA/Cache besides its figures; alone in knowing that markup."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.person import COLD_START, Person

__all__ = ["Reader"]


class Reader(Person):
    """Someone who reads the finding of one rule."""

    def __init__(self, page: Page, url: str, rule: str) -> None:
        super().__init__(page, url)
        self.rule = rule

    @property
    def finding(self) -> Locator:
        return self.page.locator(f'.vi-finding[data-rule="{self.rule}"]')

    @property
    def evidence(self) -> Locator:
        """The small plots below it."""
        return self.finding.locator("section[data-evidence]")

    @property
    def toggle(self) -> Locator:
        return self.finding.get_by_role("button", name="Evidence")

    @property
    def tool(self) -> Locator:
        """The tab that is open below the view."""
        return self.page.locator('.st-key-rca-tools [role="tab"][aria-selected="true"]')

    @property
    def blocks(self) -> Locator:
        return self.page.locator('section[data-panel="cells"]')

    @property
    def outlook(self) -> Locator:
        return self.page.get_by_role("region", name="What comes next")

    def opens_evidence(self, timeout: float) -> None:
        """Wait for the finding (milliseconds), and open it."""
        expect(self.finding).to_be_visible(timeout=timeout)
        self.toggle.click()
        expect(self.evidence.first.locator("svg.main-svg").first).to_be_visible(timeout=COLD_START)

    def copied(self) -> str:
        """What lies in the clipboard."""
        return self.page.evaluate("navigator.clipboard.readText()")

    def shown_evidence(self) -> list[str]:
        """The titles of the plots."""
        return self.evidence.evaluate_all("plots => plots.map(one => one.ariaLabel)")

    def drawn(self, quantity: str) -> list[str]:
        """The lines across a plot of evidence: "onset" or the dashes of a threshold."""
        plot = self.finding.locator(f'section[data-evidence^="{quantity}"] .js-plotly-plot')
        return plot.evaluate("one => one.layout.shapes.map(line => line.line.dash ?? 'onset')")
