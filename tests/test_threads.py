from tests.factories import comment


def submit(client, text, **changes):
    return client.post("/v1/comments", json=comment(text, **changes)).json["id"]


def thread(client, query=""):
    return client.get(f"/v1/posts/2041/comments{query}").json["items"]


def test_only_published_comments_show(client):
    submit(client, "A fine bridge.")
    submit(client, "You idiot.")
    submit(client, "That is silly.")

    assert [item["text"] for item in thread(client)] == ["A fine bridge."]


def test_the_public_sees_no_scores_and_no_reasons(client):
    submit(client, "A fine bridge.")

    assert not {"scores", "reasons", "model_version"} & thread(client)[0].keys()


def test_replies_hang_on_their_parents(client):
    first = submit(client, "One.")
    second = submit(client, "Two.", parent_id=first)
    submit(client, "Three.", parent_id=second)
    submit(client, "Four.", parent_id=first)

    [root] = thread(client)

    assert [reply["text"] for reply in root["replies"]] == ["Two.", "Four."]
    assert root["replies"][0]["replies"][0]["text"] == "Three."
    assert [item["text"] for item in thread(client, "?shape=flat")] == ["One.", "Two.", "Three.", "Four."]


def test_a_removed_comment_keeps_its_place_while_replies_hang_on_it(client):
    parent, lonely = submit(client, "Parent."), submit(client, "Lonely.")
    submit(client, "Child.", parent_id=parent)

    for id in (parent, lonely):
        client.delete(f"/v1/comments/{id}")

    [root] = thread(client)
    assert (root["removed"], root["text"], root["reader_id"]) == (True, "", None)
    assert root["replies"][0]["text"] == "Child."


def test_a_long_chain_of_replies_is_printed_no_deeper_than_a_page_can_show(client):
    parent = None
    for n in range(60):
        parent = submit(client, f"Reply number {n}.", parent_id=parent)

    items, depth = thread(client), 0
    while items:
        depth, items = depth + 1, items[0]["replies"]

    assert depth == 21
    assert len(thread(client, "?shape=flat&limit=200")) == 60


def test_pages_of_branches_cover_the_thread_once(client):
    roots = [submit(client, f"Branch number {n}.") for n in range(5)]
    for root in roots:
        submit(client, f"Reply to {root}.", parent_id=root)

    first = client.get("/v1/posts/2041/comments?limit=3").json
    second = client.get(f"/v1/posts/2041/comments?limit=3&cursor={first['next_cursor']}").json

    assert sorted(item["id"] for item in first["items"] + second["items"]) == sorted(roots)
    assert all(len(item["replies"]) == 1 for item in first["items"] + second["items"])
    assert second["next_cursor"] is None


def test_the_etag_holds_until_the_thread_changes(client):
    id = submit(client, "A fine bridge.")
    tag = client.get("/v1/posts/2041/comments").headers["ETag"]

    unchanged = client.get("/v1/posts/2041/comments", headers={"If-None-Match": tag})
    submit(client, "That is silly.")
    pending = client.get("/v1/posts/2041/comments", headers={"If-None-Match": tag})
    client.put(f"/v1/comments/{id}", json={"text": "A very fine bridge."})
    edited = client.get("/v1/posts/2041/comments", headers={"If-None-Match": tag})

    assert [r.status_code for r in (unchanged, pending, edited)] == [304, 304, 200]


def test_another_sites_thread_is_empty(client, other):
    submit(client, "A fine bridge.")

    assert other.get("/v1/posts/2041/comments").json["items"] == []
