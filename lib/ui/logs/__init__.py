"""The Start-up log page: what a vLLM server printed, explained and compared."""

__all__ = ["draw"]


def draw() -> None:
    """The page; what it needs is loaded when somebody opens it."""
    from lib.ui.logs import page  # noqa: PLC0415 - for this page only

    page.draw()
