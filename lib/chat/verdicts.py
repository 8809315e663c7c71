"""What the canaries' answers mean: one verdict for each ability, with what it was seen by.

Decided here: when an ability is there, there in part, or not. An answer that was cut at its number
of tokens may show as much as a whole one; one that ignores what it was bound to shows that nothing
binds it.
"""

import json
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import regex

from lib.api.deltas import Reply
from lib.api.errors import BadRequest, NotOffered, Reason, Refused
from lib.api.text import plain_line
from lib.chat.coach import THINKING
from lib.chat.structured import check
from lib.chat.words import count, counted

__all__ = [
    "BEFORE_STOP",
    "EMOJI",
    "SCHEMA",
    "SCRIPTS",
    "STOP",
    "TOOL",
    "State",
    "Verdict",
    "emoji",
    "long_context",
    "reasoning",
    "refusal",
    "schema",
    "stop",
    "tools",
    "unicode",
]

State = Literal["yes", "partly", "no", "not offered", "unknown"]
Answers = Sequence[Reply | Refused]

# In an object, a model of random weights may write blanks until its tokens are used up.
SCHEMA = json.dumps({"type": "string", "enum": ["red", "blue"]})
TOOL = "paint_wall"
EMOJI = "ok 🫶🏾 🧑🏽\u200d🚀 ok"
STOP = "STOP"
BEFORE_STOP = "red "
SCRIPTS = "Žluťoučký kůň, 你好，世界, שלום, नमस्ते, e\u0301"

_KEEPING = regex.compile(r'\s*"(?:red|blue)"\s*')
_CALLING = regex.compile(r'\s*\{\s*"colour"\s*:\s*"(?:red|blue)"\s*\}\s*')
_SHOWN = 120
_FLAG = regex.compile(r"(?<![\w-])--[a-z][a-z-]{2,40}")


class Verdict(NamedTuple):
    """What a server can do, in one sentence; `evidence` is what it said, one plain line.

    `state` is unknown where the question never came to an answer: it tells nothing of the ability.
    """

    state: State
    sentence: str
    evidence: str = ""


def _judged(answers: Answers, judge: Callable[[Reply], Verdict]) -> Verdict:
    """The verdict on the first answer, or on its refusal."""
    first = answers[0] if answers else None
    if isinstance(first, Reply):
        return judge(first)
    return Verdict("unknown", "It was not asked.") if first is None else _refused(first)


def _refused(refused: Refused) -> Verdict:
    if isinstance(refused, NotOffered):
        return Verdict("not offered", refused.sentence, refused.detail)
    if isinstance(refused, BadRequest) and (flags := _FLAG.findall(refused.detail)):
        told = f"The server runs without what it needs: {', '.join(dict.fromkeys(flags))}."
        return Verdict("not offered", told, refused.detail)
    if isinstance(refused, BadRequest):
        return Verdict("no", "The server refuses to be asked for it.", refused.detail)
    return Verdict("unknown", f"It could not be tried: {refused.sentence}", refused.detail)


def _shown(text: str) -> str:
    return plain_line(text, _SHOWN)


def _unbound(reply: Reply, asked: str) -> Verdict:
    """Another text than the only one that was allowed."""
    if reply.finish == "length" and reply.reasoning and not reply.content:
        sentence = "The reasoning took all the tokens, so that it could not be tried."
    elif reply.finish == "length" and asked.startswith(reply.content):
        sentence = "What came is right, but it was cut before its end."
    else:
        sentence = "The answer is not the text that it was bound to, so that little was tried."
    return Verdict("partly", sentence, _shown(reply.content or reply.reasoning))


# ── One for each ability ──


def schema(answers: Answers) -> Verdict:
    """JSON schema."""
    return _judged(answers, _schema)


def _schema(reply: Reply) -> Verdict:
    said, shown = reply.content, _shown(reply.content)
    if check("json", SCHEMA, said).passed:
        return Verdict("yes", "The answer keeps to the schema.", shown)
    if reply.finish == "length" and _KEEPING.fullmatch(said, partial=True):
        return _unbound(reply, said)
    return Verdict("no", "The schema was taken, and not kept.", _shown(said or reply.reasoning))


def tools(answers: Answers) -> Verdict:
    """Tool calls: forced by name, then left to the model."""
    forced = _judged(answers, _forced)
    if forced.state != "yes" or len(answers) < 2:
        return forced
    free = answers[1]
    if isinstance(free, Refused):
        if isinstance(free, BadRequest):
            sentence = (
                "A tool can be forced, but not left to the model (--enable-auto-tool-choice)."
            )
        else:
            sentence = f"A tool can be forced; left to the model it failed: {free.sentence}"
        return Verdict("partly", sentence, free.detail)
    if free.tools:
        return Verdict("yes", "A tool is called when forced and when left to the model.", forced[2])
    told = "A tool is called when forced. Left to the model it is offered, and was not called."
    return Verdict("yes", told, forced.evidence)


