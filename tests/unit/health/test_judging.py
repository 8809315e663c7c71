import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.health import Check, Outcome, State, Tone, Tracker
from lib.health.judging import Figures, Limits, Look, figures_of, judged, progress_between
from lib.health.states import down_state
from lib.metrics import Glance, Series

NOW = 5000.0
MEMBER = ("m", "0")


def page(engine="0", **values):
    given_values = {
        "running": 0.0,
        "waiting": 0.0,
        "kv_usage": 0.5,
        "prompt_tokens": 7.0,
        "generation_tokens": 7.0,
    } | values
    return {
        Series(name, "m", engine): value
        for name, value in given_values.items()
        if value is not None
    }


def glance(*, start=None, engines=None, **values):
    found = engines or page(**values)
    if start is not None:
        found = found | {Series("process_start", "", ""): start}
    return Glance(found)


def passing(*checks, seconds=0.01):
    return tuple(Outcome(check, True, seconds, "", at=NOW) for check in checks)


def failing(check, kind, words="It failed."):
    return Outcome(check, False, 0.01, words, kind, at=NOW)


WELL = passing(Check.CONNECT, Check.HEALTH, Check.READY, Check.VERSION, Check.MODELS, Check.METRICS)


def but(*outcomes):
    """All well, but these."""
    changed = {one.check: one for one in outcomes}
    return tuple(changed.pop(one.check, one) for one in WELL) + tuple(changed.values())


def judge(outcomes=WELL, scrape=None, limits=None, *, tracker=None, final=True, at=NOW):
    scrapes = () if scrape is None else ((at, scrape),)
    look = Look("http://h:8000", at, 0.1, tuple(outcomes), scrapes)
    return judged(look, limits or Limits(), tracker or Tracker(), final=final)


# ── One look is final ──


def test_all_well_is_healthy():
    one = judge(scrape=glance())
    assert one.healthy
    assert (one.status.state, one.reason) == (State.HEALTHY, "No requests.")


def test_one_failed_look_is_told_at_once():
    refused = failing(Check.CONNECT, "not listening", "Nothing listens.")
    rest = tuple(one._replace(passed=None, seconds=None) for one in WELL[1:])
    one = judge((refused, *rest))
    assert not one.healthy
    assert (one.status.state, one.reason) == (State.NOT_LISTENING, "Nothing listens.")


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (failing(Check.HEALTH, "engine dead"), State.ENGINE_DEAD),
        (failing(Check.HEALTH, "loading"), State.LOADING),
        (failing(Check.HEALTH, "scaling"), State.LOADING),
        (failing(Check.HEALTH, "timeout"), State.TIMED_OUT),
        (failing(Check.HEALTH, "html"), State.WRONG_PROTOCOL),
        (failing(Check.CONNECT, "unknown host"), State.UNKNOWN_HOST),
        (failing(Check.CONNECT, "tls"), State.TLS_FAILED),
        (failing(Check.MODELS, "key refused"), State.DENIED),
        (failing(Check.READY, "not ready"), State.LOADING),
        (failing(Check.LOAD, "server error"), State.FAULTY),
        (failing(Check.METRICS, "not metrics"), State.NO_METRICS),
        (failing(Check.METRICS, "timeout"), State.TIMED_OUT),
        (failing(Check.ENGINE, "timeout"), State.SUSPECT),
        (failing(Check.INFERENCE, "timeout"), State.SUSPECT),
        (failing(Check.INFERENCE, "server error"), State.FAULTY),
        (failing(Check.PROGRESS, "stalled"), State.SUSPECT),
    ],
)
def test_what_fails_gives_the_state(outcome, state):
    scrape = None if outcome.check in (Check.METRICS, Check.CONNECT) else glance()
    one = judge(but(outcome), scrape)
    assert one.status.state is state
    assert not one.healthy


def test_the_worst_of_several_is_told():
    outcomes = but(
        failing(Check.MODELS, "key refused", "Key."), failing(Check.HEALTH, "engine dead", "Dead.")
    )
    one = judge(outcomes, glance())
    assert (one.status.state, one.reason) == (State.ENGINE_DEAD, "Dead.")


@pytest.mark.parametrize(("kind", "state"), [("asleep", State.ASLEEP), ("paused", State.PAUSED)])
def test_an_engine_that_rests_is_not_unhealthy(kind, state):
    rests = Outcome(Check.ENGINE, True, 0.01, "It rests.", kind, at=NOW)
    one = judge(but(rests), glance())
    assert (one.status.state, one.healthy) == (state, True)


