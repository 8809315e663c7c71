"""The configured servers: from the environment, the secrets file and what was added in the page.

This module alone decides how these are read and which wins. Two that the operator wrote may not
share a name; a server added in the page gives way to one of the operator's.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lib.servers.added import added_servers
from lib.servers.address import normal_url
from lib.servers.secret import Secret
from lib.servers.server import Server, Source, checked_name
from lib.servers.settings import SettingsError, data_folder, setting

__all__ = ["configured"]

_FIELDS = {"url", "api_key", "verify"}


def configured(environ: Mapping[str, str], secrets: Path | None) -> tuple[Server, ...]:
    """Every server to watch, in the operator's order; demo servers and added ones come last.

    Raises:
        SettingsError: something is unfit; the sentence says what, and never holds a key.
    """
    own = [*_from_environment(environ), *_from_secrets(secrets), *_demo(environ)]
    repeated = [name for name, count in Counter(server.name for server in own).items() if count > 1]
    if repeated:
        raise SettingsError(f"Two servers are called {repeated[0]!r}; give each a name of its own.")
    names = {server.name for server in own}
    added = [s for s in added_servers(data_folder(environ)) if s.name not in names]
    return (*own, *added)


def _from_environment(environ: Mapping[str, str]) -> Iterable[Server]:
    key = setting(environ, "VLLM_API_KEY")
    secret = _named("VLLM_API_KEY", key) if key else None
    for name, url in _pairs(setting(environ, "VLLM_SERVERS"), "VLLM_SERVERS"):
        yield Server(name, url, secret, Source.ENVIRONMENT)


def _demo(environ: Mapping[str, str]) -> Iterable[Server]:
    for name, url in _pairs(setting(environ, "INSPECTOR_DEMO_SERVERS"), "INSPECTOR_DEMO_SERVERS"):
        yield Server(name, url, None, Source.DEMO)


def _pairs(text: str, variable: str) -> Iterable[tuple[str, str]]:
    """`name=address` entries between commas or white space; without a name, its host and port."""
    for entry in re.findall(r"[^\s,][^,\n]*[^\s,]|[^\s,]", text):
        name, equals, url = entry.partition("=")
        if not equals or "://" in name:
            name, url = "", entry
        try:
            url = normal_url(url)
            yield checked_name(name or urlsplit(url).netloc), url
        except SettingsError as error:
            raise SettingsError(f"{variable}: {error}") from None


def _from_secrets(file: Path | None) -> Iterable[Server]:
    tables = _tables(file) if file is not None else {}
    for name, table in tables.items():
        try:
            yield _server(name, table)
        except SettingsError as error:
            raise SettingsError(f"{file}, [servers.{name}]: {error}") from None


def _tables(file: Path) -> Mapping[str, Any]:
    import tomllib  # noqa: PLC0415 — most commands read no such file, and it is slow to load

    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{file} cannot be read as text; mend it or its permissions.") from None
    try:
        tables = tomllib.loads(text).get("servers", {})
    except tomllib.TOMLDecodeError as error:
        # only the place: the parser's own text may quote what stands there, a key perhaps
        place = re.search(r"at line \d+|at end of document", str(error))
        where = place.group() if place else "somewhere"
        raise SettingsError(f"{file} is not valid TOML {where}; mend it there.") from None
    if not isinstance(tables, dict):
        raise SettingsError(f"{file}: write each server as a table, [servers.NAME].")
    return tables


def _server(name: str, table: object) -> Server:
    if not isinstance(table, dict) or not isinstance(table.get("url"), str):
        raise SettingsError('write its address as url = "http://host:8000".')
    strange = sorted(set(table) - _FIELDS)
    if strange:
        raise SettingsError(f"{strange[0]!r} is unknown; it may hold url, api_key and verify.")
    key = table.get("api_key", "")
    if not isinstance(key, str):
        raise SettingsError("api_key must be text in quotes.")
    return Server(
        checked_name(name),
        normal_url(table["url"]),
        Secret(key) if key else None,
        Source.SECRETS,
        _verify(table.get("verify", True)),
    )


def _verify(value: object) -> bool | str:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and Path(value).is_file():
        return value
    raise SettingsError("verify must be true, false or the path of a file with certificates.")


def _named(variable: str, key: str) -> Secret:
    try:
        return Secret(key)
    except SettingsError as error:
        raise SettingsError(f"{variable}: {error}") from None
