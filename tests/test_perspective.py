"""The Perspective door: what its clients send and what they read back (protocols.md 1)."""

import json

import pytest

from moderation.db import db
from moderation.services import sites
from tests.perspective import ANALYZE, Caller, is_envelope, request, stored


@pytest.fixture
def door(app, site_key):
    return Caller(app, site_key["demo"])


def test_a_comment_is_scored_in_perspectives_form(door):
    response = door(json=request("You idiot. Nice piece.", ["TOXICITY", "SPAM"], languages=["en"], clientToken="c-17"))

    assert response.status_code == 200
    assert response.content_type == "application/json; charset=UTF-8"
    toxicity = {"value": pytest.approx(0.95), "type": "PROBABILITY"}
    assert response.json["attributeScores"]["TOXICITY"] == {
        "spanScores": [{"begin": 0, "end": 22, "score": toxicity}],
        "summaryScore": toxicity,
    }
    assert set(response.json["attributeScores"]) == {"TOXICITY", "SPAM"}
    assert response.json["languages"] == response.json["detectedLanguages"] == ["en"]
    assert response.json["clientToken"] == "c-17"


def test_with_span_annotations_each_sentence_has_its_score_in_utf16_units(door):
    spans = door(json=request("\U0001f600 Nice piece. You idiot!", spanAnnotations=True)).json
    spans = spans["attributeScores"]["TOXICITY"]["spanScores"]

    assert [(span["begin"], span["end"]) for span in spans] == [(0, 14), (15, 25)]
    assert [span["score"]["value"] for span in spans] == pytest.approx([0.01, 0.95])


def test_what_falls_below_its_threshold_is_left_out_and_nothing_at_all_leaves_the_key_out(door):
    some = {"TOXICITY": {"scoreThreshold": 0.5}, "THREAT": {"scoreThreshold": 0.5}}

    mixed = door(json=request("You idiot.") | {"requestedAttributes": some})
    none = door(json=request("Nice.") | {"requestedAttributes": some})

    assert set(mixed.json["attributeScores"]) == {"TOXICITY"}
    assert set(none.json) == {"languages", "detectedLanguages"}


@pytest.mark.parametrize("address", ["/v1alpha1/comments%3Aanalyze", "/v1alpha1/comments:analyze"])
def test_snake_case_unknown_fields_and_nulls_are_taken_as_protocol_buffers_take_them(door, address):
    body = {
        "comment": {"text": "Nice.", "type": "PLAIN_TEXT", "colour": "red"},
        "requested_attributes": {"TOXICITY": None, "THREAT": {"score_type": "PROBABILITY", "x": 1}},
        "do_not_store": True, "client_token": "t", "languages": None, "newcomer": [1],
        "session_id": "s", "community_id": "c", "context": {"entries": [{"text": "Earlier."}]},
    }  # fmt: skip

    response = door(address, data=json.dumps(body), content_type="text/plain")

    assert response.status_code == 200
    assert set(response.json["attributeScores"]) == {"TOXICITY", "THREAT"}
    assert response.json["clientToken"] == "t"


def test_html_is_scored_without_its_tags_and_offsets_stay_those_of_what_was_sent(door):
    comment = {"text": "<p>Nice.</p> <b>You</b> silly.", "type": "HTML"}
    asked = {"comment": comment, "requestedAttributes": {"INSULT": {}}, "spanAnnotations": True}

    spans = door(json=asked).json["attributeScores"]["INSULT"]["spanScores"]

    assert [comment["text"][span["begin"] : span["end"]] for span in spans] == ["Nice.", "You</b> silly."]


