"""Whatever a server writes, the reader finds the figures that the official client finds."""

import math

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from lib.metrics import BY_NAME, NotMetricsError, Reader
from lib.metrics.names import Kind

WRITTEN = (
    *("running", "waiting_by_reason", "kv_usage", "prompt_tokens", "finished"),
    *("prefix_hits", "itl", "ttft", "http_requests", "process_start"),
)
TEXTS = st.text('ab\\"\n{},= 世\t', max_size=4)


@st.composite
def lines(draw):
    """One sample line of one of our families, with labels in any order and some of others."""
    quantity = BY_NAME[draw(st.sampled_from(WRITTEN))]
    wire = draw(st.sampled_from(quantity.wire))
    name = wire if wire.startswith(("http_", "process_")) else f"vllm:{wire}"
    labels = {"other": draw(TEXTS)} if draw(st.booleans()) else {}
    if name.startswith("vllm:"):
        labels |= {"model_name": draw(st.sampled_from("mn"))}
        labels |= {"engine": draw(st.sampled_from("01"))} if draw(st.booleans()) else {}
    if quantity.part:
        labels[quantity.part] = draw(st.sampled_from(["a", "b"]))
    if quantity.kind is Kind.HISTOGRAM:
        name += "_bucket"
        labels["le"] = draw(st.sampled_from(["0.1", "1", "1.0", "+Inf"]))
    order = draw(st.permutations(sorted(labels)))
    return (
        name,
        {key: labels[key] for key in order},
        draw(st.integers(0, 2**40) | st.floats(0, 1e12)),
    )


def written(name, labels, value, *, stamped):
    escaped = {
        key: text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        for key, text in labels.items()
    }
    pairs = ",".join(f'{key}="{text}"' for key, text in escaped.items())
    return f"{name}{{{pairs}}} {value}" + (" 1790000000000" if stamped else "")


def figures_of_the_official_client(text):
    """The same sums, from the official client's samples."""
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    last = {(one.name, frozenset(one.labels.items())): one for one in samples}
    sums = {}
    for quantity in map(BY_NAME.__getitem__, WRITTEN):
        suffix = "_bucket" if quantity.kind is Kind.HISTOGRAM else ""
        names = [
            ("" if w.startswith(("http_", "process_")) else "vllm:") + w + suffix
            for w in quantity.wire
        ]
        present = next((name for name in names if any(key[0] == name for key in last)), None)
        for one in last.values():
            if one.name != present:
                continue
            part = one.labels.get(quantity.part, "") if quantity.part else ""
            part = f"le={float(one.labels['le'])!r}" if suffix else part
            is_engines = one.name.startswith("vllm:")
            engine = (one.labels.get("engine") or "0") if is_engines else ""
            key = (
                quantity.name,
                one.labels.get("model_name", "") if is_engines else "",
                engine,
                part,
            )
            sums[key] = sums.get(key, 0.0) + one.value
    return sums


@given(st.lists(lines(), max_size=30), st.booleans(), st.booleans())
def test_every_series_is_the_official_clients(drawn, stamped, commented):
    rows = [written(*row, stamped=stamped) for row in drawn]
    comments = [f"# HELP {name} x" for name, _, _ in drawn] if commented else []
    text = "\n".join([*comments, *rows, ""])
    reader = Reader()
    try:
        sample = reader.read(text.encode())
    except NotMetricsError:
        assert not rows
        return
    again = reader.read(text.encode())
    expected = figures_of_the_official_client(text)
    found = {
        (series.quantity, series.model, series.engine, series.part): value
        for series, value in zip(sample.layout.series, sample.values.tolist(), strict=True)
    }
    assert found.keys() == expected.keys()
    assert all(math.isclose(found[key], expected[key], rel_tol=1e-12) for key in expected)
    assert again.values.tolist() == sample.values.tolist()
