import pytest

from lib.diagnosis import Cause, Forecast, Outlook
from lib.ui.ahead import outlook_of

SOON = Forecast("KV cache full in", 240.0, 180.0, 360.0, "3 – 6 min", "by its slope")
NEVER = Forecast("Queue empty in", None, None, None, "", "by its pace", refused="nothing waits")


def test_a_forecast_that_was_refused_says_why_and_is_no_figure():
    told = outlook_of(Outlook((SOON, NEVER)))
    assert told["forecasts"] == [
        {"what": "KV cache full in", "words": "3 – 6 min", "how": "by its slope"}
    ]
    assert told["refused"] == [{"what": "Queue empty", "how": "nothing waits; by its pace"}]


@pytest.mark.parametrize(
    ("what", "words", "read"),
    [
        ("KV cache full in", "already at the ceiling", "KV cache full: already at the ceiling"),
        ("KV cache full in", "about 3 min", "KV cache full in about 3 min"),
        ("Queue grows by", "\N{MINUS SIGN}40 / min", "Queue grows by \N{MINUS SIGN}40 / min"),
        ("Queue empty in", "does not drain", "Queue empty: does not drain"),
        ("The oldest waits", "at least 4 s", "The oldest waits at least 4 s"),
    ],
)
def test_what_is_forecast_and_its_words_read_as_one_sentence(what, words, read):
    one = outlook_of(Outlook((Forecast(what, 0.0, 0.0, 0.0, words, "how"),)))["forecasts"][0]
    assert f"{one['what']} {one['words']}" == read


def test_causes_of_waiting_have_their_number_and_share():
    cause = Cause("seat limit", 12, 0.75, "12 wait for a seat.", "the finding above")
    told = outlook_of(Outlook((), (cause,)))["waiting"]
    assert [(one["name"], one["count"], one["share"]) for one in told] == [
        ("seat limit", "12", "75\u202f%")
    ]


def test_what_a_server_calls_a_reason_is_one_printable_line():
    cause = Cause("\u202e\n" * 60, 1, 1.0, "1 waits.\n", "how")
    told = outlook_of(Outlook((), (cause,)))["waiting"][0]
    assert told["name"].isprintable()
    assert len(told["name"]) <= 40


def test_an_empty_outlook_says_nothing():
    assert outlook_of(Outlook()) == {"forecasts": [], "refused": [], "waiting": []}
