"""The moderators' desk: queues, claims, decisions and the words that tell of them."""
