"""docs/edge.md says what is so: the claims, the names of refusals, the snippet, the settings."""

import re
import sys

from docs.tables import DOCS
from moderation.services import entitlements, token_keys
from tests.edge import EDGE, answering, claims_of, token_of
from tests.engagement import sell, subscribe
from tests.forgeries import FORGERIES
from tests.test_docs import rows, shell_blocks
from tests.test_engagement_docs import send

PAGE = (DOCS / "edge.md").read_text()


def cells(first):
    """The code words of the first column of the table with this heading."""
    table = PAGE.split(f"| {first} | ")[1].split("\n\n")[0]
    return [word for row in rows(f"| {first} | {table}") for word in re.findall(r"[a-z_]+", row[0])][1:]


def test_every_claim_is_explained_and_no_other(client):
    assert sorted(cells("Claim")) == sorted(claims_of(token_of(client)))


def test_every_name_of_a_refusal_is_explained():
    known = {name for _, name in FORGERIES.values()} | {"site", "issuer", "early", "expired", "reader"}

    assert set(cells("Name")) == known


def test_every_mode_of_an_outage_is_explained():
    words = PAGE.split("| `--outage` | ")[1].split("\n\n")[0]

    assert re.findall(r"^\| `(\w+)` \|", words, re.MULTILINE) == list(token_keys.OUTAGE_MODES)


def test_the_figures_are_those_of_the_code():
    least, most = entitlements.LEAST_LIFETIME_SECONDS, entitlements.MOST_LIFETIME_SECONDS

    assert f"From {least} to {most:,} seconds." in PAGE
    assert (entitlements.LIFETIME_SECONDS, token_keys.CACHE_SECONDS) == (10 * 60, 5 * 60)
    assert (token_keys.PUBLISHED_BEFORE.seconds, token_keys.PUBLISHED_AFTER.seconds) == (11 * 60, 61 * 60)


def test_the_curl_that_is_shown_works(client):
    [line] = [line for line in shell_blocks(PAGE) if line.startswith("curl ")]

    assert sorted(send(client, line).json) == ["expires_at", "token"]


def test_the_snippet_that_is_shown_works(installation, monkeypatch):
    sell(installation.client)
    subscribe(installation.client)
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.syspath_prepend(str(EDGE))

    with answering(installation.app) as root:
        said = {"token": token_of(installation.client)}
        exec(code.replace("http://127.0.0.1:8000", root), said)  # noqa: S102 -- our own page
    sys.modules.pop("verifier", None)

    assert said["answer"] == (True, "subscription")
