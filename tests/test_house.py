"""The rules of the house, checked like any other behaviour."""

import ast
import os
import re
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from marshmallow import RAISE, Schema

from moderation import errors, http_errors
from moderation.schemas.base import StrictSchema
from moderation.views import API

ROOT = Path(__file__).parent.parent
CODE = sorted(path for part in ("moderation", "classifiers", "bench", "tests") for path in (ROOT / part).rglob("*.py"))
SERVED = [path for path in CODE if path.is_relative_to(ROOT / "moderation")]
# Who answers without asking who calls, and why.
PUBLIC = {
    "static",  # style and scripts, the same for everybody
    "bootstrap",  # as above, Bootstrap's
    "api-docs",  # the description of the API
    "docs",  # as above, for people
    "problems",  # what an error means
    "token-keys",  # public keys, for whoever verifies a token
    "health",  # the machine's questions; they tell nothing about a site
    "perspective-discovery",  # a description that Google's clients fetch before they have a key
    "demo",  # the demo news site, served in development only
}
# Blueprints that know their callers by a protocol's own means, and what of theirs writes nothing.
DOORS = {"perspective", "akismet", "stripe", "generic", "coral"}
# Of these the ones under /v1: what a payment provider sends is signed, and carries no key.
SIGNED_DOORS = {"stripe", "generic", "coral"}
DOORS_READ = {"perspective.analyze", "akismet.verify"}
# What another service's clients send: its unknown fields are ignored there, so they are here (protocols.md 9).
LENIENT_SCHEMAS = {"moderation.schemas.perspective"}
MAY_COMMIT = (
    "moderation/cli/",
    "moderation/views/transaction.py",
    "moderation/views/review/",
    "moderation/worker.py",
    "moderation/errands.py",
)
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base_utils"}
MOST_FILE_LINES = 300
MOST_FUNCTION_LINES = 40


def relative(path):
    return str(path.relative_to(ROOT))


def test_every_route_asks_who_is_calling(app):
    guarded = {name for name, functions in app.before_request_funcs.items() if name and functions}
    used = {endpoint.split(".")[0] for endpoint in app.view_functions}

    assert used - guarded - PUBLIC == set()


def test_every_blueprint_of_the_api_asks_for_a_key_with_a_scope(app):
    guards = {bp.name: [f.__qualname__ for f in app.before_request_funcs.get(bp.name, [])] for bp in API}

    assert {name for name, found in guards.items() if "require_scope.<locals>.check" not in found} == set()


def test_every_route_under_v1_belongs_to_the_api(app):
    api = {bp.name for bp in API} | {"api-docs", "token-keys"} | SIGNED_DOORS
    strangers = {rule.endpoint for rule in app.url_map.iter_rules() if rule.rule.startswith("/v1/")}

    assert {endpoint for endpoint in strangers if endpoint.split(".")[0] not in api} == set()


def test_only_entry_points_commit():
    committing = {relative(path) for path in SERVED if re.search(r"\.commit\(", path.read_text())}

    assert {path for path in committing if not path.startswith(MAY_COMMIT)} == set()


def test_every_api_view_that_changes_something_commits_through_the_one_door(app):
    # A POST that only reads stands in a blueprint that says so; everything else is wrapped by `changes`.
    reading = {"score.score"} | DOORS_READ
    changing = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint.split(".")[0] in {bp.name for bp in API} | DOORS
        and rule.methods & {"POST", "PUT", "PATCH", "DELETE"}
    }
    assert len(changing) > 5

    bare = {endpoint for endpoint in changing - reading if not goes_through_changes(app.view_functions[endpoint])}

    assert bare == set()


def goes_through_changes(view):
    while view is not None:
        if view.__code__.co_filename.endswith("views/transaction.py"):
            return True
        view = getattr(view, "__wrapped__", None)
    return False


def test_every_domain_error_has_a_status_and_a_code_of_its_own():
    classes = [
        found for found in vars(errors).values()
        if isinstance(found, type) and issubclass(found, errors.ReplydeskError)
    ]  # fmt: skip
    # The root is never raised; a wrong setting stops the start and meets no request.
    answered = [found for found in classes if found not in (errors.ReplydeskError, errors.SettingError)]

    assert [found.__name__ for found in answered if found not in http_errors.STATUS] == []
    assert len({found.code for found in answered}) == len(answered)


def test_every_door_asks_for_a_key_of_its_own(app, transaction):
    for rule in app.url_map.iter_rules():
        if rule.endpoint.split(".")[0] in DOORS:
            answer = app.test_client().post(rule.rule)
            refused = answer.status_code == 403 or answer.get_data() == b"invalid"
            signed = rule.endpoint.split(".")[0] in SIGNED_DOORS
            assert refused or (signed and answer.json["code"] in ("signature_invalid", "signature_unknown")), rule.rule


