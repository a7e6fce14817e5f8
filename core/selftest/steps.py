"""The steps of a self-test: each does one thing, reports the stages it passed, and names the next step."""

from __future__ import annotations

import secrets as randomness
import time
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from core import messages
from core.errors import Fault, SiteFaultError
from core.model.page_visit import stays_on_server
from core.pipeline import site_client
from core.selftest.cleanup import clean_up, enqueue_cleanup
from core.sites import diagnosis
from core.sites.diagnosis import (
    Cause,
    Diagnosis,
    EndpointResponse,
    ProbePost,
    SentEvent,
    Stage,
    VisitorResponse,
    newest_refused,
)
from core.sites.health_check import connection_advice
from core.store import selftest
from core.store.events import log, quarantine
from core.store.posts.queue import PostState
from core.store.sites import sites
from core.wordpress import transport
from core.wordpress.faults import page_title
from core.zoom import envelope as zoom_envelope
from core.zoom.probe import FIRST_NUMBER, LAST_NUMBER, REQUEST, ProbeEvents, probe_account_id
from core.zoom.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.store.events.quarantine import QuarantinedRequest
    from core.store.sites.sites import Site
    from core.wordpress.sync_client import SyncClient
    from core.zoom.signature import Secret

# Time-outs of requests, in seconds.
_SEND_TIMEOUT = (5.0, 10.0)  # connect and read: longer than Zoom waits, to measure the duration
_VISIT_TIMEOUT = (5.0, 20.0)
_POLL_SECONDS = 1.0
_POLL_INTERVAL_SECONDS = 0.1
_MOST_REDIRECTS = 5
_MOST_QUARANTINED = 20  # newest requests of the site
_MILLISECONDS = 1000
_SIGNATURE_REFUSED = "zoombridge_signature"  # error code of the bridge


@dataclass(frozen=True, slots=True)
class StepLimits:
    """Time limits of the steps, in seconds."""

    logging: float = 5.0
    folding: float = 30.0
    writing: float = 45.0
    removing: float = 45.0
    cleaning: float = 10.0


class SelfTestStep(StrEnum):
    """Steps of a self-test, in their order. Jobs store the values."""

    BEGIN = "begin"
    SEND = "send"
    AWAIT_ARRIVAL = "arrive"
    AWAIT_FOLD = "fold"
    AWAIT_PAGE = "write"
    VISIT = "see"
    DELETE = "remove"
    AWAIT_DELETION = "removed"
    CHECK_ZOOM = "compare"
    CLEAN_UP = "clean"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class StepReport:
    """A completed stage: whether it succeeded, its duration, and details."""

    stage: Stage
    well: bool
    milliseconds: int
    detail: str = ""


@dataclass(slots=True)
class Progress:
    """Progress of a self-test, as its job stores it.

    `at` is the start of the test, `since` that of its step (Unix milliseconds, UTC). `ahead` is by how many seconds the
    site's clock is ahead of this machine's.
    """

    number: int = 0
    token: str = ""
    at: int = 0
    since: int = 0
    step: SelfTestStep = SelfTestStep.BEGIN
    lines: list[StepReport] = field(default_factory=list)
    diagnosis: Diagnosis | None = None
    link: str = ""
    post_id: int = 0
    ahead: float | None = None

    @classmethod
    def of(cls, cursor: Mapping[str, Any] | None) -> Progress:
        """Parse the progress that a job has stored; `verdict` is the former key of `diagnosis`."""
        stored = dict(cursor or {})
        step = SelfTestStep(stored.pop("step", SelfTestStep.BEGIN))
        lines = [StepReport(**{**line, "stage": Stage(line["stage"])}) for line in stored.pop("lines", ())]
        former = stored.pop("verdict", None)
        found = stored.pop("diagnosis", None) or former
        if found is not None:
            found = Diagnosis(**{**found, "stage": Stage(found["stage"]), "cause": Cause(found["cause"])})
        return cls(**stored, step=step, lines=lines, diagnosis=found)


def connect(site: Site) -> SyncClient:
    """Return a client of a site."""
    return site_client.connect(site, timeout=_VISIT_TIMEOUT)


