import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from lib.metrics import NotMetricsError, Reader, limits
from tests.unit.metrics.scrapes import body, recorded, v1

CONFIG = 'vllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="101"} 1'


@pytest.mark.parametrize(
    "name", ["metrics.txt", "metrics_small_cache.txt", "metrics_after_abort.txt"]
)
def test_every_series_holds_what_the_official_client_reads(name):
    sample = Reader().read(recorded(name))
    official = {}
    for family in text_string_to_metric_families(recorded(name).decode()):
        for one in family.samples:
            official.setdefault(one.name, []).append(one)
    for quantity, wire, label in [
        ("running", "vllm:num_requests_running", ""),
        ("finished", "vllm:request_success_total", "finished_reason"),
        ("prompt_tokens", "vllm:prompt_tokens_total", ""),
        ("http_requests", "http_requests_total", "status"),
        ("ttft", "vllm:time_to_first_token_seconds_bucket", "le"),
        ("step_tokens", "vllm:iteration_tokens_total_bucket", "le"),
    ]:
        sums = {}
        for one in official[wire]:
            part = one.labels.get(label, "")
            part = f"le={float(part)!r}" if label == "le" else part
            sums[part] = sums.get(part, 0.0) + one.value
        assert {part: sample.of(quantity, part) for part in sums} == sums


def test_reading_again_gives_the_new_values_of_the_same_layout():
    reader = Reader()
    before = reader.read(recorded("metrics.txt"))
    again = reader.read(recorded("metrics.txt"))
    assert again.layout is before.layout
    later = reader.read(recorded("metrics_running_2.txt"))
    assert (before.of("running"), later.of("running")) == (0.0, 1.0)
    assert later.of("prompt_tokens") > before.of("prompt_tokens")


def test_used_blocks_are_whole_and_leave_out_the_null_block():
    total = Reader().read(body(CONFIG, v1("kv_cache_usage_perc", 38 / 100))).total
    assert (total.blocks_used, total.blocks_usable, total.blocks_free) == (38.0, 100.0, 62.0)
    assert total.kv_tokens == 1616.0


@pytest.mark.parametrize("usage", [-0.1, 1.1, 1e308, -1e308])
def test_a_usage_that_cannot_be_makes_no_blocks(usage):
    total = Reader().read(body(CONFIG, v1("kv_cache_usage_perc", usage))).total
    assert total.blocks_used is None
    assert total.blocks_usable == 100.0


@pytest.mark.parametrize("used", range(101))
def test_division_costs_no_whole_block(used):
    sample = Reader().read(body(CONFIG, v1("kv_cache_usage_perc", 1 - (100 - used) / 100)))
    assert sample.total.blocks_used == used


def test_blocks_that_engines_cannot_share_evenly_are_not_told():
    lines = [v1("kv_cache_usage_perc", 0.5, engine) for engine in "01"]
    config = 'vllm:cache_config_info{engine="ENGINE",num_gpu_blocks="101"} 1'
    configs = [config.replace("ENGINE", engine) for engine in "01"]
    assert Reader().read(body(*configs, *lines)).total.blocks_usable is None


def test_the_v0_engine_has_no_null_block():
    config = 'vllm:cache_config_info{block_size="16",num_gpu_blocks="100"} 1'
    total = Reader().read(body(config, 'vllm:gpu_cache_usage_perc{model_name="m"} 0.25')).total
    assert (total.blocks_used, total.blocks_usable) == (25.0, 100.0)


def test_blocks_that_a_server_does_not_tell_are_not_reported():
    config = CONFIG.replace("101", "None")
    total = Reader().read(body(config, v1("kv_cache_usage_perc", 0.5))).total
    assert (total.blocks_used, total.blocks_usable, total.kv_usage) == (None, None, 0.5)


def test_engines_share_the_blocks_that_each_of_them_reports():
    config = (
        'vllm:cache_config_info{engine="ENGINE",kv_cache_size_tokens="800",num_gpu_blocks="102"} 1'
    )
    sample = Reader().read(
        body(
            config.replace("ENGINE", "0"),
            config.replace("ENGINE", "1"),
            v1("kv_cache_usage_perc", 0.5, "0"),
            v1("kv_cache_usage_perc", 0.1, "1"),
            v1("num_requests_running", 3, "0"),
            v1("num_requests_running", 4, "1"),
        )
    )
    assert [reading.blocks_used for reading in sample.engines] == [25.0, 5.0]
    total = sample.total
    assert (total.blocks_used, total.blocks_usable, total.kv_tokens) == (30.0, 100.0, 1600.0)
    assert (total.kv_usage, total.kv_usage_max) == (pytest.approx(0.3), 0.5)
    assert total.running == 7.0


