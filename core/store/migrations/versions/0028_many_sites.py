"""tags and pauses of sites, and the results of jobs for each of many sites

Revision ID: 0028
Revises: 0027
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sites", sa.Column("tags", sa.JSON(none_as_null=True)))
    op.add_column("sites", sa.Column("paused_at", sa.BigInteger()))
    op.create_table(
        "job_sites",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_sites_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "site_id", name=op.f("pk_job_sites")),
    )
