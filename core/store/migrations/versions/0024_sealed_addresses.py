"""encrypted e-mail addresses of Zoom users

They are found by a digest under the bridge's key. Findings of jobs that named a user by the address lose it.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import context, op

from core.store.db.encryption import Sealer

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_ROWS = 500


def upgrade() -> None:
    sealer: Sealer = context.config.attributes["sealer"]
    connection = op.get_bind()
    op.add_column(
        "zoom_users",
        sa.Column("sealed_email", sa.LargeBinary(), nullable=False, server_default=sa.text("''")),
    )
    op.add_column(
        "zoom_users", sa.Column("email_digest", sa.Text(), nullable=False, server_default=sa.text("''"))
    )
    _seal(connection, sealer)
    op.drop_column("zoom_users", "email")
    findings = sa.table("findings", sa.column("number", sa.BigInteger()), sa.column("topic", sa.Text()))
    of_users = findings.c.number == 0, findings.c.topic.contains("@")
    op.execute(findings.update().where(*of_users).values(topic=""))
    _rewrite("zoom_users", "findings")


def _seal(connection: sa.Connection, sealer: Sealer) -> None:
    users = sa.table(
        "zoom_users",
        *(sa.column(name, sa.Text()) for name in ("account_id", "host_id", "email", "email_digest")),
        sa.column("sealed_email", sa.LargeBinary()),
    )
    is_it = (
        users.c.account_id == sa.bindparam("of_account"),
        users.c.host_id == sa.bindparam("of_host"),
    )
    change = users.update().where(*is_it)
    change = change.values(sealed_email=sa.bindparam("sealed"), email_digest=sa.bindparam("digest"))
    rows = connection.execute(sa.select(users.c.account_id, users.c.host_id, users.c.email)).all()
    for start in range(0, len(rows), _ROWS):
        changes = [
            {
                "of_account": row.account_id,
                "of_host": row.host_id,
                "sealed": sealer.seal_text(row.email),
                "digest": sealer.digests(row.email.casefold())[0] if row.email else "",
            }
            for row in rows[start : start + _ROWS]
        ]
        connection.execute(change, changes)


def _rewrite(*tables: str) -> None:
    """Have tables rewritten on disk, as well as those of which an earlier migration has said so."""
    settings = sa.table("settings", sa.column("name"), sa.column("value", sa.JSON()))
    is_it = settings.c.name == "tables_to_rewrite"
    said = op.get_bind().scalar(sa.select(settings.c.value).where(is_it)) or []
    op.execute(settings.delete().where(is_it))
    op.execute(
        settings.insert().values(
            name="tables_to_rewrite", value=[*said, *(one for one in tables if one not in said)]
        )
    )
