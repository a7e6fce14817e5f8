"""The tables. Times are Unix milliseconds (UTC); secrets are encrypted (see `core.store.db.encryption`)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    text,
    true,
)

# SQLite counts rows by itself only in a column that is called INTEGER.
Counter = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sites = Table(
    "sites",
    metadata,
    Column("id", Text, primary_key=True),
    Column("url", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("rest_root", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("password", LargeBinary, nullable=False),  # sealed: an application password of version 0.1.0
    Column("key", LargeBinary, nullable=False),  # sealed: what the stub and the bridge sign with
    Column("endpoints", JSON, nullable=False),  # the addresses to paste into Zoom, as the site gave them
    Column("vczapi", Boolean, nullable=False, default=False),
    Column("vczapi_pro", Boolean, nullable=False, default=False),
    Column("rules", JSON, nullable=False, default=dict),  # what its owner decided: see core.model.rules
    Column("created_at", BigInteger, nullable=False),
    # What has been seen of Zoom.
    Column("validated_at", BigInteger),
    Column("signed_at", BigInteger),  # a secret token first verified a request
    # A request signed with a saved secret token was last refused for its time, and by how much it was off.
    Column("stale_at", BigInteger),
    Column("stale_seconds", BigInteger),
    Column("last_event", Text),
    Column("last_event_at", BigInteger),
    # The breaker: how often in a row the site as a whole failed, and until when it is left alone.
    Column("failures", Integer, nullable=False, default=0),
    Column("blocked_until", BigInteger, nullable=False, default=0),
    Column("fault", Text),
    Column("fault_message", Text),
    Column("last_write_at", BigInteger),
    Column("bridge_url", Text, nullable=False, default=""),  # where it looks for the bridge, as it was paired
    Column("offered_address", Text),  # of the bridge, until the site calls it or it is withdrawn
    # For the sync protocol: WordPress's option `home`, empty until the site has told it; and the bridge's epoch there.
    Column("home", Text, nullable=False, default="", server_default=text("''")),
    Column("epoch", Integer, nullable=False, default=1, server_default="1"),
    # The key that replaces `key` once the plugin has shown that it has it: see core.sites.key_rotation. Sealed.
    Column("next_key", LargeBinary),
    # What the web server in front of WordPress asks for (HTTP Basic); the password is sealed.
    Column("server_username", Text, nullable=False, default="", server_default=text("''")),
    Column("server_password", LargeBinary),
    Column(
        "place", Text, nullable=False, default="", server_default=text("''")
    ),  # digest of folder and database
    # The place before, when it changed, and when one last came back: see core.model.site_copies.
    Column("place_before", Text, nullable=False, default="", server_default=text("''")),
    Column("place_changed_at", BigInteger, nullable=False, default=0, server_default="0"),
    Column("place_alternated_at", BigInteger, nullable=False, default=0, server_default="0"),
    Column("doorway", Text, nullable=False, default="rest", server_default="rest"),  # that answered last
    # The plugin said goodbye: when, and why (deactivated, uninstalled).
    Column("left_at", BigInteger),
    Column("left_reason", Text),
    # The bridge's visits, which the site counts, too; and when all its posts are looked at next. 0: now.
    Column("visits", BigInteger, nullable=False, default=0, server_default="0"),
    Column("sweep_due_at", BigInteger, nullable=False, default=0, server_default="0"),
    # Whether its database is an older copy, so that the sweep that is due writes again what is missing.
    Column("restored", Boolean, nullable=False, default=False, server_default=false()),
    # Addresses inside a network, each with host and port: those that may be called, empty (NULL) until they are known, and
    # those that an administrator is asked about. See core.sites.address_approval.
    Column("addresses", JSON(none_as_null=True)),
    Column("asked_addresses", JSON(none_as_null=True)),
    # The last and the next check of both sides: see core.sites.health_check. 0: now.
    Column("checked_at", BigInteger),
    Column("check_due_at", BigInteger, nullable=False, default=0, server_default="0"),
    Column(
        "settings_page", Text, nullable=False, default="", server_default=text("''")
    ),  # the plugin's, in wp-admin
    Column("tags", JSON(none_as_null=True)),  # of people, for lists; empty (NULL): none
    Column("paused_at", BigInteger),  # since when no page is written; empty: they are
    # The template of rules that the site follows, and since when it has departed from it.
    Column("template", Text),
    Column("departed_at", BigInteger),
    Index(None, "check_due_at"),
    Index(None, "blocked_until"),
)

# What is known to hold about the health of a site, and since when: see core.store.sites.health.
health_facts = Table(
    "health_facts",
    metadata,
    Column("site_id", Text, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),  # see core.model.health_facts.FactName
    Column("well", Boolean, nullable=False),
    Column("message", Text, nullable=False),
    Column("since", BigInteger, nullable=False),  # it is as well, or as bad
    Column("seen_at", BigInteger, nullable=False),  # last
    Index(
        "ix_health_facts_silent",  # sites that do not answer
        "site_id",
        sqlite_where=text("name = 'WordPress' AND well = 0"),
        postgresql_where=text("name = 'WordPress' AND well = false"),
    ),
)

# Codes by which plugins pair their sites: see core.store.sites.pairings.
pairing_codes = Table(
    "pairing_codes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False),  # sealed
    Column("bridge_url", Text, nullable=False),
    Column("address", Text, nullable=False),  # as typed; empty where none was
    Column(
        "site_id", Text, ForeignKey("sites.id", ondelete="CASCADE"), index=True
    ),  # the site to connect again
    Column("requested_by", Text, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
)

# One row for each use of a code: the plugin's request, and how far the bridge came with it.
pairings = Table(
    "pairings",
    metadata,
    Column("id", Text, primary_key=True),
    Column("code_id", Text, ForeignKey("pairing_codes.id", ondelete="CASCADE"), nullable=False),
    Column("public_key", Text, nullable=False),  # the plugin's
    Column("answer_key", Text, nullable=False),  # the bridge's public key, as it was answered
    Column("uses_left", Integer, nullable=False),  # as it was answered
    Column("site_id", Text, nullable=False),  # reserved: there may be no site of it yet
    Column("key", LargeBinary, nullable=False),  # sealed
    Column("home", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("rest_root", Text, nullable=False),
    Column("endpoints", JSON, nullable=False),
    Column("page", Text, nullable=False),
    Column("stub", Text, nullable=False),
    Column("vczapi", Boolean, nullable=False),
    Column("vczapi_pro", Boolean, nullable=False),
    Column("epoch", Integer, nullable=False),  # of the bridge, from this pairing on
    Column("place", Text, nullable=False),
    Column("state", Text, nullable=False),  # see core.store.sites.pairings.PairingState
    Column("message", Text, nullable=False),
    # The address at which the site answered; empty before.
    Column("url", Text, nullable=False),
    Column("doorway", Text, nullable=False),
    Column("server_username", Text, nullable=False),
    Column("server_password", LargeBinary),  # sealed
    Column("created_at", BigInteger, nullable=False),
    Column("checked_at", BigInteger),
    Column("calls", Integer, nullable=False),  # that failed
    Column("next_call_at", BigInteger, nullable=False, index=True),
    # As those of sites.
    Column("addresses", JSON(none_as_null=True)),
    Column("asked_addresses", JSON(none_as_null=True)),
    Index(None, "code_id", "public_key", unique=True),
)

zoom_secrets = Table(
    "zoom_secrets",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("site_id", Text, ForeignKey("sites.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("account_id", Text),  # empty: good for every Zoom account
    Column("is_verification_token", Boolean, nullable=False),
    Column("value", LargeBinary, nullable=False),  # sealed
    Column("created_at", BigInteger, nullable=False),
)

# Which Zoom accounts may speak for which sites: see `core.store.sites.grants`.
# No foreign key: an event may arrive while its site is being removed, and must not fail for it.
grants = Table(
    "grants",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("site_id", Text, primary_key=True),
    Column("source", Text, nullable=False),  # see core.store.sites.grants.GrantSource
    Column("granted_at", BigInteger, nullable=False),
    Index(None, "site_id"),
    # One account has one first event: of two sites that receive theirs at once, the database chooses one.
    Index(
        "uq_grants_first_event",
        "account_id",
        unique=True,
        sqlite_where=text("source = 'first event'"),
        postgresql_where=text("source = 'first event'"),
    ),
)

# Grants that an administrator revoked or refused. An account that is named here is not granted to a site by an event.
revoked_grants = Table(
    "revoked_grants",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("site_id", Text, primary_key=True),
    Column("revoked_at", BigInteger, nullable=False),
)

# How many events were dropped while they waited for a grant: see core.store.events.waiting_limits.
waiting_drops = Table(
    "waiting_drops",
    metadata,
    Column("account_id", Text, primary_key=True),  # empty: of any other
    Column("site_id", Text, primary_key=True),
    Column("dropped", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("account_id", Text, nullable=False),
    Column("number", BigInteger),
    Column("event", Text, nullable=False),
    Column("at", BigInteger, nullable=False),  # with rank and digest: its place in the order
    Column("rank", Integer, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("site_id", Text),  # whose endpoint it came to first; the site may be gone by now
    Column("request_id", Text),
    Column(
        "request", LargeBinary, nullable=False
    ),  # sealed: headers and raw bytes, see core.store.events.request
    Column("outcome", Text, nullable=False),  # see core.store.events.log.Outcome
    Column("reason", Text),
    Column("applied_at", BigInteger),  # an attempt that began later shows it
    # The filters of the page Events, see core.store.events.search. The fold reads the last one, too.
    Index("ix_events_outcome", "account_id", "outcome", "received_at", "id"),
    Index("ix_events_event", "account_id", "event", "outcome", "received_at", "id"),
    Index("ix_events_number", "number", "received_at", "id", "event", "outcome", "account_id"),
    Index(None, "at"),
    Index(
        "ix_events_pending",
        "account_id",
        "number",
        sqlite_where=text("outcome = 'pending'"),
        postgresql_where=text("outcome = 'pending'"),
    ),
    Index(
        "ix_events_waiting",
        "site_id",
        "account_id",
        "id",
        sqlite_where=text("outcome = 'waiting'"),
        postgresql_where=text("outcome = 'waiting'"),
    ),
)

# Which meeting a recorded instance is of. Zoom tells of many recordings at once by their instances alone.
recording_instances = Table(
    "recording_instances",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("uuid", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Index(None, "account_id", "number"),
)

# Which instances an event about many of them names, so that those which are recorded later are found.
recording_batch_items = Table(
    "recording_batch_items",
    metadata,
    Column("event_id", BigInteger, primary_key=True, autoincrement=False),  # in the log, while that holds it
    Column("uuid", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),  # of the event
    Index(None, "account_id", "uuid"),
    Index(None, "at"),
)


def _state() -> list[Column[Any]]:
    """Return the columns of a meeting's state."""
    return [
        Column("account_id", Text, primary_key=True),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("kind", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("created", Boolean, nullable=False),
        Column("recovered", Boolean, nullable=False),
        # What Zoom says of it, with its instances, recordings and registrants: see core.store.meetings.meetings.
        Column("sealed", LargeBinary, nullable=False, server_default=text("''")),
        Column("last_at", BigInteger, nullable=False),
        Column("last_rank", Integer, nullable=False),
        Column("last_digest", Text, nullable=False),
        Column(
            "doubt", Text, nullable=False, default="", server_default=text("''")
        ),  # see core.model.meeting.Doubt
    ]


meetings = Table(
    "meetings",
    metadata,
    # The columns that lists are searched and sorted by: see core.render.search_fields.
    Column("words", Text, nullable=False),
    Column("host_id", Text, nullable=False),
    Column("type", Integer),
    Column("starts_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("over_at", BigInteger, nullable=False),
    # Whether its description is known, which events do not tell.
    Column("agenda_known", Boolean, nullable=False, server_default=false()),
    *_state(),
    Column("revision", BigInteger, nullable=False),
    Index(None, "account_id", "last_at"),  # to which something happened last: see posts.latest
    # A host's, in the order in which they are read: without the number, SQLite looks through all of the account.
    Index(None, "account_id", "host_id", "number"),
    # In the order of a list, and with all that it is filtered by, so that a search reads the index alone.
    Index(
        "ix_meetings_listed",
        "starts_at",
        "number",
        "account_id",
        "over_at",
        "ends_at",
        "kind",
        "state",
        "type",
        "host_id",
        "words",
    ),
)

# What the events made that the log no longer holds: where a meeting is folded from.
meeting_baselines = Table("meeting_baselines", metadata, *_state())

_IS_DUE = "due_at IS NOT NULL"
_IS_LEASED = "lease_until > 0"
_IS_OPEN = "fault IS NOT NULL OR wanted > written OR reason IS NOT NULL OR state = 'detached'"
posts = Table(
    "posts",
    metadata,
    Column("site_id", Text, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    # The record that owns the number on this site: see core.model.identity.
    Column("account_id", Text, nullable=False),
    # Counts the changes that the site should show; at least the meeting's revision.
    Column("wanted", BigInteger, nullable=False),
    Column("written", BigInteger, nullable=False, default=0),  # the last of them that it shows
    Column("behind_since", BigInteger),  # since when the two differ
    Column("due_at", BigInteger),  # when to look at it next; empty: nothing to do
    Column("state", Text, nullable=False),  # see core.store.posts.queue.PostState
    Column("post_id", BigInteger),
    Column("link", Text),
    Column("reason", Text),  # why there is no post, where the meeting is not to have one, or not yet
    Column("baseline", LargeBinary),  # sealed: what was written last, see core.store.posts.queue.Base
    Column("attempts", Integer, nullable=False, default=0),
    Column("fault", Text),
    Column("fault_message", Text),
    Column("written_at", BigInteger),
    # The claim: who works on it and until when. A result counts only with the epoch it was claimed under.
    Column("owner", Text),
    Column("lease_until", BigInteger, nullable=False, default=0),
    Column("epoch", BigInteger, nullable=False, default=0),
    # Whether WordPress may hold something else than the bridge wrote: then it is read before the next write.
    Column("in_doubt", Boolean, nullable=False, default=False, server_default=false()),
    # What stands there, as the site told: see core.model.page_status. Empty until it did.
    Column("stands", Text),
    Column("stands_by", Text),  # who made it so; empty where that is unknown
    Column("stands_since", BigInteger),
    Column("stood", Text),  # what stood there before
    Column("digest", Text),  # of what the bridge writes, as the site told it last
    Column(
        "title", Text
    ),  # of an editor's own: see core.store.posts.queue.TitleState; empty where it is Zoom's
    # The wanted revision for which the change of another plugin was last undone: once for each.
    Column("restored", BigInteger),
    # What visitors get of it, as the bridge has looked: see core.model.page_visit. Empty until it has, since `stands`.
    Column("visit", Text),
    Column("visit_since", BigInteger),
    Column("visited_at", BigInteger),
    ForeignKeyConstraint(
        ["account_id", "number"], ["meetings.account_id", "meetings.number"], name="fk_posts_meeting"
    ),
    Index(None, "due_at"),
    # What a site's next posts are, however many wait. Of those that are due some time only: what is not due is looked for
    # by other indexes.
    Index(
        "ix_posts_site_id_due_at_number",
        "site_id",
        "due_at",
        "number",
        sqlite_where=text(_IS_DUE),
        postgresql_where=text(_IS_DUE),
    ),
    Index("ix_posts_leased", "lease_until", sqlite_where=text(_IS_LEASED), postgresql_where=text(_IS_LEASED)),
    Index(None, "account_id", "number"),
    Index(None, "number", "account_id"),  # which account owns a number, on any site
    # What waits, fails or is not to be shown: few among many, of which the pages tell.
    Index("ix_posts_open", "site_id", sqlite_where=text(_IS_OPEN), postgresql_where=text(_IS_OPEN)),
)

# What was tried on a site for a post, and what came back.
attempts = Table(
    "attempts",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("site_id", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("milliseconds", Integer, nullable=False),  # of the whole request, which may have served others
    Column("did", Text, key="action"),  # empty where it failed
    Column("fault", Text),
    Column("status", Integer),
    Column("message", Text),
    Index(None, "site_id", "number", "id"),
    Index(None, "at"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("site_id", Text, ForeignKey("sites.id", ondelete="CASCADE"), nullable=False),
    Column("digest", Text, nullable=False, unique=True),  # of site, signature and bytes
    Column("received_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("request", LargeBinary, nullable=False),  # sealed, as in the log
    # What it claims, unverified, and where it came from: see core.store.events.senders. Empty where unknown.
    Column("account_id", Text, nullable=False, default="", server_default=text("''")),
    Column("sender", Text, nullable=False, default="", server_default=text("''")),
    Column("dismissed", Boolean, nullable=False, default=False, server_default=false()),  # by a person
    Index(None, "site_id", "received_at"),
    # All that shares and alerts need, as reading a row means reading its request.
    Index("ix_quarantine_shares", "site_id", "account_id", "sender", "dismissed", "received_at", "size"),
)

# Where authentic events came from: see core.store.events.senders.
zoom_senders = Table(
    "zoom_senders",
    metadata,
    Column("site_id", Text, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
    Column("sender", Text, primary_key=True),
    Column("seen_at", BigInteger, nullable=False),
)

# Requests that were too large to keep, without their bodies: see core.store.events.large_requests.
large_requests = Table(
    "large_requests",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("site_id", Text, ForeignKey("sites.id", ondelete="CASCADE"), nullable=False),
    Column("digest", Text, nullable=False, unique=True),  # of site, cause and request id
    Column("cause", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),  # of the body, in bytes
    Column("headers", LargeBinary, nullable=False),  # sealed, as in the log
    # It seems to be Zoom's, by the account that it names or the address that it came from.
    Column("plausible", Boolean, nullable=False, default=False, server_default=false()),
    Index(None, "site_id", "cause"),
)

# Who may sign in at the bridge's own address.
users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("password", Text, nullable=False),  # an argon2 hash
    Column("role", Text, nullable=False),  # see core.store.auth.users
    Column("created_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger),
    Column("email_address", LargeBinary),  # sealed: see core.store.auth.email_addresses
)

# Requests of plugins that were used, by their signatures: see core.store.sites.stub_requests.
stub_requests = Table(
    "stub_requests",
    metadata,
    Column("digest", Text, primary_key=True),  # of the site's id and the signature
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
)

# Browsers that are signed in. The cookie holds the token, the table only its digest.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("name", Text, nullable=False),  # of the user, or of the WordPress user who came from wp-admin
    Column("role", Text, nullable=False),
    Column("site_id", Text),  # the only site that it sees; empty: all
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False, default=0, server_default="0"),  # to within some minutes
    # Of the network, as of used_at; and a short name, as "Firefox (Windows)".
    Column("address", Text, nullable=False, default="", server_default=text("''")),
    Column("browser", Text, nullable=False, default="", server_default=text("''")),
    Index(None, "expires_at"),
    Index(None, "name"),
)

# Users with a second factor: see core.store.auth.second_factors.
second_factors = Table(
    "second_factors",
    metadata,
    Column("name", Text, ForeignKey("users.name", ondelete="CASCADE"), primary_key=True),
    Column("secret", LargeBinary, nullable=False),  # sealed: what the authenticator app holds
    Column("last_step", BigInteger, nullable=False),  # the last that was used, in steps of 30 s since 1970
    Column("created_at", BigInteger, nullable=False),
)

# Codes that replace the app's, once each.
recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("name", Text, ForeignKey("second_factors.name", ondelete="CASCADE"), primary_key=True),
    Column("digest", Text, primary_key=True),
)

# Users whose password was right and who have not entered their code yet: see core.store.auth.pending_sign_ins.
pending_sign_ins = Table(
    "pending_sign_ins",
    metadata,
    Column("digest", Text, primary_key=True),  # of a token that the browser holds
    Column("name", Text, ForeignKey("second_factors.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("means", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

# Links and first passwords that open the pages once.
one_time_links = Table(
    "one_time_links",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("site_id", Text),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
)

# What is set for the whole bridge: see core.store.db.settings.
settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", JSON, nullable=False),
)

# Who changed what: see core.store.audit. No foreign key: entries outlive what they tell of.
audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("site_id", Text),
    Column("site", Text, nullable=False),  # its address
    Column("subject", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Index(None, "actor_kind", "id"),
)

# Where alerts are sent: see core.store.alerts.channels.
alert_channels = Table(
    "alert_channels",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("settings", LargeBinary, nullable=False),  # sealed JSON: addresses, passwords, signing secrets
    Column("site_id", Text, ForeignKey("sites.id", ondelete="CASCADE")),  # its alerts only; empty: all
    Column("language", Text, nullable=False),
    Column("is_paused", Boolean, nullable=False),
    Column("digest_at", BigInteger),  # the next weekly digest; empty: none
    Column("created_at", BigInteger, nullable=False),
)

# Alerts that were sent and last, or that a person handled: see core.store.alerts.open_alerts.
open_alerts = Table(
    "open_alerts",
    metadata,
    Column("id", Text, primary_key=True),  # see core.monitoring.alerts.Alert.id
    Column("kind", Text, nullable=False),
    Column("site_id", Text, ForeignKey("sites.id", ondelete="CASCADE")),
    Column("site_name", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("since", BigInteger),
    Column("sent_at", BigInteger),
    Column("handling", Text, nullable=False),  # empty, acknowledged, snoozed
    Column("until", BigInteger),
    Column("reason", Text, nullable=False),
    Column("handled_by", Text, nullable=False),
    Column("handled_at", BigInteger),
)

# Messages to channels, until and after their delivery: see core.store.alerts.deliveries.
alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("channel_id", Text, ForeignKey("alert_channels.id", ondelete="CASCADE"), nullable=False),
    Column("message_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index(None, "channel_id", "state", "id"),
)

# Background jobs: done in steps, with progress, resumed after a restart: see core.jobs.runner.
jobs = Table(
    "jobs",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("site_id", Text),  # whose administrator asked for it; empty: one who sees every site
    Column("requested_by", Text, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("state", Text, nullable=False),  # waiting, running, done, failed, stopped
    Column("total", BigInteger),  # empty while it is not known
    Column("done", BigInteger, nullable=False, default=0),
    Column("place", JSON, key="cursor"),  # where the next step starts, in a form of the kind of job
    Column("counts", JSON, nullable=False, default=dict),  # what came of it so far, by kind of result
    Column("message", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    # The claim: as with posts.
    Column("owner", Text),
    Column("lease_until", BigInteger, nullable=False, default=0),
    Column("epoch", BigInteger, nullable=False, default=0),
    Index(None, "state"),
)

# See core.store.sites.rules_templates.
rules_templates = Table(
    "rules_templates",
    metadata,
    Column("name", Text, primary_key=True),
    Column("rules", JSON, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

# What became of each site in a job for many of them: see core.bulk.
job_sites = Table(
    "job_sites",
    metadata,
    Column(
        "job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    Column("site_id", Text, primary_key=True),  # it may be gone by now
    Column("outcome", Text, nullable=False),  # see core.store.job_sites.BulkOutcome
    Column("message", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# Zoom accounts that the bridge may read over REST: a Server-to-Server OAuth app's credentials.
zoom_accounts = Table(
    "zoom_accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("client_secret", LargeBinary, nullable=False),  # sealed
    Column("oauth_url", Text, nullable=False),
    Column("plan", Text, nullable=False),  # see core.zoom.pace.Plan
    Column("reconcile_hours", Integer, nullable=False),  # 0: only when somebody asks
    Column("reconcile_at", BigInteger, nullable=False),  # when the next repair is due
    Column("token", LargeBinary),  # sealed: the one token that everybody uses
    Column("fault_message", Text),
    Column("created_at", BigInteger, nullable=False),
)

# The account's users, as its meetings name them: to go through them one by one, and to call them by name.
zoom_users = Table(
    "zoom_users",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("host_id", Text, primary_key=True),
    Column("sealed_email", LargeBinary, nullable=False, server_default=text("''")),
    # Of the address in lower case, to find it by; empty where there is none.
    Column("email_digest", Text, nullable=False, server_default=text("''")),
    Column("name", Text, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("is_scanned", Boolean, nullable=False, default=True, server_default=true()),
)

# Posts that a run would trash, or has trashed: see core.store.accounts.removals.
removals = Table(
    "removals",
    metadata,
    Column("site_id", Text, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),  # see core.store.accounts.removals.RemovalState
    Column("topic", Text, nullable=False),
    Column("job_id", BigInteger),  # the job that found it last; it may have been deleted since
    Column("found_at", BigInteger, nullable=False),
    Column("applied_at", BigInteger),  # when a run applied it by itself the last time
    Column("decided_by", Text),
    Column("decided_at", BigInteger),
    Index(None, "account_id", "number"),
)

# What a job found, or would do: one line a meeting (and site).
findings = Table(
    "findings",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("site_id", Text),
    Column("kind", Text, nullable=False),  # see core.model.snapshots.Drift
    Column("topic", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "job_id", "kind", "id"),
)
