import json
import re

import pytest

from lib.api import Capabilities, Kind, Model, Route
from lib.api.dialects import recognised
from lib.health.catalogue import catalogue
from lib.metrics import Reader
from lib.ui.asked import Told
from lib.ui.cards import TARGETS, Known, card_of, facts_of, key_of
from lib.ui.listing import Listing
from tests.support.hostile import TEXTS
from tests.unit.ui.scene import PAGE, server
from tests.unit.ui.test_listing import answer


def model(id_="m", **changed):
    fields = {"root": "/models/m", "parent": None, "max_model_len": 4096, "owned_by": "vllm"}
    return Model(id_, **(fields | {"created": 1, "object": "model"} | changed))


def capabilities(routes=(Route.CHAT,), tasks=("generate",), kind=Kind.VLLM):
    return Capabilities(
        version="0.32.0",
        engine_kind=kind,
        dialect=recognised(frozenset(), frozenset()),
        models=(),
        routes=frozenset(routes),
        tasks=frozenset(tasks),
        absent=(),
        metrics_filter=True,
        metrics_gzip=True,
    )


def known(*models, name="a", page=PAGE, seen=1, about=None):
    listing = Listing()
    for number in range(seen):
        listing = listing.answered(answer(*(models or (model(),))), 100.0 + 30 * number)
    sample = Reader().read(page.encode()) if page else None
    return Known(server(name), listing, Told(about or capabilities()), sample)


def card(*fleet, id_=None):
    models = catalogue(facts_of(one, 60) for one in fleet)
    one = next(model for model in models if id_ in (None, model.id))
    return card_of(one, {one.server.name: one for one in fleet})


def facts(*fleet):
    return {name: value for name, value, _ in card(*fleet)["facts"]}


def row(*fleet):
    return card(*fleet)["rows"][0]


# ── What a card says ──


def test_a_card_says_all_that_the_list_tells():
    found = facts(known())
    assert found == {
        "Type": "base model",
        "Object": "model",
        "Owned by": "vllm",
        "Root": "/models/m",
        "Task": "generate",
        "Modality": "text → text",
    }


def test_servers_that_say_otherwise_are_both_told():
    found = facts(known(), known(model(root="/other"), name="b"))
    assert found["Root"] == "/models/m, /other"


@pytest.mark.parametrize(
    ("about", "why"),
    [
        (capabilities(tasks=()), "before 0.16"),
        (capabilities(routes=(), tasks=()), "no route"),
        (capabilities(tasks=(), kind=Kind.LLAMACPP), "this kind of server"),
    ],
)
def test_routes_that_do_not_tell_a_task_are_said_not_to(about, why):
    found = {name: (value, how) for name, value, how in card(known(about=about))["facts"]}
    assert found["Task"][0] == found["Modality"][0] == "its routes do not tell"
    assert why in found["Task"][1]


def test_what_fits_comes_with_the_way_it_was_found():
    cells = row(known())["cells"]
    assert cells["length"][0] == "4\u202f096"
    assert cells["fits"][0] == "128"
    assert cells["tokens"] == ("524\u202fk", "kv_cache_size_tokens of cache_config_info")
    assert "524\u202f288 tokens / 4\u202f096 = 128.0" in cells["fits"][1]


def test_without_the_label_the_product_counts_and_says_its_weakness():
    page = PAGE.replace("kv_cache_size_tokens", "kv_cache_other")
    cells = row(known(page=page))["cells"]
    assert cells["fits"][0] == "128"
    assert "num_gpu_blocks × block_size" in cells["tokens"][1]
    assert "several kinds of layers" in cells["tokens"][1]


def test_what_cannot_be_known_is_called_so_with_the_reason():
    cells = row(known(page=""))["cells"]
    assert cells["fits"][0] == cells["tokens"][0] == "not known"
    assert "/metrics" in cells["fits"][1]


def test_an_encoder_is_said_not_to_use_the_cache():
    encoder = model(max_model_len=10**9)
    cells = row(known(encoder, about=capabilities(tasks=("embed",))))["cells"]
    assert cells["fits"][0] == cells["tokens"][0] == "not used"
    assert "encoder" in cells["fits"][1]


