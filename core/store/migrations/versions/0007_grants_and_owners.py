"""grants of Zoom accounts to sites; one post per site and number; events without an account belong to their site

Which sites showed which accounts stays as it was. Events without an account were folded together, whichever site
they came to: each site keeps the meetings as they are, and goes on with its own events.

Revision ID: 0007
Revises: 0006
"""

import time
from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MEETINGS = (
    "account_id = '' AND number IN (SELECT number FROM posts WHERE account_id = '' AND site_id = :site)"
)

# The states of a post, from that which tells least of it.
_TELLING = ("none", "deleted", "detached", "trashed", "synced")

_SHARED = (
    "number IN (SELECT number FROM events WHERE account_id = '' AND number IS NOT NULL "
    "AND (site_id IS NULL OR site_id <> :site))"
)


def upgrade() -> None:
    connection = op.get_bind()
    op.create_index(
        "ix_events_waiting",
        "events",
        ["site_id", "account_id", "id"],
        sqlite_where=sa.text("outcome = 'waiting'"),
        postgresql_where=sa.text("outcome = 'waiting'"),
    )
    _divide_by_site(connection)
    _make_grants()
    _key_posts_by_number(connection)
    op.drop_index("ix_attempts_site_id_account_id_number_id", "attempts")
    op.drop_column("attempts", "account_id")
    op.create_index("ix_attempts_site_id_number_id", "attempts", ["site_id", "number", "id"])


def _divide_by_site(connection: sa.Connection) -> None:
    """Give each site its own copy of what is known from events without an account."""
    sites = sa.text(
        "SELECT site_id FROM site_accounts WHERE account_id = '' "
        "UNION SELECT site_id FROM posts WHERE account_id = ''"
    )
    for site_id in connection.scalars(sites).all():
        given = {"site": site_id, "own": f"site:{site_id}"}
        _copy(connection, "meetings", _MEETINGS, given)
        # A meeting that is made of other events too continues from its state.
        _copy(connection, "meeting_baselines", f"{_MEETINGS} AND {_SHARED}", given, source="meetings")
        _copy(connection, "meeting_baselines", f"{_MEETINGS} AND NOT {_SHARED}", given)
        _copy(connection, "recording_instances", _MEETINGS, given)
    for statement in (
        "UPDATE posts SET account_id = 'site:' || site_id WHERE account_id = ''",
        "DELETE FROM meetings WHERE account_id = ''",
        "DELETE FROM meeting_baselines WHERE account_id = ''",
        "DELETE FROM recording_instances WHERE account_id = ''",
        "UPDATE events SET account_id = 'site:' || site_id WHERE account_id = '' AND site_id IS NOT NULL",
        (
            "UPDATE recording_batch_items SET account_id = COALESCE("
            "(SELECT account_id FROM events WHERE events.id = event_id), '') WHERE account_id = ''"
        ),
        "UPDATE site_accounts SET account_id = 'site:' || site_id WHERE account_id = ''",
    ):
        connection.execute(sa.text(statement))


def _copy(
    connection: sa.Connection, table: str, which: str, given: dict[str, Any], *, source: str = ""
) -> None:
    """Copy rows without an account to the account of a site."""
    names = [column["name"] for column in sa.inspect(connection).get_columns(table)]
    columns = ", ".join(names)
    copied = ", ".join(":own" if name == "account_id" else name for name in names)
    statement = f"INSERT INTO {table} ({columns}) SELECT {copied} FROM {source or table} WHERE {which}"  # noqa: S608
    connection.execute(sa.text(statement), given)


def _make_grants() -> None:
    op.create_table(
        "grants",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "site_id", name="pk_grants"),
    )
    op.create_index("ix_grants_site_id", "grants", ["site_id"])
    op.create_index(
        "uq_grants_first_event",
        "grants",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("source = 'first event'"),
        postgresql_where=sa.text("source = 'first event'"),
    )
    op.create_table(
        "revoked_grants",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "site_id", name="pk_revoked_grants"),
    )
    op.execute(
        sa.text(
            "INSERT INTO grants (account_id, site_id, source, granted_at) "
            "SELECT account_id, site_id, 'earlier version', :now FROM site_accounts"
        ).bindparams(sa.bindparam("now", int(time.time() * 1000), sa.BigInteger()))
    )
    op.drop_table("site_accounts")


def _key_posts_by_number(connection: sa.Connection) -> None:
    """Keep one post per site and number: that of the record to which something happened last."""
    rows = connection.execute(
        sa.text(
            "SELECT posts.*, last_at, last_rank, last_digest FROM posts "
            "JOIN meetings ON meetings.account_id = posts.account_id AND meetings.number = posts.number "
            "WHERE EXISTS (SELECT 1 FROM posts AS other WHERE other.site_id = posts.site_id "
            "AND other.number = posts.number AND other.account_id <> posts.account_id)"
        )
    )
    twins = defaultdict(list)
    for row in rows:
        twins[row.site_id, row.number].append(row)
    op.execute("CREATE TABLE posts_before AS SELECT * FROM posts")
    op.drop_table("posts")
    _create_posts()
    columns = ", ".join(column["name"] for column in sa.inspect(connection).get_columns("posts"))
    for (site_id, number), some in twins.items():
        newest = max(some, key=lambda row: (row.last_at, row.last_rank, row.last_digest))
        # What is known of the post in WordPress comes from the row that has one, else from the one that had one: a post
        # that a person deleted is not to be made again.
        kept = max(some, key=lambda row: (row.post_id is not None, _TELLING.index(row.state), row is newest))
        connection.execute(
            sa.text(
                "DELETE FROM posts_before WHERE site_id = :site AND number = :number AND account_id <> :kept"
            ),
            {"site": site_id, "number": number, "kept": kept.account_id},
        )
        connection.execute(
            sa.text(
                "UPDATE posts_before SET account_id = :owner, wanted = :wanted, written = 0, epoch = epoch + 1, "
                "in_doubt = :yes, due_at = 0, lease_until = 0, owner = NULL, "
                "behind_since = COALESCE(behind_since, :now) WHERE site_id = :site AND number = :number"
            ),
            {
                "owner": newest.account_id,
                "wanted": max(row.wanted for row in some),
                "yes": True,
                "now": int(time.time() * 1000),
                "site": site_id,
                "number": number,
            },
        )
    op.execute(f"INSERT INTO posts ({columns}) SELECT {columns} FROM posts_before")  # noqa: S608
    op.drop_table("posts_before")


def _create_posts() -> None:
    big = sa.BigInteger()
    is_open = sa.text("fault IS NOT NULL OR wanted > written OR reason IS NOT NULL OR state = 'detached'")
    op.create_table(
        "posts",
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("number", big, autoincrement=False, nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("wanted", big, nullable=False),
        sa.Column("written", big, nullable=False),
        sa.Column("behind_since", big),
        sa.Column("due_at", big),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("post_id", big),
        sa.Column("link", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("base", sa.JSON()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fault", sa.Text()),
        sa.Column("fault_message", sa.Text()),
        sa.Column("written_at", big),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until", big, nullable=False),
        sa.Column("epoch", big, nullable=False),
        sa.Column("in_doubt", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("site_id", "number", name="pk_posts"),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name="fk_posts_site_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["account_id", "number"], ["meetings.account_id", "meetings.number"], name="fk_posts_meeting"
        ),
    )
    op.create_index("ix_posts_due_at", "posts", ["due_at"])
    op.create_index("ix_posts_account_id_number", "posts", ["account_id", "number"])
    op.create_index("ix_posts_open", "posts", ["site_id"], sqlite_where=is_open, postgresql_where=is_open)
