"""Two texts as a model reads them: what they share, and what of them is read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.tokens import Alignment, Fit, Kind
from lib.tokens.alike import alike, part

ADDED = (101, 102)


def words(text, kinds=None, ids=None):
    """One token for each word, its id from its letters, between two that a server adds."""
    parts = text.split()
    ends = np.cumsum([len(one) + 1 for one in parts]) - 1 if parts else np.zeros(0, int)
    starts = ends - [len(one) for one in parts] if parts else ends
    own = ids or [1_000 + sum(map(ord, one)) for one in parts]
    place = np.concatenate([[-1], starts, [-1]]).astype(np.int64)
    end = np.concatenate([[-1], ends, [-1]]).astype(np.int64)
    told = [Kind.ADDED, *(kinds or [Kind.TEXT] * len(parts)), Kind.ADDED]
    return Alignment(
        text=text,
        ids=np.array([ADDED[0], *own, ADDED[1]], np.int64),
        pieces=("[", *parts, "]"),
        starts=place,
        ends=end,
        char_starts=place,
        char_ends=end,
        kinds=np.array(told, np.uint8),
        fit=Fit.EXACT,
    )


def test_the_same_tokens_are_the_same_whatever_the_server_adds():
    found = alike(words("a cat sat"), words("a  cat sat"))
    assert found.is_same
    assert not found.is_reordered
    assert (found.common, found.first, found.second) == (3, 3, 3)
    assert found.share == 1


def test_another_order_is_told_from_another_text():
    assert alike(words("dog bites man"), words("man bites dog")).is_reordered
    assert not alike(words("dog bites man"), words("man bites cat")).is_reordered


def test_a_token_is_common_as_often_as_both_have_it():
    found = alike(words("very very good"), words("very good good"))
    assert found.common == 2
    assert found.shared == (1_000 + sum(map(ord, "very")), 1_000 + sum(map(ord, "good")))


def test_texts_without_tokens_share_nothing_that_can_be_told():
    assert alike(words(""), words("")).share is None
    assert alike(words("a"), words("")).share == 0


def test_of_a_long_text_the_beginning_is_read_and_the_closing_token():
    found = part(words("one two three four five"), 4)
    assert (found.tokens, found.read, found.until, found.again) == (7, 4, 3, 6)
    assert found.characters_read == len("one two ")
    assert found.share == pytest.approx(8 / 23)
    assert not found.is_whole


def test_a_text_that_fits_is_read_whole():
    for limit in (None, 5, 100):
        found = part(words("one two three"), limit)
        assert found.is_whole
        assert found.share == 1
        assert found.characters_read == 13


def test_what_is_cut_off_is_not_compared():
    cut = alike(words("one two three four"), words("one two five six"), 4)
    assert cut.is_same
    assert not alike(words("one two three four"), words("one two five six"), 5).is_same


def test_unknown_and_changed_tokens_count_where_they_are_read():
    kinds = [Kind.UNKNOWN, Kind.NORMALISED, Kind.UNKNOWN]
    assert part(words("x Y z", kinds)).unknown == 2
    assert part(words("x Y z", kinds), 4).unknown == 1
    assert part(words("x Y z", kinds)).changed == 1
    assert part(words("x Y z", kinds)).added == 2


def test_where_tokens_have_no_places_the_share_of_characters_is_not_known():
    one = words("one two three four")
    nowhere = np.full(len(one), -1)
    loose = Alignment(
        one.text, one.ids, one.pieces, nowhere, nowhere, nowhere, nowhere, one.kinds, Fit.UNALIGNED
    )
    assert part(loose, 4).share is None
    assert part(loose, 4).read == 4


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.integers(0, 16))
def test_a_limit_is_kept_and_nothing_is_counted_twice(letters, limit):
    text = words(" ".join(letters))
    found = part(text, limit)
    assert found.read == min(len(text), limit)
    assert found.read == found.until + (found.tokens - found.again)
    assert 0 <= found.until <= found.again <= found.tokens


@given(st.lists(st.sampled_from("abcd"), max_size=9), st.lists(st.sampled_from("abcd"), max_size=9))
def test_two_texts_share_as_much_either_way(one, other):
    there, back = (
        alike(words(" ".join(a)), words(" ".join(b))) for a, b in ((one, other), (other, one))
    )
    assert there.common == back.common
    assert there.is_same == back.is_same == (one == other)
    assert (
        there.is_reordered == back.is_reordered == (one != other and sorted(one) == sorted(other))
    )
    assert set(there.shared) == set(back.shared)
