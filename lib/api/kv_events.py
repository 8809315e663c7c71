"""KV events: what a server publishes of the blocks in its KV cache, counted.

This module alone decides what is kept of them: which blocks hold tokens, by their hashes and as
nothing but numbers. The token ids that come along are people's prompts; they are let go with the
message. A message is foreign: whatever is not as it should be makes the count a least one, and no
more is kept than `MOST`. Pure: messages in, a count out; `lib.api.kv_listener` brings them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from lib.api.strict_json import Json

__all__ = ["MOST", "KvSource", "Stored", "Tally", "sources_in"]

MOST = 2_000_000
"""Blocks of one engine that are counted."""
ENGINES = 64
TOPIC_LENGTH = 200
_ANY = {"*", "0.0.0.0", "[::]", "::"}  # noqa: S104 - read, never bound
_OF_THE_CACHE = {None, "GPU"}  # the others are tiers beside it


@dataclass(frozen=True, slots=True)
class KvSource:
    """Where one engine publishes: ports of the server's own host; `replay` None has no past."""

    engine: str
    port: int
    replay: int | None
    topic: bytes = b""


@dataclass(frozen=True, slots=True)
class Stored:
    """Blocks of an engine that hold tokens, in use or not; at least so many if not `is_all`."""

    blocks: int
    is_all: bool


def sources_in(document: Json, host: str) -> tuple[KvSource, ...]:
    """The sources that `/kv_event_sources` names on `host`, which is the server's.

    Those elsewhere are left out: a server does not tell whom else to connect to.
    """
    found = []
    for engine, told in list(document.items())[:ENGINES] if isinstance(document, dict) else ():
        if not isinstance(told, dict) or told.get("publisher") != "zmq":
            continue
        port = _port(told.get("endpoint"), host)
        topic = told.get("topic") or ""
        if port is None or not isinstance(topic, str) or len(topic) > TOPIC_LENGTH:
            continue
        replay = _port(told.get("replay_endpoint"), host)
        found.append(KvSource(str(engine)[:40], port, replay, topic.encode()))
    return tuple(found)


def _port(endpoint: Json, host: str) -> int | None:
    if not isinstance(endpoint, str) or not endpoint.startswith("tcp://"):
        return None
    name, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    if name not in _ANY and name.strip("[]").lower() != host.lower():
        return None
    try:
        return urlsplit(f"tcp://x:{port}").port or None
    except ValueError:
        return None


class Tally:
    """The blocks of one engine that hold tokens, from the messages that it published."""

    def __init__(self) -> None:
        self._held: set[int] = set()
        self._is_all = False
        self._newest = -math.inf
        self.following = 0
        """The number of the message that is to come next; 0 before the first."""

    @property
    def stored(self) -> Stored | None:
        """What is known by now; None while nothing is."""
        if not self._is_all and not self._held:
            return None
        return Stored(len(self._held), self._is_all)

    def begins(self) -> None:
        """Nothing was published before: what comes now is all."""
        if self.following == 0:
            self._is_all = True

    def take(self, number: int, payload: bytes) -> bool:
        """One message; False if some before it were missed, which are to be asked for first.

        A message that was seen is passed over. A lower number with a later time is from an engine
        that has started again, with an empty cache.
        """
        batch = _read(payload)
        at = batch[0] if batch else self._newest
        if number < self.following:
            if at <= self._newest:
                return True
            self._start_again()
        if number > self.following:
            return False
        self._accept(number, at, batch)
        return True

    def skip_to(self, number: int) -> None:
        """The messages before this one can't be had: from now on the count is a least one."""
        self.following, self._is_all = number, False

    def _start_again(self) -> None:
        self._held.clear()
        self.following, self._is_all = 0, False

    def _accept(self, number: int, at: float, batch: "_Batch | None") -> None:
        if number == 0:
            self._is_all = True
        self.following, self._newest = number + 1, at
        for event in batch[1] if batch else (None,):
            self._happened(event)

    def _happened(self, event: object) -> None:
        kind = event.get("type") if isinstance(event, Mapping) else None
        if kind == "AllBlocksCleared":
            self._held.clear()
            self._is_all = True
        elif isinstance(event, Mapping) and kind in ("BlockStored", "BlockRemoved"):
            if event.get("medium") in _OF_THE_CACHE:
                self._blocks(event, is_stored=kind == "BlockStored")
        else:
            self._is_all = False

    def _blocks(self, event: Mapping[str, object], *, is_stored: bool) -> None:
        hashes = event.get("block_hashes")
        if not isinstance(hashes, list) or not all(isinstance(one, int | bytes) for one in hashes):
            self._is_all = False
            return
        group = event.get("group_idx")
        keys = {hash((group if isinstance(group, int) else None, one)) for one in hashes}
        if not is_stored:
            self._held -= keys
        elif len(self._held) + len(keys) <= MOST:
            self._held |= keys
        else:
            self._is_all = False


_Batch = tuple[float, list[object]]


def _read(payload: bytes) -> _Batch | None:
    """The time of a batch and its events; None if it can't be read."""
    import msgpack  # type: ignore[import-untyped]  # noqa: PLC0415 - for those who listen only

    try:
        batch = msgpack.unpackb(payload, raw=False, strict_map_key=True)
    except (ValueError, msgpack.UnpackException, RecursionError):
        return None
    if not isinstance(batch, list) or len(batch) < 2:
        return None
    at, events = batch[:2]
    if not isinstance(at, float | int) or not math.isfinite(at) or not isinstance(events, list):
        return None
    return float(at), events
