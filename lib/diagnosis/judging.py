"""All rules, put to one window: findings, one per cause, worst first.

Decided here: a finding that another one explains is no finding of its own but a word in that one's,
unless the cause began clearly later than what it is said to have caused (a bare symptom is given
longer: a cause that comes and goes at first is late to be sure of). The finding that explains
others is as bad as the worst of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lib.diagnosis.context import Context
from lib.diagnosis.finding import Diagnosis, Finding
from lib.diagnosis.rule import Rule
from lib.diagnosis.rules import RULES
from lib.diagnosis.scene import RESTS_AFTER, Scene
from lib.diagnosis.words import long
from lib.metrics import Window

__all__ = ["diagnose"]

ENOUGH = 0.98
"""Of the time that a rule needs: a few late or failed scrapes do not count."""

AFTER, AFTER_SYMPTOM = 120.0, 300.0
"""Seconds that a cause may be seen to begin after its effect: for-times and spans differ."""


def diagnose(window: Window, context: Context | None = None) -> Diagnosis:
    """Put every rule to the window."""
    scene = Scene(window, context or Context())
    findings: list[Finding] = []
    fine, unchecked = [], []
    for rule in RULES:
        if hindrance := _hindrance(rule, scene):
            unchecked.append(f"{rule.asks}: {hindrance}")
        elif (finding := rule.finds(scene)) is not None:
            findings.append(finding)
        else:
            fine.append(rule.asks)
    causes = one_per_cause(findings, {rule.name: rule.explains for rule in RULES})
    return Diagnosis(tuple(causes), tuple(fine), tuple(unchecked))


def _hindrance(rule: Rule, scene: Scene) -> str:
    """Why a rule can't be put to a window; "" if it can."""
    if scene.silent and not rule.blind:
        return "no answer in the last minute"
    if lacking := scene.lacks(rule.needs):
        return f"this server does not report {lacking}"
    if scene.seen < ENOUGH * rule.least:
        return f"needs {long(rule.least)} of readings"
    if rule.at_work and scene.rests:
        return f"nothing was asked in the last {long(RESTS_AFTER)}"
    return rule.lacks(scene)


def one_per_cause(
    findings: Sequence[Finding], explains: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """The findings that no other one explains, each with the briefs of those that it explains."""
    effects: dict[str, list[Finding]] = {}
    roots = {one.rule: _root(one, findings, explains) for one in findings}
    for one in findings:
        if roots[one.rule] != one.rule:
            effects.setdefault(roots[one.rule], []).append(one)
    causes = [
        _with(one, effects.get(one.rule, [])) for one in findings if roots[one.rule] == one.rule
    ]
    return sorted(causes, key=lambda one: (one.severity.rank, -len(one.merged), one.since))


def _root(
    finding: Finding, findings: Sequence[Finding], explains: Mapping[str, Sequence[str]]
) -> str:
    """The rule of the finding at the beginning: causes have causes."""
    passed: list[str] = []
    while finding.rule not in passed:
        passed.append(finding.rule)
        latest = finding.since + (AFTER if finding.pattern else AFTER_SYMPTOM)
        causes = (
            one
            for one in findings
            if finding.rule in (*explains.get(one.rule, ()), *one.explains) and one.since <= latest
        )
        finding = min(causes, key=lambda one: one.severity.rank, default=finding)
    return finding.rule


def _with(cause: Finding, effects: Sequence[Finding]) -> Finding:
    worst = min((one.severity for one in (cause, *effects)), key=lambda one: one.rank)
    return replace(cause, severity=worst, merged=tuple(one.brief for one in effects))
