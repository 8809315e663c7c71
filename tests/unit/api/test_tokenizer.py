"""The tokenizer of a served model: on the demo servers' real vocabularies, and on bad servers."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from decimal import Decimal
from types import SimpleNamespace

import pytest

from lib.api import (
    AsyncRemoteTokenizer,
    AsyncVllmClient,
    BadRequest,
    CallerMistake,
    Denied,
    NotOffered,
    Reason,
    Refused,
    RemoteTokenizer,
    ServerFault,
    Unreachable,
    VllmClient,
    WronglyAnswered,
)
from lib.api.learnt import Key, Learnt
from lib.api.text import unquoted, without_halves
from lib.tokens import Family, Fit, Kind, Profile
from lib.tokens.alphabets import LETTERS
from lib.tokens.budget import Keep
from lib.tokens.chat import TEMPLATE, Chat
from tests.support.faulty import (
    FaultServer,
    answer,
    answer_json,
    empty,
    hang,
    in_turn,
    recorded,
    slow,
)
from tests.support.processes import ROOT
from tests.support.waiting import until

MIXED = "你好 🎉👩‍👦 café, naïve\n\tx = [1, 23]"
SECRET = "the quick brown secret of the house"
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])
DEMOS = pytest.mark.parametrize("name", ["demo-chat", "demo-tutorial", "demo-hang"])


def ask(url, asynchronous, question, *, model=None, timeout=10.0, learnt=None):
    """What either tokenizer answers to a question."""
    learnt = learnt or Learnt()
    if not asynchronous:
        with VllmClient(url, timeout=timeout) as client:
            return question(RemoteTokenizer(client, model, learnt=learnt))

    async def main():
        async with AsyncVllmClient(url, timeout=timeout) as client:
            return await question(AsyncRemoteTokenizer(client, model, learnt=learnt))

    return asyncio.run(main())


def refusal(url, asynchronous, question, **options):
    """The refusal of a question, without what was typed in any part of it."""
    with pytest.raises(Refused) as caught:
        ask(url, asynchronous, question, **options)
    refused = caught.value
    said, error = [], refused
    while error is not None:
        said += [repr(error), str(error), str(vars(error))]
        error = error.__cause__ or error.__context__
    assert SECRET[:12] not in "".join(said)
    assert refused.sentence.endswith(".")
    return refused


# ── The demo servers ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def demos():
    """The addresses of the demo servers, by name."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lib.demo", "--ports", "0", "--child"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield dict(place.split("=", 1) for place in process.stdout.readline().strip().split(","))
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()


@BOTH
@DEMOS
def test_every_byte_of_a_text_has_its_token(demos, name, asynchronous):
    found = ask(demos[name], asynchronous, lambda one: one.align(MIXED))
    assert found.fit is Fit.EXACT
    spans = [(start, end) for start, end in zip(found.starts, found.ends, strict=True)]
    cuts = [start for start, end in spans if end > start]
    assert cuts[0] == 0
    assert max(found.ends) == len(MIXED.encode())
    assert b"".join(found.token_bytes(index) for index in range(len(found))) == MIXED.encode()


@BOTH
def test_a_family_is_one_group_of_several_tokens(demos, asynchronous):
    found = ask(demos["demo-chat"], asynchronous, lambda one: one.align("a👩b", special=False))
    sizes = Counter(found.groups.tolist())
    assert sizes[found.groups[1]] == len(found) - 2 > 1


@BOTH
@DEMOS
def test_a_text_goes_there_and_back(demos, name, asynchronous):
    tokens = ask(demos[name], asynchronous, lambda one: one.encode(MIXED, special=False))
    assert ask(demos[name], asynchronous, lambda one: one.decode(tokens.ids)) == MIXED
    assert ask(demos[name], asynchronous, lambda one: one.round_trip(MIXED)).is_equal
    assert ask(demos[name], asynchronous, lambda one: one.count(MIXED, False)) == tokens.count


