"""What a server's list of models said, answer after answer: who is on it, and since when.

Pure: each answer goes in with its wall-clock moment. Decided here: a model is "seen since" the
first of an unbroken row of answers that held it; a server that gives no list keeps its last one,
and the model its moment. `created` counts as an age only where it stays the same from answer to
answer: vLLM writes the moment of the answer there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lib.api import Answer, Model, Refused

__all__ = ["RAW_BYTES", "Listing", "Seen"]

RAW_BYTES = 64 << 10
"""How much of an answer is kept to be shown."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One model over the answers. `first` is whether the first answer of all held it already.

    `created` is what the server says of its age, None unless two answers have said the same.
    """

    since: float
    first: bool
    created: int | None = None
    told: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The list as of now; moments are wall-clock seconds.

    `models` is None before the first answer. `since` is how long it has been empty or `refused`
    (a sentence; `kind` is a reason of `lib.api`). `raw`, `size`, `seconds` and `at` are those of
    the newest answer.
    """

    models: tuple[Model, ...] | None = None
    seen: Mapping[str, Seen] = field(default_factory=dict)
    refused: str = ""
    kind: str = ""
    since: float = 0.0
    at: float = 0.0
    raw: bytes = field(default=b"", repr=False)
    size: int = 0
    seconds: float = 0.0
    seats: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it answers, and names nothing."""
        return not self.refused and self.models == ()

    def answered(
        self, answer: Answer[tuple[Model, ...]], at: float, seats: int | None = None
    ) -> "Listing":
        """After an answer."""
        first = self.models is None
        seen = {
            model.id: _followed(self.seen.get(model.id), model, at, first=first)
            for model in answer.value
        }
        lasts = not answer.value and self.is_empty
        return Listing(
            models=answer.value,
            seen=seen,
            since=self.since if lasts else at,
            at=at,
            raw=answer.raw[:RAW_BYTES],
            size=len(answer.raw),
            seconds=answer.seconds,
            seats=seats,
        )

    def failed(self, refused: Refused, at: float) -> "Listing":
        """After a call without an answer."""
        since = self.since if self.refused else at
        kind = refused.reason.value
        return replace(self, refused=refused.sentence, kind=kind, since=since)


def _followed(before: Seen | None, model: Model, at: float, *, first: bool) -> Seen:
    if before is None:
        return Seen(at, first, None, model.created)
    steady = model.created if model.created == before.told else None
    return replace(before, created=steady, told=model.created)
