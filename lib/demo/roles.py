"""Who plays what: the demo servers, each with its engine's size and its clients.

The figures are chosen so that the figures on screen are those of a small GPU with a 7B model:
about 30 steps a second, seats and blocks that a few requests a second fill. `demo-chat` breathes
between idle and busy without trouble, `demo-pressure` has too few blocks for its clients,
`demo-tutorial` is a half-empty V0 engine, `demo-hang` is ordinary until it is told to hang. These
two serve the same model, with another release, length and cache each. They answer chat and
completions, and differ in what they tell: `demo-chat` the cached tokens, `demo-pressure` its
thoughts and its own times, `demo-hang` neither, `demo-tutorial` what its old release knew.
`demo-embed` makes vectors instead of texts, of many short ones a second.
"""

from dataclasses import dataclass

from lib.demo.limits import Limits, Pace
from lib.demo.load import Traffic

__all__ = ["ROLES", "Role"]


@dataclass(frozen=True, slots=True)
class Role:
    """One demo server. Everything a person may see of it contains the word "demo"."""

    name: str
    port: int
    """Where it likes to listen; another port is taken if this one is not free."""
    model: str
    version: str
    tokenizer: str
    """A family that `tokenizers.load` knows."""
    limits: Limits
    pace: Pace
    traffic: Traffic
    tutorial: bool = False
    """Speaks the tutorial's dialect over a V0 engine."""
    may_hang: bool = False
    """Offers `POST /demo/hang`, `POST /demo/restart` and `POST /demo/unlist`."""
    adapters: tuple[str, ...] = ()
    """Adapters (LoRA) of its model that it lists; nobody asks for them."""
    may_think: bool = False
    """Has a reasoning parser: an answer may begin with thoughts."""
    thinks: bool = False
    """Does think, unless a request switches it off (`enable_thinking`)."""
    tells_cached: bool = False
    """`--enable-prompt-tokens-details`."""
    tells_times: bool = False
    """`--enable-per-request-metrics`."""
    dimensions: int = 0
    """Serves a model that makes vectors of so many numbers; 0: one that generates."""
    matryoshka: bool = False
    """Its vectors may be asked for shorter (`dimensions`)."""


CURRENT = "0.32.0+demo"
V0 = "0.6.6.post1+demo"
PACE = Pace(step=0.026, per_prompt_token=0.00009, per_sequence=0.0003)

ROLES = (
    Role(
        name="demo-chat",
        port=18001,
        model="demo/tekken-7b",
        version=CURRENT,
        tokenizer="tekken",
        limits=Limits(usable_blocks=3999, max_model_len=4096),
        pace=PACE,
        traffic=Traffic(
            calm=0.15, busy=3.2, burst=5.5, cycle=240.0,
            prompt=180, output=160, spread=0.7, limit=512, longest=3500,
        ),
        tells_cached=True,
    ),
    Role(
        name="demo-pressure",
        port=18002,
        model="demo/tekken-7b-tight",
        version=CURRENT,
        tokenizer="tekken",
        limits=Limits(usable_blocks=1199, max_model_len=4096, max_num_seqs=48, max_queued=96),
        pace=PACE,
        traffic=Traffic(
            calm=1.4, busy=3.3, burst=4.4, cycle=180.0,
            prompt=260, output=240, spread=0.6, limit=600, longest=2500, follow_up=0.25,
        ),
        adapters=("demo/tekken-7b-tight-sql",),
        may_think=True,
        thinks=True,
        tells_times=True,
    ),
    Role(
        name="demo-tutorial",
        port=18003,
        model="demo/sentencepiece-7b",
        version=V0,
        tokenizer="sentencepiece",
        limits=Limits(usable_blocks=2600, max_model_len=8192, max_num_seqs=32, swap_blocks=2048),
        pace=PACE,
        traffic=Traffic(
            calm=0.8, busy=1.8, burst=2.2, cycle=200.0,
            prompt=200, output=180, spread=0.5, limit=512, longest=3000,
        ),
        tutorial=True,
        may_think=True,
    ),
    Role(
        name="demo-hang",
        port=18004,
        model="demo/sentencepiece-7b",
        version=CURRENT,
        tokenizer="sentencepiece",
        limits=Limits(usable_blocks=2047, max_model_len=4096, max_num_seqs=32),
        pace=PACE,
        traffic=Traffic(
            calm=0.5, busy=1.5, burst=2.0, cycle=150.0,
            prompt=150, output=140, spread=0.5, limit=400, longest=2500,
        ),
        may_hang=True,
    ),
    Role(
        name="demo-embed",
        port=18005,
        model="demo/hashed-384",
        version=CURRENT,
        tokenizer="tekken",
        limits=Limits(usable_blocks=1023, max_model_len=512, max_num_seqs=64),
        pace=Pace(step=0.006, per_prompt_token=0.00002, per_sequence=0.0001),
        traffic=Traffic(
            calm=1.0, busy=14.0, burst=30.0, cycle=160.0,
            prompt=60, output=0, spread=0.8, limit=0, longest=500,
            heads=1, head_tokens=0, follow_up=0.0,
        ),
        dimensions=384,
    ),
)  # fmt: skip
