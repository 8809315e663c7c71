"""A real watcher and servers that mean harm: their pages cost them their figures, nobody else."""

import functools
import itertools
import math
import time

import numpy as np
import pytest

from lib.health import State
from lib.metrics import Reader, limits
from lib.watch import checks_of
from tests.faults.stalls import Stalls, assert_kept, slowness
from tests.support.faulty import (
    MODES,
    RECORDINGS,
    FaultServer,
    answer,
    endless,
    gzip_bomb,
    hang,
    header_flood,
    recorded,
    redirect,
)
from tests.support.hostile import TEXTS, escaped_label, images, page
from tests.support.waiting import until

GOOD = recorded("metrics.txt")
RECORDED = Reader().read((RECORDINGS / "metrics.txt").read_bytes())


def metrics(text):
    return answer(text, kind="text/plain; version=0.0.4")


def both(behaviour):
    """The whole page and the filtered one."""
    return {"/metrics": behaviour, "/metrics/": behaviour}


def changing(make):
    """Another page at each scrape."""
    numbers = itertools.count()

    async def behave(exchange):
        await metrics(make(next(numbers)))(exchange)

    return behave


def lines(form, count):
    return "".join(form.format(n=n) + "\n" for n in range(count))


def churned(turn):
    return f'vllm:num_requests_running{{engine="0",model_name="m{turn}"}} 1\n'


HOSTILE = {
    "names": metrics(page((*TEXTS, *images("http://127.0.0.1:9")))),
    "sets": metrics(lines('vllm:num_requests_running{{engine="{n}",model_name="m{n}"}} 1', 20_000)),
    "reasons": metrics(lines('vllm:num_requests_waiting_by_reason{{reason="r{n}"}} 1', 4_500)),
    "configs": metrics(
        lines('vllm:num_requests_running{{engine="{n}"}} 1', 2_000)
        + lines('vllm:cache_config_info{{engine="x{n}"}} 1', 2_500)
    ),
    "long": metrics(
        'vllm:num_requests_running{engine="0"} 1\n'
        f'vllm:num_requests_running{{engine="{"x" * 1_000_000}"}} 1\n'
    ),
    "control": metrics(
        'vllm:num_requests_running{engine="0"} 1\n'
        + lines(f'vllm:num_requests_waiting{{{{engine="{{n}}{chr(1) * 900}"}}}} 1', 4_000)
    ),
    "churn": changing(churned),
    "new-lines": changing(lambda turn: lines(f'a{{{{x="{turn}-{{n}}"}}}} 1', 4_500)),
    "bomb": gzip_bomb(512),
    "endless": endless(),
    "headers": header_flood(),
    "hang": hang(),
}


@pytest.fixture(scope="module")
def fleet():
    """Each hostile server, and a good one, by name."""
    with FaultServer({f"/{name}*": what for name, what in HOSTILE.items()} | {"/good*": GOOD}) as s:
        yield {name: f"{s.url}/{name}" for name in (*HOSTILE, "good")}


@pytest.mark.alone
def test_a_fleet_of_hostile_servers_leaves_the_good_one_its_period(watched, fleet):
    period = slowness()
    with Stalls() as stalls, watched(fleet, period=f"{period:g}") as all_of_them:
        stalls.watch(all_of_them.process.popen.pid)
        until(lambda: len(all_of_them.ticks("good")) >= 9, 40 * period)
        ticks = all_of_them.ticks("good")
        assert_kept(ticks, period, stalls)
        samples = [tick.sample for tick in ticks if tick.sample]
        assert all((sample.values == RECORDED.values).all() for sample in samples)
        bad = {
            "bomb": "too large",
            "endless": "too large",
            "headers": "too large",
            "hang": "timeout",
        }
        for name, kind in bad.items():
            all_of_them.told(name, kind)
        others = [name for name in fleet if name not in bad]
        until(lambda: all(are_answered(all_of_them, others)))
        until(lambda: all_of_them.feed.pulse.sentence == "")
        assert_log_is_clean(all_of_them.log)
        until(lambda: len(all_of_them.stored()[0]) == 2 * len(fleet), 10)
        names, _ = all_of_them.stored()
        servers = [server.id for server in all_of_them.servers.values()]
        assert sorted(names) == sorted([*servers, *map(checks_of, servers)])


