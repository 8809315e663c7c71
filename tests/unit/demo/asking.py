"""What the tests of the demo's routes share: the recorded answers and reading a page."""

import json
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

RECORDINGS = Path(__file__).parents[2] / "recordings"
ANSWERS = Path(__file__).with_name("recorded_answers.json").read_text(encoding="utf-8")


def recorded(name: str) -> dict:
    """What a real vLLM 0.32.0 answered, with its model named as ours."""
    return json.loads(ANSWERS.replace("Qwen/Qwen2.5-7B-Instruct", "demo/tekken-7b"))[name]


def families(text: str) -> dict[str, object]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(client: httpx.Client, sample: str) -> float:
    """The sum of a sample over its labels."""
    page = families(client.get("/metrics").text)
    return sum(s.value for family in page.values() for s in family.samples if s.name == sample)
