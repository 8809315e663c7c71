"""What the tools say in the address, as a page script would: in a session of Streamlit's own."""

import json

import pytest
from streamlit.testing.v1 import AppTest


def script():
    """A run of the page: follow, let a tool say what the test told it, write."""
    import streamlit as st  # noqa: PLC0415 - all that a script is stands in it

    from lib.ui.rca import link  # noqa: PLC0415

    st.session_state["news"] = link.follow()
    for say in st.session_state.pop("says", []):
        link.say(**say)
    link.write(("tool", *st.session_state.get("names", ("a", "b"))))
    st.session_state["told"] = {name: link.said(name) for name in sorted(link.NAMES)}


@pytest.fixture
def session():
    return AppTest.from_function(script, default_timeout=30)


def queries(app):
    """What the browser is to write: names with a value, and those that it takes away."""
    (element,) = app.get("bidi_component")
    query = json.loads(element.proto.json)["query"]
    return {name: value for name, value in query.items() if value is not None}, set(query)


def told(app):
    return {name: value for name, value in app.session_state["told"].items() if value}


def test_a_link_is_followed_once(session):
    session.query_params["tool"], session.query_params["a"] = "changes", "12:00"
    session.run()
    assert not session.exception
    assert session.session_state["news"]
    assert told(session) == {"tool": "changes", "a": "12:00"}
    session.session_state["says"] = [{"a": "13:00"}]
    session.run()
    session.run()  # the browser has not written it yet
    assert not session.session_state["news"]
    assert told(session)["a"] == "13:00"


def test_what_was_said_is_no_news_when_the_browser_sends_it_back_late(session):
    for a in ("1", "2", "3"):
        session.session_state["says"] = [{"a": a}]
        session.run()
    session.query_params["a"] = "2"
    session.run()
    assert not session.session_state["news"]
    assert told(session)["a"] == "3"
    session.query_params["a"] = "9"
    session.run()
    assert session.session_state["news"]
    assert told(session) == {"a": "9"}


def test_only_the_open_tools_names_are_written_and_the_others_taken_away(session):
    session.session_state["says"] = [{"tool": "changes", "a": "1", "of": "ttft"}]
    session.run()
    query, names = queries(session)
    assert query == {"tool": "changes", "a": "1"}
    assert {"of", "among", "with"} <= names
    assert told(session)["of"] == "ttft"


def test_nothing_takes_a_name_away(session):
    session.session_state["says"] = [{"a": "1"}, {"a": ""}]
    session.run()
    assert queries(session)[0] == {}


def test_a_value_without_end_is_cut(session):
    session.query_params["a"] = "x" * 9_000
    session.run()
    assert len(told(session)["a"]) == 1_000
    session.session_state["says"] = [{"b": "y" * 9_000}]
    session.run()
    assert len(told(session)["b"]) == 1_000
