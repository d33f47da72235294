"""What is wrong at the generic endpoint, although it is signed: a problem document, and nothing is kept."""

import pytest
import time_machine

from tests.engagement import START, left, sell
from tests.generic_events import ADDRESS, followed, paid, post, refunded, set_up
from tests.test_generic_provider import everything, is_refused


@pytest.fixture
def shop(client, app):
    sell(client, "monthly")
    set_up(app)
    with time_machine.travel(START, tick=True):
        yield client


class TestBadInput:
    @pytest.mark.parametrize(
        "body",
        ["", "{", "nothing", "NaN", "[" * 10_000, '{"a":' * 10_000, '{"n": ' + "9" * 5_000],
    )
    def test_what_is_no_json_is_a_problem_document(self, shop, app, body):
        before = everything(app)

        assert is_refused(post(shop, body), "malformed_json")
        assert everything(app) == before

    @pytest.mark.parametrize(
        ("sent", "pointer"),
        [
            ([], "#"), (paid() | {"type": 5}, "#/type"), (paid() | {"type": "A B"}, "#/type"),
            (paid() | {"data": []}, "#/data"),
            (paid() | {"timestamp": "soon"}, "#/timestamp"),
            (paid() | {"timestamp": "2999-01-01T00:00:00Z"}, "#/timestamp"),
            (paid() | {"currency": "EUR"}, "#/currency"), (paid(currency="EUR"), "#/data/currency"),
            (paid(unlocks=-5), "#/data/unlocks"), (paid(unlocks=10**40), "#/data/unlocks"),
            (paid(unlocks="5"), "#/data/unlocks"), (paid(reader_id="u" * 1_000), "#/data/reader_id"),
            (paid(reader_id="u\x00"), "#/data/reader_id"), (paid(reference="r" * 1_000), "#/data/reference"),
            (paid(kind="goodwill"), "#/data/kind"), (refunded(unlocks=0), "#/data/unlocks"),
            (refunded(amount=500), "#/data/amount"), (refunded(refund_reference="r" * 256), "#/data/refund_reference"),
            (followed("quite_new"), "#/data/state"), (followed(paid_until=None), "#/data/paid_until"),
            (followed(paid_until=5), "#/data/paid_until"),
            (followed(period_started_at=None), "#/data/period_started_at"),
            (followed(period_started_at="2040-01-01T00:00:00Z"), "#/data/period_started_at"),
            (followed(subscription=""), "#/data/subscription"), (followed(plan="p" * 101), "#/data/plan"),
        ],
    )  # fmt: skip
    def test_a_wrong_field_is_named_and_nothing_is_kept(self, shop, app, sent, pointer):
        before = everything(app)

        response = post(shop, sent)

        assert is_refused(response, "validation_failed", 422)
        assert [error["pointer"] for error in response.json["errors"]] == [pointer]
        assert everything(app) == before

    def test_a_dry_run_says_what_would_become_of_it(self, shop):
        response = post(shop, paid(), address=f"{ADDRESS}?dry_run=true")

        assert (response.json["outcome"], left(shop)) == ("applied", 0)
