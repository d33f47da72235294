"""A Coral as our door sees it: it signs what it asks, and answers its own API as it was recorded."""

import hashlib
import hmac
import json
from pathlib import Path
from urllib.parse import urlsplit

from moderation.db import db
from moderation.services import sites
from moderation.services.coral import accounts

SECRET, HOOK_SECRET, TOKEN = "empsec_example", "whsec_example", "token-of-an-admin"
ADDRESS = "/integrations/coral/demo"
RECORDED = Path(__file__).parent / "recorded"


def set_up(app, *, secrets=(SECRET, HOOK_SECRET), url="", decides="coral", site="demo"):
    with app.app_context():
        session = db.session()
        found = sites.by_name(session, site)
        for secret in secrets:
            accounts.set_secret(session, found, secret, add=True, actor="test")
        if url:
            accounts.set_api(session, found, url=url, token=TOKEN, private=True, plain=True, actor="test")
        accounts.set_decides(session, found, decides, actor="test")
        session.commit()


def request_of(body="Good news for everyone who commutes.", **changes):
    asked = {
        "action": "NEW",
        "comment": {"body": body, "parentID": None},
        "author": {"id": "a1", "role": "COMMENTER"},
        "story": {"id": "s1", "url": "https://news.example/a"},
        "site": {"id": "site1"},
        "tenantID": "t1",
        "tenantDomain": "coral.example",
    }
    return asked | changes


def event_of(type="COMMENT_LEFT_MODERATION_QUEUE", coral_id="c1", **changes):
    told = {
        "id": "e1",
        "type": type,
        "data": {"queue": "PENDING", "commentID": coral_id, "status": "APPROVED", "storyID": "s1", "siteID": "site1"},
        "createdAt": "2026-11-20T10:00:00.000Z",
        "tenantID": "t1",
        "tenantDomain": "coral.example",
    }
    return told | changes


def signature(raw, *secrets):
    return ",".join(f"sha256={hmac.new(s.encode(), raw, hashlib.sha256).hexdigest()}" for s in secrets)


def send(client, asked, *, secret=SECRET, address=ADDRESS, header=None, **more):
    """Send it as Coral does: two spaces of indentation, signed over the very bytes."""
    raw = asked if isinstance(asked, bytes) else json.dumps(asked, indent=2).encode()
    headers = {"X-Coral-Signature": signature(raw, secret) if header is None else header}
    return client.post(address, data=raw, headers=headers, content_type="application/json", **more)


def ask(client, body="Good news for everyone who commutes.", **changes):
    """Ask the phase; None for 204, else what it says."""
    answer = send(client, request_of(body, **changes))
    assert answer.status_code in (200, 204), answer.get_data(as_text=True)
    return answer.json if answer.status_code == 200 else None


def tell(client, **changes):
    """Send a webhook; return whether the comment is worth a look."""
    answer = send(client, event_of(**changes), secret=HOOK_SECRET, address=f"{ADDRESS}/events")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.json["noted"]


def recorded(name):
    return json.loads((RECORDED / f"coral_{name}.json").read_text())


def saying(answer, *, status=200):
    """An answer of Coral's API, for a receiver of tests."""
    raw = json.dumps(answer).encode()

    def respond(handler):
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    return respond


def origin(receiver):
    parts = urlsplit(receiver.url)
    return f"{parts.scheme}://{parts.netloc}"


def a_look(body="You silly person.", **changes):
    """What Coral's API tells of a comment."""
    told = recorded("look")["answer"]
    told["data"]["comment"] |= {"revision": {"id": "r1", "body": body}} | changes
    return told
