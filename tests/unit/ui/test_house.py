import threading
from types import SimpleNamespace

import pytest

from lib.api import Model
from lib.servers import Server, Source
from lib.ui.asked import Told
from lib.ui.doctor import FULL_SECONDS
from lib.ui.house import House
from lib.ui.listing import Listing
from tests.support.faulty import FaultServer, answer_json
from tests.unit.ui.scene import server


def test_a_servers_own_word_for_its_release_is_one_short_line(tmp_path):
    home = House({"INSPECTOR_DATA": str(tmp_path)})
    told = SimpleNamespace(version="\x1b[31m\u202e0.32\n" + "9" * 200_000)
    home.asked = SimpleNamespace(told=lambda _server: told)
    version = home.version(server())
    assert version.startswith("[31m 0.32 999")
    assert len(version) == 40


def test_a_diagnosis_knows_the_configuration_and_the_peers_of_the_page_it_is_for(tmp_path):
    here, twin, other = (server(name) for name in ("here", "twin", "other"))
    models = {here: "m", twin: "m", other: "x"}
    asked = []

    def told(_server, *, documents):
        asked.append(documents)
        config = {"vllm_config": {"scheduler_config": {"max_num_seqs": 16}}}
        return Told(extra={"server_info": config} if documents else {})

    home = House({"INSPECTOR_DATA": str(tmp_path)})
    home.asked = SimpleNamespace(
        told=told,
        listing=lambda one: Listing(models=(Model(models[one], None, None, 4096, None),)),
    )
    home._feed = SimpleNamespace(latest=lambda _track: None, window=lambda name, _start, _end: name)
    home.watched = lambda: (here, twin, other)
    brief, full = (home._facts(here.id, depth) for depth in (590.0, FULL_SECONDS))
    assert asked == [False, True]
    assert (brief.max_num_seqs, brief.max_model_len, brief.peers) == (None, 4096, {})
    assert (full.max_num_seqs, full.peers) == (16, {"twin": twin.id})
    assert home._facts("gone", FULL_SECONDS).max_model_len is None


def test_a_house_that_is_closed_begins_nothing_anew(tmp_path):
    with FaultServer({"/version": answer_json({"version": "1"})}) as asked:
        home = House({"INSPECTOR_DATA": str(tmp_path)})
        here = Server("one", asked.url, None, Source.ADDED)
        home.close()
        assert home.asked.told(here, wait=600) == Told()
        assert home.asked.listing(here) == Listing()
        assert home.embedder.submit(list).cancelled()
        threads = set(threading.enumerate())
        assert home.feed.latest(here.id) is None
        assert set(threading.enumerate()) <= threads
        assert asked.opened == 0
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_cannot_be_closed_leaves_no_other_open(tmp_path, monkeypatch):
    home = House({"INSPECTOR_DATA": str(tmp_path)})
    stopped = []
    home._feed = SimpleNamespace(stop=lambda: stopped.append(True))

    def fails():
        raise OSError("no")

    monkeypatch.setattr(home.held, "close", fails)
    with pytest.raises(OSError, match="no"):
        home.close()
    assert home.embedder.is_closed
    assert stopped