def test_without_metrics_nothing_is_made_up():
    missing = Outcome(Check.METRICS, None, None, "Not offered.", at=NOW)
    one = judge(but(missing))
    assert (one.status.state, one.healthy) == (State.NO_METRICS, True)
    assert one.figures == Figures()
    assert [(held.limit, held.passed) for held in one.limits] == [("free blocks", None)]
    assert "Not judged" in one.limits[0].words
    assert judge(WELL[:2]).status.state is State.HEALTHY


# ── Limits ──


@pytest.mark.parametrize(
    ("limits", "values", "passed"),
    [
        (Limits(), {"kv_usage": 0.95}, True),
        (Limits(), {"kv_usage": 0.951}, False),
        (Limits(), {"kv_usage": 0.5, "blocks_used": 38.0, "blocks_usable": 39.0}, False),
        (Limits(), {"kv_usage": 0.99, "blocks_used": 20.0, "blocks_usable": 39.0}, True),
        (Limits(), {"kv_usage": 0.5, "blocks_used": 0.0, "blocks_usable": 0.0}, True),
        (Limits(), {"kv_usage": None}, None),
        (Limits(free_blocks=0.5), {"kv_usage": 0.5}, True),
        (Limits(free_blocks=0.5), {"kv_usage": 0.51}, False),
        (Limits(free_blocks=None, waiting=3), {"waiting": 3.0}, True),
        (Limits(free_blocks=None, waiting=3), {"waiting": 4.0}, False),
        (Limits(free_blocks=None, waiting=0), {"waiting": None}, None),
        (Limits(free_blocks=None, age=60), {"start": NOW - 60}, True),
        (Limits(free_blocks=None, age=60), {"start": NOW - 59}, False),
        (Limits(free_blocks=None, age=60), {"start": NOW + 900}, False),
        (Limits(free_blocks=None, age=60), {}, None),
        (Limits(free_blocks=None, latency=0.01), {}, True),
        (Limits(free_blocks=None, latency=0.009), {}, False),
    ],
)
def test_a_limit_holds_up_to_its_bound(limits, values, passed):
    one = judge(scrape=glance(**values), limits=limits)
    (held,) = one.limits
    assert held.passed is passed
    assert one.healthy is (passed is not False)
    assert (held.words in one.reason) is (passed is False)
    assert one.status.state.tone is Tone.GOOD


def test_the_slowest_check_is_named():
    slow = Outcome(Check.MODELS, True, 2.5, "", at=NOW)
    one = judge(but(slow), glance(), Limits(latency=1.0))
    assert "models took 2.500 s, at most 1 s wanted." in one.reason
    failed = failing(Check.LOAD, "timeout")._replace(seconds=9.0)
    assert judge(but(failed), glance(), Limits(latency=1.0)).limits[0].passed is True


def test_the_engine_with_the_fewest_free_blocks_counts():
    engines = page(kv_usage=0.2) | page(engine="1", kv_usage=0.97)
    assert figures_of(glance(engines=engines), NOW).free_blocks == pytest.approx(0.03)
    assert not judge(scrape=glance(engines=engines)).healthy


def test_no_limit_that_is_off_is_judged():
    assert judge(scrape=glance(kv_usage=1.0), limits=Limits(free_blocks=None)).limits == ()


KINDS = st.sampled_from(
    ["", "timeout", "engine dead", "key refused", "html", "loading", "never heard", "server error"]
)
OUTCOMES = st.lists(
    st.builds(
        Outcome,
        check=st.sampled_from(Check),
        passed=st.sampled_from([True, False, None]),
        seconds=st.none() | st.floats(0, 20),
        words=st.just("words"),
        kind=KINDS,
        at=st.floats(NOW - 30, NOW),
    ),
    unique_by=lambda one: one.check,
    min_size=1,
)
SHARES = st.none() | st.floats(0, 1)
GLANCES = st.none() | st.builds(
    glance,
    running=st.none() | st.floats(0, 50),
    waiting=st.none() | st.floats(0, 50),
    kv_usage=SHARES,
    start=st.none() | st.floats(0, 2 * NOW),
)
BOUNDS = st.builds(
    Limits,
    latency=st.none() | st.floats(0.001, 20),
    free_blocks=st.none() | st.floats(0.001, 1),
    waiting=st.none() | st.floats(0, 50),
    age=st.none() | st.floats(0, NOW),
)


