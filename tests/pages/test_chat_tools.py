"""The tools of the Chat page at servers that do not answer to the end."""

from lib.ui.house import house
from tests.pages.test_chat_page import Tab, opens_tool, waits_for
from tests.support.faulty import FaultServer, answer_json
from tests.unit.ui.chat.speaking import Speaker, chunk

LISTED = answer_json({"object": "list", "data": [{"id": "m", "object": "model"}]})


class OneAfterAnother:
    """Answers each request by the next of its speakers, and from then on by the last."""

    def __init__(self, *speakers):
        self.speakers = list(speakers)

    async def __call__(self, exchange):
        speaker = self.speakers.pop(0) if len(self.speakers) > 1 else self.speakers[0]
        await speaker(exchange)


def test_an_answer_that_broke_off_is_no_other_answer(dashboard):
    whole = Speaker([chunk(content="one "), chunk(content="two", finish="stop")])
    broken = Speaker([chunk(content="one ")], done=False)
    speakers = OneAfterAnother(whole, broken, whole)
    with FaultServer({"/v1/models": LISTED, "POST /v1/chat/completions": speakers}) as server:
        tab = Tab(dashboard(VLLM_SERVERS=f"odd={server.url}"))
        opens_tool(tab, "Same seed")
        tab.visit.app.button(key="same-go").click().run()
        words = waits_for(tab, "same")
    assert "All 2 answers are the same." in words
    assert len(tab.visit.app.warning) == 1
    states = [one.state for one in house().talks.get(tab.data["tab"]).kept["same"].runs]
    assert states == ["done", "failed", "done"]
