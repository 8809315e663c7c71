"""The Chat page on a real vLLM: when an answer is on screen, its branches, stopping it."""

import re
import time
from statistics import median

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.chat_person import ChatPerson
from tests.support import browsing
from tests.support.dashboard import dashboard
from tests.support.waiting import until

SHORT = "?server=chat&max=32&no_eos=true&seed=7"
LONG = "?server=chat&max=3000&no_eos=true"


@pytest.fixture(scope="module")
def started(chat, tmp_path_factory):
    """A dashboard that watches the real server."""
    folder = tmp_path_factory.mktemp("dashboard")
    with dashboard(folder, VLLM_SERVERS=f"chat={chat.url}") as running:
        yield running


@pytest.fixture
def person(started):
    with browsing.chromium() as browser, browsing.window(browser) as page:
        yield ChatPerson(page, started.url)


def running(server):
    """How many requests the engine works on."""
    text = httpx.get(f"{server.url}/metrics", timeout=10, trust_env=False).text
    return sum(map(float, re.findall(r"(?m)^vllm:num_requests_running\{.*\} (\S+)$", text)))


def test_a_conversation_is_on_screen_as_it_comes(person, chat):
    person.opens(SHORT)
    first = person.hears("Hello")
    expect(first).to_have_attribute("data-state", "done")
    expect(person.figure(first, "Answer")).to_have_text("32")
    expect(person.figure(first, "Finish")).to_have_text("length")
    painted = float(person.page.locator(".vi:has(> .vc)").get_attribute("data-first"))
    assert painted < 250, f"{painted} ms from the first piece to the screen"
    second = person.hears("And again")
    assert int(person.figure(second, "Prompt").inner_text()) > int(
        person.figure(first, "Prompt").inner_text()
    )
    print(f"\nfirst piece on screen after {painted:.0f} ms")
    browsing.shot(person.page, "real-chat")


def test_the_same_seed_says_the_same_and_stays_as_a_branch(person):
    person.opens(SHORT)
    answer = person.hears("Hello")
    said = person.text(answer).text_content()
    person.button(answer, "Same seed").click()
    expect(answer).to_contain_text("2 of 2")
    person.stands(answer)
    assert person.text(answer).text_content() == said


def test_stopping_frees_the_engine_within_a_second(person, chat):
    person.opens(LONG)
    took = []
    for _ in range(3):  # the engine itself keeps this machine busy: one look may come late
        answer = person.says("Hello")
        person.is_writing(answer)
        until(lambda: running(chat) == 1, 5)
        stopped = time.monotonic()
        person.page.keyboard.press("Escape")
        until(lambda: running(chat) == 0, 10)
        took.append(time.monotonic() - stopped)
        expect(answer).to_have_attribute("data-state", "stopped")
        expect(person.text(answer)).to_have_text(re.compile(r"\S"))
    print("stopped after", [f"{seconds:.2f} s" for seconds in took])
    assert median(took) <= 1.0
