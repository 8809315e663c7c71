"""What the tools of the Embeddings page say of what they found: their words and figures."""

import numpy as np
import pytest

from lib.api import Vectors
from lib.servers import Server, Source
from lib.tokens.alike import Alike, Part
from lib.ui.embedder import Embedder
from lib.ui.jobs import Job
from lib.ui.vectors import (
    calibrated,
    consistency,
    contrasts,
    prefixes,
    quantised,
    reranked,
    shared,
    throughput,
    two_models,
    why,
)
from lib.ui.vectors.presets import NONE, PRESETS, likely
from lib.ui.vectors.sets import Embedded, Texts
from lib.vectors.calibration import CONTRASTS, Floor, Threshold
from lib.vectors.comparing import largest_difference, top_k_changes
from lib.vectors.searching import found, relevance
from lib.vectors.truncation import Loss

NAN = float("nan")
SERVER = Server("here", "http://127.0.0.1:9", None, Source.ENVIRONMENT)


def embedded(count=6, labels=(), queries=frozenset(), floor=None):
    """So many texts with vectors that differ."""
    rows = np.random.default_rng(5).normal(size=(count, 8)).astype(np.float32)
    vectors = Vectors(rows, {}, 60, frozenset(), 0.1, "m", ())
    texts = Texts(tuple(f"text {n}" for n in range(count)), tuple(labels), queries)
    return Embedded(texts, vectors, SERVER, "m", floor=floor)


# ── Why equal, why so low? ──


def reading(**changed):
    whole = {
        "tokens": 9,
        "read": 9,
        "until": 9,
        "again": 9,
        "characters": 30,
        "characters_read": 30,
        "unknown": 0,
        "changed": 0,
        "added": 2,
    }
    return why.Reading(None, Part(**(whole | changed)))


def alike(common=2, first=7, second=7, *, is_same=False, is_reordered=False):
    return Alike(common, first, second, (), is_same, is_reordered)


def said(score, found_, *readings):
    return " ".join(one["text"] for one in why.findings(score, found_, *readings))


def test_the_same_tokens_explain_an_equal_score_and_nothing_else_does():
    same = alike(7, is_same=True)
    assert "reads the same tokens" in why.verdict(embedded(), 1.0, same)
    assert said(1.0, same, reading(), reading()) == ""


def test_a_score_is_told_by_its_place_above_the_floor():
    floor = Floor(np.array([0.0, 0.1, 0.2]))
    words = why.verdict(embedded(floor=floor), 0.5, alike())
    assert words == "The cosine is 0.500: above every unrelated pair."
    assert why.verdict(embedded(), 0.5, alike()) == "The cosine is 0.500."
    assert "no direction" in why.verdict(embedded(), NAN, alike())


def test_the_share_of_a_text_that_was_read_comes_first():
    cut = reading(tokens=20, read=8, until=7, again=19, characters_read=10, unknown=2)
    words = said(0.3, alike(), reading(), cut)
    assert words.startswith("Of the second text the model read 8 of 20 tokens (33")
    assert words.index("8 of 20") < words.index("does not know") < words.index("in common")


def test_another_order_is_named():
    assert "in another order" in said(0.99, alike(7, is_reordered=True), reading(), reading())


@pytest.mark.parametrize(
    ("common", "score", "words"),
    [
        (6, 0.3, "weighs more"),
        (1, 0.9, "mean the same"),
        (6, 0.9, "a “not”"),
        (2, 0.5, "2 tokens in common, of 7 and 7."),
    ],
)
def test_common_tokens_are_held_against_the_score(common, score, words):
    assert said(score, alike(common), reading(), reading()).endswith(words) or words in said(
        score, alike(common), reading(), reading()
    )


# ── Prefixes ──


def test_a_model_s_name_tells_its_prefix():
    names = {
        "intfloat/e5-small-v2": "E5",
        "intfloat/multilingual-e5-large-instruct": "E5 instruct",
        "BAAI/bge-base-en-v1.5": "BGE English",
        "BAAI/bge-small-zh-v1.5": "BGE Chinese",
        "Qwen/Qwen3-Embedding-0.6B": "Qwen3",
        "nomic-ai/nomic-embed-text-v1.5": "Nomic",
        "Alibaba-NLP/gte-Qwen2-1.5B-instruct": "GTE (Qwen2)",
    }
    assert {name: likely(name).name for name in names} == names
    assert likely("BAAI/bge-m3") is None
    assert likely("sentence-transformers/all-MiniLM-L6-v2") is None


