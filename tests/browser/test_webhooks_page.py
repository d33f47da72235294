"""The desk's webhook pages in a browser: an endpoint's life without scripts, and pages that everybody can read."""

import json
import re

import pytest
from playwright.sync_api import expect

from moderation import worker
from tests.browser.audit import faults
from tests.receiver import receiving

pytestmark = pytest.mark.browser
PAGE = "/review/demo/webhooks"


@pytest.fixture
def receiver(live, monkeypatch):
    monkeypatch.setitem(live.app.config, "WEBHOOK_ALLOW_PRIVATE", True)
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def desk(live, open_page):
    def sign_in(**settings):
        page = open_page("/review/login", **settings)
        page.get_by_label("E-mail").fill(live.email)
        page.get_by_label("Password").fill(live.password)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/queues/"))
        page.goto(PAGE)
        return page

    return sign_in


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_endpoint_is_added_tested_rotated_disabled_and_deleted(live, desk, receiver, scripts):
    page = desk(java_script_enabled=scripts)

    page.get_by_label("Address").fill(receiver.url)
    page.get_by_role("button", name="Add").click()
    secret = page.locator("#the-secret").inner_text()
    assert secret.startswith("whsec_")

    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("h1")).to_have_text("Delivery")
    worker.drain(live.app)
    page.reload()
    expect(page.locator("main")).to_contain_text("delivered")
    page.get_by_role("link", name="The endpoint").click()

    page.get_by_role("button", name="New secret", exact=True).click()
    expect(page.locator("#the-secret")).not_to_have_text(secret)
    page.get_by_role("button", name="Disable").click()
    expect(page.locator("main")).to_contain_text("It was disabled by hand.")
    page.locator("summary").click()
    page.get_by_role("button", name="Delete the endpoint").click()
    expect(page.locator("#notice")).to_have_text("Deleted, with its secret and its log.")
    assert [json.loads(request["body"])["type"] for request in receiver.requests].count("endpoint.test") == 1


def faults_of(page, heading):
    """Look once the page that was asked for is there, and not at the one before it."""
    expect(page.locator("h1")).to_have_text(heading)
    page.wait_for_load_state()
    return faults(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_pages_can_be_read_by_everybody(live, desk, receiver, scheme, width):
    page = desk(color_scheme=scheme, viewport={"width": width, "height": 844})
    page.get_by_label("Address").fill(receiver.url)
    page.get_by_role("button", name="Add").click()
    found = {"made": faults_of(page, "Webhook")}

    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("h1")).to_have_text("Delivery")
    worker.drain(live.app)
    page.reload()
    for summary in page.locator("main summary").all():
        summary.click()
    found["delivery"] = faults_of(page, "Delivery")
    page.get_by_role("link", name="The endpoint").click()
    expect(page.locator("h1")).to_have_text("Webhook")
    page.locator("main summary").click()
    found["endpoint"] = faults_of(page, "Webhook")
    page.get_by_role("link", name="All endpoints").click()
    found["list"] = faults_of(page, "Webhooks")

    assert found == {"made": [], "delivery": [], "endpoint": [], "list": []}
