"""/1.1: the calls of Akismet's REST protocol (protocols.md 2), answered by our policy and model.

Everything but overload and faults of ours is HTTP 200: clients look at the status first and take any other for
"Akismet is down". Bodies are compared byte for byte.
"""

from flask import Blueprint, Flask, Response, current_app, g, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from moderation import auth, http_errors, scoring
from moderation.akismet import KEY, Submission, clean, read_form
from moderation.db import db, mark_reading
from moderation.errors import NotReady, Unauthenticated
from moderation.models import Comment
from moderation.policy import Status
from moderation.services import intake, policies, spam_checks
from moderation.services.comments import Asked, Scored
from moderation.services.spam_checks import Answer
from moderation.views import asking, limits
from moderation.views.transaction import before_writing, changes

RECHECK_AFTER_SECONDS = 900
THANKS = "Thanks for making the web a better place."
_NOT_KEPT = ("akismet.verify",)
TOO_MANY = 429
_PASSED_ON = (TOO_MANY, 500, 503)
_AGAIN_STATUS = {409: 503}
_MOST_HELP = 200

# A key of 12 hex digits is short, so guessing must be slow; good keys are never counted.
WRONG_KEYS_A_MINUTE = 60
limiter = Limiter(get_remote_address, storage_uri="memory://", default_limits=[])

bp = Blueprint("akismet", __name__, url_prefix="/1.1")


def _was_wrong_key(response: Response) -> bool:
    return response.get_data() == b"invalid" and "api_key" not in g


limiter.limit(f"{WRONG_KEYS_A_MINUTE} per minute", deduct_when=_was_wrong_key)(bp)


class Refused(Exception):  # noqa: N818 -- what the answer is, not what went wrong here
    """Answered by ``invalid`` with a sentence for whoever reads the client's log."""


@bp.before_request
def check_key() -> None:
    """Read the form and ask whose key it is; nothing is done without one."""
    g.submission = _submission()
    key = g.submission["api_key"] or g.submission["key"] or _key_of_host()
    try:
        g.api_key, g.site = auth.find(key, door="akismet")
    except Unauthenticated:
        raise Refused("The key is unknown, expired or revoked; it has 12 hex digits.") from None
    g.actor = f"key:{g.api_key.id}"
    mark_reading(request.endpoint in _NOT_KEPT)
    # The key alone may be probed; everything else is about a comment.
    missing = [name for name in g.submission.missing if name == "blog" or request.endpoint not in _NOT_KEPT]
    if missing:
        raise Refused(f'Empty "{missing[0]}" value')


@bp.post("/verify-key")
def verify() -> Response:
    """Akismet's verify-key: whether a key is good"""
    return _say("valid")


Prepared = tuple[Scored, Asked | None]


def _prepare() -> Prepared | None:
    """Scores, and what the site's own rule says; None where neither is asked: the answer stands already."""
    submission: Submission = g.submission
    needless = submission.is_guaranteed_spam or submission.is_by_administrator or not submission.text
    if needless or _known() is not None:
        return None
    # The author adds evidence of spam alone, so nothing else need be known of the text with the author.
    scored = spam_checks.merged(*scoring.current().score([submission.text, submission.with_author], {1: "spam"}))
    if submission.is_trial or scored.scores is None:
        return scored, None
    return scored, asking.about(scored, spam_checks.as_reply(submission, str(current_app.secret_key)))


def _known() -> Comment | None:
    submission: Submission = g.submission
    if submission.is_trial:
        return None
    return spam_checks.known(db.session(), g.site, submission, str(current_app.secret_key))


@bp.post("/comment-check")
@before_writing(_prepare)
@changes
def check(prepared: Prepared | None) -> Response:
    """Akismet's comment-check: the reply is scored, decided and stored, and the answer is true for spam"""
    return _in_akismets_words(_answer(g.submission, prepared))


@bp.post("/submit-spam")
@changes
def submit_spam() -> Response:
    """Akismet's submit-spam: missed spam, a decision on the checked comment or a training label"""
    return _report(is_spam=True)


