"""Settings: what a person has set for the next request, as typed, and what is wrong with it.

Pure. Decided here: the shape and the limits of it, which words stand for it under an answer, and
what of it an address carries: numbers and choices, and never a text of the person's own.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from lib.api.errors import Reason, Unfit
from lib.api.strict_json import Json, read_json
from lib.chat.parameters import PARAMETERS, read_values

__all__ = [
    "KINDS",
    "MODES",
    "MOST_TOP",
    "Settings",
    "Structured",
    "changed",
    "from_query",
    "problems",
    "read",
    "to_query",
]

T = TypeVar("T")
MODES = ("chat", "completions")
KINDS = {
    "": "free",
    "json": "JSON schema",
    "json_object": "any JSON object",
    "regex": "regular expression",
    "choice": "one of a list",
    "grammar": "grammar (EBNF)",
}
"""The ways to bind an answer to a form, and their words."""
MOST_TOP = 20  # more than that vLLM refuses
_TOOL_CHOICES = ("auto", "none", "required")
_LONGEST = 200_000  # characters of one text as typed
_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)
_FORBIDDEN = {
    "stream": "this page streams by itself",
    "stream_options": "this page streams by itself",
    "model": "the model is chosen above",
    "messages": "the conversation is sent",
    "prompt": "the conversation is sent",
}
_KEPT = 40  # characters of a value in the words under an answer


class Structured(NamedTuple):
    """The form that an answer must have: its kind of `KINDS`, and the form itself as typed."""

    kind: str = ""
    text: str = ""


_FREE = Structured()


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it as typed; `extra`, `tools` and `template` are JSON, "" where there is none.

    `tool_choice` is auto, none, required or the name of a tool; `top` is how many alternatives are
    asked for beside each token where `logprobs` are.
    """

    mode: str = "chat"
    system: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    extra: str = ""
    structured: Structured = _FREE
    tools: str = ""
    tool_choice: str = "auto"
    template: str = ""
    logprobs: bool = False
    top: int = 5

    def as_data(self) -> dict[str, Json]:
        """As the browser gets it."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        structured = self.structured._asdict()
        return told | {"parameters": dict(self.parameters), "structured": structured}

    @property
    def values(self) -> dict[str, Json]:
        """The parameters that are set, can be read and belong to the mode."""
        modes = {one.name: one.modes for one in PARAMETERS}
        values, _ = read_values(self.parameters)
        return {name: value for name, value in values.items() if self.mode in modes[name]}

    def further(self) -> dict[str, Json]:
        """The extra JSON.

        Raises:
            ValueError: it is no object, or it names what is not its to set; one sentence.
        """
        found = _object(self.extra, "Extra JSON")
        for name, why in _FORBIDDEN.items():
            if name in found:
                raise ValueError(f"Extra JSON cannot set {name}: {why}.")
        if found.get("n", 1) != 1:
            raise ValueError("Extra JSON cannot set n: this page shows one answer at a time.")
        return found

    def tool_list(self) -> list[dict[str, Json]]:
        """The tools; none in completions. Raises ValueError with one sentence."""
        if self.mode != "chat" or not self.tools.strip():
            return []
        found = _json(self.tools, "Tools")
        if not isinstance(found, list) or not found:
            raise ValueError("Tools are a JSON list.")
        for number, one in enumerate(found, 1):
            if not _name(one):
                raise ValueError(
                    f"Tool {number} is no function: it has type and function with a name"
                    " of letters, digits, - and _."
                )
        return found

    def choice(self) -> Json:
        """The field tool_choice of a request with tools. Raises ValueError with one sentence."""
        if self.tool_choice in _TOOL_CHOICES:
            return self.tool_choice
        if self.tool_choice not in map(_name, self.tool_list()):
            raise ValueError("The tool that the model must call is none of the tools.")
        return {"type": "function", "function": {"name": self.tool_choice}}

    def template_arguments(self) -> dict[str, Json]:
        """What the chat template is told. Raises ValueError with one sentence."""
        return _object(self.template, "Template arguments") if self.mode == "chat" else {}

    def form(self) -> Json:
        """The form of the answer: a schema, a list of choices, or a text; None for a free one.

        Raises:
            ValueError: it is empty or no schema; one sentence.
        """
        kind, text = self.structured
        if kind in ("", "json_object"):
            return None
        if not text.strip():
            raise ValueError(f"The form of the answer ({KINDS[kind]}) is empty.")
        if kind == "json":
            return _object(text, "The JSON schema")
        if kind == "choice":
            return [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
        return text


def read(value: Json, before: Settings | None = None) -> Settings:
    """What a browser or a file says, over what was set before; what is unfit is left out."""
    before = before or Settings()
    if not isinstance(value, Mapping):
        return before
    return Settings(
        mode=_one_of(value.get("mode"), MODES, before.mode),
        system=_typed(value.get("system"), before.system),
        parameters=_parameters(value.get("parameters"), before.parameters),
        extra=_typed(value.get("extra"), before.extra),
        structured=_structured(value.get("structured"), before.structured),
        tools=_typed(value.get("tools"), before.tools),
        tool_choice=_typed(value.get("tool_choice"), before.tool_choice)[:64] or "auto",
        template=_typed(value.get("template"), before.template),
        logprobs=_of_type(value.get("logprobs"), bool, before.logprobs),
        top=min(max(_of_type(value.get("top"), int, before.top), 0), MOST_TOP),
    )


def problems(settings: Settings) -> dict[str, str]:
    """One sentence for each field that keeps a request from being made."""
    offered = {one.name for one in PARAMETERS if settings.mode in one.modes}
    _, found = read_values(settings.parameters)
    found = {name: sentence for name, sentence in found.items() if name in offered}
    for name, reading in (
        ("extra", settings.further),
        ("tools", settings.tool_list),
        ("template", settings.template_arguments),
        ("structured", settings.form),
    ):
        try:
            reading()
        except ValueError as error:
            found[name] = str(error)
    if settings.tools.strip() and settings.mode == "chat" and "tools" not in found:
        try:
            settings.choice()
        except ValueError as error:
            found["tool_choice"] = str(error)
    return found


def changed(settings: Settings) -> tuple[str, ...]:
    """What differs from a server's own way, in a few words each: "temperature 0.2"."""
    return tuple(_changed(settings))


