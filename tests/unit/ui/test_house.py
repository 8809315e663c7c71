from types import SimpleNamespace

from lib.ui.house import House
from tests.unit.ui.scene import server


def test_a_servers_own_word_for_its_release_is_one_short_line(tmp_path):
    home = House({"INSPECTOR_DATA": str(tmp_path)})
    told = SimpleNamespace(version="\x1b[31m\u202e0.32\n" + "9" * 200_000)
    home.__dict__["asked"] = SimpleNamespace(told=lambda _server: told)
    version = home.version(server())
    assert version.startswith("[31m 0.32 999")
    assert len(version) == 40
