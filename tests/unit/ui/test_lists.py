import json
import time

import pytest

from lib.health import State, Status
from lib.ui.listing import Listing
from lib.ui.lists import RAW_LENGTH, raw_of, trouble_of
from tests.unit.ui.test_listing import answer, model, refused

BUSY = Status(State.BUSY, 5.0, "2 running.")


def listing(raw):
    return Listing().answered(answer(model(), raw=raw), 10.0)


# ── Lists that are none ──


def test_a_list_with_models_and_one_that_was_not_asked_for_are_no_trouble():
    assert trouble_of("a", listing(b"{}"), BUSY) is None
    assert trouble_of("a", Listing(), None) is None


def test_an_empty_list_is_trouble_although_the_server_is_well():
    found = trouble_of("a", Listing().answered(answer(), 10.0), BUSY)
    assert found["words"] == "its list of models is empty"
    assert (found["tone"], found["since"]) == ("bad", 10.0)
    assert "serves nothing" in found["text"]
    assert "gateway" in found["remedy"]


def test_a_list_that_is_not_given_says_why_and_what_to_do():
    found = trouble_of("a", Listing().failed(refused("Nothing listens at it."), 20.0), BUSY)
    assert found["text"] == "Nothing listens at it."
    assert found["since"] == 20.0
    assert "opens its port" in found["remedy"]


def test_the_last_list_is_told_to_be_an_old_one():
    found = trouble_of("a", listing(b"{}").failed(refused("It is gone."), 20.0), BUSY)
    assert found["text"] == "It is gone. What is shown of its models is from its last answer."


def test_a_server_that_is_down_gives_no_list_before_it_is_asked_again():
    down = Status(State.TIMED_OUT, 15.0, "No answer for 3 s.")
    found = trouble_of("a", listing(b"{}"), down)
    assert (found["since"], found["remedy"]) == (15.0, down.remedy)
    assert found["text"].startswith("No answer for 3 s.")


def test_a_servers_words_are_cut_and_on_one_line():
    found = trouble_of("a", Listing().failed(refused("x\n\u202ey" * 500), 1.0), None)
    assert len(found["text"]) == 400
    assert "\n" not in found["text"]
    assert "\u202e" not in found["text"]


# ── The answer as it came ──


def test_json_is_indented_and_anything_else_stays_as_it_came():
    assert raw_of(listing(b'{"data":[{"id":"m"}]}')) == (
        '{\n  "data": [\n    {\n      "id": "m"\n    }\n  ]\n}'
    )
    assert raw_of(listing(b"<html>no</html>")) == "<html>no</html>"
    assert raw_of(Listing()) == ""


def test_nothing_invisible_is_left_in_it():
    text = raw_of(listing(json.dumps({"id": "a\u202eb\u200b\x1b"}, ensure_ascii=False).encode()))
    assert '"a\\u202eb\\u200b\\u001b"' in text
    assert raw_of(listing(b"\xff\xfe")).isprintable()


def test_a_long_answer_is_cut_and_its_size_told():
    text = raw_of(listing(json.dumps(["x" * 100] * 5_000).encode()))
    assert len(text) < RAW_LENGTH + 80
    assert text.endswith("… more; the whole answer has 520000 bytes")


@pytest.mark.parametrize("depth", [900, 60_000])
def test_a_deep_answer_costs_no_more_than_is_shown(depth):
    began = time.thread_time()
    text = raw_of(listing(b"[" * depth + b"]" * min(depth, 5_000)))
    assert time.thread_time() - began < 1.0
    assert len(text) < RAW_LENGTH + 80
