"""Run by alembic: the connection is handed over by `core.store.db.migrate`."""

from alembic import context

from core.store.db.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
