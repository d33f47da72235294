"""“Are you sure?”: the figures of a dry run, their tag, and the refusal of an answer to an older question."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import g

from moderation.db import db
from moderation.errors import StaleVersion
from moderation.schemas.subscriptions import FiguresOut
from moderation.services import figures
from moderation.services.figures import Figures
from moderation.views.paging import if_match_names
from moderation.views.transaction import is_dry_run


def asked(view: Callable[..., Any]) -> Callable[..., Any]:
    """Honour ``If-Match`` on a reader's account, and let a dry run tell the figures before and after.

    Put this last: it needs what the view returns before it is written out. The tag is compared while the
    account is locked (RFC 9110, section 13.1.1), so that nothing comes between the question and the answer.
    """

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with figures.watched(db.session(), g.site, _check) as watch:
            answer = view(*args, **kwargs)
        if not is_dry_run():
            return answer
        body, status = answer if isinstance(answer, tuple) else (answer, 200)
        return body | watch.told(), status, {"ETag": _quoted(watch.tag)}

    return wrapper


def _check(tag: str, before: Figures) -> None:
    if not if_match_names(_quoted(tag)):
        sentence = "The account has changed since you saw it; nothing was done."
        raise StaleVersion(sentence, tag=_quoted(tag), current=FiguresOut().dump(before))


def tag_of(reader_id: str) -> str:
    """The ETag of a reader's account.

    Ask for it before the figures are read: should anything change in between, the tag is the older one, and
    an answer is refused once too often instead of once too seldom.
    """
    return _quoted(figures.tag_of(db.session(), g.site, reader_id))


def _quoted(tag: str) -> str:
    return f'"{tag}"'
