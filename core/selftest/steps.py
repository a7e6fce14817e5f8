"""The steps of a test: each does one thing, notes what it saw, and says which step comes next."""

from __future__ import annotations

import secrets as randomness
import time
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from core.errors import Fault, SiteFaultError
from core.selftest.cleanup import ask_for_cleaning, clean
from core.sites import diagnosis
from core.sites.diagnosis import (
    Cause,
    Diagnosis,
    EndpointResponse,
    PostStatus,
    SentEvent,
    Stage,
    VisitorResponse,
    count_refused,
)
from core.sites.health import connection_advice
from core.store import selftest
from core.store.events import log, quarantine
from core.store.posts.posts import PostState
from core.store.sites import sites
from core.wordpress import transport
from core.wordpress.client import WordPressClient
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
    from core.zoom.signature import Secret

# Time-outs of requests, in seconds.
_SENDING = (5.0, 10.0)  # to connect, and for the answer: longer than Zoom waits, to tell how long it took
_VISITING = (5.0, 20.0)
_PIECE_SECONDS = 1.0
_LOOK_SECONDS = 0.1
_MOST_REDIRECTS = 5
_HELD_LOOKED_AT = 20  # of the newest in quarantine
_MILLISECONDS = 1000
_SIGNATURE = "zoombridge_signature"  # the code of a refusal


@dataclass(frozen=True, slots=True)
class StepLimits:
    """Seconds that a step may take."""

    logging: float = 5.0
    folding: float = 30.0
    writing: float = 45.0
    removing: float = 45.0
    cleaning: float = 10.0


@dataclass(frozen=True, slots=True)
class StepReport:
    """One stage that is behind the test: whether it went well, how long it took, and what was seen."""

    stage: Stage
    well: bool
    milliseconds: int
    detail: str = ""


@dataclass(slots=True)
class Progress:
    """Where a test is, as its job keeps it. `at` is when it began, `since` when its step did (ms since 1970).

    `ahead` is by how many seconds the site's clock is ahead of this machine's.
    """

    number: int = 0
    token: str = ""
    at: int = 0
    since: int = 0
    step: str = "begin"
    lines: list[StepReport] = field(default_factory=list)
    verdict: Diagnosis | None = None
    link: str = ""
    post_id: int = 0
    ahead: float | None = None

    @classmethod
    def of(cls, place: Mapping[str, Any] | None) -> Progress:
        """Read what a job has kept."""
        kept = dict(place or {})
        lines = [StepReport(**{**line, "stage": Stage(line["stage"])}) for line in kept.pop("lines", ())]
        told = kept.pop("verdict", None)
        verdict = told and Diagnosis(**{**told, "stage": Stage(told["stage"]), "cause": Cause(told["cause"])})
        return cls(**kept, lines=lines, verdict=verdict)


