"""Conversations with a model: their tree, what is sent, what the answers say about the server."""

from lib.chat import conversation, parameters, request, settings, snippets

__all__ = ["conversation", "parameters", "request", "settings", "snippets"]
