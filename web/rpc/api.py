"""The operations of the command line's API: a name, a request and a result each, as a command calls them.

Times are Unix milliseconds (UTC). A site is named by its address or id, a Zoom account by its id or name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter

from core.model.page_status import PageStatus
from core.model.post_status import PostStatus
from core.monitoring.alerts import Severity
from core.monitoring.site_list import SiteSort, SiteState
from core.store.alerts.channels import ChannelKind
from core.store.alerts.open_alerts import Handling
from core.store.audit import Action, ActorKind
from core.store.auth.users import Role
from core.store.events.large_requests import LargeRequestCause
from core.store.events.log import Outcome
from core.store.job_sites import BulkOutcome
from core.store.jobs import UNFINISHED, JobState
from core.store.sites.pairings import PairingState
from core.zoom.oauth import OAUTH_URL
from core.zoom.rate_limit import Plan


class Model(BaseModel):
    """A request or a result. Immutable; what it does not declare is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


RequestT = TypeVar("RequestT", bound=Model)
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Operation(Generic[RequestT, ResultT]):
    """An operation. Its name is that of the command which calls it."""

    name: str
    request: type[RequestT]
    result: type[ResultT]

    def dump_result(self, result: ResultT) -> Any:
        """Return a result as JSON."""
        return TypeAdapter(self.result).dump_python(result, mode="json")

    def load_result(self, document: Any) -> ResultT:
        """Read a result from JSON. Raises: pydantic.ValidationError."""
        return TypeAdapter(self.result).validate_python(document)


class NoArguments(Model):
    """A request that needs nothing."""


class SiteRequest(Model):
    """A request about one site."""

    site: str


class ListedSite(Model):
    """A connected site in a list. `endpoint` is the address to paste into Zoom."""

    id: str
    name: str
    url: str
    validated_at: int | None
    last_event: str | None
    last_event_at: int | None
    fault_message: str | None
    endpoint: str = ""
    state: SiteState = SiteState.OK
    message: str = ""
    tags: list[str] = []
    paused_at: int | None = None
    last_write_at: int | None = None


class SiteListRequest(Model):
    """Which sites are listed, and in which order."""

    words: str = ""
    state: SiteState | None = None
    tag: str = ""
    sort: SiteSort = SiteSort.ADDED


class SitesRequest(Model):
    """Sites to do something with: those named, and those with a tag, or all."""

    sites: list[str] = []
    tag: str = ""
    every: bool = False


class PauseSites(SitesRequest):
    """Sites whose updates are paused, or continue."""

    paused: bool


class TagSites(SitesRequest):
    """Sites that get tags, or lose some."""

    add: list[str] = []
    remove: list[str] = []


class ChangedSite(Model):
    """What became of one of several sites. `outcome` is one of `core.store.job_sites.BulkOutcome`."""

    id: str
    url: str
    outcome: BulkOutcome
    message: str
    tags: list[str] = []


class RulesRequest(Model):
    """The name of a template of rules; where a site is meant as well, its address or id."""

    name: str


class RulesTemplateStatus(Model):
    """A template of rules. `following` and `departed` are numbers of sites."""

    name: str
    changed_at: int
    following: int
    departed: int


class ShownRules(Model):
    """The rules of a template, with the addresses of its sites; or of a site, with its template, if it has one."""

    name: str
    rules: dict[str, Any]
    following: list[str] = []
    departed: list[str] = []
    template: str = ""
    departed_at: int | None = None


class SaveRulesTemplate(Model):
    """The site whose rules are saved as a template, and its name."""

    name: str
    site: str


class CopyRules(SitesRequest):
    """The site whose rules are copied, and the sites that get them."""

    source: str


class FollowRules(SitesRequest):
    """The template of rules, and the sites that follow it."""

    template: str


class SiteCheck(Model):
    """One fact about a site. `message` says what is wrong and what to do, or what was found.

    It holds since `since` (Unix milliseconds, UTC); None where that is not known. `warning`: it is not ok, and stops nothing.
    """

    name: str
    ok: bool
    message: str
    since: int | None = None
    warning: bool = False


class RemovedSite(Model):
    """A disconnected site. `problem` says why its plugin could not be told."""

    url: str
    problem: str | None


class OfferAddress(Model):
    """A new address of the bridge, offered to the administrators of a site."""

    site: str
    address: str


