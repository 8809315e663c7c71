"""What of a request shapes its answer: tools, a form that the text must fit, thoughts before it.

The dialects differ here most: `guided_*` became `structured_outputs` in 0.12, and a server without
a parser for tool calls leaves no choice of them to the model.
"""

from collections.abc import Mapping
from typing import Any

from lib.demo.bounds import whole
from lib.demo.replies import refusal, wrong_type
from lib.demo.roles import Role

__all__ = ["asked_form", "asked_thoughts", "asked_tools"]

Tools = tuple[Mapping[str, Any], ...]
NAMED_TOOLS_ONLY = '`tool_choice` must either be a named tool, "auto", or "none".'
NO_AUTO_TOOLS = (
    '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
)


def asked_tools(body: Mapping[str, Any], role: Role) -> tuple[Tools, str]:
    """The tools there are, and the choice: `none`, `auto`, `required`, or the name of one."""
    tools = body.get("tools")
    choice = body.get("tool_choice") or ("auto" if tools else "none")
    if tools is None:
        if choice != "none":
            raise refusal("When using `tool_choice`, `tools` must be set.", "tool_choice")
        return (), "none"
    names = _names(tools)
    if isinstance(choice, dict):
        return tuple(tools), _named(choice, names)
    if choice in {"auto", "required"} and role.tutorial:
        raise refusal(NO_AUTO_TOOLS if choice == "auto" else NAMED_TOOLS_ONLY)
    if choice not in {"none", "auto", "required"}:
        message = (
            f"Invalid value for `tool_choice`: {choice}! "
            'Only named tools, "none", "auto" or "required" are supported.'
        )
        raise refusal(message, "tool_choice")
    return tuple(tools), choice


def _names(tools: object) -> set[str]:
    if not isinstance(tools, list):
        raise wrong_type("tools", "list", tools)
    functions = [one.get("function") for one in tools if isinstance(one, dict)]
    names = [str(one["name"]) for one in functions if isinstance(one, dict) and one.get("name")]
    if not names or len(names) != len(tools):
        message = (
            "`tools` must not be an empty array. "
            "Either provide at least one tool or omit the field entirely."
        )
        raise refusal(message, "tools")
    return set(names)


def _named(choice: Mapping[str, Any], names: set[str]) -> str:
    function = choice.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or name not in names:
        message = "The tool specified in `tool_choice` does not match any of the specified `tools`"
        raise refusal(message, "tool_choice")
    return name


def asked_form(body: Mapping[str, Any], role: Role) -> Mapping[str, Any]:
    """What the text must fit, in the dialect of the release."""
    asked = body.get("response_format")
    kind = asked.get("type") if isinstance(asked, dict) else None
    if kind == "json_object":
        return {"json_object": True}
    if isinstance(asked, dict) and kind == "json_schema":
        schema = asked.get("json_schema")
        if not isinstance(schema, dict):
            message = (
                "When response_format type is 'json_schema', the 'json_schema' field must be "
                "provided."
            )
            raise refusal(message, "response_format")
        return {"json": schema.get("schema", {})}
    kinds = ("json", "regex", "choice", "grammar")
    if role.tutorial:
        form = {kind: body[f"guided_{kind}"] for kind in kinds if body.get(f"guided_{kind}")}
    else:
        outputs = body.get("structured_outputs")
        given = outputs if isinstance(outputs, dict) else {}
        form = {kind: given[kind] for kind in (*kinds, "json_object") if given.get(kind)}
    if len(form) > 1:
        message = (
            "You can only use one kind of constraints for structured outputs "
            "('json', 'regex' or 'choice')."
        )
        raise refusal(message)
    return form


def asked_thoughts(body: Mapping[str, Any], role: Role, *, going_on: bool) -> dict[str, Any]:
    """How much is thought before the answer; nothing before one that only goes on."""
    asked = body.get("chat_template_kwargs")
    wanted = (asked if isinstance(asked, dict) else {}).get("enable_thinking", role.thinks)
    effort = str(body.get("reasoning_effort") or "")
    budget = whole(body, "thinking_token_budget")
    return {
        "thinks": bool(wanted) and role.may_think and effort != "none" and not going_on,
        "show_thoughts": bool(body.get("include_reasoning", True)),
        "effort": effort,
        "thought_limit": None if budget is None or budget < 0 else budget,
    }
