"""Whose hash comes next, and whose is refused."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import pytest

from web.signin.hashing_queue import Client, HashingQueue, QueueFullError

MANY = Client("192.0.2.1")
OTHER = Client("192.0.2.2")
KNOWN = Client("device", is_known=True)


class Hashes:
    """Calls that run until they may end, and note that they began."""

    def __init__(self, queue: HashingQueue) -> None:
        self.queue = queue
        self.begun: list[str] = []
        self.most_at_once = 0
        self._running = 0
        self._go: dict[str, threading.Event] = {}
        self._change = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def ask(self, client: Client, name: str) -> asyncio.Task[str]:
        self._go[name] = threading.Event()
        return asyncio.ensure_future(self.queue.run(client, self._hash, name))

    def end(self, *names: str) -> None:
        for name in names:
            self._go[name].set()

    def end_all(self) -> None:
        self.end(*self._go)

    async def have_begun(self, number: int) -> list[str]:
        while len(self.begun) < number:
            self._change.clear()
            await self._change.wait()
        return self.begun

    def _hash(self, name: str) -> str:
        self._loop.call_soon_threadsafe(self._begin, name)
        assert self._go[name].wait(600)
        self._loop.call_soon_threadsafe(self._end)
        return name

    def _begin(self, name: str) -> None:
        self.begun.append(name)
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        self._change.set()

    def _end(self) -> None:
        self._running -= 1


def run(scenario: Callable[[Hashes], Coroutine[Any, Any, None]], **limits: int) -> None:
    async def main() -> None:
        with ThreadPoolExecutor() as pool:  # more threads than the queue may use
            hashes = Hashes(HashingQueue(pool, **limits))
            try:
                await asyncio.wait_for(scenario(hashes), 600)
            finally:
                hashes.end_all()

    asyncio.run(main())


async def refused(task: asyncio.Task[str]) -> bool:
    try:
        await task
    except QueueFullError:
        return True
    return False


class TestTurns:
    def test_one_client_has_one_hash_at_a_time(self) -> None:
        async def scenario(hashes: Hashes) -> None:
            tasks = [hashes.ask(MANY, f"many{number}") for number in range(3)]
            other = hashes.ask(OTHER, "other")
            assert await hashes.have_begun(2) == ["many0", "other"]
            hashes.end_all()
            await asyncio.gather(*tasks, other)

        run(scenario)

    def test_others_come_before_the_second_of_one(self) -> None:
        async def scenario(hashes: Hashes) -> None:
            tasks = [hashes.ask(MANY, f"many{number}") for number in range(3)]
            tasks += [hashes.ask(Client(f"192.0.2.{number}"), f"other{number}") for number in (2, 3)]
            hashes.end_all()
            await asyncio.gather(*tasks)
            assert hashes.begun == ["many0", "other2", "other3", "many1", "many2"]

        run(scenario, threads=1)

    def test_known_devices_and_strangers_alternate(self) -> None:
        async def scenario(hashes: Hashes) -> None:
            tasks = [hashes.ask(Client(f"192.0.2.{number}"), f"stranger{number}") for number in range(3)]
            tasks += [hashes.ask(Client(f"{number}", is_known=True), f"known{number}") for number in range(3)]
            hashes.end_all()
            await asyncio.gather(*tasks)
            assert hashes.begun == ["stranger0", "known0", "stranger1", "known1", "stranger2", "known2"]

        run(scenario, threads=1)

    def test_no_more_run_at_once_than_there_are_threads(self) -> None:
        async def scenario(hashes: Hashes) -> None:
            tasks = [hashes.ask(Client(f"192.0.2.{number}"), str(number)) for number in range(10)]
            await hashes.have_begun(2)
            hashes.end_all()
            assert await asyncio.gather(*tasks) == [str(number) for number in range(10)]
            assert hashes.most_at_once == 2

        run(scenario)


class TestPlaces:
    def test_one_client_has_few(self) -> None:
        async def scenario(hashes: Hashes) -> None:
            tasks = [hashes.ask(MANY, str(number)) for number in range(10)]
            assert [await refused(task) for task in tasks[5:]] == [True] * 5
            other = hashes.ask(OTHER, "other")
            hashes.end_all()
            assert await other == "other"
            assert [await refused(task) for task in tasks[:5]] == [False] * 5

        run(scenario)

    def test_who_has_many_gives_one_to_who_has_none(self) -> None:
        async def scenario(hashes: Hashes) -> None:
            clients = [Client(f"192.0.2.{number}") for number in range(3)]
            tasks = [hashes.ask(client, f"{client.key} {n}") for client in clients for n in range(3)]
            await hashes.have_begun(1)
            one_more = hashes.ask(Client("192.0.2.9"), "one more")
            hashes.end_all()
            assert not await refused(one_more)
            # 7 of 9 had room, one of them running; one gave way.
            assert [await refused(task) for task in tasks].count(True) == 3

        run(scenario, threads=1, max_waiting=6)

    def test_are_bounded_where_everybody_has_one(self) -> None:
        async def scenario(hashes: Hashes) -> None:
            tasks = [hashes.ask(Client(f"192.0.2.{number}"), str(number)) for number in range(9)]
            assert [await refused(task) for task in tasks[6:]] == [True] * 3
            hashes.end_all()
            assert [await refused(task) for task in tasks[:6]] == [False] * 6

        run(scenario, max_waiting=4)

    def test_of_known_devices_are_taken_by_no_stranger(self) -> None:
        async def scenario(hashes: Hashes) -> None:
            strangers = [hashes.ask(Client(f"192.0.2.{number}"), str(number)) for number in range(50)]
            known = hashes.ask(KNOWN, "known")
            assert [await refused(task) for task in strangers[18:]] == [True] * 32
            hashes.end("0")
            # The very next: the threads were taken before it came.
            assert (await hashes.have_begun(3))[2] == "known"
            hashes.end_all()
            assert await known == "known"
            await asyncio.gather(*strangers[:18])

        run(scenario)

    def test_are_free_again_where_nobody_waits_any_more(self) -> None:
        async def scenario(hashes: Hashes) -> None:
            running = hashes.ask(OTHER, "running")
            await hashes.have_begun(1)
            tasks = [hashes.ask(MANY, str(number)) for number in range(2)]
            await asyncio.sleep(0)  # they wait now
            for task in tasks:
                task.cancel()
            again = [hashes.ask(MANY, f"again{number}") for number in range(2)]
            hashes.end_all()
            await asyncio.gather(running, *again)
            assert hashes.begun == ["running", "again0", "again1"]

        run(scenario, threads=1, max_waiting=2)

    def test_of_a_thread_are_not_free_before_its_end(self) -> None:
        async def scenario(hashes: Hashes) -> None:
            given_up = hashes.ask(OTHER, "given up")
            await hashes.have_begun(1)
            given_up.cancel()
            following = hashes.ask(OTHER, "following")
            await asyncio.wait([given_up])
            assert hashes.begun == ["given up"]
            hashes.end_all()
            assert await following == "following"
            assert hashes.most_at_once == 1

        run(scenario, threads=1)


class TestResult:
    def test_is_the_functions(self) -> None:
        def fail() -> None:
            raise KeyError("wrong")

        async def scenario(hashes: Hashes) -> None:
            assert await hashes.queue.run(MANY, divmod, 7, 2) == (3, 1)
            with pytest.raises(KeyError, match="wrong"):
                await hashes.queue.run(MANY, fail)
            assert await hashes.queue.run(MANY, divmod, 9, 2) == (4, 1)

        run(scenario)

    def test_is_of_who_asked(self) -> None:
        """The audit log takes the address from the context, also where another client's end starts the job."""
        address: ContextVar[str] = ContextVar("address")

        async def scenario(hashes: Hashes) -> None:
            async def of(client: Client) -> str:
                address.set(client.key)
                return await hashes.queue.run(client, address.get)

            clients = [Client(f"192.0.2.{number}") for number in range(8)]
            assert await asyncio.gather(*map(of, clients)) == [client.key for client in clients]

        run(scenario, threads=1)
