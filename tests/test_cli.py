"""The commands of set-up, as a shell calls them."""

import json
import socket
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from click.testing import CliRunner
from flask.testing import FlaskClient

from moderation.app import create_app
from moderation.cli import COMMANDS, replydesk, supervisor
from moderation.cli.demo import EMAIL, make_demo
from moderation.db import db
from moderation.errors import SettingError
from tests.factories import comment


def call(installation, key: str):
    client: FlaskClient = installation.app.test_client()
    return client.get("/v1/comments", headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A migrated database and the commands, whatever model there is: these commands score nothing."""
    monkeypatch.setenv("REPLYDESK_DATA", str(tmp_path))
    monkeypatch.setenv("REPLYDESK_ON_MODEL_ERROR", "queue")
    runner = Desk()
    assert runner.run("migrate").exit_code == 0
    assert runner.run("site", "create", "demo").exit_code == 0
    yield runner
    runner.close()


class Desk:
    """Calls commands; ``app`` is made when it is first needed."""

    def __init__(self):
        self._app = None

    def run(self, *words, input=None):
        return CliRunner().invoke(replydesk, words, input=input, prog_name="replydesk")

    @property
    def app(self):
        self._app = self._app or create_app()
        return self._app

    def close(self):
        if self._app:
            with self._app.app_context():
                db.session.remove()
                db.engine.dispose()


def test_a_key_printed_as_json_is_one_object_and_nothing_else(made):
    scopes = ["comments", "score", "readers", "review", "admin"]

    result = made.run("key", "create", "demo", *[w for s in scopes for w in ("--scope", s)], "--json")

    printed = json.loads(result.stdout)
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    assert set(printed) == {"site", "key", "scopes"}
    assert (printed["site"], sorted(printed["scopes"])) == ("demo", sorted(scopes))
    assert call(made, printed["key"]).status_code == 200


def test_a_key_for_the_akismet_door_is_twelve_hex_digits_and_opens_no_other_door(made):
    printed = json.loads(made.run("key", "create", "demo", "--door", "akismet", "--json").stdout)

    assert len(printed["key"]) == 12
    assert set(printed["key"]) <= set("0123456789abcdef")
    assert call(made, printed["key"]).status_code == 401


def test_without_json_the_key_alone_is_on_standard_output(made):
    result = made.run("key", "create", "demo", "--scope", "comments")

    assert call(made, result.stdout.strip()).status_code == 200
    assert "shown this once" in result.stderr


def test_a_rotated_key_works_beside_its_successor_for_a_day(made, time_machine_at):
    old = made.run("key", "create", "demo", "--scope", "comments").stdout.strip()
    new = json.loads(made.run("key", "rotate", old, "--json").stdout)["key"]

    now = [call(made, key).status_code for key in (old, new)]
    with time_machine_at(hours=25):
        later = [call(made, key).status_code for key in (old, new)]

    assert (now, later) == ([200, 200], [401, 200])


@pytest.fixture
def time_machine_at():
    return lambda **delta: time_machine.travel(datetime.now(UTC) + timedelta(**delta), tick=True)


def test_a_revoked_key_opens_nothing_at_once(made):
    key = made.run("key", "create", "demo", "--scope", "comments").stdout.strip()
    assert call(made, key).status_code == 200

    result = made.run("key", "revoke", key)

    assert result.exit_code == 0
    assert key not in result.output
    assert call(made, key).status_code == 401


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["site", "create", "demo"], 1, "The site “demo” exists already."),
        (["key", "create", "nowhere", "--scope", "comments"], 1, "There is no site “nowhere”"),
        (["key", "revoke", "rdk_unknown"], 1, "There is no such key."),
        (["key", "create", "demo"], 2, "Name at least one --scope"),
        (["key", "create", "demo", "--scope", "everything"], 2, "'everything' is not one of"),
        (["nothing"], 2, "No such command 'nothing'"),
        (["site"], 2, "Usage"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_an_exit_code(made, words, code, sentence):
    result = made.run(*words)

    assert result.exit_code == code
    assert sentence in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_without_migrations_commands_say_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setenv("REPLYDESK_DATA", str(tmp_path))

    result = Desk().run("site", "create", "demo")

    assert result.exit_code == 1
    assert "replydesk migrate" in result.stderr


def test_migrate_does_nothing_the_second_time(made):
    result = made.run("migrate")

    assert result.exit_code == 0
    assert "already" in result.stdout


def test_a_damaged_database_is_told_in_one_sentence_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("REPLYDESK_DATA", str(tmp_path))
    (tmp_path / "replydesk.db").write_text("this was a database once " * 40)

    result = Desk().run("run", "--no-start")

    assert result.exit_code == 1
    assert "file is not a database" in result.stderr
    assert "replydesk restore" in result.stderr
    assert "Traceback" not in result.output


def test_the_demo_is_made_once_and_its_password_is_shown_once(made, capsys):
    make_demo(made.app)
    first = capsys.readouterr().out
    make_demo(made.app)
    second = capsys.readouterr().out

    assert EMAIL in first
    assert "Password" in first
    assert second == ""


def test_the_demo_key_works_and_is_readable_by_its_owner_only(made, tmp_path, capsys):
    make_demo(made.app)

    path = tmp_path / "demo_key"
    key = path.read_text().strip()
    assert path.stat().st_mode & 0o777 == 0o600
    assert call(made, key).status_code == 200
    assert key in capsys.readouterr().out
    posted = made.app.test_client().post("/v1/comments", json=comment(), headers={"Authorization": f"Bearer {key}"})
    assert posted.status_code == 201


def test_a_demo_key_of_another_database_is_replaced(made, tmp_path, capsys):
    (tmp_path / "demo_key").write_text("rdk_of_a_database_that_is_gone\n")

    make_demo(made.app)

    assert call(made, (tmp_path / "demo_key").read_text().strip()).status_code == 200
    assert "Site key" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("address", "parts"),
    [("127.0.0.1:8000", ("127.0.0.1", 8000)), ("[::1]:80", ("::1", 80)), ("localhost:1", ("localhost", 1))],
)
def test_an_address_is_split_into_host_and_port(address, parts):
    assert supervisor.split_address(address) == parts


def test_a_busy_port_is_told_with_what_to_do():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(SettingError, match=f"127.0.0.1:{port} cannot be listened on: address already in use"):
            supervisor.check_port(f"127.0.0.1:{port}")


def test_the_overview_names_every_command_with_a_line(made):
    printed = made.run("--help").stdout

    assert [name for name, (_, _, line) in COMMANDS.items() if name not in printed or not line] == []
