from tests.factories import comment


def test_a_polite_comment_is_published(client):
    response = client.post("/v1/comments", json=comment())

    assert response.status_code == 201, response.json
    assert response.json["status"] == "published"
    assert response.json["reasons"] == []
    assert response.headers["ETag"] == '"v1"'
