"""Speaking to one server: calls, capabilities, limits and typed refusals.

What needs numpy, the tokenizer of a server and vectors, and what only a page needs, generating, are
imported when they are first used: a command that only looks at one server starts in half the time.
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
    Unfit,
    Unreachable,
    WronglyAnswered,
)
from lib.api.inference import Embedded, Generated
from lib.api.routes import Cost, Kind, Route
from lib.api.text import without_halves

if TYPE_CHECKING:
    from lib.api.deltas import (
        Delta,
        Event,
        Probability,
        Reply,
        ServerTimes,
        Timing,
        TokenChoice,
        ToolCall,
        ToolPart,
        Turn,
        Usage,
        timing,
    )
    from lib.api.embedding import Batch, EmbedFields, Vectors
    from lib.api.generation import Generation, chat, completion, judged
    from lib.api.ranking import Classified, Ranked
    from lib.api.tokenizer import AsyncRemoteTokenizer, RemoteTokenizer

_LATER = {
    **dict.fromkeys(("Batch", "EmbedFields", "Vectors"), "embedding"),
    **dict.fromkeys(("Classified", "Ranked"), "ranking"),
    **dict.fromkeys(("AsyncRemoteTokenizer", "RemoteTokenizer"), "tokenizer"),
    **dict.fromkeys(("Generation", "chat", "completion", "judged"), "generation"),
    **dict.fromkeys(
        (
            "Delta",
            "Event",
            "Probability",
            "Reply",
            "ServerTimes",
            "Timing",
            "TokenChoice",
            "ToolCall",
            "ToolPart",
            "Turn",
            "Usage",
            "timing",
        ),
        "deltas",
    ),
}
"""The module of each name that is imported when it is first used."""

__all__ = [
    "Absent",
    "Answer",
    "AsyncRemoteTokenizer",
    "AsyncVllmClient",
    "BadRequest",
    "Batch",
    "Call",
    "CallerMistake",
    "Capabilities",
    "Classified",
    "Cost",
    "Delta",
    "Denied",
    "Dialect",
    "EmbedFields",
    "Embedded",
    "Event",
    "Generated",
    "Generation",
    "Kind",
    "Model",
    "NotOffered",
    "Probability",
    "Ranked",
    "Reason",
    "Refused",
    "RemoteTokenizer",
    "Reply",
    "Route",
    "ServerFault",
    "ServerTimes",
    "Timing",
    "TokenChoice",
    "Tokens",
    "ToolCall",
    "ToolPart",
    "Turn",
    "Unfit",
    "Unreachable",
    "Usage",
    "Vectors",
    "VllmClient",
    "WronglyAnswered",
    "calls",
    "chat",
    "completion",
    "inference",
    "judged",
    "timing",
    "without_halves",
]


def __getattr__(name: str) -> object:
    """A name of `_LATER`, from its module; remembered."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"lib.api.{_LATER[name]}"), name)
    globals()[name] = found
    return found
