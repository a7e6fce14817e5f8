"""A service manager: what it says in the environment, and what it is told."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import StoreUnavailableError, ZoomBridgeError
from core.store.db.engine import Store
from web.http.service_manager import ServiceManager
from web.monitoring.health import is_alive

PATIENCE = 600


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    """The end of the service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(str(tmp_path / "notify"))
        one.settimeout(PATIENCE)
        yield one


def manager(told: socket.socket, seconds: float = 0.0) -> ServiceManager:
    return ServiceManager(notify_address=told.getsockname(), watchdog_seconds=seconds)


class TestEnvironment:
    def test_of_this_process_is_read_and_removed(self) -> None:
        own = str(os.getpid())
        environment = {
            "LISTEN_PID": own, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b", "NOTIFY_SOCKET": "/run/notify",
            "WATCHDOG_PID": own, "WATCHDOG_USEC": "2500000", "HOME": "/",
        }  # fmt: skip
        assert ServiceManager.from_environment(environment) == ServiceManager("/run/notify", 2.5, (3, 4))
        assert environment == {"HOME": "/"}

    def test_of_another_process_opens_and_asks_nothing(self) -> None:
        environment = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "WATCHDOG_PID": "1", "WATCHDOG_USEC": "2500000"}
        assert ServiceManager.from_environment(environment) == ServiceManager()

    @pytest.mark.parametrize("nonsense", ["", "x", "-1", "²"])
    def test_nonsense_is_nothing(self, nonsense: str) -> None:
        environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": nonsense, "WATCHDOG_USEC": nonsense}
        assert ServiceManager.from_environment(environment) == ServiceManager()


class TestSockets:
    def test_listening_socket_is_not_inherited(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            given = os.dup(listening.fileno())
            os.set_inheritable(given, True)
            [one] = ServiceManager(descriptors=(given,)).sockets()
            with one:
                assert one.getsockname() == listening.getsockname()
                assert not os.get_inheritable(given)

    def test_anything_else_is_refused_with_the_remedy(self, told: socket.socket) -> None:
        given = os.dup(told.fileno())
        with pytest.raises(ZoomBridgeError, match="no listening TCP socket"):
            ServiceManager(descriptors=(given,)).sockets()
        with Path(os.devnull).open() as file, pytest.raises(ZoomBridgeError, match="is no socket"):
            ServiceManager(descriptors=(file.fileno(),)).sockets()


class TestNotices:
    def test_ready_and_stopping(self, told: socket.socket) -> None:
        manager(told).ready("http://127.0.0.1:8765")
        assert told.recv(4096).split(b"\n")[0] == b"READY=1"
        manager(told).stopping()
        assert told.recv(4096).split(b"\n")[0] == b"STOPPING=1"

    def test_address_without_a_file(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.bind(f"\0zoombridge-test-{os.getpid()}")
            ServiceManager(notify_address="@" + one.getsockname()[1:].decode()).ready("x")
            one.settimeout(PATIENCE)
            assert one.recv(4096).startswith(b"READY=1")

    def test_manager_that_is_gone_does_no_harm(self, tmp_path: Path) -> None:
        ServiceManager(notify_address=str(tmp_path / "gone")).ready("x")


class TestWatchdog:
    def test_hears_nothing_while_the_store_hangs(self, told: socket.socket, store: Store) -> None:
        hangs, resumed = threading.Event(), threading.Event()

        def hang(_: object) -> None:
            hangs.set()
            resumed.wait(PATIENCE)

        async def test() -> None:
            store.submit(hang)
            await asyncio.to_thread(hangs.wait, PATIENCE)
            watching = asyncio.create_task(manager(told, 0.01).watch(lambda: is_alive(store)))
            # Far more time than between two notices, none of which may come.
            await asyncio.sleep(0.3)
            told.setblocking(False)
            with pytest.raises(BlockingIOError):
                told.recv(4096)
            told.settimeout(PATIENCE)
            resumed.set()
            for _ in range(2):
                assert await asyncio.to_thread(told.recv, 4096) == b"WATCHDOG=1"
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

        try:
            asyncio.run(test())
        finally:
            resumed.set()

    def test_store_that_says_it_is_down_answers(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        def down(_: object) -> None:
            raise StoreUnavailableError("The database is down.")

        submit = store.submit
        monkeypatch.setattr(store, "submit", lambda _: submit(down))
        assert asyncio.run(is_alive(store))

    def test_full_queue_is_no_answer(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: object) -> None:
            raise StoreUnavailableError("The queue is full.")

        monkeypatch.setattr(store, "submit", full)
        assert not asyncio.run(is_alive(store))

    def test_manager_that_does_not_ask_is_told_nothing(self, told: socket.socket) -> None:
        async def never() -> bool:
            raise AssertionError

        asyncio.run(manager(told).watch(never))
