"""encrypted state of meetings and posts, without fields that nothing reads

Join links, passcodes and people were readable. The state of a meeting is reduced to the fields of
`core.model.state_fields` and encrypted in one piece; so is what was written last to a post, whose digests would tell a
short passcode. The bridge's key comes from `core.store.db.migrate`, which rewrites the tables on disk afterwards.

Revision ID: 0009
Revises: 0008
"""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import context, op

from core.model.meeting import Meeting
from core.model.state_fields import named_hosts, reduced, with_host_ids
from core.render.search_fields import search_text
from core.store.db.encryption import Sealer
from core.zoom.join_link import without_links

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_BATCH = 500
_STATE = ("object", "instances", "recordings", "registrants", "others")
_OF_RECORDING = ("started", "minutes", "share_url", "passcode", "state", "other", "matched")


def upgrade() -> None:
    sealer: Sealer = context.config.attributes["sealer"]
    connection = op.get_bind()
    _check_key(connection, sealer)
    for table in ("meetings", "meeting_baselines"):
        op.add_column(
            table, sa.Column("sealed", sa.LargeBinary(), nullable=False, server_default=sa.text("''"))
        )
    op.add_column(
        "meetings", sa.Column("agenda_known", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("posts", sa.Column("baseline", sa.LargeBinary()))
    for table in ("meetings", "meeting_baselines"):
        _seal_meetings(connection, sealer, table)
    _seal_posts(connection, sealer)
    _clear_topics_of_findings(connection)
    for table in ("meetings", "meeting_baselines"):
        for name in _STATE:
            op.drop_column(table, name)
    op.drop_column("posts", "base")
    settings = sa.table("settings", sa.column("name"), sa.column("value", sa.JSON()))
    # Redaction covers more events than before, so it begins anew.
    op.execute(settings.delete().where(settings.c.name == "names_removed_to"))
    tables = ["meetings", "meeting_baselines", "posts", "findings"]
    op.execute(settings.insert().values(name="tables_to_rewrite", value=tables))


def _check_key(connection: sa.Connection, sealer: Sealer) -> None:
    """Raise StoreError where the key is not the one that the database was encrypted with so far."""
    for table, column in (("sites", "key"), ("events", "request"), ("zoom_secrets", "value")):
        place = sa.table(table, sa.column(column, sa.LargeBinary()))
        sealed = connection.scalar(sa.select(place.c[column]).limit(1))
        if sealed is not None:
            sealer.open(sealed)


def _batches(
    connection: sa.Connection, table: sa.TableClause, keys: list[str], *where: Any
) -> Iterator[list[Any]]:
    """Yield the rows of a table in batches, in the order of its key."""
    columns = [table.c[name] for name in keys]
    after: tuple[Any, ...] | None = None
    while True:
        query = sa.select(table).where(*where).order_by(*columns).limit(_BATCH)
        if after is not None:
            query = query.where(sa.tuple_(*columns) > after)
        rows = list(connection.execute(query).all())
        if not rows:
            return
        yield rows
        after = tuple(getattr(rows[-1], name) for name in keys)


def _seal_meetings(connection: sa.Connection, sealer: Sealer, name: str) -> None:
    is_listed = name == "meetings"
    table = sa.table(
        name,
        *(sa.column(key, sa.JSON()) for key in _STATE),
        sa.column("account_id", sa.Text()),
        sa.column("number", sa.BigInteger()),
        sa.column("sealed", sa.LargeBinary()),
        *((sa.column("words", sa.Text()), sa.column("agenda_known", sa.Boolean())) if is_listed else ()),
    )
    given: dict[str, Any] = {"sealed": sa.bindparam("blob")}
    if is_listed:
        given |= {"words": sa.bindparam("searched"), "agenda_known": sa.bindparam("known")}
    change = (
        table.update()
        .where(table.c.account_id == sa.bindparam("of_account"), table.c.number == sa.bindparam("of_number"))
        .values(given)
    )
    for rows in _batches(connection, table, ["account_id", "number"]):
        changes = []
        for row in rows:
            state = _reduced(connection, row)
            meeting = Meeting(row.account_id, row.number, object=state.get("object", {}))
            changed = {
                "of_account": row.account_id,
                "of_number": row.number,
                "blob": sealer.seal(json.dumps(state, separators=(",", ":")).encode()),
            }
            if is_listed:
                is_plain = meeting.listed_topic == " ".join(meeting.topic.split())
                changed |= {
                    "searched": row.words if is_plain else search_text(meeting.listed_topic),
                    "known": isinstance(meeting.object.get("agenda"), str),
                }
            changes.append(changed)
        connection.execute(change, changes)


def _reduced(connection: sa.Connection, row: Any) -> dict[str, Any]:
    """Return the state of a meeting with the fields that are read; empty parts are left out."""
    others = {
        uuid: {**other, "object": _known_fields(connection, row.account_id, other.get("object") or {})}
        for uuid, other in (row.others or {}).items()
    }
    recordings = {
        uuid: {key: recording[key] for key in _OF_RECORDING if key in recording}
        | {"files": {key: {"state": file["state"]} for key, file in recording.get("files", {}).items()}}
        for uuid, recording in (row.recordings or {}).items()
    }
    state = {
        "object": _known_fields(connection, row.account_id, row.object or {}),
        "instances": row.instances,
        "recordings": recordings,
        "registrants": row.registrants,
        "others": others,
    }
    return {name: value for name, value in state.items() if value}


def _known_fields(connection: sa.Connection, account_id: str, object_: dict[str, Any]) -> dict[str, Any]:
    names = {name.casefold() for name in named_hosts(object_)} | set(named_hosts(object_))
    host_ids: dict[str, str] = {}
    if names:
        users = sa.table(
            "zoom_users",
            *(sa.column(name, sa.Text()) for name in ("account_id", "host_id", "email")),
        )
        is_named = sa.or_(users.c.host_id.in_(names), sa.func.lower(users.c.email).in_(names))
        found = connection.execute(sa.select(users).where(users.c.account_id == account_id, is_named))
        for user in found:
            host_ids |= {user.host_id: user.host_id, user.email.casefold(): user.host_id}
    return reduced(with_host_ids(object_, host_ids))


def _seal_posts(connection: sa.Connection, sealer: Sealer) -> None:
    posts = sa.table(
        "posts",
        sa.column("site_id", sa.Text()),
        sa.column("number", sa.BigInteger()),
        sa.column("base", sa.JSON()),
        sa.column("baseline", sa.LargeBinary()),
    )
    keys = ["site_id", "number"]
    change = posts.update().where(*(posts.c[key] == sa.bindparam(f"of_{key}") for key in keys))
    change = change.values(baseline=sa.bindparam("blob"))
    for rows in _batches(connection, posts, keys):
        changes = [
            {f"of_{key}": getattr(row, key) for key in keys}
            | {"blob": sealer.seal(json.dumps(row.base).encode())}
            for row in rows
            if row.base is not None
        ]
        if changes:
            connection.execute(change, changes)


def _clear_topics_of_findings(connection: sa.Connection) -> None:
    findings = sa.table("findings", sa.column("id", sa.BigInteger()), sa.column("topic", sa.Text()))
    may_hold_link = sa.or_(findings.c.topic.contains("://"), findings.c.topic.contains("zoom.us"))
    for rows in _batches(connection, findings, ["id"], may_hold_link):
        for row in rows:
            cleared = findings.update().where(findings.c.id == row.id).values(topic=without_links(row.topic))
            connection.execute(cleared)
