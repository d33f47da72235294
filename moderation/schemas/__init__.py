"""The JSON that enters and leaves: one schema a direction, unknown keys refused, no queries."""
