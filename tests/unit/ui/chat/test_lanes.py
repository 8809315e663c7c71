import pytest

from lib.chat.settings import Settings
from lib.ui.chat.lanes import overridden

ASKED = Settings(parameters={"temperature": "1", "max_tokens": "9"})


@pytest.mark.parametrize(
    ("typed", "parameters"),
    [
        ("", {}),
        ("temperature 0.2", {"temperature": "0.2"}),
        ("temp=0, seed: 7", {"temperature": "0", "seed": "7"}),
        (" Max tokens 12 ,", {"max_tokens": "12"}),
        ("top_p 0.5, Top k 3", {"top_p": "0.5", "top_k": "3"}),
    ],
)
def test_a_lane_changes_what_it_names_and_keeps_the_rest(typed, parameters):
    changed, problem = overridden(ASKED, typed)
    assert problem == ""
    assert changed.parameters == {**ASKED.parameters, **parameters}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("hotness 3", "hotness 3 is no parameter"),
        ("temperature", "is no parameter with its value"),
        ("temperature hot", "Temperature is a number"),
        ("seed 1; drop", "Seed is a whole number"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(typed, words):
    assert words in overridden(ASKED, typed)[1]
