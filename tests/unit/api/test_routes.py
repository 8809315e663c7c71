import pytest

from lib.api import Control, Cost, Kind, Route, Unsent
from lib.api.surface import EVERY

# Words of what changes a server, or runs what a caller chooses; and what has one and does neither.
DANGEROUS = ["/sleep", "wake_up", "/pause", "resume", "reset_", "scale", "update", "lora"]
DANGEROUS += ["collective_rpc", "abort", "profile", "weight", "fault", "release", "cancel"]
ASKS_ONLY = {Route.WEIGHT_INFO, Route.FAULT_TOLERANCE}


@pytest.mark.parametrize("route", Route)
def test_every_route_is_described_and_harmless(route):
    way = route.way
    assert way.method in ("GET", "POST")
    assert way.path.startswith("/")
    assert way.what
    assert way.kinds
    assert way.cost is not Cost.CHANGES
    assert route in ASKS_ONLY or not any(word in way.path for word in DANGEROUS)
    assert way.method == "POST" or way.cost is not Cost.GPU


@pytest.mark.parametrize("route", [*Control, *Unsent], ids=repr)
def test_what_changes_a_server_is_described_and_stands_apart(route):
    way = route.way
    assert way.cost is Cost.CHANGES or way.method == "WS"
    assert way.seldom
    assert way.what
    assert not isinstance(route, Route)


@pytest.mark.parametrize("route", [Control.PAUSE, Control.RESUME, Route.IS_PAUSED], ids=repr)
def test_pausing_came_before_development_mode_was_asked_for_it(route):
    assert route.way.since == (0, 12, 0)


def test_no_two_routes_are_the_same():
    assert len({route.title for route in EVERY}) == len(EVERY)
    assert len({route.way for route in EVERY}) == len(Route) + len(Control) + len(Unsent)


@pytest.mark.parametrize("route", [r for r in Route if Kind.TUTORIAL in r.way.kinds])
def test_a_route_that_only_a_tutorial_knows_names_what_stands_for_it(route):
    if Kind.VLLM not in route.way.kinds:
        assert route.way.instead
