"""no sites that are being connected by an application password any more

Such connections are not continued: sites are added by pairing codes. Their rows may hold application passwords, which
a migration cannot give back, as that takes a request to the site. They stay valid until their owner revokes them in
WordPress, under Users > Profile > Application Passwords, where they are called "Zoom WordPress Bridge".

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("pending_sites")
