"""What is known of a server from elsewhere than its metrics: all of it may be unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from lib.metrics import Window

__all__ = ["Context"]


@dataclass(frozen=True, slots=True)
class Context:
    """Facts that a rule may use and must do without.

    `max_num_seqs`, `max_model_len` and `max_num_batched_tokens` are of the server's configuration,
    `paused` what /is_paused said, `peers` windows of other servers of the same model by name,
    `metrics_state` why there are no metrics ("" where there are or nothing is known).
    """

    max_num_seqs: int | None = None
    max_model_len: int | None = None
    max_num_batched_tokens: int | None = None
    paused: bool | None = None
    peers: Mapping[str, Window] = field(default_factory=lambda: MappingProxyType({}))
    metrics_state: str = ""
