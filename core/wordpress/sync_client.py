"""Client of one site's plugin over the sync protocol, which docs/sync.md specifies.

A write is known by its position: the bridge's epoch and the operation's `seq`. The site carries out no position twice
for a post, so that an operation whose answer was lost may be sent again, in a request with a new nonce.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from core.errors import Fault, SiteFaultError
from core.wordpress import sync_faults, transport
from core.wordpress.homes import is_same_home
from core.wordpress.post_operations import CreatePost, FindPosts, TrashPost, UpdatePost
from core.wordpress.responses import UnexpectedError
from core.wordpress.sync_envelope import (
    LARGEST_PAYLOAD,
    LARGEST_REQUEST,
    UnsignedAnswerError,
    derive_keys,
    home_digest,
    open_answer,
    seal_request,
)
from core.wordpress.sync_operations import (
    MOST_OPERATIONS,
    Address,
    AddressOffered,
    ChoiceKind,
    Choices,
    Delete,
    Deleted,
    Find,
    Found,
    Greeting,
    Hello,
    ItemFault,
    Outcome,
    Position,
    PostReport,
    Progress,
    Read,
    Restore,
    Rotate,
    Rotated,
    Standing,
    Sweep,
    Swept,
    Trash,
    Unpair,
    Write,
    report_of,
)
from core.wordpress.sync_operations_json import document, payload_of, result_of
from core.wordpress.sync_posts import TRASH, Mark, post_of, sync_operations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from core.wordpress.addresses import Access, Endpoint
    from core.wordpress.faults import SiteResponse
    from core.wordpress.post_operations import PostOperation
    from core.wordpress.responses import Choice, SitePost
    from core.wordpress.sync_envelope import SignedAnswer
    from core.wordpress.sync_operations import Operation, Payload, RequestFault, Result, WriteOperation

BUDGET_MS = 2000
"""Milliseconds after which the site begins no further operation of a request."""

MOST_AT_ONCE = 50
"""Posts that are best written in one call: more would exceed the site's budget, fewer cost a start of WordPress each."""

PAUSES = (1.0, 2.0, 4.0)
"""Seconds between checks whether a request whose answer was lost has ended."""

MOST_READS = 20
"""Most posts that are read in one request: their contents may be large."""

_SMALLEST_LIMIT = 8 * 1024
_MOST_TRIES = 3  # of a write whose answers are lost
_WRITES = (Write, Trash, Restore, Delete)


class Doorway(StrEnum):
    """The addresses at which the plugin takes requests; some servers block the first."""

    REST = "rest"  # {rest root}zoombridge/v1/sync
    HOME = "home"  # {home}/?zoombridge_sync=1


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """What a site told of itself with its last answer.

    `stub` is the plugin's version and `vczapi` that of *Video Conferencing with Zoom*, None where that is not active.
    `highest` is the position of the last write that the site knows of.
    """

    stub: str
    vczapi: str | None
    vczapi_pro: bool
    can_trash: bool
    highest: Position | None

    @property
    def extensions(self) -> tuple[bool, bool]:
        """Whether VCZAPI is active, and its PRO add-on."""
        return self.vczapi is not None, self.vczapi_pro


class _LostAnswerError(Exception):
    """A request may have been carried out, but no answer came. `fault` is why."""

    def __init__(self, nonce: str, fault: SiteFaultError) -> None:
        super().__init__(nonce)
        self.nonce = nonce
        self.fault = fault


class _TooLargeError(Exception):
    """A request is larger than the site takes."""


@dataclass(slots=True, eq=False)
class _Item:
    """An operation until its result is known. `index` is its place in the caller's list.

    `sent` counts the requests in which it may have been carried out, `died` those in which PHP died at it, and
    `passed` those that came to none of their items.
    """

    index: int
    operation: Operation
    sent: int = 0
    died: int = 0
    passed: int = 0


