"""The demo news site: each question tells the truth, and an answer to an older one is asked again."""

import re

import pytest
import time_machine

from moderation.views.demo import asking, paper
from tests.engagement import START, at, configure, done, travel
from tests.newspaper import FREE, LOCKED


def path(browser, rest=""):
    return f"/v1/readers/{browser.reader_id}{rest}"


def answer(browser, address, **changes):
    """Ask, and send the form of the question as a browser would."""
    browser.get(address)
    return send(browser, address, **changes)


def send(browser, address, **changes):
    names = ("seen", "seen_left", "seen_state", "seen_plan")
    return browser.post(address, **({name: browser.field(name) for name in names} | changes))


class TestAnOlderQuestion:
    def test_is_asked_again_and_nothing_is_done(self, ana, client):
        address = f"/posts/{LOCKED}/unlock"
        ana.get(address)
        done(client.post(path(ana, "/unlocks"), json={"post_id": "2036"}))

        response = send(ana, address)

        assert response.status_code == 412
        assert "so nothing was done. Unlock left was 3 and is 2 now." in ana.words
        assert "Unlock left: 2 → becomes 1" in ana.words
        assert client.get(path(ana)).json["unlock_left"] == 2
        assert send(ana, address).status_code == 200
        assert client.get(path(ana)).json["unlock_left"] == 1

    def test_of_a_price_list_that_is_no_longer_true_is_asked_again(self, ana, client):
        ana.get("/account/plans/reader")
        done(client.put("/v1/plans/reader", json={"period": "month", "unlocks": 9}))

        response = send(ana, "/account/plans/reader")

        assert response.status_code == 412
        assert "Unlock left: 3 → becomes 12" in ana.words

    @pytest.mark.parametrize("seen", ["garbage", '"a"\r\nX: y', '"x", *', "*", 'W/"1"', "\u20ac", '"' * 99])
    def test_and_what_was_written_by_hand_is_one(self, ana, client, seen):
        response = answer(ana, f"/posts/{LOCKED}/unlock", seen=seen, seen_left="x" * 5000, seen_state="?")

        assert response.status_code == 412
        assert "Unlock left was another number and is 3 now." in ana.words
        assert client.get(path(ana)).json["unlock_left"] == 3

    def test_whose_trial_has_run_out_meanwhile_is_said(self, ana):
        with travel():
            answer(ana, "/account/plans/all-access")
        with at(days=7, hours=-1):
            ana.get("/account/cancel")
        with at(days=7):
            response = send(ana, "/account/cancel")

        assert response.status_code == 412
        assert "Your subscription was in its free days and is waiting for a payment now." in ana.words
        assert "All access ends at once. Nothing more is charged." in ana.words
        assert "End it now" in ana.words

    def test_what_changed_is_named(self):
        sent = {"seen_left": "2", "seen_state": "active", "seen_plan": "reader"}
        same = {"unlock_left": 2, "state": "active", "plan": "reader"}

        def said(**changes):
            sentence = "Something has changed since you were asked, so nothing was done."
            return asking.what_changed(sent, same | changes).removeprefix(sentence).strip()

        assert said() == ""
        assert said(plan="all-access") == "You are on another plan now."
        assert said(state="canceling") == "Your subscription was active and is cancelled now."
        assert said(unlock_left=0) == "Unlock left was 2 and is 0 now."


class TestTheTruth:
    def test_days_are_those_of_the_sites_time_zone(self, ana, app):
        configure(app, time_zone="Asia/Tokyo")
        with time_machine.travel(START.replace(hour=20), tick=False):
            ana.get("/account/plans/reader")
            ana.post("/account/plans/reader")
            ana.get("/account/cancel")

        assert "You keep Reader until 1 March 2031 ." in ana.words

    def test_nothing_is_charged_after_free_days_that_are_cancelled(self, ana):
        ana.get("/account/plans/all-access")
        ana.post("/account/plans/all-access")

        ana.get("/account/cancel")

        assert "Your free days are not followed by a payment: nothing is charged." in ana.words

    def test_free_days_are_promised_once(self, ana):
        ana.get("/account/plans/all-access")
        first = ana.words
        answer(ana, "/account/plans/reader")
        ana.get("/account/plans/all-access")

        assert "It is free until" in first
        assert "there are none this time" not in first
        assert "Free days are for a first subscription, so there are none this time." in ana.words
        assert "It is free until" not in ana.words

    def test_ending_it_now_says_what_is_lost(self, ana):
        with travel():
            ana.get("/account/plans/reader")
            ana.post("/account/plans/reader")
            ana.get("/account/cancel?at=now")

        assert "Reader ends at once, and its unlocks with it." in ana.words
        assert "It is paid until 28 February 2031 , and that time does not come back." in ana.words
        assert "Unlock left: 8 → becomes 3" in ana.words

    def test_giving_back_an_unlock_that_has_run_out_says_that_it_is_gone(self, ana, client):
        with travel():
            ends = START.replace(hour=12).isoformat()
            done(client.post(path(ana, "/grants"), json={"unlocks": 1, "kind": "gift", "expires_at": ends}))
            answer(ana, f"/posts/{LOCKED}/unlock")
        with time_machine.travel(START.replace(hour=13), tick=False):
            ana.get(f"/posts/{LOCKED}/unlock/return")

        assert "The unlock has run out in the meantime, so it does not come back." in ana.words

    def test_a_post_that_is_not_unlocked_cannot_be_given_back(self, ana):
        assert ana.get(f"/posts/{LOCKED}/unlock/return").status_code == 404

    def test_the_account_tells_what_runs_out_when_and_what_happened(self, ana):
        with travel():
            answer(ana, "/account/plans/reader")
            answer(ana, "/account/pause")
            ana.get("/account")

        assert re.search(r"5 from your plan, until 28 February 2031 3 a gift, without end", ana.words)
        assert re.search(r"Paused 31 January 2031 28 February 2031 Began Reader 31 January 2031", ana.words)
        assert "Paid until 28 February 2031 ; after that it waits for you." in ana.words

    def test_a_long_ledger_shows_its_newest_rows(self, ana, client):
        for number in range(205):
            done(client.post(path(ana, "/grants"), json={"unlocks": 1, "kind": "gift", "reference": f"g-{number}"}))

        ana.get("/account")

        assert ana.page.count('<td class="num">+1</td>') == 200
        assert "A welcome gift" not in ana.words


class TestFreePosts:
    def test_are_counted_as_they_are_read_once_each(self, ana, client):
        first, second, third = [article.id for article in paper.articles().values() if not article.free][:3]
        done(client.put("/v1/meter", json={"window": "month", "posts": 2}))
        said = []
        for id in (first, first, second, third):
            ana.get(f"/posts/{id}")
            said.append(re.search(r"(This is one of your free posts\. )?(\d) free posts? left\.", ana.words)[0])

        assert said == [
            "This is one of your free posts. 1 free post left.",
            "This is one of your free posts. 1 free post left.",
            "This is one of your free posts. 0 free posts left.",
            "0 free posts left.",
        ]
        assert "Unlock" in ana.words

    def test_a_post_that_is_open_anyhow_spends_none(self, ana, client):
        done(client.put("/v1/meter", json={"window": "month", "posts": 2}))
        ana.get(f"/posts/{FREE}")

        assert client.get(path(ana, f"/access?post_id={LOCKED}")).json["meter_left"] == 2

    def test_are_not_spoken_of_where_there_are_none(self, ana):
        ana.get(f"/posts/{LOCKED}")

        assert "free post" not in ana.words
