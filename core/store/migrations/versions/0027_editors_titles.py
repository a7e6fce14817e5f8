"""titles that editors have given to pages, and that are to be given back

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("posts", sa.Column("title", sa.Text()))
