"""What a person does and sees on the Embeddings page, in words; alone in knowing its markup."""

import re

from playwright.sync_api import Error, expect

from tests.browser.person import COLD_START, Person
from tests.support.waiting import until

__all__ = ["VectorsPerson"]


class VectorsPerson(Person):
    """Someone who looks at the Embeddings page."""

    def opens(self, query: str = "") -> "VectorsPerson":
        self.page.goto(f"{self.url}/embeddings{query}")
        expect(self.heading).to_have_text("Embeddings", timeout=COLD_START)
        return self

    def pastes(self, text: str) -> None:
        self.is_still()
        self.page.get_by_role("radio", name="Paste").click()
        area = self.page.get_by_role("textbox", name="Texts")
        area.fill(text)
        area.press("Control+Enter")
        last = text.splitlines()[-1]
        preview = self.page.locator(".st-key-vectors-preview")
        expect(preview).to_contain_text(last, timeout=COLD_START)
        self.is_still()

    def embeds(self) -> None:
        """Have the texts embedded; those that the dashboard remembers are shown at once."""
        button = self.page.get_by_role("button", name="Embed", exact=True)
        expect(button.or_(self.answer).first).to_be_visible(timeout=COLD_START)
        self.is_still()
        if button.count():
            button.click()
        self.sees_answer()

    def sees_answer(self) -> None:
        expect(self.answer).to_be_visible(timeout=COLD_START)

    @property
    def answer(self):
        """The sentence of the page, the first of its kind."""
        return self.page.get_by_role("region", name="Answer").first

    def figure(self, label: str):
        tiles = self.page.get_by_label("Figures").first.locator("div")
        named = self.page.locator("dt", has_text=re.compile(rf"^{label}"))
        return tiles.filter(has=named).locator("dd").first

    def chart(self, key: str):
        return self.page.locator(f".st-key-{key} .js-plotly-plot")

    def table(self, label: str):
        return self.page.get_by_role("table", name=label)

    def picks(self, label: str, text: str) -> None:
        """Choose an option of a list, which a run of the page would close."""
        self.is_still()
        box = self.page.get_by_role("combobox", name=label, exact=True)
        option = self.page.get_by_role("option", name=text).first

        def chosen() -> bool:
            box.click()
            try:
                option.click()
            except Error:
                return False  # a run of the page has closed the list
            return True

        until(chosen, 30)

    def sees_charts(self) -> None:
        """Wait for all that grows as it is drawn."""
        for key in ("vectors-heat", "vectors-plane", "vectors-pair"):
            drawn = self.chart(key).locator("svg.main-svg").first
            expect(drawn).to_be_visible(timeout=COLD_START)

    def measures(self, metric: str) -> None:
        """Choose how vectors are compared."""
        self.is_still()
        self.page.get_by_role("radio", name=metric).click()

    def takes(self, label: str) -> bytes:
        """The file behind a button, which stands below the charts."""
        self.sees_charts()
        self.is_still()
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name=label).click()
        return waiting.value.path().read_bytes()
