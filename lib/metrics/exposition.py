"""The Prometheus text format: one line → name, labels, value.

This module alone knows the syntax (version 0.0.4, which every release of vLLM speaks whatever its
Content-Type says). It is strict about a line and forgiving about a body: a line that does not parse
is left out and costs nothing else. Timestamps and exemplars are read over; `# HELP` and `# TYPE`
are not needed, because `lib.metrics.names` knows the families.
"""

import re
from typing import NamedTuple

__all__ = ["Line", "number", "parse_line", "parse_name_and_labels"]

_NAME = re.compile(r"[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*")
_LABEL = re.compile(
    r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]++|\\.)*+)"[ \t]*(,?)[ \t]*'
)
_ESCAPE = re.compile(r"\\(.)")
_UNESCAPED = {"n": "\n", '"': '"', "\\": "\\"}


class Line(NamedTuple):
    """One sample line; `labels` in the order in which they were written."""

    name: str
    labels: dict[str, str]
    value: float


def number(text: str) -> float:
    """The value of a sample. Raises ValueError for what Prometheus does not read as a number."""
    if "_" in text:
        raise ValueError(text)
    return float(text)


def parse_name_and_labels(text: str) -> tuple[str, dict[str, str], str]:
    """Split a sample line into name, labels and the rest: value, and perhaps a timestamp.

    Raises ValueError when the line is not a sample.
    """
    name = _NAME.match(text)
    if name is None:
        raise ValueError("no metric name")
    at = name.end()
    if text[at : at + 1] != "{":
        return name[1], {}, text[at:]
    labels: dict[str, str] = {}
    at += 1
    more = True
    while more and (label := _LABEL.match(text, at)):
        labels[label[1]] = _ESCAPE.sub(_unescape, label[2]) if "\\" in label[2] else label[2]
        at = label.end()
        more = bool(label[3])
    closing = text[at:].lstrip(" \t")
    if not closing.startswith("}"):
        raise ValueError("labels are not closed")
    return name[1], labels, closing[1:]


def parse_line(text: str) -> Line | None:
    """Read one line of a body; None for a comment or an empty one. Raises ValueError otherwise."""
    text = text.strip(" \t\r")
    if not text or text[0] == "#":
        return None
    name, labels, rest = parse_name_and_labels(text)
    fields = rest.split()
    if not fields:
        raise ValueError("no value")
    return Line(name, labels, number(fields[0]))


def _unescape(match: re.Match[str]) -> str:
    return _UNESCAPED.get(match[1], match[0])
