import json

import pytest

from lib.servers import (
    AddressPolicy,
    SettingsError,
    Source,
    add_server,
    added_servers,
    remove_server,
)

VISITOR = AddressPolicy.allowing("gpu1")


def test_nothing_has_been_added_at_first(tmp_path):
    assert added_servers(tmp_path / "absent") == ()


def test_an_added_server_is_there_again_without_a_key(tmp_path):
    data = tmp_path / "new" / "folder"
    server = add_server(data, "mine", "http://localhost:8000/v1", VISITOR)
    assert (server.name, server.url, server.key, server.source) == (
        "mine",
        "http://localhost:8000",
        None,
        Source.ADDED,
    )
    assert added_servers(data) == (server,)


def test_adding_a_name_again_changes_its_address(tmp_path):
    add_server(tmp_path, "a", "http://localhost:1", VISITOR)
    add_server(tmp_path, "b", "http://gpu1:2", VISITOR)
    add_server(tmp_path, "a", "http://localhost:3", VISITOR)
    assert [(s.name, s.url) for s in added_servers(tmp_path)] == [
        ("b", "http://gpu1:2"),
        ("a", "http://localhost:3"),
    ]


def test_a_removed_server_is_gone(tmp_path):
    add_server(tmp_path, "a", "http://localhost:1", VISITOR)
    remove_server(tmp_path, "a")
    remove_server(tmp_path, "never")
    assert added_servers(tmp_path) == ()


@pytest.mark.parametrize(
    "url", ["http://10.0.0.5", "http://gpu2", "http://169.254.169.254", "nonsense"]
)
def test_a_forbidden_or_unfit_address_is_not_saved(tmp_path, url):
    with pytest.raises(SettingsError):
        add_server(tmp_path, "a", url, VISITOR)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"servers": 3}',
        '{"servers": [{"name": "a"}]}',
        '{"servers": [{"name": "a", "url": "ftp://x"}]}',
        "[" * 100_000,
        "\xff",
    ],
)
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "added.json").write_text(content, encoding="latin-1")
    with pytest.raises(SettingsError, match=r"added\.json"):
        added_servers(tmp_path)


def test_the_file_is_replaced_as_a_whole_and_leaves_no_draft(tmp_path):
    for port in range(1, 6):
        add_server(tmp_path, f"s{port}", f"http://localhost:{port}", VISITOR)
        assert len(json.loads((tmp_path / "added.json").read_text())["servers"]) == port
    assert [file.name for file in tmp_path.iterdir()] == ["added.json"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="INSPECTOR_DATA"):
        add_server(tmp_path / "file", "a", "http://localhost:1", VISITOR)


def test_there_is_an_end_to_adding(tmp_path):
    rows = [{"name": f"s{i}", "url": f"http://localhost:{i + 1}"} for i in range(200)]
    (tmp_path / "added.json").write_text(json.dumps({"servers": rows}))
    with pytest.raises(SettingsError, match="remove one"):
        add_server(tmp_path, "more", "http://localhost:9000", VISITOR)
