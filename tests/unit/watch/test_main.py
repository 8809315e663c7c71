from pathlib import Path

from lib.servers import Secret, Server, Source
from lib.watch.__main__ import greeting


def test_the_greeting_names_a_key_that_anybody_on_the_way_can_read_and_not_the_key():
    servers = [
        Server("far", "http://10.0.0.5:8000", Secret("sk-canary"), Source.SECRETS),
        Server("near", "http://127.0.0.1:8000", Secret("sk-canary"), Source.SECRETS),
        Server("safe", "https://10.0.0.5", Secret("sk-canary"), Source.SECRETS),
    ]
    first, *warnings = greeting(servers, 1.0, Path("data"))
    assert first == "Watching 3 servers every 1 s; the history is in data."
    assert [warning.split()[3] for warning in warnings] == ["far"]
    assert not any("canary" in warning for warning in warnings)
