"""A text that matches a regular expression, for the simple ones that people give a server.

Understood are literals, escapes, classes, groups, alternatives and repeats. Whatever else stands in
a pattern is refused, as an engine's compiler refuses what it does not know.
"""

import random
import re
import string

from lib.demo.replies import RefusalError

__all__ = ["matching"]

CLASSES = {
    "d": string.digits,
    "w": string.ascii_lowercase + string.digits,
    "s": " ",
    "D": string.ascii_lowercase,
    "W": "-",
    "S": string.ascii_lowercase,
}
CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
PRINTABLE = string.ascii_letters + string.digits + " -_.,:"
REPEAT = re.compile(r"([*+?]|\{(?=[\d,])(\d*)(,?)(\d*)\})[?+]?")
MOST_REPEATS = 8
"""How often an unbounded repeat is followed at the most."""
LONGEST = 4000
MOST_STEPS = 20_000
"""A pattern of repeats within repeats ends here."""


def matching(pattern: str, dice: random.Random) -> str:
    """A text that the whole pattern matches.

    Raises:
        RefusalError: the pattern is none, or too much for this small reader.
    """
    reader = _Reader(pattern, dice)
    try:
        text = reader.alternatives()
    except (IndexError, RecursionError) as error:
        raise _refused(pattern) from error
    if reader.place < len(pattern):
        raise _refused(pattern)
    return text[:LONGEST]


def _refused(pattern: str) -> RefusalError:
    return RefusalError(400, "BadRequestError", f'Grammar error: invalid regex "{pattern[:200]}"')


class _Reader:
    """Goes through a pattern once and writes as it goes."""

    def __init__(self, pattern: str, dice: random.Random) -> None:
        self._pattern = pattern
        self._dice = dice
        self._steps = 0
        self.place = 0

    def alternatives(self) -> str:
        """One of several texts, up to the end of the group or of the pattern."""
        choices = [self._sequence()]
        while self._next() == "|":
            self.place += 1
            choices.append(self._sequence())
        return self._dice.choice(choices)

    def _next(self) -> str:
        return self._pattern[self.place : self.place + 1]

    def _sequence(self) -> str:
        written = ""
        while self._next() not in {"", "|", ")"} and len(written) <= LONGEST:
            begun = self.place
            one = self._one()
            found = REPEAT.match(self._pattern, self.place)
            if found is None:
                written += one
                continue
            for _ in range(self._times(found)):
                self.place = begun  # each round throws its own dice
                written += self._one()
            self.place = found.end()
        return written

    def _times(self, found: re.Match[str]) -> int:
        sign, least, comma, most = found.groups()
        if least is None:
            low, high = {"*": (0, 4), "+": (1, 4), "?": (0, 1)}[sign]
        else:
            low = int(least or 0)
            high = int(most) if most else low + 4 if comma else low
        return self._dice.randint(min(low, LONGEST), min(high, low + MOST_REPEATS))

    def _one(self) -> str:
        """What one character, class or group of the pattern stands for."""
        self._steps += 1
        sign = self._next()
        if self._steps > MOST_STEPS or sign in {"*", "+", "?"}:
            raise IndexError(self.place)  # too much, or a repeat of nothing
        self.place += 1
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._dice.choice(self._class())
        if sign == "\\":
            return self._dice.choice(self._escaped())
        if sign in "^$":
            return ""
        return self._dice.choice(PRINTABLE) if sign == "." else sign

    def _group(self) -> str:
        if self._next() == "?":
            found = re.compile(r"\?(?::|P?<[A-Za-z_]\w*>)").match(self._pattern, self.place)
            if found is None:
                raise IndexError(self.place)  # a look around, a flag: not for this reader
            self.place = found.end()
        text = self.alternatives()
        if self._next() != ")":
            raise IndexError(self.place)
        self.place += 1
        return text

    def _escaped(self) -> str:
        sign = self._next()
        self.place += 1
        if sign in CLASSES:
            return CLASSES[sign]
        if sign in CONTROLS:
            return CONTROLS[sign]
        if sign.isalnum():
            raise IndexError(self.place)  # a reference or an edge
        return sign

    def _class(self) -> str:
        negated = self._next() == "^"
        self.place += negated
        members = ""
        while not members or self._next() != "]":
            first = self._member()
            if self._next() == "-" and self._pattern[self.place + 1] != "]":
                self.place += 1
                last = self._member()
                if last < first:
                    raise IndexError(self.place)
                first = "".join(map(chr, range(ord(first), min(ord(last), ord(first) + 200) + 1)))
            members += first
        self.place += 1
        if negated:
            return "".join(one for one in PRINTABLE if one not in members)
        return members

    def _member(self) -> str:
        sign = self._pattern[self.place]
        self.place += 1
        return self._escaped() if sign == "\\" else sign
