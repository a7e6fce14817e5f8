"""indexes of the log for the search by plain queries

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NEW = {
    "ix_events_outcome": ["account_id", "outcome", "received_at", "id"],
    "ix_events_event": ["account_id", "event", "outcome", "received_at", "id"],
    "ix_events_number": ["number", "received_at", "id", "event", "outcome", "account_id"],
}
_OLD = {
    "ix_events_listed": ["event", "account_id", "outcome", "received_at", "id"],
    "ix_events_of_number": ["number", "received_at", "id"],
}


def upgrade() -> None:
    for name in _OLD:
        op.drop_index(name, "events")
    for name, columns in _NEW.items():
        op.create_index(name, "events", columns)
