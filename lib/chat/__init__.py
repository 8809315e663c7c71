"""A conversation with a model: its tree, what is sent, and what the answers say about the server."""
