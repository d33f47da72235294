"""What is documented is what there is: settings, commands, errors, routes, and the README's own commands."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from moderation import __version__, config, errors, http_errors, perspective
from moderation.cli import replydesk

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
NOT_ROUTES_OF_THE_API = {"static", "bootstrap.static", "docs.asset"}


def page(name):
    return (DOCS / name).read_text()


def rows(text):
    """The cells of every table row; a cell that is code alone loses its ticks."""
    code = re.compile(r"`([^`]*)`")
    return [
        [alone[1] if (alone := code.fullmatch(cell.strip())) else cell.strip() for cell in line[2:-2].split(" | ")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]


def test_every_setting_stands_in_the_docs_with_its_default_and_meaning():
    described = {row[0]: row[1:] for row in rows(page("settings.md"))}

    for setting in config.SETTINGS:
        default = "0" if setting.default is False else str(setting.default)
        assert described.get(f"REPLYDESK_{setting.name}") == [default, setting.meaning]
    assert {name for name in described if name.startswith("REPLYDESK_")} == {
        f"REPLYDESK_{setting.name}" for setting in config.SETTINGS
    }


def every_command(command=replydesk, words=("replydesk",)):
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from every_command(command.get_command(context, name), (*words, name))
    else:
        yield " ".join(words), command


@pytest.mark.parametrize(("words", "command"), [pytest.param(*found, id=found[0]) for found in every_command()])
def test_every_command_and_each_of_its_options_stands_in_the_docs(words, command):
    described = {row[0].split(" [")[0]: " | ".join(row) for row in rows(page("commands.md"))}
    line = next((text for name, text in described.items() if name == words or name.startswith(f"{words} ")), None)

    assert line is not None, f"{words} is not in docs/commands.md"
    options = [word for p in command.params if isinstance(p, click.Option) for word in p.opts if word[:2] == "--"]
    assert [word for word in options if word not in line] == []


def test_no_command_is_documented_that_does_not_exist():
    known = {words for words, _ in every_command()}
    named = {row[0] for row in rows(page("commands.md")) if row[0].startswith("replydesk ")}

    assert {name for name in named if not any(f"{name} ".startswith(f"{words} ") for words in known)} == set()


def test_every_error_code_stands_in_the_docs_with_its_status():
    described = {row[0]: row[1] for row in rows(page("errors.md"))}
    ours = {found.code: str(status) for found, status in http_errors.STATUS.items()}
    framework = {code: str(status) for status, (code, _) in http_errors._FRAMEWORK.items()}

    for code, status in {**framework, **ours, "fault": "500"}.items():
        assert described.get(code) == status, f"{code} is not in docs/errors.md as {status}"
    assert errors.SettingError.code not in described


def routes(app):
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in NOT_ROUTES_OF_THE_API and not rule.rule.startswith(("/review/", "/demo")):
            address = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            yield from ((method, address) for method in sorted(rule.methods - {"HEAD", "OPTIONS"}))


def test_every_route_stands_in_the_docs_and_nothing_else_does(app):
    described = {(row[0], row[1]) for row in rows(page("api.md")) if row[1].startswith("/")}

    assert described == set(routes(app))


def test_every_route_of_the_api_is_in_the_openapi_document(app, client):
    paths = client.get("/v1/openapi.json").json["paths"]
    described = {(method.upper(), path) for path, found in paths.items() for method in found if method != "parameters"}
    api = {(method, path) for method, path in routes(app) if path.startswith("/v1/") and "openapi" not in path}
    # Described by the provider that sends there, and by RFC 7517, not by us.
    of_others = {("POST", f"/v1/providers/{name}/{{site}}/events") for name in ("generic", "stripe")}
    of_others.add(("GET", "/v1/sites/{site}/jwks.json"))

    assert api - described == of_others


def test_every_attribute_of_perspective_stands_in_the_docs_under_its_label():
    described = {name: row[1] for row in rows(page("doors.md")) for name in re.findall(r"[A-Z_]{4,}", row[0])}

    for name, label in perspective.ATTRIBUTES.items():
        assert re.match(r"`?(\w+)", described.get(name, ""))[1] == label
    assert {name for name, said in described.items() if said.startswith("refused")} <= set(perspective.REFUSED)
    assert [name for name in perspective.REFUSED if "_EXP" not in name and "refused" not in described[name]] == []


def test_every_link_between_the_pages_leads_somewhere():
    links = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
    sources = [*DOCS.rglob("*.md"), *(p for p in PAGES if p.exists())]
    broken = [
        f"{source.relative_to(ROOT)}: {target}"
        for source in sources
        for target in links.findall(source.read_text())
        if not (source.parent / target).exists()
    ]

    assert broken == []


def test_every_page_can_be_found_from_the_index():
    linked = set(re.findall(r"\]\(([^)#]+\.md)", page("index.md")))
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")} - {"index.md"}

    assert pages - linked == set()


def test_decisions_are_numbered_without_a_gap_and_say_context_decision_and_consequences():
    files = sorted((DOCS / "decisions").glob("*.md"))
    assert [path.name[:4] for path in files] == [f"{n:04}" for n in range(1, len(files) + 1)]

    for path in files:
        text = path.read_text()
        assert all(f"## {word}" in text for word in ("Context", "Decision", "Consequences")), path.name


def test_every_dependency_has_its_line_in_the_decisions():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["postgresql"],
        *(line for group in project["dependency-groups"].values() for line in group),
    ]
    names = {re.match(r"[\w.-]+", line)[0] for line in listed}
    described = {row[0] for row in rows((DOCS / "decisions" / "0002-dependencies.md").read_text())}

    assert names - described == set()


def test_the_readme_begins_with_the_two_commands_that_exist():
    readme, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    named = re.findall(r"^\s*\$? ?make ([a-z-]+)", readme, re.MULTILINE)

    assert named[:2] == ["run", "test"]
    assert [name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []


def shell_blocks(text):
    for block in re.findall(r"```(?:sh|bash|console|shell)\n(.*?)```", text, re.DOTALL):
        yield from re.sub(r"\\\n", " ", block).splitlines()


@pytest.mark.parametrize("name", ["README.md", "docs/quickstart.md"])
def test_the_curl_that_is_shown_submits_a_comment(client, name):
    lines = [line.strip("$ ") for line in shell_blocks((ROOT / name).read_text()) if "/v1/comments" in line]
    posts = [words for line in lines for words in [shlex.split(line)] if {"-d", "--data", "--json"} & set(words)]
    assert posts, f"{name} shows no curl that submits a comment"

    for words in posts:
        body = next(words[at + 1] for at, word in enumerate(words) if word in ("-d", "--data", "--json"))
        answer = client.post("/v1/comments", json=json.loads(body))
        assert answer.status_code == 201, answer.json


def test_the_changelog_has_an_entry_for_this_version():
    assert (
        f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
        or "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
    )