@dataclass(slots=True)
class SelfTestSteps:
    """One step of the test of a site that has these `secrets`. What comes of it is noted in `kept`.

    `keep` is what it wants written together with that.
    """

    store: Store
    site: Site
    secrets: list[Secret]
    kept: Progress
    appended: Callable[[int], None]
    clock: Callable[[], float]
    limits: StepLimits = field(default_factory=StepLimits)
    keep: Callable[[Connection], None] | None = None

    def step(self) -> None:
        """Do the step that comes next."""
        steps = (
            self.begin,
            self.send,
            self.arrive,
            self.fold,
            self.write,
            self.see,
            self.remove,
            self.removed,
            self.compare,
            self.clean,
        )
        next(step for step in steps if step.__name__ == self.kept.step)()

    @property
    def trial(self) -> ProbeEvents:
        """The meeting that the test is about."""
        return ProbeEvents(self.site.id, self.kept.number, self.kept.token)

    # --- The steps ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Choose the meeting, before anything is sent: so whatever happens, it is known what to clean up."""
        self.kept.since = self._now()
        if not self._signing:
            self._judge(diagnosis.diagnose_missing_secret())
            return
        self.kept.number = FIRST_NUMBER + randomness.randbelow(LAST_NUMBER - FIRST_NUMBER)
        self.kept.token = randomness.token_hex(4)
        self.kept.at = self._now()

        def keep(connection: Connection) -> None:
            sites.try_now(connection, self.site.id)
            if selftest.numbers(
                connection, probe_account_id(self.site.id)
            ):  # an earlier test's, which was broken off
                ask_for_cleaning(connection, self.site.id, now=self._now())

        self.keep = keep
        self._next("send")

    def send(self) -> None:
        """Send the event to the site's own endpoint, and judge what comes back."""
        sent = self._sent(self.trial.created(self._at()))
        answered = self._post(sent)
        self._line(Stage.SENT, self._endpoint, 0)
        if answered.code == _SIGNATURE:
            self._line(Stage.ANSWERED, f"HTTP {answered.status}", answered.milliseconds)
            self._judge(self._refusal(sent))
            return
        way_back = self._way_back() if answered.code == "zoombridge_unreachable" else ""
        wrong = diagnosis.diagnose_response(answered, plugin_advice=way_back)
        if wrong is not None:
            self._judge(wrong)
            return
        self._line(Stage.ANSWERED, f"HTTP {answered.status}", answered.milliseconds)
        self._next("arrive")

    def arrive(self) -> None:
        """Look for the event in the log."""
        sent = self._sent(self.trial.created(self._at()))
        found = self._look(
            lambda connection: selftest.in_log(connection, _digest(sent.body), self.store.sealer)
        )
        if found is not None:
            self._line(Stage.ARRIVED, f"{len(found.request.body)} bytes, none of them changed")
            self._line(Stage.LOGGED, "", 0)
            self._next("fold")
        elif self._late(self.limits.logging):
            self._judge(diagnosis.diagnose_interception(EndpointResponse(HTTPStatus.NO_CONTENT)))

    def fold(self) -> None:
        """Wait until the event is a part of its meeting."""
        digest = _digest(self.trial.created(self._at()))

        def look(connection: Connection) -> selftest.InLog | None:
            found = selftest.in_log(connection, digest, self.store.sealer)
            return None if found is None or found.outcome is log.Outcome.PENDING else found

        found = self._look(look)
        if found is not None and found.outcome is log.Outcome.APPLIED:
            self._line(Stage.FOLDED)
            self._next("write")
        elif found is not None:
            self._judge(diagnosis.diagnose_fold(found.outcome, found.reason))
        elif self._late(self.limits.folding):
            self._judge(diagnosis.diagnose_fold(log.Outcome.PENDING, None))

    def write(self) -> None:
        """Wait until the page is written, or why it is not."""

        def look(connection: Connection) -> selftest.OnSite | None:
            found = selftest.on_site(connection, self.trial, now=self._now())
            if found is None or found.fault == Fault.BUSY:  # somebody saves a meeting there: it passes
                return None
            return found if found.is_written or found.fault or found.reason else None

        found = self._look(look)
        if found is not None and found.state is PostState.SYNCED and found.post_id is not None:
            self.kept.post_id, self.kept.link = found.post_id, found.link or ""
            self._line(Stage.WRITTEN, self.kept.link)
            self._next("see")
        elif found is not None or self._late(self.limits.writing):
            self._judge(diagnosis.diagnose_write(_written(found)))

    def see(self) -> None:
        """Open the page as a visitor; one that is no public page, as an editor."""
        try:
            with self._client() as client:
                post = client.read_post(self.kept.post_id)
        except SiteFaultError as error:
            self._judge(diagnosis.diagnose_write(PostStatus(fault=error.fault, message=str(error))))
            return
        if post.status != "publish":
            self._line(Stage.SEEN, f"by editors: new pages are made with the status “{post.status}”")
            self._next("remove")
            return
        visited = _visit(self.kept.link, self.kept.token)
        wrong = diagnosis.diagnose_visit(visited)
        if wrong is not None:
            self._judge(wrong)
            return
        self._line(Stage.SEEN, f"HTTP {visited.status}")
        self._next("remove")

    def remove(self) -> None:
        """Send that the meeting was deleted, and then for good."""
        for body in (self.trial.deleted(self._at(1)), self.trial.permanently_deleted(self._at(2))):
            sent = self._sent(body)
            answered = self._post(sent)
            wrong = (
                self._refusal(sent) if answered.code == _SIGNATURE else diagnosis.diagnose_response(answered)
            )
            if wrong is not None:
                self._judge(replace(wrong, stage=Stage.REMOVED))
                return
        self._next("removed")

    def removed(self) -> None:
        """Wait until nothing of it is on the site."""

        def look(connection: Connection) -> bool:
            return selftest.is_over(connection, self.trial) and selftest.is_settled(connection, self.trial)

        if self._look(look):
            try:
                with self._client() as client:
                    left = client.find_posts(self.kept.number)
            except SiteFaultError:
                left = []  # it was told that the page is gone; that the site does not answer now is another matter
            if left:
                self._judge(diagnosis.diagnose_removal())
                return
            self._line(Stage.REMOVED)
            self._next("compare")
        elif self._late(self.limits.removing):
            self._judge(diagnosis.diagnose_removal())

    def compare(self) -> None:
        """Judge what no test event can show: the clocks, and whether Zoom's own events come through."""
        wrong = diagnosis.diagnose_clocks(self.kept.ahead)
        if wrong is not None:
            self._judge(wrong)
            return
        self._line(Stage.CLOCKS, "" if self.kept.ahead is None else f"{abs(round(self.kept.ahead))} s apart")
        with self.store.reading() as connection:
            held = quarantine.latest(connection, self.site.id, self.store.sealer, _HELD_LOOKED_AT)
        wrong = diagnosis.diagnose_zoom(
            count_refused(held, self.secrets),
            validated_at=self.site.validated_at,
            event_at=self.site.last_event_at,
        )
        if wrong is not None:
            self._judge(wrong)
            return
        is_proven = self.site.validated_at or self.site.last_event_at
        self._line(
            Stage.ZOOM,
            ""
            if is_proven
            else "Zoom has sent nothing yet: whether its secret token is the one saved here, only that shows",
        )
        self._next("clean")

    def clean(self) -> None:
        """Leave nothing behind: have the meeting deleted for good, whatever was sent before, then forget it."""
        for item in self._held():
            self.store.write(partial(quarantine.release, held_id=item.id))
        if clean(self.store, self.trial, at=self._at(2), appended=self.appended):
            self._next("ended")
        elif self._late(self.limits.cleaning):
            self.keep = lambda connection: ask_for_cleaning(connection, self.site.id, now=self._now())
            self._next("ended")
        else:
            time.sleep(_LOOK_SECONDS)

    # --- What they need -----------------------------------------------------------------------------------

    @property
    def _signing(self) -> list[Secret]:
        """The secrets that can sign; a verification token cannot."""
        return [secret for secret in self.secrets if not secret.is_verification_token]

    @property
    def _endpoint(self) -> str:
        return str(self.site.endpoints.get("meeting") or f"{self.site.rest_root}vczapi/v1/meeting")

    @property
    def _request_id(self) -> str:
        return f"{REQUEST}{uuid.uuid5(uuid.NAMESPACE_OID, f'{self.kept.number}{self.kept.token}')}"

    def _sent(self, body: bytes) -> SentEvent:
        """Return an event as it leaves now, signed with a token that is good for every account, if there is one."""
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
            with transport.session() as over:
                answer = transport.ask(
                    over, "POST", self._endpoint, body=sent.body, headers=sent.headers, timeout=_SENDING
                )
        except SiteFaultError as error:
            return EndpointResponse(None, _since(began), error.reason or str(error).rstrip("."))
        self.kept.ahead = transport.seconds_ahead(answer)
        return EndpointResponse.of(answer, _since(began))

    def _refusal(self, sent: SentEvent) -> Diagnosis:
        mine = self._held()
        at = mine[0].received_at / _MILLISECONDS if mine else 0.0
        return diagnosis.diagnose_refusal(sent, mine[0].request if mine else None, self.secrets, at=at)

    def _held(self) -> list[QuarantinedRequest]:
        """Return what is in quarantine of this test, the newest first."""
        with self.store.reading() as connection:
            held = quarantine.latest(connection, self.site.id, self.store.sealer, _HELD_LOOKED_AT)
        return [item for item in held if item.request.headers.get("x-zm-request-id") == self._request_id]

    def _way_back(self) -> str:
        """Ask the plugin what is wrong with the way to the bridge; empty where it cannot tell."""
        try:
            with self._client() as client:
                told = client.connection()
                said = client.check_connection().message
        except SiteFaultError:
            return ""
        return f"{said} {connection_advice(told.bridge or '', self.site.url)}" if said else ""

    def _client(self) -> WordPressClient:
        return WordPressClient(self.site.rest_root, self.site.username, self.site.password, timeout=_VISITING)

    def _look(self, look: Callable[[Connection], Any]) -> Any:
        """Look again and again, for a second."""
        until = time.monotonic() + _PIECE_SECONDS
        while True:
            with self.store.reading() as connection:
                found = look(connection)
            if found or time.monotonic() > until:
                return found
            time.sleep(_LOOK_SECONDS)

    def _line(self, stage: Stage, detail: str = "", milliseconds: int | None = None) -> None:
        took = max(self._now() - self.kept.since, 0) if milliseconds is None else milliseconds
        self.kept.lines.append(StepReport(stage, True, took, detail))
        self.kept.since = self._now()

    def _judge(self, wrong: Diagnosis) -> None:
        """Note what went wrong, and go on to clean up."""
        self.kept.verdict = wrong
        self.kept.lines.append(StepReport(wrong.stage, False, max(self._now() - self.kept.since, 0)))
        self._next("clean" if self.kept.number else "ended")

    def _next(self, step: str) -> None:
        self.kept.step, self.kept.since = step, self._now()

    def _late(self, seconds: float) -> bool:
        return self._now() - self.kept.since > seconds * _MILLISECONDS

    def _at(self, later: int = 0) -> datetime:
        """Return when the test's first event happened, or one some milliseconds later."""
        return datetime.fromtimestamp(self.kept.at / _MILLISECONDS, UTC) + timedelta(milliseconds=later)

    def _now(self) -> int:
        return int(self.clock() * _MILLISECONDS)


def _digest(body: bytes) -> str:
    return zoom_envelope.digest(zoom_envelope.parse(body))


def _written(found: selftest.OnSite | None) -> PostStatus:
    if found is None:
        return PostStatus()
    return PostStatus(
        found.state is PostState.SYNCED, found.fault or "", found.message or "", found.reason or ""
    )


def _visit(link: str, token: str) -> VisitorResponse:
    """Open a page as somebody who is not signed in, wherever it leads on to."""
    try:
        with transport.session() as over:
            for _ in range(_MOST_REDIRECTS + 1):
                answer = transport.ask(over, "GET", link, headers={"Accept": "text/html"}, timeout=_VISITING)
                to = answer.header("Location")
                if answer.status not in range(300, 400) or not to:
                    break
                link = urljoin(link, to)
    except SiteFaultError as error:
        return VisitorResponse(None, False, error.reason or str(error))
    return VisitorResponse(answer.status, token.encode() in answer.body, page_title(answer.body))


def _since(began: float) -> int:
    return round((time.monotonic() - began) * _MILLISECONDS)
