"""Embeddings: the vectors of a served model, compared and explained."""

from lib.ui import shell, vectors

server = shell.selected_server()
if server is None:
    shell.no_servers()
else:
    vectors.draw(server)
