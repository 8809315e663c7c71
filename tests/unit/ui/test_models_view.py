"""What the Models page is told: everything once, then what has changed."""

import json
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lib.health import State, Status
from lib.ui import serving
from lib.ui.asked import Asked, Told
from lib.ui.listing import Listing
from lib.ui.serving import CARDS, PER_SERVER, TROUBLES, ModelsView
from tests.support.cost import cost
from tests.support.faulty import FaultServer, answer_json, closed_port, recorded
from tests.support.waiting import until
from tests.unit.ui.scene import PAGE, Readings, Wall, server
from tests.unit.ui.scene import told as page_told
from tests.unit.ui.test_cards import capabilities, model
from tests.unit.ui.test_listing import answer, refused

NOW = 1_000.0


@pytest.fixture(autouse=True)
def standing(monkeypatch):
    """The clock by which a reading grows old stands still."""
    clock = SimpleNamespace(monotonic=lambda: NOW, time=time.time)
    monkeypatch.setattr(serving, "time", clock)


class Fleet:
    """A feed, and what was asked, of several servers; each says what a test lets it say."""

    period = 1.0

    def __init__(self, **pages):
        self.servers = [server(name) for name in pages]
        self.ticks, self.lists, self.asked = {}, {}, []
        for one, page in zip(self.servers, pages.values(), strict=True):
            readings = Readings(one, [page.encode()] * 3)
            self.ticks[one.id] = replace(readings.latest(one.id), mono=NOW)
            self.lists[one.name] = Listing().answered(answer(model()), 100.0)
        self.view = ModelsView(self, Wall(*self.servers), self)

    def latest(self, server_id):
        return self.ticks.get(server_id)

    def told(self, _server):
        return Told(capabilities())

    def listing(self, one):
        self.asked.append(one.name)
        return self.lists[one.name]

    def lists_as(self, name, listing):
        self.lists[name] = listing

    def stands(self, name, state, **changed):
        """From now on that server is in that state."""
        id_ = next(one.id for one in self.servers if one.name == name)
        status = Status(state, 5.0, "Its reason.")
        self.ticks[id_] = replace(self.ticks[id_], status=status, **changed)


def content(event):
    kind, data = event.decode().strip().split("\n", 1)
    return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def opened(fleet):
    return content(fleet.view.opening())[1]


def ticked(fleet):
    kind, told = content(fleet.view.tick())
    assert kind == "tick"
    return told


FREE = page_told(PAGE, kv_cache_usage_perc=0.1)
FULL = page_told(PAGE, kv_cache_usage_perc=0.99)


@pytest.fixture
def fleet():
    return Fleet(a=FREE, b=FULL)


# ── The order ──


def test_the_opening_holds_everything(fleet):
    told = opened(fleet)
    assert told["line"] == "1 model on 2 servers"
    assert told["order"] == ["m"]
    assert told["cards"]["m"]["servers"] == ["a", "b"]
    assert told["rank"] == ["a", "b"]
    assert told["troubles"] == []
    assert {"standing", "free", "why"} <= told["columns"].keys()


def test_a_servers_row_has_its_figure_and_its_reason(fleet):
    live = opened(fleet)["live"]
    assert (live["a"]["standing"], live["a"]["tone"], live["a"]["free"]) == ("at once", "good", 0.9)
    assert live["a"]["percent"] == "90\u202f%"
    assert live["a"]["reason"].startswith("90 % of its KV cache is free")
    assert live["b"]["standing"] == "after a wait"


def test_the_order_changes_when_a_server_hangs(fleet):
    opened(fleet)
    fleet.stands("a", State.HUNG)
    told = ticked(fleet)
    assert told["rank"] == ["b", "a"]
    assert told["live"]["a"]["reason"] == "Hung: Its reason."
    assert (told["live"]["a"]["takes"], told["live"]["a"]["tone"]) == (False, "bad")
    assert "b" not in told["live"]


def test_a_tick_in_which_nothing_changed_says_nothing(fleet):
    opened(fleet)
    assert set(ticked(fleet)) == {"now", "banner"}


def test_an_old_reading_is_out_and_its_age_is_told(fleet):
    fleet.stands("a", State.BUSY, mono=NOW - 4)
    assert opened(fleet)["live"]["a"]["at"] is not None
    fleet.stands("a", State.BUSY, mono=NOW - 60)
    assert opened(fleet)["rank"] == ["b", "a"]


def test_a_server_that_was_never_heard_is_out(fleet):
    fleet.ticks.clear()
    live = opened(fleet)["live"]["a"]
    assert (live["standing"], live["state"]["words"]) == ("not now", "Not seen yet")


def test_a_server_that_fails_once_keeps_its_card(fleet):
    before = opened(fleet)["cards"]["m"]
    fleet.stands("a", State.FAILING, sample=None)
    told = ticked(fleet)
    assert "cards" not in told
    assert told["live"]["a"]["standing"] == "in doubt"
    assert before["rows"][0]["cells"]["fits"][0] == "128"


# ── Cards and lists ──


