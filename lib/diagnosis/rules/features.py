"""Features that cost more than they bring: adapters without a slot, drafts that are thrown away.

And a cache that finds nothing because its blocks are larger than what prompts share.
"""

from collections.abc import Iterable

import numpy as np

from lib.diagnosis.counts import grown, per_second, steps_of
from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Rival, Severity
from lib.diagnosis.links import TTFT_95, in_order, not_memory, queue, risen, some
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import MINUTE, Scene, last
from lib.diagnosis.words import between, counted, long, percent, rate

__all__ = ["RULES"]

SLOTS_FOR, SLOTS_OVER = 30.0, 30.0

DRAFTS_OVER = 300.0
DRAFTED = 1_000.0
"""Tokens without which nothing is said of drafts."""
ACCEPTED, LENGTH = 0.3, 1.5
ITL_50 = Curve("itl", How.PERCENTILE, q=0.5, span=MINUTE)

BLOCKS_OVER = 600.0
LARGE = 32.0
"""Tokens in a block that more than a short system prompt is needed to fill."""
LOOKED_UP, REQUESTS = 2_000.0, 30.0

# ── Do adapters wait for a slot ──


def _adapters_wait(scene: Scene) -> Finding | None:
    wanted = scene.curve(Curve("lora_wanted", How.MAX))
    slots = scene.curve(Curve("lora_slots", How.MAX))
    short = (wanted > slots) & (scene.waiting > 0)
    known = np.isfinite(wanted) & np.isfinite(slots) & np.isfinite(scene.waiting)
    since = scene.since(short, known=known, hold=SLOTS_FOR, release=SLOTS_OVER)
    if since is None:
        return None
    room, now = last(slots), float(wanted[short][-steps_of(scene, SLOTS_OVER) :].max())
    return Finding(
        rule="adapters_wait",
        pattern=15,
        severity=Severity.WATCH,
        brief="Adapters wait",
        headline="More adapters (LoRA) are asked for than fit in at once; requests take turns",
        detail=(
            f"{now:,.0f} adapters have requests, {room:,.0f} may be active in one step. A request "
            "whose adapter has no slot waits, whatever room there is."
        ),
        since=since,
        chain=in_order(
            (
                Link(
                    "lora_wanted",
                    "Adapters asked for",
                    f"{now:,.0f}",
                    f"> {room:,.0f} (max_lora) for {SLOTS_FOR:.0f} s",
                    "now",
                    since,
                    curve=Curve("lora_wanted", How.MAX, limit=room),
                ),
                _deferred(scene, since),
                queue(scene),
                risen(scene, TTFT_95, "TTFT p95", since),
            )
        ),
        rivals=some(not_memory(scene, since)),
        remedies=(
            Remedy(f"--max-loras {now:.0f}", "a slot for each", "GPU memory"),
            Remedy("--max-cpu-loras", "keep more of them at hand", "memory of the host"),
            Remedy("", "send each adapter's requests to the same replica"),
        ),
        source="vllm-project/vllm#15422",
    )


def _deferred(scene: Scene, since: float) -> Link | None:
    line = Curve("waiting_by_reason", How.GAUGE, part="deferred")
    deferred = scene.curve(line)
    began = scene.crossed(deferred > 0, since)
    if began is None or not last(deferred) > 0:
        return None
    return Link(
        "waiting_by_reason", "Deferred", f"{last(deferred):,.0f}", "> 0", "now", began, curve=line
    )


# ── Do drafts help ──


def _drafts_wasted(scene: Scene) -> Finding | None:
    drafted = grown(scene, DRAFTS_OVER, "draft_tokens")
    accepted = grown(scene, DRAFTS_OVER, "accepted_tokens")
    with np.errstate(divide="ignore", invalid="ignore"):
        share = accepted / drafted
        length = 1 + accepted / grown(scene, DRAFTS_OVER, "drafts")
    poor = (share < ACCEPTED) & (length < LENGTH)
    enough = drafted >= DRAFTED
    since = scene.since(
        poor & enough,
        ~poor | ~enough,
        known=np.isfinite(share) & np.isfinite(length),
        hold=60.0,
        release=60.0,
    )
    if since is None or _streams_are_faster(scene, since):
        return None
    line = Curve("accepted_tokens", How.RATIO, to="draft_tokens", limit=ACCEPTED, span=DRAFTS_OVER)
    over = f"last {long(DRAFTS_OVER)}"
    return Finding(
        rule="drafts_wasted",
        pattern=24,
        severity=Severity.HINT,
        brief="Drafts wasted",
        headline="Most drafted tokens are thrown away",
        detail=(
            f"A step of a request brings {last(length):.2f} tokens on average; without drafts it "
            "brings 1 and is cheaper, the more so the more requests run."
        ),
        since=since,
        chain=(
            Link(
                "accepted_tokens",
                "Drafted tokens accepted",
                percent(last(share)),
                f"< {ACCEPTED:.0%}",
                over,
                since,
                curve=line,
            ),
            Link(
                "accepted_tokens",
                "Tokens per step and request",
                f"{last(length):.2f}",
                f"< {LENGTH}",
                over,
            ),
            Link(
                "draft_tokens",
                "Thrown away",
                rate(per_second(scene, last(drafted - accepted), DRAFTS_OVER), "tokens"),
                "",
                over,
                curve=Curve("draft_tokens", How.RATE, span=DRAFTS_OVER),
            ),
        ),
        rivals=some(_few_run(scene, since)),
        remedies=(
            Remedy("--speculative-config", "fewer num_speculative_tokens, or another method"),
            Remedy("", "no speculation while many requests run", "slower single streams"),
        ),
        source="vLLM documentation: speculative decoding",
    )


