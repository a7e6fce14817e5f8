"""an index of posts by the numbers of their meetings, for lists of the meetings of many sites

Revision ID: 0030
Revises: 0029
"""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_posts_number_account_id", "posts", ["number", "account_id"])
