"""pairing codes, and what each site keeps of its pairing

A site is paired by a code in the plugin's zip. Sites get a next key (during a rotation), the user and password of the web
server in front of WordPress, the digest of folder and database, the doorway that answered last, and when the plugin said
goodbye.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("next_key", "server_password"):
        op.add_column("sites", sa.Column(name, sa.LargeBinary()))
    for name, default in (("server_username", sa.text("''")), ("place", sa.text("''")), ("doorway", "rest")):
        op.add_column("sites", sa.Column(name, sa.Text(), nullable=False, server_default=default))
    op.add_column("sites", sa.Column("left_at", sa.BigInteger()))
    op.add_column("sites", sa.Column("left_reason", sa.Text()))
    op.create_table(
        "pairing_codes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("bridge_url", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text()),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("fk_pairing_codes_site_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairing_codes")),
    )
    op.create_index(op.f("ix_pairing_codes_expires_at"), "pairing_codes", ["expires_at"])
    op.create_index(op.f("ix_pairing_codes_site_id"), "pairing_codes", ["site_id"])
    op.create_table(
        "pairings",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("code_id", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("answer_key", sa.Text(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("home", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rest_root", sa.Text(), nullable=False),
        sa.Column("endpoints", sa.JSON(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("stub", sa.Text(), nullable=False),
        sa.Column("vczapi", sa.Boolean(), nullable=False),
        sa.Column("vczapi_pro", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("doorway", sa.Text(), nullable=False),
        sa.Column("server_username", sa.Text(), nullable=False),
        sa.Column("server_password", sa.LargeBinary()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("checked_at", sa.BigInteger()),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("next_call_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["code_id"], ["pairing_codes.id"], name=op.f("fk_pairings_code_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairings")),
    )
    op.create_index(op.f("ix_pairings_next_call_at"), "pairings", ["next_call_at"])
    op.create_index(
        op.f("ix_pairings_code_id_public_key"), "pairings", ["code_id", "public_key"], unique=True
    )
