"""``python -m moderation.cli``: the same commands without the console script."""

from moderation.cli import main

main()
