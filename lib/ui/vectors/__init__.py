"""The Embeddings page: vectors of a served model, compared and explained."""

from lib.ui.vectors.page import draw

__all__ = ["draw"]
