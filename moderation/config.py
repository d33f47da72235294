"""Every setting: name, default, how it is read and what it means.

Settings come from the environment as ``REPLYDESK_<NAME>``. One that is unknown or malformed stops the
start with a sentence that names the nearest valid one; ``docs/settings.md`` repeats this table and a
test keeps the two equal.
"""

import difflib
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moderation.errors import SettingError

PREFIX = "REPLYDESK_"


@dataclass(frozen=True)
class Setting:
    name: str
    default: Any
    read: Callable[[str], Any]
    meaning: str


def _boolean(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError("must be 1 or 0")
    return words[text.lower()]


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of: {', '.join(words)}")
        return text

    return read


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not lowest <= int(text) <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return int(text)

    return read


_PORTS = range(1, 65_536)


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) not in _PORTS:
        raise ValueError("must be HOST:PORT, as in 127.0.0.1:8000")
    return text


SETTINGS = (
    Setting("DATA", "var", str, "Folder for everything that is written: database, models, secret key."),
    Setting("DATABASE_URL", "", str, "SQLAlchemy URL of the database; empty: SQLite in the data folder."),
    Setting("BIND", "127.0.0.1:8000", _address, "Address and port that the service listens on."),
    Setting("ENV", "production", _one_of("production", "development"),
            "`development` serves the demo site and allows cookies over plain HTTP."),
    Setting("PUBLIC_URL", "", str, "Origin as the world sees it; empty: taken from each request."),
    Setting("SECRET_KEY", "", str, "Signs sessions; empty: made once and kept in the data folder."),
    Setting("WORKERS", 2, _whole(1, 64), "Web worker processes."),
    Setting("TRUSTED_PROXIES", 0, _whole(0, 10), "Reverse proxies in front whose X-Forwarded headers count."),
    Setting("MODEL_DIR", "", str, "Model directory that decides when none was promoted; empty: the bundled one."),
    Setting("ON_MODEL_ERROR", "refuse", _one_of("refuse", "queue"),
            "No model can be loaded: `refuse` to start, or `queue` every comment for people."),
    Setting("ENCODER_BUDGET_MS", 500, _whole(0, 60_000),
            "How long a request may ask the encoder, in milliseconds; the linear tier answers what is left. 0: never."),
    Setting("MAX_BODY_BYTES", 4_194_304, _whole(1_024, 67_108_864), "Largest request body, in bytes."),
    Setting("RATE_LIMIT", 60_000, _whole(0, 10_000_000),
            "Calls a minute that one key may make at one worker process; 0: no limit."),
    Setting("DATABASE_WAIT_MS", 5_000, _whole(1, 60_000),
            "How long a request waits for a locked database before 503, in milliseconds."),
    Setting("IDEMPOTENCY_HOURS", 72, _whole(24, 720), "How long a stored answer is replayed, in hours."),
    Setting("WEBHOOK_ALLOW_PRIVATE", False, _boolean, "Allow webhook endpoints in private address ranges."),
    Setting("WEBHOOK_TIMEOUT_SECONDS", 15, _whole(1, 30),
            "Longest time of one webhook delivery, in seconds; a lease lasts twice as long."),
    Setting("WEBHOOK_LOG_DAYS", 14, _whole(1, 90),
            "How long each webhook request is kept with what was answered, in days."),
    Setting("WORKER_POLL_MS", 500, _whole(10, 60_000), "Pause of the worker when nothing waits, in milliseconds."),
    Setting("SMTP_HOST", "", str, "Mail server for the daily digest; empty: no mail is sent."),
    Setting("SMTP_PORT", 587, _whole(1, 65_535), "Port of the mail server."),
    Setting("SMTP_TLS", "starttls", _one_of("starttls", "tls", "none"),
            "How the mail server is spoken to: `starttls` (port 587), `tls` from the start (port 465), or `none`."),
    Setting("SMTP_USER", "", str, "User at the mail server; empty: without signing in."),
    Setting("SMTP_PASSWORD", "", str, "That user's password."),
    Setting("SMTP_FROM", "replydesk@localhost", str, "Address that the digest comes from."),
    Setting("CLAIM_SECONDS", 300, _whole(5, 3_600), "How long an opened comment is held for a moderator, in seconds."),
    Setting("PERSPECTIVE_SCALE", True, _boolean,
            "Give TOXICITY at the Perspective door on Perspective's own scale, where the model has a map to it."),
    Setting("AKISMET_ABUSE_IS_SPAM", True, _boolean,
            "At the Akismet door abuse is answered as spam; 0: as what waits for people, so that the client holds it."),
    Setting("ANONYMOUS_READER_DAYS", 100, _whole(93, 3_660),
            "How long an anonymous reader's token is kept after its last counted post, in days."),
    Setting("CORAL_BUDGET_MS", 800, _whole(50, 5_000),
            "Time for an answer to Coral's moderation phase, in milliseconds: half of the smallest timeout set there."),
    Setting("SESSION_HOURS", 12, _whole(1, 168), "How long a moderator stays signed in at the most, in hours."),
)  # fmt: skip
_BY_NAME = {setting.name: setting for setting in SETTINGS}


def load(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return every setting by its name without the prefix; raise ``SettingError`` on a wrong one."""
    values: dict[str, Any] = {setting.name: setting.default for setting in SETTINGS}
    for variable in sorted(environ):
        if variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX)
            values[name] = _read(name, environ[variable])
    return values


def _read(name: str, text: str) -> Any:
    setting = _BY_NAME.get(name)
    if setting is None:
        near = difflib.get_close_matches(name, _BY_NAME, n=1, cutoff=0.0)[0]
        raise SettingError(f"{PREFIX}{name} is not a setting; did you mean {PREFIX}{near}?")
    try:
        return setting.read(text)
    except ValueError as error:
        raise SettingError(f"{PREFIX}{name}={text!r} {error}.") from None


def data_folder(values: Mapping[str, Any]) -> Path:
    """Make the data folder where it is missing; raise ``SettingError`` where it cannot be written."""
    folder = Path(values["DATA"]).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"The data folder {folder} cannot be made: {error.strerror}.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingError(f"The data folder {folder} cannot be written; set {PREFIX}DATA to one that can.")
    return folder


def database_url(values: Mapping[str, Any]) -> str:
    url = values["DATABASE_URL"] or f"sqlite:///{data_folder(values) / 'replydesk.db'}"
    # The driver is ours to choose: operators paste the plain form.
    return url.replace("postgresql://", "postgresql+psycopg://", 1).replace("postgres://", "postgresql+psycopg://", 1)


def secret_key(values: Mapping[str, Any]) -> str:
    """The set key, or one made at the first start and kept, readable by the owner only."""
    if values["SECRET_KEY"]:
        return str(values["SECRET_KEY"])
    path = data_folder(values) / "secret_key"
    try:
        with path.open("x") as file:
            path.chmod(0o600)
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_text()


def schema_head(migrations: Path) -> str:
    """The revision that this code needs: the name of the last migration file, ``0001_initial``."""
    files = sorted(path.stem for path in (migrations / "versions").glob("[0-9]*.py"))
    return files[-1] if files else ""
