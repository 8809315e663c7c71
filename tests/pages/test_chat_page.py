"""The Chat page run headless: what it hands on, and what it says in trouble."""

import pytest

CHAT = "pages/lab/chat.py"


@pytest.fixture
def visit(dashboard, demo):
    return dashboard(INSPECTOR_DEMO_SERVERS=demo)


def test_without_servers_it_says_what_to_do(dashboard):
    visit = dashboard().opens(CHAT)
    assert not visit.app.exception
    assert visit.app.title[0].value == "No servers yet"


def test_a_first_visit_is_an_empty_conversation(visit):
    visit.opens(CHAT, server="demo-chat", temp="0.2")
    assert not visit.app.exception
    data = visit.mounted("chat")
    assert (data["server"], data["model"]) == ("demo-chat", "demo/tekken-7b")
    assert data["path"] == []
    assert data["tab"] == ""
    assert data["settings"]["parameters"] == {"temperature": "0.2"}
    assert data["query"]["temp"] == "0.2"
