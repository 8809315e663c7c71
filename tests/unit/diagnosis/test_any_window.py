"""Whatever a server tells: a diagnosis comes out, and its sentences can be read."""

import math

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib.diagnosis import RULES, Context, diagnose
from lib.metrics import QUANTITIES, Kind, Layout, Series, Spread, Window

PARTS = {
    "waiting_by_reason": ("capacity", "deferred"),
    "sleep_state": ("awake", "discard_all"),
    "kv_fetch": ("in_progress", "waiting_to_start"),
    "finished": ("stop", "length", "error", "abort"),
    "rejections": ("max_num_queued_reqs", ""),
    "http_requests": ("2xx", "5xx"),
    "prompt_tokens_by_source": ("local_compute", "local_cache_hit"),
}
BUCKETS = ("le=0.1", "le=1.0", "le=200.0", "le=inf", "sum")
LABELS = {
    "block_size": ["16", "544", "None", "nan", "-1"],
    "enable_prefix_caching": ["True", "False"],
    "gpu_memory_utilization": ["0.5", "0.92", "x"],
    "kv_cache_max_concurrency": ["0.5", "64", "inf"],
}


def shapes(kind, rows, dice):
    """One figure over time: flat, a step, noise, a slope; counters mostly grow."""
    size = float(dice.choice([0, 0, 1, 1, 5, 1e3, 1e9]))
    flat = np.full(rows, size)
    step = np.where(np.arange(rows) > rows * dice.random(), size, 0.0)
    noise = size * dice.random(rows)
    slope = size * np.linspace(0, 1, rows)
    found = [flat, step, noise, slope][dice.integers(4)]
    return (
        found
        if kind is Kind.GAUGE
        else np.cumsum(found) % (size * rows * dice.choice([0.5, 9]) or 9)
    )


def window_of(dice):
    """Any window: what is reported, how it moves and where it is missing, by chance."""
    rows = int(dice.choice([0, 1, 2, 13, 120, 400]))
    period = float(dice.choice([1, 5, 60]))
    reported = dice.choice([0.5, 0.9])
    engines = ["0", "1"][: dice.integers(1, 3)]
    columns = {}
    for quantity in QUANTITIES:
        if dice.random() > reported:
            continue
        is_process = quantity.name.startswith(("process", "http", "open", "max_f", "lora", "check"))
        parts = BUCKETS if quantity.kind is Kind.HISTOGRAM else PARTS.get(quantity.name, ("",))
        for member in [("", "")] if is_process else [("m", engine) for engine in engines]:
            for part in parts:
                columns[Series(quantity.name, *member, part)] = shapes(quantity.kind, rows, dice)
    config = {name: str(dice.choice(told)) for name, told in LABELS.items()}
    layout = Layout(sorted(columns), [config][: dice.integers(0, 2)])
    values = np.array([columns[one] for one in layout.series]).T.copy()
    values[dice.random(values.shape) < dice.choice([0.0, 0.2])] = np.nan
    values[dice.random(rows) < dice.choice([0.0, 0.1, 0.7])] = np.nan
    times = 1e9 + period * np.arange(1, rows + 1)
    spread = Spread(values, values, np.full(rows, 60.0)) if period == 60 else None
    return Window(
        layout, times, values, start=1e9, end=1e9 + period * rows, period=period, spread=spread
    )


def context_of(dice, **others):
    """What else is known, by chance."""
    return Context(
        max_num_seqs=dice.choice([None, 1, 256]),
        max_model_len=dice.choice([None, 100, 100_000]),
        max_num_batched_tokens=dice.choice([None, 2_048]),
        paused=dice.choice([None, True, False]),
        metrics_state=str(dice.choice(["", "404"])),
        **others,
    )


def texts(finding):
    yield from (finding.brief, finding.headline, finding.detail, finding.source, *finding.merged)
    for link in finding.chain:
        yield from (link.label, link.figure, link.threshold, link.window, link.metric)
    for rival in finding.rivals:
        yield from (rival.name, rival.why)
    for remedy in finding.remedies:
        yield from (remedy.flag, remedy.does, remedy.price)


# Windows in which something was said of what nobody knew, or divided by nothing.
@example(511)
@example(4_457)
@example(40_223)
@example(42_121)
@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_any_window_has_a_diagnosis_that_can_be_read(seed):
    dice = np.random.default_rng(seed)
    window = window_of(dice)
    others = {"peers": {"other": window_of(dice)}} if dice.random() < 0.2 else {}
    diagnosis = diagnose(window, context_of(dice, **others))
    explained = sum(len(one.merged) for one in diagnosis.findings)
    told = len(diagnosis.findings) + explained + len(diagnosis.fine) + len(diagnosis.unchecked)
    assert told == len(RULES)
    for finding in diagnosis.findings:
        assert math.isfinite(finding.since)
        assert window.start <= finding.since <= window.end
        moments = [link.since for link in finding.chain if link.since is not None]
        assert moments == sorted(moments)
        assert all(math.isfinite(moment) for moment in moments)
        for text in texts(finding):
            assert "nan" not in text.lower().replace("finan", ""), text
            assert " inf" not in text.lower().replace("infer", "").replace("info", ""), text
