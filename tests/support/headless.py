"""A person at a page that runs without a browser: what every room's own person begins with."""

import json
from typing import Any, Self

__all__ = ["Headless"]


class Headless:
    """A session: `visit` as the fixtures of `tests/pages` give it, and its `app`."""

    def __init__(self, visit: Any) -> None:
        self.visit, self.app = visit, visit.app
        self.sound()

    def sound(self) -> Self:
        """Nothing has gone wrong in the script."""
        assert not self.app.exception, [one.value for one in self.app.exception]
        return self

    def views(self, view: str) -> list[dict[str, Any]]:
        """What the script gave to the components of that name."""
        every = (json.loads(one.proto.json) for one in self.app.get("bidi_component"))
        return [data for data in every if data["view"] == view]
