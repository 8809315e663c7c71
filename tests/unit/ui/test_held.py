import json
import threading

import pytest

from lib.api import kv_listener
from lib.api.kv_events import Stored
from lib.servers import Server, Source
from lib.ui.asked import Asked
from lib.ui.held import Held
from tests.support.faulty import FaultServer, answer_json, recorded
from tests.support.kv_publisher import publishing
from tests.support.waiting import until
from tests.unit.ui.scene import recording

SOURCES = "/kv_event_sources"


@pytest.fixture
def publisher():
    with publishing() as one:
        yield one


@pytest.fixture
def faults():
    version = answer_json({"version": "0.32.0"})
    with FaultServer({"/openapi.json": recorded("openapi.json"), "/version": version}) as one:
        yield one


@pytest.fixture
def held(tmp_path):
    environ = {"INSPECTOR_DATA": str(tmp_path)}
    asked = Asked(environ)
    one = Held(environ, asked)
    yield one
    one.close()
    asked.close()
    until(lambda: not listeners(), 10)


def listeners() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("kv ")]


def questions(faults) -> int:
    return len([one for one in faults.seen if one.path == SOURCES])


def test_the_blocks_of_a_server_that_publishes_are_counted(faults, publisher, held):
    faults[SOURCES] = answer_json(publisher.document)
    publisher.publish(1, 2, 3)
    server = Server("a", faults.url, None, Source.ENVIRONMENT)
    assert held.of(server) is None

    def counted():
        publisher.repeats()
        return held.of(server) == {"0": Stored(3, is_all=True)}

    until(counted, 20, every=0.05)
    assert questions(faults) == 1


def test_a_server_that_publishes_nothing_is_asked_once(faults, held):
    faults[SOURCES] = answer_json({})
    server = Server("a", faults.url, None, Source.ENVIRONMENT)
    until(lambda: held.of(server) is None and questions(faults), 20, every=0.05)
    for _ in range(20):
        assert held.of(server) is None
    assert questions(faults) == 1


def test_a_server_that_does_not_know_the_question_is_not_asked(faults, held):
    document = json.loads(recording("openapi.json"))
    del document["paths"][SOURCES]
    faults["/openapi.json"] = answer_json(document)
    server = Server("a", faults.url, None, Source.ENVIRONMENT)
    until(lambda: held.of(server) is None and held._asked.told(server).capabilities, 20, every=0.05)
    assert held.of(server) is None
    assert questions(faults) == 0


def test_when_nobody_looks_nobody_listens_and_who_looks_again_is_told(
    faults, publisher, held, monkeypatch
):
    faults[SOURCES] = answer_json(publisher.document)
    server = Server("a", faults.url, None, Source.ENVIRONMENT)

    def counted():
        publisher.repeats()
        return held.of(server) == {"0": Stored(0, is_all=True)}

    until(counted, 20, every=0.05)
    with monkeypatch.context() as impatient:
        impatient.setattr(kv_listener, "WANTED_SECONDS", 0.5)
        until(lambda: not listeners(), 10)
    until(counted, 20, every=0.05)
    assert questions(faults) == 2