def test_a_counter_without_its_engines_name_is_no_engine_of_its_own():
    config = 'vllm:cache_config_info{engine="3",num_gpu_blocks="101"} 1'
    rejections = 'vllm:admission_rejections_total{model_name="m",reason="queue"} 2'
    sample = Reader().read(body(config, v1("kv_cache_usage_perc", 0.5, "3"), rejections))
    assert sample.total.blocks_usable == 100.0
    assert [reading.engine for reading in sample.engines] == ["3"]
    assert sample.of("rejections") == 2.0


def test_rays_workers_keep_their_engines_and_blocks_apart():
    lines = []
    for worker, blocks, usage in (("w1", 101, 0.5), ("w2", 201, 0.9)):
        labels = f'WorkerId="{worker}",engine="0"'
        lines += [
            f'ray_vllm_cache_config_info{{{labels},num_gpu_blocks="{blocks}"}} 1',
            f'ray_vllm_kv_cache_usage_perc{{{labels},model_name="m"}} {usage}',
        ]
    sample = Reader().read(body(*lines))
    assert [reading.engine for reading in sample.engines] == ["w1/0", "w2/0"]
    assert [reading.blocks_used for reading in sample.engines] == [50.0, 180.0]
    assert (sample.total.kv_usage, sample.total.kv_usage_max) == (pytest.approx(0.7), 0.9)
    assert sample.total.blocks_usable == 300.0


def test_each_v0_engine_tells_its_own_blocks():
    lines = [
        line
        for worker in ("w1", "w2")
        for line in (
            f'ray_vllm_cache_config_info{{WorkerId="{worker}",num_gpu_blocks="101"}} 1',
            f'ray_vllm_num_requests_running{{WorkerId="{worker}",model_name="m"}} 1',
        )
    ]
    assert Reader().read(body(*lines)).total.blocks_usable == 202.0


def test_a_hit_rate_of_a_cache_that_is_off_is_no_figure():
    assert Reader().read(body(v1("gpu_prefix_cache_hit_rate", -1.0))).of("prefix_hit_rate") is None


@pytest.mark.parametrize("space", ["", " ", "\t", "  "])
def test_blanks_around_a_value_change_nothing_scrape_after_scrape(space):
    reader = Reader()
    for value in (1, 2):
        lines = [
            f'vllm:num_requests_running{{engine="{engine}",model_name="a b"}}{space}{value}{space}'
            for engine in ("0", "1 2", "1 3")
        ]
        sample = reader.read(body(*lines, f"process_start_time_seconds\t{value}", "7"))
        assert sample.total.running == 3.0 * value
        assert sample.of("process_start") == value


def test_of_two_names_for_one_figure_only_the_newer_counts():
    sample = Reader().read(
        body(
            v1("gpu_cache_usage_perc", 0.9),
            v1("kv_cache_usage_perc", 0.4),
            v1("num_requests_running", 1),
        )
    )
    assert sample.total.kv_usage == 0.4
    old = Reader().read(body(v1("gpu_cache_usage_perc", 0.9)))
    assert old.total.kv_usage == 0.9


def test_tpot_stands_in_for_itl_only_where_itl_is_absent():
    tpot, itl = "time_per_output_token_seconds_bucket", "inter_token_latency_seconds_bucket"
    both = Reader().read(body(v1(tpot, 7, le="+Inf"), v1(itl, 5, le="+Inf")))
    assert both.of("itl", "le=inf") == 5.0
    assert Reader().read(body(v1(tpot, 7, le="+Inf"))).of("itl", "le=inf") == 7.0


def test_rays_names_are_the_same_quantities():
    sample = Reader().read(b'ray_vllm_num_requests_running{WorkerId="w1",model_name="m"} 2\n')
    assert sample.total.running == 2.0
    assert sample.layout.members == (("m", "w1"),)


def test_one_bad_line_costs_that_line():
    sample = Reader().read(
        body(v1("num_requests_running", 2), "vllm:broken{", v1("num_requests_waiting", 3))
    )
    assert (sample.total.running, sample.total.waiting) == (2.0, 3.0)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e999", "-3"])
def test_a_count_that_cannot_be_is_no_count(value):
    sample = Reader().read(
        f'vllm:prompt_tokens_total{{engine="0",model_name="m"}} {value}\n'.encode()
    )
    assert sample.of("prompt_tokens") is None


def test_a_line_written_twice_counts_once():
    line = v1("num_requests_running", 2)
    assert Reader().read(body(line, line)).total.running == 2.0


def test_created_series_are_not_read_as_counts():
    sample = Reader().read(body(v1("prompt_tokens_created", 1.79e9), v1("prompt_tokens_total", 5)))
    assert sample.of("prompt_tokens") == 5.0


def test_a_timestamp_behind_the_value_is_no_value():
    reader = Reader()
    for value in (1.0, 2.0):
        sample = reader.read(
            f'vllm:num_requests_running{{engine="0"}} {value} 1790000000000\n'.encode()
        )
        assert sample.total.running == value


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<html>", "HTML"),
        (b'{"a": 1}', "JSON"),
        (b"hello", "text"),
    ],
)
def test_what_is_not_metrics_is_named(sent, what):
    with pytest.raises(NotMetricsError, match=what):
        Reader().read(sent)


