"""The Chat page: what is said in a tab, what the browser draws of it, and the tools under it."""

from lib.ui.chat.page import draw

__all__ = ["draw"]
