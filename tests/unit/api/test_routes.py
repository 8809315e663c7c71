import pytest

from lib.api import Cost, Kind, Route

# What changes a server, or runs what a caller chooses: never to be listed.
DANGEROUS = ["/sleep", "wake_up", "/pause", "resume", "reset_", "scale", "update", "load_lora"]
DANGEROUS += ["collective_rpc", "abort", "profile", "weight", "invocations", "fault", "scoring"]


@pytest.mark.parametrize("route", Route)
def test_every_route_is_described_and_harmless(route):
    way = route.value
    assert way.method in ("GET", "POST")
    assert way.path.startswith("/")
    assert way.what
    assert way.kinds
    assert not any(word in way.path for word in DANGEROUS)
    assert way.method == "POST" or way.cost is not Cost.GPU


def test_no_two_routes_are_the_same():
    assert len({(route.method, route.path) for route in Route}) == len(Route)


@pytest.mark.parametrize("route", [r for r in Route if Kind.TUTORIAL in r.value.kinds])
def test_a_route_that_only_a_tutorial_knows_names_what_stands_for_it(route):
    if Kind.VLLM not in route.value.kinds:
        assert route.value.instead
