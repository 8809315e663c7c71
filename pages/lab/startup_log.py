"""Start-up log: what a vLLM server printed, explained, and compared with a live one."""

from lib.ui import logs

logs.draw()
