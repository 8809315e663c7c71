"""The application run by Streamlit's own test runner: no server, no browser, the real watcher."""

import json
import threading
from contextlib import contextmanager

import pytest
from streamlit.testing.v1 import AppTest

from lib.ui import house as houses
from lib.ui.asked import Asked
from tests.support.demos import demo_servers
from tests.support.faulty import closed_port
from tests.support.patience import be_patient
from tests.support.processes import ROOT
from tests.support.waiting import until

WAIT_SECONDS = 20.0


class Visit:
    """One viewer's session."""

    def __init__(self) -> None:
        self.app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)

    def opens(self, page: str = "", **query: str) -> "Visit":
        for name, value in query.items():
            self.app.query_params[name] = value
        self.app.run()
        if page:
            self.app.switch_page(page).run()
        return self

    def mounted(self, view: str) -> dict | None:
        """What the script gave to a component."""
        for element in self.app.get("bidi_component"):
            data = json.loads(element.proto.json)
            if data["view"] == view:
                return data
        return None


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """A page waits a moment for a server's first answer; a busy machine needs a longer one.

    So do the questions that are asked of it. Gives what makes the page hasty again, for a test of
    servers that do not answer.
    """
    told = Asked.told

    def patient(self, server, *, documents=False, wait=0.0):
        return told(self, server, documents=documents, wait=WAIT_SECONDS if wait else 0.0)

    be_patient(monkeypatch)
    monkeypatch.setattr(Asked, "told", patient)
    return lambda: monkeypatch.setattr(Asked, "told", told)


@contextmanager
def deserted():
    """Leave when every thread that was begun here has ended: none asks on in the next test."""
    before = set(threading.enumerate())
    yield
    until(lambda: not set(threading.enumerate()) - before)


@pytest.fixture
def dashboard(monkeypatch, tmp_path):
    """Start a house of its own with these settings; give sessions."""
    monkeypatch.setenv("INSPECTOR_DATA", str(tmp_path))
    monkeypatch.chdir(ROOT)

    def with_settings(**settings: str):
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        houses._house.clear()
        return Visit()

    with deserted():
        yield with_settings
        for one in houses._house:
            one.close()
    houses._house.clear()


@pytest.fixture(scope="module")
def kept():
    """Houses that the tests of a module share, by name."""
    found = {}
    with deserted():
        yield found
        for one in found.values():
            one.close()


@pytest.fixture
def lasting(kept, monkeypatch, tmp_path_factory):
    """The same as `dashboard`, with a house that the next test of the module finds again."""
    monkeypatch.chdir(ROOT)

    def with_settings(**settings: str):
        name = str(sorted(settings.items()))
        monkeypatch.setenv("INSPECTOR_DATA", str(tmp_path_factory.mktemp("kept")))
        for setting, value in settings.items():
            monkeypatch.setenv(setting, value)
        houses._house[:] = [kept[name]] if name in kept else []
        kept[name] = houses.house()
        return Visit()

    yield with_settings
    houses._house.clear()


@pytest.fixture(scope="session")
def demo():
    """The built-in servers, as the dashboard starts them: the value of INSPECTOR_DEMO_SERVERS."""
    with demo_servers() as listed:
        yield listed


@pytest.fixture
def down():
    """A server that does not answer."""
    with closed_port() as url:
        yield f"down={url}"
