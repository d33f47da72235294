"""An import that is run again, killed, tried, or comes in an order that nobody expects."""

import subprocess
import sys
import time

import pytest
import sqlalchemy as sa

from moderation.cli import moving_in
from moderation.db import db
from moderation.models import Comment, Decision
from moderation.services import facts
from moderation.services.moving import store
from tests.moving import is_sound, json_lines, report, row, stored


@pytest.fixture
def file(tmp_path):
    return lambda *rows: json_lines(tmp_path / "comments.jsonl", *rows)


def count(installation, model):
    with installation.app.app_context():
        return db.session.scalar(sa.select(sa.func.count()).select_from(model))


def test_a_second_run_stores_nothing_twice(installation, file):
    path = file(row(), row(external_id="a2", parent_external_id="a1"))
    report(installation, "jsonl", path)
    before = stored(installation)

    told = report(installation, "jsonl", path)

    assert (told["stored"], told["there"], told["wrong"]) == (0, 2, 0)
    assert stored(installation) == before
    assert count(installation, Decision) == 2


def test_a_run_that_was_killed_is_simply_begun_again(installation, file, monkeypatch):
    monkeypatch.setattr(moving_in, "BATCH", 10)
    rows = [row(external_id=f"a{n}", parent_external_id=f"a{n + 15}" if n < 15 else None) for n in range(40)]
    path, whole = file(*rows), {made["external_id"]: made for made in rows}
    keep = moving_in._Import._keep
    done = []

    def killed(self):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(keep(self))

    monkeypatch.setattr(moving_in._Import, "_keep", killed)
    installation.run("import", "jsonl", path)
    half = stored(installation)
    monkeypatch.setattr(moving_in._Import, "_keep", keep)

    told = report(installation, "jsonl", path)

    assert len(half) == 20
    assert (told["stored"], told["there"], told["threads"]["reattached"]) == (20, 20, 15)
    assert stored(installation) == whole
    assert is_sound(installation)


def test_a_dry_run_tells_the_same_and_changes_nothing(installation, file):
    report(installation, "jsonl", file(row(external_id="old")))
    path = file(
        row(external_id="old"), row(external_id="a1", parent_external_id="a2"), row(external_id="a2"), row(text="")
    )

    tried = report(installation, "jsonl", path, "--dry-run")
    untouched = stored(installation)
    done = report(installation, "jsonl", path)

    assert tried.pop("dry_run")
    assert not done.pop("dry_run")
    assert set(untouched) == {"old"}
    assert tried == done
    assert (done["stored"], done["there"], done["threads"]["reattached"]) == (2, 1, 1)


def test_a_parent_that_comes_later_is_found_with_its_whole_branch(installation, file):
    report(
        installation,
        "jsonl",
        file(
            row(external_id="leaf", parent_external_id="twig"),
            row(external_id="bud", parent_external_id="leaf"),
            row(external_id="twig", parent_external_id="tree"),
            row(external_id="tree"),
        ),
    )

    with installation.app.app_context():
        found = {c.external_id: c for c in db.session.scalars(sa.select(Comment))}
    assert {id: c.depth for id, c in found.items()} == {"tree": 0, "twig": 1, "leaf": 2, "bud": 3}
    assert {c.root_id for c in found.values()} == {found["tree"].id}
    assert is_sound(installation)


def test_parents_that_are_missing_elsewhere_or_in_a_circle_leave_their_replies_at_the_top(installation, file):
    told = report(
        installation,
        "jsonl",
        file(
            row(external_id="orphan", parent_external_id="nobody"),
            row(external_id="stray", parent_external_id="there"),
            row(external_id="there", post_external_id="another"),
            row(external_id="egg", parent_external_id="hen"),
            row(external_id="hen", parent_external_id="egg"),
            row(external_id="self", parent_external_id="self"),
        ),
    )

    parents = {id: found.get("parent_external_id") for id, found in stored(installation).items()}
    assert told["threads"] == {"reattached": 0, "parent_missing": 1, "parent_elsewhere": 1, "cycles_broken": 2}
    assert [parents[id] for id in ("orphan", "stray", "self")] == [None, None, None]
    assert sorted(str(parents[id]) for id in ("egg", "hen")) == ["None", "egg"]
    assert is_sound(installation)


def test_a_circle_of_three_is_opened_at_one_place_and_stays_so(installation, file):
    path = file(*(row(external_id=a, parent_external_id=b) for a, b in ("ab", "bc", "ca")))

    told = [report(installation, "jsonl", path)["threads"] for _ in range(2)]

    assert [found["cycles_broken"] for found in told] == [1, 1]
    assert sum("parent_external_id" in found for found in stored(installation).values()) == 2
    assert is_sound(installation)


