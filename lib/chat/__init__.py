"""Conversations with a model: their tree, what is sent, what the answers say about the server."""

__all__ = ["conversation", "parameters", "request", "settings", "snippets", "values"]
