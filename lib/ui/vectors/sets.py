"""What the page is about: texts, how they are embedded, and the vectors that came of it.

Everything on the page and every tool under it takes an `Embedded` and asks nothing else of the
session.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.servers import Server
from lib.ui.plain import count, plain

if TYPE_CHECKING:
    from lib.api import Vectors
    from lib.vectors.calibration import Floor

__all__ = ["Embedded", "How", "Texts"]

SHORT = 60


class How(NamedTuple):
    """How texts are embedded, as far as it changes their vectors or what a server is sent."""

    batch_size: int = 32  # texts of one request
    dimensions: int | None = None  # asked for only where this is a number
    truncate: bool = False
    raw: bool = False

    @property
    def kind(self) -> tuple[int | None, bool, bool]:
        """What of it changes the vectors."""
        return self.dimensions, self.truncate, self.raw


@dataclass(frozen=True)
class Texts:
    """Texts in their order, and what is known of them.

    `labels` has one for each text ("" for none), or is empty. With `queries` (places in `texts`)
    they are compared with the others, the documents; without, all are compared with all. `name` is
    that of a sample set, "" for a person's own texts. `remarks` say what was left out.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...] = ()
    queries: frozenset[int] = frozenset()
    name: str = ""
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def is_search(self) -> bool:
        """Whether queries are compared with documents."""
        return bool(self.queries)

    @cached_property
    def documents(self) -> tuple[int, ...]:
        """The places of all texts that are no queries."""
        return tuple(n for n in range(len(self.texts)) if n not in self.queries)

    @property
    def words(self) -> str:
        """How many there are, and of what."""
        kinds = len({one for one in self.labels if one})
        parts = [self.name] if self.name else []
        if self.is_search:
            parts += [
                f"{count(len(self.queries))} queries",
                f"{count(len(self.documents))} documents",
            ]
        else:
            parts.append(f"{count(len(self.texts))} texts")
        return " · ".join([*parts, f"{count(kinds)} labels"] if kinds else parts)

    def label(self, n: int) -> str:
        """The label of a text, "" for none."""
        return self.labels[n] if self.labels else ""

    def short(self, n: int, limit: int = SHORT) -> str:
        """A text as one short line, for a row or an axis."""
        return plain(self.texts[n], limit) or "(empty)"

    def titled(self, n: int, limit: int = SHORT) -> str:
        """The same after its number, counted from 1."""
        return f"{n + 1} · {self.short(n, limit)}"


@dataclass(frozen=True, eq=False)
class Embedded:
    """Texts and their vectors, of one model on one server.

    `floor` are the cosines that this model gives texts that have nothing to do with each other, and
    `unrelated` the vectors of those; None where they could not be embedded.
    """

    texts: Texts
    vectors: "Vectors"
    server: Server
    model: str
    how: How = field(default_factory=How)
    floor: "Floor | None" = None
    unrelated: NDArray[np.float32] | None = None
    kept: dict[object, object] = field(default_factory=dict)
    """What was computed of it, by whoever needs it again."""

    @property
    def title(self) -> str:
        """Server and model, for people."""
        return f"{self.server.name} · {self.model}" if self.model else self.server.name

    @property
    def rows(self) -> NDArray[np.float32]:
        """The vectors; all NaN where a text has none."""
        return self.vectors.rows

    @cached_property
    def present(self) -> NDArray[np.int64]:
        """The places of the texts that have a vector."""
        rows = self.rows
        finite = np.isfinite(rows).all(axis=1) if rows.shape[1] else np.zeros(len(rows), bool)
        return np.flatnonzero(finite)
