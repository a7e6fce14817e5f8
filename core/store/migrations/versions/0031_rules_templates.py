"""templates of rules, and which of them a site follows

Revision ID: 0031
Revises: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rules_templates",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rules_templates")),
    )
    op.add_column("sites", sa.Column("template", sa.Text()))
    op.add_column("sites", sa.Column("departed_at", sa.BigInteger()))
