"""Questions to several servers at once: one that hangs holds up nobody else."""

import threading
import time
from concurrent.futures import wait

import pytest

from lib.api import Reason, Unreachable
from lib.ui import together
from lib.ui.together import Found, Job, Together
from tests.support.waiting import until

SECONDS = 60
"""An answer is there at once, unless this machine stands still."""


@pytest.fixture
def asking():
    made = Together()
    yield made
    made.close()


def test_answers_come_in_the_order_of_the_questions(asking):
    jobs = {n: Job("a", 1, lambda n=n: n * n) for n in range(5)}
    assert [one.value for one in asking.ask(jobs, SECONDS)] == [0, 1, 4, 9, 16]


def test_the_same_is_asked_once(asking):
    asked = []
    for _ in range(3):
        asking.ask({"key": Job("a", 1, lambda: asked.append(1) or "x")}, SECONDS)
    assert asked == [1]


def test_one_that_hangs_holds_up_nobody_else(asking):
    go = threading.Event()
    try:
        hanging = {n: Job("slow", 1, go.wait) for n in range(8)}
        assert all(one.is_waiting for one in asking.ask(hanging, 0.01))
        assert asking.ask({"x": Job("quick", 1, lambda: 7)}, SECONDS) == [Found(7)]
    finally:
        go.set()
    until(lambda: not asking.ask(hanging, 0.01)[-1].is_waiting, SECONDS)


def test_a_newer_question_takes_the_place_of_one_that_has_not_begun(asking):
    go, asked = threading.Event(), []
    blocked = {n: Job("a", 1, go.wait) for n in range(2)}
    asking.ask(blocked, 0.01)
    for text in "abc":
        asking.ask({text: Job("a", 1, lambda text=text: asked.append(text) or text, "slot")}, 0.01)
    go.set()
    assert asking.ask({"c": Job("a", 1, lambda: "never", "slot")}, SECONDS) == [Found("c")]
    assert asked == ["c"]


def test_viewers_do_not_take_each_others_place(asking):
    go, asked = threading.Event(), []
    asking.ask({n: Job("a", 1, go.wait) for n in range(2)}, 0.01)
    for viewer in "xy":
        job = Job("a", 1, lambda viewer=viewer: asked.append(viewer) or viewer, (viewer, "slot"))
        asking.ask({viewer: job}, 0.01)
    go.set()
    until(lambda: sorted(asked) == ["x", "y"], 5)


def test_what_is_under_way_is_not_asked_again_however_large(asking, monkeypatch):
    monkeypatch.setattr(together, "_KEPT_SIZE", 10)
    go, asked = threading.Event(), []

    def wait_for(key):
        asked.append(key)
        return go.wait()

    for key in "abab":
        asking.ask({key: Job("s", 20, lambda key=key: wait_for(key))}, 0.01)

    def let_go(futures, timeout):
        go.set()
        return wait(futures, timeout)

    # None may end before all were looked for: what is over and large is forgotten at once.
    monkeypatch.setattr(together, "wait", let_go)
    again = {key: Job("s", 20, lambda: "never") for key in "ab"}
    assert asking.ask(again, SECONDS) == [Found(True)] * 2
    assert sorted(asked) == ["a", "b"]


def test_an_answer_is_asked_for_again_after_a_while(asking, monkeypatch):
    asked = []
    job = {"x": Job("a", 1, lambda: asked.append(1) or len(asked))}
    asking.ask(job, SECONDS)
    monkeypatch.setattr(together, "_KNOWN_SECONDS", 0.0)
    assert asking.ask(job, SECONDS) == [Found(2)]


def test_a_refusal_is_a_sentence_and_is_tried_again_later(asking, monkeypatch):
    asked = []

    def refuse():
        asked.append(1)
        raise Unreachable(Reason.TIMEOUT, "It did not answer.")

    job = {"x": Job("a", 1, refuse)}
    assert asking.ask(job, SECONDS) == [Found(trouble="It did not answer.")]
    asking.ask(job, SECONDS)
    assert len(asked) == 1
    monkeypatch.setattr(together, "_REFUSED_SECONDS", 0.0)
    asking.ask(job, SECONDS)
    assert len(asked) == 2


def test_large_answers_are_forgotten_first_come_first(asking, monkeypatch):
    monkeypatch.setattr(together, "_KEPT_SIZE", 10)
    asked = []
    for key in "abca":
        asking.ask({key: Job("s", 6, lambda key=key: asked.append(key) or key)}, SECONDS)
    assert asked == ["a", "b", "c", "a"]


def test_who_asks_after_the_end_hears_nothing_and_waits_for_nobody(asking):
    known = {"key": Job("a", 1, lambda: 7)}
    assert asking.ask(known, SECONDS) == [Found(7)]
    asking.close()
    begun = time.monotonic()
    for name in ("a", "another"):
        assert asking.ask({name: Job(name, 1, lambda: 7)}, 600) == [Found()]
    assert time.monotonic() - begun < 600
    assert asking.ask(known, 600) == [Found(7)]