def _forced(reply: Reply) -> Verdict:
    calls = reply.tools
    if not calls and reply.finish == "length" and reply.reasoning and not reply.content:
        return _unbound(reply, "")
    if not calls:
        return Verdict("no", "A tool was forced, and not called.", _shown(reply.content))
    call, shown = calls[0], _shown(f"{calls[0].name}({calls[0].arguments})")
    if call.name != TOOL:
        return Verdict("no", "Another tool was called than the one that was forced.", shown)
    if _CALLING.fullmatch(call.arguments):
        return Verdict("yes", "The tool was called with arguments that keep to its schema.", shown)
    if reply.finish == "length" and _CALLING.fullmatch(call.arguments, partial=True):
        told = "The tool was called; its arguments keep to its schema as far as they came."
        return Verdict("yes", told, shown)
    return Verdict("partly", "The tool was called with arguments that break its schema.", shown)


def reasoning(answers: Answers) -> Verdict:
    """Reasoning apart from the answer."""
    return _judged(answers, _reasoning)


def _reasoning(reply: Reply) -> Verdict:
    if reply.reasoning:
        sentence = "Reasoning comes apart from the answer."
        return Verdict("yes", sentence, _shown(reply.reasoning))
    if any(mark in reply.content for mark in THINKING):
        sentence = "The model thinks, but in the answer itself (--reasoning-parser)."
        return Verdict("partly", sentence, _shown(reply.content))
    sentence = "No reasoning came: the model does none, or the server runs without a parser for it."
    return Verdict("no", sentence, _shown(reply.content))


def emoji(answers: Answers) -> Verdict:
    """Emoji of several tokens arrive whole."""
    return _judged(answers, _emoji)


def _emoji(reply: Reply) -> Verdict:
    said = reply.content.strip()
    if "\ufffd" in said:
        return Verdict("no", "Emoji arrive broken, as U+FFFD.", _shown(said))
    if EMOJI not in said:
        return _unbound(reply, EMOJI)
    pieces = counted(len(reply.moments), "piece")
    tokens = "" if reply.tokens is None else f", {counted(reply.tokens, 'token')}"
    return Verdict("yes", f"Emoji arrive whole ({pieces}{tokens}).", _shown(said))


def stop(answers: Answers) -> Verdict:
    """A stop text ends the answer, and nothing after it comes."""
    return _judged(answers, _stop)


def _stop(reply: Reply) -> Verdict:
    said, shown = reply.content, _shown(reply.content)
    if STOP in said:
        return Verdict("no", "The stop text was passed over.", shown)
    if reply.stop == STOP:
        return Verdict("yes", "The answer ends at the stop text, which is named.", shown)
    if said.strip() != BEFORE_STOP.strip() or reply.finish != "stop":
        return _unbound(reply, BEFORE_STOP)
    return Verdict("yes", "The answer ends at the stop text.", shown)


def long_context(answers: Answers) -> Verdict:
    """A prompt near the limit is taken."""
    first = answers[0] if answers else None
    if isinstance(first, Refused) and first.reason is Reason.CONTEXT:
        return Verdict("no", "A prompt below the limit was found too long.", first.detail)
    return _judged(answers, _long)


def _long(reply: Reply) -> Verdict:
    taken = reply.usage.prompt if reply.usage is not None else None
    if taken is None:
        return Verdict("partly", "The prompt was taken; the server does not say how much of it.")
    return Verdict("yes", f"A prompt of {count(taken)} tokens was taken and answered.")


def unicode(answers: Answers) -> Verdict:
    """Five scripts there and back."""
    written = _judged(answers, _written)
    echo = answers[1] if len(answers) > 1 else None
    if not isinstance(echo, Reply) or written.state not in ("yes", "partly"):
        return written
    if not echo.content.startswith(SCRIPTS):
        return Verdict("no", "A prompt comes back changed.", _shown(echo.content))
    return written


def _written(reply: Reply) -> Verdict:
    said = reply.content.strip()
    if said == SCRIPTS:
        return Verdict("yes", "Five scripts come through unchanged.", _shown(said))
    if "\ufffd" in said[: len(SCRIPTS)]:
        return Verdict("no", "Characters arrive broken, as U+FFFD.", _shown(said))
    return _unbound(reply, SCRIPTS)


def refusal(answers: Answers) -> Verdict:
    """A bad value is refused, in words."""
    first = answers[0] if answers else None
    if isinstance(first, BadRequest):
        return Verdict("yes", "A temperature below nothing is refused.", first.detail)
    return _judged(answers, _taken)


def _taken(reply: Reply) -> Verdict:
    told = "A temperature below nothing was taken without a word."
    return Verdict("no", told, _shown(reply.content))
