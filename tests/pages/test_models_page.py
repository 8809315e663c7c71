"""The Models page run headless: its address, what it hands on, and what it needs."""

from lib.ui.house import house
from tests.support.waiting import until

MODELS = "pages/live/models.py"


def test_without_servers_it_says_what_to_do(dashboard):
    visit = dashboard().opens(MODELS)
    assert not visit.app.exception
    assert visit.app.title[0].value == "No servers yet"


def test_the_address_chooses_model_and_server(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo)
    visit.opens(MODELS, model="demo/sentencepiece-7b", server="demo-hang")
    assert not visit.app.exception
    data = visit.mounted("models")
    assert (data["model"], data["server"]) == ("demo/sentencepiece-7b", "demo-hang")
    assert "page=models" in data["stream"]
    assert data["raw"] is None


def test_an_address_that_makes_no_sense_shows_the_page(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo)
    visit.opens(MODELS, model="<img src=x>" * 100, server="nobody")
    assert not visit.app.exception
    data = visit.mounted("models")
    assert len(data["model"]) == 160
    assert data["server"] == ""


def test_a_list_that_was_opened_comes_as_text(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens(MODELS)
    visit.app.session_state["listed"] = "demo-pressure"

    def text():
        visit.app.run()
        return visit.mounted("models")["raw"]["text"]

    until(lambda: '"id": "demo/tekken-7b-tight-sql"' in text(), 30)
    assert not visit.app.exception


def test_a_link_is_followed_with_its_server_and_model(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens(MODELS)
    visit.app.session_state["following"] = "rca-cache?server=demo-tutorial&model=demo%2Fx"
    visit.app.run()
    assert not visit.app.exception
    assert visit.app.session_state["server"] == "demo-tutorial"
    assert visit.app.session_state["model"] == "demo/x"


def test_a_link_to_nowhere_leads_nowhere(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens(MODELS, server="demo-chat")
    for link in ("", "?server=demo-hang", "//evil.example/health", "health/../x", "None"):
        visit.app.session_state["following"] = link
        visit.app.run()
        assert not visit.app.exception
        assert visit.app.session_state["server"] == "demo-chat"


def test_looking_at_another_page_asks_for_no_list(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens("pages/live/rca_cache.py")
    assert not visit.app.exception
    assert house().asked._lists == {}
