"""What the env.py of either tree does: render offline, or run on a connection and stamp after each revision."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import context
from alembic.runtime.migration import MigrationContext

from mpm_ops.errors import UsageError
from mpm_ops.postgres import databases
from mpm_ops.postgres.chosen import chosen_server
from mpm_ops.records import MAIN
from mpm_ops.settings import Settings, load_settings


def run_environment(metadata: sa.MetaData, *, elsewhere: Callable[[Settings], Collection[Path]]) -> None:
    """Run the revisions that Alembic was asked for, on whichever of the two ways it was asked.

    Plain Alembic, which has read an alembic.ini, is told here of the folders that it cannot name.
    Online, the connection comes from `config.attributes["connection"]`; from the shell name a database:
    `alembic -c tenant_migrations/alembic.ini -x database=mpm_company_1 upgrade head`.
    """
    if context.config.config_file_name is not None:
        _add_folders(elsewhere(load_settings()))
    if context.is_offline_mode():
        context.configure(
            dialect_name="postgresql",
            target_metadata=metadata,
            literal_binds=True,
            # The default style would double every % in the text, which is sent as it stands.
            dialect_opts={"paramstyle": "named"},
            transaction_per_migration=True,
            output_buffer=context.config.attributes.get("output_buffer"),
            on_version_apply=context.config.attributes.get("on_step"),
        )
        with context.begin_transaction():
            context.run_migrations()
        return
    connection = context.config.attributes.get("connection")
    if isinstance(connection, sa.Connection):
        _run_online(connection, metadata)
    else:
        engine = connection if isinstance(connection, sa.Engine) else _named_engine()
        with engine.connect() as opened:
            _run_online(opened, metadata)


def _add_folders(folders: Collection[Path]) -> None:
    """Let Alembic find the revisions in more folders; it reads them after env.py."""
    known = context.script.version_locations or [str(Path(context.script.dir) / "versions")]
    context.script.version_locations = [*known, *(str(folder) for folder in folders if folder.is_dir())]


def _run_online(connection: sa.Connection, metadata: sa.MetaData) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_schemas=any(table.schema for table in metadata.tables.values()),
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
        on_version_apply=_stamp,
        include_object=context.config.attributes.get("include_object"),
    )
    with context.begin_transaction():
        context.run_migrations()


def _stamp(ctx: MigrationContext, step: object, heads: Collection[str], run_args: object) -> None:
    """Keep the stamp in the shared catalog true inside the migration's own transaction (D3)."""
    del step, run_args  # Alembic passes them by name
    if ctx.connection is not None:
        name = ctx.connection.scalar(sa.text("SELECT current_database()"))
        ctx.connection.exec_driver_sql(databases.stamp(str(name), heads).as_string())


def _named_engine() -> sa.Engine:
    """Return an engine for the database given as `-x database=NAME` (`-x server=NAME`), acting as its owner."""
    named = context.get_x_argument(as_dictionary=True)
    database = named.get("database")
    if not isinstance(database, str):
        raise UsageError("no database named", hint="Add -x database=NAME before the alembic command.")
    settings = load_settings()
    engine = chosen_server(settings, str(named.get("server", MAIN))).engine(database)
    if database.startswith(settings.company_database(0)[:-1]):

        @sa.event.listens_for(engine, "connect")
        def _act_as_owner(connection: Any, _record: object) -> None:
            connection.execute(f'SET ROLE "{settings.owner_role}"')
            connection.commit()

    return engine
