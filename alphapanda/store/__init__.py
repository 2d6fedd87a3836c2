"""The database: tables, sessions, migrations. It knows no rule of trading."""
