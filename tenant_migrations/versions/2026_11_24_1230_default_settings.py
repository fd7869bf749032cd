"""The settings of a fresh company, and the first kinds of appliance and connection."""

from __future__ import annotations

from alembic import op

revision = "04bc7f5ad834"
down_revision: str | tuple[str, ...] | None = "f86c1cebe9fa"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.execute(
        """
        INSERT INTO main_settings
            (site_title, company_name, currency, country, language,
             vat_energy, vat_appliance, usage_type, sms_gateway_id, transaction_sms_enabled)
        VALUES
            ('MicroPowerManager: run your energy company from one place', 'MicroPowerManager', '€', 'Germany', 'en',
             1, 18, 'mini-grid&shs&e-bike', NULL, true)
        """
    )
    op.execute("INSERT INTO map_settings (zoom, latitude, longitude, provider) VALUES (7, -2.50038, 32.88906, NULL)")
    # A downgrade leaves types and groups that are in use, so some may be there.
    op.execute(
        """
        INSERT INTO appliance_types (name, paygo_enabled)
        SELECT fresh.name, fresh.paygo
        FROM (
            VALUES ('Solar Home System', true), ('E-Bike', true), ('Electronics', false), ('Goods', false)
        ) AS fresh (name, paygo)
        WHERE fresh.name NOT IN (SELECT name FROM appliance_types)
        """
    )
    op.execute(
        """
        INSERT INTO connection_types (name)
        SELECT 'default connection type'
        WHERE NOT EXISTS (SELECT FROM connection_types WHERE name = 'default connection type')
        """
    )
    op.execute(
        """
        INSERT INTO connection_groups (name)
        SELECT 'default connection group'
        WHERE NOT EXISTS (SELECT FROM connection_groups WHERE name = 'default connection group')
        """
    )
    # Without a tariff, as there is none yet: see the model.
    op.execute(
        """
        INSERT INTO sub_connection_types (name, connection_type_id)
        SELECT 'default sub connection type', id FROM connection_types WHERE name = 'default connection type'
        """
    )


def downgrade() -> None:
    op.execute("DELETE FROM sub_connection_types WHERE name = 'default sub connection type'")
    op.execute(
        """
        DELETE FROM connection_groups
        WHERE name = 'default connection group'
        AND NOT EXISTS (SELECT FROM meters WHERE connection_group_id = connection_groups.id)
        AND NOT EXISTS (SELECT FROM sub_targets WHERE connection_id = connection_groups.id)
        """
    )
    op.execute(
        """
        DELETE FROM connection_types
        WHERE name = 'default connection type'
        AND NOT EXISTS (SELECT FROM meters WHERE connection_type_id = connection_types.id)
        AND NOT EXISTS (SELECT FROM sub_connection_types WHERE connection_type_id = connection_types.id)
        """
    )
    op.execute(
        """
        DELETE FROM appliance_types
        WHERE name IN ('Solar Home System', 'E-Bike', 'Electronics', 'Goods')
        AND NOT EXISTS (SELECT FROM appliances WHERE appliance_type_id = appliance_types.id)
        """
    )
    # mpm-ops: ignore downgrade-drops-data: both tables hold one row, which the upgrade brings and a company changes
    op.execute("DELETE FROM map_settings")
    op.execute("DELETE FROM main_settings")
