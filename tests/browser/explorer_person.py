"""What a person does on the API Explorer page, in words; alone in knowing its markup."""

from playwright.sync_api import Locator, expect

from tests.browser.person import COLD_START, Person

__all__ = ["ExplorerPerson"]


class ExplorerPerson(Person):
    """Someone who looks at what a server can do."""

    def opens(self, query: str = "?server=demo-chat") -> "ExplorerPerson":
        self.page.goto(f"{self.url}/explorer{query}")
        return self.sees_routes()

    def sees_routes(self) -> "ExplorerPerson":
        expect(self.row("GET /version")).to_be_attached(timeout=COLD_START)
        return self

    def row(self, route: str) -> Locator:
        return self.page.locator(f'tr[data-route="{route}"]')

    def shown(self) -> list[str]:
        """The routes that the filter lets through."""
        rows = self.page.locator("tr[data-route]:not([hidden])")
        return rows.evaluate_all("rows => rows.map(row => row.dataset.route)")

    def filters(self, words: str) -> None:
        self.is_still()
        self.page.get_by_role("searchbox", name="Filter the routes").fill(words)

    def chooses(self, route: str) -> None:
        self.is_still()
        self.row(route).click()
        title = self.page.get_by_role("heading", name=route, exact=True)
        expect(title).to_be_visible(timeout=COLD_START)
        self.is_still()

    @property
    def send(self) -> Locator:
        return self.page.locator("[class*=st-key-explorer-send] button")

    def sends(self) -> None:
        self.is_still()
        self.send.click()
        expect(self.answer).to_be_visible(timeout=COLD_START)

    def sends_again(self) -> None:
        """Send what is newest in the history once more; the end of a run brings other rows."""
        self.is_still()
        self.sent.first.get_by_role("button", name="Send again").click()

    @property
    def answer(self) -> Locator:
        return self.page.get_by_role("region", name="Answer", exact=True)

    def tab(self, name: str) -> Locator:
        return self.answer.get_by_role("tab", name=name, exact=True)

    @property
    def sent(self) -> Locator:
        """What was sent in this tab."""
        return self.page.get_by_role("table", name="Sent in this tab").locator("tbody tr")

    def checks_exposure(self) -> Locator:
        self.is_still()
        self.page.get_by_role("radio", name="Exposure check").click()
        now = self.page.get_by_role("button", name="Check now")
        expect(now).to_be_visible(timeout=COLD_START)
        self.is_still()
        now.click()
        table = self.page.get_by_role("table", name="What answers without a key")
        expect(table).to_be_visible(timeout=COLD_START)
        return table
