"""All rules, in the order in which they are asked. A file holds the rules of one family."""

from lib.diagnosis.rule import Rule
from lib.diagnosis.rules import memory

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*memory.RULES,)