def test_what_goes_before_a_text_is_as_the_model_cards_give_it():
    told = {one.name: (one.query, one.document) for one in PRESETS}
    assert told["E5"] == ("query: ", "passage: ")
    assert told["Nomic"] == ("search_query: ", "search_document: ")
    assert told["Qwen3"][0].endswith("answer the query\nQuery:")
    assert told["GTE (Qwen2)"][0].endswith("answer the query\nQuery: ")
    assert told["BGE English"][1] == told["BGE Chinese"][1] == ""
    assert (NONE.query, NONE.document) == ("", "")


def tried(preset, scores, labels=True):
    told = relevance(["a", "b"], ["a", "b"]) if labels else None
    return prefixes.Tried(preset, np.array(scores), found(scores, told))


GOOD, BAD = [[0.9, 0.1], [0.1, 0.9]], [[0.1, 0.9], [0.9, 0.1]]


def test_the_prefix_that_finds_best_is_named_where_labels_can_tell():
    e5 = PRESETS[0]
    assert prefixes.verdict((tried(NONE, BAD), tried(e5, GOOD))).startswith("E5 finds best")
    assert prefixes.verdict((tried(NONE, GOOD), tried(e5, BAD))).startswith("No prefix finds best")
    assert prefixes.verdict((tried(NONE, GOOD), tried(e5, GOOD))).startswith("Prefixes change")


def test_without_labels_a_prefix_is_not_called_better():
    words = prefixes.verdict(
        (tried(NONE, BAD, labels=False), tried(PRESETS[0], GOOD, labels=False))
    )
    assert words.startswith("E5 gives 2 of 2 queries another best document; without labels nobody")


# ── Reranked ──


def ranked(scores, labels=("a", "a", "b", "c")):
    about = embedded(4, labels, frozenset({0}))
    one = reranked.One(0, (1, 2, 3), (0.9, 0.5, 0.1), tuple(scores))
    return reranked.Reranked(about, shared.Other(SERVER, "judge"), (one,))


def test_a_reranker_is_judged_by_the_labels():
    assert reranked.verdict(ranked([9, 2, 1])).startswith("The reranker orders as well as")
    assert reranked.verdict(ranked([1, 2, 9])).startswith("The reranker orders worse than")


def test_without_labels_only_a_change_is_told():
    assert reranked.verdict(ranked([1, 2, 9], ())) == "The reranker puts another document first."
    assert reranked.verdict(ranked([9, 2, 1], ())) == "The reranker puts the same document first."


def test_changes_of_rank_are_signs_and_numbers():
    assert [reranked.change(one) for one in (3, -2, 0, None)] == ["↑ 3", "↓ 2", "=", "="]
    assert ranked([1, 2, 9]).done[0].reranked == (3, 2, 1)
    assert ranked([1, 2, 9]).done[0].agreement == -1


# ── Two models ──


def test_texts_that_one_model_has_no_vector_of_are_left_out():
    about = embedded(8)
    rows = about.rows.copy()
    rows[2] = np.nan
    made = two_models.compared(about, shared.Other(SERVER, "other"), rows)
    assert made.places.tolist() == [0, 1, 3, 4, 5, 6, 7]
    assert two_models.verdict(made.found).startswith("Both find the same neighbours")
    assert two_models.compared(about, shared.Other(SERVER, "x"), np.zeros((8, 0))) is None


# ── The same every time ──


def ran(rows, other):
    changes = top_k_changes(rows, other, 2)
    return consistency.Ran("One at a time", 1.0, largest_difference(rows, other), changes)


def consistent(*others):
    about = embedded()
    every = (consistency.Ran("Batches of 64", 1.0), *(ran(about.rows, one) for one in others))
    return consistency.verdict(consistency.Consistency(about, 6, 2, every))


def test_equal_vectors_are_the_same_to_the_last_bit():
    rows = embedded().rows
    assert consistent(rows) == ("good", "The same to the last bit, every way.")


def test_rounding_is_no_fault_and_other_neighbours_are():
    rows = embedded().rows
    tone, words = consistent(rows, rows + np.float32(1e-4))
    assert tone == "good"
    assert "but for rounding" in words
    tone, words = consistent(rows, rows[::-1].copy())
    assert tone == "watch"
    assert words.startswith("Not the same (One at a time)")


def test_a_difference_too_large_for_rounding_is_told_though_neighbours_stay():
    rows = embedded().rows
    assert consistent(1.1 * rows)[0] == "watch"
    assert consistent(1.1 * rows)[1].startswith("Not quite the same")


def test_with_one_way_only_there_is_nothing_to_compare():
    assert consistent() == ("hint", "There is nothing to compare yet.")


# ── Throughput ──


def speed(size, seconds, requests=5):
    return throughput.Speed(size, (seconds,) * requests, 10 * size * requests, 1.0, 0.0)


