"""Tokenizer: what a served model really makes of a text or a chat."""

from lib.ui import lab, shell

server = shell.selected_server()
if server is None:
    shell.no_servers()
else:
    lab.tokenizer.draw(server)
