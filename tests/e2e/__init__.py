"""JupyterLab in a real browser: `make test-e2e`."""
