"""Bytes to log: check who sent them, read them, keep them, and only then say so."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.errors import (
    BadRequestError,
    NoSecretError,
    SignatureError,
    StoreUnavailableError,
    UnknownSiteError,
    WrongSignatureError,
)
from core.model.activity import BATCHES, named_instances
from core.model.fold import SNAPSHOT, acts_on, position
from core.model.recording_batches import NO_INSTANCE
from core.pipeline.answers import ACCEPTED, WebhookResponse, refusal, unavailable
from core.store.events import log, quarantine
from core.store.sites import sites, zoom_secrets
from core.zoom import envelope as zoom_envelope
from core.zoom import signature, validation
from core.zoom.probe import is_probe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.store.events.request import Request
    from core.zoom.envelope import Envelope
    from core.zoom.signature import Secret

_TRUST_SECONDS = 5  # how long the secrets read from the store are used before they are read again


@dataclass(frozen=True, slots=True)
class _Known:
    secrets: list[Secret]
    read_at: float


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What a second look at the quarantine found: how many requests verified, and how many stay."""

    verified: int
    kept: int


@dataclass(slots=True)
class Ingest:
    """Takes what comes to the endpoints into the log. `appended` is told by how many events it has grown."""

    store: Store
    appended: Callable[[int], None] = lambda _count: None
    clock: Callable[[], float] = time.time
    _known: dict[str, _Known] = field(default_factory=dict)

    def knows(self, site_id: str) -> bool:
        """Whether the secrets of a site were read a moment ago."""
        known = self._known.get(site_id)
        return known is not None and self.clock() - known.read_at <= _TRUST_SECONDS

    def look_up(self, site_id: str) -> None:
        """Read the secrets of a site. Blocks. Raises `UnknownSiteError` or `StoreUnavailableError`."""
        self._read_secrets(site_id)

    def read_quickly(self, site_id: str, request: Request) -> log.Entry | None:
        """Return an event as it enters the log, where what is known already verifies it; None where more is needed.

        Never blocks. What is returned is to be kept, together with others: see `keep`.
        """
        known = self._known.get(site_id)
        if known is None or not self.knows(site_id):
            return None
        try:
            secret = signature.verify(request.headers, request.body, known.secrets, now=self.clock())
            envelope = zoom_envelope.parse(request.body)
        except (SignatureError, BadRequestError):
            return None
        if envelope.event == validation.EVENT or not _is_for(secret, known.secrets, envelope):
            return None
        return self._entry(site_id, request, envelope, received_at=self._now())

    def keep(self, entries: Sequence[log.Entry]) -> Future[list[bool | Exception]]:
        """Append events to the log. Never blocks.

        The future is done when they are durable; it tells of each whether it is new, or what kept it out of
        the log. It may raise `StoreUnavailableError`, as may the call itself: then none of them is kept.
        """
        future = self.store.submit_each(log.append, entries)
        future.add_done_callback(lambda _: self.appended(len(entries)))
        return future

    def receive(self, site_id: str, request: Request) -> WebhookResponse:
        """Take whatever came, and return what to answer. Blocks until that is durable."""
        try:
            return self._receive(site_id, request)
        except UnknownSiteError as error:
            return refusal(404, "zoombridge_unknown_site", str(error))
        except NoSecretError as error:
            return unavailable(str(error), "zoombridge_no_secret")
        except SignatureError as error:
            return refusal(401, "zoombridge_signature", str(error))
        except BadRequestError as error:
            return refusal(400, "zoombridge_bad_request", str(error))
        except StoreUnavailableError as error:
            return unavailable(str(error))

    def forget(self, site_id: str | None = None) -> None:
        """Read the secrets of a site, or of every site, again before they are used next."""
        if site_id is None:
            self._known.clear()
        else:
            self._known.pop(site_id, None)

    def recheck(self, site_id: str) -> Rechecked:
        """Check what is in a site's quarantine against the secrets saved now, as of the time it came.

        What verifies goes into the log as if it had been accepted then. Raises `StoreUnavailableError`.
        """
        self.forget(site_id)
        with self.store.reading() as connection:
            secrets = [saved.secret for saved in zoom_secrets.of_site(connection, site_id, self.store.sealer)]
            held = quarantine.held(connection, site_id, self.store.sealer)
        entries = []
        for item in held:
            try:
                envelope = _verified(item.request, secrets, now=item.received_at / 1000)
            except (SignatureError, BadRequestError):
                continue
            entry = self._entry(site_id, item.request, envelope, received_at=item.received_at)
            entries.append((item.id, entry))

        def accept(connection: Connection) -> None:
            if entries:
                log.append(connection, [entry for _, entry in entries])
            for held_id, _ in entries:
                quarantine.release(connection, held_id)

        self.store.write(accept)
        self.appended(len(entries))
        return Rechecked(verified=len(entries), kept=len(held) - len(entries))

    def _receive(self, site_id: str, request: Request) -> WebhookResponse:
        secrets = self._read_secrets(site_id)
        try:
            envelope = _verified(request, secrets, now=self.clock())
        except NoSecretError:
            raise
        except SignatureError as error:
            self._hold(site_id, request, reason=str(error))
            if self._read_secrets(site_id) != secrets:
                # One was saved since, and what it let out of quarantine did not hold this request yet.
                self.recheck(site_id)
            raise
        if envelope.event == validation.EVENT:
            return self._validate(site_id, request, envelope, secrets)
        entry = self._entry(site_id, request, envelope, received_at=self._now())
        self.store.submit_to_group(log.append, entry).result()
        self.appended(1)
        return ACCEPTED

    def _read_secrets(self, site_id: str) -> list[Secret]:
        with self.store.reading() as connection:
            sites.load(connection, site_id, self.store.sealer)
            secrets = [saved.secret for saved in zoom_secrets.of_site(connection, site_id, self.store.sealer)]
        self._known[site_id] = _Known(secrets, self.clock())
        return secrets

    def _validate(
        self, site_id: str, request: Request, envelope: Envelope, secrets: list[Secret]
    ) -> WebhookResponse:
        secret = signature.verify(request.headers, request.body, secrets, now=self.clock())
        if secret.is_verification_token:
            raise NoSecretError(
                "Zoom asks to validate this endpoint, which needs the secret token. Copy it from your app in "
                "the Zoom App Marketplace (Features > Access > Secret Token) to the page Webhooks."
            )
        body = validation.answer(envelope, secret.value)
        now = self._now()
        self.store.write(lambda connection: sites.note_validated(connection, site_id, now=now))
        return WebhookResponse(200, body)

    def _hold(self, site_id: str, request: Request, *, reason: str) -> None:
        """Keep a refused request that looks like Zoom's: an event, with something to verify it by."""
        if not _looks_like_zooms(request):
            return
        now = self._now()
        self.store.write(
            lambda connection: quarantine.keep(
                connection, site_id, request, self.store.sealer, reason=reason, now=now
            )
        )

    def _entry(self, site_id: str, request: Request, envelope: Envelope, *, received_at: int) -> log.Entry:
        digest = zoom_envelope.digest(envelope)
        outcome, reason = _disposition(envelope)
        return log.Entry(
            digest=digest,
            account_id=envelope.payload.account_id or "",
            number=None if envelope.event in BATCHES else envelope.number,
            event=envelope.event,
            position=position(envelope, digest, received_at=received_at),
            received_at=received_at,
            site_id=site_id,
            request_id=request.headers.get("x-zm-request-id"),
            request=request.sealed(self.store.sealer),
            outcome=outcome,
            reason=reason,
        )

    def _now(self) -> int:
        return int(self.clock() * 1000)


