"""What an engine is given: the flags that its scheduler obeys, and how fast its GPU is."""

from dataclasses import dataclass

__all__ = ["Limits", "Pace"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The flags of an engine that a scheduler obeys."""

    usable_blocks: int
    max_model_len: int
    max_num_seqs: int = 64
    """Seats: requests that run at once."""
    token_budget: int = 2048
    """Tokens in one step (`--max-num-batched-tokens`)."""
    max_queued: int | None = None
    """Waiting requests beyond which a new one is refused; None for no limit."""
    swap_blocks: int = 0
    """Blocks of CPU memory to swap to; 0 means that a preempted request is computed again."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a step takes: a constant, and a little more for each token in it. Seconds."""

    step: float
    per_prompt_token: float
    per_sequence: float
    jitter: float = 0.06
    """Standard deviation, as a share of the step."""

    def seconds(self, prompt_tokens: int, sequences: int) -> float:
        return self.step + self.per_prompt_token * prompt_tokens + self.per_sequence * sequences
