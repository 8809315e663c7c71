import math
from datetime import UTC

from lib.diagnosis.measures import MEASURES
from lib.diagnosis.peers import compared
from lib.ui.rca.compare import rows, sentence
from tests.unit.diagnosis.invented import window_of

WAITING = next(one for one in MEASURES if one.name == "waiting")


def among(**servers):
    windows = {name: window_of({"waiting": one}, seconds=600) for name, one in servers.items()}
    return compared(WAITING, windows)


def test_the_one_out_of_line_is_named_with_its_figures_and_since_when():
    found = among(a=10.0, b=10.0, c=lambda t: 10.0 if t < 200 else 40.0)
    said = sentence(found, UTC)
    assert said.startswith(
        "c is out of line: Waiting 40 against the median 10, 4.00 ×, since 00:03"
    )
    assert rows(found)[2] == ("c", "40", "40", "4.00 ×", "out of line")
    assert rows(found)[0] == ("a", "10", "10", "±0 %", "")


def test_several_are_named_after_the_worst():
    said = sentence(among(a=10.0, b=11.0, c=9.0, d=10.0, e=10.0, f=70.0, g=90.0), UTC)
    assert said.startswith("g is out of line")
    assert said.endswith(". So is f")


def test_of_two_it_is_said_against_whom():
    assert "against the other's 10" in sentence(among(a=10.0, b=30.0), UTC)
    assert sentence(among(a=10.0, b=11.0), UTC) == "Both agree: Waiting"


def test_nobody_out_of_line_is_an_answer():
    assert sentence(among(a=1.0, b=1.0, c=1.0), UTC) == "None of 3 is out of line: Waiting"


def test_servers_without_a_value_are_told():
    found = among(a=1.0, b=math.nan)
    assert sentence(found, UTC).startswith("Only one of these servers has had a value")
    assert sentence(among(a=math.nan, b=math.nan), UTC).startswith("None of these servers")
    assert rows(found)[1] == ("b", "–", "–", "–", "no value")


def test_a_name_is_text_of_somebody_else():
    assert rows(among(**{"a\u202e": 1.0, "b": 1.0}))[0][0] == "a"
