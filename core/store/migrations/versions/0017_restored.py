"""the wanted revision for which a change of a page by another plugin was undone

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("posts", sa.Column("restored", sa.BigInteger()))
