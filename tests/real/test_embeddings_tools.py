"""What the Embeddings page says of two texts, on real vLLM: all-MiniLM-L6-v2 and its tokenizer."""

import pytest

from lib.ui import house as houses
from lib.ui.embedder import Asked
from lib.ui.vectors import why
from lib.ui.vectors.sets import Embedded, How, Texts
from lib.vectors import cosine
from tests.real.vllm import EMBED, serving

START = "one two three " * 150
TEXTS = Texts(
    ("a cat", "A CAT", " a cat ", "café", "cafe", START + "four", START + "the end", "𓀀𓀁")
)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """All texts with their vectors, over-long ones cut."""
    folder = tmp_path_factory.mktemp("embed")
    with serving("embed", log=folder / "vllm.log") as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("INSPECTOR_DATA", str(folder))
        patch.setenv("VLLM_SERVERS", f"minilm={server.url}")
        houses._house.clear()
        watched, how = houses.house().watched()[0], How(truncate=True)
        vectors = houses.house().embedder.embed(Asked(watched, EMBED, how.kind), TEXTS.texts)
        yield Embedded(TEXTS, vectors, watched, EMBED, how)
        houses.house().close()
        houses._house.clear()


def explained(embedded, *pair):
    """Score, verdict and findings of two texts."""
    readings = [why._reading(embedded, place) for place in pair]
    found = why._alike(readings, embedded, pair)
    score = float(cosine(embedded.rows[list(pair)])[0, 1])
    said = " ".join(one["text"] for one in why.findings(score, found, *readings))
    return score, why.verdict(embedded, score, found), said


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (3, 4)])
def test_texts_that_the_tokenizer_makes_equal_are_told_to_be(embedded, pair):
    score, verdict, _ = explained(embedded, *pair)
    assert score == pytest.approx(1, abs=1e-6)
    assert verdict.startswith("Equal, because the model reads the same tokens")


def test_what_the_tokenizer_changes_is_named(embedded):
    assert "it reads “A” as “a”, “CAT” as “cat”" in explained(embedded, 0, 1)[2]
    assert "it reads “café” as “cafe”" in explained(embedded, 3, 4)[2]


def test_long_texts_that_differ_at_the_end_are_equal_for_being_cut(embedded):
    score, verdict, said = explained(embedded, 5, 6)
    assert score == pytest.approx(1, abs=1e-6)
    assert verdict.startswith("Equal, because")
    assert "Of the first text the model read 256 of 453 tokens" in said


def test_signs_that_the_vocabulary_does_not_know_are_told(embedded):
    assert "the vocabulary does not know 1 of 1 token" in explained(embedded, 0, 7)[2]
