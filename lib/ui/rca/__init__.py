"""The RCA / Cache page: what is wrong with one server, its curves, and the tools under them."""

from lib.servers import Server

__all__ = ["draw"]


def draw(server: Server) -> None:
    """The page; what its tools need is loaded when somebody opens it."""
    from lib.ui.rca import page  # noqa: PLC0415 - numpy and all tools, for this page only

    page.draw(server)
