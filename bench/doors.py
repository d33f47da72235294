"""What each door of another protocol costs over our own route that does the same, in one process and in CPU time.

Usage: python bench/doors.py [FILE.csv.gz with a `text` column]

The same texts, one a request, in turns; prints the median of each route and the ratio of the door to ours. Exits with
1 where a ratio is above 1.15. The Akismet door stores what it is asked about, and so does the Coral door where our desk
decides, so they stand beside POST /v1/comments.
"""

import csv
import gzip
import itertools
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
from tests import coral_site
from tests.factories import THRESHOLDS

MOST = 1.15
COUNT = itertools.count()
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


def doors(key, akismet_key):
    """Name of the route -> how it is asked about one text; the last three store it, each its own."""
    bearer = {"Authorization": f"Bearer {key}"}
    reader = {"id": "ana@example.org", "name": "Ana"}
    return {
        "POST /v1/score": lambda client, text: client.post("/v1/score", json={"texts": [text]}, headers=bearer),
        "POST /v1alpha1/comments:analyze": lambda client, text: client.post(
            f"/v1alpha1/comments:analyze?key={key}",
            json={"comment": {"text": text}, "languages": ["en"], "requestedAttributes": {"TOXICITY": {}}},
        ),
        "POST /v1/comments": lambda client, text: client.post(
            "/v1/comments",
            json={"text": f"{text} {next(COUNT)}", "post": {"id": "1"}, "reader": reader},
            headers=bearer,
        ),
        "POST /1.1/comment-check": lambda client, text: client.post(
            "/1.1/comment-check",
            data={"api_key": akismet_key, "blog": "b", "user_ip": "203.0.113.9", "comment_author": "Ana",
                  "comment_author_email": "ana@example.org", "comment_content": f"{text} {next(COUNT)}"},
        ),
        "POST /integrations/coral/bench": lambda client, text: coral_site.send(
            client, coral_site.request_of(f"{text} {next(COUNT)}"), address="/integrations/coral/bench"
        ),
    }  # fmt: skip


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REPLYDESK_DATA"] = folder
        app = create_app()
        with app.app_context():
            Base.metadata.create_all(db.engine)
            site = sites.create(db.session(), name="bench", thresholds=THRESHOLDS, actor="bench")
            key = sites.create_key(db.session(), site, scopes=["score", "comments"], actor="bench")[1]
            akismet_key = sites.create_key(db.session(), site, scopes=["score"], door="akismet", actor="bench")[1]
            db.session.commit()
        coral_site.set_up(app, url="http://127.0.0.1:9", decides="desk", site="bench")
        taken = measure(app.test_client(), doors(key, akismet_key), texts(sys.argv[1:]))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    pairs = [("POST /v1/score", "POST /v1alpha1/comments:analyze"), ("POST /v1/comments", "POST /1.1/comment-check")]
    pairs.append(("POST /v1/comments", "POST /integrations/coral/bench"))
    for ours, door in pairs:
        for name in (ours, door):
            print(f"{name:36}{medians[name] * 1e3:9.3f} ms of CPU{medians[name] / medians[ours]:8.3f}")
    return int(any(medians[door] > MOST * medians[ours] for ours, door in pairs))


def measure(client, routes, sample):
    taken = {name: [] for name in routes}
    for _ in range(ROUNDS):
        for text in sample:
            for name, ask in routes.items():
                began = time.process_time()
                response = ask(client, text)
                taken[name].append(time.process_time() - began)
                assert response.status_code in (200, 201, 204), response.text
    return taken


if __name__ == "__main__":
    sys.exit(main())
