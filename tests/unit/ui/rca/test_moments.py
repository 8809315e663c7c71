from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.ui.rca import moments

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 7, 14, 12, 30, 15, tzinfo=UTC).timestamp()


def at(text, where=BERLIN):
    return moments.read(text, NOW, where)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("now", "2026-07-14T12:30:15Z"),
        ("10 min ago", "2026-07-14T12:20:15Z"),
        ("90s", "2026-07-14T12:28:45Z"),
        ("2 h ago", "2026-07-14T10:30:15Z"),
        ("1 d", "2026-07-13T12:30:15Z"),
        ("14:02", "2026-07-14T12:02:00Z"),
        ("14:02:33", "2026-07-14T12:02:33Z"),
        ("23:15", "2026-07-13T21:15:00Z"),
        ("2026-07-14 09:00", "2026-07-14T07:00:00Z"),
        ("2026-07-14T09:00:00Z", "2026-07-14T09:00:00Z"),
        ("2026-07-14T09:00:00+02:00", "2026-07-14T07:00:00Z"),
        (" 1783987200 ", "2026-07-14T00:00:00Z"),
        ("1783987200.25", "2026-07-14T00:00:00Z"),
        ("2026-07-14T12:31:00Z", "2026-07-14T12:30:15Z"),
    ],
)
def test_a_moment_is_read_as_people_write_it(text, utc):
    assert moments.iso(at(text)) == utc


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "25:00", "12:99", "2026-02-30", "2027-01-01", "-5", "0", "1e9", "12:"),
        *("9999999999999", "0001-01-01", "99999999999", "<b>", "now" * 40, "2026-07-14T99:00"),
    ],
)
def test_what_is_no_moment_of_the_past_is_none(text):
    assert at(text) is None


@given(st.text(max_size=60))
def test_no_text_breaks_it(text):
    found = at(text)
    assert found is None or 0 < found <= NOW


@given(st.integers(1, int(NOW)), st.sampled_from([UTC, ZoneInfo("Asia/Kolkata")]))
def test_what_is_written_is_read_again(moment, where):
    assert at(moments.iso(moment), where) == moment
    assert at(moments.written(moment, where), where) == moment


def test_another_day_is_told_with_its_date():
    assert moments.clock(NOW, BERLIN) == "14:30:15"
    assert moments.clock(NOW, BERLIN, beside=NOW - 3_600) == "14:30:15"
    assert moments.clock(NOW, BERLIN, beside=NOW - 86_400) == "2026-07-14 14:30:15"


def test_without_a_browser_the_zone_is_utc():
    assert moments.zone() is UTC
