"""Everything that is drawn more than once, its scripts and styles as files beside it.

This room draws what the others found out: it asks no server and knows no wire name of a metric. A
live figure reaches a browser as server-sent events: `frames` and `fleet` say what a page shows,
`stream` fans it out, `assets/` draws it.
"""

from lib.ui import chat, fitness, lab, live, picked, rca, shell, vectors

__all__ = ["chat", "fitness", "lab", "live", "picked", "rca", "shell", "vectors"]