@BOTH
def test_a_length_is_checked_against_the_servers_own_limit(demos, asynchronous):
    def room(name, reserve):
        return ask(demos[name], asynchronous, lambda one: one.check("one two three", reserve))

    assert room("demo-chat", 100).fits is True
    assert room("demo-chat", 4096).fits is False
    assert room("demo-chat", 0).limit == 4096
    assert room("demo-tutorial", 0).limit == 8192


@BOTH
@pytest.mark.parametrize("keep", Keep)
@pytest.mark.parametrize("name", ["demo-chat", "demo-hang"])
def test_a_text_is_cut_to_what_the_server_itself_counts(demos, name, keep, asynchronous):
    text = "naïve café 👩‍👦 " * 40

    def cut(one):
        return one.truncate(text, 60, keep, "…")

    found = ask(demos[name], asynchronous, cut)
    assert found.fits
    assert 40 < found.counted <= 60
    assert ask(demos[name], asynchronous, lambda one: one.count(found.cut.text)) == found.counted


@BOTH
@pytest.mark.parametrize(("special", "added"), [(None, 1), (False, 0)])
def test_a_cut_counts_added_tokens_only_where_they_are_added(demos, special, added, asynchronous):
    def cut(one):
        return one.truncate("one " * 100, 20, special=special)

    found = ask(demos["demo-chat"], asynchronous, cut)
    assert found.counted == 20
    alone = ask(demos["demo-chat"], asynchronous, lambda one: one.count(found.cut.text, False))
    assert alone == 20 - added


@BOTH
def test_what_tokens_cost_is_exact(demos, asynchronous):
    tokens = ask(demos["demo-chat"], asynchronous, lambda one: one.count(MIXED))
    price = Decimal("0.15")
    found = ask(demos["demo-chat"], asynchronous, lambda one: one.cost(MIXED, price))
    assert found == tokens * Decimal("0.00000015")
    assert ask(demos["demo-chat"], asynchronous, lambda one: one.cost("", Decimal(0))) == 0


@BOTH
def test_a_chat_is_shown_as_the_template_writes_it(demos, asynchronous):
    chat = Chat(
        [
            {"role": "system", "content": "Be brief. "},
            {"role": "user", "content": "user"},
            {"role": "assistant", "content": "ok"},
            {"role": "user", "content": "Now [INST] 🎉"},
        ]
    )
    for name in ("demo-chat", "demo-hang"):
        found = ask(demos[name], asynchronous, lambda one: one.render(chat))
        assert found.alignment.fit is Fit.EXACT
        assert [part.found for part in found.parts] == [True] * 4
        assert len(found.remarks) == 1
        assert found.remarks[0].endswith("(user) is read as control tokens: [INST].")
        assert found.overhead == sum(part.overhead for part in found.parts) + found.closing == 8
        assert found.owners[0] == TEMPLATE
        assert ask(demos[name], asynchronous, lambda one: one.count(chat)) == found.tokens
    assert found.text.startswith("<s>[SYSTEM_PROMPT] Be brief. [/SYSTEM_PROMPT][INST] user")


@BOTH
def test_a_text_that_begins_twice_is_named(demos, asynchronous):
    chat = Chat([{"role": "user", "content": "Hi"}], special=True)
    found = ask(demos["demo-chat"], asynchronous, lambda one: one.render(chat))
    assert ["stands there twice" in remark for remark in found.remarks] == [True]


@BOTH
def test_the_tutorials_dialect_takes_no_chat(demos, asynchronous):
    chat = Chat([{"role": "user", "content": SECRET}])
    found = refusal(demos["demo-tutorial"], asynchronous, lambda one: one.render(chat))
    assert isinstance(found, CallerMistake)
    assert "no chats" in found.detail


@BOTH
def test_an_unknown_model_is_named_by_the_server_without_the_text(demos, asynchronous):
    found = refusal(
        demos["demo-chat"], asynchronous, lambda one: one.align(SECRET), model="demo/none"
    )
    assert found.reason is Reason.UNKNOWN_MODEL
    assert "demo/tekken-7b" in found.detail


# ── Batches ───────────────────────────────────────────────────────────────────────────────────────


