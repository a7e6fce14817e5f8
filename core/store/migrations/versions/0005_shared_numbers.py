"""further meetings under a number, as of a personal meeting ID (PMI)

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("meetings", "meeting_baselines"):
        op.add_column(table, sa.Column("others", sa.JSON()))
