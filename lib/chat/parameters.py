"""Parameters: everything that a person can set about how a model writes, as one described table.

Pure. Decided here: names, limits and words, and what a server says that it does unless told. What
is left empty is not sent. Limits are those of vLLM's own checks, so that a wrong value is told
before it costs a request.
"""

import json
from collections.abc import Iterator, Mapping

from lib.api.generation import DEFAULT_TOKENS
from lib.api.strict_json import Json, inside
from lib.chat.values import TINY, Parameter, value

__all__ = [
    "PARAMETERS",
    "Parameter",
    "known",
    "offered",
    "read_values",
    "server_defaults",
]

_CHAT = frozenset({"chat"})
_MOST_TOKENS = 131_072  # as many as the client lets through
_BIGGEST = 2**63 - 1
_HIGHEST_ID = 2**31 - 1
_MODELS = "the model's own, else "

_RANDOM, _LENGTH, _REPEATS = "Randomness", "Length and end", "Repetition"
_TOKENS, _THINKING, _PROMPT = "Tokens", "Reasoning and tools", "Prompt and queue"

# A row is read across.
# fmt: off
PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "temperature", "Temperature", _RANDOM, "number",
        "0 takes the likeliest token each time; higher is more random.",
        f"{_MODELS}1", 0, 2, 0.1, "temp",
    ),
    Parameter(
        "top_p", "Top p", _RANDOM, "number",
        "Only the likeliest tokens whose probabilities add up to this.",
        f"{_MODELS}1", TINY, 1, 0.05, "top_p",
    ),
    Parameter(
        "top_k", "Top k", _RANDOM, "integer",
        "Only this many of the likeliest tokens; 0 or -1 for all.",
        f"{_MODELS}all", -1, 1_000_000, 1, "top_k",
    ),
    Parameter(
        "min_p", "Min p", _RANDOM, "number",
        "Only tokens at least this likely beside the likeliest one.",
        f"{_MODELS}0", 0, 1, 0.01, "min_p",
    ),
    Parameter(
        "seed", "Seed", _RANDOM, "integer",
        "The same seed asks for the same answer; other requests in the batch can still change it.",
        "a new one each time", -_BIGGEST - 1, _BIGGEST, 1, "seed",
    ),
    Parameter(
        "max_tokens", "Max tokens", _LENGTH, "integer",
        "The answer ends after this many tokens, those of its reasoning included.",
        f"{DEFAULT_TOKENS}, sent by this page", 1, _MOST_TOKENS, 1, "max",
    ),
    Parameter(
        "min_tokens", "Min tokens", _LENGTH, "integer",
        "The answer has at least this many tokens.",
        "0", 0, _MOST_TOKENS, 1, "min",
    ),
    Parameter(
        "stop", "Stop strings", _LENGTH, "list",
        "The answer ends before any of these; one a line, or a JSON list.",
        "none", 1, 4, items="text",
    ),
    Parameter(
        "stop_token_ids", "Stop token ids", _LENGTH, "list",
        "The answer ends at any of these tokens; ids with commas.",
        "none beside the model's own", 0, _HIGHEST_ID, short="stop_ids", items="integer",
    ),
    Parameter(
        "include_stop_str_in_output", "Keep the stop string", _LENGTH, "flag",
        "Whether the stop string that ended the answer is part of it.",
        "false", short="keep_stop",
    ),
    Parameter(
        "ignore_eos", "Ignore the end token", _LENGTH, "flag",
        "Goes on when the model wants to end: for load tests, not for good answers.",
        "false", short="no_eos",
    ),
    Parameter(
        "presence_penalty", "Presence penalty", _REPEATS, "number",
        "Above 0, a token that is already in the answer becomes less likely.",
        f"{_MODELS}0", -2, 2, 0.1, "presence",
    ),
    Parameter(
        "frequency_penalty", "Frequency penalty", _REPEATS, "number",
        "Above 0, a token becomes less likely each time the answer has used it.",
        f"{_MODELS}0", -2, 2, 0.1, "frequency",
    ),
    Parameter(
        "repetition_penalty", "Repetition penalty", _REPEATS, "number",
        "Above 1, a token of the prompt or the answer becomes less likely.",
        f"{_MODELS}1", TINY, 10, 0.05, "repetition",
    ),
    Parameter(
        "bad_words", "Bad words", _TOKENS, "list",
        "Words that the answer must not have; one a line, or a JSON list.",
        "none", 1, 100, items="text",
    ),
    Parameter(
        "logit_bias", "Logit bias", _TOKENS, "json",
        'Makes tokens more or less likely, by id: {"1234": 5, "99": -100}.',
        "none", -100, 100,
    ),
    Parameter(
        "allowed_token_ids", "Allowed token ids", _TOKENS, "list",
        "The answer has only these tokens; ids with commas.",
        "all", 0, _HIGHEST_ID, short="allowed", items="integer",
    ),
    Parameter(
        "skip_special_tokens", "Leave out special tokens", _TOKENS, "flag",
        "Whether special tokens that the model writes are left out of the text.",
        "true", short="skip_special",
    ),
    Parameter(
        "spaces_between_special_tokens", "Spaces between special tokens", _TOKENS, "flag",
        "Whether special tokens in the text stand apart.",
        "true", short="space_special",
    ),
    Parameter(
        "reasoning_effort", "Reasoning effort", _THINKING, "text",
        "How much a reasoning model thinks, where its template knows the word.",
        "the template's own", short="effort", modes=_CHAT,
        choices=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    ),
    Parameter(
        "thinking_token_budget", "Thinking budget", _THINKING, "integer",
        "Most tokens of reasoning; the server must know how reasoning begins and ends.",
        "unlimited", 0, _MOST_TOKENS, 1, "thinking",
    ),
    Parameter(
        "include_reasoning", "Include reasoning", _THINKING, "flag",
        "Whether the reasoning is part of the answer that is sent.",
        "true", short="reasoning", modes=_CHAT,
    ),
    Parameter(
        "parallel_tool_calls", "Parallel tool calls", _THINKING, "flag",
        "Whether one answer can call several tools.",
        "true", short="parallel", modes=_CHAT,
    ),
    Parameter(
        "add_special_tokens", "Add special tokens", _PROMPT, "flag",
        "Whether the tokenizer adds its own beginning token to the prompt.",
        "false in a chat, true in completions", short="add_special",
    ),
    Parameter(
        "truncate_prompt_tokens", "Truncate the prompt", _PROMPT, "integer",
        "Only this many tokens of the prompt are read; -1 for as many as fit.",
        "the prompt is never cut", -1, 10_000_000, 1, "truncate",
    ),
    Parameter(
        "truncation_side", "Truncate from", _PROMPT, "text",
        "Which end of the prompt is cut away.",
        "the tokenizer's own", short="cut", choices=("left", "right"),
    ),
    Parameter(
        "priority", "Priority", _PROMPT, "integer",
        "Lower goes first, where the server runs with --scheduling-policy priority.",
        "0", -_BIGGEST - 1, _BIGGEST, 1, "priority",
    ),
    Parameter(
        "cache_salt", "Cache salt", _PROMPT, "text",
        "Requests with the same words share the prefix cache, and no others do.",
        "none: all share it", 1, 1024,
    ),
    Parameter(
        "stream_interval", "Tokens per event", _PROMPT, "integer",
        "How many tokens the server gathers before it sends them.",
        "the server's own", 1, 1024, 1, "interval",
    ),
)
# fmt: on
_BY_NAME = {one.name: one for one in PARAMETERS}


