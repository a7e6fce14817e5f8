"""posts that a run would trash, held until they are approved; users whose meetings are not listed

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "removals",
        sa.Column("site_id", sa.Text(), sa.ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("account_id", sa.Text(), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("job_id", sa.BigInteger()),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("applied_at", sa.BigInteger()),
        sa.Column("decided_by", sa.Text()),
        sa.Column("decided_at", sa.BigInteger()),
    )
    op.create_index("ix_removals_account_id_number", "removals", ["account_id", "number"])
    op.add_column(
        "zoom_users", sa.Column("is_scanned", sa.Boolean(), nullable=False, server_default=sa.true())
    )
