"""what visitors get of published posts

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("posts", sa.Column("visit", sa.Text()))
    for name in ("visit_since", "visited_at"):
        op.add_column("posts", sa.Column(name, sa.BigInteger()))
