"""KV blocks on their way: fetched from another server (P/D), or put aside in CPU memory.

Which metrics there are depends on the connector; a rule looks at those of them that are told.
Blocks that were given up are counted by the server that prefilled them: they are its own, and no
other came for them in time.
"""

import numpy as np

from lib.diagnosis.counts import ago, grown, per_second, steps_of
from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Rival, Severity
from lib.diagnosis.links import TTFT_95, in_order, risen, some
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import MINUTE, Scene, last
from lib.diagnosis.words import counted, long, percent, rate
from lib.metrics import BY_NAME
from lib.metrics.sample import Values

__all__ = ["RULES"]

FETCHING = ("kv_fetch", "transfer_failures")
FAILED_OVER = 120.0
STALLED = 3.0
"""Requests whose blocks are on their way: so many more than ever before are a jam."""
STALLED_SHARE = 0.25
"""Of the requests that run: with more load more blocks are on their way, and arrive."""
STALLED_OVER, STALLED_FOR = 180.0, 60.0
FEWER_HITS = 0.7

OFFLOADING = ("offload_kv_usage", "offload_pending")
FULL, NOT_FULL = 0.9, 0.85
FULL_FOR, FULL_OVER = 60.0, 60.0
PENDING_OVER = 300.0
PENDING_LEAST = 8.0

SOURCE = "vLLM documentation: disaggregated prefilling"

# ── Do blocks arrive from the other server ──


def _transfer_stalls(scene: Scene) -> Finding | None:
    failed, jam = _counted(scene, "transfer_failures", "Failed transfers"), _jam(scene)
    links = some(failed, jam)
    if not links:
        return None
    since = min(link.since for link in links if link.since is not None)
    return Finding(
        rule="transfer_stalls",
        pattern=26,
        severity=Severity.BAD if len(links) > 1 else Severity.WATCH,
        brief="KV transfer stalls",
        headline=f"Some transfers of KV blocks fail: {failed.figure} in the {failed.window}"
        if failed
        else "KV blocks of other servers arrive slower than they are asked for",
        detail="The link between the servers is slow or lost, or the other server has too much to "
        "do. What does not arrive is computed again, or waited for.",
        since=since,
        chain=in_order(
            (*links, _fewer_hits(scene, since), risen(scene, TTFT_95, "TTFT p95", since))
        ),
        rivals=some(_no_failures(scene)),
        remedies=(
            Remedy("", "check the link between the servers and the other server's load"),
            Remedy("", "look for the transfers that failed in the log of either server"),
        ),
        source=SOURCE,
    )


# ── Does the other server come for its blocks ──


def _blocks_expire(scene: Scene) -> Finding | None:
    link = _counted(scene, "transfer_expired", "Given up before they were fetched")
    if link is None or link.since is None:
        return None
    return Finding(
        rule="blocks_expire",
        pattern=26,
        severity=Severity.WATCH,
        brief="KV blocks not fetched",
        headline="Other servers fetch KV blocks too late; they are given up",
        detail=f"Those of {link.figure} in the {link.window}: prefilled here, held for a while, "
        "and to be computed again where they are wanted.",
        since=link.since,
        chain=(link,),
        remedies=(
            Remedy("", "look at the servers that fetch: their queue, and the link to them"),
            Remedy(
                "--kv-transfer-config",
                "a longer time until blocks are given up",
                "blocks are held longer",
            ),
        ),
        source=SOURCE,
    )


def _counted(scene: Scene, quantity: str, label: str) -> Link | None:
    """How many there were lately; None if there was none."""
    grew = grown(scene, FAILED_OVER, quantity, dated=True)
    since = scene.since(grew > 0, known=np.isfinite(grew), hold=0.0, release=0.0)
    if since is None:
        return None
    figure = counted(last(grew), BY_NAME[quantity].unit.removesuffix("s"))
    curve = Curve(quantity, How.RATE, limit=0.0, span=FAILED_OVER)
    return Link(quantity, label, figure, "> 0", f"last {long(FAILED_OVER)}", since, curve=curve)


def _jam(scene: Scene) -> Link | None:
    line = Curve("kv_fetch", How.GAUGE, part="in_progress")
    fetching = scene.curve(line)
    usual = _highest_before(scene, fetching)
    since = scene.since(
        (fetching >= usual + STALLED) & ~(fetching < STALLED_SHARE * scene.running),
        fetching <= usual + 1,
        known=np.isfinite(fetching) & np.isfinite(usual),
        hold=STALLED_FOR,
        release=30.0,
    )
    if since is None:
        return None
    figure = counted(last(fetching), "request")
    limit = f"≥ {STALLED:.0f} more than ever until {long(STALLED_OVER)} before"
    return Link("kv_fetch", "Blocks on their way for", figure, limit, "now", since, curve=line)


def _highest_before(scene: Scene, curve: Values) -> Values:
    """The highest that was seen until some minutes before each moment; NaN without so much."""
    highest = np.maximum.accumulate(np.nan_to_num(curve))
    before = ago(scene, STALLED_OVER, highest)
    before[: steps_of(scene, STALLED_OVER)] = np.nan
    return before


