import pytest

from lib.diagnosis import Cause, Forecast, Outlook
from lib.diagnosis.forecast import forecasts
from lib.metrics import Window
from lib.ui.ahead import outlook_of

SOON = Forecast("KV cache full in", 240.0, 180.0, 360.0, "3 – 6 min", "by its slope")
WHATS = (
    "KV cache full in",
    "Queue grows by",
    "Queue empty in",
    "A new request waits",
    "The oldest waits",
)


def refused(what, why):
    return Forecast(what, None, None, None, "", "by its pace", refused=why)


def said(*forecasts):
    told = outlook_of(Outlook(forecasts))["refused"]
    return told["begin"] + ", ".join(part["words"] for part in told["parts"])


def test_a_forecast_that_was_refused_says_why_and_is_no_figure():
    told = outlook_of(Outlook((SOON, refused("Queue grows by", "no clear trend (−1 to +2 / min)"))))
    assert told["forecasts"] == [
        {"what": "KV cache full in", "words": "3 – 6 min", "how": "by its slope"}
    ]
    part = told["refused"]["parts"][0]
    assert part["words"] == "how the queue grows (no clear trend)"
    assert part["how"] == "no clear trend (−1 to +2 / min); by its pace"


def test_those_without_a_forecast_read_as_one_sentence():
    assert said(refused(WHATS[0], "only 14% of it is used"), refused(WHATS[1], "level")) == (
        "No forecast of when the KV cache is full (only 14% of it is used), how the queue grows"
        " (level)"
    )


def test_one_reason_for_all_is_said_once():
    why = "needs 60 s of readings"
    assert said(*(refused(what, why) for what in WHATS)) == f"No forecast: {why}"


def test_every_forecast_that_is_made_has_its_words_when_it_is_refused():
    window = Window.of([], start=0.0, end=60.0, period=1.0)
    assert tuple(one.what for one in forecasts(window)) == WHATS
    assert all(f"{what} (" not in said(SOON, refused(what, "level")) for what in WHATS)


def test_an_empty_queue_is_no_forecast_that_fails():
    told = outlook_of(Outlook((SOON, refused("Queue empty in", "nothing waits"))))
    assert told["refused"] is None


@pytest.mark.parametrize(
    ("what", "words", "read"),
    [
        ("KV cache full in", "already at the ceiling", "KV cache: already at the ceiling"),
        ("KV cache full in", "about 3 min", "KV cache full in about 3 min"),
        ("Queue grows by", "\N{MINUS SIGN}40 / min", "Queue grows by \N{MINUS SIGN}40 / min"),
        ("Queue empty in", "does not drain", "The queue does not drain"),
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
    assert outlook_of(Outlook()) == {"forecasts": [], "refused": None, "waiting": []}
