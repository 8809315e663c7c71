"""RCA / Cache: what is wrong with one server, since when, and the curves that show it."""

from lib.ui import live, shell

server = shell.selected_server()
if server is None:
    shell.no_servers()
else:
    window = shell.selected_window()
    live.rca(server=server.name, window=window.key, on_window=shell.window_changed)
    shell.running(server)
