"""Parts cover the text, own every written token once, and dear runs are found and named."""

import time

import numpy as np
import pytest
from hypothesis import given

from lib.tokens.parts import ORDINARY, kind_costs, paragraphs, runs
from tests.unit.tokens.cuts import Spans, each, placed, spans


def shapes(text):
    """The unusual runs of a text, as (kind, text)."""
    parts = runs(spans(text, []))
    data = text.encode()
    return [
        (kind, data[start:end].decode())
        for kind, start, end in zip(parts.kinds, parts.starts, parts.ends, strict=True)
        if kind != ORDINARY
    ]


@pytest.mark.parametrize(
    ("kind", "run"),
    [
        ("UUID", "550e8400-e29b-41d4-a716-446655440000"),
        ("hexadecimal", "9f86d081884c7d659a2feaa0c55ad015"),
        ("base64", "TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcms="),
        ("base64", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"),
        ("long number", "31415926535"),
        ("long number", "2031-12-24"),
        ("link", "https://example.org/a?b=c"),
        ("repeated sign", "======"),
        ("emoji", "🎉👩\u200d👦❤\ufe0f"),
        ("Chinese", "人工智能,再见"),
        ("Japanese kana", "ありがとう"),
        ("Korean", "안녕 세계"),
        ("Cyrillic", "Привет, мир"),
        ("Arabic", "مرحبا بالعالم"),
        ("Devanagari", "नमस्ते दुनिया"),
        ("Thai", "สวัสดี"),
        ("other script", "ᏣᎳᎩ"),
    ],
)
def test_a_dear_run_is_found_and_named(kind, run):
    assert shapes(f"see {run} there") == [(kind, run)]


@pytest.mark.parametrize(
    "text",
    [
        "An ordinary sentence, with commas - and 3.14 or 2024 in it.",
        "internationalisation_of_long_identifiers",
        "Ünïcödé latin is no other script",
        "INTERNATIONALISATIONSBESTREBUNGEN",
        "#1 *2 (c) ©®? no: -- ...",
    ],
)
def test_ordinary_text_is_left_alone(text):
    assert [kind for kind, _ in shapes(text) if kind != "emoji"] == []


def test_indents_and_blank_lines_are_runs():
    assert shapes("if x:\n    y\n\n\n\nz     z") == [
        ("indent", "    "),
        ("blanks", "\n\n\n\n"),
        ("blanks", "     "),
    ]


def test_paragraphs_end_with_their_blank_lines():
    found = paragraphs(each("ab\n\nc\nd", "ab", "\n\n", "c", "\nd"))
    assert found.starts.tolist() == [0, 4]
    assert found.ends.tolist() == [4, 7]
    assert found.tokens.tolist() == [2, 2]
    assert found.bytes_per_token.tolist() == [2.0, 1.5]


def test_a_token_belongs_to_the_part_in_which_it_ends():
    found = runs(each("see 9999999", "see", " 999", "9999"))
    assert found.kinds == (ORDINARY, "long number")
    assert found.tokens.tolist() == [1, 2]


def test_the_dearest_part_comes_first_and_parts_without_tokens_never():
    found = paragraphs(each("abcd\n\n\n\nef\n\nghij", "abcd\n\n\n\n", "e", "f", "\n", "\nghij"))
    assert found.tokens.tolist() == [1, 3, 1]
    assert found.dearest(5) == [1, 2, 0]
    none = paragraphs(Spans("ab", np.array([-1]), np.array([-1])))
    assert none.tokens.tolist() == [0]
    assert none.dearest(5) == []


def test_kinds_say_what_they_cost_beyond_the_ordinary():
    text = "plain words 123456"
    first, second = kind_costs(runs(each(text, "plain", " words", " ", *"123456")))
    assert (first.kind, first.runs, first.bytes, first.tokens) == ("long number", 1, 6, 6)
    assert first.extra == pytest.approx(6 - 6 / 4)
    assert (second.kind, second.extra) == (ORDINARY, 0.0)


def test_without_ordinary_text_nothing_is_extra():
    (only,) = kind_costs(runs(each("人工", "人", "工")))
    assert (only.bytes_per_token, only.extra) == (3.0, None)


def test_an_empty_text_has_no_parts():
    for found in (runs(spans("", [], 1, 1)), paragraphs(spans("", [], 1, 1))):
        assert len(found) == 0
        assert kind_costs(found) == ()


@given(placed())
@pytest.mark.parametrize("part", [paragraphs, runs])
def test_parts_tile_the_text_and_own_each_written_token_once(part, one):
    found = part(one)
    size = len(one.text.encode())
    assert [0, *found.ends.tolist()] == [*found.starts.tolist(), size]
    assert (found.ends > found.starts).all()
    assert found.tokens.sum() == (one.ends > one.starts).sum()
    assert sum(kind.tokens for kind in kind_costs(found)) == found.tokens.sum()


@pytest.mark.parametrize(
    "unit", ["word ", "a1B/", "1.", "🎉", "你a", "0f", "\n ", "A_", " \t", "е, ", "aa-", "00-"]
)
def test_no_text_takes_long(unit):
    text = unit * (200_000 // len(unit))
    started = time.perf_counter()
    runs(spans(text, []))
    assert time.perf_counter() - started < 5.0  # a tenth of it when all is well
