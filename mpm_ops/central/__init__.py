"""The central database `micro_power_manager`."""
