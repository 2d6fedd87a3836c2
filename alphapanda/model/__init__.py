"""The words of the platform: types, instruments, calendar, charges, rows."""
