"""What the Chat page says of each parameter at a server that describes itself."""

import json

import pytest

from lib.ui.house import house
from tests.support.faulty import RECORDINGS, FaultServer, answer_json
from tests.support.waiting import until

CHAT = "pages/lab/chat.py"
MODELS = {"object": "list", "data": [{"id": "m", "object": "model"}]}


@pytest.fixture
def described():
    """A server of a release that knows no min_p, and ends no answer at its end."""
    description = json.loads((RECORDINGS / "openapi.json").read_bytes())
    fields = description["components"]["schemas"]["ChatCompletionRequest"]["properties"]
    del fields["min_p"]
    fields["ignore_eos"]["default"] = True
    answers = {
        "/version": answer_json({"version": "0.9.0"}),
        "/v1/models": answer_json(MODELS),
        "/openapi.json": answer_json(description),
    }
    with FaultServer(answers) as server:
        yield server


def test_what_a_release_does_not_know_is_marked(dashboard, described):
    visit = dashboard(VLLM_SERVERS=f"old={described.url}").opens(CHAT)
    (server,) = house().watched()
    until(lambda: house().asked.told(server).capabilities)
    visit.app.run()
    assert not visit.app.exception
    own = {one["name"]: one["default"] for one in visit.mounted("chat")["parameters"]}
    assert own["min_p"] == "this server does not know it"
    assert own["ignore_eos"] == "true"
    assert own["temperature"] == "the model's own, else 1"
