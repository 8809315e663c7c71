import asyncio
import gc
import threading
import time
from concurrent.futures import wait

import pytest

from lib.api import generation
from lib.api.deltas import timing
from lib.ui import answering
from lib.ui.answering import Answers, Full, is_name
from tests.support.faulty import FaultServer, answer_json, closed_port, hang
from tests.support.waiting import until
from tests.unit.ui.chat.speaking import Speaker, chunk, server_at

PATH = "/v1/chat/completions"
WORDS = [chunk(role="assistant", content=""), chunk(content="one "), chunk(content="two")]
ENDED = [*WORDS, chunk(finish="stop")]


@pytest.fixture
def answers():
    made = Answers({})
    yield made
    made.close()


@pytest.fixture
def server():
    with FaultServer() as started:
        yield started


def request(text="hello"):
    return generation.chat("m", [{"role": "user", "content": text}])


def begin(answers, server, behaviour, name="r", **how):
    server[PATH] = behaviour
    return answers.begin(name, server_at(server.url), request(), **how)


def over(run):
    until(lambda: run.is_over)
    return run


def loading(answers, monkeypatch, load):
    """Do something in the loop before the first question: nothing else of a run goes on then."""
    own = answers.client

    def client(wanted):
        load()
        return own(wanted)

    monkeypatch.setattr(answers, "client", client)


def said(run):
    return "".join(part.get("c", "") for part in run.parts)


def test_an_answer_is_written_and_kept(answers, server):
    run = over(begin(answers, server, Speaker(ENDED)))
    assert (run.state, run.sentence) == ("done", "")
    assert run.reply.content == said(run) == "one two"
    assert run.reply.finish == "stop"
    assert run.finished >= run.started
    assert [sorted(part) for part in run.parts] == [["at", "c"], ["at", "c"]]


def test_a_double_click_sends_once(answers, server):
    speaker = Speaker(ENDED)
    first = begin(answers, server, speaker)
    assert begin(answers, server, speaker) is first
    over(first)
    assert len(speaker.asked) == 1


def test_stop_keeps_what_came_and_leaves_the_server(answers, server):
    speaker = Speaker(ENDED, is_held=True)
    run = begin(answers, server, speaker)
    speaker.go.release()
    speaker.go.release()
    until(lambda: said(run) == "one ")
    answers.stop(run.id)
    over(run)
    assert speaker.left.wait(30)
    assert (run.state, run.reply.content) == ("stopped", "one ")


def test_stop_before_the_first_byte_ends_it(answers, server):
    run = begin(answers, server, hang())
    answers.stop(run.id)
    assert over(run).state == "stopped"
    assert not run.has_output


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (401, "Unauthorized", "API key"),
        (404, "The model `m` does not exist.", "does not serve that model"),
        (503, "no", "http"),
    ],
)
def test_a_refusal_is_one_sentence(answers, server, status, message, words):
    body = {"error": {"message": message, "type": "x", "code": status}}
    run = over(begin(answers, server, answer_json(body, status)))
    assert run.state == "failed"
    assert words in run.sentence
    assert run.refused is not None


def test_a_server_that_is_not_there_is_one_sentence(answers):
    with closed_port() as url:
        run = over(answers.begin("r", server_at(url), request()))
    assert run.sentence.startswith("Nothing listens at")


def test_a_server_gone_in_the_middle_leaves_what_it_said(answers, server):
    run = over(begin(answers, server, Speaker(WORDS, done=False)))
    assert run.state == "failed"
    assert run.reply.content == "one two"
    assert run.sentence


def test_what_is_to_be_done_at_the_end_is_done_before_it_is_over(answers, server):
    seen = []
    run = begin(
        answers, server, Speaker(ENDED), then=lambda one: seen.append((one.state, one.is_over))
    )
    over(run)
    assert seen == [("done", False)]


def test_an_answer_ends_even_where_it_cannot_be_put_in_its_place(answers, server):
    def fail(_run):
        raise RuntimeError("no place")

    assert over(begin(answers, server, Speaker(ENDED), then=fail)).state == "done"


def test_more_than_fit_are_refused_and_the_oldest_forgotten(answers, server, monkeypatch):
    monkeypatch.setattr(answering, "AT_ONCE", 2)
    monkeypatch.setattr(answering, "_KEPT", 2)
    held = [begin(answers, server, hang(), name) for name in "ab"]
    with pytest.raises(Full):
        begin(answers, server, hang(), "c")
    for run in held:
        answers.stop(run.id)
        over(run)
    over(begin(answers, server, Speaker(ENDED), "c"))
    assert answers.get("a") is None
    assert answers.get("c") is not None


def test_what_is_too_long_is_ended(answers, server, monkeypatch):
    monkeypatch.setattr(answering, "_LONGEST", 500)
    run = over(begin(answers, server, Speaker([chunk(content="x" * 200)] * 1000)))
    assert run.state == "stopped"
    assert run.sentence == answering.TOO_MUCH
    assert 200 <= len(run.reply.content) < 100_000


