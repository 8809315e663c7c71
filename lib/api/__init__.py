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
from lib.api.control import Control, Unsent
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
from lib.api.routes import Route
from lib.api.text import without_halves
from lib.api.ways import Cost, Group, Kind, Known

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
    from lib.api.exposure import Exposed, Exposure, Risk, Verdict
    from lib.api.generation import Generation, chat, completion, judged
    from lib.api.ranking import Classified, Ranked
    from lib.api.surface import Listed, Parameter, State, Surface
    from lib.api.tokenizer import AsyncRemoteTokenizer, RemoteTokenizer
    from lib.api.trying import File, Trial, Tried

_LATER = {
    **dict.fromkeys(("Batch", "EmbedFields", "Vectors"), "embedding"),
    **dict.fromkeys(("Classified", "Ranked"), "ranking"),
    **dict.fromkeys(("Exposed", "Exposure", "Risk", "Verdict"), "exposure"),
    **dict.fromkeys(("Listed", "Parameter", "State", "Surface"), "surface"),
    **dict.fromkeys(("File", "Trial", "Tried"), "trying"),
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
    "Control",
    "Cost",
    "Delta",
    "Denied",
    "Dialect",
    "EmbedFields",
    "Embedded",
    "Event",
    "Exposed",
    "Exposure",
    "File",
    "Generated",
    "Generation",
    "Group",
    "Kind",
    "Known",
    "Listed",
    "Model",
    "NotOffered",
    "Parameter",
    "Probability",
    "Ranked",
    "Reason",
    "Refused",
    "RemoteTokenizer",
    "Reply",
    "Risk",
    "Route",
    "ServerFault",
    "ServerTimes",
    "State",
    "Surface",
    "Timing",
    "TokenChoice",
    "Tokens",
    "ToolCall",
    "ToolPart",
    "Trial",
    "Tried",
    "Turn",
    "Unfit",
    "Unreachable",
    "Unsent",
    "Usage",
    "Vectors",
    "Verdict",
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
