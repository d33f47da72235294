from urllib.parse import quote

import pytest

from tests.engagement import problem
from tests.factories import comment

POST = {
    "id": "2041", "title": "Bridge reopens", "url": "https://news.example/2041", "free": True,
    "comments": "premoderated", "section": "city", "tags": ["bridges"],
}  # fmt: skip


def test_a_post_comes_back_as_it_was_sent(client):
    response = client.put("/v1/posts/2041", json=POST)

    assert (response.status_code, response.json) == (201, POST)
    assert client.get("/v1/posts/2041").json == POST


def test_what_is_not_sent_stays_as_it_is(client):
    client.put("/v1/posts/2041", json=POST)

    changed = client.put("/v1/posts/2041", json={"free": False})

    assert (changed.status_code, changed.json) == (200, POST | {"free": False})


def test_a_comment_makes_its_post_which_is_neither_free_nor_closed(client):
    client.post("/v1/comments", json=comment(post={"id": "9", "title": "Rain"}))

    made = client.get("/v1/posts/9").json

    assert made == {
        "id": "9", "title": "Rain", "url": "", "free": False, "comments": "open", "section": "", "tags": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "status"), [("open", "published"), ("premoderated", "pending"), ("closed", "rejected")]
)
def test_the_comment_mode_decides_what_becomes_of_comments(client, mode, status):
    client.put("/v1/posts/2041", json={"comments": mode})

    assert client.post("/v1/comments", json=comment()).json["status"] == status


def test_a_post_that_was_never_named_is_not_there(client, other):
    client.put("/v1/posts/2041", json={})

    assert problem(client.get("/v1/posts/none")) == (404, "not_found")
    assert problem(other.get("/v1/posts/2041")) == (404, "not_found")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"id": "2042"}, "#/id"),
        ({"id": 2041}, "#/id"),
        ({"title": "t" * 501}, "#/title"),
        ({"title": None}, "#/title"),
        ({"url": "u" * 2_001}, "#/url"),
        ({"free": "yes"}, "#/free"),
        ({"free": 1.5}, "#/free"),
        ({"free": None}, "#/free"),
        ({"comments": "shut"}, "#/comments"),
        ({"comments": ["open"]}, "#/comments"),
        ({"section": "s\x00"}, "#/section"),
        ({"tags": "bridges"}, "#/tags"),
        ({"tags": [""]}, "#/tags/0"),
        ({"tags": ["t"] * 51}, "#/tags"),
        ({"colour": "red"}, "#/colour"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(client, changes, pointer):
    response = client.put("/v1/posts/2041", json=POST | changes)

    assert problem(response) == (422, "validation_failed")
    assert [error["pointer"] for error in response.json["errors"]] == [pointer]
    assert client.get("/v1/posts/2041").status_code == 404


def test_a_dry_run_changes_nothing(client):
    answer = client.put("/v1/posts/2041?dry_run=true", json=POST)

    assert (answer.status_code, answer.json) == (201, POST)
    assert client.get("/v1/posts/2041").status_code == 404


# All but those that end in /comments, which is the address of a thread.
ADDRESSES = [
    "https://news.example/a//b/",
    "/2020/first/",
    "a/comments/b",
    "/",
    "//",
    "a b%2Fc?d#e",
    "\U0001f600/\u00e9",
]


def test_the_thread_takes_no_other_method_for_a_post_of_that_name(client):
    answer = client.put("/v1/posts/2041/comments", json={"title": "No post is called so"})

    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, {"GET", "HEAD", "OPTIONS"})


@pytest.mark.parametrize("id", ADDRESSES)
def test_a_post_may_be_named_by_an_address_with_all_its_slashes(client, id):
    address = f"/v1/posts/{quote(id, safe='')}"
    put = client.put(address, json={"title": "Bridge reopens"})
    posted = client.post("/v1/comments", json=comment("Good news.", post={"id": id}))

    assert (put.status_code, posted.status_code) == (201, 201)
    assert client.get(address).json["id"] == id
    assert [found["id"] for found in client.get(f"{address}/comments").json["items"]] == [posted.json["id"]]
    assert (
        client.post("/v1/readers/u-77/grants", json={"unlocks": 1, "kind": "gift", "reference": "g"}).status_code == 201
    )
    assert client.post("/v1/readers/u-77/unlocks", json={"post_id": id}).status_code == 201
    assert client.delete(f"/v1/readers/u-77/unlocks/{quote(id, safe='')}").status_code == 200
