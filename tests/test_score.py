import pytest

from moderation.policy import LABELS


def test_texts_are_scored_in_order_and_nothing_is_stored(client):
    response = client.post("/v1/score", json={"texts": ["You idiot.", "Good news."]})

    assert response.status_code == 200
    assert [item["scores"]["toxicity"] for item in response.json["items"]] == pytest.approx([0.95, 0.01], abs=1e-6)
    assert set(response.json["items"][0]["scores"]) == set(LABELS)
    assert client.get("/v1/comments").json["items"] == []


def test_explain_names_the_words(client):
    item = client.post("/v1/score", json={"texts": ["You idiot."], "explain": True}).json["items"][0]

    assert item["spans"] == [{"start": 4, "end": 9, "label": "toxicity", "weight": 1.0}]


def test_decide_tells_what_the_policy_would_do(client):
    items = client.post("/v1/score", json={"texts": ["That is silly.", ""], "decide": True}).json["items"]

    assert [item["status"] for item in items] == ["pending", "rejected"]
    assert [item["reasons"][0]["code"] for item in items] == ["abuse", "empty"]


def test_a_plain_score_says_nothing_of_a_decision(client):
    item = client.post("/v1/score", json={"texts": ["Good news."]}).json["items"][0]

    assert set(item) == {"scores"}


@pytest.mark.parametrize("body", [{}, {"texts": []}, {"texts": "one"}, {"texts": ["a"] * 1_001}, {"texts": [1]}])
def test_what_cannot_be_scored_names_the_field(client, body):
    response = client.post("/v1/score", json=body)

    assert response.status_code == 422
    assert response.json["errors"][0]["pointer"].startswith("#/texts")
