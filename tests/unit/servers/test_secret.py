import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.servers import Secret, SettingsError

VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=512)


@given(VISIBLE)
def test_a_key_is_shown_only_when_revealed(text):
    secret = Secret(f" {text}\n")
    shown = f"{secret} {secret!r} {secret:>40} {[secret]} {secret.fingerprint}"
    assert secret.reveal() == text
    assert text not in shown or len(text) < 9  # a short key may be part of the digest by chance


@pytest.mark.parametrize(
    "tail", ["sp ace", "new\nline", "nul\0", "é", "\x7f", "x" * 600, "\u200b", "tab\there"]
)
def test_an_unfit_key_is_refused_without_any_of_it(tail):
    with pytest.raises(SettingsError) as caught:
        Secret("sk-canary-" + tail)
    assert "canary" not in str(caught.value)
    assert "API key" in str(caught.value)


def test_an_empty_key_is_refused():
    with pytest.raises(SettingsError, match="empty"):
        Secret("  \n")


def test_equal_keys_are_equal_and_differ_from_text():
    assert Secret("a") == Secret(" a ")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


def test_a_key_is_never_pickled_or_copied_by_pickling():
    for attempt in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="pickled"):
            attempt(Secret("sk-canary"))
