"""Logs: what a vLLM server printed while it started and ran, explained, in bounded memory.

Pure: nothing here reads a file or speaks to a server.
"""

from lib.logs.comparing import Live, Row, compare
from lib.logs.log import End, Log
from lib.logs.reading import Reader, read_log
from lib.logs.troubles import Gravity

__all__ = ["End", "Gravity", "Live", "Log", "Reader", "Row", "compare", "read_log"]
