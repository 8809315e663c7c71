"""A window of metrics → what is wrong, since when, and what to do. Pure: no network, no clock."""

from lib.diagnosis.finding import Diagnosis, Evidence, Finding, Severity
from lib.diagnosis.rules import RULES, Rule, diagnose

__all__ = ["RULES", "Diagnosis", "Evidence", "Finding", "Rule", "Severity", "diagnose"]
