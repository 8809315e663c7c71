"""All rules, in the order in which they are asked. A file holds the rules of one family."""

from lib.diagnosis.rule import Rule
from lib.diagnosis.rules import deferred, engine, memory, prefix, queue, sizing, workload

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *engine.RULES,
    *memory.RULES,
    *queue.RULES,
    *deferred.RULES,
    *workload.RULES,
    *prefix.RULES,
    *sizing.RULES,
)
