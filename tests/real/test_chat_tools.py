"""The Chat page on real vLLM, from the wire to the screen: words, limits, comparison, abilities."""

import re
from statistics import median

import pytest
from playwright.sync_api import expect

from tests.browser.chat_person import ChatPerson
from tests.real.tap import tapped
from tests.real.vllm import CHAT
from tests.support import browsing
from tests.support.dashboard import dashboard

SHORT = "?server=chat&max=24&no_eos=true"
PAINTED = """() => {
  window.painted = 0;
  const before = document.querySelectorAll('.vc-turn[data-role="assistant"]').length;
  const look = () => {
    const turn = document.querySelectorAll('.vc-turn[data-role="assistant"]')[before];
    if (turn?.querySelector(".vc-text")?.textContent.trim()) {
      requestAnimationFrame(() => { window.painted = Date.now() / 1000; });
    } else requestAnimationFrame(look);
  };
  look();
}"""
"""Notes when the frame after the first words of the next answer begins: they are on the screen."""


@pytest.fixture(scope="module")
def tap(chat):
    with tapped(chat.port) as tap:
        yield tap


@pytest.fixture(scope="module")
def person(tap, chat, tmp_path_factory):
    """Someone who watches it twice: through the tap, and as it is."""
    servers = f"chat={tap.url},again={chat.url}"
    with (
        dashboard(tmp_path_factory.mktemp("dashboard"), VLLM_SERVERS=servers) as started,
        browsing.chromium() as browser,
        browsing.window(browser) as page,
    ):
        yield ChatPerson(page, started.url)


def test_the_first_words_are_on_the_screen_at_once(person, tap):
    person.opens(SHORT)
    lags = []
    for question in ("What is a KV cache?", "And prefill?", "And decode?"):
        heard = len(tap.passed)
        person.page.evaluate(PAINTED)
        person.hears(question)
        lags.append(person.page.evaluate("window.painted") - tap.passed[heard])
    print("from the wire to the screen:", [f"{lag * 1000:.0f} ms" for lag in lags])
    assert all(lag >= 0 for lag in lags)
    assert median(lags) <= 0.25  # the engine itself keeps this machine busy


def test_an_answer_is_told_in_detail(person):
    person.opens(f"{SHORT}&logprobs=3")
    answer = person.hears("Name a colour.")
    for label in ("TTFT", "TPOT", "Prompt", "Context", "KV blocks"):
        expect(person.figure(answer, label)).to_have_text(re.compile(r"\d"))
    expect(person.figure(answer, "Answer")).to_have_text("24")
    person.button(answer, "Details").click()
    detail = answer.get_by_role("region", name="Answer in detail")
    expect(detail).to_contain_text("Token gaps")
    browsing.shot(person.page, "real-chat-timeline")
    detail.get_by_role("tab", name="Tokens").click()
    expect(detail).to_contain_text("as likely as any other")
    browsing.shot(person.page, "real-chat-tokens")
    detail.get_by_role("tab", name="Timeline").click()


def test_too_long_is_told_with_what_to_cut(person):
    person.opens("?server=chat")
    person.composer.fill("the " * 5000)
    person.composer.press("Enter")
    words = re.compile(r"The prompt has 5,\d{3} tokens.*holds 4,096 in all\. Cut 1,\d{3} tokens")
    expect(person.notice).to_have_text(words, timeout=20_000)
    expect(person.composer).to_have_value(re.compile("^the the"))
    person.composer.fill("")


def test_two_servers_are_compared(person):
    person.opens(SHORT)
    second = person.page.get_by_label("Server and model of lane B")
    second.select_option(label=f"again · {CHAT}")
    person.page.get_by_role("button", name="Ask all").click()
    table = person.page.get_by_role("table", name="Figures side by side")
    expect(table).to_contain_text("TTFT", timeout=60_000)
    expect(table).to_contain_text("B again")
    table.scroll_into_view_if_needed()
    browsing.shot(person.page, "real-chat-lanes")


def test_its_abilities_are_reported(person):
    person.opens(SHORT)
    person.page.get_by_role("tab", name="What it can do").click()
    person.page.get_by_role("button", name="Try all eight").click()
    row = person.page.get_by_role("row", name=re.compile("Refuses a bad value"))
    expect(row).to_contain_text("yes", timeout=240_000)  # a prefill of 4,000 tokens on a CPU
    rows = [one.replace("\n", " ") for one in person.page.get_by_role("row").all_inner_texts()]
    print("\n".join(rows))
    for name in ("JSON schema", "Emoji", "Stop text", "Long context", "Unicode"):
        assert any(re.match(rf"{name}.*\byes\b", one) for one in rows), name
    row.scroll_into_view_if_needed()
    browsing.shot(person.page, "real-chat-report")
