"""A database of version 0.1.0 migrates without loss, and the bridge continues from it.

The dumps in `old_versions` were made by that version: by its own operations on events, posts, jobs and users, with the
site double and the double of Zoom's REST API. Their only secrets are the tests' own, encrypted with the tests' key.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import inspect, select, text

from core.accounts import reconcile_job
from core.errors import StoreError
from core.jobs.runner import JobRunner
from core.model.state_fields import reduced, with_host_ids
from core.pipeline import replay
from core.pipeline.fold_worker import FoldWorker
from core.pipeline.ingest import Ingest
from core.pipeline.mirror_worker import MirrorWorker
from core.pipeline.replay import ReplayJob
from core.selftest.job import SelfTestReport
from core.sites import apply_rules
from core.sites.apply_rules import ApplyRulesJob
from core.store import jobs
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import findings
from core.store.auth import users
from core.store.auth.users import Role
from core.store.db import settings
from core.store.db.encryption import Sealer
from core.store.db.engine import Store
from core.store.db.migrate import upgrade
from core.store.db.schema import events, meetings, metadata, posts
from core.store.events import log
from core.store.events.log import Outcome
from core.store.events.request import Request
from core.store.jobs import JobState
from core.store.posts import queue as post_store
from core.store.posts.queue import PostState
from core.store.sites import sites, zoom_secrets
from tests.core.clock import Clock
from tests.core.conftest import KEYS
from tests.core.events import ACCOUNT, SECRET
from tests.core.site_double import SiteDouble
from tests.core.store.db.old_version import load_old_version
from tests.postgresql import PostgreSQL
from tests.zoom.server import CLIENT_SECRET

WHEN_DUMPED = 1_776_245_030  # seconds since 1970, UTC
PENDING_POST, PENDING_EVENT = 20, 21  # meeting numbers

TABLES = {
    "accounts": "grants",
    "bases": "meeting_baselines",
    "batched": "recording_batch_items",
    "hosts": "zoom_users",
    "instances": "recording_instances",
    "secrets": "zoom_secrets",
    "tickets": "one_time_links",
}
COLUMNS = {
    "asked_by": "requested_by",
    "instance": "instances",
    "folded_at": "applied_at",
    "looked_at": "checked_at",
    "repair_at": "reconcile_at",
    "repair_hours": "reconcile_hours",
}
WORDS = {
    ("events", "outcome", "folded"): "applied",
    ("jobs", "kind", "complete"): "backfill",
    ("jobs", "kind", "repair"): "reconcile",
    ("jobs", "kind", "review"): "apply-rules",
    ("jobs", "kind", "trial"): "self-test",
    ("jobs", "kind", "trial-cleaning"): "self-test-cleanup",
    ("jobs", "state", "waiting"): "queued",
    ("one_time_links", "role", "looker"): "viewer",
    ("posts", "state", "gone"): "deleted",
    ("posts", "state", "shown"): "synced",
    ("sessions", "role", "looker"): "viewer",
    ("users", "role", "looker"): "viewer",
}
SEALED = {"meetings": "sealed", "meeting_baselines": "sealed", "posts": "baseline"}
IN_DOUBT = {"a person", "a replay", "repair"}

GONE = "candidates"  # sites that were being connected by an application password
NEW_TABLES = (
    "removals",
    "revoked_grants",
    "waiting_drops",
    "large_requests",
    "zoom_senders",
    "pairing_codes",
    "pairings",
    "health_facts",
    "stub_requests",
    "audit_log",
    "second_factors",
    "recovery_codes",
    "pending_sign_ins",
    "alert_channels",
    "open_alerts",
    "alert_deliveries",
    "job_sites",
    "rules_templates",
)
OF_NEW_SITES = {
    "home": "",
    "epoch": 1,
    "next_key": None,
    "server_username": "",
    "server_password": None,
    "place": "",
    "place_before": "",
    "place_changed_at": 0,
    "place_alternated_at": 0,
    "doorway": "rest",
    "left_at": None,
    "left_reason": None,
    "offered_address": None,
    "visits": 0,
    "sweep_due_at": 0,
    "restored": False,
    "addresses": None,
    "asked_addresses": None,
    "stale_at": None,
    "stale_seconds": None,
    "tags": None,
    "paused_at": None,
    "template": None,
    "departed_at": None,
}

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def old(database_url: str) -> Iterator[Store]:
    """A store on what version 0.1.0 left."""
    load_old_version(database_url)
    opened = Store(database_url, keys=KEYS)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def migrated_old_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file of version 0.1.0 that was migrated, to copy."""
    path = tmp_path_factory.mktemp("old") / "zoombridge.db"
    path.touch(mode=0o600)
    migrate_old_version(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="module")