@dataclass(slots=True)
class SelfTestSteps:
    """Run one step of a site's self-test, and update `progress`. Blocks for a request, or for about a second.

    `connect` creates a site's client. `extra_write` is what a step wants written in the transaction that stores the
    progress.
    """

    store: Store
    site: Site
    secrets: list[Secret]
    progress: Progress
    appended: Callable[[int], None]
    clock: Callable[[], float]
    limits: StepLimits = field(default_factory=StepLimits)
    connect: Callable[[Site], SyncClient] = connect
    extra_write: Callable[[Connection], None] | None = None

    def run(self) -> None:
        """Run the next step."""
        STEPS[self.progress.step](self)

    @property
    def probe(self) -> ProbeEvents:
        """The events of the probe meeting."""
        return ProbeEvents(self.site.id, self.progress.number, self.progress.token)

    # --- The steps ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Choose the probe meeting before anything is sent, so that cleanup always knows it."""
        self.progress.since = self._now()
        if not self._signing:
            self._fail(diagnosis.diagnose_missing_secret())
            return
        self.progress.number = FIRST_NUMBER + randomness.randbelow(LAST_NUMBER - FIRST_NUMBER)
        self.progress.token = randomness.token_hex(4)
        self.progress.at = self._now()

        def write(connection: Connection) -> None:
            sites.end_pause(connection, self.site.id)
            if selftest.numbers(connection, probe_account_id(self.site.id)):  # of an interrupted test
                enqueue_cleanup(connection, self.site.id, now=self._now())

        self.extra_write = write
        self._go_to(SelfTestStep.SEND)

    def send(self) -> None:
        """Send the event to the site's endpoint, and diagnose the response."""
        sent = self._signed(self.probe.created(self._event_time()))
        answered = self._post(sent)
        self._report(Stage.SENT, self._endpoint, 0)
        if answered.code == _SIGNATURE_REFUSED:
            self._report(Stage.ANSWERED, f"HTTP {answered.status}", answered.milliseconds)
            self._fail(self._refused_event(sent))
            return
        plugin_advice = self._plugin_advice() if answered.code == "zoombridge_unreachable" else ""
        wrong = diagnosis.diagnose_response(answered, plugin_advice=plugin_advice)
        if wrong is not None:
            self._fail(wrong)
            return
        self._report(Stage.ANSWERED, f"HTTP {answered.status}", answered.milliseconds)
        self._go_to(SelfTestStep.AWAIT_ARRIVAL)

    def await_arrival(self) -> None:
        """Wait until the event is in the log."""
        sent = self._signed(self.probe.created(self._event_time()))
        found = self._poll(
            lambda connection: selftest.find_event(connection, _digest(sent.body), self.store.sealer)
        )
        if found is not None:
            self._report(Stage.ARRIVED, messages.TEST_UNCHANGED % {"count": len(found.request.body)})
            self._report(Stage.LOGGED, "", 0)
            self._go_to(SelfTestStep.AWAIT_FOLD)
        elif self._is_late(self.limits.logging):
            self._fail(diagnosis.diagnose_interception(EndpointResponse(HTTPStatus.NO_CONTENT)))

    def await_fold(self) -> None:
        """Wait until the event is folded."""
        digest = _digest(self.probe.created(self._event_time()))

        def query(connection: Connection) -> selftest.StoredEvent | None:
            found = selftest.find_event(connection, digest, self.store.sealer)
            return None if found is None or found.outcome is log.Outcome.PENDING else found

        found = self._poll(query)
        if found is not None and found.outcome is log.Outcome.APPLIED:
            self._report(Stage.FOLDED)
            self._go_to(SelfTestStep.AWAIT_PAGE)
        elif found is not None:
            self._fail(diagnosis.diagnose_fold(found.outcome, found.reason))
        elif self._is_late(self.limits.folding):
            self._fail(diagnosis.diagnose_fold(log.Outcome.PENDING, None))

    def await_page(self) -> None:
        """Wait until the page is written, or the write fails."""

        def query(connection: Connection) -> selftest.StoredPost | None:
            found = selftest.find_post(connection, self.probe, now=self._now())
            if found is None or found.fault == Fault.BUSY:  # an editor is saving a meeting: temporary
                return None
            return found if found.is_written or found.fault or found.reason else None

        found = self._poll(query)
        if found is not None and found.state is PostState.SYNCED and found.post_id is not None:
            self.progress.post_id, self.progress.link = found.post_id, found.link or ""
            self._report(Stage.WRITTEN, self.progress.link)
            self._go_to(SelfTestStep.VISIT)
        elif found is not None or self._is_late(self.limits.writing):
            self._fail(diagnosis.diagnose_write(_written(found)))

    def visit(self) -> None:
        """Open the page as a visitor; one that is not public, as an editor."""
        try:
            with self.connect(self.site) as client:
                post = client.read_post(self.progress.post_id)
        except SiteFaultError as error:
            self._fail(diagnosis.diagnose_write(ProbePost(fault=error.fault, message=str(error))))
            return
        if post.status != "publish":
            self._report(Stage.SEEN, messages.TEST_SEEN_BY_EDITORS % {"status": post.status})
            self._go_to(SelfTestStep.DELETE)
            return
        visited = visit_page(self.site, self.progress.link, self.progress.token)
        wrong = diagnosis.diagnose_visit(visited)
        if wrong is not None:
            self._fail(wrong)
            return
        self._report(Stage.SEEN, f"HTTP {visited.status}")
        self._go_to(SelfTestStep.DELETE)

    def delete(self) -> None:
        """Send that the meeting was deleted, and then permanently deleted."""
        for body in (
            self.probe.deleted(self._event_time(1)),
            self.probe.permanently_deleted(self._event_time(2)),
        ):
            sent = self._signed(body)
            answered = self._post(sent)
            wrong = (
                self._refused_event(sent)
                if answered.code == _SIGNATURE_REFUSED
                else diagnosis.diagnose_response(answered)
            )
            if wrong is not None:
                self._fail(replace(wrong, stage=Stage.REMOVED))
                return
        self._go_to(SelfTestStep.AWAIT_DELETION)

    def await_deletion(self) -> None:
        """Wait until the page is gone from the site."""

        def query(connection: Connection) -> bool:
            return selftest.is_over(connection, self.probe) and selftest.is_settled(connection, self.probe)

        if self._poll(query):
            try:
                with self.connect(self.site) as client:
                    left = client.find_posts(self.progress.number)
            except SiteFaultError:
                left = []  # the deletion was confirmed; that the site fails now is another matter
            if left:
                self._fail(diagnosis.diagnose_removal())
                return
            self._report(Stage.REMOVED)
            self._go_to(SelfTestStep.CHECK_ZOOM)
        elif self._is_late(self.limits.removing):
            self._fail(diagnosis.diagnose_removal())

    def check_zoom(self) -> None:
        """Check what no test event can show: the clocks, and whether Zoom's own events pass."""
        wrong = diagnosis.diagnose_clocks(self.progress.ahead)
        if wrong is not None:
            self._fail(wrong)
            return
        self._report(
            Stage.CLOCKS,
            ""
            if self.progress.ahead is None
            else messages.TEST_CLOCKS_APART % {"count": abs(round(self.progress.ahead))},
        )
        with self.store.reading() as connection:
            held = quarantine.suspects(connection, self.site.id, self.store.sealer, _MOST_QUARANTINED)
        refused = newest_refused(
            held, self.secrets, stale_at=self.site.stale_at, stale_seconds=self.site.stale_seconds
        )
        wrong = diagnosis.diagnose_zoom(
            refused,
            validated_at=self.site.validated_at,
            event_at=self.site.last_event_at,
        )
        if wrong is not None:
            self._fail(wrong)
            return
        is_proven = self.site.validated_at or self.site.last_event_at
        self._report(
            Stage.ZOOM,
            "" if is_proven else messages.TEST_ZOOM_SILENT,
        )
        self._go_to(SelfTestStep.CLEAN_UP)

    def clean_up(self) -> None:
        """Delete the probe meeting permanently, whatever was sent before, and every trace of it."""
        for item in self._quarantined():
            self.store.write(partial(quarantine.release, held_id=item.id))
        if clean_up(self.store, self.probe, at=self._event_time(2), appended=self.appended):
            self._go_to(SelfTestStep.ENDED)
        elif self._is_late(self.limits.cleaning):
            self.extra_write = lambda connection: enqueue_cleanup(connection, self.site.id, now=self._now())
            self._go_to(SelfTestStep.ENDED)
        else:
            time.sleep(_POLL_INTERVAL_SECONDS)

    # --- Helpers -----------------------------------------------------------------------------------

    @property
    def _signing(self) -> list[Secret]:
        """The secret tokens; verification tokens cannot sign."""
        return [secret for secret in self.secrets if not secret.is_verification_token]

    @property
    def _endpoint(self) -> str:
        return str(self.site.endpoints.get("meeting") or f"{self.site.rest_root}vczapi/v1/meeting")

    @property
    def _request_id(self) -> str:
        return f"{REQUEST}{uuid.uuid5(uuid.NAMESPACE_OID, f'{self.progress.number}{self.progress.token}')}"

    def _signed(self, body: bytes) -> SentEvent:
        """Sign an event now, with a secret token that is valid for every account if there is one."""
        secret = min(self._signing, key=lambda secret: secret.account_id is not None)
        timestamp = str(int(self.clock()))
        headers = {
            "user-agent": "Zoom Marketplace/1.0a",
            "content-type": "application/json; charset=utf-8",
            "x-zm-request-id": self._request_id,
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: sign(secret.value, timestamp, body),
        }
        return SentEvent(body, headers)

    def _post(self, sent: SentEvent) -> EndpointResponse:
        began = time.monotonic()
        try:
            with site_client.session(self.site, self._endpoint) as over:
                answer = transport.send(
                    over, "POST", self._endpoint, body=sent.body, headers=sent.headers, timeout=_SEND_TIMEOUT
                )
        except SiteFaultError as error:
            return EndpointResponse(None, _since(began), error.reason or str(error))
        self.progress.ahead = transport.seconds_ahead(answer)
        return EndpointResponse.of(answer, _since(began))

    def _refused_event(self, sent: SentEvent) -> Diagnosis:
        mine = self._quarantined()
        return diagnosis.diagnose_refusal(sent, mine[0].request if mine else None)

    def _quarantined(self) -> list[QuarantinedRequest]:
        """Return this test's requests in quarantine, newest first."""
        with self.store.reading() as connection:
            held = quarantine.latest(connection, self.site.id, self.store.sealer, _MOST_QUARANTINED)
        return [item for item in held if item.request.headers.get("x-zm-request-id") == self._request_id]

    def _plugin_advice(self) -> str:
        """Return the plugin's error when it connects to the bridge, with advice; empty where it is unknown."""
        try:
            with self.connect(self.site) as client:
                called = client.hello(call=True).bridge
        except SiteFaultError:
            return ""
        if called is None or not called.message:
            return ""
        return f"{called.message} {connection_advice(called.address, self.site.url)}"

    def _poll(self, query: Callable[[Connection], Any]) -> Any:
        """Poll the store for a second; return the first true result, else the last."""
        until = time.monotonic() + _POLL_SECONDS
        while True:
            with self.store.reading() as connection:
                found = query(connection)
            if found or time.monotonic() > until:
                return found
            time.sleep(_POLL_INTERVAL_SECONDS)

    def _report(self, stage: Stage, detail: str = "", milliseconds: int | None = None) -> None:
        took = max(self._now() - self.progress.since, 0) if milliseconds is None else milliseconds
        self.progress.lines.append(StepReport(stage, True, took, detail))
        self.progress.since = self._now()

    def _fail(self, wrong: Diagnosis) -> None:
        """Store the diagnosis, and continue with the cleanup."""
        self.progress.diagnosis = wrong
        self.progress.lines.append(StepReport(wrong.stage, False, max(self._now() - self.progress.since, 0)))
        self._go_to(SelfTestStep.CLEAN_UP if self.progress.number else SelfTestStep.ENDED)

    def _go_to(self, step: SelfTestStep) -> None:
        self.progress.step, self.progress.since = step, self._now()

    def _is_late(self, seconds: float) -> bool:
        return self._now() - self.progress.since > seconds * _MILLISECONDS

    def _event_time(self, later: int = 0) -> datetime:
        """Return the time of the test's first event, or `later` milliseconds after it."""
        return datetime.fromtimestamp(self.progress.at / _MILLISECONDS, UTC) + timedelta(milliseconds=later)

    def _now(self) -> int:
        return int(self.clock() * _MILLISECONDS)


