"""Alembic environment: runs revisions on the connection and in the transaction of the caller."""

from alembic import context

from indexes.catalog.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
