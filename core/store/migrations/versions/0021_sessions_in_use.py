"""when, from where and by which browser a session is used

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("used_at", sa.BigInteger(), nullable=False, server_default="0"))
    for name in ("address", "browser"):
        op.add_column("sessions", sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''")))
    op.execute(sa.text("UPDATE sessions SET used_at = created_at"))
    op.create_index(op.f("ix_sessions_name"), "sessions", ["name"])