def test_an_id_that_stands_for_another_text_is_not_overwritten(installation, file):
    told = report(
        installation, "jsonl", file(row(), row(external_id="a2"), row(text="Another.", parent_external_id="a2"))
    )

    assert (told["stored"], list(told["skipped"])) == (2, ["id_taken"])
    assert stored(installation)["a1"] == row()


def test_what_the_site_sent_itself_and_edited_since_is_there_already(installation, file):
    sent = installation.submit("Good news for everyone.", external_id="a1")
    url = f"/v1/comments/{sent['id']}"
    seen = {"If-Match": installation.client.get(url).headers["ETag"]}
    assert installation.client.put(url, json={"text": "Edited."}, headers=seen).status_code == 200

    told = report(installation, "jsonl", file(row(text="Good news for everyone.")))

    assert (told["there"], told["wrong"]) == (1, 0)
    assert installation.client.get(url).json["text"] == "Edited."


def test_another_site_may_have_the_same_ids(installation, file):
    installation.add_site("other", installation.app.test_client())

    told = [report(installation, "jsonl", file(row()), "--site", site) for site in ("demo", "other")]

    assert [found["stored"] for found in told] == [1, 1]
    assert installation.run("import", "jsonl", file(row())).exit_code == 2


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_whole_batches_and_the_next_run_brings_the_rest(installation, file):
    rows = [row(external_id=f"a{n}", parent_external_id=f"a{n - 7}" if n % 3 else f"a{n + 600}") for n in range(12_000)]
    path = file(*rows)
    words = ["-c", "from moderation.cli import main; main()", "import", "jsonl", str(path), "--no-score"]
    process = subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL)

    while process.poll() is None and count(installation, Comment) < 1_000:
        time.sleep(0.01)
    process.kill()
    process.wait()
    half = count(installation, Comment)
    sound = is_sound(installation)
    told = report(installation, "jsonl", path, "--no-score")

    assert 1_000 <= half < 12_000
    assert half % moving_in.BATCH == 0
    assert sound
    assert (told["stored"], told["there"]) == (12_000 - half, half)
    assert count(installation, Decision) == 12_000
    assert is_sound(installation)


def test_what_the_site_sends_at_the_same_moment_is_seen_and_costs_nothing(installation, file, monkeypatch):
    installation.submit(row()["text"], external_id="a1")
    known, asked = store.known, []

    def a_moment_earlier(session, site, ids):
        asked.append(1)
        return {} if len(asked) == 1 else known(session, site, ids)

    monkeypatch.setattr(store, "known", a_moment_earlier)
    told = report(installation, "jsonl", file(row(), row(external_id="a2")), "--no-score")

    assert (told["stored"], told["there"], told["wrong"]) == (1, 1, 0)
    assert count(installation, Comment) == 2


def test_progress_is_drawn_on_a_terminal_and_written_in_plain_lines_elsewhere(installation, file, monkeypatch):
    monkeypatch.setattr(moving_in, "BATCH", 1)
    elsewhere = installation.run("import", "jsonl", file(row(), row(external_id="a2"))).stderr
    monkeypatch.setattr(moving_in, "on_terminal", lambda: True)
    terminal = installation.run("import", "jsonl", file(row(), row(external_id="a2"))).stderr

    assert (elsewhere.count("\n"), "\r" in elsewhere) == (1, False)
    assert elsewhere.startswith("2 read, 2 stored, ")
    assert [part[:6] for part in terminal.split("\r")[1:]] == ["1 read", "2 read", "2 read"]
    assert terminal.count("\n") == 1


@pytest.mark.parametrize(
    "words", [["import"], ["import", "jsonl"], ["import", "jsonl", "nowhere.jsonl"], ["import", "x"]]
)
def test_used_wrongly_it_ends_with_code_2(installation, words):
    assert installation.run(*words).exit_code == 2


def test_without_a_model_it_says_how_to_go_on(installation, file, monkeypatch, tmp_path):
    monkeypatch.setenv("REPLYDESK_MODEL_DIR", str(tmp_path))

    result = installation.run("import", "jsonl", file(row()))

    assert result.exit_code == 1
    assert "--no-score" in result.stderr
    assert installation.run("import", "jsonl", file(row()), "--no-score").exit_code == 0


def test_a_text_has_the_same_sum_whether_it_is_ascii_or_goes_the_long_way():
    text = "".join(map(chr, range(128))) * 2

    # A zero-width space is not counted, and makes it no ASCII.
    assert facts.text_hash(text) == facts.text_hash(f"{text}\u200b")
    assert facts.text_hash(text) != facts.text_hash(f"{text}x")
