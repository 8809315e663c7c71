"""Answers that mean harm to the routes that are asked on demand: version, models, route list."""

import json
import subprocess
import sys

import pytest

from lib.api import Capabilities, Reason, Refused, VllmClient
from lib.ui.asked import Told
from lib.ui.plain import plain
from lib.ui.running import sections
from tests.faults.stalls import Stalls
from tests.support.cost import cost
from tests.support.faulty import MODES, FaultServer, answer, answer_json, recorded
from tests.support.hostile import TEXTS, images
from tests.support.processes import ROOT

NAMES = (*TEXTS, *images("http://127.0.0.1:9"))
ROUTES = ("/version", "/v1/models", "/openapi.json", "/metrics/")
GOOD = {
    "/version": recorded("version.json"),
    "/v1/models": recorded("models.json"),
    "/openapi.json": recorded("openapi.json"),
    "/metrics": recorded("metrics.txt"),
    "/metrics/": recorded("metrics_slash_filter.txt"),
    "/health": answer(""),
}
LARGE = {
    "surrogates": r'{"version": "\ud800", "data": [{"id": "\udfff\ud800"}], "paths": {"\ud8": 1}}',
    "twice": '{"version": "1", "version": null, "data": [], "data": 7, "paths": {}, "paths": []}',
    "many": json.dumps({"version": "x" * 200_000, "data": [{"id": "m"}] * 100_000, "paths": {}}),
    "wide": json.dumps({"data": [], "paths": {f"/v1/models{n}": {} for n in range(100_000)}}),
    "brackets": '{"data": [' + "[" * 4_000_000,
    "strings": '{"data": ["' + '\\\\"' * 2_000_000,
}


def outcome(client):
    try:
        return client.capabilities()
    except Refused as refused:
        return refused


@pytest.mark.parametrize("route", ROUTES)
def test_whatever_one_route_answers_the_server_is_known_or_refused_in_time(route):
    behaviours = {mode: make() for mode, make in MODES.items() if "drip" not in mode}
    behaviours |= {name: answer(text) for name, text in LARGE.items()}
    del behaviours["hang"], behaviours["gzip bomb"], behaviours["endless"]
    with Stalls() as stalls, FaultServer(GOOD) as server:
        for mode, behaviour in behaviours.items():
            server[route] = behaviour
            begun = stalls.begin()
            client = VllmClient(server.url, timeout=2.0)
            found = outcome(client)
            client.close()
            assert isinstance(found, Capabilities | Refused), mode
            assert stalls.run_since(begun) < 8, mode
            if isinstance(found, Refused):
                assert found.reason in Reason
                assert found.sentence.isprintable()
                assert found.detail.isprintable()


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_the_command_prints_no_control_character_of_a_server(how):
    """H26: what a terminal shows cannot be forged, coloured or turned round."""
    models = [{"id": name, "root": name, "parent": name, "owned_by": name} for name in NAMES]
    hostile = {
        "/version": answer_json({"version": "".join(NAMES)}),
        "/v1/models": answer_json({"data": models}),
        "/openapi.json": answer_json({"paths": {name: {"get": {}} for name in NAMES}}),
        "/health": answer_json({"error": "".join(NAMES)}, 503),
    }
    with FaultServer(GOOD | hostile) as server:
        done = subprocess.run(
            [sys.executable, "-m", "lib.api", server.url, "--timeout", "60", *how],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    for line in (done.stdout + done.stderr).split("\n"):
        assert line.isprintable()
    assert "Traceback" not in done.stderr
    assert "alert(1)" in done.stdout
    if how:
        assert json.loads(done.stdout)["url"] == server.url


DOCUMENTS = {
    "deep": json.loads("[" * 60 + ",".join("1" * 300_000) + "]" * 60),
    "wide": {f"field{number}": "value" for number in range(100_000)},
    "long": {"text": "x" * 4_000_000},
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_large_document_costs_a_page_little(name):
    """It is written anew every 15 seconds, for every viewer."""
    told = Told(extra={"debug_config": DOCUMENTS[name]})
    text = json.dumps(DOCUMENTS[name])
    whole, _ = cost(lambda: plain(text, len(text)))
    seconds, written = cost(lambda: json.dumps(sections(None, told)))
    assert seconds < whole / 2
    assert len(written) < 60_000
