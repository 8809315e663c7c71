"""What a tab of the API Explorer keeps of what it sent, and what it sends again."""

import asyncio

import pytest
from streamlit.testing.v1 import AppTest

from lib.api import Control, File, Listed, Route, State, Trial, Tried
from lib.ui.explorer.past import Past
from lib.ui.exploring import Sending
from lib.ui.house import house
from tests.support.faulty import FaultServer, answer_json
from tests.support.waiting import until

SECONDS = 30
MEGABYTE = 1 << 20


def script():
    """A run of the page: take up what was sent, send one of it again, list it."""
    import streamlit as st  # noqa: PLC0415 - all that a script is stands in it

    from lib.ui.explorer import past, trying  # noqa: PLC0415

    for one in st.session_state.pop("new", []):
        past.add(one)
    for one in st.session_state.pop("again", []):
        trying.send_again(one)
    st.session_state["rows"] = past.rows()


class Tab:
    """A tab that has sent something to a server."""

    def __init__(self, server):
        self.server = server
        self.app = AppTest.from_function(script, default_timeout=SECONDS)

    def runs(self, **told):
        for name, value in told.items():
            self.app.session_state[name] = value
        self.app.run()
        assert not self.app.exception
        return self.app.session_state["rows"]

    def sends(self, *every):
        """One after another; the rows of them all, as they were sent."""
        return list(reversed(self.runs(new=list(every))))

    def past(self, route, trial, answered=0):
        """One that has ended, with an answer of so many bytes."""
        listed = Listed(
            route.method, route.path, route, route.way.group, "", "", "", None, None, State.PRESENT
        )
        tried = Tried(200, {}, 0.1, bytes(answered), 1.0)
        return Past(
            house().named(self.server), listed, Sending(trial, tried=tried), "what was sent"
        )

    def heard(self, megabytes, answered=0):
        """The same of a sound."""
        file = File("a.wav", "audio/wav", bytes(megabytes * MEGABYTE))
        trial = Trial(Route.TRANSCRIPTIONS, form={"model": "m"}, file=file)
        return self.past(Route.TRANSCRIPTIONS, trial, answered)


@pytest.fixture
def server():
    with FaultServer({"/tokenize": answer_json({"count": 1})}) as server:
        yield server


@pytest.fixture
def tab(dashboard, server):
    dashboard(VLLM_SERVERS=f"real={server.url}")
    return Tab("real")


def asked(server):
    return [one.path for one in server.seen if one.method == "POST"]


def test_sounds_count_in_what_a_tab_keeps_and_the_oldest_go_first(tab):
    every = [tab.heard(7) for _ in range(4)]
    rows = tab.sends(*every)
    assert [one.sending.trial.file is None for one in every] == [True, True, False, False]
    assert [bool(row["again"]) for row in rows] == [False, False, True, True]
    assert [row["barred"] for row in rows][:3] == ["its sound is no longer kept"] * 2 + [""]


def test_a_sound_goes_before_an_answer(tab):
    first = tab.past(Route.METRICS, Trial(Route.METRICS), answered=10 * MEGABYTE)
    heard = tab.heard(5, answered=1000)
    tab.sends(first, heard)
    assert heard.sending.trial.file
    tab.sends(newest := tab.past(Route.VERSION, Trial(Route.VERSION), answered=3 * MEGABYTE))
    assert heard.sending.trial.file is None
    assert len(first.sending.tried.body) == 10 * MEGABYTE
    tab.sends(tab.past(Route.VERSION, Trial(Route.VERSION), answered=4 * MEGABYTE))
    assert [one.sending.tried.body == b"" for one in (first, heard, newest)] == [True, False, False]
    assert (first.remark, heard.remark) == ("Its body is no longer kept.", "")


def test_what_is_on_its_way_keeps_its_sound(tab):
    running = tab.heard(12)
    running.sending.work = house().answers.spawn(asyncio.Event().wait())
    tab.sends(running, tab.heard(12))
    assert running.sending.trial.file
    running.sending.stop()


def test_a_request_is_sent_again_to_the_server_it_went_to(tab, server):
    one = tab.past(Route.TOKENIZE, Trial(Route.TOKENIZE, body={"prompt": "x"}))
    assert tab.sends(one)[0]["again"]
    tab.runs(again=[one])
    until(lambda: asked(server) == ["/tokenize"], SECONDS)


@pytest.mark.parametrize("now", ["other={url}", "real=http://127.0.0.1:9", "real={url}/v2"])
def test_a_server_that_is_gone_or_has_changed_is_sent_nothing_again(tab, server, monkeypatch, now):
    one = tab.past(Route.TOKENIZE, Trial(Route.TOKENIZE, body={"prompt": "x"}))
    tab.sends(one)
    monkeypatch.setenv("VLLM_SERVERS", now.format(url=server.url))
    house().forget_servers()
    (row,) = tab.runs(again=[one])
    assert (row["again"], row["barred"]) == ("", "its server has changed, or is gone")
    assert asked(server) == []


def test_what_changes_a_server_is_sent_from_its_own_form_only(tab, server):
    one = tab.past(Control.SCALE, Trial(Control.SCALE, body={"new_data_parallel_size": 2}))
    (row,) = tab.runs(new=[one], again=[one])
    assert (row["again"], row["barred"]) == ("", "only from its own form")
    assert asked(server) == []
