"""Find the implementation of an operation, and execute it: typed in this process, or by name with JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, cast

from pydantic import ValidationError

from core.errors import ZoomBridgeError
from web.rpc.api import Operation, RequestT, ResultT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from core.bridge import Bridge


@dataclass(frozen=True, slots=True)
class Implementation(Generic[RequestT, ResultT]):
    """An operation, and the function that executes it."""

    operation: Operation[RequestT, ResultT]
    function: Callable[[Bridge, RequestT], ResultT]


class Registry:
    """The implementations by the names of their operations."""

    def __init__(self, implementations: Iterable[Implementation[Any, Any]]) -> None:
        self._implementations = {one.operation.name: one for one in implementations}

    @property
    def names(self) -> set[str]:
        """Return the names of all operations that are implemented."""
        return set(self._implementations)

    def execute(self, bridge: Bridge, operation: Operation[RequestT, ResultT], request: RequestT) -> ResultT:
        """Execute an operation. Blocks. Raises: ZoomBridgeError."""
        implementation = cast("Implementation[RequestT, ResultT]", self._implementations[operation.name])
        return implementation.function(bridge, request)

    def execute_json(self, bridge: Bridge, name: str, body: bytes) -> Any:
        """Execute an operation by its name; the request and the result are JSON. Blocks.

        Raises: ZoomBridgeError, also where there is no such operation, or its request is of another form.
        """
        implementation = self._implementations.get(name)
        try:
            if implementation is None:
                raise ZoomBridgeError(_unknown(name))
            request = implementation.operation.request.model_validate_json(body)
        except ValidationError as error:
            raise ZoomBridgeError(_unknown(name)) from error
        return implementation.operation.dump_result(implementation.function(bridge, request))


def _unknown(name: str) -> str:
    return f"The running bridge does not know the operation “{name}” in this form. Is it of the same version?"
