"""The line between an acceptor and the bridge's process: messages over a pair of sockets, each in one frame."""

from __future__ import annotations

import asyncio
import marshal
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BYTES = 16 * 1024 * 1024  # of a frame
_MOST_WAITING = 8 * 1024 * 1024  # bytes that the other end has not taken; above that, the line is full
_HEAD = 4  # bytes that tell how long the frame is

# What a message is about; each end knows some of them.
READY = "ready"  # the acceptor: it listens
STOP = "stop"  # the bridge: take nothing more, answer what there is, and end
GROUP = "group"  # requests of Zoom's, in a list; the replies come back under the same name, in any order
PAGE = "page"  # one request to any other address, and its reply


class Channel(asyncio.Protocol):
    """One end. Calls `heard` for each message, and `ended` once, when there will be no more.

    A message is of marshal's types: both ends are the same program.
    """

    def __init__(self, heard: Callable[[str, Any], None], ended: Callable[[], None]) -> None:
        """Take who listens."""
        self._heard = heard
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._coming = bytearray()
        self._full = False

    def send(self, kind: str, content: Any = None) -> bool:
        """Send a message, without waiting; tell whether there was a line, and room for it."""
        if self._transport is None or self._full:
            return False
        frame = marshal.dumps((kind, content))
        if len(frame) > MOST_BYTES:
            return False
        self._transport.write(len(frame).to_bytes(_HEAD, "big") + frame)
        return True

    def close(self) -> None:
        """Let the other end hear what was sent, and then that this is the end."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_MOST_WAITING)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - it ends, whyever
        """Say that it has ended."""
        self._transport = None
        self._ended()

    def pause_writing(self) -> None:
        """Take no more: the other end does not keep up, or stands still."""
        self._full = True

    def resume_writing(self) -> None:
        """Take more again."""
        self._full = False

    def data_received(self, data: bytes) -> None:
        """Take frames apart."""
        coming = self._coming
        coming += data
        start = 0
        while len(coming) - start >= _HEAD:
            length = int.from_bytes(coming[start : start + _HEAD], "big")
            end = start + _HEAD + length
            if length > MOST_BYTES:
                self.close()
                return
            if len(coming) < end:
                break
            with memoryview(coming) as view:
                kind, content = marshal.loads(view[start + _HEAD : end])  # noqa: S302 - from our own program
            start = end
            self._heard(kind, content)
        del coming[:start]
