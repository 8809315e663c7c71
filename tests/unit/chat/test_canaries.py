"""Eight requests and what their answers mean, for models that talk rubbish as for any other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api import Route
from lib.api.deltas import Usage
from lib.api.errors import BadRequest, NotOffered, Reason, Unreachable
from lib.api.generation import Generation
from lib.chat import verdicts
from lib.chat.canaries import CANARIES, Facts, cost
from tests.unit.chat.said import reply, says, streamed

KNOWN = {one.key: one for one in CANARIES}
BAD = BadRequest(Reason.BAD_REQUEST, "No.", status=400, detail="temperature must be non-negative")
ABSENT = NotOffered(Reason.NO_TASK, "This server does not chat.", status=404)
GONE = Unreachable(Reason.CLOSED, "It closed the connection.")
FACTS = st.builds(
    Facts, st.none() | st.integers(1, 200_000), st.sampled_from([None, "0.6.3", "0.32.0"])
)


def state(key, *answers):
    return KNOWN[key].judge(answers).state


def made(key, **facts):
    return KNOWN[key].make("m", Facts(**facts))


def called(arguments, name=verdicts.TOOL, finish="tool_calls"):
    return reply(says(0.1, tool=(name, arguments), finish=finish))


def cut(text):
    return streamed(text, finish="length")


@given(FACTS)
def test_every_request_may_be_sent_and_is_short(facts):
    assert len(CANARIES) == 8
    for one in CANARIES:
        requests = one.make("m", facts)
        assert all(isinstance(request, Generation) for request in requests)
        assert cost(requests) <= 180


def test_all_of_them_cost_less_than_one_thousand_tokens():
    assert sum(cost(one.make("m", Facts())) for one in CANARIES) < 1_000


@pytest.mark.parametrize(
    ("release", "field"), [("0.6.3", "guided_choice"), ("0.32.0", "structured_outputs")]
)
def test_a_text_is_bound_in_the_words_of_the_release(release, field):
    assert field in made("emoji", release=release)[0].body


def test_the_texts_that_are_bound_are_one_choice_each():
    for key in ("emoji", "stop", "unicode"):
        assert len(made(key)[0].body["structured_outputs"]["choice"]) == 1


@pytest.mark.parametrize(
    ("limit", "least", "most"),
    [(None, 1_800, 2_000), (400, 200, 300), (2_048, 1_900, 1_950), (10**6, 3_800, 3_900)],
)
def test_the_long_prompt_comes_near_the_limit_and_is_capped(limit, least, most):
    text = made("long", limit=limit)[0].body["messages"][0]["content"]
    assert least <= text.count(" the") <= most


def test_the_echo_is_a_completion_of_the_same_text():
    written, echo = made("unicode")
    assert echo.route is Route.COMPLETIONS
    assert echo.body["prompt"] == written.body["structured_outputs"]["choice"][0]


@pytest.mark.parametrize(
    ("key", "answer", "expected"),
    [
        ("schema", streamed('"red"'), "yes"),
        ("schema", cut('"bl'), "partly"),
        ("schema", cut('"gr'), "no"),
        ("schema", streamed("Water is wet."), "no"),
        ("schema", streamed('{"colour": "red"}'), "no"),
        ("tools", called('{"colour": "red"}'), "yes"),
        ("tools", called('{"colour": "re', finish="length"), "yes"),
        ("tools", called('{"colour": "ma', finish="length"), "partly"),
        ("tools", called('{"colour": "mauve"}'), "partly"),
        ("tools", called("{}", name="other"), "no"),
        ("tools", streamed("I paint."), "no"),
        ("reasoning", reply(says(0.1, "x", "hm")), "yes"),
        ("reasoning", streamed("<think>hm</think>x"), "partly"),
        ("reasoning", streamed("9.9"), "no"),
        ("emoji", streamed(verdicts.EMOJI), "yes"),
        ("emoji", streamed("Sure: ", verdicts.EMOJI, "!"), "yes"),
        ("emoji", streamed(verdicts.EMOJI[:4]), "partly"),
        ("emoji", cut(verdicts.EMOJI[:4]), "partly"),
        ("emoji", streamed("ok \ufffd\ufffd ok"), "no"),
        ("stop", streamed("red ", stop="STOP"), "yes"),
        ("stop", streamed("red "), "yes"),
        ("stop", streamed("red STOP blue"), "no"),
        ("stop", streamed("green"), "partly"),
        ("stop", cut("red "), "partly"),
        ("stop", reply(says(0.1, reasoning="say red ", finish="stop", stop="STOP")), "yes"),
        ("emoji", reply(says(0.1, reasoning="hm", finish="length")), "partly"),
        ("long", streamed("x", usage=Usage(3_900, 1)), "yes"),
        ("long", streamed("x", usage=None), "partly"),
        ("unicode", streamed(verdicts.SCRIPTS), "yes"),
        ("unicode", streamed(verdicts.SCRIPTS.replace("你", "\ufffd")), "no"),
        ("unicode", streamed("Hello"), "partly"),
        ("refusal", streamed("Hi"), "no"),
        ("refusal", BAD, "yes"),
        ("refusal", GONE, "unknown"),
        ("long", BadRequest(Reason.CONTEXT, "Too long."), "no"),
    ],
)
def test_each_answer_has_its_verdict(key, answer, expected):
    assert state(key, answer) == expected


def test_a_tool_may_be_left_to_the_model_or_only_forced():
    good = called('{"colour": "red"}')
    assert state("tools", good, good) == "yes"
    assert state("tools", good, streamed("I paint.")) == "yes"
    assert state("tools", good, BAD) == "partly"
    assert state("tools", good, GONE) == "partly"
    assert state("tools", BAD, good) == "no"


def test_a_server_that_names_the_flag_it_lacks_does_not_offer_it():
    words = "tool_choice requires --tool-call-parser to be set, --tool-call-parser"
    found = KNOWN["tools"].judge([BadRequest(Reason.BAD_REQUEST, "No.", detail=words)])
    assert found.state == "not offered"
    assert found.sentence.endswith("needs: --tool-call-parser.")


def test_a_prompt_that_comes_back_changed_is_told():
    good = streamed(verdicts.SCRIPTS)
    assert state("unicode", good, streamed(verdicts.SCRIPTS + " more")) == "yes"
    assert state("unicode", good, streamed("Å½luÅ¥ouÄ")) == "no"
    assert state("unicode", good, ABSENT) == "yes"
    assert state("unicode", ABSENT, streamed(verdicts.SCRIPTS)) == "not offered"


@pytest.mark.parametrize("key", KNOWN.keys() - {"refusal"})
def test_a_refusal_is_no_ability(key):
    assert state(key, ABSENT, ABSENT) == "not offered"
    assert state(key, BAD, BAD) == "no"
    assert state(key, GONE, GONE) == "unknown"
    assert "It closed the connection." in KNOWN[key].judge([GONE, GONE]).sentence
    assert state(key) == "unknown"


def test_reasoning_that_took_all_tokens_is_told():
    thinking = reply(says(0.1, reasoning="hm", finish="length"))
    for key in ("schema", "tools", "emoji", "stop", "unicode"):
        found = KNOWN[key].judge([thinking])
        assert (found.state, "took all the tokens" in found.sentence) == ("partly", True)


def test_what_was_seen_is_one_short_line():
    found = KNOWN["schema"].judge([streamed("a\n\u202e" * 900)])
    assert len(found.evidence) <= 120
    assert found.evidence.isprintable()


TEXTS = st.sampled_from(["", "{", '"red"', verdicts.EMOJI, "red ", "\ufffd"])
ANSWERS = st.sampled_from([BAD, ABSENT, GONE]) | st.builds(
    lambda text, why, finish: reply(says(0.1, text, why, finish=finish)),
    TEXTS | st.text(max_size=20),
    st.sampled_from(["", "hm"]),
    st.sampled_from([None, "stop", "length"]),
)


@given(st.sampled_from(CANARIES), st.lists(ANSWERS, max_size=2))
def test_any_answers_have_a_verdict_in_one_sentence(canary, answers):
    found = canary.judge(answers)
    assert found.state in ("yes", "partly", "no", "not offered", "unknown")
    assert found.sentence.endswith((".", ")."))
