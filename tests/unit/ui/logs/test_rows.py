"""What the page draws of a log: sentences, lists, milestones, and nothing that is markup."""

from itertools import pairwise

import pytest

from lib.logs import read_log
from lib.logs.statistics import Point
from lib.ui.logs import plots, rows, words
from lib.ui.logs.example import example
from tests.unit.logs.samples import FAILED, NOW, PLAIN, V0_5, V0_10


def test_a_server_that_runs_is_told_with_its_model_and_address():
    told = words.summary(read_log(NOW))
    assert told["tone"] == "good"
    assert told["sentence"] == (
        "vLLM 0.32.0 serves Qwen/Qwen2.5-7B-Instruct on http://127.0.0.1:8000: ready, 36.0"
        "\N{NARROW NO-BREAK SPACE}s after its first line."
    )
    assert {one["label"]: one["value"] for one in told["tiles"]}["routes"] == "35"


@pytest.mark.parametrize(
    ("log", "tone", "words_of_it"),
    [
        (FAILED, "bad", "did not start: the longest request does not fit into the KV cache."),
        (V0_10, "bad", "ended, its engine died: out of device memory."),
        (PLAIN[0].encode(), "watch", "vLLM 0.11.0 is still starting where the log ends."),
        (
            b"api_server.py: error: unrecognized arguments: --enable-rca\n",
            "bad",
            "This server did not start: an argument that this release does not know.",
        ),
        (b"Dear diary,\n", "watch", "No line of this is one that a vLLM server prints."),
        ("\n".join((*PLAIN, "Killed")).encode(), "bad", "was killed: a process was killed."),
        ("\n".join((*PLAIN, "INFO:     Shutting down")).encode(), "hint", "and was shut down."),
    ],
)
def test_an_end_is_told_with_its_cause(log, tone, words_of_it):
    told = words.summary(read_log(log))
    assert told["tone"] == tone
    assert told["sentence"].endswith(words_of_it)


def test_a_cause_comes_with_what_to_do():
    assert "--max-model-len" in " ".join(words.summary(read_log(FAILED))["more"])


def test_every_known_line_of_a_recorded_log_is_explained():
    told = rows.lines(read_log(NOW))
    assert len(told) > 20
    assert all(row["text"] and row["code"] and row["place"] for row in told)


def test_what_people_asked_is_not_shown():
    told = rows.lines(read_log(V0_5))
    assert "(request, not shown)" in [row["code"] for row in told]
    assert "private" not in str(told)


def test_arguments_are_written_as_they_are_typed_and_keys_hidden():
    told = {row["code"]: row["text"] for row in rows.arguments(read_log(V0_10))}
    assert told["--max-model-len 8192"].startswith("Tokens that a prompt and its answer")
    assert told["--api-key [hidden]"].startswith("Requests must bring this key")
    assert "--enforce-eager" in {row["code"] for row in rows.arguments(read_log(NOW))}


def test_routes_are_explained_and_lead_to_the_explorer():
    told = {row["code"]: row for row in rows.routes(read_log(NOW), "chat & co")}
    assert told["POST /tokenize"]["href"] == "explorer?server=chat+%26+co&route=POST+%2Ftokenize"
    assert [code for code, row in told.items() if not row["text"]] == []
    assert all(not row["href"] for row in rows.routes(read_log(NOW), ""))


def test_milestones_fill_the_whole_of_a_start():
    told = rows.milestones(read_log(NOW))
    assert [row["name"] for row in told][-1] == "ready"
    assert sum(row["width"] for row in told) == pytest.approx(1.0)
    for one, other in pairwise(told):
        assert other["start"] == pytest.approx(one["start"] + one["width"])
    assert rows.milestones(read_log(b"")) == []


def test_remarks_come_worst_first_and_without_lines_of_their_own():
    line = "(A pid=1) ERROR 01-01 00:00:00 [a.py:1] <b>odd</b>\u202e \x07thing\n"
    told = rows.remarks(read_log(V0_10 + line.encode()))
    assert [row["tone"] for row in told] == sorted(
        (row["tone"] for row in told), key=["bad", "watch", "hint"].index
    )
    assert "\u202e" not in str(told)


def test_a_moment_is_written_as_the_log_writes_it():
    at = read_log(NOW).first_at
    assert words.moment(at) == "11-22 11:59:25"
    assert words.moment(at, has_day=False) == "11:59:25"
    assert words.moment(None) == ""


def test_a_pause_in_the_statistics_is_a_gap():
    points = [Point(n, at, {}) for n, at in enumerate((0.0, 10.0, 20.0, 60.0, 70.0))]
    assert [one is None for one in plots.gapped(points)] == [
        False,
        False,
        False,
        True,
        False,
        False,
    ]


def test_no_line_is_drawn_from_one_start_to_the_next():
    points = [Point(n, at, {}) for n, at in enumerate((0.0, 10.0, 20.0, 30.0))]
    assert [one and one.at for one in plots.gapped(points, [12.0])] == [0, 10, None, 20, 30]


def test_the_example_is_a_log_in_words_that_are_all_known():
    log = read_log(example())
    assert {one.is_known for one in log.remarks} == {True}
    assert all(one.what for one in log.arguments)
    assert len(log.statistics[0].points) > 200