def test_an_adapter_is_told_under_its_base():
    found = card(known(model(), model("sql", root="/sql", parent="m", max_model_len=None)))
    (adapter,) = found["adapters"]
    assert (adapter["id"], adapter["root"], adapter["servers"]) == ("sql", "/sql", ["a"])


def test_agreement_is_told_where_there_are_several_servers():
    assert card(known())["agreement"] is None
    both = card(known(), known(name="b"))["agreement"]
    assert both["tone"] == "good"
    assert "context length" in both["same"]
    other = card(known(), known(model(max_model_len=1), name="b"))["agreement"]
    assert other["tone"] == "watch"
    assert other["differences"][0].startswith("Context length differs: 4 096 tokens on a")


# ── Since when ──


def test_a_base_model_is_listed_since_its_process_started():
    (start,) = re.findall(r"^process_start_time_seconds (\S+)$", PAGE, re.MULTILINE)
    since = row(known())["since"]
    assert since["at"] == float(start)
    assert "process_start_time_seconds" in since["how"]


def test_without_that_it_is_at_least_as_old_as_our_first_list():
    since = row(known(page=""))["since"]
    assert (since["at"], since["least"]) == (100.0, True)


def test_what_vllm_says_of_the_creation_is_never_believed():
    since = row(known(model(created=7), page="", seen=3))["since"]
    assert since["at"] == 100.0


def test_what_another_server_says_twice_alike_is():
    about = capabilities(kind=Kind.OTHER)
    since = row(known(model(created=7), page="", seen=3, about=about))["since"]
    assert (since["at"], since["how"]) == (7, "as the server says (created)")


# ── Where to go on ──


def test_each_server_leads_to_its_pages_with_server_and_model_chosen():
    links = dict(row(known(model("org/m 1")))["links"])
    fitting = [target.label for target in TARGETS if target.task in ("", "generate")]
    assert list(links) == fitting
    assert links["Health"] == "health?server=a&model=org%2Fm+1"


@pytest.mark.parametrize(
    ("tasks", "leads"),
    [
        (("embed",), {"Embeddings"}),
        (("generate",), {"Chat"}),
        (("embed", "generate"), {"Chat", "Embeddings"}),
        ((), {"Chat", "Embeddings"}),  # its routes do not tell
    ],
)
def test_a_model_leads_to_the_pages_of_what_it_can_do(tasks, leads):
    links = dict(row(known(model(), about=capabilities(tasks=tasks)))["links"])
    assert set(links) & {"Chat", "Embeddings"} == leads


@pytest.mark.parametrize("name", [*TEXTS, "x" * 1_000_000, "", "a\ud800b"])
def test_a_hostile_id_is_cut_to_a_line_and_only_linked_as_it_is_shown(name):
    found = card(known(model(name, root=name, owned_by=name), page=""))
    text = json.dumps(found, ensure_ascii=False)
    text.encode()
    assert len(text) < 4_000
    assert len(found["id"]) <= 160
    assert not any(char in text for char in "\u202e\u200b\x00\x1b\n")
    linked = "model=" in found["rows"][0]["links"][0][1]
    assert linked == found["exact"] == (found["key"] == name)


def test_ids_that_look_alike_have_keys_of_their_own():
    assert key_of("a") == "a"
    assert len({key_of("a\u200b"), key_of("a\u200b\u200b"), key_of("a ")}) == 3


def test_a_card_of_many_adapters_and_servers_says_how_many_more():
    adapters = [model(f"s{number}", parent="m") for number in range(50)]
    fleet = [known(model(), *adapters, name=f"n{number:03}", page="") for number in range(60)]
    found = card(*fleet)
    assert (len(found["adapters"]), found["more_adapters"]) == (30, "… 20 more adapters")
    assert (len(found["rows"]), found["more"]) == (40, "… 20 more servers")
    assert len(found["servers"]) == 60
