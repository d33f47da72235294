"""The demo site in a browser: dialogs, replies without a new page, the keyboard; and all of it without scripts."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.audit import faults
from tests.newspaper import CLOSED, FREE, LOCKED, PREMODERATED

pytestmark = pytest.mark.browser
LAST_WORDS = "a fifth one will be hired in September"
ARTICLE = f"/demo/posts/{LOCKED}"
NARROW = {"width": 390, "height": 844}


def write(page, text, name="Ana"):
    page.get_by_label("Your reply").fill(text)
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Post reply").click()


class TestQuestions:
    def test_unlocking_is_asked_in_a_dialog_whose_safe_answer_comes_first(self, open_page):
        page = open_page(ARTICLE)
        page.get_by_role("link", name="Unlock this post").click()
        dialog = page.get_by_role("dialog", name="Are you sure you want to unlock this post?")

        expect(dialog).to_contain_text("Unlock left: 3 → becomes 2")
        expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("link", name="Unlock this post")).to_be_focused()
        expect(page.locator("#left")).to_have_text("Unlock left: 3")

        page.keyboard.press("Enter")
        dialog.get_by_role("button", name="Unlock").click()
        expect(page.get_by_text(LAST_WORDS)).to_be_visible()
        expect(page.locator("#done")).to_be_focused()
        expect(page.locator("#done")).to_contain_text("Unlocked, and it stays yours. Unlock left: 2")

        page.get_by_role("link", name="Give it back").click()
        expect(page.get_by_role("dialog")).to_contain_text("Unlock left: 2 → becomes 3")
        page.get_by_role("dialog").get_by_role("button", name="Give it back").click()
        expect(page.locator("#left")).to_have_text("Unlock left: 3")
        expect(page.get_by_text(LAST_WORDS)).to_have_count(0)

    def test_figures_are_those_of_the_moment_in_which_it_is_asked(self, open_page):
        page = open_page(ARTICLE)
        elsewhere = page.context.new_page()
        elsewhere.goto("/demo/posts/2036/unlock")
        elsewhere.get_by_role("button", name="Unlock").click()
        expect(elsewhere.locator("#left")).to_have_text("Unlock left: 2")

        page.get_by_role("link", name="Unlock this post").click()

        expect(page.get_by_role("dialog")).to_contain_text("Unlock left: 2 → becomes 1")

    def test_a_subscription_begins_and_is_cancelled_and_kept_after_all(self, open_page):
        page = open_page("/demo/account")
        page.get_by_role("link", name="Choose Reader").click()
        expect(page.get_by_role("dialog")).to_contain_text("Unlock left: 3 → becomes 8")
        page.get_by_role("dialog").get_by_role("button", name="Subscribe").click()
        expect(page.locator("#left")).to_have_text("Unlock left: 8")

        page.get_by_role("link", name="Cancel subscription").click()
        dialog = page.get_by_role("dialog", name="Are you sure you want to cancel your subscription?")
        expect(dialog).to_contain_text("You keep Reader until")
        expect(dialog).to_contain_text("Unlock left: 8")
        expect(dialog.get_by_role("link", name="Keep subscription")).to_be_focused()
        dialog.get_by_role("button", name="Cancel at period end").click()
        expect(page.get_by_text("You keep access and your unlocks until")).to_be_visible()

        page.get_by_role("link", name="Keep it after all").click()
        page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
        expect(page.get_by_text("Your subscription goes on.")).to_be_visible()

    def test_a_report_is_asked_in_a_dialog(self, open_page):
        page = open_page(f"/demo/posts/{FREE}")
        page.get_by_role("link", name="Report the reply of Halima").click()
        dialog = page.get_by_role("dialog", name="What is the matter with this reply?")

        expect(dialog.get_by_label("It attacks somebody")).to_be_focused()
        dialog.get_by_label("It is not about the article").check()
        dialog.get_by_role("button", name="Report").click()

        expect(page.get_by_text("Thank you. A person will look at that reply.")).to_be_visible()


class TestReplies:
    def test_the_nudge_and_the_reply_come_without_a_new_page(self, open_page):
        page = open_page(f"/demo/posts/{FREE}")
        page.evaluate("window.stayed = true")
        write(page, "That is silly.")
        expect(page.get_by_role("group", name="This may be read as an insult")).to_be_focused()
        expect(page.locator("#say")).to_have_text("This may be read as an insult")

        page.get_by_role("button", name="Edit", exact=True).click()
        expect(page.get_by_label("Your reply")).to_be_focused()
        expect(page.get_by_label("Your reply")).to_have_value("That is silly.")
        page.get_by_role("button", name="Post reply").click()
        page.get_by_role("button", name="Post anyway").click()

        mine = page.locator(".hc-reply[data-new]")
        expect(mine).to_be_focused()
        expect(mine).to_contain_text("Waiting for review")
        expect(page.locator("#say")).to_have_text("Your reply is in. It waits for review; until then only you see it.")
        expect(page.get_by_label("Your reply")).to_have_value("")
        expect(page).to_have_url(re.compile("posted=cmt_"))
        assert page.evaluate("window.stayed") is True

    def test_a_reply_to_a_reply_keeps_what_was_typed(self, open_page):
        page = open_page(f"/demo/posts/{FREE}")
        page.get_by_label("Your reply").fill("Half a thought")
        page.get_by_role("button", name="Reply to Halima").click()

        expect(page.locator(".hc-parent")).to_contain_text("In reply to Halima")
        expect(page.get_by_label("Your reply")).to_have_value("Half a thought")
        expect(page.get_by_label("Your reply")).to_be_focused()
        write(page, "Half a thought, and the other half.")

        expect(page.locator(".hc-reply ol .hc-reply[data-new]")).to_contain_text("Half a thought, and the other half.")

    def test_the_enter_key_posts_the_reply_and_answers_nobody(self, open_page):
        page = open_page(f"/demo/posts/{FREE}")
        page.get_by_label("Your reply").fill("Sent by the Enter key.")
        page.get_by_label("Name").fill("Ana")
        page.keyboard.press("Enter")

        expect(page.locator(".hc-thread > .hc-reply[data-new]")).to_contain_text("Sent by the Enter key.")

    def test_the_first_field_that_does_not_fit_gets_the_focus(self, open_page):
        page = open_page(f"/demo/posts/{FREE}")
        write(page, "Fine words.", name=" ")

        expect(page.get_by_label("Name")).to_be_focused()
        expect(page.get_by_label("Name")).to_have_accessible_description("Please give a name. It can be a made-up one.")
        expect(page.get_by_label("Your reply")).to_have_value("Fine words.")

    def test_without_a_connection_nothing_is_lost(self, open_page):
        page = open_page(f"/demo/posts/{FREE}")
        page.context.set_offline(True)
        write(page, "Written in a tunnel.")

        expect(page.locator("#trouble")).to_contain_text("No connection. Nothing was posted")
        page.context.set_offline(False)
        page.get_by_role("button", name="Post reply").click()
        expect(page.locator(".hc-reply[data-new]")).to_contain_text("Written in a tunnel.")

    def test_what_a_reader_writes_is_text(self, open_page):
        page = open_page(f"/demo/posts/{FREE}")
        page.on("dialog", lambda _: pytest.fail("a script of a reader ran"))
        hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>"
        write(page, hostile, name="<i>Ana</i>")

        expect(page.locator(".hc-reply[data-new] .hc-say")).to_have_text(hostile)
        expect(page.locator(".hc-say img, .hc-say script, .hc-by i")).to_have_count(0)

    def test_another_browser_sees_nothing_of_what_waits(self, open_page):
        mine = open_page(f"/demo/posts/{FREE}")
        write(mine, "A silly thing for one pair of eyes.")
        mine.get_by_role("button", name="Post anyway").click()
        expect(mine.get_by_text("A silly thing for one pair of eyes.")).to_be_visible()

        other = open_page(f"/demo/posts/{FREE}")

        expect(other.get_by_text("A silly thing for one pair of eyes.")).to_have_count(0)


class TestWithoutScripts:
    def test_unlocking_and_its_question_are_pages(self, open_page):
        page = open_page(ARTICLE, java_script_enabled=False)
        page.get_by_role("link", name="Unlock this post").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Are you sure you want to unlock this post?")
        expect(page.locator("main")).to_contain_text("Unlock left: 3 → becomes 2")

        page.get_by_role("button", name="Unlock").click()

        expect(page.get_by_text(LAST_WORDS)).to_be_visible()

    def test_a_reply_with_its_nudge_a_rejection_and_an_appeal(self, open_page):
        page = open_page(f"/demo/posts/{FREE}", java_script_enabled=False)
        write(page, "What an idiot.")
        expect(page.get_by_role("heading", name="This may be read as an insult")).to_be_visible()
        expect(page.get_by_label("Your reply")).to_have_value("What an idiot.")
        page.get_by_role("button", name="Post anyway").click()
        expect(page.get_by_text("It was read as an insult.")).to_be_visible()

        page.get_by_text("Ask for another look").click()
        page.get_by_label("What should we know?").fill("It was a quote.")
        page.get_by_role("button", name="Send").click()

        expect(page.get_by_text("You asked for another look.")).to_be_visible()

    def test_edit_and_take_back(self, open_page):
        page = open_page(f"/demo/posts/{FREE}", java_script_enabled=False)
        write(page, "Fine words, at first.")
        page.get_by_role("link", name="Edit your reply").click()
        page.get_by_role("textbox", name="Your reply").fill("Fine words, at last.")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Fine words, at last.")).to_be_visible()

        page.get_by_role("link", name="Take it back").click()
        page.get_by_role("button", name="Take it back").click()

        expect(page.get_by_text("Your reply is taken down.")).to_be_visible()
        expect(page.get_by_text("Fine words, at last.")).to_have_count(0)


class TestForEverybody:
    @pytest.mark.parametrize("colours", ["light", "dark"])
    @pytest.mark.parametrize("narrow", [False, True], ids=["1280", "390"])
    def test_no_page_has_a_fault_that_a_program_can_find(self, open_page, colours, narrow):
        page = open_page("/demo/", color_scheme=colours, **({"viewport": NARROW} if narrow else {}))
        found = {}
        posts = [f"/demo/posts/{id}" for id in (LOCKED, FREE, PREMODERATED, CLOSED)]
        pages = (
            "/demo/",
            *posts,
            f"{ARTICLE}/unlock",
            "/demo/account",
            "/demo/account/plans/reader",
            "/demo/how",
            "/demo/x",
        )
        for path in pages:
            page.goto(path)
            found[path] = faults(page)

        assert {path: said for path, said in found.items() if said} == {}

    @pytest.mark.parametrize("colours", ["light", "dark"])
    def test_nor_has_one_in_the_middle_of_things(self, open_page, colours):
        page = open_page(f"/demo/posts/{FREE}", color_scheme=colours, viewport=NARROW)
        write(page, "What an idiot.", name=" ")
        expect(page.locator("#name-wrong")).to_be_visible()
        wrong = faults(page)
        write(page, "What an idiot.")
        expect(page.locator("#nudge")).to_be_visible()
        nudged = faults(page)
        page.get_by_role("button", name="Post anyway").click()
        page.get_by_text("Ask for another look").click()
        rejected = faults(page)
        page.get_by_role("link", name="Take it back").first.click()
        expect(page.get_by_role("dialog")).to_be_visible()

        assert (wrong, nudged, rejected, faults(page)) == ([], [], [], [])

    def test_the_auditor_finds_planted_faults(self, open_page):
        page = open_page("/demo/how")
        page.evaluate("""() => {
          const plant = document.createElement("div");
          plant.innerHTML = "<input id=main><h4>x</h4><button></button><p>pale</p>";
          plant.lastChild.style.color = "#999";
          document.querySelector("main").append(plant);
        }""")

        said = " ".join(faults(page))

        for fault in ("no label", "id twice: main", "heading skips", "no name", "contrast 2"):
            assert fault in said

    def test_the_first_stop_of_the_tab_key_leads_to_the_article(self, open_page):
        page = open_page(ARTICLE)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the article")).to_be_focused()

        page.keyboard.press("Enter")

        expect(page.locator("main")).to_be_focused()

    def test_dark_is_remembered_and_written_by_the_server(self, open_page):
        page = open_page(ARTICLE)
        page.get_by_role("button", name="Change to dark colours").click()

        expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        assert page.url.endswith(ARTICLE)

    def test_a_page_with_its_style_and_scripts_is_light(self, open_page):
        page = open_page("/demo/how")
        sizes = []
        page.on("response", lambda answer: sizes.append(len(answer.body())))
        page.goto(f"/demo/posts/{FREE}", wait_until="networkidle")

        assert 0 < sum(sizes) < 150_000