class RenewedKey(Model):
    """Whether the key of a site was renewed; otherwise the one before stays valid."""

    url: str
    renewed: bool


class NewPairingCode(Model):
    """Issue a pairing code for `uses` sites. `address` is that of the site, if it is known.

    `bridge_url` is the address at which WordPress reaches the bridge; where it is empty, the saved one is used, or else
    `own_url`.
    """

    address: str
    uses: int
    bridge_url: str
    own_url: str


class IssuedCode(Model):
    """A pairing code: its ID, its text as the plugin takes it, and until when it is valid.

    `http_address` is that of a site which was given without a scheme and answers over http only; else empty.
    """

    id: str
    text: str
    bridge_url: str
    uses: int
    expires_at: int
    http_address: str = ""


class PairingCodeRequest(Model):
    """A request about one pairing code; None: about those of all users."""

    code: str | None


class CodePairing(Model):
    """A site that has used a code. `message` says what stands in the way; empty where nothing does.

    `asked_addresses` are those inside a network that are not allowed.
    """

    id: str
    home: str
    name: str
    state: PairingState
    message: str
    site_id: str
    asked_addresses: list[str]


class CodeStatus(Model):
    """A pairing code with the sites that have used it. `is_open`: it can be used by more."""

    id: str
    is_open: bool
    uses_left: int
    pairings: list[CodePairing]


class PairingRequest(Model):
    """A request about one pairing."""

    pairing: str


class AskedAddresses(Model):
    """Addresses inside a network that a site at `home` has, as text. `id` is that of the site or of its pairing."""

    id: str
    home: str
    addresses: list[str]


class AllowAddresses(Model):
    """Which of the addresses that were asked about are to be allowed."""

    id: str
    addresses: list[str]


class ServerPassword(Model):
    """User and password for the web server in front of a site that is being paired."""

    pairing: str
    username: str
    password: str


class ConnectedSite(Model):
    """A site that is connected. `endpoint` is the address to paste into Zoom."""

    id: str
    name: str
    url: str
    endpoint: str


class SecretToken(Model):
    """Save one of Zoom's secret tokens for a site."""

    site: str
    secret_token: str


class SavedSecretToken(Model):
    """The site of a saved token. `accepted` counts the requests that it let out of quarantine."""

    url: str
    accepted: int


class CancelledPages(Model):
    """For how many days a site keeps the pages of cancelled meetings."""

    site: str
    days: int


class SavedCancelledPages(Model):
    """The site whose pages are compared now."""

    url: str


SITE_SECRET_TOKEN = Operation("site.secret-token", SecretToken, SavedSecretToken)
SITE_CODE = Operation("site.code", NewPairingCode, IssuedCode)
SITE_PAIRINGS = Operation("site.pairings", PairingCodeRequest, list[CodeStatus])
SITE_CONFIRM = Operation("site.confirm", PairingRequest, ConnectedSite)
SITE_SERVER_PASSWORD = Operation("site.server-password", ServerPassword, PairingRequest)
SITE_ASKED = Operation("site.asked", NoArguments, list[AskedAddresses])
SITE_ALLOW = Operation("site.allow", AllowAddresses, list[str])
SITE_SHOW = Operation("site.show", SiteRequest, ConnectedSite)
SITE_LIST = Operation("site.list", SiteListRequest, list[ListedSite])
SITE_PAUSE = Operation("site.pause", PauseSites, list[ChangedSite])
SITE_TAG = Operation("site.tag", TagSites, list[ChangedSite])
SITE_CHECK = Operation("site.check", SiteRequest, list[SiteCheck])
SITE_REMOVE = Operation("site.remove", SiteRequest, RemovedSite)
SITE_RENEW_KEY = Operation("site.renew-key", SiteRequest, RenewedKey)
SITE_OFFER_ADDRESS = Operation("site.offer-address", OfferAddress, ChangedSite)
SITE_WITHDRAW_ADDRESS = Operation("site.withdraw-address", SiteRequest, ChangedSite)
SITE_CANCELLED_PAGES = Operation("site.cancelled-pages", CancelledPages, SavedCancelledPages)


class SelfTestStarted(Model):
    """The site that a self-test was started for."""

    site_id: str


class SelfTestStep(Model):
    """One completed stage of a self-test."""

    stage: str
    ok: bool
    milliseconds: int
    detail: str


class SelfTestDiagnosis(Model):
    """The fault that a self-test found, and what to do about it."""

    stage: str
    cause: str
    message: str
    advice: str


