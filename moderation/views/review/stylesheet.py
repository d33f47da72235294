"""The part of Bootstrap that the desk's pages use, cut from the file of the package when it is first asked for.

Bootstrap's style is 232 kB, of which a page of the desk uses a tenth. What a rule names (``.btn``) is kept where a
template or a script of the desk names it, too, so nothing is built beforehand and nothing can go stale.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from flask import Response, current_app

from moderation.views.review.blueprint import bp, public
from moderation.views.security import ASSET_SECONDS

_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
_NAMED = re.compile(r"class(?:Name)?\s*=\s*[\"']([^\"']*)")
_WORD = re.compile(r"[\w-]+")
_COMMENT = re.compile(r"/\*(?!!).*?\*/", re.DOTALL)
# A comma between selectors, not one inside :not(a, b).
_BETWEEN = re.compile(r",(?![^()]*\))")
_NESTED = ("@media", "@supports")


@bp.get("/bootstrap.css")
@public
def bootstrap_css() -> Response:
    """Answer the rules that are used; the address holds the release, so it may be kept."""
    response = Response(_cut(current_app.root_path), mimetype="text/css")
    response.headers["Cache-Control"] = f"public, max-age={ASSET_SECONDS}"
    return response


@cache
def _cut(root: str) -> str:
    source = files("flask_bootstrap").joinpath("static/bootstrap5/css/bootstrap.min.css").read_text("utf-8")
    # What has its licence in front keeps it.
    return part(_COMMENT.sub("", source).replace("*/:root", "*/\n:root", 1), used(Path(root)))


def used(root: Path) -> frozenset[str]:
    """The names of classes in the desk's templates and scripts, below the package's folder ``root``."""
    pages = [*(root / "templates" / "review").rglob("*.html"), *(root / "static" / "review").glob("*.js")]
    named = [
        word for path in pages for found in _NAMED.findall(path.read_text("utf-8")) for word in _WORD.findall(found)
    ]
    return frozenset(named)


def part(css: str, names: frozenset[str]) -> str:
    """The rules of a minified stylesheet whose every class is in ``names``; a rule without classes stays."""
    kept = []
    for head, body in _rules(css):
        if head.lstrip().startswith(_NESTED):
            inside = part(body, names)
            kept += [f"{head}{{{inside}}}"] if inside else []
        elif "@" in head:
            kept.append(f"{head}{{{body}}}")
        else:
            wanted = [one for one in _BETWEEN.split(head) if names.issuperset(_CLASS.findall(one))]
            kept += [f"{','.join(wanted)}{{{body}}}"] if wanted else []
    return "".join(kept)


def _rules(css: str) -> Iterator[tuple[str, str]]:
    at = 0
    while (opened := css.find("{", at)) >= 0:
        depth, end = 1, opened + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(css[end], 0)
            end += 1
        yield css[at:opened], css[opened + 1 : end - 1]
        at = end
