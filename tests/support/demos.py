"""The built-in demo servers as a process of their own, which ends with the test."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.processes import ROOT

__all__ = ["demo_servers"]


@contextmanager
def demo_servers() -> Iterator[str]:
    """All of them on free ports, as app.py starts them: the value of INSPECTOR_DEMO_SERVERS."""
    command = [sys.executable, "-m", "lib.demo", "--child", "--ports", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        yield child.stdout.readline().strip()
        child.stdin.close()
        child.wait(60)
