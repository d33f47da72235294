"""What we do: functions that take a Session first, return models and never commit."""