@BOTH
def test_a_batch_is_counted_in_order_and_told_step_by_step(demos, asynchronous):
    texts = ["wort " * count for count in range(30, 0, -1)] + ["", MIXED]
    told = []

    def batch(one):
        return one.encode_batch(texts, progress=lambda *done: told.append(done))

    found = ask(demos["demo-chat"], asynchronous, batch)
    singly = [ask(demos["demo-chat"], False, lambda one, t=t: one.count(t)) for t in texts[-3:]]
    assert [tokens.count for tokens in found][-3:] == singly
    counts = [tokens.count for tokens in found[:30]]
    assert counts == sorted(counts, reverse=True)
    assert told == [(done, len(texts)) for done in range(1, len(texts) + 1)]
    assert ask(demos["demo-chat"], asynchronous, lambda one: one.encode_batch([])) == ()


class Busy:
    """Counts how many requests are in its hands at once; fails at one, if it is told to."""

    def __init__(self, fails_at=None):
        self.now = self.most = self.seen = 0
        self.fails_at = fails_at

    async def __call__(self, exchange):
        self.now, self.seen = self.now + 1, self.seen + 1
        self.most = max(self.most, self.now)
        here = self.seen
        await asyncio.sleep(0.02)
        self.now -= 1
        if here == self.fails_at:
            await empty(503)(exchange)
        else:
            await answer_json({"tokens": [1] * here, "count": here})(exchange)


@BOTH
def test_no_more_than_four_texts_are_in_flight(asynchronous):
    busy = Busy()
    with FaultServer(SERVED | {"/tokenize": busy}) as server:
        found = ask(server.url, asynchronous, lambda one: one.encode_batch(["x"] * 40))
    assert len(found) == busy.seen == 40
    assert 2 <= busy.most <= 4


@BOTH
def test_a_batch_ends_with_the_first_fault_of_the_server(asynchronous):
    busy = Busy(fails_at=10)
    with FaultServer(SERVED | {"/tokenize": busy}) as server:
        found = refusal(server.url, asynchronous, lambda one: one.encode_batch([SECRET] * 100))
    assert found.reason is Reason.BUSY
    assert busy.seen <= 15


def test_a_person_who_stops_a_batch_stops_it():
    busy = Busy()

    def stop(done, _):
        if done == 5:
            raise KeyboardInterrupt

    with FaultServer(SERVED | {"/tokenize": busy}) as server:
        with pytest.raises(KeyboardInterrupt):
            ask(server.url, False, lambda one: one.encode_batch(["x"] * 100, progress=stop))
        assert busy.seen <= 9


# ── Servers of every kind ─────────────────────────────────────────────────────────────────────────

SERVED = {
    "/version": recorded("version.json"),
    "/v1/models": recorded("models.json"),
    "/openapi.json": recorded("openapi.json"),
}


class Bytes:
    """A server with one token for each byte, that can be told what not to give."""

    def __init__(self, pieces=True, decodes=True, breaks=False, wait=0.0, shift=0):
        self.pieces, self.decodes, self.breaks, self.wait = pieces, decodes, breaks, wait
        self.shift, self.asked = shift, Counter()

    @property
    def behaviours(self):
        return SERVED | {"/tokenize": self.tokenize, "/detokenize": self.detokenize}

    async def tokenize(self, exchange):
        body = exchange.seen.json
        self.asked["tokenize", body["prompt"], body.get("return_token_strs", False)] += 1
        ids = [byte + self.shift for byte in body["prompt"].encode()]
        if self.breaks and body.get("return_token_strs"):
            await answer("Internal Server Error", 500, "text/plain")(exchange)
            return
        strings = [chr(LETTERS[one - self.shift]) for one in ids]
        told = {"count": len(ids), "max_model_len": 100, "tokens": ids}
        await answer_json(told | ({"token_strs": strings} if self.pieces else {}))(exchange)

    async def detokenize(self, exchange):
        ids = exchange.seen.json["tokens"]
        self.asked["detokenize"] += 1
        if not self.decodes:
            await answer_json({"detail": "Not Found"}, 404)(exchange)
            return
        text = bytes(one - self.shift for one in ids).decode("utf-8", "replace")
        await slow(self.wait, answer_json({"prompt": text}))(exchange)


