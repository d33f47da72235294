"""What is read goes when it no longer counts; what is held is exported, and erased with its reader."""

import json
from datetime import timedelta

import pytest

from moderation.db import db
from moderation.models import MeterAccount, MeteredPost, Site
from tests.engagement import START, access, at, problem, the_worker_comes, travel, url
from tests.meter import (
    DENIED,
    anonymous_access,
    anonymous_view,
    merge,
    new_token,
    posts_of,
    read,
    set_meter,
    view,
    viewed,
)


class TestForgetting:
    def accounts(self, app):
        with app.app_context():
            return [db.session.query(model).count() for model in (MeterAccount, MeteredPost)]

    def test_what_was_read_goes_two_days_after_it_closed(self, client, app):
        set_meter(client, 5)
        with at():
            viewed(client)
        kept = []
        for moment in ("2031-02-01T00:00:01", "2031-02-02T23:59:59", "2031-02-03T00:00:01"):
            with travel(START.fromisoformat(f"{moment}+00:00")):
                the_worker_comes(app)
                kept.append(len(posts_of(client)))

        assert kept == [1, 1, 0]

    def test_a_token_goes_when_nobody_used_it_for_long(self, client, app):
        set_meter(client, 5)
        with at():
            used, merged, unused = (new_token(client) for _ in range(3))
            read(client, used, "1")
            read(client, merged, "1")
            merge(client, merged)
        known = []
        for days in (6.9, 7.1, 99.9, 100.1):
            with travel(START + timedelta(days=days)):
                the_worker_comes(app)
                known.append([
                    client.get(f"/v1/anonymous-readers/{token}/access?post_id=1").status_code
                    for token in (used, merged, unused)
                ])  # fmt: skip

        assert known == [[200, 200, 200], [200, 200, 404], [200, 200, 404], [404, 404, 404]]
        assert self.accounts(app) == [1, 0]

    def test_a_token_that_is_used_stays(self, client, app):
        set_meter(client, 5)
        with at():
            token = new_token(client)
        for days in range(5, 300, 90):
            with at(days=days):
                the_worker_comes(app)
                assert anonymous_view(client, token, f"post-{days}").status_code == 201

    def test_a_registered_reader_is_not_forgotten(self, client, app):
        set_meter(client, 5)
        with at():
            viewed(client)
        with at(days=1_000):
            the_worker_comes(app)

        assert self.accounts(app) == [1, 0]

    def test_the_worker_clears_many_in_batches(self, client, app):
        set_meter(client, 1_000)
        with at():
            site_id = self._many(app, 1_200)
        with at(days=8):
            the_worker_comes(app)

        assert site_id
        assert self.accounts(app) == [0, 0]

    def _many(self, app, count):
        with app.app_context():
            site_id = db.session.query(Site).filter_by(name="demo").one().id
            rows = [{"site_id": site_id, "token_sha256": f"{n:064}", "created_at": START} for n in range(count)]
            db.session.execute(MeterAccount.__table__.insert(), rows)
            db.session.commit()
            return site_id


class TestExportAndErasure:
    @pytest.fixture
    def lived(self, client):
        set_meter(client, 2)
        token = new_token(client)
        read(client, token, "merged-post")
        merge(client, token, "Reader-Erasme")
        view(client, "own-post", "Reader-Erasme", headers={"Idempotency-Key": "k-1"})
        return token

    def test_the_export_holds_what_was_read_and_that_a_token_was_merged(self, client, lived):
        held = client.get(url("/export", "Reader-Erasme")).json

        assert [row["post_id"] for row in held["metered_posts"]] == ["merged-post", "own-post"]
        assert set(held["metered_posts"][0]) == {"section", "post_id", "counted_at", "ends_at", "told"}
        assert len(held["merged_tokens"]) == 1
        assert [row["action"] for row in held["standing_history"]] == ["reader.merged"]
        assert lived not in json.dumps(held)
        assert client.get(url("/export", "nobody")).json["metered_posts"] == []

    @pytest.mark.usefixtures("lived")
    def test_an_erasure_leaves_no_reading_and_nobody(self, client, app):
        assert client.delete(url("", "Reader-Erasme")).status_code == 204

        with app.app_context():
            texts = " ".join(
                str(tuple(row)) for table in db.metadata.sorted_tables for row in db.session.execute(table.select())
            )
        assert [mark for mark in ("Erasme", "merged-post", "own-post") if mark in texts] == []
        held = client.get(url("/export", "Reader-Erasme")).json
        assert not any(value for name, value in held.items() if name not in ("reader_id", "exported_at"))

    def test_after_an_erasure_the_token_stays_used_up_and_the_id_begins_anew(self, client, lived):
        client.delete(url("", "Reader-Erasme"))

        assert anonymous_access(client, lived) == DENIED
        assert problem(merge(client, lived, "Reader-Erasme")) == (409, "anonymous_reader_merged")
        assert access(client, reader="Reader-Erasme")["meter_left"] == 2
        assert view(client, reader="Reader-Erasme").status_code == 201

    @pytest.mark.usefixtures("lived")
    def test_an_erasure_of_another_leaves_this_one(self, client):
        client.delete(url("", "somebody-else"))

        assert posts_of(client, "Reader-Erasme") == ["merged-post", "own-post"]
