"""Write the tables of settings, commands and routes into the pages, from the code itself: ``make docs``."""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from flask import Flask
from werkzeug.routing import Rule

from classifiers import bundled_path
from classifiers.artifact import read_manifest
from moderation import config
from moderation.app import create_app
from moderation.cli import replydesk
from moderation.services.lifecycle import FOLLOW_WHEN, IMPORT_WHEN, TRANSITIONS, Happening
from moderation.services.moving.engagement_table import COLUMNS as READER_COLUMNS
from moderation.services.moving.table import COLUMNS
from moderation.views.problems import REMEDIES

DOCS = Path(__file__).parent
BEGIN, END = "<!-- made by docs/tables.py: begin -->", "<!-- end -->"
# Routes outside of the OpenAPI document, which brings the others' words.
OTHERS = {
    "/healthz": "Alive: this process answers.",
    "/readyz": "200 only when a comment posted now would be scored and stored; else 503 and why, by name.",
    "/metrics": "Figures for Prometheus.",
    "/v1/openapi.json": "This API as an OpenAPI 3.1 document.",
    "/docs": "This API as a page.",
    "/": "Leads to `/docs`.",
    "/problems/{code}": "What the `type` of an error leads to.",
}
# Doors of other protocols, which have no OpenAPI document of ours.
DOORS = ("/v1alpha1/", "/$discovery/", "/1.1/", "/v1/providers/", "/v1/sites/", "/integrations/")
SKIPPED = ("/review/", "/demo", "/bootstrap/", "/static/", "/docs/")


def settings() -> Iterator[str]:
    yield "| Variable | Default | Meaning |"
    yield "|---|---|---|"
    for setting in config.SETTINGS:
        default = "0" if setting.default is False else str(setting.default)
        shown = f"`{default}`" if default else ""
        yield f"| `{config.PREFIX}{setting.name}` | {shown} | {setting.meaning} |"


def commands() -> Iterator[str]:
    yield "| Command | What it does | Options |"
    yield "|---|---|---|"
    yield from _commands(replydesk, "replydesk")


def _commands(command: click.Command, words: str) -> Iterator[str]:
    context = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from _commands(found, f"{words} {name}")
        return
    arguments = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    options = [_option(p) for p in command.params if isinstance(p, click.Option)]
    first = (command.help or "").split("\n\n")[0].replace("\n", " ").replace("|", "or")
    yield f"| `{' '.join([words, *arguments])}` | {first} | {'<br>'.join(options)} |"


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    return f"{names} {(option.help or '').replace('|', 'or')}".strip()


def routes(app: Flask) -> Iterator[str]:
    document = app.test_client().get("/v1/openapi.json").get_json()["paths"]
    yield "| Method | Address | What it does |"
    yield "|---|---|---|"
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if not rule.rule.startswith(SKIPPED):
            address = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                operation = document.get(address, {}).get(method.lower(), {})
                said = operation.get("summary") or OTHERS.get(address) or _said(app, rule)
                yield f"| `{method}` | `{address}` | {said} |"


def _said(app: Flask, rule: Rule) -> str:
    view = app.view_functions[rule.endpoint] if rule.rule.startswith(DOORS) else None
    return ((view and view.__doc__) or "").split("\n\n")[0].strip()


def errors() -> Iterator[str]:
    yield "| Code | Status | What to do |"
    yield "|---|---|---|"
    for code, (status, remedy) in REMEDIES.items():
        yield f"| `{code}` | {status} | {remedy} |"


def states() -> Iterator[str]:
    """The state machine of a subscription, as a picture and as a table."""
    yield "```mermaid"
    yield "stateDiagram-v2"
    edges: dict[tuple[str, str], list[str]] = {}
    for row in TRANSITIONS:
        edges.setdefault((row.old or "[*]", row.new), []).append(row.happening)
    for (old, new), happenings in edges.items():
        yield f"    {old} --> {new}: {', '.join(happenings)}"
    yield "```"
    yield ""
    yield "| State | What happens | New state | When, and what of it |"
    yield "|---|---|---|---|"
    for row in TRANSITIONS:
        yield f"| {f'`{row.old}`' if row.old else 'none'} | `{row.happening}` | `{row.new}` | {row.when} |"
    yield f"| any or none | `{Happening.FOLLOW}` | any | {FOLLOW_WHEN} |"
    yield f"| none or `ended` | `{Happening.IMPORT}` | any | {IMPORT_WHEN} |"


def columns(named: Mapping[str, str] = COLUMNS) -> Iterator[str]:
    yield "| Column | Meaning |"
    yield "|---|---|"
    for name, meaning in named.items():
        yield f"| `{name}` | {meaning} |"


def model_card() -> Iterator[str]:
    manifest = read_manifest(bundled_path())
    yield f"Version `{manifest['version']}`, {manifest['rows']:,} rows learnt from, seed {manifest['seed']}."
    yield ""
    yield "| Data set | Rows | Licence |"
    yield "|---|---|---|"
    for name, found in manifest["data"]["sets"].items():
        yield f"| {name} | {found['rows']:,} | {found['licence']} |"
    yield ""
    yield "| Label | Published below | Rejected from | AUC on held-out rows |"
    yield "|---|---|---|---|"
    for label in manifest["labels"]:
        lines, held_out = manifest["thresholds"][label], manifest["metrics"][label]["all"]
        cells = [f"{lines['publish_below']:.3f}", f"{lines['reject_above']:.3f}", f"{held_out['auc']:.4f}"]
        yield f"| {label} | {' | '.join(cells)} |"


def write(name: str, *blocks: Iterator[str]) -> None:
    """Put each block where the page has its place for one, in order."""
    path = DOCS / name
    before, *rests = path.read_text().split(BEGIN)
    made = [
        "\n".join([BEGIN, *lines, f"{END}{rest.split(END, 1)[1]}"]) for lines, rest in zip(blocks, rests, strict=True)
    ]
    path.write_text("".join([before, *made]))
    print(f"docs/{name}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"REPLYDESK_DATA": folder, "REPLYDESK_ENV": "development"}
        app = create_app()
        write("settings.md", settings())
        write("api.md", routes(app))
        write("commands.md", commands())
        write("errors.md", errors())
        write("classifiers.md", model_card())
        write("engagement.md", states())
        write("moving.md", columns(), columns(READER_COLUMNS))


if __name__ == "__main__":
    main()
