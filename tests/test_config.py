import stat

import pytest

from moderation import config
from moderation.errors import SettingError


def test_an_unknown_setting_stops_the_start_and_the_nearest_one_is_named():
    with pytest.raises(SettingError, match="REPLYDESK_WORKRS is not a setting; did you mean REPLYDESK_WORKERS"):
        config.load({"REPLYDESK_WORKRS": "3"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("WORKERS", "0"),
        ("WORKERS", "65"),
        ("WORKERS", "two"),
        ("WORKERS", "-1"),
        ("WORKERS", ""),
        ("BIND", "8000"),
        ("BIND", ":8000"),
        ("BIND", "127.0.0.1:99999"),
        ("ENV", "test"),
        ("ON_MODEL_ERROR", "publish"),
        ("WEBHOOK_ALLOW_PRIVATE", "maybe"),
        ("IDEMPOTENCY_HOURS", "1"),
    ],
)
def test_a_malformed_setting_stops_the_start_with_its_name_and_what_was_given(name, text):
    with pytest.raises(SettingError, match=f"REPLYDESK_{name}='{text}' must be"):
        config.load({f"REPLYDESK_{name}": text})


def test_settings_of_others_are_left_alone():
    found = config.load({"PATH": "/bin", "REPLY": "x"})

    assert found["WORKERS"] == 2


def test_every_default_is_one_that_could_have_been_set():
    for setting in config.SETTINGS:
        if setting.default != "":
            assert setting.read(str(setting.default)) == setting.default, setting.name


def test_a_data_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingError, match=r"The data folder .*file/var cannot be made: Not a directory"):
        config.data_folder({"DATA": str(tmp_path / "file" / "var")})


def test_the_secret_key_is_made_once_and_read_by_its_owner_only(tmp_path):
    settings = {"DATA": str(tmp_path), "SECRET_KEY": ""}

    first, second = config.secret_key(settings), config.secret_key(settings)

    assert first == second
    assert len(first) == 64
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


@pytest.mark.parametrize("given", ["postgresql://u@h/d", "postgres://u@h/d", "postgresql+psycopg://u@h/d"])
def test_the_plain_form_of_a_postgresql_address_is_understood(given):
    assert config.database_url({"DATABASE_URL": given}) == "postgresql+psycopg://u@h/d"


def test_the_database_lies_in_the_data_folder_by_default(tmp_path):
    url = config.database_url({"DATABASE_URL": "", "DATA": str(tmp_path)})

    assert url == f"sqlite:///{tmp_path}/replydesk.db"
