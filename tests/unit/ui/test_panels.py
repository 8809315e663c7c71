import json

import pytest

from lib.metrics import BY_NAME, Reader
from lib.ui.panels import PANELS, choose
from tests.support.processes import ROOT
from tests.unit.ui.scene import PAGE

THEME = (ROOT / ".streamlit/config.toml").read_text()


def layout_of(page: str):
    return Reader().read(page.encode()).layout


def test_every_curve_has_a_quantity_and_a_colour_of_the_theme():
    panels = [*PANELS, *(panel.instead for panel in PANELS if panel.instead)]
    for curve in (curve for panel in panels for curve in panel.curves):
        assert all(need in BY_NAME for need in curve.needs)
        assert curve.colour in {None, 0, 1, 2, 3, 4, 5}


def test_a_server_of_today_lacks_only_what_only_v0_had():
    shown, absent = choose(layout_of(PAGE))
    assert len(shown) == len(PANELS)
    assert all("V0" in one.shown_by for one in absent), absent


def test_waiting_is_told_by_reason_where_reasons_are_reported():
    shown, _ = choose(layout_of(PAGE))
    requests = next(panel for panel in shown if panel.key == "requests")
    assert [curve.key for curve in requests.curves] == ["running", "all", "capacity", "deferred"]
    older = PAGE.replace("num_requests_waiting_by_reason", "gone")
    shown, absent = choose(layout_of(older))
    requests = next(panel for panel in shown if panel.key == "requests")
    assert [curve.key for curve in requests.curves] == ["running", "waiting"]
    assert any(one.shown_by == "vLLM 0.22 or newer" for one in absent)


def test_without_blocks_the_cache_is_told_as_a_share():
    page = PAGE.replace('num_gpu_blocks="', 'num_gpu_blocks="None" x="')
    shown, absent = choose(layout_of(page))
    panel = next(panel for panel in shown if panel.key == "kv")
    assert panel.unit.value == "ratio"
    assert not any(one.what == "KV blocks" for one in absent)


def test_a_family_that_is_gone_is_listed_and_not_drawn_empty():
    page = "\n".join(line for line in PAGE.splitlines() if "prefix_cache" not in line)
    shown, absent = choose(layout_of(page))
    assert "prefix" not in {panel.key for panel in shown}
    told = next(one for one in absent if one.what == "Prefix cache hit rate")
    assert told.shown_by == "vLLM 0.7.3 (V1) or newer"


@pytest.mark.parametrize("look", ["light", "dark"])
def test_the_theme_has_six_series_colours_and_readable_tones(look):
    section = THEME.split(f"[theme.{look}]")[1].split("[theme.")[0]
    values = dict(line.split(" = ", 1) for line in section.splitlines() if line.count(" = ") == 1)
    ground = json.loads(values["backgroundColor"])
    assert len(json.loads(values["chartCategoricalColors"])) == 6
    for name in ("textColor", "linkColor", *(f"{tone}TextColor" for tone in TONES)):
        assert contrast(json.loads(values[name]), ground) >= 4.5, name


TONES = ("green", "orange", "red", "gray")


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 has it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
