import html
import json
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from lib.api import Reason
from lib.api.target import Target
from lib.servers import Secret

KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=6, max_size=60)


@given(KEYS)
def test_the_key_is_replaced_in_every_spelling(key):
    target = Target("http://h", Secret(key))
    for spelling in (key, json.dumps(key)[1:-1], quote(key, ""), html.escape(key), repr(key)[1:-1]):
        assert spelling not in target.without_key(f"before {spelling} after").replace("[key]", "")


def test_a_target_shows_no_key():
    target = Target("http://h", Secret("sk-canary"))
    refused = target.refuse(Reason.CLOSED, b"it said sk-canary \xff")
    assert "canary" not in f"{target} {refused!r} {refused.detail}"
    assert "[key]" in refused.detail


def test_without_a_key_nothing_is_replaced():
    assert Target("http://h").without_key("text [key]") == "text [key]"


@given(KEYS)
def test_a_whole_answer_is_cleared_of_the_key(key):
    body = json.dumps({"said": f"before {key} after"}).encode()
    cleared = Target("http://h", Secret(key)).cleared(body)
    if len(key) < 8:
        assert cleared == body
    else:
        assert key.encode() not in cleared.replace(b"[key]", b"")
        assert json.loads(cleared)["said"].startswith("before ")