@given(OUTCOMES, GLANCES, BOUNDS)
def test_it_is_unhealthy_if_and_only_if_a_check_or_limit_fails(outcomes, scrape, limits):
    one = judge(outcomes, scrape, limits)
    failed = [out for out in outcomes if out.passed is False]
    assert one.healthy is not (bool(failed) or any(held.passed is False for held in one.limits))
    assert one.outcomes == tuple(outcomes)
    if failed and not scrape:
        softer = {State.SUSPECT, State.NO_METRICS}
        assert one.status.state in {down_state(out.kind) for out in failed} | softer
    if failed:
        assert one.status.state.tone is not Tone.GOOD
    elif one.status.state.is_down:
        pytest.fail("down without a failure")


@given(GLANCES, BOUNDS)
def test_a_limit_is_judged_by_the_figure_that_it_names_or_not_at_all(scrape, limits):
    one = judge(WELL, scrape, limits)
    figures = one.figures._asdict()
    for held in one.limits:
        if held.limit == "latency":
            assert held.passed is (held.bound >= 0.01)
            continue
        figure = figures[held.limit.replace(" ", "_")]
        assert (held.passed is None) is (figure is None)
        if figure is not None:
            least = held.limit != "waiting"
            assert held.passed is (figure >= held.bound if least else figure <= held.bound)


# ── Progress between two readings ──


@pytest.mark.parametrize(
    ("first", "second", "passed"),
    [
        ({"running": 2.0}, {"running": 2.0}, False),
        ({"running": 2.0}, {"running": 2.0, "generation_tokens": 8.0}, True),
        ({"running": 2.0}, {"running": 2.0, "prompt_tokens": 8.0}, True),
        ({"running": 2.0}, {"running": 2.0, "kv_usage": 0.6}, True),
        ({"waiting": 1.0}, {"waiting": 1.0}, False),
        ({"running": 2.0}, {}, True),
        ({}, {"running": 2.0}, True),
        ({}, {}, True),
        ({"waiting": 1.0, "kv_usage": 0.0}, {"waiting": 1.0, "kv_usage": 0.001}, False),
    ],
)
def test_an_engine_with_requests_must_move(first, second, passed):
    told = progress_between(glance(**first), glance(**second), at=NOW, seconds=5.0)
    assert (told.check, told.passed) == (Check.PROGRESS, passed)
    assert ("5.0 s" in told.words) is (passed is False or "moved" in told.words)


def test_one_engine_that_stands_still_is_not_hidden_by_the_other():
    stands = page(running=1.0)
    first, second = (
        glance(engines=stands | page(engine="1", running=1.0, generation_tokens=count))
        for count in (1.0, 9.0)
    )
    assert progress_between(first, second, at=NOW, seconds=5.0).passed is False


@pytest.mark.parametrize("seconds", [5.0, 60.0, 61.0, 3600.0])
def test_two_readings_that_are_far_apart_show_a_hang_as_well(seconds):
    stands = glance(running=2.0)
    assert progress_between(stands, stands, at=NOW, seconds=seconds).passed is False


def test_of_an_engine_without_counters_no_progress_is_claimed():
    silent = Glance.at(b'vllm:num_requests_running{engine="0",model_name="m"} 2\n')
    told = progress_between(silent, silent, at=NOW, seconds=5.0)
    assert (told.passed, "neither tokens nor steps" in told.words) == (None, True)


# ── Look after look ──


def test_a_look_of_many_needs_three_failures_to_be_down_and_is_unhealthy_at_once():
    tracker, states = Tracker(), []
    refused = (failing(Check.CONNECT, "not listening"),)
    judge(scrape=glance(), tracker=tracker, final=False)
    for turn in range(1, 4):
        one = judge(refused, tracker=tracker, final=False, at=NOW + turn)
        states.append(one.status.state)
        assert not one.healthy
    assert states == [State.FAILING, State.FAILING, State.NOT_LISTENING]
    assert one.status.since == NOW + 1


def test_look_after_look_finds_a_hang():
    tracker = Tracker()
    for turn in range(0, 31, 2):
        one = judge(
            tuple(out._replace(at=NOW + turn) for out in WELL),
            glance(running=1.0),
            tracker=tracker,
            final=False,
            at=NOW + turn,
        )
    assert (one.status.state, one.status.since) == (State.HUNG, NOW)
    assert one.outcomes[-1].check is Check.PROGRESS
    assert not one.healthy
