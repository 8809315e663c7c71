"""Trying a route: forms from a server's own description, good examples, and what is typed."""

from lib.explorer import examples, filling, schema

__all__ = ["examples", "filling", "schema"]
