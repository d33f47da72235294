"""Model versions: `replydesk models`, and the running application that follows."""

import json
import shutil

import pytest
import sqlalchemy as sa

import classifiers
from classifiers import artifact
from classifiers.data import TrainingRow
from classifiers.train import train
from moderation import scoring
from moderation.db import db
from moderation.errors import Conflict
from moderation.models import Audit, Event, ModelVersion
from moderation.services import model_versions


@pytest.fixture(scope="module")
def candidates(tmp_path_factory):
    """Two models that differ a little from the bundled one: directories by name."""
    folder = tmp_path_factory.mktemp("candidates")
    for name, label in (("first", "spam"), ("second", "toxicity")):
        rows = [TrainingRow(f"Purple lanterns number {n}.", {label: 1.0}) for n in range(3)]
        train([], folder / name, extra_rows=rows, base=classifiers.bundled_path())
    return folder


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(scoring, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(scoring, "RETRY_SECONDS", 0.0)


def manifest(path):
    return json.loads((path / "manifest.json").read_text())


def version(path):
    return manifest(path)["version"]


def bundled():
    return version(classifiers.bundled_path())


def run(installation, *words):
    result = installation.run("models", *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def listed(installation):
    return {row["version"]: row["state"] for row in json.loads(run(installation, "list", "--json"))["items"]}


def decides(installation):
    decides.count += 1
    return installation.submit(f"Comment number {decides.count}.")["model_version"]


decides.count = 0


def test_at_first_the_bundled_model_decides(installation):
    assert listed(installation) == {bundled(): "active"}
    assert decides(installation) == bundled()


def test_a_promoted_model_decides_in_the_running_application(installation, candidates):
    decides(installation)

    run(installation, "promote", candidates / "first")

    first = version(candidates / "first")
    assert decides(installation) == first
    assert listed(installation) == {bundled(): "retired", first: "active"}


def test_what_was_promoted_does_not_need_its_source_any_more(installation, candidates, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(candidates / "first", source)
    run(installation, "promote", source)
    shutil.rmtree(source)

    assert decides(installation) == version(candidates / "first")


def test_rollback_returns_step_by_step_to_the_bundled_model(installation, candidates):
    first, second = (version(candidates / name) for name in ("first", "second"))
    run(installation, "promote", candidates / "first")
    run(installation, "promote", candidates / "second")
    versions = [decides(installation)]
    for _ in range(2):
        run(installation, "rollback")
        versions.append(decides(installation))

    assert versions == [second, first, bundled()]


def test_with_nothing_to_go_back_to_a_rollback_says_so(installation):
    result = installation.run("models", "rollback")

    assert result.exit_code == 1
    assert result.stderr == f"replydesk: The bundled model {bundled()} decides; there is nothing to go back to.\n"


def test_a_known_version_and_the_bundled_one_are_promoted_by_name(installation, candidates):
    first = version(candidates / "first")
    run(installation, "promote", candidates / "first")
    run(installation, "promote", bundled())
    versions = [decides(installation)]
    run(installation, "promote", first)

    assert [*versions, decides(installation)] == [bundled(), first]


def test_promoting_what_decides_already_says_so(installation, candidates):
    run(installation, "promote", candidates / "first")

    again = installation.run("models", "promote", candidates / "first")

    assert again.exit_code == 1
    assert "decides already" in again.stderr


def test_an_unknown_version_is_answered_with_a_sentence(installation):
    result = installation.run("models", "promote", "linear-none")

    assert result.exit_code == 1
    assert "There is no model version “linear-none” here" in result.stderr


def test_every_site_is_told_and_the_audit_trail_says_who(installation, candidates):
    installation.add_site("other", installation.app.test_client())

    run(installation, "promote", candidates / "first")
    run(installation, "rollback")

    with installation.app.app_context():
        types = db.session.scalars(sa.select(Event.type).where(Event.type.like("model.%")).order_by(Event.id)).all()
        acts = db.session.execute(
            sa.select(Audit.action, Audit.actor, Audit.subject).where(Audit.action.like("model.%")).order_by(Audit.id)
        ).all()
    assert sorted(types) == ["model.promoted"] * 2 + ["model.rolled_back"] * 2
    assert [tuple(act) for act in acts] == [
        ("model.promoted", "cli", version(candidates / "first")),
        ("model.rolled_back", "cli", bundled()),
    ]


def test_show_prints_the_manifest(installation, candidates):
    run(installation, "promote", candidates / "first")
    first = version(candidates / "first")

    assert json.loads(run(installation, "show", first)) == manifest(candidates / "first")
    assert json.loads(run(installation, "show", bundled()))["version"] == bundled()


def damage(path):
    """Flip one bit of the largest file."""
    file = max(path.iterdir(), key=lambda file: file.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_a_damaged_directory_is_not_promoted(installation, candidates, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(candidates / "first", source)
    damage(source)

    result = installation.run("models", "promote", source)

    assert result.exit_code == 1
    assert "The model cannot be used" in result.stderr
    assert listed(installation) == {bundled(): "active"}
    assert not any((installation.data / "models").glob("*"))


def test_a_model_damaged_after_its_promotion_leaves_the_old_one_deciding(installation, candidates):
    decides(installation)
    run(installation, "promote", candidates / "first")
    damage(installation.data / "models" / version(candidates / "first"))

    deciding = decides(installation)

    ready = installation.client.get("/readyz")
    assert (deciding, ready.status_code) == (bundled(), 200)
    assert ready.json["checks"]["model"]["reason"].endswith(f"The model {bundled()} goes on deciding.")


def test_going_back_from_a_damaged_model_ends_the_remark(installation, candidates):
    decides(installation)
    run(installation, "promote", candidates / "first")
    damage(installation.data / "models" / version(candidates / "first"))
    decides(installation)

    run(installation, "rollback")

    assert decides(installation) == bundled()
    assert installation.client.get("/readyz").json["checks"]["model"] == {"ok": True}


def test_a_copy_that_went_wrong_never_gets_its_name(installation, candidates, monkeypatch):
    monkeypatch.setattr(shutil, "copyfile", lambda source, target: target.write_bytes(source.read_bytes()[:-1]))

    result = installation.run("models", "promote", candidates / "first")

    assert result.exit_code == 1
    assert list((installation.data / "models").iterdir()) == []
    assert listed(installation) == {bundled(): "active"}


def test_rollback_to_a_damaged_model_is_refused_and_nothing_changes(installation, candidates):
    run(installation, "promote", candidates / "first")
    run(installation, "promote", candidates / "second")
    damage(installation.data / "models" / version(candidates / "first"))

    result = installation.run("models", "rollback")

    assert result.exit_code == 1
    assert decides(installation) == version(candidates / "second")


def rewrite(folder, **changes):
    """Change the manifest and vouch for it, as somebody does who knows how."""
    content = json.dumps(manifest(folder) | changes).encode()
    (folder / artifact.MANIFEST).write_bytes(content)
    (folder / artifact.SEAL).write_bytes(artifact.seal_of(content))


def test_the_same_version_with_other_content_is_refused(installation, candidates, tmp_path):
    first = version(candidates / "first")
    run(installation, "promote", candidates / "first")
    run(installation, "rollback")
    other = tmp_path / "other"
    shutil.copytree(candidates / "first", other)
    rewrite(other, note="changed")

    result = installation.run("models", "promote", other)

    assert result.exit_code == 1
    assert f"another model “{first}”" in result.stderr
    assert listed(installation)[first] == "retired"


def test_a_version_that_would_leave_the_folder_is_refused(installation, candidates, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(candidates / "first", other)
    rewrite(other, version="../../escape")

    result = installation.run("models", "promote", other)

    assert result.exit_code == 1
    assert not any(path.name == "escape" for path in tmp_path.rglob("*"))


def test_at_most_one_version_is_active_whoever_promotes(installation):
    with installation.app.app_context():
        session = db.session()
        session.add(ModelVersion(version="a", path="models/a", state="active"))
        session.add(ModelVersion(version="b", path="models/b", state="active"))

        with pytest.raises(Conflict, match="at this very moment"):
            model_versions._flush_alone(session)


def test_a_shadow_model_is_not_in_this_version(installation):
    result = installation.run("models", "shadow", bundled())

    assert result.exit_code == 2
    assert "scores with the active model only" in result.stderr
