from dataclasses import replace

import pytest

from lib.diagnosis import Diagnosis, Finding, Severity
from lib.ui import foreseen
from lib.ui.foreseen import Foreseen
from tests.unit.ui.scene import PAGE, Readings, server, told

HUNG = Finding("hung", 11, Severity.BAD, "", "", "", 0.0)


class Asked(Readings):
    def __init__(self):
        super().__init__(server(), [told(PAGE, num_requests_waiting=7).encode()] * 90)
        self.spans = []

    def window(self, server, start, end):
        self.spans.append(end - start)
        return super().window(server, self.ticks[0].at, self.ticks[-1].at)


@pytest.fixture
def feed():
    return Asked()


def found(*findings):
    return lambda _server: Diagnosis(findings, (), ())


def test_views_that_ask_at_once_share_one_outlook(feed, monkeypatch):
    monkeypatch.setattr(foreseen, "REMEMBERED", 600.0)
    known = Foreseen(feed, found())
    outlooks = [known.of(server().id) for _ in range(20)]
    assert feed.spans == [foreseen.BACK]
    assert all(one is outlooks[0] for one in outlooks)
    assert len(outlooks[0].forecasts) == 5


def test_what_is_wrong_explains_the_waiting(feed, monkeypatch):
    monkeypatch.setattr(foreseen, "REMEMBERED", 0.0)
    (cause,) = Foreseen(feed, found(HUNG)).of(server().id).waiting
    assert (cause.name, cause.count) == ("engine stands still", 7)
    (cause,) = Foreseen(feed, found(replace(HUNG, pattern=7))).of(server().id).waiting
    assert cause.name == "seat limit"


def test_it_is_made_anew_after_a_while(feed, monkeypatch):
    monkeypatch.setattr(foreseen, "REMEMBERED", 0.0)
    known = Foreseen(feed, found())
    assert known.of(server().id) is not known.of(server().id)
    assert len(feed.spans) == 2
