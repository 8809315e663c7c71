"""Canaries: eight short requests that tell what a server can do.

Decided here: what is asked. The mechanism is tried, never the model's wit: where a certain text is
needed, the answer is bound to it as a choice, so that a model of random weights passes as well as
any. What the answers mean stands in `verdicts`. All are to be sent as streams.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lib.api.deltas import Reply
from lib.api.errors import Refused
from lib.api.generation import Generation, chat, completion
from lib.chat import verdicts
from lib.chat.conversation import Node
from lib.chat.request import request
from lib.chat.settings import Settings, Structured
from lib.chat.verdicts import Verdict

__all__ = ["CANARIES", "Canary", "Facts", "cost"]

_LONG_PROMPT = 4_000
"""Tokens of the long prompt at most: it costs a prefill."""
_TEMPLATE = 120
"""Tokens that a chat template and the answer may add."""
_ROOM = "128"
"""Tokens for a bound answer: it ends long before, unless the model thinks first."""
_COLOUR = {"type": "string", "enum": ["red", "blue"]}
_TOOL = {
    "type": "function",
    "function": {
        "name": verdicts.TOOL,
        "description": "Paints the wall.",
        "strict": True,  # else vLLM leaves the arguments free, even of a tool that is forced
        "parameters": {
            "type": "object",
            "properties": {"colour": _COLOUR},
            "required": ["colour"],
            "additionalProperties": False,
        },
    },
}


class Facts(NamedTuple):
    """What is known of a server before: its model's context in tokens, its release."""

    limit: int | None = None
    release: str | None = None


@dataclass(frozen=True, slots=True)
class Canary:
    """One ability: what is asked for it, and how the answers are judged.

    `make(model, facts)` gives the requests; raises Unfit where one must not be sent.
    `judge(answers)` takes, for each request, its reply or its refusal.
    """

    key: str
    title: str
    what: str
    make: Callable[[str, Facts], list[Generation]]
    judge: Callable[[Sequence[Reply | Refused]], Verdict]


def cost(requests: Sequence[Generation]) -> int:
    """Tokens that are generated at most."""
    return sum(int(one.body["max_tokens"]) for one in requests)


def _turn(model: str, text: str, **fields: Any) -> Generation:  # noqa: ANN401 — the server's own
    return chat(model, [{"role": "user", "content": text}], temperature=0, **fields)


def _bound(model: str, facts: Facts, form: Structured, text: str, **parameters: str) -> Generation:
    """A question whose answer has a form, in the words of the server's release."""
    values: Mapping[str, str] = {"temperature": "0", **parameters}
    settings = Settings(parameters=values, structured=form)
    return request([Node("canary", None, "user", text)], settings, model, release=facts.release)


def _schema(model: str, facts: Facts) -> list[Generation]:
    form = Structured("json", verdicts.SCHEMA)
    return [_bound(model, facts, form, "Which colour has blood? Answer as JSON.", max_tokens=_ROOM)]


def _tools(model: str, _: Facts) -> list[Generation]:
    """Once forced, which needs no parser of the server, and once left to the model."""
    text = f"Paint the wall red with the tool {verdicts.TOOL}."
    forced = {"type": "function", "function": {"name": verdicts.TOOL}}
    return [
        _turn(model, text, tools=[_TOOL], tool_choice=forced, max_tokens=int(_ROOM)),
        _turn(model, text, tools=[_TOOL], tool_choice="auto", max_tokens=48),
    ]


def _reasoning(model: str, _: Facts) -> list[Generation]:
    return [_turn(model, "Think first, then say which is more: 9.9 or 9.11?", max_tokens=128)]


def _emoji(model: str, facts: Facts) -> list[Generation]:
    form = Structured("choice", verdicts.EMOJI)
    return [_bound(model, facts, form, f"Say exactly: {verdicts.EMOJI}", max_tokens=_ROOM)]


def _stop(model: str, facts: Facts) -> list[Generation]:
    text = f"{verdicts.BEFORE_STOP}{verdicts.STOP} blue"
    form = Structured("choice", text)
    asked = {"stop": verdicts.STOP, "max_tokens": _ROOM}
    return [_bound(model, facts, form, f"Say exactly: {text}", **asked)]


def _long(model: str, facts: Facts) -> list[Generation]:
    """A word that is one token nearly everywhere, so often that it comes near the limit."""
    room = min(facts.limit or _LONG_PROMPT // 2, _LONG_PROMPT)
    words = max(room - _TEMPLATE, room // 2)
    return [_turn(model, " the" * words, max_tokens=1)]


def _unicode(model: str, facts: Facts) -> list[Generation]:
    """Into the server and out of it unchanged, and out of the model."""
    form = Structured("choice", verdicts.SCRIPTS)
    return [
        _bound(model, facts, form, f"Say exactly: {verdicts.SCRIPTS}", max_tokens=_ROOM),
        completion(model, verdicts.SCRIPTS, echo=True, max_tokens=1, temperature=0),
    ]


def _refusal(model: str, _: Facts) -> list[Generation]:
    return [chat(model, [{"role": "user", "content": "Hi"}], temperature=-1, max_tokens=1)]


CANARIES: tuple[Canary, ...] = (
    Canary(
        "schema",
        "JSON schema",
        "Binds an answer to a small schema and checks it against it.",
        _schema,
        verdicts.schema,
    ),
    Canary(
        "tools",
        "Tool calls",
        "Asks for a tool twice: forced by name, and left to the model.",
        _tools,
        verdicts.tools,
    ),
    Canary(
        "reasoning",
        "Reasoning",
        "Asks a question to think about, and looks for reasoning apart from the answer.",
        _reasoning,
        verdicts.reasoning,
    ),
    Canary(
        "emoji",
        "Emoji in the stream",
        "Lets it write emoji of several tokens each: they must arrive whole, in whichever pieces.",
        _emoji,
        verdicts.emoji,
    ),
    Canary(
        "stop",
        "Stop text",
        "Lets it write a text with a stop in the middle: what follows must not come.",
        _stop,
        verdicts.stop,
    ),
    Canary(
        "long",
        "Long context",
        f"Sends a prompt near the limit, {_LONG_PROMPT:,} tokens at most, and asks for one token.",
        _long,
        verdicts.long_context,
    ),
    Canary(
        "unicode",
        "Unicode",
        "Sends five scripts there and back, as an echo and as an answer.",
        _unicode,
        verdicts.unicode,
    ),
    Canary(
        "refusal",
        "Refuses a bad value",
        "Asks for temperature -1, which must be refused and not be taken silently.",
        _refusal,
        verdicts.refusal,
    ),
)
