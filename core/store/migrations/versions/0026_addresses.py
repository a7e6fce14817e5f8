"""addresses inside a network that sites have, and those that an administrator is asked about

Those of sites that are connected are learnt from their next signed answer, and allowed until then.

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("sites", "pairings"):
        for column in ("addresses", "asked_addresses"):
            op.add_column(table, sa.Column(column, sa.JSON(none_as_null=True)))