class SelfTestStatus(Model):
    """The newest self-test of a site. `error` says why the test itself could not go on."""

    steps: list[SelfTestStep]
    diagnosis: SelfTestDiagnosis | None
    is_running: bool
    error: str


SELFTEST_START = Operation("selftest.start", SiteRequest, SelfTestStarted)
SELFTEST_STATUS = Operation("selftest.status", SiteRequest, SelfTestStatus)


class JobRequest(Model):
    """A request about one background job."""

    job: int


class JobStatus(Model):
    """A background job. `total` is None while nobody knows it."""

    id: int
    kind: str
    state: JobState
    total: int | None
    done: int
    counts: dict[str, int]
    message: str | None

    @property
    def has_ended(self) -> bool:
        return self.state not in UNFINISHED


class SavedRulesTemplate(Model):
    """A template of rules that was saved, and the jobs by which the sites that follow it get its rules."""

    name: str
    url: str
    jobs: list[JobStatus]


RULES_LIST = Operation("rules.list", NoArguments, list[RulesTemplateStatus])
RULES_SHOW = Operation("rules.show", RulesRequest, ShownRules)
RULES_SAVE = Operation("rules.save", SaveRulesTemplate, SavedRulesTemplate)
RULES_REMOVE = Operation("rules.remove", RulesRequest, RulesRequest)
RULES_COPY = Operation("rules.copy", CopyRules, JobStatus)
RULES_FOLLOW = Operation("rules.follow", FollowRules, JobStatus)
RULES_UNFOLLOW = Operation("rules.unfollow", SitesRequest, JobStatus)


JOB_LIST = Operation("job.list", NoArguments, list[JobStatus])
JOB_SHOW = Operation("job.show", JobRequest, JobStatus)
JOB_STOP = Operation("job.stop", JobRequest, JobStatus)
JOB_RESUME = Operation("job.resume", JobRequest, JobStatus)


class AddAccount(Model):
    """Add a Zoom account, which the named sites show, or all of them; the only site is meant where none is named."""

    account_id: str
    client_id: str
    client_secret: str
    name: str
    plan: Plan
    sites: list[str]
    all_sites: bool = False
    oauth_url: str = OAUTH_URL


class AddedAccount(Model):
    """An added account: the scopes that its app lacks, and the addresses of the sites that show it, or no longer do."""

    id: str
    name: str
    missing_scopes: list[str]
    site_urls: list[str]
    ended_site_urls: list[str] = []


class AccountStatus(Model):
    """A Zoom account in a list."""

    id: str
    name: str
    plan: Plan
    reconcile_hours: int
    reconcile_at: int | None
    fault_message: str | None


class AccountRequest(Model):
    """A request about one account."""

    account: str


class RemovedAccount(Model):
    """An account whose credentials were deleted."""

    name: str


class ReadAccount(Model):
    """Import or reconcile an account; None where there is but one. A dry run changes nothing."""

    account: str | None = None
    dry_run: bool = False


class HeldRequest(Model):
    """A request about the held pages of one account, or of the only one."""

    account: str | None


class Decide(HeldRequest):
    """A decision about all held pages of an account. `by` names who decides."""

    by: str


class HeldPage(Model):
    """A page that a run would trash, and that waits for a decision."""

    number: int
    topic: str
    site: str


class Dismissed(Model):
    """The number of meetings whose pages stay."""

    meetings: int


class FindingsRequest(Model):
    """The findings of a job that follow the one at `after`."""

    job: int
    after: int


class AccountFinding(Model):
    """One line of a job's report, at a `position` in it."""

    position: int
    number: int
    kind: str
    topic: str
    detail: str


class GrantRequest(Model):
    """Grant a Zoom account (its ID) to a site (its address or id), refuse or revoke that."""

    account: str
    site: str


class GrantChange(Model):
    """A changed grant. `is_changed`: it was not so before.

    `released` is the number of events that waited, `dropped` that of older ones that were too many to keep.
    """

    site_url: str
    is_changed: bool
    released: int = 0
    dropped: int = 0


class RefusedGrant(Model):
    """A refused request, and how many events that waited were deleted. Nothing, where the account is granted."""

    site_url: str
    is_granted: bool
    deleted: int


