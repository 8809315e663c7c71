"""What a person does on the Chat page: talks, stops, branches, edits, reloads, sets, takes away."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.chat_person import ChatPerson
from tests.support.browsing import shot, window
from tests.support.waiting import until

LONG = "Tell me everything about paged attention."
SHORT = "?server=demo-chat&max=24"
ENDLESS = "?server=demo-chat&max=2000&no_eos=true"


@pytest.fixture
def person(page, demo):
    return ChatPerson(page, demo.url)


def test_a_conversation_is_written_as_it_comes_and_measured(person):
    person.opens(SHORT)
    first = person.says("What is a KV cache?")
    person.is_writing(first)
    person.stands(first)
    expect(first).to_have_attribute("data-state", "done")
    for label in ("TTFT", "Prompt", "Finish"):
        expect(person.figure(first, label)).to_have_text(re.compile(r"\w"))
    second = person.hears("And prefill?")
    # What a dashboard that stood still has read at once has no pace: not both answers.
    paces = [person.figure(one, "Tokens/s").inner_text() for one in (first, second)]
    assert any(re.search(r"\w", pace) for pace in paces), paces
    expect(person.turns).to_have_count(4)
    longer = int(person.figure(second, "Prompt").inner_text().replace("\u202f", ""))
    assert longer > int(person.figure(first, "Prompt").inner_text())
    expect(person.composer).to_have_value("")
    shot(person.page, "chat")


def test_an_answer_is_stopped_and_kept(person):
    person.opens(ENDLESS)
    answer = person.says(LONG)
    person.is_writing(answer)
    person.page.keyboard.press("Escape")
    expect(answer).to_have_attribute("data-state", "stopped")
    kept = person.text(answer).text_content()
    assert kept.strip()
    expect(person.send).to_be_visible()
    person.page.wait_for_timeout(400)
    assert person.text(answer).text_content() == kept


def test_a_double_click_sends_once_and_stops_nothing(person):
    person.opens(SHORT)
    person.composer.fill("Once.")
    person.send.dblclick()
    expect(person.answers).to_have_count(1)
    person.stands(person.answers.first)
    expect(person.answers.first).to_have_attribute("data-state", "done")
    expect(person.turns).to_have_count(2)


def test_answers_and_edits_are_branches(person):
    person.opens(SHORT)
    answer = person.hears("Say something.")
    first = person.text(answer).text_content()
    person.button(answer, "Regenerate").click()
    expect(answer).to_contain_text("2 of 2")
    person.stands(answer)
    person.button(answer, "Branch before").click()
    expect(answer).to_contain_text("1 of 2")
    expect(person.text(answer)).to_have_text(first)
    asked = person.asked.first
    asked.hover()
    person.button(asked, "Edit").click()
    box = asked.get_by_role("textbox", name="Edit the message")
    box.fill("Say something else.")
    box.press("Control+Enter")
    expect(person.text(asked)).to_have_text("Say something else.")
    person.stands(person.answers.first)
    person.composer.press("ArrowUp")
    expect(asked.get_by_role("textbox", name="Edit the message")).to_be_focused()
    person.page.keyboard.press("Escape")
    answer = person.answers.first
    answer.hover()
    person.button(answer, "Edit").click()
    answer.get_by_role("textbox", name="Edit the message").fill("In my own words.")
    person.button(answer, "Keep as a new branch").click()
    expect(person.text(answer)).to_have_text("In my own words.")
    expect(person.turns).to_have_count(2)


def test_a_reload_in_the_middle_loses_nothing(person):
    person.opens(ENDLESS)
    answer = person.says(LONG)
    person.is_writing(answer)
    person.composer.fill("the next question")
    before = person.text(answer).text_content()[:20]
    person.reloads()
    answer = person.answers.first
    expect(answer).to_have_attribute("data-state", "streaming")
    person.is_writing(answer)
    expect(person.text(person.asked.first)).to_have_text(LONG)
    expect(person.composer).to_have_value("the next question")
    expect(person.text(answer)).to_contain_text(before)
    person.page.keyboard.press("Escape")
    person.stands(answer)


def test_a_server_s_figures_tick_beside_an_answer(person):
    person.opens(ENDLESS)
    pulse = person.page.locator(".vc-pulse")
    expect(pulse.locator(".vi-figure b").first).to_have_text(re.compile(r"\d"), timeout=20_000)
    answer = person.says(LONG)
    person.is_writing(answer)
    seen = pulse.inner_text()
    until(lambda: pulse.inner_text() != seen, 10)
    expect(answer).to_have_attribute("data-state", "streaming")
    person.page.keyboard.press("Escape")
    person.stands(answer)


def test_settings_are_checked_shared_and_left_to_the_server(person, browser, demo):
    person.opens()
    person.parameter("Temperature").fill("warm")
    expect(person.page.locator(".vc-problem:visible")).to_contain_text("Temperature")
    person.composer.fill("kept")
    person.composer.press("Enter")
    expect(person.notice).to_be_visible()
    expect(person.composer).to_have_value("kept")
    expect(person.turns).to_have_count(0)
    person.parameter("Temperature").fill("0.2")
    expect(person.page.locator(".vc-problem:visible")).to_have_count(0)
    person.page.wait_for_url(re.compile(r"temp=0\.2"))
    with window(browser) as page:
        other = ChatPerson(page, demo.url)
        other.opens(person.page.url.removeprefix(f"{demo.url}/chat"))
        expect(other.parameter("Temperature")).to_have_value("0.2")
        expect(other.turns).to_have_count(0)
    person.page.get_by_role("button", name="Leave Temperature to the server").click()
    expect(person.parameter("Temperature")).to_have_value("")
    person.page.wait_for_url(lambda url: "temp=" not in url)


def test_a_conversation_is_carried_away_and_brought_back(person, tmp_path):
    person.opens(SHORT)
    said = person.text(person.hears("你好 🎉")).text_content()
    person.menu.click()
    with person.page.expect_download() as caught:
        person.page.get_by_role("button", name="Export as JSON").click()
    kept = tmp_path / "conversation.json"
    caught.value.save_as(kept)
    assert json.loads(kept.read_text(encoding="utf-8"))
    person.menu.click()
    with person.page.expect_download() as caught:
        person.page.get_by_role("button", name="Export as Markdown").click()
    written = tmp_path / "conversation.md"
    caught.value.save_as(written)
    assert "你好 🎉" in written.read_text(encoding="utf-8")
    person.begins_anew()
    expect(person.turns).to_have_count(0)
    person.menu.click()
    with person.page.expect_file_chooser() as chooser:
        person.page.get_by_role("button", name="Import JSON").click()
    chooser.value.set_files(kept)
    expect(person.turns).to_have_count(2)
    assert person.text(person.answers.first).text_content() == said


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_usable_at_800_pixels(browser, demo, dark):
    with window(browser, width=800, dark=dark) as page:
        person = ChatPerson(page, demo.url)
        person.opens(SHORT)
        person.hears("What is prefill?")
        page.get_by_role("button", name="Settings", exact=True).click()
        expect(person.parameter("Temperature")).to_be_visible()
        wide = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert wide, "something is wider than the window"
        shot(page, f"chat-800-{'dark' if dark else 'light'}")