def test_a_long_event_counts_whole_though_its_line_is_kept_in_part(answers, server, monkeypatch):
    monkeypatch.setattr(answering, "_LONGEST", 50_000)
    run = over(begin(answers, server, Speaker([chunk(content="x" * 30_000)] * 20)))
    assert run.sentence == answering.TOO_MUCH
    assert 60_000 <= len(run.reply.content) <= 150_000  # what came with the second may be read too


def test_what_nobody_reads_is_stopped(answers, server, monkeypatch):
    monkeypatch.setattr(answering, "_UNREAD_SECONDS", 0.2)
    speaker = Speaker(ENDED, is_held=True)
    run = over(begin(answers, server, speaker))
    assert (run.state, run.sentence) == ("stopped", answering.UNREAD)
    until(lambda: server.connections == 0)


def test_what_somebody_reads_goes_on(answers, server, monkeypatch):
    monkeypatch.setattr(answering, "_UNREAD_SECONDS", 0.2)
    speaker, reading = Speaker(ENDED, is_held=True), threading.Event()
    loading(answers, monkeypatch, lambda: reading.wait(60))  # nobody looks for readers before

    async def read():
        run = begin(answers, server, speaker)
        async with run.read():
            reading.set()
            await asyncio.sleep(0.6)
            for _ in ENDED:
                speaker.go.release()
            await run.bell.until(lambda: run.is_over, 60)
        return run

    assert asyncio.run(read()).state == "done"


def test_quitting_stops_all_at_once(server, monkeypatch):
    monkeypatch.setattr(answering, "_CLOSING_SECONDS", 60.0)
    answers = Answers({})
    server[PATH] = hang()
    runs = [answers.begin(str(n), server_at(server.url), request()) for n in range(5)]
    until(lambda: len(server.seen) == 5)
    begun = time.monotonic()
    answers.close()
    assert time.monotonic() - begun < answering._TIMEOUT / 2
    assert {run.state for run in runs} == {"stopped"}
    with pytest.raises(Full):
        answers.begin("late", server_at(server.url), request())
    assert answers.get("late") is None
    answers.stop("0")
    answers.close()


def test_a_machine_that_stands_still_cuts_no_closing_short(server, monkeypatch):
    turns = []

    def waited(futures, seconds):
        turns.append(seconds)  # the time of the first is over before anything could be done
        return wait(futures, seconds if len(turns) > 1 else 0.0)

    monkeypatch.setattr(answering, "wait", waited)
    monkeypatch.setattr(answering, "_CLOSING_SECONDS", 60.0)
    answers = Answers({})
    run = begin(answers, server, hang())
    until(lambda: server.seen)
    answers.close()
    assert run.state == "stopped"
    until(lambda: server.connections == 0)


async def nothing():
    raise AssertionError


def test_what_comes_after_the_end_is_not_begun():
    answers = Answers({})
    answers.close()
    before = set(threading.enumerate())
    with pytest.raises(Full):
        answers.spawn(nothing())
    assert set(threading.enumerate()) <= before


def test_quitting_waits_for_no_slow_conclusion_and_leaves_nothing_open(server, caplog, monkeypatch):
    monkeypatch.setattr(answering, "_CLOSING_SECONDS", 5.0)
    answers, concluded = Answers({}), threading.Event()
    server[PATH] = hang()
    run = answers.begin("r", server_at(server.url), request(), lambda _: concluded.wait(60))
    until(lambda: server.seen)
    answers.close()
    until(lambda: server.connections == 0)
    assert (run.state, run.is_over) == ("stopped", True)
    concluded.set()
    gc.collect()
    assert "pending" not in caplog.text


def test_half_a_character_and_probabilities_come_through(answers, server):
    told = chunk(content="a")
    told["choices"][0]["logprobs"] = {
        "content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]
    }
    told["usage"] = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    run = over(begin(answers, server, Speaker([told, chunk(reasoning="b"), chunk(finish="stop")])))
    assert run.parts[0]["p"] == [["a", -0.5]]
    assert run.parts[0]["k"] == 1
    assert run.parts[1]["r"] == "b"


def test_its_clock_starts_after_our_own_loading(answers, server, monkeypatch):
    loaded = []

    def load():
        time.sleep(0.4)
        loaded.append(time.perf_counter())

    loading(answers, monkeypatch, load)
    run = over(begin(answers, server, Speaker(ENDED)))
    assert time.time() - run.started > 0.4
    assert timing(run.reply).ttft < time.perf_counter() - loaded[0]


@pytest.mark.parametrize("told", ["", "x" * 65, "a b", "é", "a\n", None, 7, ["a"], {}])
def test_what_cannot_be_the_name_of_a_run(told):
    assert not is_name(told)
    assert is_name("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9")
