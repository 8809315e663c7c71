"""The usual warnings and errors of a vLLM server: why they come, and what to do about them.

The table is `troubles.toml`, most telling first: the first row whose pattern a line holds explains
it. How bad a row is says how bad it is for the server, not how loud the line was: some warnings are
a matter of course, some lines that no logger wrote are the end of a server.
"""

import re
import tomllib
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

__all__ = ["LOOKED_AT", "Gravity", "Kind", "Trouble", "trouble_of", "troubles"]

LOOKED_AT = 600
"""Characters of a line; what it is about stands in its beginning."""


class Gravity(Enum):
    """How bad it is for the server, worst first."""

    BAD = "bad"
    WATCH = "watch"
    HINT = "hint"

    @property
    def rank(self) -> int:
        return list(Gravity).index(self)


class Kind(Enum):
    """What a remark is about."""

    MEMORY = "memory"
    MODEL = "model"
    ARGUMENTS = "arguments"
    DEVICES = "devices"
    ENGINE = "engine"
    NETWORK = "network"
    REQUESTS = "requests"
    SPEED = "speed"
    END = "end"
    OTHER = "other"


@dataclass(frozen=True)
class Trouble:
    """One known warning or error.

    An `effect` follows from another one, and is no cause. Of what is told `each`, every wording is
    a remark of its own.
    """

    title: str
    pattern: re.Pattern[str]
    gravity: Gravity
    kind: Kind
    what: str
    remedy: str = ""
    effect: bool = False
    each: bool = False


@cache
def troubles() -> tuple[Trouble, ...]:
    """The whole table."""
    with Path(__file__).with_name("troubles.toml").open("rb") as file:
        rows = tomllib.load(file)["trouble"]
    return tuple(
        Trouble(
            **{
                **row,
                "pattern": re.compile(row["pattern"]),
                "gravity": Gravity(row["gravity"]),
                "kind": Kind(row["kind"]),
            }
        )
        for row in rows
    )


def trouble_of(text: str) -> Trouble | None:
    """The row that explains a line."""
    small = text[:LOOKED_AT].lower()
    return next((one for one in troubles() if one.pattern.search(small)), None)
