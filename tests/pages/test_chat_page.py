"""The Chat page run headless: what it hands on, what acts do, and what it says in trouble."""

import re
import time
from itertools import count

import pytest

from lib.ui.house import house
from tests.faults.stalls import Stalls, slowness
from tests.support.faulty import FaultServer, answer_json, hang
from tests.support.waiting import until
from tests.unit.ui.chat.speaking import Speaker, chunk

CHAT = "pages/lab/chat.py"
_seqs = count(1)


class Tab:
    """A browser tab on the page: it acts as the component does."""

    def __init__(self, visit, **query):
        self.visit = visit.opens(CHAT, **query)
        assert not visit.app.exception
        self.names = count(1)
        self.acts("hello", saved=None)

    @property
    def data(self):
        return self.visit.mounted("chat")

    def acts(self, kind, **told):
        data = self.data
        act = {"kind": kind, "seq": next(_seqs), "tab": data["tab"], "settings": data["settings"]}
        self.visit.app.session_state["chat-acts"] = [{**act, **told}]
        self.visit.app.run()
        assert not self.visit.app.exception
        return self.data

    def run(self):
        return f"run-{next(self.names)}-{time.monotonic_ns()}"

    def ends(self, run):
        until(lambda: (found := house().answers.get(run)) and found.is_over, 30)
        return self.acts("ended", run=run)

    def says(self, text, **told):
        run = self.run()
        self.acts("send", run=run, text=text, **told)
        return self.ends(run)


@pytest.fixture
def visit(dashboard, demo):
    return dashboard(INSPECTOR_DEMO_SERVERS=demo)


@pytest.fixture
def tab(visit):
    return Tab(visit, server="demo-chat")


def texts(data):
    return [(one["role"], one["text"]) for one in data["path"]]


def test_without_servers_it_says_what_to_do(dashboard):
    visit = dashboard().opens(CHAT)
    assert not visit.app.exception
    assert visit.app.title[0].value == "No servers yet"


def test_a_first_visit_is_an_empty_conversation(visit):
    visit.opens(CHAT, server="demo-chat", temp="0.2", mode="completions")
    assert not visit.app.exception
    data = visit.mounted("chat")
    assert (data["server"], data["model"]) == ("demo-chat", "demo/tekken-7b")
    assert (data["path"], data["tab"], data["mode"]) == ([], "", "completions")
    assert data["settings"]["parameters"] == {"temperature": "0.2"}
    assert data["query"]["temp"] == "0.2"
    assert data["stream"] == "inspector/answer"


def test_a_question_is_answered_with_its_figures(tab):
    data = tab.says("What is a KV cache?")
    asked, answer = data["path"]
    assert (asked["role"], asked["text"]) == ("user", "What is a KV cache?")
    assert (answer["role"], answer["state"]) == ("assistant", "done")
    assert len(answer["text"]) > 20
    assert answer["where"] == "demo-chat · demo/tekken-7b"
    figures = {one["label"]: one["value"] for one in answer["figures"]}
    assert figures["TTFT"].endswith(("ms", "s"))
    assert int(figures["Answer"]) > 5
    assert figures["Context"].endswith("%")
    assert answer["may"] == {"continue": True, "regenerate": True, "edit": True}


def test_a_double_click_sends_once(tab):
    run = tab.run()
    tab.acts("send", run=run, text="once")
    data = tab.acts("send", run=run, text="once")
    assert len(data["path"]) == 2
    assert len(tab.ends(run)["path"]) == 2


def test_an_act_that_comes_twice_is_done_once(tab):
    tab.says("one")
    node = tab.data["path"][0]["id"]
    seq = 10**15
    tab.acts("edit", seq=seq, node=node, text="two", run="")
    data = tab.acts("edit", seq=seq, node=node, text="three", run="")
    assert texts(data) == [("user", "two")]


def test_a_new_answer_is_a_branch_and_both_can_be_looked_at(tab):
    first = tab.says("hello")["path"][-1]
    run = tab.run()
    tab.acts("regenerate", run=run, node=first["id"], seed="new")
    second = tab.ends(run)["path"][-1]
    assert second["position"] == [2, 2]
    assert second["before"] == first["id"]
    back = tab.acts("select", node=first["id"])["path"][-1]
    assert (back["text"], back["after"]) == (first["text"], second["id"])


