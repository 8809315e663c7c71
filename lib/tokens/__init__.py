"""Tokens: which bytes of a text each token of a served model stands for.

Pure: nothing here speaks to a server. Questions to one are values that a generator yields
(`Encode`, `Decode`); `lib.api` asks them.
"""

from lib.tokens.align import align
from lib.tokens.alignment import Alignment, Fit, Kind, faults
from lib.tokens.alphabets import Family
from lib.tokens.profile import PROBE, Profile, learn
from lib.tokens.questions import Decode, Decoded, Encode, Encoded, Unreadable

__all__ = [
    "PROBE",
    "Alignment",
    "Decode",
    "Decoded",
    "Encode",
    "Encoded",
    "Family",
    "Fit",
    "Kind",
    "Profile",
    "Unreadable",
    "align",
    "faults",
    "learn",
]
