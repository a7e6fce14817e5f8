"""WordPress behind PHP's own web server."""

import secrets
import socket
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.wordpress import php
from tests.wordpress.process import Server

HOST = "127.0.0.1"
ROUTER = Path(__file__).with_name("router.php")


class PhpServer(Server):
    """PHP's own web server. It runs code that comes with its `token`: see `php.run_in_server`."""

    def __init__(self, command: Sequence[str], *, log: Path, workers: int, remove: Path | None) -> None:
        """Start it, with so many processes."""
        self.token = secrets.token_hex(16)
        env = {"PHP_CLI_SERVER_WORKERS": str(workers), php.TOKEN: self.token}
        super().__init__(command, log=log, env=env, remove=remove)


def reserve(port: int) -> socket.socket:
    """Hold a port (0: any that is free) until the server has it.

    Bound but not listening, the port is given to nobody else by the kernel, while the server may still
    take it: both set SO_REUSEADDR.
    """
    held = socket.socket()
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((HOST, port))
    except BaseException:
        held.close()
        raise
    return held


def serve(
    directory: Path,
    held: socket.socket,
    *,
    program: str,
    workers: int,
    php_log: Path,
    log: Path,
    remove: Path | None,
) -> PhpServer:
    """Serve the WordPress in `directory` by a PHP on the port that is held; return once it answers."""
    port = held.getsockname()[1]
    with closing(held):
        server = PhpServer(
            [*php.command(program, php_log), "-S", f"{HOST}:{port}", "-t", str(directory), str(ROUTER)],
            log=log,
            workers=workers,
            remove=remove,
        )
        try:
            server.wait_until(lambda: _listens(port))
        except BaseException:
            server.stop()
            raise
    return server


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0
