"""Append authentic events to the log, and acknowledge them only once they are durable."""

from __future__ import annotations

import hashlib
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import structlog

from core import messages
from core.errors import (
    NoSecretError,
    SignatureError,
    StaleSignatureError,
    StoreUnavailableError,
    UnknownSiteError,
)
from core.model.fold import SNAPSHOT, acts_on, position
from core.model.host_events import HOST_EVENTS, hosts_of
from core.model.identity import own_account_id
from core.model.instance_events import BATCHES, named_instances
from core.model.meeting import Position
from core.pipeline.answers import ACCEPTED, MOST_BODY_BYTES, TOO_LARGE, WebhookResponse, refusal, unavailable
from core.pipeline.verification import fault, read_again, verify
from core.store import audit
from core.store.audit import Action
from core.store.events import large_requests, log, quarantine, senders
from core.store.events.large_requests import LargeRequestCause
from core.store.sites import sites, zoom_secrets
from core.zoom import envelope as zoom_envelope
from core.zoom import validation
from core.zoom.plausibility import RefusalCause, claimed_account, refusal_cause, refusal_cause_of_headers
from core.zoom.probe import REQUEST as PROBE_REQUEST
from core.zoom.probe import is_probe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from sqlalchemy import Connection

    from core.pipeline.verification import Verification
    from core.store.db.encryption import Sealer
    from core.store.db.engine import Store
    from core.store.events.request import Request
    from core.zoom.envelope import Envelope
    from core.zoom.signature import Secret

_NAMELESS = "unreadable"  # stands for the name of an event in the log where there is none
_AHEAD_MILLISECONDS = 24 * 3600 * 1000  # of the bridge's clock that the time of an event may be
_CACHE_SECONDS = 5  # how long secrets are used before they are read from the store again
_NOTE_STALE_SECONDS = 60
_LOG_LARGE_SECONDS = 60  # strangers can send such requests; each is stored, in bounds
_NOTE_SENDER_SECONDS = 24 * 3600
_MOST_SENDERS_NOTED = 10_000  # in memory; of all sites

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _CachedSecrets:
    secrets: list[Secret]
    read_at: float
    are_signing: bool  # one of them has verified a request of Zoom's, which retires verification tokens


@dataclass(frozen=True, slots=True)
class RecheckResult:
    """The result of verifying quarantined requests again: how many are authentic now, and how many stay."""

    verified: int
    kept: int