@bp.post("/submit-ham")
@changes
def submit_ham() -> Response:
    """Akismet's submit-ham: a false alarm, a decision on the checked comment or a training label"""
    return _report(is_spam=False)


def _answer(submission: Submission, prepared: Prepared | None) -> Answer:
    if submission.is_guaranteed_spam:
        return Answer(Status.REJECTED, is_blatant=True)
    if submission.is_by_administrator or not submission.text:
        return Answer(Status.PUBLISHED)
    found = _known()
    if found is not None:
        return spam_checks.answer_for(found)
    if prepared is None or prepared[0].scores is None:
        # Never a wrong "false": the client keeps the comment and asks again.
        raise NotReady("No model can score just now.")
    session, (scored, asked) = db.session(), prepared
    policy = policies.in_force(session, g.site)
    if submission.is_trial:
        return spam_checks.judge(submission, policy, scored)
    data = spam_checks.as_reply(submission, str(current_app.secret_key))
    # The client has its own idea of who may comment; here it only asks what this comment is.
    comment, _ = intake.submit(session, g.site, policy, scored, data, actor=g.actor, asked=asked, of_anybody=True)
    asking.note()
    return spam_checks.answer_for(comment)


def _report(*, is_spam: bool) -> Response:
    submission: Submission = g.submission
    if submission.text and not (submission.is_trial or submission.is_guaranteed_spam):
        secret = str(current_app.secret_key)
        spam_checks.report(db.session(), g.site, submission, is_spam=is_spam, secret=secret, actor=g.actor)
    return _say(THANKS)


def _in_akismets_words(answer: Answer) -> Response:
    held = answer.is_abuse and not current_app.config["AKISMET_ABUSE_IS_SPAM"]
    response = _say("true" if answer.status is Status.REJECTED and not held else "false")
    response.headers["X-akismet-guid"] = answer.guid
    if answer.is_blatant:
        response.headers["X-akismet-pro-tip"] = "discard"
    if held or answer.status is Status.PENDING:
        response.headers["X-akismet-recheck-after"] = str(RECHECK_AFTER_SECONDS)
    return response


def _submission() -> Submission:
    if request.mimetype == "multipart/form-data":
        return Submission({clean(name): clean(value) for name, value in request.form.items()})
    return Submission(read_form(request.get_data(), request.mimetype_params.get("charset")))


def _key_of_host() -> str:
    """The key as the first label of the host; behind a public address only in front of that very host."""
    label, _, rest = request.host.partition(":")[0].partition(".")
    return label if KEY.fullmatch(label) and rest in _bases(rest) else ""


def _bases(rest: str) -> tuple[str, ...]:
    public = current_app.config["PUBLIC_URL"].partition("://")[2].partition("/")[0].partition(":")[0]
    return (public, f"rest.{public}") if public else (rest,)


def _say(text: str, status: int = 200) -> Response:
    return Response(text, status, content_type="text/plain; charset=utf-8")


def _invalid(help_text: str) -> Response:
    response = _say("invalid")
    told = help_text.replace("“", '"').replace("”", '"').encode("ascii", "replace").decode()
    response.headers["X-akismet-debug-help"] = " ".join(told.split())[:_MOST_HELP]
    return response


def refuse(error: Refused) -> Response:
    return _invalid(str(error))


def dialect(own: Response) -> Response:
    """Say in Akismet's words what our own answer says; what should be tried again keeps its status."""
    told = own.get_json()["detail"]
    status = _AGAIN_STATUS.get(own.status_code, own.status_code)
    if status not in _PASSED_ON:
        return _invalid(told)
    response = _invalid(told)
    response.status_code = status
    response.set_data("")
    response.headers["Retry-After"] = "60" if status == TOO_MANY else str(http_errors.RETRY_AFTER_SECONDS)
    return response


def install(app: Flask) -> None:
    app.register_error_handler(Refused, refuse)
    http_errors.speak(app, "/1.1", dialect)
    app.register_blueprint(bp)
    limits.attach(app, limiter, bp)
