"""``make soak`` sets ``SOAK=1``: the same tests, longer and with other random numbers each time."""

import os

SOAK = os.environ.get("SOAK") == "1"
