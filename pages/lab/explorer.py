"""API Explorer: every route of a server, explained, and tried with a request of one's own."""

from lib.ui import explorer, shell

server = shell.selected_server()
if server is None:
    shell.no_servers()
else:
    explorer.draw(server)
