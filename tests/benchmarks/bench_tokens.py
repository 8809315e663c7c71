"""Aligning 260,000 byte-level tokens against the least that it takes, in the same run.

The least: join the pieces, compare their letters with those of the text's bytes, and add up the
pieces' lengths. It gives no array of the ids, no characters and no kinds, which `align` does.
"""

import time

import numpy as np

from lib.demo.tokenizers import load
from lib.tokens import Encoded, Family, Fit, Profile, align
from lib.tokens.alphabets import LETTERS

AT_MOST = 1.3
PARAGRAPH = (
    "The quick brown fox jumps over the lazy dog, naïvely: 你好世界，天地玄黄。 Привет, мир! "
    "def f(x):\n    return x + 1  # 🎉👩‍👦 café 12345\n"
)


def answered():
    """A text of 680 kB and more, and its 260,000 tokens."""
    tokenizer = load("tekken")
    one = tokenizer.encode(PARAGRAPH, add_special_tokens=False)
    times = 260_000 // len(one) + 1
    ids = one * times
    return PARAGRAPH * times, ids, tokenizer.pieces(one) * times


def bare(text, pieces):
    letters = np.frombuffer("".join(pieces).encode("utf-16-le"), np.uint16)
    same = np.array_equal(LETTERS[np.frombuffer(text.encode(), np.uint8)], letters)
    return same, np.cumsum(np.fromiter(map(len, pieces), np.int64, len(pieces)))


def aligned(text, ids, pieces, normaliser):
    conversation = align(text, Encoded(ids, pieces), Profile(Family.BYTE_LEVEL, normaliser))
    try:
        next(conversation)
    except StopIteration as end:
        return end.value
    raise AssertionError("a question was asked")


def best_of(rounds, *calls):
    """The least seconds of each call, taken in turns so that a busy moment hits all alike."""
    least = [float("inf")] * len(calls)
    for _ in range(rounds):
        for which, call in enumerate(calls):
            began = time.perf_counter()
            call()
            least[which] = min(least[which], time.perf_counter() - began)
    return least


def test_aligning_costs_little_more_than_to_join_and_to_add_up():
    text, ids, pieces = answered()
    alignment = aligned(text, ids, pieces, "NFC")
    same, ends = bare(text, pieces)
    assert same
    assert alignment.fit is Fit.EXACT
    assert np.array_equal(alignment.ends, ends)
    least, plain, nfc = best_of(
        15,
        lambda: bare(text, pieces),
        lambda: aligned(text, ids, pieces, ""),
        lambda: aligned(text, ids, pieces, "NFC"),
    )
    print(
        f"{len(ids):,} tokens, {len(text.encode()) / 1e3:,.0f} kB: bare {least * 1e3:.1f} ms,"
        f" align {plain * 1e3:.1f} ms ({plain / least:.2f} x),"
        f" NFC {nfc * 1e3:.1f} ms ({nfc / least:.2f} x)"
    )
    assert plain / least <= AT_MOST
    assert nfc / least <= AT_MOST
