"""Speaking to one server: calls, capabilities, limits and typed refusals."""

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

__all__ = [
    "Absent",
    "Answer",
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
    "Route",
    "ServerFault",
    "Tokens",
    "Unreachable",
    "VllmClient",
    "WronglyAnswered",
    "calls",
    "inference",
]
