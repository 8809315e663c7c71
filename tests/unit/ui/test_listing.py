import pytest

from lib.api import Answer, Model
from lib.api.errors import Reason, Refused
from lib.ui.listing import RAW_BYTES, Listing, Seen


def model(id_="m", created=None):
    return Model(id_, None, None, 4096, "vllm", created, "model")


def answer(*models, raw=b"{}"):
    return Answer(models, 0.01, 200, {}, raw)


def refused(sentence="Nothing listens."):
    return Refused(Reason.NOT_LISTENING, sentence)


def test_a_model_is_seen_since_the_first_answer_that_held_it():
    listing = Listing().answered(answer(model("a")), 10.0)
    listing = listing.answered(answer(model("a"), model("b")), 40.0)
    listing = listing.answered(answer(model("a"), model("b")), 70.0)
    assert (listing.seen["a"].since, listing.seen["a"].first) == (10.0, True)
    assert (listing.seen["b"].since, listing.seen["b"].first) == (40.0, False)


def test_a_model_that_was_gone_begins_anew():
    listing = Listing().answered(answer(model("a"), model("b")), 10.0)
    listing = listing.answered(answer(model("b")), 40.0).answered(answer(model("a")), 70.0)
    assert listing.seen["a"] == Seen(70.0, first=False)


def test_the_moment_of_the_answer_is_no_age():
    listing = Listing().answered(answer(model(created=100)), 10.0)
    assert listing.seen["m"].created is None
    listing = listing.answered(answer(model(created=130)), 40.0)
    assert listing.seen["m"].created is None


def test_what_two_answers_say_alike_is_an_age_until_a_third_says_otherwise():
    listing = Listing().answered(answer(model(created=100)), 10.0)
    listing = listing.answered(answer(model(created=100)), 40.0)
    assert listing.seen["m"].created == 100
    assert listing.answered(answer(model(created=500)), 70.0).seen["m"].created is None


def test_a_server_that_gives_no_list_keeps_its_last_one_and_says_since_when():
    listing = Listing().answered(answer(model()), 10.0)
    listing = listing.failed(refused(), 40.0).failed(refused("No answer in time."), 50.0)
    assert (listing.refused, listing.since) == ("No answer in time.", 40.0)
    assert listing.kind == "not listening"
    assert listing.models == (model(),)
    back = listing.answered(answer(model()), 60.0)
    assert (back.refused, back.kind) == ("", "")
    assert back.seen["m"].since == 10.0


def test_an_empty_list_is_empty_since_the_first_of_them():
    listing = Listing().answered(answer(model()), 10.0)
    assert not listing.is_empty
    listing = listing.answered(answer(), 40.0).answered(answer(), 50.0)
    assert (listing.is_empty, listing.since) == (True, 40.0)
    assert not listing.failed(refused(), 60.0).is_empty
    assert listing.failed(refused(), 60.0).answered(answer(), 70.0).since == 70.0


@pytest.mark.parametrize("size", [10, RAW_BYTES + 10])
def test_of_a_long_answer_the_beginning_is_kept_and_its_size_told(size):
    listing = Listing().answered(answer(model(), raw=b"x" * size), 10.0)
    assert listing.size == size
    assert len(listing.raw) == min(size, RAW_BYTES)