class GrantState(StrEnum):
    """Whether a site shows an account."""

    GRANTED = "granted"
    WAITING = "waiting"  # for a decision
    REFUSED = "refused"  # or revoked


class GrantStatus(Model):
    """An account and a site: what granted it and when, or how many events wait for that. Times are Unix milliseconds.

    `dropped` is the number of events that were too many to keep; without an account, those of accounts that asked when too
    many asked already.
    """

    account: str
    site_url: str
    state: GrantState
    source: str | None = None
    granted_at: int | None = None
    waiting: int = 0
    since: int | None = None
    dropped: int = 0


ACCOUNT_GRANT = Operation("account.grant", GrantRequest, GrantChange)
ACCOUNT_REFUSE = Operation("account.refuse", GrantRequest, RefusedGrant)
ACCOUNT_REVOKE = Operation("account.revoke", GrantRequest, GrantChange)
ACCOUNT_GRANTS = Operation("account.grants", NoArguments, list[GrantStatus])
ACCOUNT_ADD = Operation("account.add", AddAccount, AddedAccount)
ACCOUNT_LIST = Operation("account.list", NoArguments, list[AccountStatus])
ACCOUNT_REMOVE = Operation("account.remove", AccountRequest, RemovedAccount)
ACCOUNT_IMPORT = Operation("account.import", ReadAccount, JobStatus)
ACCOUNT_RECONCILE = Operation("account.reconcile", ReadAccount, JobStatus)
ACCOUNT_FINDINGS = Operation("account.findings", FindingsRequest, list[AccountFinding])
RECONCILE_HELD = Operation("reconcile.held", HeldRequest, list[HeldPage])
RECONCILE_APPROVE = Operation("reconcile.approve", Decide, JobStatus)
RECONCILE_DISMISS = Operation("reconcile.dismiss", Decide, Dismissed)


class EventQuery(Model):
    """Which events. None matches all; `until` is exclusive."""

    event: str | None = None
    outcome: Outcome | None = None
    number: int | None = None
    site: str | None = None
    since: int | None = None
    until: int | None = None


class ListEvents(Model):
    """The newest events that match, or those `before` a position in the list."""

    filter: EventQuery
    limit: int
    before: tuple[int, int] | None = None


class EventLine(Model):
    """One event in a list."""

    id: int
    event: str
    number: int | None
    at: int
    received_at: int
    outcome: str
    reason: str | None
    trace_id: str


class ListedEvents(Model):
    """Events, newest first. `next` is the position to continue from, None at the end."""

    events: list[EventLine]
    next: tuple[int, int] | None


class EventRequest(Model):
    """A request about one event."""

    event: int


class EventChange(Model):
    """A field of the meeting that an event changed."""

    name: str
    old: str
    new: str


class EventAttempt(Model):
    """One attempt to write the event's meeting to a site: its action, or the fault that prevented it."""

    at: int
    milliseconds: int
    action: str | None
    fault: str | None
    message: str | None


class EventDelivery(Model):
    """How far an event came on one site."""

    site_name: str
    status: str
    at: int | None
    action: str | None
    message: str | None
    attempts: list[EventAttempt]


class EventDetail(Model):
    """One event with secrets masked. `is_whole` is False where its changes were not computed."""

    event: EventLine
    proof: str
    signed_at: int | None
    headers: dict[str, str]
    body: str
    is_whole: bool
    is_too_late: bool
    changes: list[EventChange]
    deliveries: list[EventDelivery]


class ReplayEvents(Model):
    """Replay one event, all that match, or (`refused`) check refused requests again."""

    filter: EventQuery
    event: int | None = None
    refused: bool = False


class ReplayCounts(Model):
    """How many events a replay would process, by outcome; `is_whole` is False where not all were counted."""

    outcomes: dict[Outcome, int]
    refused: int
    is_whole: bool


class SentMeeting(Model):
    """A meeting of which events were sent."""

    account: str
    number: int


class MeetingPage(Model):
    """The page of a meeting on one site. `status` is that of the bridge's work, `stands` what the site tells of the page.

    `message` says why there is no page, or why it could not be written.
    """

    site_url: str
    status: PostStatus
    stands: PageStatus | None
    link: str | None
    message: str | None


class SentMeetingResult(Model):
    """What became of a meeting's events: the outcome of the newest, None where the log has none; and its pages.

    `path` is that of the meeting's page in the bridge, at `bridge_url`, which is empty where it was not saved.
    """

    outcome: Outcome | None
    bridge_url: str
    path: str
    pages: list[MeetingPage]