def test_the_same_seed_gives_the_same_answer(tab):
    first = tab.says("hello")["path"][-1]
    run = tab.run()
    tab.acts("regenerate", run=run, node=first["id"], seed="same")
    assert tab.ends(run)["path"][-1]["text"] == first["text"]


def test_an_answer_that_was_cut_is_continued_in_its_place(tab):
    data = tab.data
    data["settings"]["parameters"]["max_tokens"] = "8"
    first = tab.says("Tell me about queues", settings=data["settings"])["path"][-1]
    assert any("max_tokens" in note["text"] for note in first["notes"])
    run = tab.run()
    during = tab.acts("continue", run=run, node=first["id"])["path"][-1]
    assert (during["text"], during["state"]) in [
        (first["text"], "streaming"),
        (during["text"], "done"),
    ]
    after = tab.ends(run)["path"][-1]
    assert after["id"] == first["id"]
    assert after["text"].startswith(first["text"])
    assert len(after["text"]) > len(first["text"])


def test_an_edited_question_is_asked_in_a_branch_of_its_own(tab):
    asked = tab.says("first words")["path"][0]
    run = tab.run()
    tab.acts("edit", run=run, node=asked["id"], text="other words")
    data = tab.ends(run)
    assert [role for role, _ in texts(data)] == ["user", "assistant"]
    assert data["path"][0]["text"] == "other words"
    assert data["path"][0]["position"] == [2, 2]


def test_an_edited_answer_is_not_sent(tab):
    answer = tab.says("hello")["path"][-1]
    data = tab.acts("edit", run="", node=answer["id"], text="I say this")
    assert data["path"][-1]["text"] == "I say this"
    assert data["path"][-1]["figures"] == []


def test_stop_keeps_what_came(tab):
    run = tab.run()
    data = tab.data
    data["settings"]["parameters"] |= {"max_tokens": "2000", "ignore_eos": "true"}
    tab.acts("send", run=run, text="a long one", settings=data["settings"])
    until(lambda: len(house().answers.get(run).parts) > 3)
    tab.acts("stop", run=run)
    answer = tab.ends(run)["path"][-1]
    assert answer["state"] == "stopped"
    assert answer["text"]


def test_a_reload_finds_everything_again_and_what_is_being_written(tab, dashboard):
    tab.says("hello")
    run = tab.run()
    before = tab.acts("send", run=run, text="more")
    again = Tab(type(tab.visit)(), server="demo-chat")
    data = again.acts("hello", tab=before["tab"])
    assert [one["id"] for one in data["path"]] == [one["id"] for one in before["path"]]
    assert len(again.ends(run)["path"]) == 4


def test_a_dashboard_that_was_restarted_takes_the_browsers_copy(tab):
    saved = tab.says("hello")["saved"]
    again = Tab(type(tab.visit)(), server="demo-chat")
    data = again.acts("hello", tab="x" * 22, saved=saved)
    assert texts(data) == texts(tab.data)
    assert data["tab"] != "x" * 22


@pytest.mark.parametrize("told", [None, 7, {"nodes": 3}, {"nodes": [{"id": "a"}]}, {"nodes": [7]}])
def test_a_file_that_is_no_conversation_is_one_sentence(tab, told):
    tab.says("hello")
    data = tab.acts("import", json=told)
    assert len(data["path"]) == 2
    assert data["notice"]["tone"] == "bad"


def test_what_was_exported_is_taken_in_again(tab):
    saved = tab.says("hello")["saved"]
    tab.acts("clear")
    assert texts(tab.acts("import", json=saved))[0] == ("user", "hello")
    exported = tab.acts("export", form="markdown")["exported"]
    assert exported["text"].startswith("## User")


