"""facts about the health of each site, with the time since which each holds

They replace the report of a site's last check. A fact that an earlier version found holds since that check.

Revision ID: 0012
Revises: 0011
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_NAMES = ("WordPress", "plugin", "pairing", "clock", "nonces", "trash", "bridge")


def upgrade() -> None:
    facts = op.create_table(
        "health_facts",
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("well", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name="fk_health_facts_site_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("site_id", "name", name="pk_health_facts"),
    )
    op.add_column("sites", sa.Column("check_due_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column(
        "sites", sa.Column("settings_page", sa.Text(), nullable=False, server_default=sa.text("''"))
    )
    op.create_index("ix_sites_check_due_at", "sites", ["check_due_at"])
    op.create_index(
        "ix_health_facts_silent",
        "health_facts",
        ["site_id"],
        sqlite_where=sa.text("name = 'WordPress' AND well = 0"),
        postgresql_where=sa.text("name = 'WordPress' AND well = false"),
    )
    _move_reports(op.get_bind(), facts)
    op.drop_column("sites", "health_report")


def _move_reports(connection: sa.Connection, facts: sa.Table) -> None:
    numbers = ("created_at", "checked_at", "last_write_at")
    texts = ("id", "bridge_url", "settings_page", "fault_message")
    sites = sa.table(
        "sites",
        sa.column("health_report", sa.JSON()),
        *(sa.column(name, sa.Text()) for name in texts),
        *(sa.column(name, sa.BigInteger()) for name in numbers),
    )
    rows = []
    for site in connection.execute(sa.select(sites)).all():
        report: dict[str, Any] = site.health_report or {}
        seen_at = site.checked_at or site.created_at
        found = {one["name"]: one for one in report.get("findings", ()) if one["name"] in _NAMES}
        for name, one in found.items():
            rows.append(_fact(site.id, name, one["message"], well=one["well"], since=seen_at))
        if site.fault_message:
            since = site.last_write_at or site.created_at  # the last time without it
            rows.append(_fact(site.id, "pages", site.fault_message, well=False, since=since))
        told = {"settings_page": report.get("page") or ""}
        if not site.bridge_url:
            told["bridge_url"] = report.get("bridge") or ""
        connection.execute(sites.update().where(sites.c.id == site.id).values(told))
    if rows:
        connection.execute(facts.insert(), rows)


def _fact(site_id: str, name: str, message: str, *, well: bool, since: int) -> dict[str, Any]:
    fact = {"site_id": site_id, "name": name, "message": message, "well": well}
    return fact | {"since": since, "seen_at": since}
