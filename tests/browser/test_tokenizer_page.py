"""What a person does on the Tokenizer page: types, points, pins, changes servers, pastes much text.

The demo servers run beside the dashboard, so that a test can ask them the same.
"""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.person import COLD_START
from tests.browser.tokenizer_person import TokenizerPerson
from tests.support.browsing import shot, window
from tests.support.dashboard import dashboard
from tests.support.demos import demo_servers
from tests.support.ports import free_port
from tests.support.waiting import until

TYPED = "你好 🎉👩\u200d👦 café"


@pytest.fixture(scope="module")
def demos():
    """The demo servers: name and address of each."""
    with demo_servers() as listed:
        yield dict(place.split("=") for place in listed.split(","))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory, demos):
    """A dashboard that watches them."""
    listed = ",".join(f"{name}={url}" for name, url in demos.items())
    listed += f",down=http://127.0.0.1:{free_port()}"
    with dashboard(tmp_path_factory.mktemp("tokens"), INSPECTOR_DEMO_SERVERS=listed) as started:
        yield started


@pytest.fixture
def person(page, tokenizer):
    return TokenizerPerson(page, tokenizer.url)


def test_a_person_types_and_sees_whole_characters_with_their_tokens(person):
    person.opens("?server=demo-chat")
    person.types(TYPED)
    groups = person.groups()
    assert ("".join(text for text, _ in groups[1:])) == TYPED
    assert [text for text, _ in groups] == ["<s>", "你好", " 🎉", "👩\u200d👦", " café"]
    assert [tokens > 1 for _, tokens in groups] == [False, False, True, True, False]
    assert person.ids.count() == sum(tokens for _, tokens in groups)
    expect(person.figure("graphemes")).to_have_text("10")
    expect(person.heading).to_have_text("Tokenizer")
    expect(person.page.locator(".vi-line")).to_contain_text("exact")
    assert "text=" not in person.page.url
    shot(person.page, "tokenizer")


def test_pointing_links_text_and_ids_both_ways(person):
    person.opens("?server=demo-chat")
    person.types(TYPED)
    person.chips.nth(1).hover()
    expect(person.ids.nth(1)).to_have_attribute("data-lit", "")
    tooltip = person.page.get_by_role("tooltip")
    expect(tooltip).to_contain_text("6 bytes: E4 BD A0 E5 A5 BD")
    person.chips.nth(3).hover()
    expect(tooltip).to_contain_text("9 tokens")
    expect(tooltip).to_contain_text("11 bytes")
    person.ids.nth(2).hover()
    expect(person.chips.nth(2)).to_have_attribute("data-lit", "")
    expect(person.ids.nth(1)).not_to_have_attribute("data-lit", "")


def test_a_token_is_pinned_by_a_click_and_walked_from_by_keys(person):
    person.opens("?server=demo-chat")
    person.types(TYPED)
    person.chips.nth(1).click()
    expect(person.pinned).to_contain_text("CJK UNIFIED IDEOGRAPH-4F60")
    expect(person.pinned).to_contain_text("E4 BD A0 E5 A5 BD")
    expect(person.ids.nth(1)).to_have_attribute("data-pinned", "")
    person.page.get_by_role("group", name="Tokens").focus()
    person.page.keyboard.press("ArrowRight")
    expect(person.pinned).to_contain_text("PARTY POPPER")
    person.page.keyboard.press("Escape")
    expect(person.pinned).to_be_hidden()


def test_another_server_keeps_the_text_and_has_other_tokens(person):
    person.opens("?server=demo-chat")
    person.types(TYPED)
    before = person.ids.all_text_contents()
    whose = person.page.get_by_label("Server and model")
    whose.select_option(label="demo-hang · demo/sentencepiece-7b")
    expect(person.page.locator(".vi-line")).to_contain_text("demo-hang")
    expect(person.editor).to_have_value(TYPED)
    assert person.ids.all_text_contents() != before
    assert "".join(text for text, _ in person.groups() if text != "<s>").strip() == TYPED
    expect(person.page).to_have_url(re.compile("server=demo-hang"))


def test_a_server_that_does_not_answer_is_a_sentence_and_loses_nothing(person):
    person.opens("?server=demo-chat")
    person.types(TYPED)
    person.page.get_by_label("Server and model").select_option(label="down")
    expect(person.trouble).to_contain_text("Nothing listens at", timeout=20_000)
    expect(person.editor).to_have_value(TYPED)
    expect(person.figure("graphemes")).to_have_text("10")
    expect(person.figure("tokens")).to_have_text("–")
    person.types(f"{TYPED} and more")
    person.page.get_by_label("Server and model").select_option(label="demo-chat · demo/tekken-7b")
    expect(person.trouble).to_have_count(0)
    expect(person.chips.last).to_have_text(" more")


@pytest.mark.alone
def test_more_than_any_server_takes_is_said_and_kept(person):
    person.opens("?server=demo-chat")
    person.types(TYPED)
    person.editor.evaluate(
        """(area) => {
            area.value = `${"word ".repeat(20)}\\n`.repeat(49_505);
            area.dispatchEvent(new Event("input", { bubbles: true }));
        }"""
    )
    told = person.page.get_by_role("status").filter(has_text="5.0 million")
    expect(told).to_be_visible(timeout=COLD_START)  # Chromium itself takes seconds to lay it out
    assert person.editor.evaluate("area => area.value.length") > 4_900_000
    assert [text for text, _ in person.groups()][1] == "你好"


def test_typing_keeps_focus_caret_and_undo(person):
    person.opens("?server=demo-chat")
    person.types("one two")
    person.editor.press("Home")
    person.editor.press_sequentially("AB")
    person.sees_answer()
    person.editor.press_sequentially("C")
    person.sees_answer()
    expect(person.editor).to_have_value("ABCone two")
    expect(person.editor).to_be_focused()
    person.editor.press("Control+z")
    expect(person.editor).not_to_have_value("ABCone two")


