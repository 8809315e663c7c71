"""What a refused request needs, in one sentence with its numbers.

Decided here: a server that counts no further than its limit is asked by its tokenizer how long the
prompt really is, so that a person knows how much to cut.
"""

import json
from contextlib import suppress

from lib.api import Refused
from lib.api.excess import Excess
from lib.api.generation import Generation
from lib.tokens import Unreadable
from lib.tokens.chat import Chat
from lib.ui.answering import Run
from lib.ui.house import house

__all__ = ["sentence"]

_LONGEST = 120_000
"""Characters that are worth counting: a person waits for the sentence."""


def sentence(run: Run) -> str:
    """Why a run has failed, and what to cut where it was too long."""
    excess = run.refused.excess if run.refused else None
    if excess is None or excess.limit is None:
        return run.sentence
    return _words(excess if excess.exact else _counted(excess, run))


def _counted(excess: Excess, run: Run) -> Excess:
    served = house().tokenizers.of(run.server, str(run.request.body.get("model", "")))
    with suppress(Refused, Unreadable, ValueError, TypeError):
        prompt = served.tokenizer.count(_source(run.request))
        return excess._replace(prompt=prompt, exact=True)
    return excess


def _source(request: Generation) -> "str | Chat":
    """What the tokens are of. Raises ValueError where only the server can tell."""
    body = request.body
    if len(json.dumps(body)) > _LONGEST:
        raise ValueError("too long to be counted in a moment")
    if isinstance(prompt := body.get("prompt"), str):
        return prompt
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(
        isinstance(x.get("content"), str) for x in messages
    ):
        raise ValueError("not only texts")
    return Chat(
        messages,
        tools=body.get("tools") or (),
        add_generation_prompt=body.get("add_generation_prompt", True),
        continue_final_message=body.get("continue_final_message", False),
        template_arguments=body.get("chat_template_kwargs") or {},
    )


def _words(excess: Excess) -> str:
    least = "" if excess.exact else "at least "
    known = f"The prompt has {least}{excess.prompt or 0:,} tokens"
    if excess.answer:
        known += f" and the answer may have {excess.answer:,}"
    known += f"; the model's context holds {excess.limit or 0:,} in all."
    if not excess.over:
        return f"{known} Shorten the conversation, or lower max tokens."
    cut = f"Cut {least}{excess.over:,} token{'s' * (excess.over > 1)} of the conversation"
    room = f", or lower max tokens to {excess.room:,}" if excess.room else ""
    return f"{known} {cut}{room}."