def test_labels_of_another_server_do_not_name_this_one():
    line = 'vllm:num_requests_running{engine="0",instance="other:1",job="x",model_name="m"} 4'
    assert Reader().read(body(line)).layout.members == (("m", "0"),)


def read_until_known(lines):
    """A page of so many lines takes several scrapes to be understood, each of them short."""
    reader = Reader()
    for _ in range((len(lines) - 1) // limits.NEW_LINES):
        with pytest.raises(NotMetricsError, match="more new lines"):
            reader.read(body(*lines))
    return reader.read(body(*lines))


def test_twenty_thousand_label_sets_are_cut_to_the_limit():
    lines = [v1("num_requests_running", 1, str(engine)) for engine in range(20_000)]
    assert len(read_until_known(lines).layout.members) == limits.ENGINES


def test_a_thousand_engines_keep_gauges_and_counters_rather_than_histograms():
    lines = [
        v1(f"time_to_first_token_seconds_{what}", 1, str(engine), **labels)
        for engine in range(256)
        for what, labels in [("sum", {}), *(("bucket", {"le": str(le)}) for le in range(20))]
    ]
    lines += [v1("num_requests_waiting", 1, str(engine)) for engine in range(256)]
    sample = read_until_known(lines)
    assert len(sample.layout.series) == limits.SERIES
    assert sample.total.waiting == 256


def test_reasons_without_number_cost_no_square_of_them():
    reasons = [v1("num_requests_waiting_by_reason", 1, reason=str(n)) for n in range(4_000)]
    sample = Reader().read(body(*reasons))
    assert len(sample.layout.parts("waiting_by_reason")) == limits.PARTS
    assert len(sample.total.waiting_by_reason) == limits.PARTS


def test_configurations_without_number_are_cut():
    lines = [v1("num_requests_running", 1, str(engine)) for engine in range(2_000)]
    lines += [f'vllm:cache_config_info{{engine="x{n}"}} 1' for n in range(2_000)]
    layout = Reader().read(body(*lines)).layout
    assert len(layout.configs) == limits.CONFIGS
    wide = ",".join(f'l{n}="{n}"' for n in range(500))
    layout = Reader().read(body(v1("num_requests_running", 1), CONFIG[:-3] + f",{wide}}} 1")).layout
    assert [len(config) for config in layout.configs] == [limits.CONFIG_LABELS]


@pytest.mark.parametrize("char", ["\x01", "x", "é", "\N{GRINNING FACE}", '\\"'])
def test_a_layout_stays_small_enough_to_be_sent(char):
    name = char * (900 // len(char))
    lines = [v1("num_requests_waiting", 1, str(n), model_name=name) for n in range(256)]
    lines += [v1("request_success_total", 1, str(n), model_name=name) for n in range(3_000)]
    lines += [f'vllm:cache_config_info{{engine="{n}",x="{name}"}} 1' for n in range(256)]
    layout = Reader().read(body(*lines)).layout
    assert len(layout.to_json()) < 2 * limits.LAYOUT_TEXT
    assert layout.quantities >= {"waiting"}


def test_lines_of_a_megabyte_are_left_out_and_not_remembered():
    reader = Reader()
    for turn in range(40):
        giant = v1("num_requests_waiting", 1, model_name=f"{turn}" + "x" * 1_000_000)
        sample = reader.read(body(giant, v1("num_requests_running", 3)))
        assert (sample.of("running"), sample.of("waiting")) == (3, None)
    assert reader._text < 1_000


def test_lines_that_change_at_every_scrape_are_forgotten_in_time():
    reader = Reader()
    for turn in range(12):
        lines = [
            v1("e2e", 1, model_name=f"{turn}-{n}-" + "x" * 900)  # of no family that we read
            for n in range(4_000)
        ]
        reader.read(body(*lines, v1("num_requests_running", 1)))
        assert sum(map(len, reader._known)) < 2 * limits.TEXT_REMEMBERED


def test_other_series_at_every_scrape_are_refused_and_a_new_one_now_and_then_is_not():
    reader = Reader()

    def scrape(model):
        return reader.read(body(v1("num_requests_running", 1, model_name=model)))

    for turn in range(limits.LAYOUTS_AT_ONCE):
        scrape(f"m{turn}")
    with pytest.raises(NotMetricsError, match="other series at every scrape"):
        scrape("one too many")
    for _ in range(limits.SCRAPES_PER_LAYOUT):
        assert scrape("m1").models == ("m1",)
    assert scrape("an hour later").models == ("an hour later",)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(sent):
    reader = Reader()
    try:
        sample = reader.read(sent)
    except NotMetricsError:
        return
    assert not any(math.isinf(value) for value in sample.values)
