"""What a tab of the Chat page keeps: through a lost dashboard, a full storage, a very long talk."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.chat_person import ChatPerson

SHORT = "?server=demo-chat&max=24"
ENDLESS = "?server=demo-chat&max=2000&no_eos=true"
FORGET = """() => addEventListener("pagehide", () => {
  const kept = JSON.parse(sessionStorage.getItem("vi-chat"));
  sessionStorage.setItem("vi-chat", JSON.stringify({ ...kept, tab: "x".repeat(22) }));
})"""
"""A dashboard that was started anew does not know this tab."""
FILL = """() => {
  sessionStorage.setItem("room", "x".repeat(1200));
  let size = 4_000_000;
  for (let n = 0; size > 10; n += 1) {
    try {
      sessionStorage.setItem(`other${n}`, "x".repeat(size));
    } catch { size = Math.floor(size / 2); }
  }
  sessionStorage.removeItem("room");
}"""
"""Leaves room for what is typed, and none for a copy of the talk."""
WRITES = """() => {
  window.written = 0;
  const own = Storage.prototype.setItem;
  Storage.prototype.setItem = function (name, text) {
    window.written += text.length;
    own.call(this, name, text);
  };
}"""


@pytest.fixture
def person(page, demo):
    return ChatPerson(page, demo.url)


def long_talk(turns):
    """A file of a conversation, as long as a working day makes one."""
    nodes = []
    for n in range(turns):
        answer = {"role": "assistant", "text": f"**Answer** {n}. " + "A sentence. " * 150}
        node = answer if n % 2 else {"role": "user", "text": f"question {n}"}
        parent = {"parent": f"n{n - 1}"} if n else {}
        nodes.append({"id": f"n{n}", "open": True, **parent, **node})
    nodes[101]["text"] = "Line with **bold** words.\n\n" * 4000
    return {"nodes": nodes, "leaf": nodes[-1]["id"]}


def test_what_was_written_outlives_the_dashboard(person):
    person.opens(ENDLESS)
    answer = person.says("Tell me everything about paged attention.")
    person.is_writing(answer)
    person.page.evaluate(FORGET)
    before = person.text(answer).text_content()[:40]  # no marks yet: later they are drawn
    person.reloads()
    answer = person.answers.first
    expect(answer).to_have_attribute("data-state", "stopped")
    expect(person.text(answer)).to_contain_text(before)
    expect(person.asked).to_have_count(1)


def test_a_full_storage_takes_nothing_from_a_talk(person):
    person.opens(SHORT)
    person.page.evaluate(FILL)
    person.hears("hello")
    assert person.page.evaluate("sessionStorage.getItem('vi-chat-saved')") is None
    person.composer.fill("the next question " * 20)
    person.reloads()
    expect(person.turns).to_have_count(2)
    expect(person.composer).to_have_value(re.compile("^the next question"))


def test_lanes_stand_again_after_a_reload(person):
    person.opens(SHORT)
    person.page.get_by_role("button", name="Ask all").click()
    table = person.page.get_by_role("table", name="Figures side by side")
    expect(table).to_contain_text("TTFT", timeout=60_000)
    person.reloads()
    expect(table).to_contain_text("TTFT")


def test_a_long_talk_is_typed_in_without_writing_it_down_again(person, tmp_path):
    person.opens(SHORT)
    kept = tmp_path / "long.json"
    kept.write_text(json.dumps(long_talk(200)))
    person.page.locator("input[type=file][accept*=json]").set_input_files(kept)
    expect(person.turns).to_have_count(200, timeout=30_000)
    person.page.evaluate(WRITES)
    person.composer.press_sequentially("twenty letters of it")
    assert person.page.evaluate("window.written") < 100_000
    last = person.answers.last
    person.button(last, "Details").click()
    expect(last.locator(".vc-detail")).to_contain_text("are forgotten")
    expect(last).to_be_in_viewport()
    person.reloads()
    expect(person.turns).to_have_count(200, timeout=30_000)
    expect(person.composer).to_have_value("twenty letters of it")


def test_another_server_is_the_one_in_bold_and_the_tools_one(person):
    person.opens(SHORT)
    person.is_still()
    person.page.get_by_role("tab", name="Prefix cache").click()
    expect(person.page.get_by_text("Costs demo-chat")).to_be_visible()
    servers = person.page.get_by_role("navigation", name="Servers")
    expect(servers.locator("[aria-current]")).to_contain_text("demo-chat")
    picked = person.page.get_by_label("Server and model", exact=True)
    picked.select_option(label="demo-hang · demo/sentencepiece-7b")
    expect(servers.locator("[aria-current]")).to_contain_text("demo-hang")
    expect(person.page.get_by_text("Costs demo-hang")).to_be_visible()
    person.page.wait_for_url(re.compile("server=demo-hang"))
