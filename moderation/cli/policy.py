"""``replydesk policy``: a site's thresholds and rules, and what others would have done."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from marshmallow import ValidationError

from moderation.cli.database import ACTOR, on_terminal, open_session, the_site
from moderation.cli.labels import Moment
from moderation.errors import Invalid, ReplydeskError
from moderation.http_errors import flatten
from moderation.schemas.policy import PolicyIn
from moderation.services import policies
from moderation.services.simulate import simulate as simulate_policy

_site = click.option("--site", "site_name", help="Name of the site; not needed while there is one only.")
_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
_EVERY = 500


@click.group()
def policy() -> None:
    """Thresholds and rules: show, set, simulate."""


@policy.command()
@_site
def show(site_name: str | None) -> None:
    """Print the policy in force as JSON, in the form that `set` and `simulate` read."""
    with open_session() as session:
        found = policies.in_force(session, the_site(session, site_name))
    click.echo(json.dumps(policies.as_dict(found), indent=2, ensure_ascii=False))


@policy.command("set")
@_file
@_site
@click.option("--note", help="Why; kept with the version.")
def set_policy(file: Path, site_name: str | None, note: str | None) -> None:
    """Put the policy in FILE in force as a new version; every earlier version is kept."""
    data = _read(file)
    if note is not None:
        data["note"] = note
    with open_session(writes=True) as session:
        try:
            saved = policies.save(session, the_site(session, site_name), actor=ACTOR, **data)
        except Invalid as error:
            raise _as_sentence(file, error) from None
        session.commit()
    click.echo(f"Policy version {saved.version} is in force.")


@policy.command()
@_file
@_site
@click.option("--since", type=Moment(), help="Only comments from this day or time on.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def simulate(file: Path, site_name: str | None, since: datetime | None, as_json: bool) -> None:
    """Tell what the policy in FILE would have done to the stored comments; nothing changes."""
    data = _read(file)
    with open_session() as session:
        site = the_site(session, site_name)
        now = policies.in_force(session, site)
        try:
            policies.check_patterns(data["rules"])
        except Invalid as error:
            raise _as_sentence(file, error) from None
        proposed = policies.parse(now.version + 1, data["thresholds"], data["rules"])
        outcome = simulate_policy(session, site, now=now, proposed=proposed, since=since, progress=_progress)
    if on_terminal():
        click.echo(err=True)
    answer = outcome.as_dict()
    click.echo(json.dumps(answer, indent=2) if as_json else _table(answer))


def _read(file: Path) -> dict[str, Any]:
    """Read and validate a policy; what `show` printed is read as well, its version left aside."""
    with click.open_file(str(file), encoding="utf-8") as stream:
        try:
            raw = json.load(stream)
        except ValueError as error:
            raise ReplydeskError(f"{file}: not a JSON document: {error}") from None
    if isinstance(raw, dict):
        raw.pop("version", None)
    try:
        data: dict[str, Any] = PolicyIn().load(raw)
    except ValidationError as error:
        raise _as_sentence(file, Invalid(flatten(error.messages))) from None
    return data


def _as_sentence(file: Path, error: Invalid) -> ReplydeskError:
    lines = [f"{item['pointer']}: {item['detail']}" for item in error.extra["errors"]]
    return ReplydeskError(f"{file}: this is no valid policy; nothing changed.\n  " + "\n  ".join(lines))


def _progress(done: int) -> None:
    if done % _EVERY == 0 and on_terminal():
        click.echo(f"\r{done} comments", err=True, nl=False)


def _table(answer: dict[str, Any]) -> str:
    lines = [f"{'':10}{'now':>10}{'proposed':>10}"]
    for status, count in answer["before"].items():
        lines.append(f"{status:10}{count:>10}{answer['after'][status]:>10}")
    lines.append(f"{answer['changed']} of {answer['comments']} comments would be decided differently.")
    for change, count in answer["changes"].items():
        lines.append(f"  {change}: {count}, for example {', '.join(answer['examples'][change][:3])}")
    return "\n".join(lines)
