import pytest

from lib.servers import Secret, Server, SettingsError, Source
from lib.servers.server import checked_name


def test_a_demo_server_keeps_its_id_when_its_port_changes():
    first, second = (
        Server("demo-chat", f"http://127.0.0.1:{port}", None, Source.DEMO) for port in (1, 2)
    )
    assert first.id == second.id == "demo-chat"
    assert first.simulated


def test_another_server_is_told_apart_by_its_address():
    server = Server("chat", "http://10.0.0.5:8000", Secret("sk-canary"), Source.SECRETS)
    assert server.id == "chat http://10.0.0.5:8000"
    assert not server.simulated
    assert "canary" not in repr(server)


@pytest.mark.parametrize(
    "name", ["a", "chat", "Chat 7B", "h:8000", "10.0.0.5:8000", "größer", "a" * 64]
)
def test_names_that_people_use_are_names(name):
    assert checked_name(f" {name} ") == name


@pytest.mark.parametrize(
    "name", ["", " ", "-a", "a" * 65, "a\nb", "<b>", "a,b", "a=b", "../x", "![x](y)"]
)
def test_what_is_no_name_is_refused(name):
    with pytest.raises(SettingsError, match="cannot name a server"):
        checked_name(name)


@pytest.mark.parametrize(
    ("url", "key", "clear"),
    [
        ("http://10.0.0.5:8000", "sk-1", True),
        ("http://10.0.0.5:8000", None, False),
        ("https://10.0.0.5:8000", "sk-1", False),
        ("http://127.0.0.1:8000", "sk-1", False),
        ("http://[::1]:8000", "sk-1", False),
        ("http://localhost", "sk-1", False),
        ("http://localhost.example.org", "sk-1", True),
    ],
)
def test_a_key_that_crosses_a_network_unencrypted_is_known(url, key, clear):
    server = Server("a", url, Secret(key) if key else None, Source.SECRETS)
    assert server.key_in_clear is clear
