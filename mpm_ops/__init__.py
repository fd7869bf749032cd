"""One database per company: provision, migrate and query a fleet of MicroPowerManager databases."""