class RefusalCounts:
    """Counts the refused requests that were not kept, since this process started, by cause. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts = dict.fromkeys(RefusalCause, 0)

    def add(self, cause: RefusalCause, number: int = 1) -> None:
        """Count further requests."""
        with self._lock:
            self._counts[cause] += number

    def of_all(self) -> dict[RefusalCause, int]:
        """Return the number of requests by cause."""
        with self._lock:
            return dict(self._counts)


@dataclass(slots=True)
class Ingest:
    """Verify requests to the endpoints and append their events to the log. Thread-safe.

    `events_appended` is called with the number of events that were appended. `refusals` counts the refused requests
    that were not kept.
    """

    store: Store
    events_appended: Callable[[int], None] = lambda _count: None
    clock: Callable[[], float] = time.time
    _cache: dict[str, _CachedSecrets] = field(default_factory=dict)
    refusals: RefusalCounts = field(default_factory=RefusalCounts)
    _signing: set[str] = field(default_factory=set)
    _stale_noted: dict[str, float] = field(default_factory=dict)
    _senders_noted: dict[tuple[str, str], float] = field(default_factory=dict)
    _large_logged: dict[LargeRequestCause, float] = field(default_factory=dict)
    _site_ids: set[str] | None = None

    def may_be_site(self, site_id: str) -> bool:
        """Whether a site is known to exist, or no site is known yet. Does not block.

        Another process may have added one since: `receive` reads it.
        """
        return self._site_ids is None or site_id in self._site_ids

    def has_secrets(self, site_id: str) -> bool:
        """Whether the secrets of a site are cached, and recent."""
        return self._cached_secrets(site_id) is not None

    def load_secrets(self, site_id: str) -> None:
        """Read the secrets of a site into the cache. Blocks. Raises: UnknownSiteError, StoreUnavailableError."""
        if self._site_ids is None:
            with self.store.reading() as connection:
                self._site_ids = set(sites.ids(connection))
        try:
            self._read_secrets(site_id)
        except UnknownSiteError:
            self._site_ids.discard(site_id)  # it was removed
            raise

    def invalidate_secrets(self, site_id: str | None = None) -> None:
        """Drop the cached secrets of a site, or of every site."""
        if site_id is None:
            self._cache.clear()
        else:
            self._cache.pop(site_id, None)

    def verify(self, site_id: str, request: Request) -> Verification | None:
        """Verify a request with the cached secrets of a site; None where they are not cached. Does not block.

        A request that is refused here may still be authentic, as a secret may have been saved since: see `receive`.
        """
        secrets = self._cached_secrets(site_id)
        return None if secrets is None else verify(request.headers, request.body, secrets, now=self.clock())

    def entry(
        self, site_id: str, request: Request, envelope: Envelope, *, received_at: int | None = None
    ) -> log.Entry:
        """Return the log entry of a verified event. `received_at` is in Unix milliseconds (UTC), by default now."""
        digest, account_id = zoom_envelope.digest(envelope), envelope.payload.account_id
        if account_id is None:
            # It belongs to this site: another one may have received the same.
            digest, account_id = f"{site_id}:{digest}", own_account_id(site_id)
        outcome, reason = _disposition(envelope)
        received_at = self._now() if received_at is None else received_at
        return log.Entry(
            digest=digest,
            account_id=account_id,
            number=None if envelope.event in BATCHES or envelope.event in HOST_EVENTS else envelope.number,
            event=envelope.event,
            position=_plausible(position(envelope, digest, received_at=received_at), received_at),
            received_at=received_at,
            site_id=site_id,
            request_id=request.headers.get("x-zm-request-id"),
            request=request.sealed(self.store.sealer),
            outcome=outcome,
            reason=reason,
        )

    def entry_of(
        self,
        site_id: str,
        request: Request,
        verification: Verification,
        *,
        received_at: int | None = None,
        sender: str = "",
    ) -> log.Entry:
        """Return the log entry of a request that belongs in the log: of its event, or as unreadable.

        `sender` is where it came from, if that is known: see `core.store.events.senders`. Does not block.
        """
        self._note_signed(site_id, verification, sender)
        reason = verification.unreadable
        if verification.event is not None:
            try:
                return self.entry(site_id, request, verification.event, received_at=received_at)
            except Exception as error:
                logger.exception("event_unreadable", site=site_id)
                reason = fault(error)
        received_at = self._now() if received_at is None else received_at
        return _unreadable_entry(site_id, request, reason, self.store.sealer, received_at)

    def read_again(
        self, site_id: str, request: Request, secrets: Sequence[Secret], *, received_at: int
    ) -> log.Entry | None:
        """Return the log entry of a request that was unreadable when it came; None where it still is.

        `secrets` are those of the site.
        """
        verification = read_again(request.headers, request.body, secrets, now=received_at / 1000)
        if verification.event is None:
            return None
        entry = self.entry_of(site_id, request, verification, received_at=received_at)
        return None if entry.outcome is log.Outcome.UNREADABLE else entry

    def append(self, entries: Sequence[log.Entry]) -> Future[list[bool | Exception]]:
        """Queue events for one group commit to the log. Does not block.

        Returns a Future that resolves after the commit: per entry True (new), False (duplicate) or the exception that
        rejected it. Raises: StoreUnavailableError from the call (queue full) or the Future (commit failed); then no
        entry was stored.
        """
        future = self.store.submit_each(log.append, entries)
        future.add_done_callback(lambda _: self.events_appended(len(entries)))
        return future

    def log_stored(self, entries: Sequence[log.Entry], results: Sequence[bool | BaseException]) -> None:
        """Log events with the results of `append`."""
        is_verbose = logger.is_enabled_for(logging.INFO)
        for entry, result in zip(entries, results, strict=True):
            if isinstance(result, BaseException):
                logger.error("event_not_stored", **_named(entry), exc_info=result)
            elif is_verbose:
                logger.info("event_received", **_named(entry), outcome=entry.outcome.value, is_new=result)

    def receive(self, site_id: str, request: Request, sender: str = "") -> WebhookResponse:
        """Verify a request with the secrets as stored, handle it, and return the response. Blocks until durable."""
        try:
            return self._receive(site_id, request, sender)
        except UnknownSiteError as error:
            return refusal(404, "zoombridge_unknown_site", str(error))
        except NoSecretError as error:
            return unavailable(str(error), "zoombridge_no_secret")
        except StoreUnavailableError as error:
            return unavailable(str(error))

    def receive_too_large(
        self, site_id: str, headers: Mapping[str, str], size: int, sender: str = ""
    ) -> WebhookResponse:
        """Return the response to a request whose body of `size` bytes was dropped; store its headers. Blocks.

        A body within the limit of an event was dropped by WordPress's PHP, whose own limit may be raised
        until Zoom sends the event again.
        """
        try:
            with self.store.reading() as connection:
                sites.load(connection, site_id, self.store.sealer)
                is_zooms = senders.is_known(connection, site_id, sender)
            cause = refusal_cause_of_headers(headers, now=self.clock())
            if cause is not None:
                self.refusals.add(cause)
            else:
                self._note_large(site_id, headers, size, LargeRequestCause.TOO_LARGE, is_plausible=is_zooms)
        except UnknownSiteError as error:
            return refusal(404, "zoombridge_unknown_site", str(error))
        except StoreUnavailableError as error:
            return unavailable(str(error))
        if size > MOST_BODY_BYTES:
            return TOO_LARGE
        return unavailable(messages.TOO_LARGE_FOR_PHP % {"size": size}, "zoombridge_too_large")

    def recheck(self, site_id: str) -> RecheckResult:
        """Verify a site's quarantined requests with the secrets saved now, as of the time they were received.

        Authentic ones enter the log as if they had been accepted then. Raises: StoreUnavailableError.
        """
        self.invalidate_secrets(site_id)
        with self.store.reading() as connection:
            secrets = [saved.secret for saved in zoom_secrets.of_site(connection, site_id, self.store.sealer)]
            held = quarantine.list_all(connection, site_id, self.store.sealer)
        entries = []
        for item in held:
            given, at = item.request, item.received_at / 1000
            verification = verify(given.headers, given.body, secrets, now=at)
            if verification.is_logged:
                entry = self.entry_of(site_id, given, verification, received_at=item.received_at)
                entries.append((item.id, entry))

        def accept(connection: Connection) -> None:
            if entries:
                log.append(connection, [entry for _, entry in entries])
            for held_id, _ in entries:
                quarantine.release(connection, held_id)
            if held:
                audit.record_by_person(
                    connection, Action.QUARANTINE_RECHECKED, site_id=site_id, number=len(entries)
                )

        self.store.write(accept)
        for _, entry in entries:
            logger.info("event_released", **_named(entry), outcome=entry.outcome.value)
        self.events_appended(len(entries))
        return RecheckResult(verified=len(entries), kept=len(held) - len(entries))

    def _receive(self, site_id: str, request: Request, sender: str) -> WebhookResponse:
        secrets = self._read_secrets(site_id)
        verification = verify(request.headers, request.body, secrets, now=self.clock())
        error = verification.error
        if isinstance(error, NoSecretError):
            raise error
        if error is not None:
            answer = self._refuse(site_id, request, error, sender)
            if self._read_secrets(site_id) != secrets:
                # A secret was saved since, and its recheck of the quarantine did not see this request yet.
                self.recheck(site_id)
            return answer
        if not verification.is_logged:
            return self._validate(site_id, verification)
        entry = self.entry_of(site_id, request, verification, sender=sender)
        try:
            is_new = self.store.submit_to_group(log.append, entry).result()
        except StoreUnavailableError as unavailable_error:
            log_not_stored([entry], str(unavailable_error))
            raise
        self.log_stored([entry], [is_new])
        self.events_appended(1)
        return ACCEPTED

    def _refuse(self, site_id: str, request: Request, error: SignatureError, sender: str) -> WebhookResponse:
        """Keep a refused request that a secret may verify later, and count any other; return the response."""
        if isinstance(error, StaleSignatureError):
            self._note_stale(site_id, request, error.seconds, sender)
        cause = refusal_cause(request.headers, request.body, now=self.clock())
        if cause is None:
            self._quarantine(site_id, request, reason=str(error), sender=sender)
        elif cause is RefusalCause.TOO_LARGE:
            self._refuse_large(site_id, request)
            return unavailable(messages.UNVERIFIED_LARGE % {"reason": error}, "zoombridge_signature")
        else:
            self.refusals.add(cause)
        return refusal(401, "zoombridge_signature", str(error))

    def _refuse_large(self, site_id: str, request: Request) -> None:
        """Store the headers of a request that is too large for the quarantine, if it names an account known here."""
        with self.store.reading() as connection:
            is_plausible = quarantine.knows_account(connection, site_id, claimed_account(request.body))
        if is_plausible:
            cause = LargeRequestCause.UNVERIFIED
            self._note_large(site_id, request.headers, len(request.body), cause, is_plausible=True)
        else:
            self.refusals.add(RefusalCause.TOO_LARGE)

    def _note_stale(self, site_id: str, request: Request, seconds: int, sender: str) -> None:
        """Record that a request was signed by Zoom, but `seconds` ago: the clocks differ.

        Anybody who recorded a request can repeat it, so it counts only from where Zoom's came from, and once a minute.
        """
        is_own = request.headers.get("x-zm-request-id", "").startswith(PROBE_REQUEST)
        if is_own or self.clock() - self._stale_noted.get(site_id, 0.0) < _NOTE_STALE_SECONDS:
            return
        with self.store.reading() as connection:
            if not senders.may_be_zooms(connection, site_id, sender):
                return
        self._stale_noted[site_id] = self.clock()
        self.store.write(partial(sites.record_stale, site_id=site_id, seconds=seconds, now=self._now()))

    def _note_signed(self, site_id: str, verification: Verification, sender: str) -> None:
        """Note that a secret token has verified an event of Zoom's: its sender, and that verification tokens retire.

        The bridge signs its self-tests with that token, too: they prove nothing. Does not block.
        """
        secret, event = verification.secret, verification.event
        if secret is None or secret.is_verification_token or event is None:
            return
        if is_probe(event.payload.account_id):
            return
        if sender:
            self._note_sender(site_id, sender)
        cached = self._cache.get(site_id)
        if cached is None or cached.are_signing:
            return
        self._signing.add(site_id)
        self._cache[site_id] = _CachedSecrets(_retired(cached.secrets), cached.read_at, are_signing=True)
        now = self._now()
        with suppress(StoreUnavailableError):  # until then, this process knows it
            self.store.submit(partial(zoom_secrets.record_signed, site_id=site_id, now=now))

    def _note_sender(self, site_id: str, sender: str) -> None:
        """Record that an authentic event came from a sender, once in a while. Does not block."""
        noted_at = self._senders_noted.get((site_id, sender))
        if noted_at is not None and self.clock() - noted_at < _NOTE_SENDER_SECONDS:
            return
        if len(self._senders_noted) >= _MOST_SENDERS_NOTED:
            self._senders_noted.clear()
        self._senders_noted[site_id, sender] = self.clock()
        with suppress(StoreUnavailableError):
            self.store.submit(partial(senders.record, site_id=site_id, sender=sender, now=self._now()))

    def _cached_secrets(self, site_id: str) -> list[Secret] | None:
        cached = self._cache.get(site_id)
        is_recent = cached is not None and self.clock() - cached.read_at <= _CACHE_SECONDS
        return cached.secrets if cached is not None and is_recent else None

    def _read_secrets(self, site_id: str) -> list[Secret]:
        with self.store.reading() as connection:
            site = sites.load(connection, site_id, self.store.sealer)
            secrets = [saved.secret for saved in zoom_secrets.of_site(connection, site_id, self.store.sealer)]
        if self._site_ids is not None:
            self._site_ids.add(site_id)
        if site_id in self._signing:  # that may not be stored yet
            secrets = _retired(secrets)
        self._cache[site_id] = _CachedSecrets(secrets, self.clock(), site.signed_at is not None)
        return secrets

    def _validate(self, site_id: str, verification: Verification) -> WebhookResponse:
        """Answer Zoom's validation of the endpoint, which needs the secret token itself."""
        envelope, secret = verification.envelope, verification.secret
        assert envelope is not None  # noqa: S101 - it was verified
        assert secret is not None  # noqa: S101
        if secret.is_verification_token:
            raise NoSecretError(messages.NO_SECRET_TO_VALIDATE)
        body = validation.answer(envelope, secret.value)
        now = self._now()

        def record(connection: Connection) -> None:
            sites.record_validation(connection, site_id, now=now)
            zoom_secrets.record_signed(connection, site_id, now=now)

        self.store.write(record)
        return WebhookResponse(200, body)

    def _quarantine(self, site_id: str, request: Request, *, reason: str, sender: str) -> None:
        now = self._now()
        displaced = self.store.write(
            lambda connection: quarantine.add(
                connection, site_id, request, self.store.sealer, reason=reason, now=now, sender=sender
            )
        )
        self.refusals.add(RefusalCause.DISPLACED, displaced)

    def _note_large(
        self,
        site_id: str,
        headers: Mapping[str, str],
        size: int,
        cause: LargeRequestCause,
        *,
        is_plausible: bool,
    ) -> None:
        now, sealer = self._now(), self.store.sealer
        self.store.write(
            lambda connection: large_requests.add(
                connection,
                site_id,
                headers,
                sealer,
                cause=cause,
                size=size,
                now=now,
                is_plausible=is_plausible,
            )
        )
        if self.clock() - self._large_logged.get(cause, 0.0) >= _LOG_LARGE_SECONDS:
            self._large_logged[cause] = self.clock()
            logger.warning("request_too_large", site=site_id, bytes=size, cause=cause.value)

    def _now(self) -> int:
        return int(self.clock() * 1000)


