"""Which models a fleet serves, how much fits, and where the servers of one model differ."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.health.catalogue import COMPARED, Cache, Facts, catalogue

LABEL = "kv_cache_size_tokens of cache_config_info"


class Card(NamedTuple):
    id: str
    parent: str | None = None
    max_model_len: int | None = 4096
    root: str | None = None


CONFIG = {
    "num_gpu_blocks": "4096",
    "block_size": "16",
    "cache_dtype": "auto",
    "enable_prefix_caching": "True",
    "gpu_memory_utilization": "0.9",
}


def facts(server="a", *cards, tokens=65_536.0, **changed):
    told = {
        "cards": cards or (Card("m"),),
        "version": "0.32.0",
        "tasks": frozenset({"generate"}),
        "caches": (Cache("m", "0", tokens, LABEL),),
        "configs": (CONFIG,),
    }
    return Facts(server, **(told | changed))


def model(fleet, id_="m"):
    return next(one for one in catalogue(fleet) if one.id == id_)


def serving(*fleet, id_="m"):
    return model(fleet, id_).servings[0]


def sentences(*fleet):
    return [difference.sentence for difference in model(fleet).agreement.differences]


# ── Models, adapters, servers ──


def test_one_model_on_two_servers_is_one_entry_with_a_serving_each():
    (found,) = catalogue([facts("b"), facts("a")])
    assert [one.server for one in found.servings] == ["a", "b"]


def test_an_adapter_stands_under_its_base_with_the_length_of_its_base():
    (base,) = catalogue([facts("a", Card("m"), Card("sql", "m", None))])
    (adapter,) = base.adapters
    assert adapter.id == "sql"
    assert adapter.servings[0].length == 4096
    assert adapter.servings[0].whole == 16


def test_an_adapter_whose_base_is_not_listed_stands_alone():
    found = catalogue([facts("a", Card("sql", "m", None)), facts("b", Card("m"))])
    assert [one.id for one in found] == ["m", "sql"]
    assert found[1].servings[0].unfit == "The list of models tells no maximum length."


def test_adapters_of_each_other_do_not_vanish():
    found = catalogue([facts("a", Card("x", "y"), Card("y", "x"), Card("z", "z"))])
    assert [one.id for one in found] == ["x", "y", "z"]


def test_a_name_that_is_an_adapter_elsewhere_only_is_a_model_of_its_own():
    found = catalogue([facts("a", Card("m"), Card("s", "m")), facts("b", Card("s"))])
    assert [one.id for one in found] == ["m", "s"]


def test_an_id_that_is_listed_twice_counts_once():
    (found,) = catalogue([facts("a", Card("m"), Card("m", None, 8))])
    assert [one.length for one in found.servings] == [4096]


IDS = st.sampled_from(["m", "n", "M", "s", "t", "<b>", ""])
CARDS = st.builds(Card, IDS, st.none() | IDS, st.none() | st.integers(1, 10_000))
FLEETS = st.lists(
    st.builds(
        facts,
        st.sampled_from("abcde"),
        tokens=st.none() | st.floats(1, 1e7),
        cards=st.lists(CARDS, max_size=6).map(tuple),
        version=st.sampled_from(["", "0.32.0", "0.6.6"]),
        configs=st.sampled_from([(), (CONFIG,), (CONFIG | {"block_size": "32"},)]),
    ),
    unique_by=lambda one: one.server,
    max_size=5,
)


@given(FLEETS)
def test_every_listed_id_of_every_server_is_there_exactly_once(fleet):
    found = [one for base in catalogue(fleet) for one in (base, *base.adapters)]
    assert all(not adapter.adapters for base in catalogue(fleet) for adapter in base.adapters)
    placed = sorted((one.server, entry.id) for entry in found for one in entry.servings)
    assert placed == sorted({(one.server, card.id) for one in fleet for card in one.cards})
    assert len({entry.id for entry in found}) == len(found)


@given(FLEETS, st.randoms(use_true_random=False))
def test_the_order_in_which_servers_answer_changes_nothing(fleet, random):
    shuffled = list(fleet)
    random.shuffle(shuffled)
    assert catalogue(shuffled) == catalogue(fleet)


@given(FLEETS)
def test_each_thing_is_the_same_or_differs_or_is_not_known(fleet):
    for one in catalogue(fleet):
        told = one.agreement
        names = [*told.same, *(each.what for each in told.differences), *told.unknown]
        everything = [compared.what for compared in COMPARED] if len(one.servings) > 1 else []
        assert sorted(names) == sorted(everything)
        for each in told.differences:
            servers = [server for _, group in each.values for server in group]
            assert len(each.values) > 1
            assert len(servers) == len(set(servers))


@given(FLEETS)
def test_no_more_requests_fit_than_the_tokens_hold(fleet):
    for one in catalogue(fleet):
        for each in one.servings:
            assert (each.whole is None) == bool(each.unfit)
            if each.whole is not None:
                assert each.whole * each.length <= each.tokens < (each.whole + 1) * each.length


# ── How much fits ──


def test_whole_requests_fit_per_engine_and_in_all():
    caches = (Cache("m", "0", 10_000, LABEL), Cache("m", "1", 10_000, LABEL))
    found = serving(facts("a", Card("m", None, 4096), caches=caches))
    assert [fit.whole for fit in found.fits] == [2, 2]
    assert found.fits[0].exact == pytest.approx(2.441, abs=0.001)
    assert (found.whole, found.tokens) == (4, 20_000)


def test_less_than_one_request_is_none_and_not_unknown():
    assert serving(facts("a", Card("m", None, 70_000))).whole == 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"cards": (Card("m", None, None),)}, "no maximum length"),
        ({"caches": ()}, "KV cache of its engine"),
        ({"caches": (Cache("m", "0", None), Cache("m", "1", 5.0))}, "one of its engines"),
        ({"caches": (Cache("x", "0", 5.0), Cache("y", "0", 5.0))}, "KV cache of one of"),
    ],
)
def test_a_missing_part_makes_it_not_known(changed, words):
    found = serving(facts(**changed))
    assert found.whole is None
    assert words in found.unfit


def test_an_encoder_has_no_use_for_the_cache_that_its_server_reports():
    told = {"cards": (Card("m", None, 256),), "tasks": frozenset({"embed", "score"})}
    found = serving(facts(**told, tokens=128.0))
    assert (found.unused, found.whole) == (True, None)
    assert not serving(facts(**told, tokens=256.0)).unused
    assert not serving(facts(cards=(Card("m", None, 256),), tokens=128.0)).unused
    assert not serving(facts(**(told | {"tasks": frozenset()}), tokens=128.0)).unused


def test_an_engine_of_another_model_does_not_count():
    caches = (Cache("m", "0", 8192, LABEL), Cache("n", "0", 99_999, LABEL))
    assert serving(facts(caches=caches)).whole == 2


def test_an_alias_is_run_by_the_engines_of_the_only_name_there_is():
    assert serving(facts("a", Card("alias")), id_="alias").whole == 16


def test_a_model_beside_the_one_that_is_measured_has_no_cache_of_it():
    cards = (Card("m", root="/m"), Card("also", root="/m"), Card("other", root="/other"))
    told = {one.id: one.servings[0].whole for one in catalogue([facts("a", *cards)])}
    assert told == {"m": 16, "also": 16, "other": None}


# ── Agreement ──


def test_equal_servers_agree_in_everything():
    agreement = model([facts("a"), facts("b")]).agreement
    assert agreement.same == tuple(compared.what for compared in COMPARED)
    assert not agreement.differences


def test_a_single_server_has_nothing_to_agree_with():
    agreement = model([facts("a")]).agreement
    assert not agreement.same
    assert not agreement.unknown


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"version": "0.30.0"}, "Release differs: 0.32.0 on a; 0.30.0 on b."),
        ({"cards": (Card("m", None, 8192),)}, "Context length differs: 4\u202f096 tokens on a;"),
        ({"tasks": frozenset({"embed"})}, "Task differs: generate on a; embed on b."),
        ({"num_gpu_blocks": "2048"}, "Number of KV blocks differs: 4\u202f096 on a; 2\u202f048 on"),
        ({"block_size": "32"}, "Block size differs: 16 on a; 32 on b."),
        ({"cache_dtype": "fp8"}, "KV data type differs: auto on a; fp8 on b."),
        ({"enable_prefix_caching": "False"}, "Prefix caching differs: on on a; off on b."),
        ({"gpu_memory_utilization": "0.92"}, "GPU memory share differs: 0.9 on a; 0.92 on b."),
    ],
)
def test_a_difference_is_a_sentence_with_both_values(changed, sentence):
    labels = {name: value for name, value in changed.items() if name in CONFIG}
    if labels:
        changed = {"configs": (CONFIG | labels,)}
    (found,) = sentences(facts("a"), facts("b", **changed))
    assert found.startswith(sentence)
    assert " So " in found


def test_equal_numbers_that_are_written_otherwise_agree():
    other = facts("b", configs=(CONFIG | {"gpu_memory_utilization": "0.90"},))
    assert sentences(facts("a"), other) == []


def test_what_one_server_does_not_tell_is_no_difference():
    labels = {name: value for name, value in CONFIG.items() if name != "block_size"}
    other = facts("b", version="", configs=(labels | {"cache_dtype": "None"},))
    agreement = model([facts("a"), other]).agreement
    assert agreement.unknown == ("release", "block size", "KV data type")
    assert not agreement.differences


def test_of_many_servers_the_first_are_named():
    fleet = [facts(f"s{number}") for number in range(7)]
    (found,) = sentences(*fleet, facts("z", version="0.6.6"))
    assert "0.32.0 on s0, s1, s2 and 4 more; 0.6.6 on z." in found
