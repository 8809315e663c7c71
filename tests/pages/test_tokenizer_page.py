"""The Tokenizer page run headless: its address, what it hands on, and what it says in trouble."""

import pytest

from lib.ui.house import house

TOKENIZER = "pages/lab/tokenizer.py"


def typed(visit, **told):
    """Hand over what a person typed, as the component does, and run again."""
    visit.app.session_state["typed"] = read_over(visit, told)
    visit.app.run()
    assert not visit.app.exception
    return visit.mounted("tokens")


def read_over(visit, told):
    from lib.ui.lab.typed import Typed, read  # noqa: PLC0415 - after the house of the test

    known = "typed" in visit.app.session_state
    return read(told, visit.app.session_state["typed"] if known else Typed())


@pytest.fixture
def visit(dashboard, demo):
    return dashboard(INSPECTOR_DEMO_SERVERS=demo)


def test_without_servers_it_says_what_to_do(dashboard):
    visit = dashboard().opens(TOKENIZER)
    assert not visit.app.exception
    assert visit.app.title[0].value == "No servers yet"


def test_a_text_comes_with_its_tokens_and_figures(visit):
    visit.opens(TOKENIZER, server="demo-chat", text="你好 🎉")
    assert not visit.app.exception
    data = visit.mounted("tokens")
    assert data["server"] == "demo-chat"
    assert data["model"] == "demo/tekken-7b"
    assert data["typed"]["text"] == data["tokens"]["text"] == "你好 🎉"
    assert data["fit"] == "exact"
    assert data["block"] == 16 or data["block"] is None
    assert [one["label"] for one in data["tiles"]][:3] == ["tokens", "characters", "graphemes"]
    assert len(visit.mounted("ratios")["rows"]) == 7


def test_a_chat_comes_with_the_costs_of_its_messages(visit):
    visit.opens(TOKENIZER, server="demo-chat", mode="chat")
    data = visit.mounted("tokens")
    assert data["typed"]["is_chat"]
    assert data["tokens"]["owners"] is not None
    assert len(data["costs"]) == 2


def test_a_text_that_begins_with_the_added_token_has_it_twice(visit):
    visit.opens(TOKENIZER, server="demo-chat", text="<s>hello")
    said = " ".join(one["text"] for one in visit.mounted("tokens")["remarks"])
    assert "stands there twice" in said
    assert "read as a control token" in said


def test_every_tool_opens(visit):
    visit.opens(TOKENIZER, server="demo-chat", text="a token")
    for name in (
        "Ids to text",
        "Round trip",
        "Vocabulary",
        "Prefix cache",
        "Many texts",
        "As code",
    ):
        visit.app.session_state["token-tools"] = name
        visit.app.run()
        assert not visit.app.exception, name
        assert not visit.app.warning, name


def test_pasted_ids_become_text_and_lost_ones_are_named(visit):
    visit.opens(TOKENIZER, server="demo-chat")
    visit.app.session_state["token-tools"] = "Ids to text"
    visit.app.run()
    visit.app.text_area(key="ids-typed").set_value("[22177, 4304] 99999999 x").run()
    said = " ".join(one.value for one in visit.app.text)
    assert "dropped 1 id that it does not know: 99999999" in said
    assert "'x'" in said
    assert visit.app.code[0].value == "Hello world"


def test_a_text_is_cut_to_a_budget_and_put_into_the_editor(visit):
    visit.opens(TOKENIZER, server="demo-chat", text="one two three four five six seven")
    visit.app.number_input[0].set_value(5).run()
    visit.app.number_input(key="fit-reserve").set_value(1).run()
    visit.app.button(key="fit-cut").click().run()
    assert not visit.app.exception
    assert visit.app.code[0].value == "one two three"


def test_pasted_lines_are_counted(visit):
    visit.opens(TOKENIZER, server="demo-chat")
    visit.app.session_state["token-tools"] = "Many texts"
    visit.app.run()
    visit.app.text_area(key="batch-lines").set_value("one\n\ntwo words\n").run()
    visit.app.button(key="batch-count").click().run()
    assert not visit.app.exception
    assert any("tokens in 2 texts on demo-chat" in one.value for one in visit.app.text)


def test_a_server_that_is_down_is_one_sentence_and_the_text_stays(dashboard, down):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=down).opens(TOKENIZER, text="kept")
    assert not visit.app.exception
    data = visit.mounted("tokens")
    assert data["trouble"].startswith("Nothing listens at")
    assert data["typed"]["text"] == "kept"
    assert data["tokens"] is None
    assert data["tiles"][0]["value"] == "–"


def test_half_a_character_is_one_sentence(visit):
    visit.opens(TOKENIZER, server="demo-chat")
    data = typed(visit, text="half \ud83d of one")
    assert "lone surrogate" in data["trouble"]
    assert data["typed"]["text"] == "half \ud83d of one"


def test_a_text_too_long_to_be_sent_is_one_sentence(visit):
    visit.opens(TOKENIZER, server="demo-chat")
    data = typed(visit, text="x" * 1_500_000)
    assert "larger than is sent at once; split the text" in data["trouble"]


def test_an_address_that_makes_no_sense_shows_the_page(visit):
    visit.opens(TOKENIZER, server="nobody", model="<x>", chat="[[", compare="~~,x~y", mode="?")
    assert not visit.app.exception
    assert visit.mounted("tokens")["server"] == "demo-chat"


def test_models_lead_here_with_their_server(visit):
    visit.opens("pages/live/models.py")
    link = "tokenizer?server=demo-hang&model=demo%2Fsentencepiece-7b"
    visit.app.session_state["following"] = link
    visit.app.run()
    assert not visit.app.exception
    data = visit.mounted("tokens")
    assert (data["server"], data["model"]) == ("demo-hang", "demo/sentencepiece-7b")


def test_a_server_that_tokenizes_no_chats_says_so(visit):
    visit.opens(TOKENIZER, server="demo-tutorial", mode="chat")
    assert "tokenizes texts only, no chats" in visit.mounted("tokens")["trouble"]


def test_looking_at_another_page_asks_no_tokenizer(visit, monkeypatch):
    asked = []
    monkeypatch.setattr(house().tokenizers, "of", asked.append)
    monkeypatch.setattr(house().tokenizers, "models", asked.append)
    visit.opens("pages/live/rca_cache.py")
    assert not asked
