"""what an event leaves open about a meeting; all known instances in place of the last one

Instances that were stored before keep their shape: `core.model.instances.from_stored` reads both.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("meetings", "meeting_baselines"):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN instance TO instances")
        op.add_column(table, sa.Column("doubt", sa.Text(), nullable=False, server_default=sa.text("''")))