@pytest.mark.parametrize(
    ("change", "message", "kind"),
    [
        ({"comment": {"text": ""}}, "Comment must be non-empty.", "COMMENT_EMPTY"),
        ({"comment": {}}, "Comment must be non-empty.", "COMMENT_EMPTY"),
        ({"comment": {"text": " \n"}}, "Comment must be non-empty.", "COMMENT_EMPTY"),
        ({"comment": {"text": "é" * 10_240 + "a"}}, "Value (20481) exceeded limit (20480).", "COMMENT_TOO_LONG"),
        ({"comment": {"text": "a", "type": "MARKDOWN"}}, "Unknown text type", "INVALID_REQUEST"),
        ({"requestedAttributes": {}}, "Missing requested_attributes", "NO_REQUESTED_ATTRIBUTES"),
        ({"requestedAttributes": {"FOO": {}}}, "Unknown requested attribute: FOO", "INVALID_REQUEST"),
        ({"requestedAttributes": {"FLIRTATION": {}}}, "Unknown requested attribute: FLIRTATION", "INVALID_REQUEST"),
        ({"requestedAttributes": {"TOXICITY": {"scoreType": "STANZA"}}},
         "Requested score type STANZA is not supported by attribute TOXICITY", "INVALID_REQUEST"),
        ({"languages": ["om"]}, "Attribute TOXICITY does not support request languages: om",
         "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE"),
        ({"comment": {"text": "Это очень плохо"}}, "does not support request languages: ru",
         "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE"),
        ({"context": {"entries": [{"text": "a"}], "articleAndParentComment": {"article": {"text": "b"}}}},
         "both fields were populated", "INVALID_REQUEST"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_in_perspectives_words(door, change, message, kind):
    response = door(json=request() | change)

    assert (response.status_code, response.json["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert is_envelope(response)
    assert message in response.json["error"]["message"]
    assert response.json["error"]["details"][0]["errorType"] == kind


def test_a_language_that_is_refused_is_named_in_the_details(door):
    error = door(json=request(languages=["en", "om"])).json["error"]["details"][0]

    assert error["languageNotSupportedByAttributeError"] == {
        "detectedLanguages": ["en"], "requestedLanguages": ["en", "om"], "attribute": "TOXICITY",
    }  # fmt: skip


def test_20480_bytes_are_not_too_long(door):
    assert door(json=request("é" * 10_240)).status_code == 200


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b"[]", b'{"comment": 5}', b'{"comment": {"text": 5}}',
                                  b'{"comment": {"text": "\\ud800"}}', b'{"spanAnnotations": NaN}'])  # fmt: skip
def test_malformed_bodies_get_the_envelope_with_the_field(door, body):
    response = door(data=body)

    assert response.status_code == 400
    assert is_envelope(response)
    assert response.json["error"]["message"].startswith("Invalid JSON payload received.")


def test_a_probe_without_a_body_learns_whether_its_key_is_good(door):
    good, bad = door(), door(key="rdk_wrong")

    assert is_envelope(good)
    assert is_envelope(bad)
    assert good.json["error"]["details"][0].get("reason") != "API_KEY_INVALID"
    assert bad.json["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    assert (bad.status_code, bad.json["error"]["message"]) == (400, "API key not valid. Please pass a valid API key.")


def test_the_key_is_taken_from_either_header_too(door, site_key):
    for headers in ({"X-Goog-Api-Key": site_key["demo"]}, {"Authorization": f"Bearer {site_key['demo']}"}):
        assert door(key=None, headers=headers, json=request()).status_code == 200

    strange = door(key=None, headers={"Authorization": "Bearer ya29.token"}, json=request())
    none = door(key=None, json=request())
    assert (strange.status_code, strange.json["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert (none.status_code, none.json["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert none.json["error"]["message"].startswith("Method doesn't allow unregistered callers")


def test_a_key_of_another_door_or_scope_is_refused(app, door, site_key):
    with app.app_context():
        site = sites.by_name(db.session(), "demo")
        scoped = sites.create_key(db.session(), site, scopes=["readers"], actor="test")[1]
        akismet = sites.create_key(db.session(), site, scopes=["score"], door="akismet", actor="test")[1]
        db.session.commit()

    assert door(key=scoped, json=request()).status_code == 403
    assert door(key=akismet, json=request()).json["error"]["details"][0]["reason"] == "API_KEY_INVALID"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", ANALYZE, 405), ("POST", "/v1alpha1/comments:nothing", 404)]
)
def test_wrong_methods_and_addresses_get_the_envelope(app, site_key, method, path, status):
    response = app.test_client().open(path, method=method, query_string={"key": site_key["demo"]})

    assert response.status_code == status
    assert is_envelope(response)


def test_without_a_model_it_is_unavailable_and_says_when_to_come_back(app, door, monkeypatch):
    monkeypatch.setattr(app.extensions["scoring"], "scores_nothing", True, raising=False)

    response = door(json=request())

    assert (response.status_code, response.json["error"]["status"]) == (503, "UNAVAILABLE")
    assert int(response.headers["Retry-After"]) > 0
    assert is_envelope(response)


def test_analysing_stores_nothing_and_logs_no_text(app, door, caplog):
    before = stored(app)

    door(json=request("A very secret sentence, idiot.", doNotStore=True))
    door(json=request("A very secret sentence, idiot."))

    assert stored(app) == before
    assert "secret" not in caplog.text


def test_an_attribute_that_is_no_attribute_with_any_name_leaves_no_trace_in_headers(door):
    response = door(json=request(attributes=["X\r\nSet-Cookie: a=b"]))

    assert response.status_code == 400
    assert "Set-Cookie" not in response.headers


def test_the_discovery_document_sends_clients_back_to_where_they_found_it(app):
    for path in ("/$discovery/rest", "/%24discovery/rest"):
        document = app.test_client().get(f"{path}?version=v1alpha1&key=x", base_url="https://desk.example:8443").json

        assert document["rootUrl"] == "https://desk.example:8443/"
        assert document["servicePath"] == ""
        methods = document["resources"]["comments"]["methods"]
        assert {m["path"] for m in methods.values()} == {"v1alpha1/comments:analyze", "v1alpha1/comments:suggestscore"}


def test_every_reference_of_the_discovery_document_is_in_it(app):
    document = app.test_client().get("/$discovery/rest").json

    def references(part):
        if isinstance(part, dict):
            return {part["$ref"]} if "$ref" in part else set().union(*map(references, part.values()), set())
        return set().union(*map(references, part), set()) if isinstance(part, list) else set()

    assert references(document) == set(document["schemas"])
    assert is_envelope(app.test_client().get("/$discovery/rest?version=v9"))
