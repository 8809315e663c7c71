"""Conversations with a model: their tree, what is sent, what the answers say about the server."""

from lib.chat import (
    canaries,
    coach,
    comparing,
    conversation,
    figures,
    integrity,
    markdown,
    parameters,
    probabilities,
    request,
    settings,
    snippets,
    structured,
    verdicts,
    waterfall,
    words,
)

__all__ = [
    "canaries",
    "coach",
    "comparing",
    "conversation",
    "figures",
    "integrity",
    "markdown",
    "parameters",
    "probabilities",
    "request",
    "settings",
    "snippets",
    "structured",
    "verdicts",
    "waterfall",
    "words",
]
