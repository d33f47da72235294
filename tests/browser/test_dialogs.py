"""“Are you sure?” in a browser: asked again when it has become old, by keys alone, without scripts, focus and back."""

import pytest
from playwright.sync_api import expect

from tests.browser.audit import faults
from tests.newspaper import LOCKED

pytestmark = pytest.mark.browser
ARTICLE, ELSEWHERE = f"/demo/posts/{LOCKED}", "/demo/posts/2036"
LAST_WORDS = "a fifth one will be hired in September"
CHANGED = "Something has changed since you were asked, so nothing was done."
NARROW = {"width": 390, "height": 844}


def in_another_tab(page, path, button):
    """Answer a question in another tab of the same browser."""
    tab = page.context.new_page()
    tab.goto(path)
    tab.get_by_role("main").get_by_role("button", name=button).click()
    expect(tab.locator("#done")).to_be_visible()
    tab.close()


def subscribed(open_page, plan="reader", **settings):
    page = open_page(f"/demo/account/plans/{plan}", **settings)
    page.get_by_role("button", name="Subscribe").click()
    expect(page.locator("#done")).to_be_visible()
    page.goto("/demo/account")
    return page


class TestAQuestionThatHasBecomeOld:
    def test_is_asked_again_in_the_same_dialog_with_the_figures_of_now(self, open_page):
        page = open_page(ARTICLE)
        page.get_by_role("link", name="Unlock this post").click()
        dialog = page.get_by_role("dialog", name="Are you sure you want to unlock this post?")
        expect(dialog).to_contain_text("Unlock left: 3 → becomes 2")
        in_another_tab(page, f"{ELSEWHERE}/unlock", "Unlock")

        dialog.get_by_role("button", name="Unlock").click()

        expect(dialog.locator("#changed")).to_have_text(f"{CHANGED} Unlock left was 3 and is 2 now.")
        expect(dialog.locator("#changed")).to_be_focused()
        expect(dialog).to_contain_text("Unlock left: 2 → becomes 1")
        expect(page.locator("#left")).to_have_text("Unlock left: 2")
        assert faults(page) == []
        dialog.get_by_role("button", name="Unlock").click()
        expect(page.get_by_text(LAST_WORDS)).to_be_visible()
        expect(page.locator("#left")).to_have_text("Unlock left: 1")

    def test_and_let_be_gives_the_focus_back_and_shows_what_is_left(self, open_page):
        page = open_page(ARTICLE)
        page.get_by_role("link", name="Unlock this post").click()
        in_another_tab(page, f"{ELSEWHERE}/unlock", "Unlock")
        page.get_by_role("dialog").get_by_role("button", name="Unlock").click()
        expect(page.locator("#changed")).to_be_visible()

        page.keyboard.press("Escape")

        expect(page.get_by_role("link", name="Unlock this post")).to_be_focused()
        expect(page.locator(".hc-gate [data-left]")).to_have_text("Unlock left: 2")

    def test_with_the_last_one_gone_it_says_that_none_is_left(self, open_page):
        page = open_page(ARTICLE)
        for post in ("2039", "2036"):
            in_another_tab(page, f"/demo/posts/{post}/unlock", "Unlock")
        page.get_by_role("link", name="Unlock this post").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Unlock left: 1 → becomes 0")
        in_another_tab(page, "/demo/posts/2030/unlock", "Unlock")

        dialog.get_by_role("button", name="Unlock").click()

        expect(page.get_by_role("dialog", name="You have no unlock left")).to_contain_text("Unlock left: 0")
        expect(dialog.locator("#changed")).to_contain_text("Unlock left was 1 and is 0 now.")
        expect(dialog.get_by_role("link", name="See subscriptions")).to_be_visible()

    def test_the_same_post_opened_in_another_tab_is_simply_open(self, open_page):
        page = open_page(ARTICLE)
        page.get_by_role("link", name="Unlock this post").click()
        in_another_tab(page, f"{ARTICLE}/unlock", "Unlock")

        page.get_by_role("dialog").get_by_role("button", name="Unlock").click()

        expect(page.get_by_text(LAST_WORDS)).to_be_visible()
        expect(page.locator("#left")).to_have_text("Unlock left: 2")

    def test_a_subscription_that_was_cancelled_elsewhere_is_said(self, open_page):
        page = subscribed(open_page)
        page.get_by_role("link", name="Pause").click()
        in_another_tab(page, "/demo/account/cancel", "Cancel at period end")

        page.get_by_role("dialog").get_by_role("button", name="Pause").click()

        refused = page.get_by_role("dialog", name="That is not possible now")
        expect(refused).to_contain_text("Your subscription was active and is cancelled now.")

    def test_without_scripts_it_is_a_page_with_the_same_figures(self, open_page):
        page = open_page(f"{ARTICLE}/unlock", java_script_enabled=False)
        in_another_tab(page, f"{ELSEWHERE}/unlock", "Unlock")

        page.get_by_role("button", name="Unlock").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("Are you sure you want to unlock this post?")
        expect(page.get_by_role("alert")).to_have_text(f"{CHANGED} Unlock left was 3 and is 2 now.")
        expect(page.locator("main")).to_contain_text("Unlock left: 2 → becomes 1")
        page.get_by_role("button", name="Unlock").click()
        expect(page.get_by_text(LAST_WORDS)).to_be_visible()


