"""address and epoch of each site, for the sync protocol

The address is WordPress's own option `home`: empty until the site has told it. A later epoch of the bridge supersedes
an earlier one.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sites", sa.Column("home", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("sites", sa.Column("epoch", sa.Integer(), nullable=False, server_default="1"))
