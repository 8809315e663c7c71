from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.api import Reason, Refused
from lib.servers import Server, Source
from lib.ui.clients import Clients
from tests.support.faulty import FaultServer, answer_json, hang
from tests.support.waiting import until

GOOD = answer_json({"version": "1.2.3"})


def server(url, name="one"):
    return Server(name, url, None, Source.ADDED)


def test_a_server_has_one_client_however_many_threads_ask():
    with FaultServer({"/version": GOOD}) as faulty, ThreadPoolExecutor(8) as threads:
        clients = Clients({}, 60.0)
        one = server(faulty.url)
        found = set(threads.map(lambda _: clients.of(one), range(64)))
        assert len(found) == 1
        assert clients.of(server(faulty.url, "two")) not in found
        assert found.pop().version() == "1.2.3"
        clients.close()
        until(lambda: faulty.connections == 0)


def test_a_call_takes_no_longer_than_was_said():
    with FaultServer({"/version": hang()}) as faulty:
        clients = Clients({}, 0.3)
        with pytest.raises(Refused) as caught:
            clients.of(server(faulty.url)).version()
        assert caught.value.reason is Reason.TIMEOUT
        clients.close()


def test_who_comes_for_a_client_too_late_opens_no_connection():
    with FaultServer({"/version": GOOD}) as faulty:
        clients = Clients({}, 60.0)
        clients.close()
        with pytest.raises(Refused) as caught:
            clients.of(server(faulty.url)).version()
        assert caught.value.reason is Reason.CLIENT_CLOSED
        assert faulty.opened == 0
