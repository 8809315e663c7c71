"""The Embeddings page: vectors of a served model, compared and explained."""

from lib.servers import Server

__all__ = ["draw"]


def draw(server: Server) -> None:
    """The page; what it needs is loaded when somebody opens it."""
    from lib.ui.vectors import page  # noqa: PLC0415 - numpy's linear algebra, for this page only

    page.draw(server)
