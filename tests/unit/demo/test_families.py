import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lib.demo.demo import Demo
from lib.demo.exposition import render
from lib.demo.families import READINGS, catalogue, current_families
from lib.demo.roles import ROLES
from lib.demo.tutorial import LAST_EDGES, V0_READINGS

RECORDED = Path(__file__).parents[2] / "recordings" / "metrics.txt"
HEAD = re.compile(r"^# (?:HELP|TYPE) .*$", re.MULTILINE)


def engine_page() -> str:
    demo = Demo(ROLES[0], past=20.0)
    return render(current_families(demo.engine, "demo/model", demo.started)).decode()


def recorded_page() -> str:
    """The recording, with its model named as ours."""
    text = RECORDED.read_text().replace("Qwen/Qwen2.5-7B-Instruct", "demo/model")
    return "\n".join(line for line in text.splitlines() if "vllm:" in line)


def test_families_types_and_helps_are_those_of_the_recording_in_its_order():
    assert HEAD.findall(engine_page()) == HEAD.findall(recorded_page())


def test_series_and_edges_are_those_of_the_recording():
    def series(page: str) -> list[str]:
        lines = [line for line in page.splitlines() if not line.startswith("#")]
        return [line.rsplit(" ", 1)[0] for line in lines if "cache_config_info" not in line]

    assert series(engine_page()) == series(recorded_page())


def test_a_cache_configuration_uses_known_labels_and_adds_up():
    def labels(page: str) -> dict[str, str]:
        families = {family.name: family for family in text_string_to_metric_families(page)}
        return families["vllm:cache_config_info"].samples[0].labels

    ours = labels(engine_page())
    assert ours.keys() <= labels(recorded_page()).keys()
    assert int(ours["num_gpu_blocks"]) == ROLES[0].limits.usable_blocks + 1
    tokens = int(ours["num_gpu_blocks"]) * int(ours["block_size"])
    assert int(ours["kv_cache_size_tokens"]) == tokens


@pytest.mark.parametrize(
    ("file", "readings"), [("families_0_32.tsv", READINGS), ("families_0_6.tsv", V0_READINGS)]
)
def test_every_catalogue_entry_has_a_reading(file, readings):
    names = {entry.name for entry in catalogue(file)}
    averages = {name for name in names if name.startswith("avg_")}
    assert names - averages <= readings.keys()
    if readings is READINGS:
        assert names == readings.keys()
    else:
        assert LAST_EDGES.keys() <= names
