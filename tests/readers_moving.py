"""Files of readers, as the tests of `import readers` write them, and what they ask of an installation."""

import json

import sqlalchemy as sa

from moderation.db import db
from moderation.models import Base
from tests.engagement import sell

PAID_UNTIL = "2032-03-04T05:06:07Z"
WHOLE = {
    "reader_id": "u-1",
    "reader_name": "Ana",
    "unlocks_left": 3,
    "unlocked_posts": ["2041", "2042"],
    "plan": "monthly",
    "paid_until": PAID_UNTIL,
    "stripe_customer": "cus_1",
    "stripe_subscription": "sub_1",
}


def row(**changes):
    """A row of our own columns; a column that is None is left out."""
    return {name: value for name, value in (WHOLE | changes).items() if value is not None}


def plain(number, **changes):
    """A reader with units and posts only."""
    return {"reader_id": f"u-{number}", "unlocks_left": 2, "unlocked_posts": ["a", "b"]} | changes


def json_lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def text(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def meta(user, **told):
    """Rows of wp_usermeta as CSV."""
    quoted = {name: str(value).replace('"', '""') for name, value in told.items()}
    return [f'{user},wp_jpw_{name},"{value}"' for name, value in quoted.items()]


META_HEAD = "user_id,meta_key,meta_value"
LEAKY_HEAD = (
    "user_id,user_login,user_email,first_name,last_name,level_id,hash,subscriber_id,price,description,plan,created,"
    "expires,payment_gateway,payment_status"
)


def leaky(user=7, level="0", expires="2032-03-04 23:59:59", status="active", gateway="stripe", subscriber="cus_7"):
    return (
        f"{user},ana,ana@marker.example,Ana,Ok,{level},abc,{subscriber},5.00,Monthly,,2029-01-01 00:00:00,"
        f"{expires},{gateway},{status}"
    )


def bring(installation, path, *words, form="jsonl", code=None):
    """Import it and return the report; a fault that is not in the file fails the test."""
    result = installation.run("import", "readers", path, "--format", form, "--json", *words)
    assert result.exit_code in ((0, 1) if code is None else (code,)), result.output
    assert result.stdout, result.stderr
    return json.loads(result.stdout)


def held(installation):
    """What readers hold, as `export --readers` writes it, by reader."""
    result = installation.run("export", "--readers")
    assert result.exit_code == 0, result.output
    return {found["reader_id"]: found for found in map(json.loads, result.stdout.splitlines())}


def is_proved(installation):
    return installation.run("ledger", "verify").exit_code == 0


def everything(installation):
    """Every row of every table, in no order."""
    with installation.app.app_context():
        tables = Base.metadata.sorted_tables
        return {table.name: sorted(map(str, db.session.execute(sa.select(table)))) for table in tables}


def sold(installation):
    sell(installation.client, "monthly")
    return installation


def reasons(told):
    """How many rows were skipped for which reason."""
    return {reason: found["count"] for reason, found in told["skipped"].items()}
