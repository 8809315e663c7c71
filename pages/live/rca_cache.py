"""RCA / Cache: what is wrong with one server, since when, and the curves that show it."""

from lib.ui import rca, shell

server = shell.selected_server()
if server is None:
    shell.no_servers()
else:
    rca.draw(server)
