"""Settings: every environment variable that an operator may set, described once.

This module alone decides their names, defaults, units, bounds and help. The README's table, the
settings view and the tests read `SETTINGS`; nothing else in the project reads the environment.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

__all__ = [
    "SETTINGS",
    "Setting",
    "SettingsError",
    "data_folder",
    "setting",
]

TextSetting = Literal[
    "VLLM_SERVERS",
    "VLLM_API_KEY",
    "INSPECTOR_DATA",
    "INSPECTOR_ALLOW_HOSTS",
    "INSPECTOR_CONTROL",
    "INSPECTOR_DEMO_SERVERS",
    "HOST",
]
NumberSetting = Literal["INSPECTOR_PERIOD", "INSPECTOR_KEEP_DAYS", "INSPECTOR_KEEP_GB", "PORT"]


class SettingsError(ValueError):
    """The configuration cannot be used; the text is one plain sentence that says what to change."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable: its default, its unit and what it does, for people."""

    name: str
    default: str
    unit: str
    help: str
    bounds: tuple[float, float] | None = None  # of a number, both ends allowed; None for text
    choices: tuple[str, ...] = ()  # of a text, where there are few
    secret: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "VLLM_SERVERS",
        "",
        "name=address, …",
        "The servers to watch, for example chat=http://10.0.0.5:8000,embed=http://10.0.0.5:8001.",
    ),
    Setting(
        "VLLM_API_KEY",
        "",
        "text",
        "The key sent to every server of VLLM_SERVERS, and to no other.",
        secret=True,
    ),
    Setting(
        "INSPECTOR_DATA",
        "",
        "folder",
        "Where the history is kept; empty means the user's own data folder.",
    ),
    Setting(
        "INSPECTOR_PERIOD",
        "1",
        "seconds",
        "Time from one reading of a server to the next.",
        bounds=(0.1, 3600),
    ),
    Setting(
        "INSPECTOR_KEEP_DAYS",
        "7",
        "days",
        "Readings older than this are deleted.",
        bounds=(0.01, 3650),
    ),
    Setting(
        "INSPECTOR_KEEP_GB",
        "2",
        "GB",
        "When the history outgrows this, its oldest readings are deleted.",
        bounds=(0.01, 10_000),
    ),
    Setting(
        "INSPECTOR_ALLOW_HOSTS",
        "",
        "hosts, networks, …",
        "Hosts, *.domains, addresses and networks (10.0.0.0/8) that may be added in the page; "
        "empty means only servers on this machine.",
    ),
    Setting(
        "INSPECTOR_CONTROL",
        "off",
        "on or off",
        "Whether the API Explorer may change servers (sleep, reset caches, load adapters); it asks "
        "for the server's name each time.",
        choices=("off", "on"),
    ),
    Setting(
        "INSPECTOR_DEMO_SERVERS",
        "",
        "name=address, …",
        "Set by the dashboard for its own watcher when the built-in demo servers run; "
        "not meant to be set by hand.",
    ),
    Setting(
        "PORT",
        "8501",
        "port",
        "Where the dashboard listens.",
        bounds=(1, 65_535),
    ),
    Setting(
        "HOST",
        "127.0.0.1",
        "address",
        "The address the dashboard listens on; anything but this machine needs a login.",
    ),
)
_BY_NAME = {entry.name: entry for entry in SETTINGS}


@overload
def setting(environ: Mapping[str, str], name: NumberSetting) -> float: ...
@overload
def setting(environ: Mapping[str, str], name: TextSetting) -> str: ...
def setting(environ: Mapping[str, str], name: NumberSetting | TextSetting) -> float | str:
    """The value of a setting, in its unit: a number where it has bounds, else stripped text.

    Raises:
        SettingsError: the value is not a number or lies outside the bounds, or is no choice.
    """
    entry = _BY_NAME[name]
    text = environ.get(name, "").strip() or entry.default
    if entry.bounds is not None:
        return _number(entry, text, entry.bounds)
    return _choice(entry, text) if entry.choices else text


def data_folder(environ: Mapping[str, str]) -> Path:
    """The folder of the history: `INSPECTOR_DATA`, or the platform's folder for user data."""
    chosen = setting(environ, "INSPECTOR_DATA")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "vllm-inspector"
    base = environ.get("XDG_DATA_HOME", "").strip()
    return (Path(base) if base else Path.home() / ".local" / "share") / "vllm-inspector"


def _choice(entry: Setting, text: str) -> str:
    if text.lower() not in entry.choices:
        raise SettingsError(
            f"{entry.name} is {text[:40]!r}; set it to {' or '.join(entry.choices)}."
        )
    return text.lower()


def _number(entry: Setting, text: str, bounds: tuple[float, float]) -> float:
    low, high = bounds
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:  # NaN fails too
        raise SettingsError(
            f"{entry.name} is {text[:40]!r}; set it to a number of {entry.unit} "
            f"from {low:g} to {high:g}."
        )
    return value
