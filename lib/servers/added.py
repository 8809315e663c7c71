"""Servers added in the page: keyless, kept in `added.json` of the data folder.

This module alone reads and writes that file. It is replaced as a whole, so a reader sees the list
from before or after a change; the watcher reads it again when its time stamp changes.
"""

import json
import os
import tempfile
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

from lib.servers.address import AddressPolicy, AddressRefused, normal_url
from lib.servers.server import Server, Source, checked_name
from lib.servers.settings import SettingsError

__all__ = ["ADDED_FILE", "add_server", "added_servers", "remove_server"]

ADDED_FILE = "added.json"
_MOST_SERVERS = 200
_MOST_BYTES = 200_000
_writing = Lock()


def added_servers(data: Path) -> tuple[Server, ...]:
    """The servers added in the page, in the order of adding; none when there is no file.

    Raises:
        SettingsError: the file cannot be read as such a list.
    """
    file = data / ADDED_FILE
    try:
        with file.open("rb") as opened:
            rows = json.loads(opened.read(_MOST_BYTES))["servers"]
        return tuple(_server(row["name"], row["url"]) for row in rows)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise SettingsError(
            f"{file} cannot be read as the list of servers added in the page; mend or delete it."
        ) from None


def add_server(data: Path, name: str, url: str, policy: AddressPolicy) -> Server:
    """Add a server, or give the one of that name a new address.

    Raises:
        SettingsError: the name or address is unfit, the policy forbids it, or it cannot be saved.
    """
    server = _server(name, url)
    try:
        policy.check_text(urlsplit(server.url).hostname or "")
    except AddressRefused as refused:
        raise SettingsError(str(refused)) from None
    with _writing:
        kept = [other for other in added_servers(data) if other.name != server.name]
        if len(kept) >= _MOST_SERVERS:
            raise SettingsError(f"{_MOST_SERVERS} servers have been added; remove one first.")
        _save(data, [*kept, server])
    return server


def remove_server(data: Path, name: str) -> None:
    """Forget the added server of that name; its history stays.

    Raises:
        SettingsError: the list cannot be read or saved.
    """
    with _writing:
        known = added_servers(data)
        kept = [server for server in known if server.name != name]
        if len(kept) != len(known):
            _save(data, kept)


def _server(name: str, url: str) -> Server:
    return Server(checked_name(name), normal_url(url), None, Source.ADDED)


def _save(data: Path, servers: list[Server]) -> None:
    rows = [{"name": server.name, "url": server.url} for server in servers]
    try:
        data.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=ADDED_FILE, dir=data)
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            json.dump({"servers": rows}, opened, indent=1)
            opened.flush()
            os.fsync(handle)
        Path(draft).replace(data / ADDED_FILE)
    except OSError as error:
        raise SettingsError(
            f"The server cannot be saved in {data}: {error.strerror}; "
            "set INSPECTOR_DATA to a folder that can be written."
        ) from error
