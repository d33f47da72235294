"""The door of every change: idempotency, dry run and the one commit of a request."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, request

from moderation import idempotency
from moderation.db import db, reading
from moderation.errors import Invalid

Work = Callable[..., Any]
_DRY = {"true": True, "false": False, "1": True, "0": False}


def changes(view: Callable[..., Response]) -> Callable[..., Response]:
    """Commit what the view did, once; roll it back for ``?dry_run=true``.

    The view under it must return a ``Response`` (put this above ``@blueprint.response``). Whatever it
    raises leaves nothing behind: the session is rolled back when the request ends.
    """

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        session = db.session()
        dry = is_dry_run()
        key = idempotency.key_of_request() if request.method == "POST" else None
        key = None if dry else key
        replayed = idempotency.find(session, key) if key else None
        if replayed is not None:
            return replayed
        response = view(*args, **kwargs)
        if dry:
            session.rollback()
            return response
        if key:
            idempotency.store(session, key, response)
        session.commit()
        return response

    return wrapper


def before_writing(work: Work) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Do ``work`` before the transaction that writes, and pass what it gives to the view as ``prepared``.

    It is called with what the view is called with: the body, where there is one, and what the address names.

    Put this above ``@changes``. Scoring takes milliseconds and the
    site's own rule up to a second, in which nobody should wait for a lock.
    """

    def decorate(view: Callable[..., Response]) -> Callable[..., Response]:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Response:
            with reading():
                prepared = work(*args, **kwargs)
                db.session.rollback()
            return view(*args, prepared=prepared, **kwargs)

        return wrapper

    return decorate


def is_dry_run() -> bool:
    """Whether this request only asks what would happen; raise ``Invalid`` for another word."""
    word = request.args.get("dry_run", "false").lower()
    if word not in _DRY:
        raise Invalid([{"parameter": "dry_run", "detail": "Must be true or false."}])
    return _DRY[word]
