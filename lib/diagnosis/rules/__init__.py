"""All rules, in the order in which they are asked. A file holds the rules of one family."""

from lib.diagnosis.rule import Rule
from lib.diagnosis.rules import (
    deferred,
    departures,
    engine,
    features,
    hosts,
    memory,
    outcomes,
    pace,
    prefix,
    queue,
    replicas,
    sizing,
    states,
    transfer,
    warming,
    workload,
)

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *states.RULES,
    *engine.RULES,
    *memory.RULES,
    *queue.RULES,
    *deferred.RULES,
    *workload.RULES,
    *prefix.RULES,
    *sizing.RULES,
    *departures.RULES,
    *features.RULES,
    *hosts.RULES,
    *outcomes.RULES,
    *pace.RULES,
    *replicas.RULES,
    *transfer.RULES,
    *warming.RULES,
)