def are_answered(all_of_them, names):
    newest = map(all_of_them.latest, names)
    return [tick is not None and tick.refused is None for tick in newest]


def assert_log_is_clean(log):
    """One event, one line; nothing of a server's own; no trace of an error that nobody foresaw."""
    assert all(line.isprintable() for line in log.split("\n"))
    assert "Traceback" not in log
    assert "alert" not in log
    assert "forged" not in log


def grown(watched, *names):
    """By how many megabytes a watcher grows when these servers, good at first, turn hostile."""
    with (
        FaultServer({f"/{name}*": GOOD for name in names}) as server,
        watched({name: f"{server.url}/{name}" for name in names}, period="1") as all_of_them,
    ):
        for name in names:
            until(functools.partial(all_of_them.latest, name), 20)
        before = all_of_them.peak
        for name in names:
            server[f"/{name}*"] = HOSTILE[name]
        for name in {"bomb", "endless"}.intersection(names):
            all_of_them.told(name, "too large")
        all_of_them.ticked(names[0], 4)
        return all_of_them.peak - before


@pytest.mark.alone
def test_a_bomb_costs_little_memory(watched):
    """H05, H06: half a megabyte on the wire that inflates to 512, and a body without end."""
    assert grown(watched, "bomb", "endless") < 48


@pytest.mark.alone
def test_all_of_them_together_cost_little_memory(watched):
    """H15, H17 and the rest, all in one watcher."""
    assert grown(watched, "churn", *sorted(set(HOSTILE) - {"churn"})) < 160


def test_other_series_at_every_scrape_are_told_and_stop_being_kept(watched):
    with (
        FaultServer(both(changing(churned))) as server,
        watched({"churn": server.url}) as one,
    ):
        tick = one.told("churn", "not metrics")
        assert tick.status.reason == "It answers /metrics with other series at every scrape."
        assert len(one.window("churn").layout.series) <= limits.LAYOUTS_AT_ONCE


def test_a_large_page_is_understood_in_a_few_scrapes(watched, fleet):
    with watched({"sets": fleet["sets"]}) as one:
        assert len(one.sampled("sets").layout.members) == limits.ENGINES


def test_hostile_names_reach_the_dashboard_as_they_are_and_stay_labels(watched, fleet):
    with watched({"names": fleet["names"], "good": fleet["good"]}) as both_of_them:
        models = both_of_them.sampled("names").models
        assert {text for text in TEXTS if "\x00" not in text} <= set(models)
        assert both_of_them.sampled("good").models == RECORDED.models


INJECTIONS = (
    'x"} 1\nvllm:num_requests_running{engine="0",model_name="tiny"} 99\nup 1',
    'x",instance="good",job="good",server="good',
    'x\\"} 1\\nvllm:num_requests_running 99',
)


def test_labels_touch_no_other_servers_rows(watched):
    form = 'vllm:num_requests_running{{engine="0",model_name="{}"}} 1\n'.format
    pages = [form(how(text)) for text in INJECTIONS for how in (str, escaped_label)]
    bad = {f"bad{number}": metrics(text) for number, text in enumerate(pages)}
    with (
        FaultServer({f"/{name}*": what for name, what in (bad | {"good": GOOD}).items()}) as server,
        watched({name: f"{server.url}/{name}" for name in (*bad, "good")}, "1") as all_of_them,
    ):
        for name in bad:
            until(functools.partial(all_of_them.latest, name), 20)

        def answered():
            window = all_of_them.window("good")
            return window.values[window.answered]

        until(lambda: len(answered()) >= 3, 20)
        assert (answered() == RECORDED.values).all()
        assert set(all_of_them.feed.servers) == {s.id for s in all_of_them.servers.values()}


@pytest.mark.parametrize(
    "value", ["NaN", "+Inf", "-Inf", "1e999", "-1e999", "1e300", "nan(7)", "0x10", ""]
)
def test_a_value_that_is_no_number_is_not_known(value):
    text = (
        f'vllm:num_requests_running{{engine="0"}} {value}\n'
        f'vllm:generation_tokens_total{{engine="0"}} {value}\n'
        'vllm:num_requests_waiting{engine="0"} 2\n'
    )
    sample = Reader().read(text.encode())
    assert (sample.of("running"), sample.of("generation_tokens")) == (None, None)
    assert sample.of("waiting") == 2


