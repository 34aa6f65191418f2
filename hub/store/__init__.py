"""Every SQL statement of the project, on SQLAlchemy Core. Knows rows and transactions, not rules."""
