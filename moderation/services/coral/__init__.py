"""Coral: the site's installation, answers to its moderation phase, and the way back of decisions."""
