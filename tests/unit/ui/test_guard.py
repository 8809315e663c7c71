import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit import config

from lib.ui import guard
from tests.support.ports import free_port
from tests.support.processes import ROOT


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_login(address):
    assert guard.is_loopback(address)
    assert guard.refusal(address) is None


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::", "10.0.0.5", "example.org"])
def test_any_other_address_is_refused_with_what_to_set(address):
    sentence = guard.refusal(address)
    assert "[auth]" in sentence
    assert "HOST=127.0.0.1" in sentence


def test_a_login_at_the_proxy_counts(monkeypatch):
    before = config.get_option("server.trustedUserHeaders")
    config.set_option("server.trustedUserHeaders", {"X-User": "email"})
    try:
        assert guard.refusal("0.0.0.0") is None
    finally:
        config.set_option("server.trustedUserHeaders", before)


def test_a_ticket_is_good_until_it_expires():
    ticket = guard.mint(1000.0)
    assert guard.valid(ticket, 1000.0)
    assert guard.valid(ticket, 1000.0 + guard.TICKET_SECONDS)
    assert not guard.valid(ticket, 1001.0 + guard.TICKET_SECONDS)


def test_a_ticket_cannot_be_made_to_last_longer():
    until, _, signature = guard.mint(1000.0).partition(".")
    assert not guard.valid(f"{int(until) + 1}.{signature}", 1000.0)


@given(st.text())
def test_no_other_text_is_a_ticket(text):
    assert not guard.valid(text)


def test_listening_to_the_network_without_a_login_ends_with_one_sentence():
    port = str(free_port())
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    options = ["--server.address", "0.0.0.0", "--server.port", port]
    ended = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, check=False, timeout=60
    )
    assert ended.returncode != 0
    said = (ended.stdout + ended.stderr).decode().strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("vLLM Inspector does not listen on 0.0.0.0 without a login")
