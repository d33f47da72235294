"""What is asked of Stripe itself: the lines of a checkout, with a restricted key of the site's."""

from moderation import stripe, webhook_client
from moderation.services.provider_fetches import Answer, Wanted

HOST = "https://api.stripe.com"
DEADLINE_SECONDS = 5.0
# Tests have their own host on loopback.
ALLOW_PRIVATE = False
_OK = 200


def lines(wanted: Wanted) -> Answer:
    """Fetch them; every failure is an answer that says what failed, and never shows the key."""
    answer = webhook_client.get(
        f"{HOST}/v1/checkout/sessions/{wanted.checkout}/line_items?limit=100",
        headers={"Authorization": f"Bearer {wanted.api_key}", "Accept": "application/json"},
        allow_private=ALLOW_PRIVATE,
        deadline_seconds=DEADLINE_SECONDS,
    )
    if answer.status is None:
        return Answer(None, answer.error)
    if answer.status != _OK:
        return Answer(None, f"It answered {answer.status}; may the key read checkout sessions?")
    try:
        return Answer(stripe.lines(answer.body))
    except (ValueError, RecursionError) as error:
        return Answer(None, f"Its answer cannot be read: {error}."[:200])
