"""The model's toxicity on Perspective's scale."""

import json
from itertools import pairwise

import pytest

import classifiers
from classifiers import artifact
from classifiers.two_tiers import alone
from moderation import languages, perspective, scales
from moderation.scales import Scale
from tests.perspective import Caller, request

RISING = {"model_version": "fake-1", "ours": [0, 0.5, 0.9, 1], "theirs": [0, 0.2, 0.6, 1]}


@pytest.fixture
def scale(app, tmp_path, monkeypatch):
    """Write a map into the data folder of the running application."""
    monkeypatch.setitem(app.config, "DATA", str(tmp_path))
    scales.find.cache_clear()

    def write(content, name="fake-1"):
        (tmp_path / "scales").mkdir(exist_ok=True)
        (tmp_path / "scales" / f"{name}.json").write_text(json.dumps(content))

    yield write
    scales.find.cache_clear()


def toxicity(app, site_key, text="You idiot.", name="TOXICITY"):
    body = Caller(app, site_key["demo"])(json=request(text, [name], spanAnnotations=True)).json
    return body["attributeScores"][name]["summaryScore"]["value"]


def test_toxicity_is_given_on_perspectives_scale_where_the_model_has_a_map(app, site_key, scale):
    scale(RISING)

    assert toxicity(app, site_key) == pytest.approx(0.8)
    assert toxicity(app, site_key, name="TOXICITY_FAST") == pytest.approx(0.8)
    assert toxicity(app, site_key, name="INSULT") == pytest.approx(0.01)


def test_the_setting_switches_it_off(app, site_key, scale, monkeypatch):
    scale(RISING)
    monkeypatch.setitem(app.config, "PERSPECTIVE_SCALE", False)

    assert toxicity(app, site_key) == pytest.approx(0.95)


@pytest.mark.parametrize(
    "change",
    [
        {"model_version": "fake-0"}, {"ours": [0, 0.9, 0.5, 1]}, {"theirs": [0, 0.2, 0.2, 1]}, {"ours": [0, 1]},
        {"theirs": [0, 0.2, 0.6, 0.9]}, {"ours": None}, {"ours": ["a", 1, 2, 3]}, {"theirs": [0, 0.1, float("nan"), 1]},
    ],
)  # fmt: skip
def test_a_map_of_another_model_or_one_that_does_not_rise_is_not_used(app, site_key, scale, change, caplog):
    scale(RISING | change)

    assert toxicity(app, site_key) == pytest.approx(0.95)
    assert "does not hold a rising map of the model fake-1" in caplog.text


def test_it_rises_everywhere_and_keeps_the_ends():
    scale = Scale(RISING["ours"], RISING["theirs"])
    mapped = [scale(step / 1000) for step in range(1001)]

    assert (mapped[0], mapped[-1]) == (0.0, pytest.approx(1.0))
    assert all(before < after for before, after in pairwise(mapped))


def test_a_shipped_map_belongs_to_the_bundled_model_and_keeps_the_meaning_of_thresholds(tmp_path):
    version = artifact.read_manifest(classifiers.bundled_path())["version"]
    shipped = [path.stem for path in scales.SHIPPED.glob("*.json")]
    if version not in shipped:
        pytest.skip("the model is newer than the map; run bench/perspective_scale.py FILE --write")

    kept = [json.loads((scales.SHIPPED / f"{name}.json").read_text())["cross_fitted"] for name in shipped]

    # Of two tiers the first has a map of its own, for when it answers alone.
    assert {version} <= set(shipped) <= {version, alone(version)}
    assert all(scales.find(name, tmp_path) is not None for name in shipped)
    assert all(one["mean_absolute_difference"] <= 0.10 for one in kept)
    assert all(abs(share["ratio"] - 1) <= 0.25 for one in kept for share in one["shares"].values())


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "en"), ("42 \U0001f600", "en"), ("You utter clown", "en"), ("Touché! Garçon, the café is closed.", "en"),
        ("Das ist nicht gut und ich bin der Meinung", "de"), ("Это очень плохо", "ru"), ("这是什么", "zh"),
        ("これは何ですか", "ja"), ("eres un idiota y que te den por todo esto", "es"),
    ],
)  # fmt: skip
def test_a_language_is_named_only_where_much_speaks_for_it(text, language):
    assert languages.detect(text) == language


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []), ("One", ["One"]), ("One. Two?! Three", ["One.", "Two?!", "Three"]), ("...", ["..."]),
        ("First line\n\n second (really.) ok", ["First line", "second (really.)", "ok"]),
    ],
)  # fmt: skip
def test_sentences(text, parts):
    assert [text[begin:end] for begin, end in perspective.sentences(text)] == parts


def test_a_text_of_very_many_sentences_has_no_more_parts_than_can_be_scored():
    text = "No. " * 5_000

    parts = perspective.sentences(text)

    assert len(parts) == perspective.MOST_SPANS
    assert parts[-1][1] == len(text.rstrip())
