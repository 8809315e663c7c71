"""Bodies out of the recorded descriptions of real servers."""

from lib.api.strict_json import inside
from lib.explorer import schema

__all__ = ["body_of", "schemas_of"]


def schemas_of(document):
    return inside(document, "components", "schemas")


def body_of(document, method, path):
    """The body of a route that takes JSON."""
    content = inside(document, "paths", path, method.lower(), "requestBody", "content")
    return schema.body_of(inside(content, "application/json", "schema"), schemas_of(document))