def test_what_could_mislead_is_visible_and_runs_nothing(person):
    person.opens("?server=demo-chat")
    person.types("user\u202egnp.exe\u200b <img src=x onerror=alert(1)>\u0007")
    text = "".join(text for text, _ in person.groups())
    assert "RLO" in text
    assert "ZWSP" in text
    assert "BEL" in text
    assert person.page.locator(".vt-chips img").count() == 0


def test_typed_control_tokens_are_pointed_out(person):
    person.opens("?server=demo-chat")
    person.types("a[INST]b")
    expect(person.page.locator(".vt-remarks")).to_contain_text("read as a control token")
    special = person.page.locator('.vt-chips [data-kind="special"]')
    expect(special).to_have_text("[INST]")


def test_a_chat_shows_whose_tokens_are_whose(person):
    person.opens("?server=demo-chat&mode=chat")
    expect(person.figure("of the template")).to_have_text(re.compile(r"\d+"))
    owners = person.chips.evaluate_all("chips => chips.map(chip => chip.dataset.owner)")
    assert {"-1", "0", "1"} <= set(owners)
    person.page.get_by_role("button", name="Add message").click()
    person.page.get_by_role("textbox", name="Message").last.fill("It is a greeting.")
    person.sees_answer()
    owners = person.chips.evaluate_all("chips => chips.map(chip => chip.dataset.owner)")
    assert "2" in owners
    assert "mode=chat" in person.page.url
    shot(person.page, "tokenizer-chat")


def test_a_link_brings_text_and_settings_back(person, browser):
    person.opens("?server=demo-tutorial&signs=1&text=shared%20text")
    expect(person.editor).to_have_value("shared text")
    assert "·text" in [text for text, _ in person.groups()] or "·" in person.chips.last.inner_text()
    assert "text=" not in person.page.url


def test_servers_stand_side_by_side(person):
    person.opens("?server=demo-tutorial&compare=demo-hang~demo/sentencepiece-7b,demo-chat")
    table = person.page.get_by_role("region", name="Comparison")
    expect(table).to_contain_text("Different tokens for", timeout=30_000)
    bars = person.page.get_by_role("table", name="Compression").get_by_role("row")
    expect(bars).to_have_count(7)
    expect(bars.last).to_contain_text(re.compile(r"\d\.\d\d.*\d\.\d\d.*\d\.\d\d"))
    shot(person.page, "tokenizer-compare")


def test_a_hundred_thousand_tokens_scroll(person, demos):
    text = "".join(f"Line {n}: 你好 the quick brown fox, {n * 7919}.\n" for n in range(5200))
    asked = httpx.post(
        f"{demos['demo-chat']}/tokenize", json={"model": "demo/tekken-7b", "prompt": text}
    )
    count = asked.json()["count"]
    assert count > 100_000
    person.opens("?server=demo-chat")
    person.pastes(text)
    expect(person.figure("tokens")).to_have_text(re.compile(r"k$"), timeout=30_000)
    drawn = person.chips.count()
    assert drawn < 8_000
    pane = person.page.locator(".vt-chips")
    pane.evaluate("(pane) => { pane.scrollTop = pane.scrollHeight; }")
    expect(pane).to_contain_text("Line 5199")
    assert person.chips.count() < 8_000


def test_a_copied_chat_shows_the_same_to_somebody_else(person, browser, tokenizer):
    person.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    person.opens("?server=demo-chat&mode=chat")
    person.page.get_by_text("Tools and template arguments").click()
    person.page.get_by_label("Tools").fill('[{"type": "function", "function": {"name": "look"}}]')
    person.sees_answer()
    copy = person.page.get_by_role("button", name="link")
    copy.click()
    until(lambda: "mode=chat" in _copied(person.page), 10)
    assert "look" not in _copied(person.page)
    person.page.get_by_label("with the text").check()
    copy.click()
    until(lambda: "look" in _copied(person.page), 10)
    with window(browser) as page:
        second = TokenizerPerson(page, tokenizer.url)
        second.opens(_copied(person.page).split("/tokenizer")[1])
        second.page.get_by_text("Tools and template arguments").click()
        expect(second.page.get_by_label("Tools")).to_have_value(re.compile("look"))
        assert second.ids.all_text_contents() == person.ids.all_text_contents()
        expect(second.page).not_to_have_url(re.compile("look"))


def _copied(page):
    return page.evaluate("navigator.clipboard.readText()")


def test_a_word_is_looked_up_in_every_spelling(person):
    person.opens("?server=demo-chat")
    person.is_still()
    person.page.get_by_role("tab", name="Vocabulary").click()
    table = person.page.get_by_role("table").filter(has_text="In the vocabulary").last
    expect(table).to_contain_text("·token", timeout=20_000)
    expect(table.get_by_role("row")).to_have_count(7)  # the header, and six spellings


@pytest.mark.parametrize(("width", "dark"), [(1440, True), (800, False), (800, True)])
def test_it_reads_well_narrow_and_dark(browser, tokenizer, width, dark):
    with window(browser, width=width, dark=dark) as page:
        person = TokenizerPerson(page, tokenizer.url).opens(
            "?server=demo-chat&compare=demo-tutorial"
        )
        person.types("cafe\u0301 " + TYPED + " [INST] 550e8400-e29b-41d4-a716-446655440000")
        person.chips.nth(2).click()
        expect(person.pinned).to_be_visible()
        main = page.locator('[data-testid="stMain"]')
        assert main.evaluate("main => main.scrollWidth - main.clientWidth") <= 1
        shot(page, f"tokenizer-{width}-{'dark' if dark else 'light'}")