def offered(mode: str) -> tuple[Parameter, ...]:
    """The parameters of chats or of completions, in their order."""
    return tuple(one for one in PARAMETERS if mode in one.modes)


def read_values(typed: Mapping[str, str]) -> tuple[dict[str, Json], dict[str, str]]:
    """The values of what is not empty, and one sentence for each that cannot be read.

    Names that no parameter has are left out.
    """
    values: dict[str, Json] = {}
    problems: dict[str, str] = {}
    for one in PARAMETERS:
        text = typed.get(one.name, "")
        if not text.strip():
            continue
        try:
            values[one.name] = value(one, text)
        except ValueError as error:
            problems[one.name] = f"{one.label} {error}."
    least, most = values.get("min_tokens"), values.get("max_tokens", DEFAULT_TOKENS)
    if least is not None and least > most:
        problems["min_tokens"] = f"Min tokens is more than max tokens, which is {most:,}."
        del values["min_tokens"]
    return values, problems


def known(openapi: Json, mode: str) -> frozenset[str] | None:
    """The parameters that a server's description of itself names; None where it tells nothing."""
    listed = _described(openapi, mode)
    return frozenset(_BY_NAME) & frozenset(listed) if listed else None


def server_defaults(server_info: Json, openapi: Json, mode: str) -> dict[str, str]:
    """What this server says that it does unless told, by parameter; only what it says.

    `server_info` is the answer of /server_info as JSON (development mode): its operator's own
    sampling defaults. `openapi` is the description of its routes. Either can be None.
    """
    told = {name: inside(about).get("default") for name, about in _described(openapi, mode).items()}
    told.pop("max_tokens", None)  # the page sends its own
    config = inside(server_info, "vllm_config", "model_config")
    neutral = dict(_models_own()) if config.get("generation_config") == "vllm" else {}
    own = inside(config, "override_generation_config")
    return dict(_values(told)) | neutral | dict(_values(own))


def _models_own() -> Iterator[tuple[str, str]]:
    """What holds where the model's own defaults are left aside."""
    return (
        (one.name, one.default.removeprefix(_MODELS))
        for one in PARAMETERS
        if one.default.startswith(_MODELS)
    )


def _values(told: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for name, default in told.items():
        if name in _BY_NAME and isinstance(default, bool | int | float):
            yield name, json.dumps(default)


def _described(openapi: Json, mode: str) -> Mapping[str, Json]:
    """The fields of a request, as the server describes them."""
    schema = "ChatCompletionRequest" if mode == "chat" else "CompletionRequest"
    return inside(openapi, "components", "schemas", schema, "properties")