@BOTH
@pytest.mark.parametrize("told", [{}, {"pieces": False}, {"breaks": True}], ids=str)
def test_pieces_or_none_or_a_server_that_breaks_over_them_place_the_same(told, asynchronous):
    toy = Bytes(**told)
    with FaultServer(toy.behaviours) as server:
        found = ask(server.url, asynchronous, lambda one: one.align("né 你"))
        assert found.fit in (Fit.EXACT, Fit.GROUPED)
        assert found.groups.tolist() == [0, 1, 1, 2, 3, 3, 3]
        assert toy.asked["tokenize", "né 你", True] == 1
        assert toy.asked["tokenize", "né 你", False] == ("breaks" in told)


@BOTH
def test_a_server_that_tells_only_ids_gives_a_reason(asynchronous):
    toy = Bytes(pieces=False, decodes=False)
    with FaultServer(toy.behaviours) as server:
        found = ask(server.url, asynchronous, lambda one: one.align("né 你"))
        assert found.fit in (Fit.APPROXIMATE, Fit.UNALIGNED)
        assert found.reason
        assert found.ids.tolist() == list("né 你".encode())
        assert toy.asked["detokenize"] <= 2, "what is not offered is not asked for every id"


@BOTH
def test_a_tokenizer_is_learnt_once_and_decoded_ids_are_shared(asynchronous):
    toy, learnt = Bytes(pieces=False), Learnt()
    with FaultServer(toy.behaviours) as server:
        first = ask(server.url, asynchronous, lambda one: one.align("né 你"), learnt=learnt)
        decoded, learning = toy.asked["detokenize"], toy.asked["tokenize", "", True]
        again = ask(server.url, not asynchronous, lambda one: one.align("né 你"), learnt=learnt)
        assert toy.asked["detokenize"] == decoded
        assert toy.asked["tokenize", "", True] == learning
        assert (again.starts == first.starts).all()


@BOTH
def test_a_tokenizer_that_no_longer_fits_is_learnt_anew(asynchronous, monkeypatch):
    toy, learnt = Bytes(pieces=False), Learnt()
    with FaultServer(toy.behaviours) as server:
        ask(server.url, asynchronous, lambda one: one.align("abc"), learnt=learnt)
        toy.shift = 300  # another vocabulary under the same name
        stale = ask(server.url, asynchronous, lambda one: one.align("né b"), learnt=learnt)
        assert stale.fit is Fit.EXACT or stale.fit is Fit.GROUPED
        toy.shift = 1
        wrong = ask(server.url, asynchronous, lambda one: one.align("abab"), learnt=learnt)
        assert wrong.fit is Fit.UNALIGNED, "it was learnt a moment ago"
        monkeypatch.setattr("lib.api.learnt._SURE_SECONDS", 0.0)
        right = ask(server.url, asynchronous, lambda one: one.align("abab"), learnt=learnt)
        assert right.fit is Fit.EXACT


@BOTH
def test_slow_decoding_ends_and_leaves_tokens_without_a_place(asynchronous, monkeypatch):
    monkeypatch.setattr("lib.api.tokenizing._DECODING_SECONDS", 0.3)
    toy = Bytes(pieces=False, wait=0.1)
    with FaultServer(toy.behaviours) as server:
        begun = time.monotonic()
        found = ask(server.url, asynchronous, lambda one: one.align("abcdefghijklmnop" * 4))
        assert time.monotonic() - begun < 5
    assert "Not every token" in found.reason
    assert None in found.pieces


def test_the_bound_on_decoding_is_kept():
    toy = Bytes(pieces=False)
    with FaultServer(toy.behaviours) as server, VllmClient(server.url) as client:
        tokenizer = RemoteTokenizer(client, learnt=Learnt())
        tokenizer.profile()
        before = toy.asked["detokenize"]
        found = tokenizer.align("ABCDEFGHIJKLMNOPQRSTUVWXYZ", decodings=5)
    assert toy.asked["detokenize"] - before == 5
    assert "Not every token" in found.reason


