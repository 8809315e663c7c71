"""What a person does and sees on the Tokenizer page, in words; alone in knowing its markup."""

import re

from playwright.sync_api import expect

from tests.browser.person import COLD_START, Person

__all__ = ["TokenizerPerson"]


class TokenizerPerson(Person):
    """Someone who looks at the Tokenizer page."""

    def opens(self, query: str = "") -> "TokenizerPerson":
        self.page.goto(f"{self.url}/tokenizer{query}")
        expect(self.chips.first).to_be_visible(timeout=COLD_START)
        return self

    @property
    def editor(self):
        return self.page.get_by_role("textbox", name="Text", exact=True)

    @property
    def chips(self):
        return self.page.locator(".vt-chips [data-chip]")

    @property
    def ids(self):
        return self.page.locator(".vt-ids [data-chip]")

    @property
    def pinned(self):
        return self.page.get_by_role("region", name="Pinned token")

    @property
    def trouble(self):
        return self.page.locator(".vi-banner:visible")

    def figure(self, label: str):
        named = self.page.locator("dt", has_text=re.compile(rf"^{label}"))
        return self.page.locator(".vt-tiles > div", has=named).first.locator("dd")

    def types(self, text: str) -> None:
        self.editor.fill(text)
        self.sees_answer()

    def pastes(self, text: str) -> None:
        """As a person does: a browser takes 40 s to insert so many lines by a script."""
        self.page.evaluate(
            """(text) => {
                const area = document.createElement("textarea");
                area.value = text;
                document.body.append(area);
                area.select();
                document.execCommand("copy");
                area.remove();
            }""",
            text,
        )
        self.editor.press("Control+a")
        self.editor.press("Control+v")
        self.sees_answer()

    def sees_answer(self) -> None:
        """Wait until what was typed last has been answered."""
        root = self.page.locator(".vi:has(> .vt-chips)")
        expect(root).not_to_have_attribute("data-waiting", "", timeout=20_000)

    def groups(self) -> list[tuple[str, int]]:
        """The chips as a person sees them, and how many tokens each stands for."""
        return [
            tuple(one)
            for one in self.chips.evaluate_all(
                "chips => chips.map(chip => [chip.textContent, chip.to - chip.from])"
            )
        ]