def test_a_new_adapter_changes_only_its_card(fleet):
    fleet.lists_as("b", Listing().answered(answer(model("n")), 100.0))
    opened(fleet)
    adapter = model("sql", parent="m", max_model_len=None)
    fleet.lists_as("a", fleet.lists["a"].answered(answer(model(), adapter), 130.0))
    told = ticked(fleet)
    assert list(told["cards"]) == ["m"]
    assert told["cards"]["m"]["adapters"][0]["id"] == "sql"
    assert told["line"] == "2 models and 1 adapter on 2 servers"


def test_an_empty_list_is_trouble_and_takes_the_model_away(fleet):
    opened(fleet)
    fleet.lists_as("a", fleet.lists["a"].answered(answer(), 130.0))
    told = ticked(fleet)
    assert told["troubles"][0]["words"] == "its list of models is empty"
    assert told["cards"]["m"]["servers"] == ["b"]
    fleet.lists_as("a", fleet.lists["a"].answered(answer(model()), 160.0))
    assert ticked(fleet)["troubles"] == []


def test_of_much_trouble_the_first_is_shown_and_the_rest_counted():
    fleet = Fleet(**{f"s{number}": PAGE for number in range(TROUBLES + 3)})
    for one in fleet.servers:
        fleet.lists_as(one.name, Listing().failed(refused(), 10.0))
    told = opened(fleet)
    assert len(told["troubles"]) == TROUBLES
    assert told["more_troubles"] == 3
    assert told["cards"] == {}


def test_a_list_without_end_is_cut_server_by_server_and_says_so(fleet):
    many = [model(f"evil-{number}") for number in range(10_000)]
    fleet.lists_as("b", Listing().answered(answer(*many), 100.0))
    written, _ = cost(lambda: [repr(one) for one in many])
    seconds, whole = cost(fleet.view.opening)
    assert seconds < 10 * written
    assert len(whole) < 200_000
    told = content(whole)[1]
    assert "m" in told["order"]
    assert len(told["order"]) == PER_SERVER + 1
    assert told["hidden"] == ["b lists 10\u202f000 models: … 9\u202f940 more"]


def test_more_cards_than_a_page_holds_are_counted():
    fleet = Fleet(**{f"s{number}": PAGE for number in range(4)})
    for one in fleet.servers:
        models = [model(f"{one.name}-{number}") for number in range(PER_SERVER)]
        fleet.lists_as(one.name, Listing().answered(answer(*models), 100.0))
    told = opened(fleet)
    assert len(told["order"]) == len(told["cards"]) == CARDS
    assert told["hidden"] == [f"… {4 * PER_SERVER - CARDS} more models"]


def test_before_the_first_answer_it_says_that_it_asks():
    fleet = Fleet(a=PAGE)
    fleet.lists_as("a", Listing())
    told = opened(fleet)
    assert told["line"] == "Asking for the lists of models …"
    assert told["lists"]["a"]["words"] == "being asked"
    assert told["troubles"] == []


def test_without_servers_it_says_so():
    assert opened(Fleet())["line"] == "No servers yet"


# ── Asking ──


@pytest.fixture
def asked(tmp_path):
    one = Asked({"INSPECTOR_DATA": str(tmp_path)})
    yield one
    one.close()


def at(url):
    return replace(server("a"), url=url)


def counted(fault):
    return sum(seen.path == "/v1/models" for seen in fault.seen)


def test_a_list_is_asked_for_in_the_background_and_remembered(asked):
    with FaultServer({"/v1/models": recorded("models.json")}) as fault:
        watched = at(fault.url)
        assert asked.listing(watched).models is None
        until(lambda: asked.listing(watched).models, 10)
        for _ in range(50):
            listing = asked.listing(watched)
        assert listing.models[0].id == "Qwen/Qwen2.5-7B-Instruct"
        assert listing.raw.startswith(b'{"object":"list"')
        assert counted(fault) == 1


def test_nobody_is_asked_while_nobody_looks(asked):
    with FaultServer({"/v1/models": recorded("models.json")}) as fault:
        asked.told(at(fault.url), wait=60)
        before = counted(fault)
        until(lambda: asked.listing(at(fault.url)).models, 10)
        assert counted(fault) == before + 1


def test_an_empty_list_and_a_missing_one_are_told_apart(asked):
    with FaultServer({"/v1/models": answer_json({"data": []})}) as fault, closed_port() as closed:
        until(lambda: asked.listing(at(fault.url)).is_empty, 10)
        until(lambda: asked.listing(at(closed)).kind == "not listening", 10)
        assert asked.listing(at(closed)).refused.startswith("Nothing listens at")


def test_a_server_with_a_cheap_route_tells_its_seats(asked):
    routes = {"/v1/models": {}, "/debug/config": {"get": {}}}
    with FaultServer(
        {
            "/version": answer_json({"version": "0.6.6"}),
            "/openapi.json": answer_json({"paths": routes}),
            "/v1/models": recorded("models.json"),
            "/debug/config": answer_json({"max_num_seqs": 32}),
        }
    ) as fault:
        asked.told(at(fault.url), wait=60)
        until(lambda: asked.listing(at(fault.url)).seats == 32, 10)
