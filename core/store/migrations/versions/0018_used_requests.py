"""since when Zoom signs what it sends to a site, and which requests of plugins were used

An endpoint that Zoom has validated answered with the secret token: Zoom signs what it sends there.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sites", sa.Column("signed_at", sa.BigInteger()))
    op.execute(sa.text("UPDATE sites SET signed_at = validated_at"))
    op.create_table(
        "stub_requests",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_stub_requests")),
    )
    op.create_index(op.f("ix_stub_requests_expires_at"), "stub_requests", ["expires_at"])
