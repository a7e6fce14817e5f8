"""what refused requests claim, where they came from, and where authentic events did

What no secret token can ever verify leaves the quarantine; of all other requests, the account that they name is read
from their bytes.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import context, op

from core.store.db.encryption import Sealer
from core.store.events.request import Request
from core.zoom.plausibility import claimed_account, refusal_cause

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("stale_at", "stale_seconds"):
        op.add_column("sites", sa.Column(name, sa.BigInteger()))
    for name in ("account_id", "sender"):
        op.add_column("quarantine", sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''")))
    for table, name in (("quarantine", "dismissed"), ("large_requests", "plausible")):
        op.add_column(table, sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "zoom_senders",
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("fk_zoom_senders_site_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("site_id", "sender", name=op.f("pk_zoom_senders")),
    )
    _read_quarantine(op.get_bind(), context.config.attributes["sealer"])
    op.create_index(
        "ix_quarantine_shares",
        "quarantine",
        ["site_id", "account_id", "sender", "dismissed", "received_at", "size"],
    )


def _read_quarantine(connection: sa.Connection, sealer: Sealer) -> None:
    quarantine = sa.table(
        "quarantine",
        sa.column("id", sa.BigInteger()),
        sa.column("received_at", sa.BigInteger()),
        sa.column("request", sa.LargeBinary()),
        sa.column("account_id", sa.Text()),
    )
    for held_id in list(connection.scalars(sa.select(quarantine.c.id))):  # one at a time: they may be large
        row = connection.execute(sa.select(quarantine).where(quarantine.c.id == held_id)).one()
        request = Request.opened(row.request, sealer)
        cause = refusal_cause(request.headers, request.body, now=row.received_at / 1000)
        is_it = quarantine.c.id == held_id
        if cause is not None:
            connection.execute(quarantine.delete().where(is_it))
        else:
            connection.execute(
                quarantine.update().where(is_it).values(account_id=claimed_account(request.body))
            )