class TestEveryDialog:
    def test_by_keys_alone(self, open_page):
        page = subscribed(open_page)
        page.get_by_role("link", name="Cancel subscription").focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Are you sure you want to cancel your subscription?")
        expect(dialog.get_by_role("link", name="Keep subscription")).to_be_focused()

        page.keyboard.press("Tab")
        expect(dialog.get_by_role("button", name="Cancel at period end")).to_be_focused()
        page.keyboard.press("Enter")

        expect(page.locator("#done")).to_be_focused()
        expect(page.locator("#done")).to_contain_text("Cancelled.")

    @pytest.mark.parametrize(
        ("link", "title"),
        [
            ("Cancel subscription", "Are you sure you want to cancel your subscription?"),
            ("End it now", "Are you sure you want to end your subscription now?"),
            ("Pause", "Pause your subscription?"),
            ("Change to All access", "Change to All access?"),
        ],
    )
    def test_is_named_and_described_and_the_focus_comes_back(self, open_page, link, title):
        page = subscribed(open_page)
        opener = page.get_by_role("link", name=link)
        opener.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name=title)

        expect(dialog.locator("[data-safe]")).to_be_focused()
        expect(dialog).to_have_attribute("aria-describedby", "question-facts")
        expect(dialog.locator("#question-facts")).to_contain_text("Unlock left: 8")
        page.keyboard.press("Escape")

        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(opener).to_be_focused()

    def test_a_pause_is_taken_back_and_a_subscription_ended_at_once(self, open_page):
        page = subscribed(open_page)
        page.get_by_role("link", name="Pause").click()
        page.get_by_role("dialog").get_by_role("button", name="Pause").click()
        expect(page.get_by_text("after that it waits for you")).to_be_visible()
        page.get_by_role("link", name="Go on").click()
        expect(page.get_by_role("dialog", name="Go on with your subscription?")).to_contain_text(
            "The next payment is due"
        )
        page.get_by_role("dialog").get_by_role("button", name="Go on").click()
        expect(page.locator("#done")).to_have_text("Your subscription goes on.")

        page.get_by_role("link", name="End it now").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Unlock left: 8 → becomes 3")
        expect(dialog).to_contain_text("that time does not come back")
        dialog.get_by_role("button", name="End it now").click()

        expect(page.get_by_text("Reader has ended")).to_be_visible()
        expect(page.locator("#left")).to_have_text("Unlock left: 3")

    def test_without_a_connection_it_stays_and_says_so(self, open_page):
        page = open_page(ARTICLE)
        page.get_by_role("link", name="Unlock this post").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        page.context.set_offline(True)
        dialog.get_by_role("button", name="Unlock").click()
        expect(dialog.get_by_role("alert")).to_have_text("No connection. Try again; nothing is done twice.")

        page.context.set_offline(False)
        dialog.get_by_role("button", name="Unlock").click()

        expect(page.get_by_text(LAST_WORDS)).to_be_visible()

    def test_without_scripts_every_question_is_a_page(self, open_page):
        page = subscribed(open_page, java_script_enabled=False)
        page.get_by_role("link", name="Pause").click()
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("link", name="Go on").click()
        page.get_by_role("button", name="Go on").click()
        page.get_by_role("link", name="Cancel subscription").click()
        page.get_by_role("button", name="Cancel at period end").click()
        page.get_by_role("link", name="Keep it after all").click()
        page.get_by_role("button", name="Keep it").click()
        page.get_by_role("link", name="End it now").click()
        page.get_by_role("button", name="End it now").click()

        expect(page.locator("#done")).to_have_text("Your subscription has ended.")

    @pytest.mark.parametrize("colours", ["light", "dark"])
    @pytest.mark.parametrize("narrow", [False, True], ids=["1280", "390"])
    def test_has_no_fault_that_a_program_can_find(self, open_page, colours, narrow):
        page = subscribed(open_page, color_scheme=colours, **({"viewport": NARROW} if narrow else {}))
        page.get_by_text("What happened to it").click()
        found = {"account": faults(page)}
        for link in ("Cancel subscription", "End it now", "Pause", "Change to All access"):
            page.get_by_role("link", name=link).click()
            expect(page.get_by_role("dialog")).to_be_visible()
            found[link] = faults(page)
            page.keyboard.press("Escape")

        assert {where: said for where, said in found.items() if said} == {}
