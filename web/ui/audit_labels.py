"""Labels of the entries of the audit log, for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.monitoring.alerts import AlertKind
from core.store.audit import Action, ActorKind
from web.ui.job_labels import JOB_LABELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from babel.support import NullTranslations

    from core.store.audit import AuditEntry


# Marks texts for translation: the extraction looks for this name.
def _(text: str) -> str:
    return text


ACTIONS = {
    Action.SETTINGS_CHANGED: _("Settings changed"),
    Action.RULES_CHANGED: _("Rules changed"),
    Action.RULES_TEMPLATE_SAVED: _("Template of rules saved"),
    Action.RULES_TEMPLATE_REMOVED: _("Template of rules removed"),
    Action.RULES_TEMPLATE_FOLLOWED: _("Template of rules followed"),
    Action.RULES_TEMPLATE_DEPARTED: _("Departed from a template of rules"),
    Action.RULES_TEMPLATE_LEFT: _("Template of rules no longer followed"),
    Action.SECRET_ADDED: _("Secret added"),
    Action.SECRET_REMOVED: _("Secret removed"),
    Action.GRANT_ADDED: _("Account granted"),
    Action.GRANT_CONFIRMED: _("Grant confirmed"),
    Action.GRANT_REVOKED: _("Grant revoked"),
    Action.GRANT_REFUSED: _("Grant refused"),
    Action.ACCOUNT_SAVED: _("Credentials saved"),
    Action.ACCOUNT_REMOVED: _("Credentials removed"),
    Action.USER_ADDED: _("User added"),
    Action.USER_REMOVED: _("User removed"),
    Action.USER_ROLE: _("Role changed"),
    Action.USER_PASSWORD: _("Password changed"),
    Action.USER_LINK: _("One-time link created"),
    Action.USER_EMAIL_ADDRESS: _("E-mail address changed"),
    Action.TWO_FACTOR_ON: _("Two-factor authentication turned on"),
    Action.TWO_FACTOR_OFF: _("Two-factor authentication turned off"),
    Action.RECOVERY_CODES: _("Recovery codes renewed"),
    Action.SIGNED_IN: _("Signed in"),
    Action.SIGN_IN_FAILED: _("Sign-in failed"),
    Action.SIGNED_OUT: _("Signed out"),
    Action.SESSIONS_ENDED: _("Sessions ended"),
    Action.CODE_ISSUED: _("Pairing code created"),
    Action.CODE_CANCELLED: _("Pairing code cancelled"),
    Action.PAIRING_REQUESTED: _("Pairing code used"),
    Action.PAIRING_REFUSED: _("Site refused"),
    Action.SITE_CONNECTED: _("Site connected"),
    Action.SITE_REMOVED: _("Site disconnected"),
    Action.SITE_MOVED: _("Site moved"),
    Action.BRIDGE_ADDRESS_OFFERED: _("New address of the bridge offered"),
    Action.BRIDGE_ADDRESS_WITHDRAWN: _("Offer of a new address withdrawn"),
    Action.BRIDGE_ADDRESS: _("Site calls another address of the bridge"),
    Action.SITE_KEY: _("Key renewed"),
    Action.SITE_SERVER_PASSWORD: _("Password of the web server saved"),
    Action.ADDRESS_ALLOWED: _("Address inside a network allowed"),
    Action.SITE_LEFT: _("Plugin deactivated or uninstalled"),
    Action.SITE_BACK: _("Plugin activated again"),
    Action.SITE_PAUSED: _("Updates paused"),
    Action.SITE_RESUMED: _("Updates resumed"),
    Action.SITE_TAGGED: _("Tags changed"),
    Action.JOB_REQUESTED: _("Job started"),
    Action.JOB_STOPPED: _("Job stopped"),
    Action.JOB_RESUMED: _("Job resumed"),
    Action.REMOVALS_APPROVED: _("Held pages approved for the trash"),
    Action.REMOVALS_DISMISSED: _("Held pages kept"),
    Action.QUARANTINE_RECHECKED: _("Quarantine rechecked"),
    Action.QUARANTINE_DISMISSED: _("Alerts about refused requests dismissed"),
    Action.PAGE_REQUEUED: _("Page resynced or recreated"),
    Action.ALERT_CHANNEL_ADDED: _("Alert channel added"),
    Action.ALERT_CHANNEL_PAUSED: _("Alert channel paused"),
    Action.ALERT_CHANNEL_RESUMED: _("Alert channel resumed"),
    Action.ALERT_CHANNEL_REMOVED: _("Alert channel removed"),
    Action.ALERT_CHANNEL_TESTED: _("Test alert sent"),
    Action.ALERT_ACKNOWLEDGED: _("Alert acknowledged"),
    Action.ALERT_SNOOZED: _("Alert snoozed"),
    Action.ALERT_REOPENED: _("Alert reopened"),
    Action.DATABASE_RESTORED: _("Database restored from a backup"),
    Action.DATABASE_MOVED: _("Data moved to another database"),
}

SUBJECTS = {
    "settings": _("Settings"),
    "rules": _("Rules of sites"),
    "secret": _("Secret tokens"),
    "grant": _("Grants"),
    "account": _("Zoom accounts"),
    "user": _("Users"),
    "session": _("Sign-ins"),
    "pairing": _("Pairing codes"),
    "site": _("Sites"),
    "job": _("Jobs: imports, replays and others"),
    "removals": _("Held pages"),
    "quarantine": _("Quarantine"),
    "page": _("Pages"),
    "alert": _("Alerts"),
    "database": _("Database: restored, moved"),
}

ACTORS = {
    ActorKind.USER: _("User of the bridge"),
    ActorKind.WORDPRESS: _("WordPress administrator"),
    ActorKind.COMMAND: _("Command line"),
    ActorKind.PLUGIN: _("Plugin of the site"),
    ActorKind.VISITOR: _("Not signed in"),
    ActorKind.BRIDGE: _("The bridge itself"),
}

_DETAILS = {
    "keep_days": _("Event retention (days)"),
    "keep_events": _("Maximum number of events"),
    "keep_names_days": _("Personal data retention (days)"),
    "trash_limit": _("Pages trashed without approval"),
    "trash_percent": _("Pages trashed without approval, in percent"),
    "public_url": _("Address of the bridge"),
    "rules": _("Changed rules"),
    "kind": _("Kind"),
    "account": _("Zoom account"),
    "source": _("Granted by"),
    "role": _("Role"),
    "purpose": _("Purpose"),
    "by": _("By"),
    "means": _("By means of"),
    "hours": _("Reconciled every (hours)"),
    "uses": _("Sites"),
    "address": _("Address"),
    "home": _("Address in WordPress"),
    "reason": _("Reason"),
    "job": _("Job"),
    "dry_run": _("Dry run"),
    "tags": _("Tags"),
    "number": _("Number"),
    "meeting": _("Meeting"),
    "more": _("Further attempts that were not listed"),
    "again": _("Connected before"),
    "browser": _("Browser"),
    "step": _("Step"),
    "made_at": _("Backup of"),
    "version": _("Version"),
    "rows": _("Rows"),
}

_VALUES = {
    "secret token": _("secret token"),
    "verification token": _("verification token"),
    "first event": _("first event"),
    "credentials": _("credentials"),
    "administrator": _("administrator"),
    "earlier version": _("earlier version"),
    "viewer": _("viewer"),
    "password": _("password"),
    "code": _("code of the authenticator app"),
    "recovery code": _("recovery code"),
    "sign in": _("one-time link"),
    "site": _("wp-admin"),
    "first": _("first administrator"),
    "the command line": _("the command line"),  # who has asked for a pairing code there
    "deactivated": _("deactivated"),
    "uninstalled": _("uninstalled"),
}


# By the kind of an alert: as an alert says it, without its numbers and reasons.
_ALERTS: dict[str, str] = {
    AlertKind.FAILED_EVENTS: _("Events that the bridge could not process"),
    AlertKind.PENDING_EVENTS: _("Pending events that are not being processed"),
    AlertKind.UNREADABLE_EVENTS: _("Authentic requests that could not be read as events"),
    AlertKind.DISK: _("The disk that holds the database is nearly full"),
    AlertKind.ACCOUNT: _("A Zoom account cannot be read"),
    AlertKind.SITE: _("The site cannot be updated"),
    AlertKind.CHECK: _("A check of the site found a fault"),
    AlertKind.NO_SECRET: _("No secret token is saved for the site"),
    AlertKind.TOO_LARGE: _("Events that were too large, and are lost"),
    AlertKind.UNVERIFIED_LARGE: _("Refused events that are too large for the quarantine"),
    AlertKind.QUARANTINE: _("Events in quarantine"),
    AlertKind.CLOCK: _("The clock of the bridge's machine differs from Zoom's"),
    AlertKind.HELD_PAGES: _("Pages held back instead of being moved to the trash"),
    AlertKind.GRANT_REQUESTS: _("Events that wait until their Zoom account is granted to the site"),
    AlertKind.FAILING: _("Pages that cannot be updated"),
    AlertKind.NOT_VALIDATED: _("Zoom has not validated the endpoint yet"),
    AlertKind.OVERDUE: _("Zoom's validation of the endpoint is overdue"),
    AlertKind.NO_EVENT: _("Zoom has validated the endpoint, but no event has arrived yet"),
    AlertKind.QUIET: _("No event has arrived for longer than usual"),
    AlertKind.BEHIND: _("Page updates that have been pending for long"),
}


def subject(entry: AuditEntry, words: NullTranslations) -> str:
    """Return what an entry is about: a name as it was given; the kind of a secret or an alert in words."""
    if entry.action in (Action.SECRET_ADDED, Action.SECRET_REMOVED) and entry.subject:
        return _text(entry.subject, words)
    if entry.action in (Action.ALERT_ACKNOWLEDGED, Action.ALERT_SNOOZED, Action.ALERT_REOPENED):
        return words.gettext(_ALERTS[entry.subject]) if entry.subject in _ALERTS else entry.subject
    return entry.subject


def details(detail: Mapping[str, Any], words: NullTranslations) -> Iterator[tuple[str, str]]:
    """Yield the label and the text of each fact."""
    for name, value in detail.items():
        label = words.gettext(_DETAILS[name]) if name in _DETAILS else name
        if isinstance(value, dict) and {"from", "to"} <= value.keys():
            yield label, f"{_text(value['from'], words)} → {_text(value['to'], words)}"
        elif name == "kind" and value in JOB_LABELS:
            yield label, words.gettext(JOB_LABELS[value].title)
        else:
            yield label, _text(value, words)


def _text(value: Any, words: NullTranslations) -> str:
    if isinstance(value, bool):
        return words.gettext("yes") if value else words.gettext("no")
    if isinstance(value, list):
        return ", ".join(_text(one, words) for one in value)
    if value in ("", None):
        return "-"
    return words.gettext(_VALUES[value]) if isinstance(value, str) and value in _VALUES else str(value)
