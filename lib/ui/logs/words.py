"""A log in words: the sentence above all, its figures, and when things were.

Decided here: what of a log comes first. An end has a cause; a server that runs has an address.
"""

from datetime import UTC, datetime

from lib.logs import End, Gravity, Log
from lib.logs.troubles import Kind
from lib.ui.plain import ABSENT, count, duration, listed, plain

__all__ = ["moment", "summary"]

Words = dict[str, object]
_TONES = {
    End.NOT_STARTED: "bad",
    End.ENGINE_DIED: "bad",
    End.KILLED: "bad",
    End.UNFINISHED: "watch",
    End.OPEN: "good",
}


def moment(at: float | None, *, has_year: bool = False, has_day: bool = True) -> str:
    """A moment of the log as it writes it; "" where it tells none."""
    if at is None:
        return ""
    form = ("%Y-%m-%d " if has_year else "%m-%d ") if has_day else ""
    return datetime.fromtimestamp(at, UTC).strftime(f"{form}%H:%M:%S")


def summary(log: Log) -> Words:
    """All that stands above the rest."""
    if not log.known and not log.marks and not log.cause:
        tone, sentence = "watch", "No line of this is one that a vLLM server prints."
        return {"tone": tone, "sentence": sentence, "more": _more(log), "tiles": [], "remarks": []}
    return {
        "tone": _TONES.get(log.end, "hint"),
        "sentence": _sentence(log),
        "more": _more(log),
        "tiles": _tiles(log),
        "remarks": [],
    }


def _sentence(log: Log) -> str:
    version = f"vLLM {plain(log.version, 40)}" if log.version else "This server"
    if log.cause:
        is_told = log.starts or log.statistics or log.cause.kind is Kind.ARGUMENTS
        ended = _ended(log.end) if is_told else "failed"
        return f"{version} {ended}: {log.cause.title[:1].lower()}{log.cause.title[1:]}."
    if log.end is End.OPEN:
        where = f" on {plain(log.address, 80)}" if log.address else ""
        took = log.starts[-1].seconds if log.starts else None
        after = f", {duration(took)} after its first line" if took else ""
        return f"{version} serves {_model(log)}{where}: ready{after}."
    if log.end is End.UNFINISHED:
        return f"{version} is still starting where the log ends."
    if log.end is End.SHUT_DOWN:
        return f"{version} served {_model(log)} and was shut down."
    return f"{version} {_ended(log.end)}."


def _ended(end: End) -> str:
    return {
        End.NOT_STARTED: "did not start",
        End.ENGINE_DIED: "ended, its engine died",
        End.KILLED: "was killed",
        End.UNKNOWN: "tells neither its start nor its end here",
    }.get(end, end.value)


def _model(log: Log) -> str:
    return listed(log.names, 3, 80) or plain(log.model, 80) or "a model"


def _more(log: Log) -> list[str]:
    said = []
    if log.cause:
        said += [log.cause.what, f"What to do: {log.cause.remedy}" if log.cause.remedy else ""]
    if len(log.starts) > 1:
        said.append(
            f"The log holds {count(len(log.starts))} starts; what is described is the newest, from"
            f" line {count(log.starts[-1].line)} on."
        )
    if log.carriers:
        said.append(f"What carried it was taken off: {listed(log.carriers, 4)}.")
    if len(log.containers) > 1:
        said.append(
            f"Lines of {count(len(log.containers))} containers are mixed in it"
            f" ({listed(log.containers, 4, 60)}), and so is what is told here: read the log of each"
            " by itself."
        )
    if log.cut:
        long = "line" if log.cut == 1 else "lines"
        said.append(f"Only the beginning of {count(log.cut)} very long {long} was read.")
    return [one for one in said if one]


def _tiles(log: Log) -> list[dict[str, str]]:
    took = log.starts[-1].seconds if log.starts else None
    held = log.capacity
    loud = [one for one in log.remarks if one.gravity is not Gravity.HINT]
    bad = sum(one.gravity is Gravity.BAD for one in loud)
    figures = (
        ("start", duration(took), "From its first line to “Application startup complete”", ""),
        (
            "KV cache, tokens",
            count(held.tokens),
            "As the server measured it; older releases tell blocks only",
            "",
        ),
        *((("KV blocks", count(held.blocks), "As the log says", ""),) if held.blocks else ()),
        (
            "longest requests at once",
            f"{held.concurrency:.1f}" if held.concurrency is not None else ABSENT,
            "Tokens of the KV cache divided by those of the longest request",
            "",
        ),
        ("routes", count(len(log.routes)) if log.routes else ABSENT, "In the log's list", ""),
        ("bad", count(bad), "Kinds of errors that are bad for the server", "bad" if bad else ""),
        (
            "to look at",
            count(len(loud) - bad),
            "Kinds of warnings",
            "watch" if len(loud) > bad else "",
        ),
        ("lines", count(log.lines), f"{count(log.size)} bytes", ""),
    )
    return [
        {"label": label, "value": value, "hint": hint, "tone": tone}
        for label, value, hint, tone in figures
    ]