def test_texts_and_tokens_a_second_are_of_the_time_under_way():
    one = speed(8, 0.5)
    assert (one.texts, one.texts_a_second, one.tokens_a_second, one.median) == (40, 16, 160, 0.5)
    assert throughput.Speed(8, (0.5,), None, None, None).tokens_a_second is None


def test_the_smallest_batch_that_is_fast_enough_is_named():
    def verdict(*speeds):
        return throughput.verdict(throughput.Throughput(embedded(), speeds))

    flat = speed(1, 0.1), speed(16, 0.2), speed(64, 0.79)
    assert verdict(*flat).startswith("80.0 texts a second in batches of 16, 8.0 times those of 1;")
    assert verdict(*flat).endswith("larger ones bring little more.")
    assert verdict(speed(1, 0.1), speed(16, 0.2)).endswith("larger ones were not tried.")
    assert verdict(speed(1, 0.1), speed(16, 1.6)).endswith("larger batches bring no more.")
    assert verdict(speed(1, 0.1)) == "10.0 texts a second in batches of 1."


# ── Contrasts, shorter vectors, threshold ──


def contrasted(scores):
    return contrasts.Contrasted(embedded(), np.array(scores, np.float64))


def test_kinds_that_score_as_high_as_paraphrases_are_named():
    deaf = [0.9 if one.kind in {"negation", "number"} else 0.5 for one in CONTRASTS]
    deaf = [0.2 if one.kind == "entity swap" else s for one, s in zip(CONTRASTS, deaf, strict=True)]
    words = contrasts.verdict(contrasted(deaf))
    assert words.endswith("it is nearly deaf to negation and number.")
    assert contrasts.missed(contrasted(deaf)) == (8, 12)
    fine = [0.9 if one.same else 0.1 for one in CONTRASTS]
    assert contrasts.verdict(contrasted(fine)).startswith("It tells every pair")
    assert "nothing to tell" in contrasts.verdict(contrasted([NAN] * len(CONTRASTS)))


def test_the_fewest_dimensions_that_keep_neighbours_are_named():
    sizes = [Loss("", 8, 32, 0.5, 0.5), Loss("", 16, 64, 0.95, 0.9), Loss("", 32, 128, 1, 1)]
    forms = [Loss("float32", 32, 128, 1, 1), Loss("int8", 32, 32, 0.97, 1)]
    words = quantised.verdict(sizes, forms)
    assert words.startswith(
        "16 of 32 dimensions keep nine of ten neighbours; with all of them, int8"
    )
    flat = [sizes[0], sizes[2]]
    assert quantised.verdict(flat, []).startswith("Every dimension is needed")
    assert [quantised.size(n) for n in (48, 1536, 1.5e9)] == ["48 bytes", "1.54 kB", "1.5 GB"]


def test_pairs_are_parted_by_a_tab_or_a_bar_and_other_lines_are_named():
    pairs = calibrated.pairs_of("a\tb\n\nc | d | e\nno pair\n | x\n")
    assert pairs.first == ("a", "c")
    assert pairs.second == ("b", "d | e")
    assert pairs.faulty == (4, 5)
    assert not calibrated.pairs_of("a | b\n" * 1_000).has_more
    assert calibrated.pairs_of("a | b\n" * 1_001).has_more


def test_the_line_is_told_with_its_errors():
    def verdict(line):
        scores = np.array([0.5])
        return calibrated.verdict(calibrated.Calibrated(embedded(), scores, scores, line))

    assert verdict(Threshold(0.316, 0, 0, 5, 5)).endswith("no pair is wrong.")
    assert "takes in 20" in verdict(Threshold(0.4, 0.2, 0.4, 5, 5))
    assert "no line" in verdict(None)


# ── What they share ──


def test_figures_without_a_value_are_a_dash_and_minus_zero_is_zero():
    assert [shared.figure(one) for one in (None, NAN, -0.0001, -0.25)] == [
        "–",
        "–",
        "0.000",
        "−0.250",
    ]


def test_work_whose_house_is_closed_is_unwanted():
    home = Embedder({})
    job = Job(1, home=home)
    assert not job.is_unwanted()
    home.close()
    assert job.is_unwanted()
    assert home.submit(lambda: None).cancelled()


def test_a_result_is_shown_only_beside_the_vectors_it_was_made_of():
    about, other = embedded(), embedded()
    job = Job(1)
    job.result = contrasted([0.5] * len(CONTRASTS))
    mine = job.result.about
    assert shared.result(job, contrasts.Contrasted, mine) is job.result
    assert shared.result(job, contrasts.Contrasted, other) is None
    assert shared.result(job, throughput.Throughput, mine) is None
    assert shared.result(None, contrasts.Contrasted, about) is None
