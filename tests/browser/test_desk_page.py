"""The review desk in a browser: decided by keys alone, taken back, by two people at once, without scripts."""

import re

import pytest
from playwright.sync_api import expect

from moderation.db import db
from moderation.views.demo.client import KEY_FILE
from tests.browser.audit import faults
from tests.factories import comment

pytestmark = pytest.mark.browser
PENDING = "/review/demo/queues/pending"
NARROW = {"width": 390, "height": 844}


@pytest.fixture
def client(live):
    client = live.app.test_client()
    key = (live.app.config["DATA"], KEY_FILE)
    with open("/".join(key), encoding="ascii") as file:  # noqa: PTH123 -- two strings of a setting
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {file.read().strip()}"
    yield client
    with live.app.app_context():
        db.session.remove()


@pytest.fixture
def desk(live, open_page):
    """Sign in and open the pending queue, in as many browsers as are asked for."""

    def sign_in(**settings):
        page = open_page("/review/login", **settings)
        page.get_by_label("E-mail").fill(live.email)
        page.get_by_label("Password").fill(live.password)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/queues/"))
        page.goto(PENDING)
        return page

    return sign_in


def submit(client, text):
    response = client.post("/v1/comments", json=comment(text, reader={"id": "u-desk", "name": "Dot"}))
    assert response.json["status"] == "pending", response.json
    return response.json["id"]


def status_of(client, id):
    return client.get(f"/v1/comments/{id}").json["status"]


def test_a_reply_is_approved_taken_back_and_rejected_by_keys_alone(client, desk):
    id = submit(client, "That is a silly thing to say about ferries.")
    page = desk()
    page.goto(f"{PENDING}?focus={id}")

    page.keyboard.press("a")
    expect(page.locator("#notice")).to_have_text("Published Dot’s reply.")
    assert status_of(client, id) == "published"

    page.keyboard.press("u")
    expect(page.locator("#notice")).to_have_text("Taken back. It is as it was before.")
    assert status_of(client, id) == "pending"

    page.goto(f"{PENDING}?focus={id}")
    page.keyboard.press("r")
    page.keyboard.press("2")
    expect(page.locator("#notice")).to_contain_text("Rejected Dot’s reply")
    assert status_of(client, id) == "rejected"
    assert client.get(f"/v1/comments/{id}/history").json["items"][-1]["reason"] == "spam"


def test_a_key_that_is_held_down_or_typed_into_the_note_decides_nothing(client, desk):
    id = submit(client, "What a silly pier.")
    page = desk()
    page.goto(f"{PENDING}?focus={id}")

    page.keyboard.press("r")
    page.get_by_label("Note, if words are needed").fill("")
    page.keyboard.type("aura")

    expect(page.get_by_label("Note, if words are needed")).to_have_value("aura")
    assert status_of(client, id) == "pending"


def test_who_comes_second_is_told_kindly_and_overwrites_nothing(client, desk):
    id = submit(client, "A silly timetable, that one.")
    first, second = desk(), desk()
    first.goto(f"{PENDING}?focus={id}")
    second.goto(f"{PENDING}?focus={id}")

    first.keyboard.press("a")
    expect(first.locator("#notice")).to_have_text("Published Dot’s reply.")
    second.keyboard.press("r")
    second.keyboard.press("1")

    expect(second.locator("#notice")).to_contain_text("published it")
    assert status_of(client, id) == "published"


def test_everything_can_be_done_without_scripts(client, desk):
    id = submit(client, "Those are silly rules, all of them.")
    page = desk(java_script_enabled=False)
    page.goto(f"{PENDING}?focus={id}")

    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#notice")).to_contain_text("Published Dot’s reply.")
    assert status_of(client, id) == "published"

    page.get_by_role("button", name="Undo").click()
    assert status_of(client, id) == "pending"


def test_a_readers_markup_is_shown_as_it_was_written(client, desk):
    text = '<img src=x onerror="alert(1)"> silly <script>alert(2)</script> \u202egnihtyna'
    id = submit(client, text)
    page = desk()
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))

    page.goto(f"{PENDING}?focus={id}")

    expect(page.locator("main")).to_contain_text('<img src=x onerror="alert(1)">')
    assert page.locator("main img, main script").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [None, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize(
    "address", [PENDING, "/review/demo/queues/decided", "/review/demo/policy", "/review/demo/webhooks"]
)
def test_the_pages_can_be_read_by_everybody(desk, scheme, viewport, address):
    page = desk(color_scheme=scheme, **({"viewport": viewport} if viewport else {}))

    page.goto(address)

    assert faults(page) == []


def test_goodwill_is_given_by_keys_alone_and_shown_in_the_ledger(client, desk):
    page = desk()
    client.post("/v1/readers/u-kind/grants", json={"unlocks": 2, "kind": "gift"})
    page.goto("/review/demo/readers/u-kind")

    page.get_by_label("How many").focus()
    page.keyboard.type("3")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("What for")).to_be_focused()
    expect(page.get_by_label("What for")).to_have_accessible_description(re.compile("Say why"))
    expect(page.get_by_label("How many")).to_have_value("3")
    page.keyboard.type("The page was down.")
    page.keyboard.press("Enter")

    expect(page.locator("#notice")).to_have_text("Gave 3. Unlock left: 5.")
    expect(page.get_by_role("group", name="Ledger of unlocks")).to_contain_text("Goodwill")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [None, NARROW], ids=["wide", "narrow"])
def test_a_readers_page_can_be_read_by_everybody(client, desk, scheme, viewport):
    client.post("/v1/readers/u-seen/grants", json={"unlocks": 2, "kind": "gift", "expires_at": "2040-01-01T00:00:00Z"})
    client.post("/v1/readers/u-seen/unlocks", json={"post_id": "2042"})
    client.put("/v1/readers/u-seen/subscription", json={"plan": "reader"})
    page = desk(color_scheme=scheme, **({"viewport": viewport} if viewport else {}))
    page.goto("/review/demo/readers/u-seen")
    for folded in ("Posts that are open (1)", "History"):
        page.get_by_text(folded).click()

    assert faults(page) == []
