"""Which addresses this installation lets an endpoint have."""

from typing import TypedDict

from flask import current_app


class WhereWeRun(TypedDict):
    """As ``addresses.fault_of_url`` asks for it."""

    private: bool
    plain: bool


def where_we_run() -> WhereWeRun:
    config = current_app.config
    return {"private": config["WEBHOOK_ALLOW_PRIVATE"], "plain": config["ENV"] == "development"}
