"""How a notice reaches people: a message to a Slack-compatible incoming webhook, or a mail."""

import json

from moderation import mailer, webhook_client
from moderation.mailer import Mailbox
from moderation.services.deliveries import Outcome
from moderation.services.notices import SLACK, Errand

# What SMTP answers where a mail was taken (RFC 5321 4.2.3).
TAKEN = 250


def carry(errand: Errand, box: Mailbox, *, allow_private: bool, deadline_seconds: float) -> Outcome:
    """Send it and return what came of it; ``allow_private`` as for webhooks."""
    if errand.channel == SLACK:
        return _to_slack(errand, allow_private=allow_private, deadline_seconds=deadline_seconds)
    error = mailer.send(box, to=errand.to, subject=errand.title, text=errand.text, id=errand.notice_id)
    return Outcome(TAKEN) if error is None else Outcome(None, error)


def _to_slack(errand: Errand, *, allow_private: bool, deadline_seconds: float) -> Outcome:
    body = json.dumps({"text": _escaped(f"{errand.title} {errand.text}".strip())}, ensure_ascii=False)
    answer = webhook_client.post(
        errand.url, headers={"content-type": "application/json"}, body=body.encode(), allow_private=allow_private,
        deadline_seconds=deadline_seconds,
    )  # fmt: skip
    return Outcome(answer.status, answer.error, answer.retry_after_seconds)


def _escaped(text: str) -> str:
    """As Slack asks: these three characters mark links and mentions there."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
