"""What a diagnosis may know of a server beside its metrics, from what was told and checked.

Pure. Decided here: a server's limits come from where it says them most directly (a cheap route, its
whole configuration, its list of models), and peers are servers that list one of its base models.
"""

from collections.abc import Mapping, Sequence

from lib.api import Model
from lib.api.strict_json import Json
from lib.diagnosis import Context
from lib.health import Check, State
from lib.metrics import Window
from lib.ui.asked import Told
from lib.ui.listing import Listing
from lib.watch.record import Tick

__all__ = ["context_of", "same_model"]

GREATEST = 2**40
"""A limit beyond that is none."""


def context_of(
    told: Told,
    listing: Listing,
    newest: Tick | None,
    checked: Tick | None,
    peers: Mapping[str, Window],
) -> Context:
    """What is known: `newest` is the last reading, `checked` the last tick of the checks."""
    config = told.extra.get("server_info")
    lengths = [model.max_model_len for model in listing.models or () if model.max_model_len]
    return Context(
        max_num_seqs=listing.seats or _limit(config, "scheduler_config", "max_num_seqs"),
        max_model_len=min(lengths, default=_limit(config, "model_config", "max_model_len")),
        max_num_batched_tokens=_limit(config, "scheduler_config", "max_num_batched_tokens"),
        paused=_paused(checked),
        peers=peers,
        metrics_state=(
            newest.status.reason if newest and newest.status.state is State.NO_METRICS else ""
        ),
    )


def same_model(ours: Sequence[Model] | None, theirs: Sequence[Model] | None) -> bool:
    """Whether two servers list a base model in common."""
    base = {model.id for model in ours or () if model.parent is None}
    return any(model.id in base for model in theirs or ())


def _limit(config: Json, *keys: str) -> int | None:
    """A positive number of `vllm_config` in the answer of /server_info."""
    found: Json = config
    for key in ("vllm_config", *keys):
        found = found.get(key) if isinstance(found, dict) else None
    return found if type(found) is int and 0 < found < GREATEST else None


def _paused(checked: Tick | None) -> bool | None:
    """Whether the engine is paused; None where that was not told."""
    told = [one for one in checked.outcomes if one.check is Check.ENGINE] if checked else []
    if not told or told[-1].passed is None:
        return None
    return told[-1].kind == "paused"