@BOTH
def test_a_server_that_refuses_the_empty_text_can_still_be_learnt(asynchronous):
    toy = Bytes()

    async def tokenize(exchange):
        refused = answer_json({"error": {"message": "empty", "code": 400}}, 400)
        await (toy.tokenize if exchange.seen.json["prompt"] else refused)(exchange)

    with FaultServer(toy.behaviours | {"/tokenize": tokenize}) as server:
        assert ask(server.url, asynchronous, lambda one: one.profile()).family is Family.BYTE_LEVEL


# ── Refusals ──────────────────────────────────────────────────────────────────────────────────────


@BOTH
@pytest.mark.parametrize(
    ("behaviour", "kind", "reason"),
    [
        (answer_json({"error": "Unauthorized"}, 401), Denied, Reason.KEY_NEEDED),
        (answer_json({"detail": "Not Found"}, 404), NotOffered, Reason.NO_ROUTE_THERE),
        (answer("oops", 500, "text/plain"), ServerFault, Reason.SERVER_ERROR),
        (hang(), Unreachable, Reason.TIMEOUT),
        (answer_json({"tokens": [1], "count": 2}), WronglyAnswered, Reason.MISCOUNTED),
        (answer_json({"tokens": [-1], "count": 1}), WronglyAnswered, Reason.WRONG_SHAPE),
        (answer_json({"tokens": [2**31], "count": 1}), WronglyAnswered, Reason.WRONG_SHAPE),
        (answer_json({"tokens": [1.5], "count": 1}), WronglyAnswered, Reason.WRONG_SHAPE),
        (answer_json({"tokens": "12"}), WronglyAnswered, Reason.WRONG_SHAPE),
        (answer_json({"error": {"message": f"bad: {SECRET}"}}, 400), BadRequest, None),
        (answer_json({"error": {"message": json.dumps(SECRET)}}, 500), ServerFault, None),
    ],
)
@pytest.mark.parametrize("method", ["align", "encode", "count", "check"])
def test_a_bad_answer_is_one_sentence_without_the_text(
    behaviour, kind, reason, method, asynchronous
):
    with FaultServer(SERVED | {"/tokenize": behaviour}) as server:
        found = refusal(
            server.url, asynchronous, lambda one: getattr(one, method)(SECRET), timeout=0.5
        )
    assert type(found) is kind
    assert reason is None or found.reason is reason


@BOTH
def test_a_server_that_breaks_is_asked_once_more_without_pieces_and_no_more(asynchronous):
    broken = answer("oops", 500, "text/plain")
    with FaultServer(SERVED | {"/tokenize": broken}) as server:
        refusal(server.url, asynchronous, lambda one: one.encode(SECRET))
        bodies = [seen.json for seen in server.seen if seen.path == "/tokenize"]
    assert [body.get("return_token_strs") for body in bodies] == [True, None]


@BOTH
def test_a_busy_server_is_not_asked_twice(asynchronous):
    with FaultServer(SERVED | {"/tokenize": empty(503)}) as server:
        refusal(server.url, asynchronous, lambda one: one.encode(SECRET))
        assert [seen.path for seen in server.seen].count("/tokenize") == 1


@BOTH
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SECRET + "\ud83d", Reason.HALF_CHARACTER),
        (SECRET + "x" * 1_000_000, Reason.TOO_LONG),
        (SECRET + "x" * 5_000_000, Reason.TOO_LONG),
    ],
    ids=["half a character", "1 MB", "5 MB"],
)
@pytest.mark.parametrize("method", ["align", "encode", "round_trip", "render"])
def test_what_no_server_should_get_is_not_sent(text, reason, method, asynchronous):
    source = Chat([{"role": "user", "content": text}]) if method == "render" else text
    learnt = Learnt()
    with FaultServer(Bytes().behaviours) as server:
        found = refusal(
            server.url, asynchronous, lambda one: getattr(one, method)(source), learnt=learnt
        )
        assert found.reason is reason
        assert found.detail
        assert not [seen for seen in server.seen if SECRET[:12].encode() in seen.body]


