"""What each door of another protocol costs over POST /v1/score, in one process and in CPU time.

Usage: python bench/doors.py [FILE.csv.gz with a `text` column]

The same texts, one a request, in turns; prints the median of each route and its ratio to /v1/score. Exits with 1
where the ratio of the Perspective door is above 1.15.
"""

import csv
import gzip
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from moderation.app import create_app
from moderation.db import db
from moderation.models import Base
from moderation.services import sites
from tests.factories import THRESHOLDS

MOST = 1.15
ROUNDS, TEXTS = 5, 200
PLAIN = [
    "Good news for everyone who commutes, and for those who walk.",
    "You are an idiot. Nobody asked you, so go away!",
]


def texts(arguments):
    if not arguments:
        return PLAIN * (TEXTS // 2)
    with gzip.open(arguments[0], "rt", encoding="utf-8", newline="") as stream:
        found = [row["text"] for row in csv.DictReader(stream)]
    return [text for text in found if text.isascii() and len(text) < 20_000][:TEXTS]


def doors(key):
    """Name of the route -> how it is asked about one text."""
    bearer = {"Authorization": f"Bearer {key}"}
    return {
        "POST /v1/score": lambda client, text: client.post("/v1/score", json={"texts": [text]}, headers=bearer),
        "POST /v1alpha1/comments:analyze": lambda client, text: client.post(
            f"/v1alpha1/comments:analyze?key={key}",
            json={"comment": {"text": text}, "languages": ["en"], "requestedAttributes": {"TOXICITY": {}}},
        ),
    }


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REPLYDESK_DATA"] = folder
        app = create_app()
        with app.app_context():
            Base.metadata.create_all(db.engine)
            site = sites.create(db.session(), name="bench", thresholds=THRESHOLDS, actor="bench")
            key = sites.create_key(db.session(), site, scopes=["score"], actor="bench")[1]
            db.session.commit()
        taken = measure(app.test_client(), doors(key), texts(sys.argv[1:]))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    base = medians["POST /v1/score"]
    for name, median in medians.items():
        print(f"{name:36}{median * 1e3:9.3f} ms of CPU{median / base:8.3f}")
    return int(medians["POST /v1alpha1/comments:analyze"] > MOST * base)


def measure(client, routes, sample):
    taken = {name: [] for name in routes}
    for _ in range(ROUNDS):
        for text in sample:
            for name, ask in routes.items():
                began = time.process_time()
                response = ask(client, text)
                taken[name].append(time.process_time() - began)
                assert response.status_code == 200, response.text
    return taken


if __name__ == "__main__":
    sys.exit(main())
