"""A lake: companies' rows as Parquet files, by company and month, that an export keeps as the databases are."""