SEND_RESULT = Operation("send.result", SentMeeting, SentMeetingResult)
EVENTS_LIST = Operation("events.list", ListEvents, ListedEvents)
EVENTS_SHOW = Operation("events.show", EventRequest, EventDetail)
EVENTS_PREVIEW_REPLAY = Operation("events.preview-replay", ReplayEvents, ReplayCounts)
EVENTS_REPLAY = Operation("events.replay", ReplayEvents, JobStatus)


class AddUser(Model):
    """Add a user."""

    name: str
    role: Role
    password: str


class UserRequest(Model):
    """A request about one user."""

    name: str


class UserStatus(Model):
    """A user in a list."""

    name: str
    role: Role
    last_seen_at: int | None
    has_password: bool
    has_two_factor: bool = False
    has_email_address: bool = False


class SetPassword(Model):
    """Set a user's password."""

    name: str
    password: str


class SetEmailAddress(Model):
    """Set a user's e-mail address; an empty one removes it."""

    name: str
    email_address: str


class MakeLink(Model):
    """Make a one-time link; without a name, for the first administrator."""

    name: str | None
    keep_password: bool


class LinkPath(Model):
    """The path of a one-time link, behind the address of the bridge; `public_url` is the saved one, empty without."""

    path: str
    public_url: str = ""


class SessionStatus(Model):
    """A session in the list of a user's."""

    id: str
    created_at: int
    used_at: int
    address: str
    browser: str


class EndSessions(Model):
    """End a user's session with this id, or all of them."""

    name: str
    session: str | None


class EndedSessions(Model):
    """How many sessions were ended."""

    number: int


USER_ADD = Operation("user.add", AddUser, UserRequest)
USER_LIST = Operation("user.list", NoArguments, list[UserStatus])
USER_REMOVE = Operation("user.remove", UserRequest, NoArguments)
USER_PASSWORD = Operation("user.password", SetPassword, NoArguments)
USER_EMAIL_ADDRESS = Operation("user.email-address", SetEmailAddress, NoArguments)
USER_LINK = Operation("user.link", MakeLink, LinkPath)
USER_SESSIONS = Operation("user.sessions", UserRequest, list[SessionStatus])
USER_SIGN_OUT = Operation("user.sign-out", EndSessions, EndedSessions)
USER_REMOVE_TWO_FACTOR = Operation("user.remove-two-factor", UserRequest, NoArguments)


class ListAudit(Model):
    """Up to `limit` entries of the audit log, the newest first, from the position `before` of an earlier answer on.

    `action` is an action or a subject, `who` a part of the actor's name or address, `site` the id of a site or a part of
    its address.
    """

    action: str = ""
    who: str = ""
    site: str = ""
    since: int | None = None
    until: int | None = None
    limit: int
    before: int | None = None


class AuditLine(Model):
    """An entry of the audit log."""

    id: int
    at: int
    action: Action
    actor_kind: ActorKind
    actor: str
    address: str
    site_id: str | None
    site: str
    subject: str
    detail: dict[str, Any]


class ListedAudit(Model):
    """Entries of the audit log, and where to continue; None: there are no more."""

    entries: list[AuditLine]
    next: int | None


AUDIT_LIST = Operation("audit.list", ListAudit, ListedAudit)


class AddAlertChannel(Model):
    """Add a channel for alerts: see `core.monitoring.notify.setup.NewChannel`."""

    name: str
    kind: ChannelKind
    site: str = ""
    language: str = "en"
    digest: bool = False
    host: str = ""
    port: str = ""
    security: str = ""
    username: str = ""
    password: str = ""
    sender: str = ""
    recipients: str = ""
    url: str = ""


class AddedAlertChannel(Model):
    """A channel that was added, with the secret that its receiver needs; empty without."""

    name: str
    secret: str


class AlertChannelStatus(Model):
    """A channel in a list, with what became of its last delivery; `state` is empty before the first."""

    name: str
    kind: ChannelKind
    target: str
    site_url: str
    is_paused: bool
    digest_at: int | None
    state: str
    outcome: str
    at: int | None


class AlertChannelRequest(Model):
    """A request about one channel, by its name or id."""

    name: str


class PauseAlertChannel(Model):
    """Pause a channel, or resume it."""

    name: str
    paused: bool


