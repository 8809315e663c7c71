"""Overview: every server at a glance, worst first."""

from lib.ui import live, shell

window = shell.selected_window()
live.overview(window=window.key, on_open=shell.open_server, on_window=shell.window_changed)
shell.add_server()
