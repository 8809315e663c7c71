"""Described: what a server says of itself in its OpenAPI description.

This module alone decides which parts of one are read, and what is kept: the whole has 300 kB.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from lib.api.routes import Route
from lib.api.strict_json import Json, inside

__all__ = ["is_description", "requests", "routes"]

_REQUESTS = ("CompletionRequest", "ChatCompletionRequest")
_MOST_FIELDS = 500


def is_description(document: Mapping[str, Json]) -> bool:
    """Whether it is one of a model server, and not of what stands in front of it."""
    return "/v1/models" in inside(document, "paths")


def routes(description: Mapping[str, Json]) -> frozenset[Route]:
    """The routes that it lists."""
    paths = inside(description, "paths")
    return frozenset({Route.OPENAPI, *(route for route in Route if _lists(paths, route))})


def requests(description: Mapping[str, Json]) -> Json:
    """The fields of the bodies that generate, in the shape of a description.

    Of their defaults, those that are numbers or flags are kept.
    """
    schemas = inside(description, "components", "schemas")
    kept = {
        name: {"properties": _fields(inside(schemas, name, "properties"))} for name in _REQUESTS
    }
    return {"components": {"schemas": kept}}


def _lists(paths: Mapping[str, Any], route: Route) -> bool:
    methods = paths.get(route.path)
    return isinstance(methods, dict) and route.method.lower() in methods


def _fields(listed: Mapping[str, Json]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, about in islice(listed.items(), _MOST_FIELDS):
        default = about.get("default") if isinstance(about, dict) else None
        found[name] = {"default": default} if isinstance(default, bool | int | float) else {}
    return found
