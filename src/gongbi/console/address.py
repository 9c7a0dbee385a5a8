"""Where the console listens; apart from its pages, so that a port that is taken is told before they are loaded."""

from __future__ import annotations

import socket

from gongbi.errors import InvalidInput, Refused

LOOPBACK = ("127.0.0.1", "localhost")


def listen(host: str, port: int) -> socket.socket:
    """Take a port of this machine's loopback address; 0 takes any free one.

    Raises
    ------
    Refused
        A host other than this machine's loopback address.
    InvalidInput
        The port is taken, or is none.
    """
    if host not in LOOPBACK:
        raise Refused(
            f"The console listens on 127.0.0.1 only, not on {host!r}: accounts do not exist yet.",
            hint="Leave out the host; from another machine, use an SSH tunnel.",
        )
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        listening.close()
        why = str(getattr(error, "strerror", None) or error).removesuffix(".")
        raise InvalidInput(
            f"The console cannot listen on port {port}: {why}.",
            hint="Close the other program, or take another port with --port.",
        ) from error
    return listening
