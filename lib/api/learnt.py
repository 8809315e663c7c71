"""What was learnt of tokenizers: once per server, release and model, for every client of a process.

This module alone decides what tells one tokenizer from another, how many are kept, and when one
that no longer fits may be learnt anew.
"""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from lib.tokens import Decoded, Profile

__all__ = ["SHARED", "Key", "Known", "Learnt"]

_MOST = 16
"""Tokenizers kept: one can hold some 30 MB of decoded ids."""
_SURE_SECONDS = 60.0


class Key(NamedTuple):
    """One tokenizer: the server's address and release, the model's name and what it is made of."""

    url: str
    version: str | None
    model: str | None
    root: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """A tokenizer's profile, and the texts of its ids as far as they were asked for."""

    profile: Profile
    decoded: Decoded = field(default_factory=Decoded)
    learnt_at: float = field(default_factory=time.monotonic)

    @property
    def is_fresh(self) -> bool:
        """Whether it was learnt within the last minute: then learning again would tell the same."""
        return time.monotonic() - self.learnt_at < _SURE_SECONDS


class Learnt:
    """The tokenizers known so far, the least used forgotten first; safe for many threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, Known] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: Key) -> Known | None:
        """What is known of a tokenizer."""
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
            return known

    def keep(self, key: Key, profile: Profile) -> Known:
        """Keep a profile, and begin to remember its decoded ids anew."""
        with self._lock:
            known = self._known[key] = Known(profile)
            self._known.move_to_end(key)
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
            return known


SHARED = Learnt()
"""What all tokenizers of this process use unless they are given one of their own."""
