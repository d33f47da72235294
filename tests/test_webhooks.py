import json

import pytest

from moderation.db import db
from moderation.models import Event
from moderation.services import outbox, sites
from moderation.services.outbox import EVENT_TYPES
from tests.factories import comment

URL = "https://hooks.example/replydesk"


def create(client, url=URL, **more):
    return client.post("/v1/webhook-endpoints", json={"url": url, **more})


def test_a_new_endpoint_shows_its_secret_this_once(client):
    response = create(client, event_types=["comment.published", "comment.rejected"])

    assert response.status_code == 201, response.json
    assert response.json["id"].startswith("whe_")
    assert response.json["secret"].startswith("whsec_")
    assert response.json["event_types"] == ["comment.published", "comment.rejected"]
    assert "secret" not in client.get("/v1/webhook-endpoints").json["items"][0]


def test_without_event_types_an_endpoint_gets_all(client):
    assert create(client).json["event_types"] == ["*"]


@pytest.mark.parametrize("type", [*EVENT_TYPES, "*"])
def test_each_event_type_can_be_asked_for(client, type):
    assert create(client, event_types=[type]).status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/url"),
        ({"url": None}, "#/url"),
        ({"url": 5}, "#/url"),
        ({"url": ""}, "#/url"),
        ({"url": URL, "event_types": []}, "#/event_types"),
        ({"url": URL, "event_types": "comment.published"}, "#/event_types"),
        ({"url": URL, "event_types": ["comment.exploded"]}, "#/event_types/0"),
        ({"url": URL, "event_types": [None]}, "#/event_types/0"),
        ({"url": URL, "secret": "whsec_mine"}, "#/secret"),
        ({"url": "https://127.0.0.1/"}, "#/url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "#/url"),
        ({"url": "https://2130706433/"}, "#/url"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "#/url"),
        ({"url": "https://localhost/"}, "#/url"),
        ({"url": "https://user:word@hooks.example/"}, "#/url"),
        ({"url": "ftp://hooks.example/"}, "#/url"),
    ],
)
def test_a_wrong_endpoint_is_refused_by_the_field_and_nothing_is_stored(client, body, pointer):
    response = client.post("/v1/webhook-endpoints", json=body)

    assert (response.status_code, response.json["code"]) == (422, "validation_failed")
    assert response.json["errors"][0]["pointer"] == pointer
    assert client.get("/v1/webhook-endpoints").json["items"] == []


def test_plain_http_is_for_development_only(app, client, monkeypatch):
    in_development = create(client, "http://hooks.example/").status_code
    monkeypatch.setitem(app.config, "ENV", "production")

    response = create(client, "http://hooks.example/")

    assert (in_development, response.status_code) == (201, 422)
    assert "https://" in response.json["errors"][0]["detail"]


def test_a_private_address_is_accepted_where_the_operator_allows_it(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", True)

    assert create(client, "http://127.0.0.1:9999/hooks").status_code == 201


def test_endpoints_are_listed_newest_first_page_by_page(client):
    made = [create(client, f"https://hooks.example/{number}").json["id"] for number in range(3)]

    first = client.get("/v1/webhook-endpoints?limit=2").json
    second = client.get(f"/v1/webhook-endpoints?limit=2&cursor={first['next_cursor']}").json

    assert [row["id"] for row in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None


def test_a_deleted_endpoint_is_gone(client):
    id = create(client).json["id"]

    assert client.delete(f"/v1/webhook-endpoints/{id}").status_code == 204
    assert client.get("/v1/webhook-endpoints").json["items"] == []
    assert client.delete(f"/v1/webhook-endpoints/{id}").status_code == 404


def test_a_dry_run_makes_no_endpoint(client):
    response = client.post("/v1/webhook-endpoints?dry_run=true", json={"url": URL})

    assert response.status_code == 201
    assert client.get("/v1/webhook-endpoints").json["items"] == []


def test_a_site_has_at_most_fifty_endpoints(client):
    codes = [create(client, f"https://hooks.example/{number}").status_code for number in range(51)]

    assert codes == [201] * 50 + [409]


def test_another_site_sees_and_touches_neither_endpoints_nor_events(client, other):
    client.post("/v1/comments", json=comment())
    endpoint, event = create(client).json["id"], client.get("/v1/events").json["items"][0]["id"]

    assert other.get("/v1/webhook-endpoints").json["items"] == []
    assert other.get("/v1/events").json["items"] == []
    assert other.delete(f"/v1/webhook-endpoints/{endpoint}").status_code == 404
    assert other.post(f"/v1/events/{event}/replay").status_code == 404


def test_events_are_listed_newest_first_with_their_data(client):
    published = client.post("/v1/comments", json=comment()).json
    rejected = client.post("/v1/comments", json=comment("You idiot.")).json

    items = client.get("/v1/events").json["items"]

    assert [row["type"] for row in items] == ["comment.rejected", "comment.published"]
    assert [row["data"]["id"] for row in items] == [rejected["id"], published["id"]]
    assert set(items[0]) == {"id", "type", "created_at", "data", "deliveries"}
    assert items[0]["id"].startswith("evt_")


def test_events_are_filtered_by_type_and_paged(client):
    for text in ("One.", "You idiot.", "Two.", "Three."):
        client.post("/v1/comments", json=comment(text))

    first = client.get("/v1/events?type=comment.published&limit=2").json
    second = client.get(f"/v1/events?type=comment.published&limit=2&cursor={first['next_cursor']}").json

    assert [row["type"] for row in first["items"] + second["items"]] == ["comment.published"] * 3
    assert second["next_cursor"] is None


@pytest.mark.parametrize("query", ["type=comment.exploded", "limit=0", "limit=201", "cursor=%00", "page=2"])
def test_a_wrong_query_for_events_is_refused(client, query):
    assert client.get(f"/v1/events?{query}").status_code in (400, 422)


def test_an_unknown_event_cannot_be_replayed(client):
    assert client.post("/v1/events/evt_none/replay").status_code == 404


def test_a_key_without_the_scope_admin_gets_nothing(app, client, site_key):
    with app.app_context():
        site = sites.by_name(db.session(), "demo")
        _, key = sites.create_key(db.session(), site, scopes=["comments"], actor="test")
        db.session.commit()
    headers = {"Authorization": f"Bearer {key}"}

    assert client.get("/v1/webhook-endpoints", headers=headers).status_code == 403
    assert client.get("/v1/events", headers=headers).status_code == 403


def test_a_rolled_back_change_leaves_no_event(client):
    client.post("/v1/comments?dry_run=true", json=comment())
    client.post("/v1/comments", json=comment(parent_id="cmt_none"))

    assert client.get("/v1/events").json["items"] == []


def test_an_event_stays_under_twenty_kilobytes_and_says_what_was_left_out(app, client):
    with app.app_context():
        session = db.session()
        site_id = sites.by_name(session, "demo").id
        data = {"id": "cmt_1", "version": 3, "reasons": ["ä" * 500] * 30, "status": "rejected"}

        id = outbox.emit(session, site_id=site_id, type="comment.rejected", data=data)

        body = session.get_one(Event, id).body
    assert len(body.encode()) < 20_000
    assert json.loads(body)["data"] == {"id": "cmt_1", "version": 3, "status": "rejected", "left_out": ["reasons"]}


def test_an_event_of_an_unknown_type_is_a_fault_of_ours(app, site_key):
    with app.app_context(), pytest.raises(ValueError, match=r"comment\.exploded"):
        outbox.emit(db.session(), site_id="site", type="comment.exploded", data={})
