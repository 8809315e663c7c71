from lib.api import Model
from lib.health import Check, Outcome, State, Status
from lib.ui.asked import Told
from lib.ui.facts import context_of, same_model
from lib.ui.listing import Listing
from lib.watch.record import Tick

CONFIG = {
    "vllm_config": {
        "scheduler_config": {"max_num_seqs": 16, "max_num_batched_tokens": 2048},
        "model_config": {"max_model_len": 8192},
    }
}


def model(name, longest=None, parent=None):
    return Model(name, None, parent, longest, None)


def tick(state=State.HEALTHY, reason="", *outcomes):
    return Tick("s", 0.0, 0.0, 0.0, Status(state, 0.0, reason), None, None, outcomes)


def found(*, extra=None, listing=None, newest=None, checked=None):
    return context_of(Told(extra=extra or {}), listing or Listing(), newest, checked, {})


def test_nothing_told_is_nothing_known():
    context = found()
    limits = context.max_num_seqs, context.max_model_len, context.max_num_batched_tokens
    assert limits == (None, None, None)
    assert (context.paused, context.metrics_state) == (None, "")


def test_limits_come_from_the_configuration_unless_it_is_said_more_directly():
    told = found(extra={"server_info": CONFIG})
    assert (told.max_num_seqs, told.max_num_batched_tokens, told.max_model_len) == (16, 2048, 8192)
    listing = Listing(models=(model("a", 4096), model("b", 2048, "a")), seats=8)
    told = found(extra={"server_info": CONFIG}, listing=listing)
    assert (told.max_num_seqs, told.max_model_len) == (8, 2048)


def test_a_configuration_that_says_nonsense_is_not_believed():
    for nonsense in (None, [], {"vllm_config": 3}, {"vllm_config": {"scheduler_config": "x"}}):
        assert found(extra={"server_info": nonsense}).max_num_seqs is None
    for value in (True, -1, 0, 2**50, "16", 1.5):
        config = {"vllm_config": {"scheduler_config": {"max_num_seqs": value}}}
        assert found(extra={"server_info": config}).max_num_seqs is None


def test_paused_is_what_the_engine_check_says_and_unknown_where_it_is_not_offered():
    for passed, kind, paused in ((True, "paused", True), (True, "", False), (None, "", None)):
        outcome = Outcome(Check.ENGINE, passed, 0.1, "", kind)
        assert found(checked=tick(State.HEALTHY, "", outcome)).paused is paused


def test_only_a_server_without_metrics_says_why():
    assert found(newest=tick(State.NO_METRICS, "404")).metrics_state == "404"
    assert found(newest=tick(State.NOT_LISTENING, "refused")).metrics_state == ""


def test_servers_of_the_same_model_share_a_base_model_not_an_adapter():
    ours = [model("base"), model("sql", parent="base")]
    assert same_model(ours, [model("base")])
    assert not same_model(ours, [model("sql")])
    assert not same_model(None, [model("base")])
    assert not same_model(ours, None)
