"""tables, columns and stored words by the field's terms

Processes of version 0.1.0 cannot use the database after it, so stop them first. There is no way back but a backup.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = {
    "accounts": "site_accounts",
    "bases": "meeting_baselines",
    "batched": "recording_batch_items",
    "candidates": "pending_sites",
    "hosts": "zoom_users",
    "instances": "recording_instances",
    "secrets": "zoom_secrets",
    "tickets": "one_time_links",
}
_COLUMNS = {
    "events": {"folded_at": "applied_at"},
    "jobs": {"asked_by": "requested_by"},
    "pending_sites": {"asked_by": "requested_by"},
    "sites": {"look": "health_report", "looked_at": "checked_at"},
    "zoom_accounts": {"repair_hours": "reconcile_hours", "repair_at": "reconcile_at"},
}
# The columns of the indexes that are named after a renamed table.
_INDEXES = {
    "recording_batch_items": [["account_id", "uuid"], ["at"]],
    "pending_sites": [["expires_at"]],
    "recording_instances": [["account_id", "number"]],
    "zoom_secrets": [["site_id"]],
    "one_time_links": [["expires_at"]],
}
_WORDS = {
    ("events", "outcome"): {"folded": "applied"},
    ("jobs", "kind"): {
        "complete": "backfill",
        "repair": "reconcile",
        "review": "apply-rules",
        "trial": "self-test",
        "trial-cleaning": "self-test-cleanup",
    },
    ("jobs", "state"): {"waiting": "queued"},
    ("posts", "state"): {"shown": "synced", "gone": "deleted"},
    ("users", "role"): {"looker": "viewer"},
    ("sessions", "role"): {"looker": "viewer"},
    ("one_time_links", "role"): {"looker": "viewer"},
}
# Owners that never worked: they stood for a post that has to be read before the next write.
_IN_DOUBT = ("a person", "a replay", "repair")


def upgrade() -> None:
    for old, new in _TABLES.items():
        _rename_table(old, new)
    for table, names in _COLUMNS.items():
        for old, new in names.items():
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    for (table, column), words in _WORDS.items():
        place = sa.table(table, sa.column(column))
        for old, new in words.items():
            op.execute(place.update().where(place.c[column] == old).values({column: new}))
    _rewrite_jobs()
    op.add_column("posts", sa.Column("in_doubt", sa.Boolean(), nullable=False, server_default=sa.false()))
    posts = sa.table("posts", sa.column("owner"), sa.column("in_doubt", sa.Boolean()))
    op.execute(posts.update().where(posts.c.owner.in_(_IN_DOUBT)).values(in_doubt=True, owner=None))
    # Findings of jobs that were deleted stayed.
    op.execute("DELETE FROM findings WHERE job_id NOT IN (SELECT id FROM jobs)")
    with op.batch_alter_table("findings") as batch:
        batch.create_foreign_key("fk_findings_job_id", "jobs", ["job_id"], ["id"], ondelete="CASCADE")


def _rewrite_jobs() -> None:
    """Use the new words in the arguments of replays and the counts of reconciliations, too."""
    jobs = sa.table(
        "jobs",
        sa.column("id"),
        sa.column("kind"),
        sa.column("arguments", sa.JSON()),
        sa.column("counts", sa.JSON()),
    )
    connection = op.get_bind()
    changed = jobs.c.kind.in_(["reconcile", "replay"])
    for job in connection.execute(sa.select(jobs).where(changed)).all():
        arguments, counts = dict(job.arguments), dict(job.counts)
        if arguments.get("filter", {}).get("outcome") == "folded":
            arguments["filter"] = {**arguments["filter"], "outcome": "applied"}
        if "looked_at" in counts:
            counts["requeued"] = counts.pop("looked_at")
        rewritten = jobs.update().where(jobs.c.id == job.id)
        connection.execute(rewritten.values(arguments=arguments, counts=counts))


def _rename_table(old: str, new: str) -> None:
    op.rename_table(old, new)
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for columns in _INDEXES.get(new, []):
        before, after = f"ix_{old}_{'_'.join(columns)}", f"ix_{new}_{'_'.join(columns)}"
        if is_postgresql:
            op.execute(f"ALTER INDEX {before} RENAME TO {after}")
        else:  # SQLite cannot rename an index
            op.drop_index(before, table_name=new)
            op.create_index(after, new, columns)
    if is_postgresql:
        op.execute(f"ALTER INDEX pk_{old} RENAME TO pk_{new}")
        for key in sa.inspect(op.get_bind()).get_foreign_keys(new):
            name = str(key["name"])
            op.execute(f"ALTER TABLE {new} RENAME CONSTRAINT {name} TO {name.replace(old, new, 1)}")
        op.execute(f"ALTER SEQUENCE IF EXISTS {old}_id_seq RENAME TO {new}_id_seq")
