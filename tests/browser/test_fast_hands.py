"""Decided at once and saved behind: by keys alone, by two people, without a connection, and honestly where it fails."""

import re
from collections import Counter

import pytest
from playwright.sync_api import expect

from moderation.policy import Status
from tests.browser.line import Line

pytestmark = pytest.mark.browser
MOST_MS = 100
LEAST_A_MINUTE = 60
# Of the 200, so many are read for a moment, as by a very fast person; the rest come as quickly as keys can be pressed.
PACED, READ_MS = 40, 100

# From the key to the frame after the next card is in its place.
WATCH = """() => {
  window.__times = [];
  let pressed = 0;
  addEventListener("keydown", (e) => { if (e.key === "a" || e.key === "1") pressed = performance.now(); }, true);
  document.addEventListener("desk:card", () => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => window.__times.push(performance.now() - pressed);
    channel.port2.postMessage(0);
  }));
}"""


def shown(page):
    return page.locator("#stage").get_attribute("data-id")


def all_saved(page):
    expect(page.locator("#saved")).to_have_text("Saved")


def press(page, *keys):
    """Press the keys of one decision and wait for the next card, as a person would see it."""
    before = shown(page)
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_function("id => document.getElementById('stage')?.dataset.id !== id", arg=before)


def p95(times):
    return sorted(times)[int(len(times) * 0.95)]


def test_200_replies_are_decided_by_keys_alone_and_the_next_is_there_at_once(live, open_page):
    line = Line(live, "speed", 201)
    page = line.sign_in(open_page, line.person("Jo"))
    page.evaluate(WATCH)
    begun = page.evaluate("performance.now()")

    for at in range(200):
        press(page, *(("r", "1") if at % 4 == 3 else ("a",)))
        if at < PACED:
            page.wait_for_timeout(READ_MS)
    minutes = (page.evaluate("performance.now()") - begun) / 60_000
    all_saved(page)

    found = Counter(line.statuses().values())
    assert found == {Status.PUBLISHED: 150, Status.REJECTED: 50, Status.PENDING: 1}
    assert len({id for id, _ in line.decisions()}) == len(line.decisions()) == 200
    times = page.evaluate("window.__times")[:PACED]
    assert p95(times) <= MOST_MS, (p95(times), 200 / minutes)
    assert 200 / minutes >= LEAST_A_MINUTE


def test_two_people_on_one_queue_lose_nothing_and_decide_nothing_twice(live, open_page):
    line = Line(live, "pair", 24)
    first, second = (line.sign_in(open_page, line.person(name)) for name in ("Jo", "Sam"))

    for _ in range(40):
        for page in (first, second):
            if page.locator("#stage").count():
                page.keyboard.press("a")
        if not first.locator("#stage").count() and not second.locator("#stage").count():
            break
        first.wait_for_timeout(100)
    all_saved(first)
    all_saved(second)

    decided = line.decisions()
    assert set(line.statuses().values()) == {Status.PUBLISHED}
    assert len(decided) == len({id for id, _ in decided}) == 24
    assert min(Counter(who for _, who in decided).values()) >= 4


def test_what_the_server_refuses_is_said_in_its_words_and_comes_back(live, open_page):
    line = Line(live, "refused", 12)
    page = line.sign_in(open_page, line.person("Jo"))
    page.route("**/decision", lambda route: route.fulfill(
        status=422, content_type="text/html", body="<p id='notice'>That is not one of this site’s reasons.</p>"
    ))  # fmt: skip
    here = shown(page)

    page.keyboard.press("a")

    expect(page.locator("#refused")).to_contain_text("Reader 0: That is not one of this site’s reasons.")
    expect(page.locator("#stage")).to_have_attribute("data-id", here)
    assert line.statuses()[here] is Status.PENDING

    page.unroute("**/decision")
    press(page, "a")
    all_saved(page)
    assert line.statuses()[here] is Status.PUBLISHED


def test_who_comes_second_is_told_and_goes_on(live, open_page):
    line = Line(live, "second", 12)
    first, second = (line.sign_in(open_page, line.person(name)) for name in ("Jo", "Sam"))
    here = shown(first)
    second.goto(f"/review/second/queues/pending?focus={here}")

    press(first, "a")
    all_saved(first)
    press(second, "r", "1")

    expect(second.locator("#refused")).to_contain_text(re.compile("Reader 0: Jo published it .* Yours was not needed"))
    assert line.statuses()[here] is Status.PUBLISHED
    assert shown(second) != here


def test_without_a_connection_decisions_wait_in_order_and_are_saved_once(live, open_page):
    line = Line(live, "offline", 60)
    page = line.sign_in(open_page, line.person("Jo"))
    page.wait_for_load_state("networkidle")
    first = shown(page)
    press(page, "a")
    all_saved(page)

    page.context.set_offline(True)
    for _ in range(4):
        press(page, "a")
    expect(page.locator("#saved")).to_have_text("4 not saved yet")
    assert page.evaluate("!dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    page.keyboard.press("u")
    expect(page.locator("#notice")).to_contain_text("before it was sent")
    expect(page.locator("#saved")).to_have_text("3 not saved yet")
    page.context.set_offline(False)

    all_saved(page)
    decided = [id for id, _ in line.decisions()]
    assert decided == line.ids[:4]
    assert decided[0] == first


def test_an_answer_that_was_lost_on_the_way_decides_nothing_twice(live, open_page):
    line = Line(live, "lost", 30)
    page = line.sign_in(open_page, line.person("Jo"))
    lost = []

    def lose(route):
        if len(lost) < 2:
            lost.append(route.fetch())
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/decision", lose)

    press(page, "a")
    press(page, "r", "2")
    expect(page.locator("#saved")).to_have_text("Saved")

    assert len(lost) == 2
    assert [id for id, _ in line.decisions()] == line.ids[:2]
    expect(page.locator("#refused")).to_be_empty()


def test_what_was_held_is_let_go_on_leaving(live, open_page):
    line = Line(live, "leave", 40)
    page = line.sign_in(open_page, line.person("Jo"))
    with page.expect_response("**/ahead") as answer:
        page.reload()
    answer.value.finished()
    # Cards that are asked for at this very moment would be held after the page has let go of the others.
    page.wait_for_load_state("networkidle")
    assert len(line.claimed()) > 1

    page.goto("/review/leave/queues/decided")

    for _ in range(20):
        page.wait_for_timeout(100)
        if not line.claimed():
            break
    assert line.claimed() == set()
