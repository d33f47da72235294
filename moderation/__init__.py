"""Replydesk: scores, decides, queues and remembers readers' replies, and what readers may read."""

__version__ = "0.1.0"
