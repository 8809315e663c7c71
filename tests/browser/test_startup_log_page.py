"""What a person does with a log: pastes or drops it, reads what it says, compares, and is safe."""

import pytest
from playwright.sync_api import expect

from tests.browser.person import COLD_START, Person
from tests.support.browsing import shot, window
from tests.support.processes import ROOT

TUTORIAL = (ROOT / "tests" / "unit" / "logs" / "tutorial.txt").read_text()
FAILED = (ROOT / "tests" / "unit" / "logs" / "v0_10_failed.txt").read_text()
INFO = "(APIServer pid=1) INFO 11-22 11:59:26 [api.py:1]"
WARNING, ERROR = INFO.replace("INFO", "WARNING"), INFO.replace("INFO", "ERROR")
HOSTILE = "\n".join(
    [
        f"{INFO} vLLM API server version <b>0</b>",
        f"{INFO} non-default args: {{'model': '<img src=x onerror=a(1)>', 'api_key': 'sesame'}}",
        f"{ERROR} \u202egnp.exe <script>alert(2)</script> [a](http://x) $y$",
        f"{WARNING} \x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x07",
        f"{ERROR} {'wide' * 20_000}",
        f"{INFO} Route: /<i>x</i>, Methods: GET",
    ]
)


class LogPerson(Person):
    """Someone with a log."""

    def opens(self):
        self.page.goto(f"{self.url}/startup-log?server=demo-chat")
        expect(self.page.get_by_role("button", name="Read it")).to_be_visible(timeout=COLD_START)
        return self

    def pastes(self, text):
        self.is_still()
        self.page.locator(".st-key-log-text textarea").fill(text)
        self.page.get_by_role("button", name="Read it").click()
        expect(self.summary).to_be_visible(timeout=COLD_START)
        return self

    def drops(self, name, content):
        self.is_still()
        self.page.get_by_role("button", name="File").or_(
            self.page.get_by_role("radio", name="File")
        ).first.click()
        field = self.page.locator("input[type=file]")
        field.set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})
        expect(self.summary).to_be_visible(timeout=COLD_START)
        return self

    def tab(self, name):
        self.is_still()
        self.page.get_by_role("tab", name=name).click()
        return self

    @property
    def summary(self):
        return self.page.locator(".st-key-log-summary")

    def list(self, label):
        return self.page.get_by_role("list", name=label, exact=True)


@pytest.fixture
def person(page, demo):
    return LogPerson(page, demo.url).opens()


def test_the_tutorials_lines_are_explained_and_compared(person):
    person.pastes(TUTORIAL)
    expect(person.summary).to_contain_text("on http://0.0.0.0:8000: ready")
    expect(person.list("Known lines")).to_contain_text("From here on it answers.")
    person.tab("Compare with a server")
    table = person.page.locator(".st-key-log-compared")
    expect(table).to_contain_text("not in the log", timeout=COLD_START)
    assert "Application" not in person.page.url


def test_a_small_file_is_read_at_once(person):
    person.drops("small.log", TUTORIAL.encode())
    expect(person.page.get_by_text("Log: small.log, ").first).to_be_visible()
    expect(person.summary).to_contain_text("ready")


def test_a_large_file_is_read_beside_the_page(person):
    line = "(A pid=1) INFO 11-22 {:02}:{:02}:{:02} [loggers.py:1] Engine 000: Avg prompt"
    line += " throughput: {}.0 tokens/s, Avg generation throughput: 9.0 tokens/s, Running: 1 reqs\n"
    moments = ((n // 3600, n // 60 % 60, n % 60, n % 90) for n in range(28_000))
    content = TUTORIAL + "".join(line.format(*moment) for moment in moments)
    person.drops("big.log", content.encode())
    expect(person.summary).to_contain_text("ready")
    expect(person.page.get_by_text("big.log, 28").first).to_be_visible()
    person.tab("Statistics")
    expect(person.page.locator(".js-plotly-plot")).to_be_visible(timeout=COLD_START)
    expect(person.page.get_by_text("each point stands for")).to_be_visible()


def test_a_failed_start_says_why_first(person):
    person.pastes(FAILED)
    expect(person.summary).to_contain_text("did not start: the longest request does not fit")
    expect(person.summary).to_contain_text("--max-model-len")
    shot(person.page, "startup-log-failed")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_hostile_log_is_drawn_as_text_in_a_narrow_window(browser, demo, dark):
    with window(browser, width=800, dark=dark) as page:
        person = LogPerson(page, demo.url).opens().pastes(HOSTILE)
        remarks = person.list("Warnings and errors")
        expect(remarks).to_contain_text("<script>alert(2)</script>")
        expect(remarks).to_contain_text("red link")
        expect(remarks).not_to_contain_text("\u202e")
        person.tab("Arguments")
        arguments = person.list("Arguments")
        expect(arguments).to_contain_text("<img src=x onerror=a(1)>")
        expect(arguments).to_contain_text("--api-key [hidden]")
        assert (
            page.locator(
                "img[src=x], [aria-label='Warnings and errors'] :is(b, i, a, script)"
            ).count()
            == 0
        )
        assert "sesame" not in page.content()
        assert page.evaluate("document.documentElement.scrollWidth") <= 800
        shot(page, f"startup-log-800-{'dark' if dark else 'light'}")
