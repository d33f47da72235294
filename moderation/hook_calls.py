"""Asking a site's own rule: one signed POST a comment, at most so long, and never into a hook that is down.

Every way of failing (late, refused, no HTTP, another status than 200, an answer that does not fit) is an
answer without an action, which never publishes. A hook that failed five times in a row is left alone for
half a minute by this process; then one comment tries it.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from threading import Lock
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from moderation import signing, webhook_client
from moderation.ids import new_id
from moderation.policy import DECISION_REASONS, HookAnswer
from moderation.services.comments import Asked
from moderation.services.site_hooks import Hook, Question

log = logging.getLogger("replydesk")
ACTIONS = ("publish", "queue", "reject", "none")
MOST_ANSWER_BYTES, MOST_DETAIL = 16_384, 500
FAILURES_TO_OPEN, OPEN_SECONDS = 5, 30.0
# A batch is asked about for so long in all; what is left then waits for people.
BATCH_SECONDS = 5.0
BATCH_AT_ONCE, SINGLE_AT_ONCE = 8, 32
LEFT_ALONE = "It failed several times and is left alone for a while."
LATE = "No answer in time."
OK = 200

ANSWERS = Counter("replydesk_site_hook_answers", "Answers of the sites' own rules.", ["answer"])
SECONDS = Histogram("replydesk_site_hook_seconds", "Time of a site's own rule, where it was called.",
                    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0))  # fmt: skip
OPEN = Gauge("replydesk_site_hooks_open", "Hooks that this process leaves alone after failures.")


@dataclass
class Breaker:
    """Counts failures in a row; open, it lets nobody through until one may try again."""

    url: str
    failures: int = 0
    tries_at: float = 0.0
    lock: Lock = field(default_factory=Lock)

    @property
    def is_open(self) -> bool:
        return self.failures >= FAILURES_TO_OPEN

    def lets_through(self) -> bool:
        with self.lock:
            if not self.is_open:
                return True
            now = time.monotonic()
            if now < self.tries_at:
                return False
            # This one tries; the others wait for what comes of it.
            self.tries_at = now + OPEN_SECONDS
            return True

    def learn(self, hook: Hook, error: str) -> None:
        with self.lock:
            was_open = self.is_open
            self.failures = self.failures + 1 if error else 0
            is_open = self.is_open
            if is_open:
                self.tries_at = time.monotonic() + OPEN_SECONDS
        if is_open and not was_open:
            log.warning("hook: that of site %s is left alone for %g s: %s", hook.site_id, OPEN_SECONDS, error)
        if was_open and not is_open:
            log.info("hook: that of site %s answers again", hook.site_id)


_breakers: dict[str, Breaker] = {}
OPEN.set_function(lambda: sum(breaker.is_open for breaker in list(_breakers.values())))


@cache
def _threads(at_once: int) -> ThreadPoolExecutor:
    # Made by the first question, so in the process that serves and not in the one that forks it.
    return ThreadPoolExecutor(at_once, thread_name_prefix=f"hook-{at_once}")


def ask(question: Question | None, *, allow_private: bool) -> Asked | None:
    """Ask about one comment; returns within the rule's time, whatever the hook and the resolver do."""
    if question is None:
        return None
    ends = time.monotonic() + question.timeout_seconds
    [asked] = _ask([question], _threads(SINGLE_AT_ONCE), allow_private, ends)
    return asked


def ask_each(questions: Sequence[Question | None], *, allow_private: bool) -> list[Asked | None]:
    """Ask about the comments of a batch, a few at once and within ``BATCH_SECONDS`` in all."""
    found = _ask(
        [question for question in questions if question is not None], _threads(BATCH_AT_ONCE), allow_private,
        time.monotonic() + BATCH_SECONDS,
    )  # fmt: skip
    return [next(found) if question is not None else None for question in questions]


def _ask(questions: Sequence[Question], threads: ThreadPoolExecutor, private: bool, ends: float) -> Iterator[Asked]:
    tasks = [threads.submit(_ask_one, question, private, ends) for question in questions]
    wait(tasks, timeout=max(0.0, ends - time.monotonic()))
    for question, task in zip(questions, tasks, strict=True):
        asked = _outcome(question, task)
        ANSWERS.labels(asked.answer.action or "error").inc()
        yield asked


def _outcome(question: Question, task: "Future[Asked]") -> Asked:
    if task.done():
        return task.result()
    if not task.cancel() and question.hook is not None:
        # It was begun and hangs where no deadline of ours reaches, as in the look-up of a name.
        _breaker(question.hook).learn(question.hook, LATE)
    return Asked(HookAnswer(error=LATE), question.dry_run, question.timeout_seconds)


def _ask_one(question: Question, private: bool, ends: float) -> Asked:
    hook = question.hook
    if hook is None:
        return Asked(HookAnswer(error="No hook is set."), question.dry_run)
    breaker = _breaker(hook)
    if not breaker.lets_through():
        return Asked(HookAnswer(error=LEFT_ALONE), question.dry_run)
    began = time.monotonic()
    answer = _call(hook, question.body, private, min(question.timeout_seconds, ends - began))
    breaker.learn(hook, answer.error)
    seconds = time.monotonic() - began
    SECONDS.observe(seconds)
    return Asked(answer, question.dry_run, seconds)


def _breaker(hook: Hook) -> Breaker:
    found = _breakers.get(hook.site_id)
    if found is None or found.url != hook.url:
        # Another address is another hook.
        found = _breakers[hook.site_id] = Breaker(hook.url)
    return found


def _call(hook: Hook, told: Mapping[str, Any], private: bool, seconds: float) -> HookAnswer:
    if seconds <= 0:
        return HookAnswer(error=LATE)
    body = json.dumps(told, ensure_ascii=False, default=_plain).encode()
    signed = signing.headers(hook.secrets, id=new_id("ask"), timestamp=int(time.time()), body=body)
    headers = {**signed, "Content-Type": "application/json"}
    answer = webhook_client.post(hook.url, headers=headers, body=body, allow_private=private, deadline_seconds=seconds)
    if answer.status is None:
        late = answer.error.startswith("No answer")
        return HookAnswer(error=LATE if late else answer.error)
    if answer.status != OK:
        return HookAnswer(error=f"It answered with the status {answer.status}.")
    return read(answer.body)


def read(body: bytes) -> HookAnswer:
    """Read ``{"action", "reason"?, "detail"?}``; what does not fit in any way is an answer without an action."""
    if len(body) > MOST_ANSWER_BYTES:
        return HookAnswer(error=f"Its answer is longer than {MOST_ANSWER_BYTES} bytes.")
    try:
        said = json.loads(body, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        return HookAnswer(error="Its answer is not JSON.")
    if not isinstance(said, dict) or not said.keys() <= _FIELDS.keys() or "action" not in said:
        return HookAnswer(error='Its answer is not an object with "action", and "reason" or "detail" at the most.')
    wrong = [name for name, value in said.items() if not _FIELDS[name](value)]
    if wrong:
        return HookAnswer(error=f'The "{wrong[0]}" of its answer is not one that is understood.')
    return HookAnswer(said["action"], said.get("reason"), said.get("detail", ""))


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _is_sentence(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MOST_DETAIL and (not value or value.isprintable())


_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "action": lambda value: isinstance(value, str) and value in ACTIONS,
    "reason": lambda value: value is None or (isinstance(value, str) and value in DECISION_REASONS),
    "detail": _is_sentence,
}


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is no JSON")