def _verified(request: Request, secrets: list[Secret], *, now: float) -> Envelope:
    """Return the event, once its raw bytes are shown to be Zoom's. Raises `SignatureError`, `BadRequestError`."""
    secret = signature.verify(request.headers, request.body, secrets, now=now)
    envelope = zoom_envelope.parse(request.body)
    if not _is_for(secret, secrets, envelope):
        raise WrongSignatureError(
            f"The request is signed with the secret of another Zoom account than {envelope.payload.account_id}."
        )
    return envelope


def _is_for(secret: Secret, secrets: list[Secret], envelope: Envelope) -> bool:
    """Whether a secret may speak for the event's account. Validations name no account, and a test has its own.

    One app has one secret, also where several accounts have installed it: it may be saved for each of them.
    """
    named_instances = envelope.payload.account_id
    return (
        named_instances is None
        or is_probe(named_instances)
        or any(
            (saved.value, saved.is_verification_token) == (secret.value, secret.is_verification_token)
            and saved.account_id in (None, named_instances)
            for saved in secrets
        )
    )


def _disposition(envelope: Envelope) -> tuple[log.Outcome, str | None]:
    if envelope.event == SNAPSHOT or not acts_on(envelope.event):
        return log.Outcome.IGNORED, "The bridge does not act on events of this name."
    if envelope.event in BATCHES:
        # Which meetings it is about is found as it is folded: see core.store.instances.
        return (
            (log.Outcome.PENDING, None) if named_instances(envelope) else (log.Outcome.IGNORED, NO_INSTANCE)
        )
    if envelope.number is None:
        return log.Outcome.IGNORED, "The event names no meeting number."
    return log.Outcome.PENDING, None


def _looks_like_zooms(request: Request) -> bool:
    if signature.SIGNATURE_HEADER not in request.headers and signature.TOKEN_HEADER not in request.headers:
        return False
    try:
        envelope = zoom_envelope.parse(request.body)
    except BadRequestError:
        return False
    # A validation is answered within three seconds or not at all: keeping it would serve nobody.
    return envelope.event != validation.EVENT
