"""Requests: what a server is sent for the next answer of a conversation.

Pure. Decided here: how messages, settings and an answer to be continued become a body. Only what
was set is sent. A form for the answer goes as `response_format`, which every release reads, where
that knows it; the rest in the words of the server's release.
"""

import re
from collections.abc import Iterator, Sequence

from lib.api import Route
from lib.api.errors import Reason, Unfit
from lib.api.generation import Generation, judged
from lib.api.strict_json import Json
from lib.chat.conversation import Node
from lib.chat.settings import Settings, problems

__all__ = ["from_tokens", "request"]

_STRUCTURED_SINCE = (0, 12)  # before it: guided_regex, guided_choice, guided_grammar
_OF_THE_WHOLE = ("truncate_prompt_tokens", "truncation_side", "add_special_tokens")
"""Parameters that have already made the tokens of a prompt what they are."""
_FORMS = frozenset(
    {
        "response_format",
        "structured_outputs",
        "guided_json",
        "guided_regex",
        "guided_choice",
        "guided_grammar",
    }
)


def request(
    path: Sequence[Node],
    settings: Settings,
    model: str,
    *,
    continuing: bool = False,
    seed: int | None = None,
    ids: bool = False,
    release: str | None = None,
) -> Generation:
    """What is sent for the next answer after `path`.

    In completions mode the texts of the path are one text, which the model continues. `continuing`
    asks for the rest of the last answer. `seed` goes before that of the settings. `ids` asks for
    the tokens' ids, as probabilities always do. `release` is the server's, where it tells one.

    Raises:
        Unfit: it cannot be sent; the detail is a sentence for people.
    """
    for sentence in problems(settings).values():
        raise _unfit(sentence)
    _check(path, settings.mode, continuing=continuing)
    body: dict[str, Json] = {"model": model}
    if settings.mode == "chat":
        body["messages"] = list(_messages(path, settings.system))
        body |= _turn(settings, continuing=continuing)
    else:
        body["prompt"] = "".join(node.text for node in path)
    body |= settings.values | _form(settings, release) | _probabilities(settings, ids=ids)
    if seed is not None:
        body["seed"] = seed
    route = Route.CHAT if settings.mode == "chat" else Route.COMPLETIONS
    return judged(route, body | settings.further())


def from_tokens(
    prompt: Sequence[int],
    kept: Sequence[int],
    alternative: int,
    settings: Settings,
    model: str,
    *,
    seed: int | None = None,
) -> Generation:
    """Another way on from the middle of an answer: exactly these tokens, continued.

    `prompt` are the ids that the server made of the request, `kept` those of the answer before the
    place of the alternative. Goes out as a completion, whatever the mode: a server's reasoning and
    tool parsers do not see it, and a form of the answer is not kept, for it would begin anew.

    Raises:
        Unfit: it cannot be sent; the detail is a sentence for people.
    """
    for sentence in problems(settings).values():
        raise _unfit(sentence)
    plain = Settings(mode="completions", parameters=settings.parameters)
    values = {name: one for name, one in plain.values.items() if name not in _OF_THE_WHOLE}
    taken = len(kept) + 1
    if "max_tokens" in values:
        values["max_tokens"] = max(values["max_tokens"] - taken, 1)
    if "min_tokens" in values:
        values["min_tokens"] = max(values["min_tokens"] - taken, 0)
    if seed is not None:
        values["seed"] = seed
    asked = Settings(mode="completions", logprobs=settings.logprobs, top=settings.top)
    extra = {name: one for name, one in settings.further().items() if name not in _FORMS}
    body = {"model": model, "prompt": [*prompt, *kept, alternative], **values}
    return judged(Route.COMPLETIONS, body | _probabilities(asked, ids=True) | extra)


def _check(path: Sequence[Node], mode: str, *, continuing: bool) -> None:
    if not path:
        raise _unfit("There is nothing to send yet.")
    last = path[-1]
    if continuing and (last.role != "assistant" or last.tools or not last.text):
        raise _unfit("Only the text of an answer can be continued.")
    if mode != "chat":
        if any(node.images for node in path):
            raise _unfit("Completions take no pictures; use a chat.")
        if not any(node.text for node in path):
            raise _unfit("There is no text to continue.")
    elif not continuing and last.role == "assistant":
        raise _unfit("The last message is the model's: continue it, or write one of your own.")


def _unfit(sentence: str) -> Unfit:
    return Unfit(Reason.CALLER, sentence)


def _messages(path: Sequence[Node], system: str) -> Iterator[dict[str, Json]]:
    if system.strip():
        yield {"role": "system", "content": system}
    for node in path:
        yield {"role": node.role, **_content(node)}


def _content(node: Node) -> dict[str, Json]:
    """A message without its role. Reasoning stays out: templates want none of earlier turns."""
    if node.role == "tool":
        return {"tool_call_id": node.call, "content": node.text}
    if node.images:
        parts: list[Json] = [
            {"type": "image_url", "image_url": {"url": image.url}} for image in node.images
        ]
        return {"content": ([{"type": "text", "text": node.text}] if node.text else []) + parts}
    if not node.tools:
        return {"content": node.text}
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in node.tools
    ]
    return {"content": node.text or None, "tool_calls": calls}


def _turn(settings: Settings, *, continuing: bool) -> dict[str, Json]:
    """What only a chat has."""
    fields: dict[str, Json] = {}
    if continuing:
        # vLLM refuses both at once, and would add the prompt by itself.
        fields |= {"add_generation_prompt": False, "continue_final_message": True}
    if tools := settings.tool_list():
        fields["tools"] = tools
        if (choice := settings.choice()) != "auto":
            fields["tool_choice"] = choice
    if told := settings.template_arguments():
        fields["chat_template_kwargs"] = told
    return fields


def _form(settings: Settings, release: str | None) -> dict[str, Json]:
    kind, form = settings.structured.kind, settings.form()
    if not kind:
        return {}
    if kind == "json":
        schema = {"name": "answer", "schema": form}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    if kind == "json_object":
        return {"response_format": {"type": "json_object"}}
    if _is_before(release, _STRUCTURED_SINCE):
        return {f"guided_{kind}": form}
    return {"structured_outputs": {kind: form}}


def _is_before(release: str | None, first: tuple[int, int]) -> bool:
    """Whether a release is older; one that cannot be read, or is being developed, is not."""
    found = re.match(r"v?(\d{1,6})\.(\d{1,6})(?!.*dev)", release or "")
    return found is not None and (int(found[1]), int(found[2])) < first


def _probabilities(settings: Settings, *, ids: bool) -> dict[str, Json]:
    if not settings.logprobs:
        return {"return_token_ids": True} if ids else {}
    chat = {"logprobs": True, "top_logprobs": settings.top}
    asked = chat if settings.mode == "chat" else {"logprobs": settings.top}
    # By id: many tokens are no text of their own, and an alternative is continued by its id.
    return {**asked, "return_tokens_as_token_ids": True, "return_token_ids": True}