def _fewer_hits(scene: Scene, since: float) -> Link | None:
    """Whether less is found in the other server's cache than before."""
    line = Curve("external_prefix_hits", How.RATIO, to="external_prefix_queries", span=MINUTE)
    base, share = scene.before(line, since), scene.curve(line)
    if base is None or not base.median > 0:
        return None
    began = scene.crossed(share <= FEWER_HITS * base.median, since)
    if began is None or last(share) > FEWER_HITS * base.median:
        return None
    figure = f"{percent(last(share))}, {percent(base.median)} before"
    limit = f"≤ {FEWER_HITS:.0%} of before"
    return Link(
        "external_prefix_hits", "Found elsewhere", figure, limit, "last 60 s", began, curve=line
    )


def _no_failures(scene: Scene) -> Rival | None:
    if scene.window.increase("transfer_failures") != 0:
        return None
    return Rival("failed transfers", "none was counted")


# ── Does offloading have room ──


def _offload_full(scene: Scene) -> Finding | None:
    full, stuck = _pool_full(scene), _stuck(scene)
    links = [link for link in (full, stuck) if link is not None and link.since is not None]
    if not links:
        return None
    since = min(link.since for link in links if link.since is not None)
    return Finding(
        rule="offload_full",
        pattern=27,
        severity=Severity.WATCH if stuck else Severity.HINT,
        brief="Offloading stuck" if stuck else "Offload memory full",
        headline="KV blocks pile up on their way to CPU memory"
        if stuck
        else "The CPU memory for KV blocks is full: what is put aside is soon lost again",
        detail=(
            "Blocks that cannot be put aside are computed again when their text comes back; "
            "the server works, but the feature brings little."
        ),
        since=since,
        chain=in_order((*links, _allocation(scene))),
        remedies=(
            Remedy("--kv-offloading-size", "more memory for it", "memory of the host"),
            Remedy("", "put aside only what is asked for more than once (store threshold)"),
        ),
        source="vLLM documentation: KV offloading",
    )


def _pool_full(scene: Scene) -> Link | None:
    if not scene.tells("offload_failures"):
        return None  # a full cache that makes room for what comes is as it should be
    line = Curve("offload_kv_usage", How.MAX, limit=FULL)
    usage = scene.curve(line)
    refused = grown(scene, PENDING_OVER, "offload_failures") > 0
    since = scene.since(
        (usage >= FULL) & refused,
        (usage < NOT_FULL) | ~refused,
        known=np.isfinite(usage),
        hold=FULL_FOR,
        release=FULL_OVER,
    )
    if since is None:
        return None
    limit = f"≥ {FULL:.0%} for {FULL_FOR:.0f} s"
    figure = f"{percent(last(usage))} used"
    return Link("offload_kv_usage", "Offload memory", figure, limit, "now", since, curve=line)


def _allocation(scene: Scene) -> Link | None:
    failed = grown(scene, PENDING_OVER, "offload_failures")
    began = scene.since(failed > 0, known=np.isfinite(failed), hold=0.0, release=0.0)
    if began is None:
        return None
    return Link(
        "offload_failures",
        "No room for a block",
        rate(per_second(scene, last(failed), PENDING_OVER)),
        "> 0",
        f"last {long(PENDING_OVER)}",
        began,
        curve=Curve("offload_failures", How.RATE, limit=0.0, span=PENDING_OVER),
    )


def _stuck(scene: Scene) -> Link | None:
    line = Curve("offload_pending", How.GAUGE)
    pending = scene.curve(line)
    more = pending - ago(scene, PENDING_OVER, pending)
    never_less = pending >= ago(scene, MINUTE, pending)
    since = scene.since(
        (more >= PENDING_LEAST) & never_less,
        ~never_less,
        known=np.isfinite(pending),
        hold=PENDING_OVER,
        release=0.0,
    )
    if since is None:
        return None
    figure = f"{last(pending):,.0f} blocks"
    limit = f"only grows for {long(PENDING_OVER)}"
    return Link(
        "offload_pending", "Waiting to be put aside", figure, limit, "now", since, curve=line
    )


def _no_connector(scene: Scene) -> str:
    told = any(scene.tells(one) for one in FETCHING)
    return "" if told else f"this server does not report {scene.lacks(FETCHING[:1])}"


def _no_offloading(scene: Scene) -> str:
    told = any(scene.tells(one) for one in OFFLOADING)
    return "" if told else f"this server does not report {scene.lacks(OFFLOADING[:1])}"


RULES: tuple[Rule, ...] = (
    Rule(
        "transfer_stalls",
        26,
        "KV blocks of other servers arrive",
        (),
        _transfer_stalls,
        least=60.0,
        explains=("deferred", "seat_limit", "errors", "hits_fell", *SYMPTOMS),
        lacks=_no_connector,
    ),
    Rule(
        "blocks_expire",
        26,
        "Other servers fetch their KV blocks in time",
        ("transfer_expired",),
        _blocks_expire,
        least=60.0,
    ),
    Rule(
        "offload_full",
        27,
        "Offloading has room",
        (),
        _offload_full,
        least=120.0,
        lacks=_no_offloading,
    ),
)
