"""How long a person waits for the tokens of what was typed, and for a long text to scroll.

The yardsticks of the same run: the server's own answer to the same text, one update of the page
with an answer that is remembered, and the scrolling of a short text.
"""

import json
import time
from statistics import median

import httpx
import pytest

from tests.browser.tokenizer_person import TokenizerPerson
from tests.support import browsing
from tests.support.dashboard import dashboard
from tests.support.demos import demo_servers

TYPED = "你好 🎉👩\u200d👦 café"
TIMES = 9


@pytest.fixture(scope="module")
def demos():
    """The demo servers: name and address of each."""
    with demo_servers() as listed:
        yield dict(place.split("=") for place in listed.split(","))


@pytest.fixture(scope="module")
def person(tmp_path_factory, demos):
    listed = ",".join(f"{name}={url}" for name, url in demos.items())
    with (
        dashboard(tmp_path_factory.mktemp("typing"), INSPECTOR_DEMO_SERVERS=listed) as started,
        browsing.chromium() as browser,
        browsing.window(browser) as page,
    ):
        yield TokenizerPerson(page, started.url).opens("?server=demo-chat")


def test_typing_to_chips(person, demos):
    root = person.page.locator(".vi:has(> .vt-chips)")
    ours, updates, theirs = [], [], []
    with httpx.Client() as client:
        for n in range(TIMES):
            text = f"{TYPED} number {n} " * 40
            person.types(text)
            ours.append(int(root.get_attribute("data-took")))
            person.types(f"{TYPED} number 0 " * 40)  # remembered: nobody is asked
            updates.append(int(root.get_attribute("data-took")))
            body = {"model": "demo/tekken-7b", "prompt": text, "return_token_strs": True}
            begun = time.perf_counter()
            client.post(f"{demos['demo-chat']}/tokenize", content=json.dumps(body))
            theirs.append(1000 * (time.perf_counter() - begun))
    took, update, server = median(ours), median(updates), median(theirs)
    print(
        f"\ntyped to chips {took:.0f} ms; the server's answer {server:.0f} ms; "
        f"an update {update:.0f} ms; ratio {took / (1.5 * server + update):.2f}"
    )
    assert took <= 1.5 * server + update


def test_scrolling_a_hundred_thousand_tokens(person):
    person.pastes("Short.\n" * 60)
    short = _frame(person)
    lines = [f"Line {n}: the quick brown fox jumps over the lazy dog, 你好。" for n in range(5200)]
    person.pastes("\n".join(lines))
    long = _frame(person)
    print(f"\na step of scrolling: {short:.0f} ms of 60 lines, {long:.0f} ms of 5,200")
    assert long <= 3 * short


def _frame(person) -> float:
    """Median time from a step of scrolling to the next free moment, in milliseconds."""
    return person.page.locator(".vt-chips").evaluate(
        """async (pane) => {
            const waits = [];
            for (let step = 0; step < 40; step++) {
                const begun = performance.now();
                pane.scrollTop = pane.scrollHeight * step / 40;
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
                waits.push(performance.now() - begun);
            }
            return waits.sort((a, b) => a - b)[20];
        }"""
    )