def test_an_answer_is_told_in_detail(tab):
    settings = tab.data["settings"] | {"logprobs": True, "top": 3}
    settings["parameters"]["max_tokens"] = "12"
    node = tab.says("hello", settings=settings)["path"][-1]
    detail = tab.acts("detail", node=node["id"])["detail"]
    assert detail["node"] == node["id"]
    assert "".join(one["text"] for one in detail["tokens"]) == node["text"]
    assert all(len(one["top"]) >= 3 and one["top"][0][0] for one in detail["tokens"])
    assert detail["waterfall"]["total"] > 0
    assert [one["label"] for one in detail["copies"]] == ["curl", "Python", "JSON"]
    assert '"messages"' in detail["request"]
    assert detail["events"]
    assert tab.acts("detail", node=None)["detail"] is None


def test_another_token_leads_to_another_answer(tab):
    settings = tab.data["settings"] | {"logprobs": True, "top": 3}
    settings["parameters"]["max_tokens"] = "12"
    node = tab.says("hello", settings=settings)["path"][-1]
    tokens = tab.acts("detail", node=node["id"])["detail"]["tokens"]
    other = next(one for one in tokens[4]["top"] if one[2] != tokens[4]["id"])
    run = tab.run()
    tab.acts("branch", run=run, node=node["id"], position=4, id=other[2])
    branch = tab.ends(run)["path"][-1]
    kept = "".join(one["text"] for one in tokens[:4]) + other[0]
    assert branch["text"].startswith(kept)
    assert branch["position"] == [2, 2]


def test_a_tool_is_called_and_told_its_result(tab):
    settings = tab.data["settings"]
    settings["tools"] = """[{"type": "function", "function": {"name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]"""
    node = tab.says("How is the weather in Kiel?", settings=settings)["path"][-1]
    assert node["tools"][0]["name"] == "get_weather"
    run = tab.run()
    tab.acts("tool", node=node["id"], call=node["tools"][0]["id"], text='{"degrees": 4}', run=run)
    data = tab.ends(run)
    assert [role for role, _ in texts(data)] == ["user", "assistant", "tool", "assistant"]
    tab.acts("tool", node=node["id"], call="again", text="{}", run="")
    data = tab.acts("edit", node=tab.data["path"][-1]["id"], text="{}!", run="")
    roles = [role for role, _ in texts(data)]
    assert roles == ["user", "assistant", "tool", "tool"]  # behind the call, not at the end


def test_completions_continue_a_text(tab):
    settings = tab.data["settings"] | {"mode": "completions"}
    data = tab.says("The scheduler", settings=settings)
    assert data["mode"] == "completions"
    assert data["path"][-1]["text"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [({"temperature": "hot"}, "Temperature is a number"), ({"max_tokens": "0"}, "Max tokens")],
)
def test_a_setting_that_cannot_be_sent_keeps_the_draft(tab, parameters, words):
    settings = tab.data["settings"] | {"parameters": parameters}
    data = tab.acts("send", run=tab.run(), text="my words", settings=settings)
    assert data["path"] == []
    assert words in data["notice"]["text"]
    assert data["draft_back"] == "my words"
    assert words in data["problems"][next(iter(parameters))]


def test_too_long_says_by_how_much(tab):
    run = tab.run()
    tab.acts("send", run=run, text="word " * 20_000)
    data = tab.ends(run)
    assert data["path"] == []
    found = re.fullmatch(
        r"The prompt has ([\d,]+) tokens and the answer may have 512; the model's context holds"
        r" 4,096 in all\. Cut ([\d,]+) tokens of the conversation\.",
        data["notice"]["text"],
    )
    prompt, cut = (int(re.sub(r"\D", "", number)) for number in found.groups())
    assert prompt > 20_000
    assert cut == prompt + 512 - 4096
    assert data["draft_back"].startswith("word word")


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "API key"), (404, "does not serve"), (429, ""), (503, ""), (500, "")],
)
def test_a_refusal_keeps_conversation_and_draft(dashboard, status, words):
    error = {"error": {"message": "The model `m` does not exist.", "type": "x", "code": status}}
    listed = answer_json({"object": "list", "data": [{"id": "m", "object": "model"}]})
    behaviours = {"/v1/models": listed, "/v1/chat/completions": answer_json(error, status)}
    with FaultServer(behaviours) as server:
        tab = Tab(dashboard(VLLM_SERVERS=f"odd={server.url}"))
        run = tab.run()
        tab.acts("send", run=run, text="mine")
        data = tab.ends(run)
    assert data["path"] == []
    assert data["draft_back"] == "mine"
    assert words in data["notice"]["text"]
    assert len(data["notice"]["text"]) > 20


