"""Run migrations on the connection that `service.store.migrations` hands over.

The one idea: the caller owns lock, connection and transaction; this file only tells Alembic where
the tables are described and what our version table is called (Optuna has one of the usual name).
"""

from alembic import context

from service.store.models import Base

settings = context.config.attributes
context.configure(
    connection=settings["connection"],
    target_metadata=Base.metadata,
    version_table=settings["version_table"],
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
