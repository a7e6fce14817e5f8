"""an index of meetings by their hosts, for imports and reconciliations, and for events about users

Revision ID: 0034
Revises: 0033
"""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_meetings_account_id_host_id_number", "meetings", ["account_id", "host_id", "number"])
