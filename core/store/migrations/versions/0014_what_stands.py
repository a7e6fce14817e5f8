"""what stands in posts on their sites, the bridge's visits there, and when all posts are looked at

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("stands", "stands_by", "stood", "digest"):
        op.add_column("posts", sa.Column(name, sa.Text()))
    op.add_column("posts", sa.Column("stands_since", sa.BigInteger()))
    for name in ("visits", "sweep_due_at"):
        op.add_column("sites", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("sites", sa.Column("restored", sa.Boolean(), nullable=False, server_default=sa.false()))
