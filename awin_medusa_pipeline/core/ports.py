"""Checks whether a port of this machine is free."""

import errno
import socket

HOST = "127.0.0.1"


def port_is_free(port: int) -> bool:
    """Whether a server can listen on the loopback address; ports in TIME_WAIT count as free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True
