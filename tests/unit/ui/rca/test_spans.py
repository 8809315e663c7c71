from types import SimpleNamespace

import numpy as np
import pytest

from lib.metrics import Layout, Sample, Series, Window
from lib.servers import Server, Source
from lib.ui.rca.spans import Spans, around, by_default
from lib.watch.store import Event

NOW = 100_000.0
CHAT, OTHER = (
    Server(name, f"http://127.0.0.1:{port}", None, Source.ENVIRONMENT)
    for name, port in (("a", 1), ("b", 2))
)


class Recorded:
    """A feed that knows a figure from a moment on; older than `raw` seconds by the minute only."""

    def __init__(self, begins=0.0, events=(), raw=1e9):
        self.begins, self.told, self.raw = begins, list(events), raw

    def window(self, server, start, end):
        period = 60.0 if end - start > 3_600 else 1.0
        first = start if period == 60.0 else max(start, NOW - self.raw)
        moments = np.arange(np.ceil(max(first, self.begins) / period) * period, end + 1, period)
        layout = Layout([Series("running", "m", "0")])
        rows = [(float(at), Sample(layout, np.ones(1))) for at in moments]
        return Window.of(rows, start=start, end=end, period=period)

    def events(self, start, end, server=None):
        return [one for one in self.told if start <= one.at <= end]


def event(at, kind, text=""):
    return Event(at, CHAT.id, kind, text)


@pytest.mark.parametrize(
    ("ago", "minutes"), [(10, 1), (60, 1), (130, 2), (400, 5), (900, 10), (9_000, 10)]
)
def test_around_an_onset_both_spans_are_on_their_own_side(ago, minutes):
    a, b, found = around(NOW - ago, NOW)
    assert (a, b, found) == (NOW - ago, NOW, minutes)
    assert ago < 60 or b - 60 * found >= a


def test_by_default_it_is_before_and_since_the_first_finding():
    findings = [SimpleNamespace(since=NOW - 400), SimpleNamespace(since=NOW - 4_000)]
    assert by_default(Recorded(), CHAT, findings, NOW) == (NOW - 400, NOW, 5)


def test_of_an_onset_that_nobody_saw_coming_it_is_what_there_is():
    findings = [SimpleNamespace(since=NOW - 700)]
    a, b, minutes = by_default(Recorded(begins=NOW - 700), CHAT, findings, NOW)
    assert (b, minutes) == (NOW, 5)
    assert a == pytest.approx(NOW - 400, abs=2)


@pytest.mark.parametrize(("known", "minutes"), [(9_000, 5), (650, 5), (300, 2), (130, 1), (0, 1)])
def test_without_a_finding_it_is_half_an_hour_ago_or_what_there_is(known, minutes):
    a, b, found = by_default(Recorded(begins=NOW - known), CHAT, [], NOW)
    assert (b, found) == (NOW, minutes)
    assert a == pytest.approx(max(NOW - 1_800, NOW - known + 60 * minutes), abs=61)


def test_what_is_no_longer_kept_by_the_second_is_read_by_the_minute():
    spans = Spans(CHAT, NOW - 90_000, NOW, 10)
    source = Recorded(raw=5_000.0)
    assert spans.before(source).period == 60.0
    assert len(spans.before(source)) == pytest.approx(10, abs=1)
    assert spans.after(source).period == 1.0


def test_crossings_are_looked_for_between_moments_that_are_near():
    near, far = Spans(CHAT, NOW - 600, NOW, 5), Spans(CHAT, NOW - 90_000, NOW, 5)
    assert (near.whole(Recorded()).start, near.whole(Recorded()).end) == (NOW - 600, NOW)
    assert far.whole(Recorded()) is None
    assert Spans(CHAT, 0.0, NOW, 5, OTHER).whole(Recorded()) is None


@pytest.mark.parametrize(
    ("events", "releases"),
    [
        ([], ("0.3", "0.3")),
        ([event(NOW - 500, "release", "0.1 → 0.2")], ("0.1", "0.3")),
        (
            [event(NOW - 500, "release", "0.1 → 0.2"), event(NOW - 400, "release", "0.2 → 0.3")],
            ("0.1", "0.3"),
        ),
        ([event(NOW - 500, "restarted")], ("", "0.3")),
        ([event(NOW - 5_000, "release", "0.1 → 0.2")], ("0.3", "0.3")),
    ],
)
def test_the_release_then_is_what_the_next_change_was_from(events, releases):
    spans = Spans(CHAT, NOW - 1_000, NOW, 5)
    assert spans.releases(Recorded(events=events), NOW, ("0.3", "0.9")) == releases


def test_of_two_servers_each_has_its_own():
    spans = Spans(CHAT, 0.0, NOW, 5, OTHER)
    assert spans.releases(Recorded(), NOW, ("0.3", "0.9")) == ("0.9", "0.3")
    assert spans.happened(Recorded(events=[event(NOW - 5, "down")])) == []
    assert spans.before(Recorded()).end == NOW