def test_a_server_that_is_down_keeps_the_draft(dashboard, down):
    tab = Tab(dashboard(INSPECTOR_DEMO_SERVERS=down))
    until(lambda: house().asked.listing(house().watched()[0]).refused)
    data = tab.acts("send", run=tab.run(), text="mine")
    assert data["draft_back"] == "mine"
    assert data["notice"]["text"].startswith("Not sent: Nothing listens at")


def test_a_message_that_is_gone_is_one_sentence(tab):
    tab.says("hello")
    for kind in ("select", "remove", "regenerate", "continue", "edit", "tool", "branch"):
        data = tab.acts(kind, node="nobody", run=tab.run(), text="x")
        assert data["notice"]["text"] == "That message is not there any more."


def test_what_names_no_message_is_one_sentence(tab):
    for odd in ([], {}, ["a"], 7, None, True, "x" * 5000):
        for kind in ("select", "remove", "regenerate", "continue", "edit", "tool"):
            data = tab.acts(kind, node=odd, run=odd, text=odd, call=odd, position=odd, id=odd)
            assert data["notice"]["text"] == "That message is not there any more."
        assert tab.acts("send", parent=odd, run=[odd], text="x", images=odd)["path"] == []


def test_what_was_removed_is_asked_again(tab):
    data = tab.says("hello")
    assert data["path"][0]["may"]["regenerate"] is False
    data = tab.acts("remove", node=data["path"][1]["id"])
    assert data["path"][0]["may"]["regenerate"] is True
    run = tab.run()
    tab.acts("regenerate", run=run, node=data["path"][0]["id"], seed="new")
    assert [role for role, _ in texts(tab.ends(run))] == ["user", "assistant"]


def test_what_others_are_built_on_is_not_written_on(tab):
    tab.says("one", settings={**tab.data["settings"], "parameters": {"max_tokens": "4"}})
    data = tab.says("two")
    answers = [one["may"]["continue"] for one in data["path"] if one["role"] == "assistant"]
    assert answers == [False, True]


def test_an_edit_or_a_result_that_is_sent_twice_counts_once(tab):
    node = tab.says("one")["path"][0]["id"]
    run = tab.run()
    tab.acts("edit", node=node, text="two", run=run)
    tab.ends(run)
    for kind in ("edit", "tool"):
        before = tab.data["saved"]["nodes"]
        assert tab.acts(kind, node=node, text="two", run=run)["saved"]["nodes"] == before


def test_a_message_that_is_being_written_is_written_once(tab):
    settings = tab.data["settings"] | {"parameters": {"max_tokens": "800", "ignore_eos": "true"}}
    first, second = tab.run(), tab.run()
    tab.acts("send", run=first, text="hello", settings=settings)
    node = tab.data["path"][-1]["id"]
    until(lambda: house().answers.get(first).has_output, 30)
    tab.acts("continue", run=second, node=node)
    assert house().answers.get(second) is None
    assert tab.data["notice"]["tone"] == "bad"
    tab.acts("stop", run=first)
    tab.ends(first)


def test_a_file_cannot_show_what_another_tab_asked(tab, dashboard):
    saved = tab.says("my secret question")["saved"]
    other = Tab(type(tab.visit)(), server="demo-chat")
    node = other.acts("import", json=saved)["path"][-1]["id"]
    detail = other.acts("detail", node=node)["detail"]
    assert "request" not in detail
    assert "forgotten" in detail["gone"]
    before = len(other.data["saved"]["nodes"])
    data = other.acts("branch", node=node, run=other.run(), position=0, id=5)
    assert "not kept any more" in data["notice"]["text"]
    assert len(data["saved"]["nodes"]) == before


@pytest.mark.parametrize("act", [None, 7, [], {}, {"seq": "x"}, {"seq": 9**20, "kind": ["x"]}])
def test_an_act_that_makes_no_sense_changes_nothing(tab, act):
    tab.visit.app.session_state["chat-acts"] = [act]
    tab.visit.app.run()
    assert not tab.visit.app.exception