def migrated_old_database(postgresql: PostgreSQL) -> Iterator[str]:
    """The same in PostgreSQL."""
    url = postgresql.empty()
    migrate_old_version(url)
    yield url
    postgresql.drop(url)


def migrate_old_version(url: str) -> None:
    load_old_version(url)
    store = Store(url, keys=KEYS)
    upgrade(store.engine, store.sealer)
    store.close()


@pytest.fixture
def migrated(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store on a copy of what version 0.1.0 left, migrated."""
    if database_kind == "sqlite":
        path = shutil.copy(request.getfixturevalue("migrated_old_file"), tmp_path / "zoombridge.db")
        url = f"sqlite:///{path}"
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        url = server.copy(request.getfixturevalue("migrated_old_database"))
    opened = Store(url, keys=KEYS)
    yield opened
    opened.close()
    if database_kind == "postgresql":
        server.drop(url)


def everything(store: Store) -> Rows:
    """Return the rows of all tables, with JSON decoded and in a fixed order."""
    with store.engine.connect() as connection:
        names = sorted(set(inspect(connection).get_table_names()) - {"alembic_version"})
        return {name: read(connection, name) for name in names}


def read(connection: Any, table: str) -> list[dict[str, Any]]:
    rows = connection.execute(text(f"SELECT * FROM {table}")).mappings()
    return in_order([{name: decoded(value) for name, value in row.items()} for row in rows])


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: repr(sorted(row.items())))


def opened(rows: Rows, store: Store) -> Rows:
    """Return the rows with the state of meetings and posts decrypted."""
    for table, column in SEALED.items():
        for row in rows[table]:
            if row[column] is not None:
                row[column] = json.loads(store.sealer.open(bytes(row[column])))
        rows[table] = in_order(rows[table])
    for user in rows["zoom_users"]:
        user["sealed_email"] = store.sealer.open_text(bytes(user["sealed_email"]))
    rows["zoom_users"] = in_order(rows["zoom_users"])
    return rows


def decoded(value: Any) -> Any:
    """Return a JSON document as PostgreSQL returns it."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.loads(value)
    return value


def renamed(old: Rows) -> Rows:
    """Return what the rows of version 0.1.0 are to be now."""
    new = {}
    job_ids = {row["id"] for row in old["jobs"]}
    for old_table, rows in old.items():
        if old_table == GONE:
            continue
        table = TABLES.get(old_table, old_table)
        changed = []
        for row in rows:
            now = {
                COLUMNS.get(name, name): WORDS.get((table, name, value), value)
                if isinstance(value, str)
                else value
                for name, value in row.items()
            }
            convert(table, now)
            is_dropped = (table == "findings" and row["job_id"] not in job_ids) or (
                table == "settings" and row["name"] == "names_removed_to"  # redaction begins anew
            )
            if not is_dropped:
                changed.append(now)
        new[table] = in_order(changed)
    return new


def convert(table: str, row: dict[str, Any]) -> None:
    """Change a row, whose columns have their names of now, to what it is to hold now."""
    match table:
        case "sites":
            move_report(row)
        case "posts":
            seal_post(row)
        case "meetings" | "meeting_baselines":
            seal_meeting(table, row)
        case "zoom_users":
            row["is_scanned"] = True
            row["sealed_email"] = row.pop("email")
            row["email_digest"] = Sealer(KEYS).digests(row["sealed_email"].casefold())[0]
        case "jobs":
            rewrite(row)
        case "grants":
            row["source"] = "earlier version"
        case "quarantine":
            row |= {"sender": "", "dismissed": False}
        case "attempts":
            del row["account_id"]


def on_disk(store: Store, database_kind: str, database_url: str) -> bytes:
    """Return what the files of the database hold."""
    if database_kind == "sqlite":
        path = Path(database_url.removeprefix("sqlite:///"))
        return b"".join(one.read_bytes() for one in path.parent.glob(f"{path.name}*"))
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
        tables = ["meetings", "bases", "meeting_baselines"]
        files = "SELECT pg_read_binary_file(pg_relation_filepath(c.oid)) FROM pg_class c WHERE c.oid IN "
        named = "(SELECT unnest(ARRAY[oid, reltoastrelid]) FROM pg_class WHERE relname = ANY(:tables)) AND c.oid <> 0"
        return b"".join(bytes(one) for one in connection.scalars(text(files + named), {"tables": tables}))


def move_report(site: dict[str, Any]) -> None:
    """Keep the addresses of a health report. Its findings are of no name that is known now."""
    told = site.pop("look") or {}
    site |= {"settings_page": told.get("page", ""), "check_due_at": 0}
    site["bridge_url"] = site["bridge_url"] or told.get("bridge", "")


def seal_post(row: dict[str, Any]) -> None:
    is_in_doubt = row["owner"] in IN_DOUBT
    base = row.pop("base")
    row |= {
        "in_doubt": is_in_doubt,
        "owner": None if is_in_doubt else row["owner"],
        "baseline": None if base == "null" else base,
        **dict.fromkeys(
            (
                "stands",
                "stands_by",
                "stands_since",
                "stood",
                "digest",
                "title",
                "restored",
                "visit",
                "visit_since",
                "visited_at",
            )
        ),
    }


def seal_meeting(table: str, row: dict[str, Any]) -> None:
    """Reduce a meeting to what is stored of it now, opened."""
    parts = {"object": reduced(with_host_ids(row.pop("object"), {}))}
    for name in ("instances", "recordings", "registrants"):
        parts[name] = row.pop(name)
    for recording in parts["recordings"].values():
        for file in recording["files"].values():
            del file["type"]
    row["sealed"] = {name: value for name, value in parts.items() if value}
    row["doubt"] = ""
    if table == "meetings":
        row["agenda_known"] = "agenda" in parts["object"]


def rewrite(job: dict[str, Any]) -> None:
    if job["arguments"].get("filter", {}).get("outcome") == "folded":
        job["arguments"]["filter"]["outcome"] = "applied"
    if "looked_at" in job["counts"]:
        job["counts"]["requeued"] = job["counts"].pop("looked_at")


class TestUpgrade:
    def test_keeps_every_row_of_every_table(self, old: Store) -> None:
        before = everything(old)
        assert all(before.values()), [name for name, rows in before.items() if not rows]
        upgrade(old.engine, old.sealer)
        after = opened(everything(old), old)
        assert all(row.pop("granted_at") > 0 for row in after["grants"])
        assert [{name: row.pop(name) for name in OF_NEW_SITES} for row in after["sites"]] == [
            OF_NEW_SITES for _ in after["sites"]
        ]
        assert all(row.pop("account_id") for row in after["quarantine"])
        # What Zoom has validated it signs.
        assert all(row.pop("signed_at") == row["validated_at"] for row in after["sites"])
        for row in after["sessions"]:
            assert row.pop("used_at") == row["created_at"]
            assert (row.pop("address"), row.pop("browser")) == ("", "")
        assert [row.pop("email_address") for row in after["users"]] == [None] * len(after["users"])
        wanted = renamed(before) | {name: [] for name in NEW_TABLES}
        assert after.keys() == wanted.keys()
        for table, rows in wanted.items():
            assert after[table] == rows, table

    def test_leaves_nothing_readable_on_disk(self, old: Store, database_kind: str, database_url: str) -> None:
        with old.engine.connect() as connection:
            [*objects] = connection.execute(text("SELECT object FROM meetings")).scalars()
        told = [decoded(one) for one in objects]
        secrets = {one[name].encode() for one in told for name in ("join_url", "password") if one.get(name)}
        assert len(secrets) > 5
        before = on_disk(old, database_kind, database_url)
        assert {secret for secret in secrets if secret in before}
        upgrade(old.engine, old.sealer)
        after = on_disk(old, database_kind, database_url)
        assert not {secret for secret in secrets if secret in after}
        with old.reading() as connection:
            assert settings.tables_to_rewrite(connection) == []

    def test_refuses_another_key_before_anything_is_changed(self, old: Store) -> None:
        before = everything(old)
        with pytest.raises(StoreError, match="another key"):
            upgrade(old.engine, Sealer(Fernet.generate_key().decode()))
        assert everything(old) == before

    def test_leaves_exactly_the_tables_of_the_schema(self, migrated: Store) -> None:
        with migrated.engine.connect() as connection:
            names = set(inspect(connection).get_table_names()) - {"alembic_version"}
            indexes = {index["name"] for name in names for index in inspect(connection).get_indexes(name)}
        assert names == set(metadata.tables)
        assert indexes >= {index.name for table in metadata.tables.values() for index in table.indexes}

    def test_leaves_readable_what_is_encrypted(self, migrated: Store) -> None:
        with migrated.reading() as connection:
            [first, second] = sites.list_all(connection, migrated.sealer)
            saved = zoom_secrets.of_site(connection, "s1", migrated.sealer)
            account = zoom_credentials.load(connection, "RestAccount", migrated.sealer)
            sealed = connection.execute(select(events.c.request)).scalars().all()
        assert first.password == "application password of s1"
        assert second.bridge_url == "https://bridge.example.org"
        assert [one.secret.value for one in saved] == [SECRET]
        assert account.credentials.client_secret == CLIENT_SECRET
        assert all(json.loads(Request.opened(one, migrated.sealer).body)["event"] for one in sealed)

    def test_leaves_users_and_the_reports_of_self_tests(self, migrated: Store) -> None:
        with migrated.reading() as connection:
            viewer = users.find(connection, "lara")
            tests = jobs.latest(connection, 9, kind="self-test")
        assert viewer is not None
        assert viewer.role is Role.VIEWER
        assert [SelfTestReport.of(job).is_well for job in tests] == [False, True]

    def test_drops_the_findings_of_a_job_with_the_job(self, migrated: Store) -> None:
        with migrated.reading() as connection:
            assert findings.of_job(connection, 1)
        migrated.write(lambda connection: jobs.drop_before(connection, WHEN_DUMPED * 1000 + 1))
        with migrated.reading() as connection:
            assert findings.of_job(connection, 1) == []


class World:
    """The bridge's workers on a migrated store, a day later."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = Clock(WHEN_DUMPED + 24 * 3600)
        self.site = SiteDouble()
        self.folding = FoldWorker(store, clock=self.clock)
        self.mirror = MirrorWorker(store, clock=self.clock, connect=lambda _: self.site)
        ingest = Ingest(store, clock=self.clock)
        self.jobs = JobRunner(
            store,
            {
                replay.KIND: ReplayJob(store, ingest, clock=self.clock),
                apply_rules.KIND: ApplyRulesJob(
                    store, self.mirror.wake, clock=self.clock, pause=lambda _: self.write_due()
                ),
            },
            clock=self.clock,
        )

    def fold(self) -> None:
        while self.folding.fold_pending():
            pass

    def claim(self) -> list[post_store.Claim]:
        now = self.clock.ms
        return self.store.write(
            lambda connection: post_store.claim(
                connection,
                self.store.sealer,
                owner="me",
                now=now,
                lease_until=now + 300_000,
                room=8,
                busy=[],
                at_once=25,
            )
        )

    def write_due(self) -> None:
        claims = self.claim()
        for site_id in {one.site_id for one in claims}:
            self.mirror.mirror([one for one in claims if one.site_id == site_id])

    def state(self, number: int) -> PostState:
        with self.store.reading() as connection:
            query = select(posts.c.state).where(posts.c.site_id == "s1", posts.c.number == number)
            return PostState(connection.execute(query).scalar_one())


@pytest.fixture
def world(migrated: Store) -> World:
    return World(migrated)


class TestContinues:
    def test_a_pending_event_is_applied(self, world: World) -> None:
        world.fold()
        with world.store.reading() as connection:
            outcomes = connection.execute(
                select(events.c.outcome).where(events.c.number == PENDING_EVENT)
            ).scalars()
            assert list(outcomes) == [Outcome.APPLIED]
            assert connection.scalar(select(meetings.c.revision).where(meetings.c.number == PENDING_EVENT))

    def test_a_pending_post_is_written(self, world: World) -> None:
        claims = [one for one in world.claim() if (one.site_id, one.number) == ("s1", PENDING_POST)]
        world.mirror.mirror(claims)
        assert world.site.only["title"] == "Pending post"
        assert world.state(PENDING_POST) is PostState.SYNCED

    def test_a_post_in_doubt_is_read_before_it_is_written(self, world: World) -> None:
        doubtful = {one.number for one in world.claim() if one.site_id == "s1" and one.in_doubt}
        assert doubtful == {1, 7, 8}  # of a process that ended, of a person and of a replay

    def test_queued_jobs_run(self, world: World) -> None:
        world.fold()
        for job in world.jobs.claim(limit=9):
            world.jobs.run(job)
        with world.store.reading() as connection:
            ended = {
                job.kind: (job.state, job.message)
                for kind in (replay.KIND, apply_rules.KIND)
                for job in jobs.latest(connection, 9, kind=kind)
                if job.state is not JobState.STOPPED
            }
        assert {kind: state for kind, (state, _) in ended.items()} == {
            replay.KIND: JobState.DONE,
            apply_rules.KIND: JobState.DONE,
        }, ended

    def test_a_job_of_a_process_that_ended_is_taken_over_where_it_was(self, world: World) -> None:
        claimed = world.store.write(
            lambda connection: jobs.claim(
                connection, kinds=[reconcile_job.KIND], owner="me", now=world.clock.ms, lease_until=1, room=9
            )
        )
        assert [(job.cursor, job.epoch) for job in claimed] == [({"phase": "users"}, 4)]

    def test_the_same_event_is_still_a_duplicate(self, world: World) -> None:
        with world.store.reading() as connection:
            digests = set(connection.execute(select(events.c.digest)).scalars())
            known = connection.execute(select(events).where(events.c.number == PENDING_EVENT)).one()
        body = Request.opened(known.request, world.store.sealer)
        ingest = Ingest(world.store, clock=Clock(WHEN_DUMPED))
        assert ingest.receive("s1", body).status == 204
        with world.store.reading() as connection:
            assert set(connection.execute(select(events.c.digest)).scalars()) == digests
            assert log.newest_pending(connection, ACCOUNT) is not None
