import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.demo.hashed import hashed, unit
from tests.support.processes import ROOT

UNRELATED = (
    "The ferry leaves the harbour at noon.",
    "Interest rates rose again this quarter.",
    "Yeast makes the dough rise.",
    "He tuned his violin before the concert.",
    "Python keeps lists in one block of memory.",
    "The goalkeeper saved two penalties.",
    "A glacier carves its valley slowly.",
    "Her passport expires in March.",
)


def similarity(one: str, other: str) -> float:
    return float(unit(hashed(one, 384)) @ unit(hashed(other, 384)))


@pytest.mark.parametrize(
    ("text", "alike", "other"),
    [
        (
            "How do I reset my password?",
            "I forgot my password, how can I reset it?",
            "Which train goes to the airport?",
        ),
        ("The cat sleeps on the sofa.", "A cat is sleeping on a sofa.", UNRELATED[1]),
        ("今天的股市下跌了", "股市今天大幅下跌", "我喜欢吃苹果"),
        ("retrieval", "retrieve", "banana"),
    ],
)
def test_texts_that_share_words_or_letters_are_more_alike(text, alike, other):
    assert similarity(text, alike) > similarity(text, other) + 0.2


def test_unrelated_texts_have_a_floor_above_nothing():
    scores = [similarity(one, other) for one, other in combinations(UNRELATED, 2)]
    assert 0.1 < np.mean(scores) < 0.3
    assert np.std(scores) < 0.1


def test_case_has_no_part_in_it():
    assert similarity("The server CRASHED", "the Server crashed") == pytest.approx(1.0)


@given(st.text(max_size=200), st.sampled_from([1, 7, 384]))
def test_every_text_has_a_direction(text, dimensions):
    vector = hashed(text, dimensions)
    assert vector.shape == (dimensions,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(unit(vector)) == pytest.approx(1.0, abs=1e-5)


def test_a_longer_text_has_a_longer_vector():
    lengths = [float(np.linalg.norm(hashed("word other third " * n, 384))) for n in (0, 1, 9)]
    assert lengths == sorted(lengths)


def test_another_process_makes_the_same_vector():
    script = "from lib.demo.hashed import hashed; print(hashed('naïve 你好', 16).tobytes().hex())"
    command = [sys.executable, "-c", script]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert told.strip() == hashed("naïve 你好", 16).tobytes().hex()
