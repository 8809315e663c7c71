"""What a person does and sees on the Chat page, in words; alone in knowing its markup."""

import re

from playwright.sync_api import Error, Locator, expect

from tests.browser.person import COLD_START, Person
from tests.support.waiting import PATIENCE, until

__all__ = ["ANSWER", "ChatPerson"]

ANSWER = PATIENCE * 60_000
"""Milliseconds in which a demo server has written any answer of these tests."""


class ChatPerson(Person):
    """Someone who talks with a model."""

    def opens(self, query: str = "?server=demo-chat") -> "ChatPerson":
        self.page.goto(f"{self.url}/chat{query}")
        return self.is_ready()

    def reloads(self) -> "ChatPerson":
        self.page.reload()
        return self.is_ready()

    def is_ready(self) -> "ChatPerson":
        """The page knows its talk."""
        expect(self.composer).to_be_visible(timeout=COLD_START)
        expect(self.page.locator(".vi:has(> .vc)")).to_have_attribute(
            "data-tab", "", timeout=COLD_START
        )
        return self

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def send(self) -> Locator:
        return self.page.get_by_role("button", name="Send", exact=True)

    @property
    def stop(self) -> Locator:
        return self.page.get_by_role("button", name="Stop", exact=True)

    @property
    def turns(self) -> Locator:
        return self.page.locator(".vc-turn")

    @property
    def asked(self) -> Locator:
        """The person's own messages."""
        return self.page.locator('.vc-turn[data-role="user"]')

    @property
    def answers(self) -> Locator:
        return self.page.locator('.vc-turn[data-role="assistant"]')

    @property
    def notice(self) -> Locator:
        return self.page.locator(".vc-composer .vi-banner:visible")

    @property
    def menu(self) -> Locator:
        """Exporting and importing."""
        return self.page.locator("summary", has_text="Conversation")

    def text(self, turn: Locator) -> Locator:
        return turn.locator(".vc-text")

    def figure(self, turn: Locator, label: str) -> Locator:
        named = self.page.locator("dt", has_text=re.compile(rf"^{label}"))
        return turn.locator(".vc-figures > div", has=named).first.locator("dd")

    def button(self, turn: Locator, name: str) -> Locator:
        return turn.get_by_role("button", name=name)

    def parameter(self, label: str) -> Locator:
        return self.page.get_by_role("complementary", name="Settings").get_by_label(
            label, exact=True
        )

    def says(self, text: str) -> Locator:
        """Send a message with Enter; the answer to it is what is returned."""
        before = self.answers.count()
        self.composer.fill(text)
        self.composer.press("Enter")
        expect(self.answers).to_have_count(before + 1)
        return self.answers.nth(before)

    def is_writing(self, answer: Locator) -> None:
        """The first words of an answer are on the screen."""
        expect(self.text(answer)).to_have_text(re.compile(r"\S"), timeout=COLD_START)

    def stands(self, answer: Locator) -> None:
        """Wait until an answer is over, and confirmed."""
        expect(answer).not_to_have_attribute("data-state", "streaming", timeout=ANSWER)
        expect(self.send).to_be_visible()

    def begins_anew(self) -> None:
        """Throw the talk away: one press asks whether to, and does so for a moment only."""
        fresh = self.page.get_by_role("button", name="New chat")
        sure = self.page.get_by_role("button", name="Discard this one?")

        def discarded() -> bool:
            fresh.click()
            try:
                sure.click(timeout=5_000)
            except Error:
                return False  # it asked, and has stopped to
            return True

        until(discarded, 30)

    def hears(self, text: str) -> Locator:
        answer = self.says(text)
        self.stands(answer)
        return answer
