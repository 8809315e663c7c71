"""Terminal: one live line per server, rewritten in place; plain lines where nobody looks at it.

This module alone knows the control codes of a terminal.
"""

import shutil
from typing import TextIO

from lib.health.judging import Judgement
from lib.health.report import as_line

__all__ = ["Live"]

_UP, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[{}F", "\x1b[2K", "\x1b[J"
_PLAIN_WIDTH = 400


class Live:
    """The newest judgement of each server, one line each."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._newest: dict[str, Judgement] = {}
        self._drawn = 0

    @property
    def healthy(self) -> bool:
        """Whether every server was, when last looked at; not before the first look."""
        return bool(self._newest) and all(one.healthy for one in self._newest.values())

    @property
    def newest(self) -> tuple[Judgement, ...]:
        """The newest judgement of each server."""
        return tuple(self._newest.values())

    def keep(self, judgement: Judgement) -> None:
        """Take in a judgement without drawing it."""
        self._newest[judgement.look.url] = judgement

    def tell(self, judgement: Judgement) -> None:
        """Take in a judgement: the lines are drawn anew, or its own is appended."""
        self.keep(judgement)
        if not self._out.isatty():
            self._out.write(as_line(judgement, _PLAIN_WIDTH) + "\n")
        else:
            self._redraw()
        self._out.flush()

    def _redraw(self) -> None:
        width, height = shutil.get_terminal_size((100, 24))
        shown = sorted(self._newest.values(), key=lambda one: (one.healthy, one.look.url))
        lines = [as_line(one, width - 1) for one in shown[: height - 1]]
        back = _UP.format(self._drawn) if self._drawn else ""
        self._out.write(back + "".join(f"{_CLEAR_LINE}{line}\n" for line in lines) + _CLEAR_BELOW)
        self._drawn = len(lines)