def _changed(settings: Settings) -> Iterator[str]:
    if settings.system.strip() and settings.mode == "chat":
        yield "system prompt"
    for name in settings.values:
        text = " ".join(settings.parameters[name].split())
        label = next(one.label for one in PARAMETERS if one.name == name)
        yield f"{label.lower()} {text if len(text) <= _KEPT else text[: _KEPT - 1] + '…'}"
    if settings.structured.kind:
        yield KINDS[settings.structured.kind]
    yield from _named(settings)
    if settings.logprobs:
        yield f"probabilities with {settings.top} alternatives"


def _named(settings: Settings) -> Iterator[str]:
    """What is JSON, by the names in it."""
    wrong = problems(settings)
    if "tools" not in wrong and (tools := settings.tool_list()):
        forced = "" if settings.tool_choice == "auto" else f" ({settings.tool_choice})"
        yield f"{len(tools)} tool{'s' * (len(tools) > 1)}{forced}"
    if "template" not in wrong and (told := settings.template_arguments()):
        yield f"template: {', '.join(told)[:_KEPT]}"
    if "extra" not in wrong and (told := settings.further()):
        yield f"extra: {', '.join(told)[:_KEPT]}"


def to_query(settings: Settings) -> dict[str, str]:
    """What an address carries: the mode, the numbers, flags and choices; no text, no JSON."""
    query = {"mode": settings.mode} if settings.mode != "chat" else {}
    for one in PARAMETERS:
        text = settings.parameters.get(one.name, "").strip()
        if one.short and text and len(text) <= _LONGEST_LINKED:
            query[one.short] = text
    if settings.logprobs:
        query["logprobs"] = str(settings.top)
    return query


def from_query(query: Mapping[str, str], before: Settings | None = None) -> Settings:
    """Settings over which an address has its say; what it says wrongly is told like a typed one."""
    before = before or Settings()
    linked = {
        one.name: query[one.short][:_LONGEST_LINKED]
        for one in PARAMETERS
        if one.short and query.get(one.short, "").strip()
    }
    told: dict[str, Json] = {"parameters": {**before.parameters, **linked}}
    if "mode" in query:
        told["mode"] = query["mode"]
    top = query.get("logprobs", "")
    if top.isascii() and top.isdigit() and len(top) < 3:
        told |= {"logprobs": True, "top": int(top)}
    return read(told, before)


_LONGEST_LINKED = 200


def _one_of(value: Json, among: tuple[str, ...], before: str) -> str:
    return value if isinstance(value, str) and value in among else before


def _of_type(value: Json, kind: type[T], before: T) -> T:
    return value if type(value) is kind else before


def _typed(value: Json, before: str) -> str:
    return value[:_LONGEST] if isinstance(value, str) else before


def _parameters(value: Json, before: Mapping[str, str]) -> dict[str, str]:
    """What is set of the known parameters, in their order."""
    if not isinstance(value, Mapping):
        return dict(before)
    told = {one.name: value.get(one.name) for one in PARAMETERS}
    return {
        name: text[:_LONGEST] for name, text in told.items() if isinstance(text, str) and text != ""
    }


def _structured(value: Json, before: Structured) -> Structured:
    if not isinstance(value, Mapping):
        return before
    kind = _one_of(value.get("kind"), tuple(KINDS), before.kind)
    return Structured(kind, _typed(value.get("text"), before.text))


def _name(tool: Json) -> str:
    """The name of a tool; "" where it is no function."""
    function = tool.get("function") if isinstance(tool, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) and _NAME.fullmatch(name) else ""


def _object(text: str, what: str) -> dict[str, Json]:
    found = _json(text, what) if text.strip() else {}
    if isinstance(found, dict):
        return found
    raise ValueError(f"{what} is one JSON object: {{…}}.")


def _json(text: str, what: str) -> Json:
    try:
        return read_json(text.encode("utf-8", "replace"))
    except Unfit as error:
        why = f" ({error.detail})" if error.reason is Reason.NOT_JSON else ""
        raise ValueError(f"{what}: what is typed there is no JSON{why}.") from None