class AlertTested(Model):
    """What became of a test message."""

    name: str
    delivered: bool
    outcome: str


class AlertStatus(Model):
    """An open alert. `handling` is empty, `acknowledged` or `snoozed` (until `until`)."""

    id: str
    severity: Severity
    site: str
    message: str
    since: int | None
    handling: str
    until: int | None
    reason: str


class HandleAlert(Model):
    """Acknowledge an alert, snooze it for some hours, or (with an empty `handling`) take that back."""

    id: str
    handling: Handling
    reason: str = ""
    hours: int = 0


ALERT_CHANNELS = Operation("alerts.channels", NoArguments, list[AlertChannelStatus])
ALERT_ADD = Operation("alerts.add", AddAlertChannel, AddedAlertChannel)
ALERT_TEST = Operation("alerts.test", AlertChannelRequest, AlertTested)
ALERT_PAUSE = Operation("alerts.pause", PauseAlertChannel, AlertChannelRequest)
ALERT_REMOVE = Operation("alerts.remove", AlertChannelRequest, AlertChannelRequest)
ALERT_OPEN = Operation("alerts.open", NoArguments, list[AlertStatus])
ALERT_HANDLE = Operation("alerts.handle", HandleAlert, AlertStatus)


class RefusedRequest(Model):
    """A refused request, without its body."""

    site_url: str
    received_at: int
    reason: str
    sender: str
    is_plausible: bool


class QuarantineRecheck(Model):
    """What a recheck found for one site."""

    site_url: str
    accepted: int
    refused: int


class LargeRequestSummary(Model):
    """A request that was too large to keep, without its body, whose length is `size` bytes."""

    site_url: str
    received_at: int
    cause: LargeRequestCause
    size: int


class DismissedRequests(Model):
    """How many requests were dismissed: of those in quarantine, which stay there, and of those that were too large."""

    quarantined: int
    large: int


QUARANTINE_LARGE = Operation("quarantine.large", NoArguments, list[LargeRequestSummary])
QUARANTINE_DISMISS = Operation("quarantine.dismiss", NoArguments, DismissedRequests)
QUARANTINE_LIST = Operation("quarantine.list", NoArguments, list[RefusedRequest])
QUARANTINE_RECHECK = Operation("quarantine.recheck", NoArguments, list[QuarantineRecheck])

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    SITE_CODE, SITE_PAIRINGS, SITE_CONFIRM, SITE_SERVER_PASSWORD, SITE_ASKED, SITE_ALLOW, SITE_SHOW, SITE_SECRET_TOKEN,
    SITE_LIST, SITE_PAUSE, SITE_TAG, SITE_CHECK, SITE_REMOVE, SITE_RENEW_KEY,
    SITE_OFFER_ADDRESS, SITE_WITHDRAW_ADDRESS, SITE_CANCELLED_PAGES,
    RULES_LIST, RULES_SHOW, RULES_SAVE, RULES_REMOVE, RULES_COPY, RULES_FOLLOW, RULES_UNFOLLOW,
    SELFTEST_START, SELFTEST_STATUS,
    JOB_LIST, JOB_SHOW, JOB_STOP, JOB_RESUME,
    ACCOUNT_ADD, ACCOUNT_LIST, ACCOUNT_REMOVE, ACCOUNT_IMPORT, ACCOUNT_RECONCILE, ACCOUNT_FINDINGS,
    ACCOUNT_GRANT, ACCOUNT_REFUSE, ACCOUNT_REVOKE, ACCOUNT_GRANTS,
    RECONCILE_HELD, RECONCILE_APPROVE, RECONCILE_DISMISS,
    SEND_RESULT, EVENTS_LIST, EVENTS_SHOW, EVENTS_PREVIEW_REPLAY, EVENTS_REPLAY,
    USER_ADD, USER_LIST, USER_REMOVE, USER_PASSWORD, USER_EMAIL_ADDRESS, USER_LINK, USER_SESSIONS, USER_SIGN_OUT,
    USER_REMOVE_TWO_FACTOR,
    QUARANTINE_LIST, QUARANTINE_RECHECK, QUARANTINE_LARGE, QUARANTINE_DISMISS,
    AUDIT_LIST,
    ALERT_CHANNELS, ALERT_ADD, ALERT_TEST, ALERT_PAUSE, ALERT_REMOVE, ALERT_OPEN, ALERT_HANDLE,
)  # fmt: skip
