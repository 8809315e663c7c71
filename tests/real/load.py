"""Traffic for a real server: more than its cache holds, so that requests queue and preempt."""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.real.vllm import CHAT

__all__ = ["loaded", "run_load"]

WORDS = ("river", "stone", "lamp", "window", "garden", "paper", "engine", "harbour", "copper")
PATIENCE = 600.0
"""Seconds that an answer may take: a queue of forty on a busy machine is long."""
SHARED = "You are a careful assistant. " * 40
"""A prefix that all prompts share, so that the prefix cache has something to find."""


def _body(chance: random.Random) -> dict[str, object]:
    text = " ".join(chance.choices(WORDS, k=chance.randint(20, 300)))
    return {
        "model": CHAT,
        "prompt": SHARED + text,
        "max_tokens": chance.randint(20, 160),
        "ignore_eos": True,
    }


async def _client(url: str, stop: threading.Event, seed: int) -> int:
    chance = random.Random(seed)
    answered = 0
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False) as client:
        while not stop.is_set():
            answer = await client.post("/v1/completions", json=_body(chance))
            answer.raise_for_status()
            answered += 1
    return answered


async def _clients(url: str, stop: threading.Event, count: int) -> int:
    return sum(await asyncio.gather(*(_client(url, stop, seed) for seed in range(count))))


def run_load(url: str, stop: threading.Event, clients: int = 24) -> int:
    """`clients` clients, each with one request in flight, until `stop`; how many were answered."""
    return asyncio.run(_clients(url, stop, clients))


@contextmanager
def loaded(url: str, clients: int = 24) -> Iterator[None]:
    """Load for the length of a block, to the last answer. A request that fails fails the test."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            run_load(url, stop, clients)
        except httpx.HTTPError as error:
            failures.append(error)

    thread = threading.Thread(target=work, name="load")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failures:
        raise AssertionError(f"the load met {failures[0]!r}") from failures[0]
