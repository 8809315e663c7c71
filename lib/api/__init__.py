"""Speaking to one server: calls, capabilities, limits and typed refusals.

What needs numpy, the tokenizer of a server, is imported when it is first used: a command that only
looks at one server starts in half the time.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from lib.api import calls, inference
from lib.api.answers import Answer, Model, Tokens
from lib.api.async_client import AsyncVllmClient
from lib.api.calls import Call
from lib.api.capabilities import Absent, Capabilities
from lib.api.client import VllmClient
from lib.api.dialects import Dialect
from lib.api.errors import (
    BadRequest,
    CallerMistake,
    Denied,
    NotOffered,
    Reason,
    Refused,
    ServerFault,
    Unreachable,
    WronglyAnswered,
)
from lib.api.inference import Embedded, Generated
from lib.api.routes import Cost, Kind, Route
from lib.api.text import without_halves

if TYPE_CHECKING:
    from lib.api.tokenizer import AsyncRemoteTokenizer, RemoteTokenizer

_LATER = ("AsyncRemoteTokenizer", "RemoteTokenizer")

__all__ = [
    "Absent",
    "Answer",
    "AsyncRemoteTokenizer",
    "AsyncVllmClient",
    "BadRequest",
    "Call",
    "CallerMistake",
    "Capabilities",
    "Cost",
    "Denied",
    "Dialect",
    "Embedded",
    "Generated",
    "Kind",
    "Model",
    "NotOffered",
    "Reason",
    "Refused",
    "RemoteTokenizer",
    "Route",
    "ServerFault",
    "Tokens",
    "Unreachable",
    "VllmClient",
    "WronglyAnswered",
    "calls",
    "inference",
    "without_halves",
]


def __getattr__(name: str) -> object:
    """A name of `_LATER`, from its module; remembered."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module("lib.api.tokenizer"), name)
    globals()[name] = found
    return found