def test_a_counter_below_zero_is_not_known_and_no_rate_is_negative(watched):
    turns = itertools.cycle(["-5", "100", "50", "NaN", "1e308", "-1e308"])
    make = 'vllm:generation_tokens_total{{engine="0"}} {}\nvllm:num_requests_running 1\n'.format
    with (
        FaultServer(both(changing(lambda _: make(next(turns))))) as server,
        watched({"odd": server.url}) as one,
    ):
        one.answered("odd", 12)
        window = one.window("odd")
        known = window.values[:, window.layout.columns("generation_tokens")]
        assert np.nanmin(known) >= 0
        growth = window.growth("generation_tokens")
        assert not (growth[np.isfinite(growth)] < 0).any()
        assert not math.isinf(window.rate("generation_tokens") or 0.0)


def test_a_timestamp_moves_nothing_in_time(watched):
    """H24: the moment of a reading is ours."""
    text = "".join(
        f'vllm:num_requests_running{{engine="{n}"}} 1 {stamp}\n'
        for n, stamp in enumerate(["4890000000000", "-1380000000000", "1" * 400, "NaN"])
    )
    with FaultServer({"/old*": metrics(text), "/now*": GOOD}) as server:
        urls = {"old": f"{server.url}/old", "now": f"{server.url}/now"}
        begun = time.time()
        with watched(urls) as both_of_them:
            both_of_them.ticked("old", 2)
            both_of_them.ticked("now")
            moments = [tick.at for name in urls for tick in both_of_them.ticks(name)]
            assert begun <= min(moments) <= max(moments) <= time.time()
            assert both_of_them.sampled("old").of("running") == 4


def test_bytes_that_are_no_text_cost_their_line_only(watched):
    broken = b'vllm:num_requests_waiting{engine="\xff\xfe\xed\xa0\x80"} 1\nvllm:\x00 1\n\x00\n'
    good = b'vllm:num_requests_running{engine="0"} 3\n'
    with FaultServer(both(metrics(broken + good))) as server, watched({"odd": server.url}) as one:
        sample = one.sampled("odd")
        assert sample.of("running") == 3


def test_no_redirect_is_followed_wherever_it_leads(watched):
    with FaultServer() as elsewhere:
        places = {
            "metadata": "http://169.254.169.254/latest/meta-data/",
            "other": f"{elsewhere.url}/followed",
            "none": "http://a b\x7f/",
            "file": "file:///etc/passwd",
        }
        with (
            FaultServer({f"/{name}*": redirect(to) for name, to in places.items()}) as server,
            watched({name: f"{server.url}/{name}" for name in places}) as all_of_them,
        ):
            for name in places:
                status = all_of_them.told(name, "redirect").status
                assert "elsewhere, which is not followed" in status.reason
            assert "169.254" not in status.reason
            assert_log_is_clean(all_of_them.log)
        # By nobody: a stranger who asks for what had this port before asks for something else.
        assert "/followed" not in {seen.path for seen in elsewhere.seen}


@pytest.mark.parametrize("mode", ["double gzip", "unknown encoding", "bad gzip", "cut gzip"])
def test_a_compression_that_cannot_be_read_is_told(watched, mode):
    with FaultServer({"*": MODES[mode]()}) as server, watched({"odd": server.url}) as one:
        status = one.told("odd", "encoding").status
        assert "in a compression that cannot be read" in status.reason
        assert status.state is State.FAILING or status.state.is_down


def test_cookies_are_not_kept(watched):
    cookies = {"set-cookie": "a=" + "b" * 60_000}
    body = (RECORDINGS / "metrics.txt").read_bytes()
    with (
        FaultServer({"*": answer(body, kind="text/plain", headers=cookies)}) as server,
        watched({"odd": server.url}) as one,
    ):
        one.answered("odd", 3)
        assert not any("cookie" in seen.headers for seen in server.seen)
