"""Built-in demo servers: real HTTP on loopback, a simulated engine, real tokenizers.

Nobody imports this room: `python -m lib.demo` starts it, and the rest of the house meets it over
the wire as it meets any other server. Whatever it shows carries the word "demo".
"""

__all__: list[str] = []  # nothing of this room is for other rooms