STEPS: dict[SelfTestStep, Callable[[SelfTestSteps], None]] = {
    SelfTestStep.BEGIN: SelfTestSteps.begin,
    SelfTestStep.SEND: SelfTestSteps.send,
    SelfTestStep.AWAIT_ARRIVAL: SelfTestSteps.await_arrival,
    SelfTestStep.AWAIT_FOLD: SelfTestSteps.await_fold,
    SelfTestStep.AWAIT_PAGE: SelfTestSteps.await_page,
    SelfTestStep.VISIT: SelfTestSteps.visit,
    SelfTestStep.DELETE: SelfTestSteps.delete,
    SelfTestStep.AWAIT_DELETION: SelfTestSteps.await_deletion,
    SelfTestStep.CHECK_ZOOM: SelfTestSteps.check_zoom,
    SelfTestStep.CLEAN_UP: SelfTestSteps.clean_up,
}


def _digest(body: bytes) -> str:
    return zoom_envelope.digest(zoom_envelope.parse(body))


def _written(found: selftest.StoredPost | None) -> ProbePost:
    if found is None:
        return ProbePost()
    return ProbePost(
        found.state is PostState.SYNCED, found.fault or "", found.message or "", found.reason or ""
    )


def visit_page(site: Site, link: str, token: str) -> VisitorResponse:
    """Open a page without a session, following redirects within its server."""
    try:
        for _ in range(_MOST_REDIRECTS + 1):
            with site_client.session(site, link) as over:
                answer = transport.send(
                    over, "GET", link, headers={"Accept": "text/html"}, timeout=_VISIT_TIMEOUT
                )
            to = answer.header("Location")
            if answer.status not in range(300, 400) or not to:
                break
            target = urljoin(link, to)
            if not stays_on_server(link, target):
                break
            link = target
    except SiteFaultError as error:
        return VisitorResponse(None, False, error.reason or str(error))
    except ValueError:  # it leads to what is no address
        return VisitorResponse(None, False, messages.NO_WEB_ADDRESS)
    return VisitorResponse(answer.status, token.encode() in answer.body, page_title(answer.body))


def _since(began: float) -> int:
    return round((time.monotonic() - began) * _MILLISECONDS)
