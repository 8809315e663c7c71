"""The Tokenizer page where a server, an id or a price is out of the ordinary."""

import json

import pytest

from tests.support.faulty import FaultServer, answer_json, recorded

TOKENIZER = "pages/lab/tokenizer.py"


def a_server(length, told=None):
    """Behaviours of a server whose context has so many tokens; `told` is what each answer says."""
    row = {"id": "m", "object": "model", "max_model_len": length}
    answer = {"count": 1, "max_model_len": told or length, "tokens": [5], "token_strs": ["a"]}
    return {
        "/version": recorded("version.json"),
        "/openapi.json": recorded("openapi.json"),
        "/v1/models": answer_json({"object": "list", "data": [row]}),
        "/tokenize": answer_json(answer),
        "/detokenize": answer_json({"prompt": "a"}),
    }


@pytest.mark.parametrize("absurd", [-5, 2**40])
def test_a_context_length_that_can_be_none_is_a_dash(dashboard, absurd):
    with FaultServer(a_server(None, absurd)) as server:
        visit = dashboard(VLLM_SERVERS=f"x={server.url}").opens(TOKENIZER, text="a")
        assert not visit.app.exception
        tiles = {one["label"]: one["value"] for one in visit.mounted("tokens")["tiles"]}
        assert tiles["of the context"] == "–"
        assert visit.app.number_input[0].value == 4096


def test_another_server_brings_its_own_context_length(dashboard):
    behaviours = {f"/a{path}": one for path, one in a_server(100).items()}
    behaviours |= {f"/b{path}": one for path, one in a_server(7000).items()}
    with FaultServer(behaviours) as server:
        visit = dashboard(VLLM_SERVERS=f"a={server.url}/a,b={server.url}/b")
        visit.opens(TOKENIZER, server="a", text="a")
        assert visit.app.number_input[0].value == 100
        visit.app.session_state["server"] = visit.app.session_state["servers"] = "b"
        visit.app.run()
        assert visit.app.number_input[0].value == 7000


def test_many_pasted_ids_are_asked_about_once(dashboard):
    with FaultServer(a_server(100)) as server:
        visit = dashboard(VLLM_SERVERS=f"x={server.url}").opens(TOKENIZER, text="a")
        visit.app.session_state["token-tools"] = "Ids to text"
        visit.app.run()
        visit.app.text_area(key="ids-typed").set_value(" ".join(map(str, range(300)))).run()
        assert "not asked for 44 further ids" in " ".join(one.value for one in visit.app.text)
        asked = decodings(server)
        visit.app.run()
        assert decodings(server) - asked <= 1


def decodings(server):
    return sum(one.path == "/detokenize" for one in server.seen)


def test_an_id_of_a_blank_alone_is_not_said_to_be_unknown(dashboard):
    async def blanks(exchange):
        ids = json.loads(exchange.seen.body)["tokens"]
        spelled = " " * ids.count(29871) + "7" * ids.count(7)
        await answer_json({"prompt": spelled.removeprefix(" ")})(exchange)

    with FaultServer(a_server(100) | {"/detokenize": blanks}) as server:
        visit = dashboard(VLLM_SERVERS=f"x={server.url}").opens(TOKENIZER, text="a")
        visit.app.session_state["token-tools"] = "Ids to text"
        visit.app.run()
        visit.app.text_area(key="ids-typed").set_value("29871 7 8").run()
        said = " ".join(one.value for one in visit.app.text)
        assert "dropped 1 id that it does not know: 8." in said


def test_a_price_that_cannot_be_read_is_one_sentence(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens(
        TOKENIZER, server="demo-chat", text="a", price="1,000"
    )
    data = visit.mounted("tokens")
    assert data["tiles"][-1]["value"] == "–"
    assert any("in thousands?" in one["text"] for one in data["remarks"])


def test_one_text_that_is_refused_keeps_none_of_the_others_from_being_counted(dashboard):
    with FaultServer(a_server(100)) as server:
        visit = dashboard(VLLM_SERVERS=f"x={server.url}").opens(TOKENIZER, text="a")
        visit.app.session_state["token-tools"] = "Many texts"
        visit.app.run()
        lines = "\n".join(["one", "你" * 400_000, "two"])
        visit.app.text_area(key="batch-lines").set_value(lines).run()
        visit.app.button(key="batch-count").click().run()
        assert not visit.app.exception
        assert any("2 tokens in 2 texts on x" in one.value for one in visit.app.text)
        assert "larger than is sent at once" in visit.app.warning[0].value
