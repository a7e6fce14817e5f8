"""from which places a site has answered, by which two copies at one address are told

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sites", sa.Column("place_before", sa.Text(), nullable=False, server_default=sa.text("''")))
    for name in ("place_changed_at", "place_alternated_at"):
        op.add_column("sites", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
