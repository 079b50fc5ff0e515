"""What people write: companies, feeds, KPIs, identities, roles, calendars; and the compiled catalogue of it."""
