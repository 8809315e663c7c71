"""The browser writes the figures under the cursor by the same rules as `lib.ui.plain`."""

import random
from urllib.parse import quote

import pytest

from lib.ui import plain, wire
from tests.support import browsing

RULES = {
    "count": plain.count,
    "rate": plain.rate,
    "ratio": plain.ratio,
    "duration": plain.duration,
    "span": plain.span,
}
EDGES = [0, 0.0041, 0.05, 0.5, 0.8, 0.9994, 0.9996, 1, 7, 9.9, 11.3, 59, 61, 99, 101, 999, 1234]
LARGE = [9_998, 10_001, 99_998, 100_001, 172_000, 999_999, 1_234_567, 12_345_678_901]


@pytest.fixture(scope="module")
def written():
    """Values written by the browser: rule, values → texts."""
    script = (wire.ASSETS / "figures.js").read_text()
    module = f"data:text/javascript,{quote(script)}"
    with browsing.chromium() as browser:
        page = browser.new_page()

        def write(rule: str, values: list[float]) -> list[str]:
            return page.evaluate(
                "async ([module, rule, values]) => values.map((await import(module))[rule])",
                [module, rule, values],
            )

        yield write


@pytest.mark.parametrize("rule", RULES)
def test_both_write_the_same(written, rule):
    chance = random.Random(7)
    values = [*EDGES, *LARGE, *(10 ** chance.uniform(-4, 8) for _ in range(300))]
    if rule == "ratio":
        values = [value for value in values if value <= 1]
    mine = [RULES[rule](value) for value in values]
    differing = [
        (value, ours, theirs)
        for value, ours, theirs in zip(values, mine, written(rule, values), strict=True)
        if ours != theirs
    ]
    assert not differing
