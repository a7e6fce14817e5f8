"""Requests of one turn of the event loop: one batch, bounded, answered in time."""

import asyncio
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from web.http.batcher import EVENT_LIMITS, LARGE_EVENT_LIMITS, Batcher, BySize
from web.http.messages import LARGE_BODY_BYTES, InboundRequest, InboundResponse

if TYPE_CHECKING:
    from web.http.batcher import Requests

WITHIN = 600


def inbound(body: bytes = b"{}") -> InboundRequest:
    return InboundRequest("POST", "/x", "HTTP/1.1", [], body, "127.0.0.1", "http", time.monotonic())


class Other:
    """Whoever takes the batcher, and answers when told to."""

    def __init__(self) -> None:
        self.batches: list[Requests] = []
        self.takes = True

    def __call__(self, batch: "Requests") -> bool:
        if self.takes:
            self.batches.append(batch)
        return self.takes

    @property
    def numbers(self) -> list[int]:
        return [number for batch in self.batches for number, _ in batch]


async def all_of(batcher: Batcher, count: int) -> list[asyncio.Task[InboundResponse]]:
    """Ask so many at once, and let a turn of the loop go by."""
    waiting = [asyncio.create_task(batcher.respond(inbound())) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return waiting


def refused(reply: InboundResponse) -> bool:
    return (
        reply.status == 503
        and "Retry-After" in dict(reply.headers)
        and "Zoom sends again" in json.loads(reply.body)["message"]
    )


class TestBatches:
    def test_what_comes_in_one_turn_goes_together_in_order(self) -> None:
        async def test() -> None:
            other = Other()
            batcher = Batcher(other)
            waiting = await all_of(batcher, 5)
            (batch,) = other.batches
            assert [number for number, _ in batch] == [0, 1, 2, 3, 4]
            batcher.deliver([(3, InboundResponse(200)), (1, InboundResponse(401))])
            assert [(await waiting[number]).status for number in (3, 1)] == [200, 401]
            batcher.deliver([(number, InboundResponse(204)) for number in (0, 2, 4)])
            assert [(await waiting[number]).status for number in (0, 2, 4)] == [204, 204, 204]

        asyncio.run(asyncio.wait_for(test(), WITHIN))

    def test_a_crowd_goes_in_several(self) -> None:
        async def test() -> None:
            other = Other()
            batcher = Batcher(other)
            waiting = await all_of(batcher, 50)
            assert max(len(batch) for batch in other.batches) == 16
            assert other.numbers == list(range(50))
            batcher.deliver([(number, InboundResponse(204)) for number in range(50)])
            assert {reply.status for reply in await asyncio.gather(*waiting)} == {204}

        asyncio.run(asyncio.wait_for(test(), WITHIN))

    def test_an_answer_that_nobody_waits_for_is_dropped(self) -> None:
        async def test() -> None:
            other = Other()
            batcher = Batcher(other)
            (gone, waiting) = await all_of(batcher, 2)
            gone.cancel()
            await asyncio.sleep(0)
            batcher.deliver(
                [
                    (0, InboundResponse(204)),
                    (1, InboundResponse(204)),
                    (1, InboundResponse(500)),
                    (99, InboundResponse(204)),
                ]
            )
            assert (await waiting).status == 204

        asyncio.run(asyncio.wait_for(test(), WITHIN))


class TestInTime:
    def test_where_nothing_comes_zoom_shall_send_again(self) -> None:
        async def test() -> None:
            batcher = Batcher(Other(), replace(EVENT_LIMITS, seconds=0.05))
            first = await all_of(batcher, 3)
            assert all(map(refused, await asyncio.gather(*first)))
            second = await all_of(batcher, 3)
            assert all(map(refused, await asyncio.gather(*second))), "and again later"
            assert not batcher._waiting

        asyncio.run(asyncio.wait_for(test(), WITHIN))


class TestBounds:
    def test_refuses_at_once_what_would_be_too_many(self) -> None:
        async def test() -> None:
            other = Other()
            batcher = Batcher(other, replace(EVENT_LIMITS, max_requests=3))
            waiting = await all_of(batcher, 5)
            assert [one.done() for one in waiting] == [False, False, False, True, True]
            assert all(refused(one.result()) for one in waiting[3:])
            batcher.deliver([(number, InboundResponse(204)) for number in range(3)])
            await asyncio.gather(*waiting)
            (again,) = await all_of(batcher, 1)
            assert not again.done()
            batcher.deliver([(other.numbers[-1], InboundResponse(204))])
            assert (await again).status == 204

        asyncio.run(asyncio.wait_for(test(), WITHIN))

    def test_refuses_what_would_be_too_much(self) -> None:
        async def test() -> None:
            batcher = Batcher(Other(), replace(EVENT_LIMITS, seconds=0.05, max_bytes=1000))
            large = asyncio.ensure_future(batcher.respond(inbound(b"x" * 900)))
            await asyncio.sleep(0)
            assert refused(await batcher.respond(inbound(b"x" * 200)))
            assert not large.done()
            await large
            again = asyncio.ensure_future(batcher.respond(inbound(b"x" * 200)))
            await asyncio.sleep(0)
            assert not again.done(), "there is room again"
            await again

        asyncio.run(asyncio.wait_for(test(), WITHIN))

    def test_refuses_where_nobody_takes_it(self) -> None:
        async def test() -> None:
            other = Other()
            other.takes = False
            waiting = await all_of(Batcher(other), 2)
            assert all(map(refused, await asyncio.gather(*waiting)))

        asyncio.run(asyncio.wait_for(test(), WITHIN))


class TestBySize:
    def test_large_requests_share_neither_room_nor_batch_with_others(self) -> None:
        async def test() -> None:
            others = Other()
            small = Batcher(others)
            large = Batcher(others, replace(LARGE_EVENT_LIMITS, max_requests=1), small._numbers)
            batcher = BySize(small, large)
            bodies = [b"x" * LARGE_BODY_BYTES, *[b"x" * (LARGE_BODY_BYTES + 1)] * 2, b"{}"]
            waiting = [asyncio.ensure_future(batcher.respond(inbound(body))) for body in bodies]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert [one.done() for one in waiting] == [False, False, True, False]
            assert refused(waiting[2].result())
            assert sorted(len(batch) for batch in others.batches) == [1, 2]
            for one in (small, large):
                one.deliver([(number, InboundResponse(204)) for number in others.numbers])
            await asyncio.gather(*waiting)

        asyncio.run(asyncio.wait_for(test(), WITHIN))
