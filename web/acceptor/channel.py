"""The channel between an acceptor and the bridge's process: messages over a pair of sockets, one per frame."""

from __future__ import annotations

import asyncio
import marshal
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FRAME_BYTES = 16 * 1024 * 1024
_MAX_BUFFERED_BYTES = 8 * 1024 * 1024  # not yet read by the other end; above that, the channel is full
_LENGTH_BYTES = 4  # before each frame

# The messages, and what they hold.
READY = "ready"  # from the acceptor, nothing: it accepts connections
STOP = "stop"  # from the bridge, nothing: accept no more, answer what is open, and end
REQUESTS = "requests"  # from the acceptor: a list of (number, *InboundRequest)
RESPONSES = "responses"  # from the bridge: a list of (number, *InboundResponse), in any order


class Channel(asyncio.Protocol):
    """One end of a channel. Calls `on_message` for each message, and `on_close` once, after the last.

    A message consists of the types that marshal knows: both ends are the same program.
    """

    def __init__(
        self,
        on_message: Callable[[str, Any], None],
        on_close: Callable[[], None],
        *,
        max_frame_bytes: int = MAX_FRAME_BYTES,
    ) -> None:
        self._on_message = on_message
        self._on_close = on_close
        self._max_frame_bytes = max_frame_bytes
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._is_full = False

    def send(self, kind: str, content: Any = None) -> bool:
        """Send a message without waiting; return whether the channel was open and had room for it."""
        if self._transport is None or self._is_full:
            return False
        frame = marshal.dumps((kind, content))
        if len(frame) > self._max_frame_bytes:
            return False
        self._transport.write(len(frame).to_bytes(_LENGTH_BYTES, "big") + frame)
        return True

    def close(self) -> None:
        """Close the channel once everything sent has been written."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_MAX_BUFFERED_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - for whatever reason
        """Report the end."""
        self._transport = None
        self._on_close()

    def pause_writing(self) -> None:
        """Refuse messages: the other end does not keep up, or hangs."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Take messages again."""
        self._is_full = False

    def data_received(self, data: bytes) -> None:
        """Split what was received into frames."""
        received = self._received
        received += data
        start = 0
        while len(received) - start >= _LENGTH_BYTES:
            length = int.from_bytes(received[start : start + _LENGTH_BYTES], "big")
            end = start + _LENGTH_BYTES + length
            if length > self._max_frame_bytes:
                self.close()
                return
            if len(received) < end:
                break
            with memoryview(received) as view:
                kind, content = marshal.loads(view[start + _LENGTH_BYTES : end])  # noqa: S302 - from our own program
            start = end
            self._on_message(kind, content)
        del received[:start]