def test_another_server_is_picked_with_its_model(tab):
    data = tab.acts("pick", server="demo-hang", model="demo/sentencepiece-7b")
    assert (data["server"], data["model"]) == ("demo-hang", "demo/sentencepiece-7b")


def test_looking_at_another_page_writes_nothing(visit, monkeypatch):
    begun = []
    monkeypatch.setattr(house().answers, "spawn", begun.append)
    visit.opens("pages/live/rca_cache.py")
    assert not begun


def opens_tool(tab, name):
    tab.visit.app.session_state["chat-tools"] = name
    tab.visit.app.run()
    assert not tab.visit.app.exception


def waits_for(tab, name):
    until(lambda: not (job := talk_of(tab).kept[name]).is_running and job, 60)
    tab.visit.app.run()
    assert not tab.visit.app.exception
    return " ".join(one.value for one in tab.visit.app.text)


def talk_of(tab):
    return house().talks.get(tab.data["tab"])


def test_the_same_seed_is_asked_several_times(tab):
    opens_tool(tab, "Same seed")
    tab.visit.app.text_area(key="same-text").set_value("hello").run()
    assert "Costs 3 answers of demo-chat" in tab.visit.app.caption[-1].value.replace("\\", "")
    tab.visit.app.button(key="same-go").click().run()
    assert not tab.visit.app.exception
    assert "All 3 answers are the same." in waits_for(tab, "same")
    assert len(tab.visit.mounted("table")["rows"]) == 3


def test_a_tool_is_stopped(tab):
    settings = tab.data["settings"]
    settings["parameters"] |= {"max_tokens": "2000", "ignore_eos": "true"}
    tab.acts("settings", settings=settings)
    opens_tool(tab, "Same seed")
    tab.visit.app.button(key="same-go").click().run()
    tab.visit.app.button(key="same-stop").click().run()
    assert "Stopped after" in waits_for(tab, "same")
    until(lambda: all(one.is_over for one in talk_of(tab).kept["same"].runs))


def test_a_prompt_is_sent_cold_and_warm(tab):
    opens_tool(tab, "Prefix cache")
    tab.visit.app.button(key="cache-go").click().run()
    assert "first token" in waits_for(tab, "cache")
    assert [row[0] for row in tab.visit.mounted("table")["rows"]] == ["cold", "warm"]


def test_eight_canaries_tell_what_a_server_can_do(tab):
    opens_tool(tab, "What it can do")
    assert "requests" in tab.visit.app.caption[-1].value
    tab.visit.app.button(key="report-go").click().run()
    until(lambda: not talk_of(tab).kept["report"].is_running, 120)
    tab.visit.app.run()
    rows = tab.visit.mounted("table")["rows"]
    assert len(rows) == 8
    verdicts = {row[0]: row[1] for row in rows}
    assert verdicts["Refuses a bad value"] == verdicts["JSON schema"] == "yes"
    assert set(verdicts.values()) <= {"yes", "partly", "no", "not offered"}
    print(rows)


def test_a_server_gone_in_the_middle_leaves_what_it_said(dashboard):
    listed = answer_json({"object": "list", "data": [{"id": "m", "object": "model"}]})
    speaker = Speaker([chunk(content="half an ")], done=False)
    with FaultServer({"/v1/models": listed, "POST /v1/chat/completions": speaker}) as server:
        tab = Tab(dashboard(VLLM_SERVERS=f"odd={server.url}"))
        data = tab.says("hello")
    answer = data["path"][-1]
    assert (answer["text"], answer["state"]) == ("half an ", "failed")
    assert len(answer["trouble"]) > 20
    assert answer["may"]["continue"]
    assert data["draft_back"] == ""


def test_a_server_that_hangs_holds_up_no_page(dashboard, hasty):
    hasty()
    with FaultServer({"*": hang()}) as server:
        tab = Tab(dashboard(VLLM_SERVERS=f"hung={server.url}"))
        with Stalls() as stalls:
            begun = time.monotonic()
            data = tab.acts("send", run=tab.run(), text="mine")
            ended = time.monotonic()
            took = ended - begun - stalls.within(begun, ended)
    assert took < 3 * slowness()  # it was asked for much longer than that
    assert data["draft_back"] == "mine"
    assert data["notice"]["text"].startswith("Not sent: ")
