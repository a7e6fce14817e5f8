"""the new address of the bridge that is offered to a site

Revision ID: 0033
Revises: 0032
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sites", sa.Column("offered_address", sa.Text(), nullable=True))
