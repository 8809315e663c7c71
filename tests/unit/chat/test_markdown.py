"""A model's Markdown: nothing in it can load, link or run, and none of its words are lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.markdown import TAGS, nodes
from tests.support.cost import cost

MARKS = "*_`~[]()<>!#>-+|\\\n &;:1.ab\"'"
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![a](https://example.org/p.png)",
    "[a](javascript:alert(1))",
    "<https://example.org>",
    "https://example.org",
    "[a]: https://example.org\n\n[a]",
    "<svg/onload=alert(1)>",
)


def every(node):
    """The node and all under it."""
    yield node
    if not isinstance(node, str):
        for child in node[2:]:
            yield from every(child)


def words(node):
    return "".join(one for one in every(node) if isinstance(one, str))


def elements(node):
    return [one for one in every(node) if not isinstance(one, str)]


def test_what_a_model_writes_is_read():
    found = nodes("# A\n\nb *c* **d** `e` ~~f~~\n\n> g\n\n- h\n- i")
    assert [one[0] for one in elements(found)] == [
        *("div", "h1", "p", "em", "strong", "code", "s", "blockquote", "p", "ul", "li", "li"),
    ]


def test_code_has_its_language_and_every_blank():
    assert nodes("```python\n  x = 1\n\n```") == (
        "div",
        {},
        ("pre", {}, ("code", {"class": "language-python"}, "  x = 1\n\n")),
    )


@pytest.mark.parametrize("info", ['"><script>', "a" * 30, "é", ""])
def test_a_language_that_is_no_word_is_left_out(info):
    assert nodes(f"~~~{info}\nx\n~~~")[2] == ("pre", {}, ("code", {}, "x\n"))


def test_a_table_has_its_columns_aligned():
    found = elements(nodes("|a|b|\n|-|-:|\n|1|2|"))
    assert [one[1:] for one in found if one[0] == "td"] == [({}, "1"), ({"class": "right"}, "2")]


def test_a_list_begins_where_it_begins():
    assert nodes("7. a\n8. b")[2][1] == {"start": 7}
    assert nodes("1. a")[2][1] == {}


@pytest.mark.parametrize("text", HOSTILE)
def test_what_could_load_or_run_stays_text(text):
    found = nodes(text)
    assert words(found).replace("\n", "") == text.replace("\n", "")
    assert {one[0] for one in elements(found)} <= {"div", "p"}


@given(st.text(alphabet=MARKS, max_size=200) | st.lists(st.sampled_from(HOSTILE)).map("\n".join))
def test_only_harmless_elements_ever_come_out(text):
    for one in elements(nodes(text)):
        assert one[0] in TAGS
        assert set(one[1]) <= {"class", "start"}
        assert all(type(value) in (str, int) for value in one[1].values())


@given(st.text(max_size=300) | st.text(alphabet=MARKS, max_size=300))
def test_no_letter_is_lost(text):
    kept = [letter for letter in words(nodes(text)) if letter.isalnum()]
    typed = [letter for letter in text if letter.isalnum()]
    if "&" not in text and not any(mark in text for mark in ("1.", "1)", "```", "~~~")):
        assert kept == typed


@pytest.mark.parametrize(
    "text",
    [
        "> " * 30 + "x",
        "\n".join("  " * depth + "- a" for depth in range(30)),
        "> " * 1000 + "x",
        "*a **b " * 30 + "c** d*" * 30,
        "a" * 100_001,
    ],
)
def test_what_is_too_long_or_too_deep_stays_as_it_is(text):
    assert nodes(text) == ("p", {}, text)


@pytest.mark.parametrize(
    "unit",
    [
        *("[", "![", "*", "*a ", "_a *b ", "`", "`a``", "> a\n", "- a\n", "1. a\n", "a\n", "|a"),
        *("<a ", "&amp", "\\*", "~", "**a ", "# a\n", "```\na\n", "|a|b|\n|-|-|\n|c|d|\n", "[a]("),
        "|a" * 30 + "\n" + "|-" * 30 + "\n" + "|b\n" * 15_000,
    ],
)
def test_no_text_takes_long_to_read(unit):
    text = (unit * 50_000)[:50_000]
    seconds, found = cost(lambda: nodes(text))
    assert seconds < 8
    assert "a" in words(found) or "a" not in unit


def test_a_table_of_very_many_cells_stays_text():
    text = "|a" * 30 + "\n" + "|-" * 30 + "\n" + "|b\n" * 1_000
    assert "table" not in {one[0] for one in elements(nodes(text))}