def log_not_stored(entries: Sequence[log.Entry], reason: str) -> None:
    """Log that events were answered with 503: Zoom sends them again."""
    trace_ids = [entry.trace_id for entry in entries]
    logger.warning("events_not_acknowledged", reason=reason, trace_ids=trace_ids)


def _named(entry: log.Entry) -> dict[str, Any]:
    return {
        "site": entry.site_id,
        "account_id": entry.account_id,
        "number": entry.number,
        "zoom_event": entry.event,
        "request_id": entry.request_id,
        "trace_ids": [entry.trace_id],
    }


def _retired(secrets: Sequence[Secret]) -> list[Secret]:
    """Return secrets of which verification tokens prove nothing any more."""
    return [replace(one, is_retired=one.is_verification_token) for one in secrets]


def _plausible(found: Position, received_at: int) -> Position:
    """Replace a time far in the future by that of receipt: it would put the event after all that are yet to come."""
    return replace(found, at=received_at) if found.at > received_at + _AHEAD_MILLISECONDS else found


def _unreadable_entry(
    site_id: str, request: Request, reason: str, sealer: Sealer, received_at: int
) -> log.Entry:
    """Return the log entry of an authentic request that cannot be read: it names no account, so it is the site's own."""
    digest = hashlib.sha256(b"\n".join((b"unreadable", site_id.encode(), request.body))).hexdigest()[:32]
    return log.Entry(
        digest=digest,
        account_id=own_account_id(site_id),
        number=None,
        event=zoom_envelope.probable_name(request.body) or _NAMELESS,
        position=Position(received_at, 0, digest),
        received_at=received_at,
        site_id=site_id,
        request_id=request.headers.get("x-zm-request-id"),
        request=request.sealed(sealer),
        outcome=log.Outcome.UNREADABLE,
        reason=reason,
    )


def _disposition(envelope: Envelope) -> tuple[log.Outcome, str | None]:
    if envelope.event == SNAPSHOT or not acts_on(envelope.event):
        return log.Outcome.IGNORED, messages.EVENT_NOT_PROCESSED
    if envelope.event in BATCHES:
        # Its meetings are found by the fold: see core.store.events.recordings.
        return (
            (log.Outcome.PENDING, None)
            if named_instances(envelope)
            else (log.Outcome.IGNORED, messages.EVENT_NO_RECORDING)
        )
    if envelope.event in HOST_EVENTS:
        # The user's meetings are found by the fold: see core.store.events.host_events.
        return (
            (log.Outcome.PENDING, None)
            if hosts_of(envelope)
            else (log.Outcome.IGNORED, messages.EVENT_NO_USER)
        )
    if envelope.number is None:
        return log.Outcome.IGNORED, messages.EVENT_NO_MEETING
    return log.Outcome.PENDING, None