@BOTH
@pytest.mark.parametrize("ids", [[-1], [2**31], [1.5], ["1"], [True]])
def test_what_is_no_id_is_not_sent(ids, asynchronous):
    with FaultServer(Bytes().behaviours) as server:
        found = refusal(server.url, asynchronous, lambda one: one.decode(ids))
        assert found.reason is Reason.CALLER
        assert not [seen for seen in server.seen if seen.path == "/detokenize"]


def test_halves_are_replaced_and_pairs_joined():
    assert without_halves("a\ud83db") == "a\ufffdb"
    assert without_halves("\ud83d\ude00") == "😀"
    assert without_halves(MIXED) == MIXED


@pytest.mark.parametrize(
    ("message", "typed", "kept"),
    [
        ("the model `x` does not exist", SECRET, True),
        (f"cannot parse {SECRET!r}", SECRET, False),
        ("input: 'the quick brown…'", SECRET, False),
        ("input: 'tiny'", "tiny", False),
        ("destiny calls", "tiny", True),
        ("got 你好世界和平", "你好世界和平", False),
        ("got \\u4f60\\u597d", "你好", False),
        ("got one two three four", "one\ttwo\nthree\x00 four", False),
        ("anything", "", True),
        ("", SECRET, True),
    ],
)
def test_a_message_that_quotes_the_text_is_not_repeated(message, typed, kept):
    assert (unquoted(message, [typed]) == message) is kept


def test_a_chats_quotation_is_not_repeated_but_the_advice_is():
    chat = Chat([{"role": "user", "content": SECRET}, {"role": "user", "content": "b"}])
    rule = "Conversation roles must alternate user/assistant"
    for message, kept in ((rule, True), (f"{rule}: {SECRET}", False)):
        refusing = answer_json({"error": {"message": message}}, 400)
        toy = Bytes()
        behaviours = toy.behaviours | {"/tokenize": in_turn(*[toy.tokenize] * 3, refusing)}
        with FaultServer(behaviours) as server:
            found = refusal(server.url, False, lambda one: one.render(chat))
        assert (found.detail == rule) is kept


# ── What is kept, and what it costs to have it ────────────────────────────────────────────────────


def test_the_least_used_tokenizer_is_forgotten():
    learnt = Learnt()
    keys = [Key(f"http://s{number}", "1", "m", None) for number in range(20)]
    for key in keys:
        learnt.keep(key, Profile())
        assert learnt.of(keys[0]) is not None
    assert [key for key in keys if learnt.of(key) is None] == keys[1:5]


def test_another_release_is_another_tokenizer():
    learnt = Learnt()
    learnt.keep(Key("http://s", "1", "m", "/a"), Profile(Family.PLAIN))
    for other in (("1", "m", "/b"), ("2", "m", "/a"), ("1", "n", "/a")):
        assert learnt.of(Key("http://s", *other)) is None


def test_many_threads_can_share_one_tokenizer():
    toy = Bytes(pieces=False)
    texts = [f"né {number} 你" for number in range(12)]
    found = {}
    with FaultServer(toy.behaviours) as server, VllmClient(server.url) as client:
        tokenizer = RemoteTokenizer(client, learnt=Learnt())

        def align(text):
            found[text] = tokenizer.align(text)

        threads = [threading.Thread(target=align, args=(text,)) for text in texts]
        for thread in threads:
            thread.start()
        until(lambda: not any(thread.is_alive() for thread in threads), 30)
    assert all(found[text].starts[-1] >= 0 for text in texts)


def test_the_face_of_the_room_needs_no_numpy():
    code = "import sys, lib.api; print('numpy' in sys.modules, hasattr(lib.api, 'nothing'))"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == ["False", "False"]


def test_control_tokens_in_a_plain_text_are_marked(demos):
    found = ask(demos["demo-chat"], False, lambda one: one.align("[INST] hi"))
    assert SimpleNamespace(kinds=found.kinds.tolist()[:2]).kinds == [Kind.ADDED, Kind.SPECIAL]
