"""Free loopback ports, from below those that kernels hand out by themselves (from 32768 on).

So no server, which tests running beside this one start on a port of the kernel's choice, can take
one before it is used.
"""

import random
import socket

__all__ = ["free_port", "free_ports"]

RANGE = range(20_000, 32_000)
# Of the system: the same seed in two processes would choose the same ports.
CHOICE = random.SystemRandom()


def free_ports(count: int) -> tuple[int, ...]:
    """`count` different ports of 127.0.0.1 on which nothing listens."""
    free = (port for port in CHOICE.sample(RANGE, len(RANGE)) if _is_free(port))
    return tuple(next(free) for _ in range(count))


def free_port() -> int:
    """One port of 127.0.0.1 on which nothing listens."""
    return free_ports(1)[0]


def _is_free(port: int) -> bool:
    with socket.socket() as asked:
        try:
            asked.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
