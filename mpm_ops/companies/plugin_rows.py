"""The rows of a plugin in a company's database: what each verb writes, as statements that may be run again."""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from mpm_ops.records import Plugin

#: What plugins.status says.
ACTIVE, INACTIVE = 1, 0

_STATUS = """
    INSERT INTO plugins (mpm_plugin_id, status) VALUES ({id}, {status})
    ON CONFLICT (mpm_plugin_id) DO UPDATE SET status = excluded.status, updated_at = now()
    WHERE plugins.status <> excluded.status;
"""
# Where the row is gone somebody has uninstalled the plugin meanwhile: a row alone would be a plugin without tables.
_SWITCH = """
    DO $switch$ BEGIN
        UPDATE plugins SET status = {status}, updated_at = now() WHERE mpm_plugin_id = {id} AND status <> {status};
        IF NOT EXISTS (SELECT FROM plugins WHERE mpm_plugin_id = {id}) THEN
            RAISE EXCEPTION USING MESSAGE = 'it is not installed any more';
        END IF;
    END $switch$;
"""
_NO_STATUS = "DELETE FROM plugins WHERE mpm_plugin_id = {id};"
# The wizard shows a step for each plugin that is switched on and not set up yet.
_TAIL = """
    INSERT INTO registration_tail (component)
    SELECT {name} WHERE NOT EXISTS (SELECT FROM registration_tail WHERE component = {name});
"""
_NO_TAIL = "DELETE FROM registration_tail WHERE component = {name};"


def installing(plugin: Plugin, folder: Path | None) -> str:
    """Return what a company with the plugin begins with; the plugin's own part of it is `install.sql` in `folder`."""
    own = folder / "install.sql" if folder is not None else None
    text = own.read_text(encoding="utf-8") if own is not None and own.is_file() else ""
    return _filled(_STATUS + _TAIL, plugin, ACTIVE) + text


def switched(plugin: Plugin, folder: Path | None, status: int) -> str:
    """Return the same for a company that has it switched on or off, and is to have it so again."""
    return "\n;\n".join([installing(plugin, folder), *([] if status == ACTIVE else [disabling(plugin)])])


def enabling(plugin: Plugin) -> str:
    """Return what switches an installed plugin on."""
    return _filled(_SWITCH + _TAIL, plugin, ACTIVE)


def disabling(plugin: Plugin) -> str:
    """Return what switches an installed plugin off; its data stays."""
    return _filled(_SWITCH + _NO_TAIL, plugin, INACTIVE)


def removing(plugin: Plugin) -> str:
    """Return what takes the plugin's rows out of the company's own tables. What devices refer to stays."""
    return _filled(_NO_STATUS + _NO_TAIL, plugin, INACTIVE)


def _filled(text: str, plugin: Plugin, status: int) -> str:
    values = {"id": plugin.id, "name": plugin.name, "status": status}
    return sql.SQL(text).format(**{name: sql.Literal(value) for name, value in values.items()}).as_string()
