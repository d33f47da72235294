"""The tag of a reader's account, which changes with everything that a dialog shows; and what is still open."""

from tests.engagement import (
    at,
    configure,
    done,
    dry,
    give,
    overview,
    sell,
    subscribe,
    tag,
    the_worker_comes,
    turn,
    unlock,
    until,
    url,
)


class TestTheTag:
    def test_it_is_the_same_wherever_the_account_is_shown(self, client):
        sell(client, unlocks=5)
        subscribe(client)

        seen = {tag(client), client.get(url("/subscription")).headers["ETag"]}
        seen.add(dry(client, "POST", "/unlocks", post_id="1").headers["ETag"])
        seen.add(dry(client, "POST", "/subscription/cancel").headers["ETag"])

        assert len(seen) == 1

    def test_who_was_never_named_has_one_that_the_first_change_fits(self, client):
        seen = tag(client)
        assert dry(client, "POST", "/grants", unlocks=1, kind="gift").headers["ETag"] == seen

        first = client.post(url("/grants"), json={"unlocks": 1, "kind": "gift"}, headers={"If-Match": seen})

        assert first.status_code == 201
        assert tag(client) != seen

    def test_every_change_makes_another(self, client):
        sell(client)
        sell(client, "five", unlocks=5)
        seen = [tag(client)]
        give(client, 2)
        for method, rest, body in [
            ("POST", "/unlocks", {"post_id": "2041"}),
            ("DELETE", "/unlocks/2041", None),
            ("PUT", "/subscription", {"plan": "monthly"}),
            ("POST", "/subscription/renew", {}),
            ("POST", "/subscription/pause", None),
            ("POST", "/subscription/resume", None),
            ("POST", "/subscription/change", {"plan": "five"}),
            ("POST", "/subscription/cancel", {}),
            ("POST", "/subscription/cancel", {"at": "now"}),
        ]:
            seen.append(tag(client))
            done(client.open(url(rest), method=method, json=body))
        seen.append(tag(client))

        assert len(set(seen)) == len(seen) == 11

    def test_time_makes_another_before_the_worker_writes_and_the_worker_none(self, client, app):
        with at():
            sell(client, unlocks=5, rollover_cap=2, grace_days=3)
            subscribe(client)
            give(client, 1, expires_at=until((2, 1)))
        seen = []
        for days in (0, 1, 28, 31):
            with at(days=days):
                before = tag(client)
                the_worker_comes(app)
                assert tag(client) == before
                seen.append(before)

        assert len(set(seen)) == 4

    def test_an_unlock_that_ends_and_a_pause_whose_paid_time_ends_make_another(self, client, app):
        configure(app, unlock_days=2)
        with at():
            sell(client)
            subscribe(client)
            turn(client, "pause")
            give(client)
            unlock(client)
        seen = []
        for days in (1, 2, 28):
            with at(days=days):
                seen.append(tag(client))

        assert len(set(seen)) == 3

    def test_other_terms_of_the_site_make_another(self, client, app):
        sell(client)
        seen = [tag(client)]
        sell(client, unlocks=3)
        seen.append(tag(client))
        configure(app, unlock_days=30)
        seen.append(tag(client))

        assert len(set(seen)) == 3

    def test_other_readers_and_other_sites_do_not(self, client, other):
        give(client, 2)
        seen = tag(client)

        give(client, 2, reader="u-2")
        give(other, 2)

        assert tag(client) == seen

    def test_reading_does_not(self, client, app):
        give(client, 2)
        seen = tag(client)

        dry(client, "POST", "/unlocks", post_id="2041")
        the_worker_comes(app)

        assert tag(client) == seen


class TestWhatIsStillOpen:
    def test_grants_are_listed_in_the_order_in_which_they_are_spent(self, client):
        with at():
            give(client, 3, kind="gift", reference="g-1")
            give(client, 2, reference="o-1", expires_at=until((2, 1)))
            unlock(client)
            items = client.get(url("/grants")).json["items"]

        assert [(row["kind"], row["reference"], row["unlocks_left"], row["expires_at"]) for row in items] == [
            ("bundle", "o-1", 1, until((2, 1))), ("gift", "g-1", 3, None),
        ]  # fmt: skip

    def test_what_has_run_out_is_gone_and_what_is_carried_on_is_there_before_the_worker_writes(self, client, app):
        with at():
            sell(client, unlocks=5, rollover_cap=2)
            subscribe(client)
            turn(client, "renew")
        with at(days=29):
            before = client.get(url("/grants")).json["items"]
            the_worker_comes(app)
            after = client.get(url("/grants")).json["items"]

        assert [(row["kind"], row["unlocks_left"]) for row in before] == [("rollover", 2), ("plan", 5)]
        assert sorted(row["kind"] for row in after) == ["plan", "rollover"]
        assert sum(row["unlocks_left"] for row in after) == 7

    def test_who_was_never_named_has_none_and_another_site_sees_none(self, client, other):
        give(client, 3)

        assert client.get(url("/grants", "nobody")).json["items"] == []
        assert other.get(url("/grants")).json["items"] == []


def test_the_overview_says_in_which_time_zone_days_are_told(client, app):
    configure(app, time_zone="Asia/Tokyo")

    assert overview(client)["time_zone"] == "Asia/Tokyo"
