"""Free loopback ports. One may be taken before it is used; the kernel rarely hands it out soon."""

import socket

__all__ = ["free_port", "free_ports"]


def free_ports(count: int) -> tuple[int, ...]:
    """`count` different ports of 127.0.0.1 on which nothing listens."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return tuple(one.getsockname()[1] for one in held)
    finally:
        for one in held:
            one.close()


def free_port() -> int:
    """One port of 127.0.0.1 on which nothing listens."""
    return free_ports(1)[0]
