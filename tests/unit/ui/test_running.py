import json
from dataclasses import replace

from lib.api import Capabilities, Route
from lib.api.answers import Model
from lib.api.dialects import recognised
from lib.metrics import Layout, Reader
from lib.ui.asked import Told
from lib.ui.running import sections
from tests.support.cost import cost
from tests.unit.ui.scene import PAGE


def told(**documents):
    routes = frozenset({Route.METRICS, Route.MODELS, Route.VERSION})
    known = Capabilities(
        version="0.32.0",
        engine_kind=recognised(routes, frozenset()).kind,
        dialect=recognised(routes, frozenset()),
        models=(Model(*model()),),
        routes=routes,
        tasks=frozenset({"generate"}),
        absent=(),
        metrics_filter=True,
        metrics_gzip=True,
    )
    return Told(known, extra=documents)


def model():
    count = len(Model.__dataclass_fields__)
    return ["<b>m</b>", *[None] * (count - 1)]


def named(title, found):
    return next(section for section in found if section["title"] == title)


def test_the_running_configuration_leads_with_what_matters():
    layout = Reader().read(PAGE.encode()).layout
    found = sections(layout, Told())
    rows = named("Running configuration", found)["rows"]
    assert [name for name, _ in rows[:2]] == ["num_gpu_blocks", "block_size"]
    assert len(rows) == len(layout.configs[0])


def test_engines_that_differ_show_each_value():
    layout = Layout((), [{"block_size": "16", "engine": "0"}, {"block_size": "32", "engine": "1"}])
    rows = dict(named("Running configuration", sections(layout, Told()))["rows"])
    assert rows["block_size"] == "16, 32"


def test_what_is_not_known_is_said():
    found = sections(None, Told(refused="Nothing listens at http://127.0.0.1:1."))
    assert found[0]["note"].startswith("Not known")
    assert named("Capabilities", found)["note"] == "Nothing listens at http://127.0.0.1:1."


def test_a_flat_document_becomes_rows_and_a_deep_one_stays_a_document():
    found = sections(None, told(debug_stats={"running": 2, "ok": True}, debug_traces=[{"id": 1}]))
    assert named("Statistics", found)["rows"] == [("running", "2"), ("ok", "yes")]
    assert '"id": 1' in named("Traces", found)["code"]


def test_a_long_document_is_cut_and_says_so():
    found = sections(None, told(server_info={"deep": {"a": "x" * 50_000}}))
    code = named("Server info", found)["code"]
    assert len(code) < 21_000
    assert code.endswith("… more")


def test_capabilities_name_routes_and_models_as_text():
    rows = dict(named("Capabilities", sections(None, told()))["rows"])
    assert rows["release"] == "0.32.0"
    assert rows["models"] == "<b>m</b>"
    assert "/metrics" in rows["routes"]


def test_a_document_is_written_no_further_than_it_is_shown():
    deep = [0] * 4_000
    for _ in range(60):
        deep = [deep]
    hundredth, _ = cost(lambda: json.dumps(deep * 10, indent=2))
    document = told(debug_traces=deep * 1_000)
    seconds, found = cost(lambda: sections(None, document))
    assert seconds < hundredth
    code = named("Traces", found)["code"]
    assert code.endswith("… more")


def test_rows_and_names_without_end_are_cut_and_counted():
    many = {f"name {number}": number for number in range(10_000)}
    rows = named("Statistics", sections(None, told(debug_stats=many)))["rows"]
    assert len(rows) == 201
    assert rows[-1] == ("… 9800 more", "")
    layout = Layout((), [dict.fromkeys(many, "x") | {"engine": "0"}])
    assert len(named("Running configuration", sections(layout, Told()))["rows"]) == 201
    asked = told()
    models = tuple(replace(asked.capabilities.models[0], id=name) for name in many)
    asked = replace(asked, capabilities=replace(asked.capabilities, models=models))
    rows = dict(named("Capabilities", sections(None, asked))["rows"])
    assert rows["models"].endswith(", name 19 and 9980 more")
