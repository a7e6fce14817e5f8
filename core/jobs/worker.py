"""Run one step again and again in a thread of its own: the loop of every background worker."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

logger = structlog.get_logger(__name__)


class WorkerThread:
    """Call `step` in a daemon thread until `stop`. Thread-safe.

    `step` returns for how many seconds nothing is due: 0 calls it again at once, and `wake` ends any wait. A step
    that fails is logged and called again after `retry_seconds`, so it must leave nothing half done. The first call
    comes after `initial_wait` seconds, and each call `gather_seconds` after its wake-up, so that one step handles
    what arrives together. `wake_event` is the event that `wake` sets, where it must exist before the worker does.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float],
        *,
        retry_seconds: float,
        initial_wait: float = 0.0,
        gather_seconds: float = 0.0,
        wake_event: threading.Event | None = None,
    ) -> None:
        self.stopping = threading.Event()
        self._name = name
        self._step = step
        self._retry_seconds = retry_seconds
        self._initial_wait = initial_wait
        self._gather_seconds = gather_seconds
        self._woken = wake_event or threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_woken(self) -> bool:
        """Whether a wake-up has not led to a step yet."""
        return self._woken.is_set()

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have the step called now, or once more where it is running."""
        if not self._woken.is_set():
            self._woken.set()

    def stop(self) -> None:
        """Finish the step at hand and end the thread. Blocks."""
        self.stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        wait = self._initial_wait
        while True:
            if wait > 0:
                self._woken.wait(wait)
            if self._gather_seconds:
                self.stopping.wait(self._gather_seconds)
            self._woken.clear()
            if self.stopping.is_set():
                return
            wait = self._step_or_retry()

    def _step_or_retry(self) -> float:
        try:
            return self._step()
        except StoreError as error:
            logger.warning("worker_retries", worker=self._name, reason=str(error))
        except Exception:
            logger.exception("worker_failed", worker=self._name)  # what was due stays due
        return self._retry_seconds
