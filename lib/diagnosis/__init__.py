"""A window of metrics → what is wrong, since when, and what to do. Pure: no network, no clock."""

from lib.diagnosis.context import Context
from lib.diagnosis.finding import (
    Curve,
    Diagnosis,
    Finding,
    How,
    Link,
    Remedy,
    Rival,
    Severity,
)
from lib.diagnosis.forecast import Forecast
from lib.diagnosis.judging import diagnose
from lib.diagnosis.outlook import Outlook, outlook
from lib.diagnosis.points import points
from lib.diagnosis.rule import Rule
from lib.diagnosis.rules import RULES
from lib.diagnosis.waiting import Cause

__all__ = [
    "RULES",
    "Cause",
    "Context",
    "Curve",
    "Diagnosis",
    "Finding",
    "Forecast",
    "How",
    "Link",
    "Outlook",
    "Remedy",
    "Rival",
    "Rule",
    "Severity",
    "diagnose",
    "outlook",
    "points",
]
