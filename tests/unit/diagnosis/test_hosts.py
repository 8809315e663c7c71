import numpy as np
import pytest

from lib.diagnosis import Severity, diagnose
from tests.unit.diagnosis.beside import beside, findings, restarted
from tests.unit.diagnosis.busy import after, busy

HOST = {"process_cpu": 0.4, "process_rss": 2e9, "process_start": -7_200}


def hosted(**otherwise):
    engine = {
        name: otherwise.pop(name)
        for name in [*otherwise]
        if not name.startswith(("process", "open", "max"))
    }
    return beside(busy(**engine), **HOST | otherwise)


def test_a_healthy_host_has_no_finding():
    assert findings(hosted()) == {}


def test_an_api_server_without_cpu_is_found_since_its_onset():
    finding = findings(hosted(process_cpu=after(1_200, 1.1, 0.4)))["frontend_busy"]
    assert finding.severity is Severity.WATCH
    assert finding.since == pytest.approx(1_255, abs=20)
    assert finding.chain[0].figure == "1.10 cores"
    assert [rival.name for rival in finding.rivals] == ["full KV cache", "seat limit"]


@pytest.mark.parametrize("cpu", [0.93, after(1_830, 1.2, 0.4), lambda t: 1.2 * (t < 1_500)])
def test_a_cpu_that_is_nearly_busy_or_busy_for_a_moment_is_none(cpu):
    assert "frontend_busy" not in findings(hosted(process_cpu=cpu))


def test_fewer_steps_than_before_are_a_link_of_it():
    window = hosted(process_cpu=after(1_200, 1.1, 0.4), step_tokens=(after(1_200, 15, 25), 90))
    _, steps = findings(window)["frontend_busy"].chain
    assert (steps.quantity, steps.holds) == ("step_tokens", True)
    assert steps.figure.endswith("/ s before")
    near = findings(hosted(process_cpu=after(1_200, 1.1, 0.4)))["frontend_busy"]
    assert [one.holds for one in near.chain] == [True, False]


def test_no_cpu_is_said_to_be_left_only_where_the_engine_makes_fewer_steps():
    fewer = hosted(process_cpu=after(1_200, 1.1, 0.4), step_tokens=(after(1_200, 15, 25), 90))
    assert "has no CPU left" in findings(fewer)["frontend_busy"].headline
    busy_only = findings(hosted(process_cpu=after(1_200, 2.3, 0.4)))["frontend_busy"]
    assert busy_only.headline == (
        "The API server keeps 2.3 CPU cores busy: answers may reach clients late"
    )
    assert busy_only.brief == "API server busy"
    ever = findings(hosted(process_cpu=2.3, without=("step_tokens",)))["frontend_busy"]
    assert ever.brief == "API server busy"


def test_memory_that_grows_at_flat_load_is_a_leak():
    finding = findings(hosted(process_rss=lambda t: 2e9 + 3e5 * t))["memory_leaks"]
    assert finding.severity is Severity.WATCH
    assert finding.chain[0].figure.endswith(" MB")
    assert "an hour" in finding.detail


@pytest.mark.parametrize(
    "rss",
    [
        2e9,
        lambda t: 2e9 + 1e4 * t,
        lambda t: 2e9 + 4e8 * np.minimum(t, 600) / 600,
        lambda t: 2e9 + 1e9 * (1 - np.exp(-t / 300)),
        lambda t: 2e9 + 2e8 * np.sin(t / 200),
    ],
)
def test_memory_that_is_flat_settles_or_swings_is_none(rss):
    assert "memory_leaks" not in findings(hosted(process_rss=rss))


def test_memory_that_grows_with_load_or_after_a_start_is_none():
    grows = {"process_rss": lambda t: 2e9 + 3e5 * t}
    assert "memory_leaks" not in findings(
        hosted(**grows, prompt_tokens=lambda t: 2_000 + 2 * t, generation_tokens=500)
    )
    assert "memory_leaks" not in findings(hosted(**grows, process_start=-300))
    assert "memory_leaks" not in findings(restarted(hosted(**grows), 900))


def test_a_leak_needs_half_an_hour():
    unchecked = diagnose(hosted(seconds=900)).unchecked
    assert "Its memory does not grow: needs 29 minutes of readings" in unchecked


@pytest.mark.parametrize(("opened", "found"), [(900, True), (700, False)])
def test_connections_that_run_out_are_found(opened, found):
    rules = findings(hosted(open_fds=opened, max_fds=1_024))
    assert ("files_run_out" in rules) is found


def test_connections_are_no_leak_of_memory():
    assert findings(hosted(open_fds=900, max_fds=1_024))["files_run_out"].pattern == 0


def test_what_several_api_servers_do_not_tell_is_not_called_fine():
    diagnosis = diagnose(busy())
    assert any("process_cpu_seconds_total" in one for one in diagnosis.unchecked)
    assert "The API server has CPU left" not in diagnosis.fine
