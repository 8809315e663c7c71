"""The API Explorer: what a server can do, tried from here, and what of it stands open."""

from lib.ui.explorer.page import draw

__all__ = ["draw"]
