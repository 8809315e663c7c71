"""Chat: talk to a served model, and see what the server did meanwhile."""

from lib.ui import chat, shell

server = shell.selected_server()
if server is None:
    shell.no_servers()
else:
    chat.draw(server)