class SyncClient:
    """Client of one site. Not thread-safe: it holds one HTTP session.

    `rest_root` is the address of the REST API, `https://SITE/wp-json/`, and `home` WordPress's own option of
    that name; with `learns_home` it is a guess, which the site may correct. `address` is where that home is
    reached, if it differs (https instead of http). `site` is the bridge's name for the site, `key` the
    pairing key, `next_key` the one that a rotation may have brought into use. `server_login` are user and
    password for the web server in front of WordPress. `doorway` and `clock_offset` (seconds by which the
    site's clock is ahead) are taken over from an earlier client. `access`: the addresses inside a network
    that may be connected to. `timeout` (connect, read) is in seconds.
    """

    def __init__(
        self,
        rest_root: str,
        home: str,
        *,
        site: str,
        key: str,
        epoch: int,
        learns_home: bool = False,
        address: str = "",
        next_key: str = "",
        server_login: tuple[str, str] | None = None,
        doorway: Doorway = Doorway.REST,
        clock_offset: int = 0,
        access: Access | None = None,
        timeout: tuple[float, float] = (transport.CONNECT_TIMEOUT, transport.READ_TIMEOUT),
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        root = rest_root if rest_root.endswith("/") else rest_root + "/"
        self._namespace = f"{root}zoombridge/v1"
        self._addresses = {Doorway.REST: f"{self._namespace}/sync"}
        self._learns_home = learns_home
        self._address = address
        self._set_home(home)
        self._site = site
        self._keys = derive_keys(key)
        self._next_keys = derive_keys(next_key) if next_key else None
        self._epoch = epoch
        self._timeout = timeout
        self._clock = clock
        self._pause = pause
        self._largest = LARGEST_REQUEST
        self._session = transport.session(server_login, access=access)
        self.has_rotated = False
        """Whether the site has taken `next_key`, and refuses `key` by now."""
        self.doorway = doorway
        self.clock_offset = clock_offset
        self.info: SiteInfo | None = None
        self._changes: dict[int, PostReport] = {}
        self._acknowledged: dict[int, str] = {}
        self._written: dict[int, PostReport] = {}

    def _set_home(self, home: str) -> None:
        self.home = home
        self._home_digest = home_digest(home)
        reached = self._address if is_same_home(self._address, home) else home
        self._addresses[Doorway.HOME] = f"{reached.rstrip('/')}/?zoombridge_sync=1"

    @property
    def used(self) -> frozenset[Endpoint]:
        """The addresses inside a network to which connections were made."""
        return frozenset(self._session.used)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hello(
        self, *, call: bool = False, visit: int | None = None, alerts: tuple[int, str] | None = None
    ) -> Greeting:
        """Return what the plugin and the site can do. With `call`, the plugin calls the bridge, which takes 2.5 s at most.

        `visit` counts the bridge's visits; the greeting holds the one that the site knew before. `alerts`: see `Hello`.
        """
        try:
            greeting = self._one(Hello(call, visit, alerts))
        except SiteFaultError as error:
            if alerts is None or error.fault is not Fault.REFUSED:
                raise
            greeting = self._one(Hello(call, visit))  # an earlier plugin knows no alerts
        assert isinstance(greeting, Greeting)  # noqa: S101 - what `result_of` returns for Hello
        return greeting

    def sweep(self, after: int = 0) -> Swept:
        """Return a page of the posts that the bridge manages, with IDs above `after`."""
        swept = self._one(Sweep(after))
        assert isinstance(swept, Swept)  # noqa: S101 - what `result_of` returns for Sweep
        return swept

    @property
    def changes(self) -> list[PostReport]:
        """What others have changed, as the last answer told, without what was acknowledged."""
        return list(self._changes.values())

    def acknowledge(self, changes: Iterable[PostReport]) -> None:
        """Have the site forget some of `changes`, which are stored, with the next request. Those that came since stay."""
        for change in changes:
            self._acknowledged[change.post] = change.version
            if self._changes.get(change.post) == change:
                del self._changes[change.post]

    def take_written(self) -> list[PostReport]:
        """Return what stands after each write since the last call."""
        written, self._written = list(self._written.values()), {}
        return written

    def authors(self) -> list[Choice]:
        """Return the users who may be authors: at most 100."""
        return self._choices(ChoiceKind.AUTHORS)

    def categories(self) -> list[Choice]:
        """Return the categories of meetings: at most 100."""
        return self._choices(ChoiceKind.CATEGORIES)

    def rotate(self, public_key: str) -> str:
        """Have the plugin make the next key, from the bridge's public key; return the plugin's."""
        rotated = self._one(Rotate(public_key))
        assert isinstance(rotated, Rotated)  # noqa: S101 - what `result_of` returns for Rotate
        return rotated.public_key

    def offer_address(self, bridge: str) -> AddressOffered:
        """Offer another address of the bridge to the site's administrators."""
        offered = self._one(Address(bridge))
        assert isinstance(offered, AddressOffered)  # noqa: S101 - what `result_of` returns for Address
        return offered

    def unpair(self) -> None:
        """End the pairing. A plugin that refuses the key is not paired with it any more."""
        try:
            self._one(Unpair())
        except SiteFaultError as error:
            if error.fault is not Fault.CREDENTIALS:
                raise

    def read_post(self, post_id: int) -> SitePost:
        """Return a post, from the trash too; fault `post_missing` where there is none."""
        standing = self._one(Read(post_id))
        assert isinstance(standing, Standing)  # noqa: S101 - what `result_of` returns for Read
        return post_of(standing)

    def find_posts(self, number: int) -> list[SitePost]:
        """Return the posts of a Zoom number: those outside the trash first, then by id."""
        [found] = self.perform([FindPosts(number)], [Mark(number, 0)])
        if isinstance(found, SiteFaultError):
            raise found
        posts: list[SitePost] = found
        return posts

    def perform(
        self, operations: Sequence[PostOperation], marks: Sequence[Mark], *, quiet: bool = False
    ) -> list[Any]:
        """Perform post operations; return for each its result or its SiteFaultError.

        `marks` are their numbers and their places in the order of writes. Without a fault a written post is what stands
        there, with an empty `field`. The result of one operation does not affect the others. `quiet`: the site sends
        no pings and tells no social networks.
        """
        results: list[Any] = [None] * len(operations)
        finds = [index for index, operation in enumerate(operations) if isinstance(operation, FindPosts)]
        for index, found in zip(finds, self._find([marks[index].number for index in finds]), strict=True):
            results[index] = found
            if isinstance(found, SiteFaultError) and found.fault.stops_site:
                return [found] * len(operations)  # the others would fail, too, each after up to its time-out
        sent: list[Operation] = []
        last: dict[int, int] = {}
        for index, (operation, mark) in enumerate(zip(operations, marks, strict=True)):
            if not isinstance(operation, FindPosts):
                sent += sync_operations(operation, mark)
                last[index] = len(sent) - 1
        told = self.run(sent, quiet=quiet)
        for index, place in last.items():
            results[index] = _post_result(operations[index], told[place], told[place - 1])
        return results

    def run(self, operations: Sequence[Operation], *, quiet: bool = False) -> list[Result | SiteFaultError]:
        """Carry out operations in order; return for each its result or its SiteFaultError. Blocks.

        They are sent in requests of at most 100 operations and 96 KiB. What the site did not come to is sent again; an
        operation at which PHP died is sent again alone. Where an answer was lost, the site is asked how far the request
        came, then what stands, and only what is missing is sent again. After a fault of the whole site the rest is not
        tried.
        """
        items = [_Item(index, operation) for index, operation in enumerate(operations)]
        results: dict[int, Result | SiteFaultError] = {}
        waiting = deque(items)
        while waiting:
            chunk = self._next(waiting)
            try:
                again = self._send(chunk, results, quiet=quiet)
            except SiteFaultError as error:
                again = []
                for item in chunk:
                    results.setdefault(item.index, error)
                if error.fault.stops_site:
                    for item in waiting:
                        results.setdefault(item.index, error if item.sent else _without_doubt(error))
                    break
            waiting.extendleft(reversed(again))
        for item in items:
            self._note(item.operation, results[item.index])
        return [results[item.index] for item in items]

    # --- Requests -----------------------------------------------------------------------------------------

    def _next(self, waiting: deque[_Item]) -> list[_Item]:
        """Take the next operations that fit into one request; one at which PHP died goes alone."""
        chunk: list[_Item] = []
        size = reads = 0
        while waiting and len(chunk) < MOST_OPERATIONS and reads < MOST_READS:
            item = waiting[0]
            size += _size(item.operation)
            if chunk and (item.died or chunk[0].died or size > LARGEST_PAYLOAD // 2):
                break
            reads += isinstance(item.operation, Read)
            chunk.append(waiting.popleft())
        return chunk

    def _send(
        self, chunk: list[_Item], results: dict[int, Result | SiteFaultError], *, quiet: bool
    ) -> list[_Item]:
        """Send operations, store the results that are known then, and return what is to be sent again."""
        try:
            payload = self._ask([item.operation for item in chunk], quiet=quiet)
        except _TooLargeError:
            if len(chunk) == 1:
                results[chunk[0].index] = sync_faults.too_large()
                return []
            return self._send(chunk[: len(chunk) // 2], results, quiet=quiet) + chunk[len(chunk) // 2 :]
        except _LostAnswerError as lost:
            if not any(isinstance(item.operation, _WRITES) for item in chunk):
                return _read_again(chunk, lost.fault)
            return self._recover(chunk, lost, results)
        again = []
        for number, item in enumerate(chunk):
            result = self._result(item, payload, number, is_alone=len(chunk) == 1)
            if result is None:
                again.append(item)
            else:
                results[item.index] = result
        if len(again) == len(chunk) and not any(item.died for item in chunk):
            _count_pass(chunk)
        return again

    def _note(self, operation: Operation, result: Result | SiteFaultError) -> None:
        """Remember what stands after a write."""
        if isinstance(operation, _WRITES) and isinstance(result, Standing | Deleted):
            self._written[result.post] = report_of(operation, result)

    def _result(
        self, item: _Item, payload: Payload, number: int, *, is_alone: bool
    ) -> Result | SiteFaultError | None:
        """Return the result of an operation; None where it is to be sent again."""
        try:
            result = result_of(item.operation, payload.results.get(number, {}))
        except UnexpectedError as error:
            return sync_faults.incomplete(f"the answer has an unexpected shape: {error}")
        if not isinstance(result, ItemFault):
            return result
        if result.code == "not_tried":
            return None
        if result.code == "failed" and not item.died and not is_alone:
            item.died += 1
            item.sent += 1
            return None
        if result.code == "missing" and item.sent and isinstance(item.operation, Delete):
            return Deleted(item.operation.post)  # by an earlier try
        fault = sync_faults.of_item(result)
        # An earlier try may have had its effect before it died, or is still at work: a post that is there may be its own.
        fault.unsure |= item.sent > 0 and isinstance(item.operation, _WRITES)
        return fault

    def _ask(self, operations: list[Operation], *, quiet: bool = False) -> Payload:
        """Send one request, and again where the site corrects its time or a guessed home; return its payload.

        Raises: SiteFaultError where the site refused it as a whole, _LostAnswerError, _TooLargeError.
        """
        nonce, answer = self._sealed(operations, quiet=quiet)
        try:
            payload = payload_of(answer.payload)
            corrected: set[str] = set()
            while payload.error is not None and payload.error.code not in corrected:
                corrected.add(payload.error.code)
                if not self._corrects(payload.error, answer):
                    break
                nonce, answer = self._sealed(operations, quiet=quiet)
                payload = payload_of(answer.payload)
        except UnexpectedError as error:
            evidence = f"the answer has an unexpected shape: {error}"
            raise _LostAnswerError(nonce, sync_faults.incomplete(evidence)) from error
        fault = sync_faults.of_request(payload)
        if fault is None:
            self.info = SiteInfo(
                answer.stub, payload.vczapi, payload.vczapi_pro, payload.can_trash, payload.highest
            )
            self._note_changes(payload)
            return payload
        if payload.error is not None and payload.error.code == "replayed":
            # A proxy may have sent it twice, and the answer that came is that to the second one.
            raise _LostAnswerError(nonce, fault)
        raise fault

    def _note_changes(self, payload: Payload) -> None:
        """Keep the changes that the site told last. It has forgotten those that the request acknowledged."""
        self._changes = {change.post: change for change in payload.changed}
        self._acknowledged.clear()

    def _corrects(self, refusal: RequestFault, answer: SignedAnswer) -> bool:
        """Correct the clock, or a home that was a guess, by what a refusal says; returns whether that was done."""
        if refusal.code == "clock":
            self.clock_offset = answer.time - int(self._clock())
            return True
        home = refusal.data.get("home")
        if refusal.code == "moved" and self._learns_home and isinstance(home, str):
            self._learns_home = False
            self._set_home(home)
            return True
        return False

    def _sealed(self, operations: list[Operation], *, quiet: bool) -> tuple[str, SignedAnswer]:
        """Send one request, signed with the next key where the site refuses the present one."""
        try:
            return self._signed(operations, quiet=quiet)
        except SiteFaultError as error:
            if error.fault is not Fault.CREDENTIALS or self._next_keys is None:
                raise
            self._keys, self._next_keys, self.has_rotated = self._next_keys, None, True
            return self._signed(operations, quiet=quiet)

    def _signed(self, operations: list[Operation], *, quiet: bool) -> tuple[str, SignedAnswer]:
        nonce = secrets.token_hex(16)
        payload = {
            "quiet": quiet,
            "budget_ms": BUDGET_MS,
            "ack": [{"post": post, "version": version} for post, version in self._acknowledged.items()],
            "operations": [document(operation, item) for item, operation in enumerate(operations)],
        }
        body = seal_request(
            self._keys,
            site=self._site,
            home=self._home_digest,
            time=int(self._clock()) + self.clock_offset,
            nonce=nonce,
            epoch=self._epoch,
            payload=payload,
        )
        if len(body) > self._largest:
            raise _TooLargeError
        return nonce, self._post(body, nonce)

    def _post(self, body: bytes, nonce: str) -> SignedAnswer:
        """Send a request to the doorway that worked last, then to the other one; return the answer.

        Both get the same bytes: the site carries out one nonce once.
        """
        other = Doorway.HOME if self.doorway is Doorway.REST else Doorway.REST
        seen: dict[Doorway, SiteResponse] = {}
        for doorway in (self.doorway, other):
            try:
                seen[doorway] = transport.send(
                    self._session,
                    "POST",
                    self._addresses[doorway],
                    body=body,
                    headers={"Content-Type": "application/json"},
                    timeout=self._timeout,
                )
            except SiteFaultError as error:
                raise (_LostAnswerError(nonce, error) if error.unsure else error) from error
            try:
                answer = open_answer(self._keys, seen[doorway].body, nonce=nonce)
            except UnsignedAnswerError:
                seen[doorway] = seen[doorway].beginning()  # only one whole body is held at a time
                self._raise_final(doorway, seen[doorway])
            else:
                self.doorway = doorway
                return answer
        if any(one.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE for one in seen.values()):
            self._largest = max(len(body) // 2, _SMALLEST_LIMIT)  # that of a server in front of WordPress
            raise _TooLargeError
        telling = next(
            (one for one in seen.values() if sync_faults.asks_for_password(one)), seen[Doorway.REST]
        )
        fault = sync_faults.unanswered(telling, now=transport.now(), wrote=True)
        if any(one.status < 300 or one.status >= 500 for one in seen.values()):  # noqa: PLR2004 - not refused
            raise _LostAnswerError(nonce, fault)
        raise fault

    def _raise_final(self, doorway: Doorway, response: SiteResponse) -> None:
        """Raise the fault of a response after which the other doorway is of no use."""
        refused = sync_faults.refused_by_plugin(response)
        if refused is not None:
            raise refused
        fault = sync_faults.unanswered(response, now=transport.now(), wrote=True)
        if fault.fault is Fault.STUB_MISSING and doorway is Doorway.REST:
            raise sync_faults.outdated(fault.evidence) if self._has_old_plugin() else fault
        if fault.fault is Fault.THROTTLED:
            raise fault

    def _has_old_plugin(self) -> bool:
        """Whether the plugin is there, but its REST API has no route for the sync protocol."""
        try:
            index = transport.send(self._session, "GET", self._namespace, timeout=self._timeout).json()
        except (SiteFaultError, ValueError):
            return False
        return isinstance(index, dict) and index.get("namespace") == "zoombridge/v1"

    # --- Lost answers -------------------------------------------------------------------------------------

    def _recover(
        self, chunk: list[_Item], lost: _LostAnswerError, results: dict[int, Result | SiteFaultError]
    ) -> list[_Item]:
        """Find out what a request did whose answer was lost; return what is to be sent again."""
        progress = self._progress(lost)
        tried, at = len(chunk), None
        if not progress.known:
            tried = 0
        elif not progress.done and progress.at is None:
            tried = 0  # it came, but not to its first operation
        elif not progress.done and progress.at is not None:
            at = min(progress.at, len(chunk) - 1)
            tried = at + 1
        for item in chunk:
            item.sent += 1
        if at is not None:
            chunk[at].died += 1
        results |= self._read_back(chunk[:tried])
        again = []
        for item in chunk:
            if item.index in results:
                continue
            if item.died > 1 or (item.died and len(chunk) == 1):
                results[item.index] = sync_faults.died(evidence=lost.fault.evidence)
            elif item.sent >= _MOST_TRIES:
                raise lost.fault
            else:
                again.append(item)
        return again

    def _progress(self, lost: _LostAnswerError) -> Progress:
        """Ask how far a request came, until it has ended or the pauses are used up."""
        progress = self._outcome(lost)
        for pause in PAUSES:
            if not progress.known or progress.done:
                break
            self._pause(pause)
            progress = self._outcome(lost)
        return progress

    def _outcome(self, lost: _LostAnswerError) -> Progress:
        question = Outcome(lost.nonce)
        try:
            payload = self._ask([question])
            progress = result_of(question, payload.results.get(0, {}))
        except (SiteFaultError, _LostAnswerError, _TooLargeError, UnexpectedError) as error:
            raise lost.fault from error
        if not isinstance(progress, Progress):
            raise lost.fault
        return progress

    def _read_back(self, items: list[_Item]) -> dict[int, Result | SiteFaultError]:
        """Return the results of those operations that the posts show to be carried out."""
        writes = {item.index: item.operation for item in items if isinstance(item.operation, _WRITES)}
        numbers = [int(write.number) for write in writes.values() if write.post is None]
        answers = zip(numbers, self._found(numbers), strict=True)
        created = {number: _ids(answer, number) for number, answer in answers}
        looks = [
            (index, post)
            for index, write in writes.items()
            for post in (created[int(write.number)] if write.post is None else [write.post])
        ]
        results: dict[int, Result | SiteFaultError] = {}
        told = self.run([Read(post) for _, post in looks])
        for (index, _), standing in zip(looks, told, strict=True):
            write = writes[index]
            if isinstance(write, Delete):
                if isinstance(standing, SiteFaultError) and standing.fault is Fault.POST_MISSING:
                    results[index] = Deleted(write.post)
            elif isinstance(standing, Standing) and standing.position == self._position(write):
                results[index] = replace(standing, already=True)
        return results

    def _position(self, write: WriteOperation) -> Position:
        return Position(self._epoch, write.seq)

    # --- Results ------------------------------------------------------------------------------------------

    def _one(self, operation: Operation) -> Result:
        [result] = self.run([operation])
        if isinstance(result, SiteFaultError):
            raise result
        return result

    def _choices(self, kind: ChoiceKind) -> list[Choice]:
        listed = self._one(Choices(kind))
        assert isinstance(listed, list)  # noqa: S101 - what `result_of` returns for Choices
        return listed

    def _found(self, numbers: Sequence[int]) -> list[Found | SiteFaultError]:
        """Return for each number the answer that holds its posts."""
        answers: list[Found | SiteFaultError] = []
        for start in range(0, len(numbers), MOST_OPERATIONS):
            part = numbers[start : start + MOST_OPERATIONS]
            [answer] = self.run([Find(tuple(dict.fromkeys(map(str, part))))])
            assert isinstance(answer, Found | SiteFaultError)  # noqa: S101 - what `result_of` returns for Find
            answers += [answer] * len(part)
        return answers

    def _find(self, numbers: Sequence[int]) -> list[list[SitePost] | SiteFaultError]:
        """Return the posts of each number as they stand."""
        if not numbers:
            return []
        answers = self._found(numbers)
        ids = [_ids(answer, number) for number, answer in zip(numbers, answers, strict=True)]
        told = iter(self.run([Read(post) for posts in ids for post in posts]))
        results: list[list[SitePost] | SiteFaultError] = []
        for answer, posts in zip(answers, ids, strict=True):
            standings = [next(told) for _ in posts]
            results.append(answer if isinstance(answer, SiteFaultError) else _posts(standings))
        return results


def _ids(answer: Found | SiteFaultError, number: int) -> list[int]:
    """Return the IDs of the posts of a number; none where the site did not tell."""
    return [post.post for post in answer.posts[str(number)]] if isinstance(answer, Found) else []


def _posts(standings: Iterable[Result | SiteFaultError]) -> list[SitePost] | SiteFaultError:
    """Return the posts that were read, without those that were deleted meanwhile; the first other fault."""
    posts = []
    for standing in standings:
        if isinstance(standing, Standing):
            posts.append(post_of(standing))
        elif isinstance(standing, SiteFaultError) and standing.fault is not Fault.POST_MISSING:
            return standing
    return sorted(posts, key=lambda post: (post.status == TRASH, post.id))


def _post_result(
    operation: PostOperation, told: Result | SiteFaultError, before: Result | SiteFaultError
) -> Any:
    """Return what `perform` returns for an operation. `before` is the result just before."""
    if isinstance(told, SiteFaultError):
        return told
    if isinstance(operation, TrashPost):
        was_there = isinstance(before, Standing) and before.status == TRASH
        return not was_there or (isinstance(told, Standing) and told.already)
    if isinstance(told, Standing):
        return post_of(told, operation if isinstance(operation, CreatePost | UpdatePost) else None)
    return None


def _read_again(chunk: list[_Item], fault: SiteFaultError) -> list[_Item]:
    """Return operations that only read, to be sent again where a proxy repeated their request; else raise the fault."""
    for item in chunk:
        item.sent += 1
    if fault.fault is not Fault.CLOCK or chunk[0].sent >= _MOST_TRIES:
        raise _without_doubt(fault)
    return chunk


def _size(operation: Operation) -> int:
    """Return about how many bytes an operation has in a payload."""
    return (
        len(repr(document(operation, 0)).encode("utf-8", "replace")) if isinstance(operation, Write) else 256
    )


def _count_pass(chunk: list[_Item]) -> None:
    """Raise the fault of a site that comes to none of the operations, at the second time."""
    for item in chunk:
        item.passed += 1
    if chunk[0].passed > 1:
        raise sync_faults.no_progress("the site came to none of the operations")


def _without_doubt(error: SiteFaultError) -> SiteFaultError:
    """Return a fault for operations that it kept from having any effect."""
    return error.reworded(str(error))