def _streams_are_faster(scene: Scene, since: float) -> bool:
    """Whether tokens come clearly faster than before: then drafts bring something all the same."""
    base, now = scene.before(ITL_50, since), last(scene.curve(ITL_50))
    return base is not None and base.is_left_by(now) and now < base.median


def _few_run(scene: Scene, since: float) -> Rival | None:
    """A large batch, if there is none: then it is the draft that is poor."""
    highest = scene.highest(scene.running, since)
    if not highest <= 8:
        return None
    return Rival("a large batch", f"at most {counted(highest, 'request')} at once")


# ── Are blocks larger than what prompts share ──


def _blocks_too_large(scene: Scene) -> Finding | None:
    size = scene.label("block_size")
    since = scene.window.end - BLOCKS_OVER
    looked_up, hits = (scene.increase(name, since) for name in ("prefix_queries", "prefix_hits"))
    ended = scene.increase("prompt_length", since, "le=inf")
    if size is None or looked_up is None or size <= LARGE or hits != 0:
        return None
    if looked_up < LOOKED_UP or not (ended or 0.0) >= REQUESTS:
        return None
    over = f"last {long(BLOCKS_OVER)}"
    return Finding(
        rule="blocks_too_large",
        pattern=9,
        severity=Severity.HINT,
        brief="Blocks too large to share",
        headline="No prompt finds anything in the prefix cache; its blocks may be too large",
        detail=(
            f"Only whole blocks of {size:,.0f} tokens are shared: a common beginning that is "
            "shorter is computed every time. That is how the cache works, not a fault."
        ),
        since=max(scene.window.start, since),
        chain=(
            Link(
                "prefix_hits",
                "Prompt tokens found",
                f"0 of {looked_up:,.0f}",
                f"= 0, in blocks of {size:,.0f} tokens",
                over,
                curve=Curve("prefix_hits", How.RATIO, to="prefix_queries", span=60.0),
            ),
            *_lengths(scene),
        ),
        remedies=(
            Remedy(
                "--block-size 16", "smaller blocks, where the hardware allows", "slower kernels"
            ),
            Remedy("--prefix-match-unit", "match in finer units"),
            Remedy("", "a longer common beginning of the prompts"),
        ),
        source="vllm-project/vllm#54607",
    )


def _lengths(scene: Scene) -> Iterable[Link]:
    found = scene.window.percentile("prompt_length", 0.5)
    if found is not None and np.isfinite(found.value):
        figure = f"{between(float(found.low), float(found.high))} tokens"
        yield Link("prompt_length", "Typical prompt", figure, "", "whole window")


def _caching_is_off(scene: Scene) -> str:
    if any(one.get("enable_prefix_caching") == "False" for one in scene.window.layout.configs):
        return "the prefix cache is off"
    return "" if scene.label("block_size") is not None else "the block size is not known"


RULES: tuple[Rule, ...] = (
    Rule(
        "adapters_wait",
        15,
        "Adapters find a slot",
        ("lora_wanted", "lora_slots", "waiting"),
        _adapters_wait,
        least=SLOTS_FOR,
        explains=("deferred", "grammar", "seat_limit", *SYMPTOMS),
    ),
    Rule(
        "drafts_wasted",
        24,
        "Drafts are worth it",
        ("drafts", "draft_tokens", "accepted_tokens"),
        _drafts_wasted,
        least=120.0,
        at_work=True,
    ),
    Rule(
        "blocks_too_large",
        9,
        "Prompts find what they share",
        ("prefix_queries", "prefix_hits", "prompt_length"),
        _blocks_too_large,
        least=BLOCKS_OVER,
        lacks=_caching_is_off,
        at_work=True,
    ),
)
