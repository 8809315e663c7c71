"""Figures, compression, spending, comparison and snippets: what the page makes of answers."""

import json
import shlex
from decimal import Decimal

import pytest

from lib.tokens import Fit
from lib.tokens.agreement import Probed, compared
from lib.tokens.batch import Row
from lib.tokens.budget import room
from lib.tokens.statistics import figures
from lib.ui.lab.answered import remarks
from lib.ui.lab.batching import Counted, table
from lib.ui.lab.comparing import comparison
from lib.ui.lab.compression import compression, language
from lib.ui.lab.snippets import curl, ids_json, python
from lib.ui.lab.spending import spending
from lib.ui.lab.tiles import tiles
from lib.ui.together import Found
from tests.unit.ui.lab.test_packing import aligned


def shown(found):
    return {one["label"]: (one["value"], one["tone"]) for one in found}


def test_figures_say_what_is_known():
    found = shown(tiles(figures("你好", 3, 1), room(3, 4096), Decimal("0.6")))
    assert found["tokens"] == ("3", "")
    assert found["characters / token"] == ("1.00", "")
    assert found["cost"] == ("0.0000018", "")
    assert "4\u202f093 left" in " ".join(found)


def test_figures_without_an_answer_are_dashes():
    found = shown(tiles(figures("ab", None), room(0, None), None))
    assert found["tokens"][0] == found["bytes / token"][0] == found["cost"][0] == "–"
    assert found["characters"][0] == "2"


def test_too_many_tokens_are_bad_and_said():
    found = tiles(figures("a", 5000), room(5000, 4096), None)[-2]
    assert found["tone"] == "bad"
    assert "904 tokens too many" in found["hint"]


def test_the_template_has_its_figure():
    found = shown(tiles(figures("a", 20), room(20, 100), None, (5, 20)))
    assert found["of the template (25\u202f%)"] == ("5", "")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("你好世界", "zho"),
        ("これは日本語です", "jpn"),
        ("안녕하세요", "kor"),
        ("Привет, мир", "rus"),
        ("the cat sat on the mat and it was fine", "eng"),
        ("Donaudampfschifffahrt", None),
        ("x = 1", None),
        ("", None),
        ("hello 你好", None),
    ],
)
def test_a_language_is_told_by_letters_that_leave_no_doubt(text, code):
    assert language(text) == code


def test_compression_has_a_row_for_each_sample_and_the_text():
    text = "早上好,朋友"
    rows = compression("mine", [{text: Found(5)}, {text: Found(trouble="down\x00 there")}])
    assert [row["name"] for row in rows][0::6] == ["Short Chinese", "Your text"]
    assert rows[0]["counts"] == [5, None]
    assert rows[0]["troubles"] == ["", "down there"]
    assert rows[0]["language"] == "Chinese"
    assert {one["name"] for one in rows[0]["published"]} >= {"Llama 3 (128k)"}
    assert rows[3]["published"] == []
    assert len(compression("", [])) == 6


def test_spending_names_the_dearest_parts_and_where_they_begin():
    waste = "550e8400-e29b-41d4-a716-446655440000"
    text = f"plain words here\n\n{waste}"
    cuts = [5, 11, 16, 18, *range(19, 19 + len(waste))]
    found = spending(aligned(text, cuts))
    assert found["kinds"][0]["kind"] == "UUID"
    assert found["kinds"][0]["extra"] > 20
    assert found["runs"][0]["text"] == waste
    assert found["runs"][0]["token"] == 4
    assert found["paragraphs"][0]["tokens"] == len(waste)


def test_spending_needs_places():
    assert spending(aligned("ab", [1, 2], fit=Fit.UNALIGNED)) is None
    assert spending(aligned("", [])) is None


def test_other_boundaries_are_told_from_shared_ones():
    text = "a🙂bc"
    first, other = Found(aligned(text, [1, 5, 7])), Found(aligned(text, [1, 5, 6, 7]))
    proof = Found(compared(Probed(("x",), ((1,),)), Probed(("x",), ((2,),))))
    found = comparison(text, [first, other, Found()], [proof, Found()])
    assert found["rows"][0]["edges"] == [1, 3, 5]
    assert found["rows"][1]["edges"] == [1, 3, 4, 5]
    assert (found["rows"][1]["shared"], found["rows"][1]["only_here"]) == (2, 1)
    assert found["rows"][1]["equal"] is False
    assert found["rows"][2] == {
        "tokens": None,
        "trouble": "",
        "edges": None,
        "proof": "",
        "equal": None,
    }


def test_a_text_without_places_says_why():
    one = aligned("ab", [1, 2], fit=Fit.UNALIGNED)
    assert "could not be aligned" in remarks(one)[0]["text"]
    assert remarks(aligned("ab", [1, 2])) == []


def test_snippets_are_what_a_shell_and_python_read():
    body = {"prompt": 'it\'s `x` $HOME "q"\n你好', "return_token_strs": True}
    text = curl("http://h:1", "/tokenize", body, has_key=True)
    words = shlex.split(text.replace("\\\n", ""))
    assert json.loads(words[words.index("-d") + 1]) == body
    assert "$VLLM_API_KEY" in text
    script = python("http://h:1", "/tokenize", body, has_key=True)
    compile(script, "snippet", "exec")
    assert "os.environ['VLLM_API_KEY']" in script
    assert "import os" not in python("http://h:1", "/tokenize", body, has_key=False)
    found = json.loads(ids_json("m", [1, 2], ["a", b"\xff"]))
    assert found["tokens"] == [1, 2]


def test_a_download_has_a_row_for_every_text():
    rows = (Row(1, "abcd"), Row(2, "", "the field holds nothing"), Row(3, "x"))
    header, body = table(Counted(rows, (2, None, None)))
    assert dict(zip(header, body[0], strict=True))["characters_per_token"] == 2.0
    assert body[1][4] == "the field holds nothing"
    assert body[2][4] == "not counted"