def every_schema():
    for path in sorted((ROOT / "moderation" / "schemas").glob("*.py")):
        module = import_module(f"moderation.schemas.{path.stem}")
        for found in vars(module).values():
            if isinstance(found, type) and issubclass(found, Schema) and found.__module__ == module.__name__:
                yield found


def test_every_schema_of_what_comes_in_refuses_unknown_keys():
    ours = [schema for schema in every_schema() if schema.__module__ not in LENIENT_SCHEMAS]
    coming_in = [schema for schema in ours if schema.__name__.endswith(("In", "Query", "Form"))]
    assert len(coming_in) > 5

    strict = [schema for schema in coming_in if issubclass(schema, StrictSchema) and schema().unknown == RAISE]
    assert set(coming_in) - set(strict) == set()


def test_every_schema_says_its_direction():
    words = ("In", "Out", "Query", "Form", "Schema")

    assert [schema.__name__ for schema in every_schema() if not schema.__name__.endswith(words)] == []


def test_no_file_is_too_long():
    long = {relative(path): n for path in CODE if (n := len(path.read_text().splitlines())) > MOST_FILE_LINES}

    assert long == {}


def test_no_function_is_too_long():
    long = {}
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = body_lines(node)
                if lines > MOST_FUNCTION_LINES:
                    long[f"{relative(path)}:{node.name}"] = lines

    assert long == {}


def body_lines(function):
    """Lines of the body; the signature and the docstring are documentation."""
    body = function.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and len(body) > 1:
        body = body[1:]
    return function.end_lineno - body[0].lineno + 1


def test_no_module_has_a_name_that_says_nothing():
    assert [relative(path) for path in CODE if path.stem in VAGUE_NAMES or path.parent.name in VAGUE_NAMES] == []


def test_every_module_of_the_product_says_what_it_is_for():
    product = [path for path in CODE if not path.is_relative_to(ROOT / "tests") and path.read_text()]

    assert [relative(path) for path in product if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_nothing_is_imported_inside_a_function():
    inside = set()
    for path in SERVED:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                found = (ast.Import, ast.ImportFrom)
                inside |= {f"{relative(path)}:{node.name}" for n in ast.walk(node) if isinstance(n, found)}

    assert inside == set()


def test_no_view_catches_every_exception():
    pattern = re.compile(r"except\s*(Exception|BaseException)?\s*(as \w+)?\s*:")
    views = [path for path in SERVED if path.is_relative_to(ROOT / "moderation" / "views")]

    assert [relative(path) for path in views if pattern.search(path.read_text())] == []


def test_nobody_unpickles():
    pattern = re.compile(r"^\s*(import|from) (pickle|joblib|shelve|marshal|dill|cloudpickle)\b", re.MULTILINE)

    assert [relative(path) for path in CODE if pattern.search(path.read_text())] == []


def test_every_exception_from_a_checker_has_its_reason_beside_it():
    ours = Path(__file__).resolve()
    silent = re.compile(r"#\s*(noqa(:[ A-Z0-9,]+)?|type:\s*ignore(\[[\w, -]+\])?)\s*$", re.MULTILINE)

    assert [relative(path) for path in CODE if path != ours and silent.search(path.read_text())] == []


def test_no_committed_file_names_a_place_on_somebodys_machine():
    # Written in pieces, so that this file does not find itself.
    places = re.compile("(/wor" + "k/|/ro" + "ot/|/ho" + "me/|/tm" + "p/|python3\\.\\d+/site-pack" + "ages)")
    texts = [path for part in ("docs", "migrations") for path in (ROOT / part).rglob("*.*") if path.suffix != ".pyc"]
    texts += [ROOT / name for name in ("README.md", "pyproject.toml", "requirements.lock", "requirements-dev.lock")]
    readable = [
        p for p in (*CODE, *texts) if p.exists() and p.suffix in (".py", ".md", ".toml", ".lock", ".ini", ".mako")
    ]

    assert [relative(path) for path in readable if places.search(path.read_text())] == []


def test_locks_name_no_registry_and_every_line_has_its_hash():
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "--index-url" not in text
        pinned = re.split(r"\n(?=\S)", text.strip())
        assert [line for line in pinned if "==" not in line or "--hash=sha256:" not in line] == []


def test_tests_stand_on_the_same_versions_as_the_service():
    def pins(name):
        return set(re.findall(r"^([\w.-]+==\S+)", (ROOT / name).read_text(), re.MULTILINE))

    assert pins("requirements.lock") - pins("requirements-dev.lock") == set()


def test_serving_does_not_pay_for_training():
    heavy = ("sklearn", "scipy", "pandas", "alembic", "pytest")
    script = f"import sys, moderation.wsgi; print([m for m in {heavy} if m in sys.modules])"
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "REPLYDESK_DATA": folder, "REPLYDESK_ON_MODEL_ERROR": "queue"}
        words = [sys.executable, "-c", script]
        ended = subprocess.run(words, env=environ, cwd=ROOT, capture_output=True, text=True, check=True)

    assert ended.stdout == "[]\n"
