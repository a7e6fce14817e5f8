"""indexes of the posts that are due next on each site, and of those that are leased; of blocked sites

Revision ID: 0032
Revises: 0031
"""

from alembic import op
from sqlalchemy import text

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_IS_DUE = text("due_at IS NOT NULL")
_IS_LEASED = text("lease_until > 0")


def upgrade() -> None:
    op.create_index(
        "ix_posts_site_id_due_at_number",
        "posts",
        ["site_id", "due_at", "number"],
        sqlite_where=_IS_DUE,
        postgresql_where=_IS_DUE,
    )
    op.create_index(
        "ix_posts_leased", "posts", ["lease_until"], sqlite_where=_IS_LEASED, postgresql_where=_IS_LEASED
    )
    op.create_index("ix_sites_blocked_until", "sites", ["blocked_until"])
