"""The threads that talk to other people's servers; they never see the database."""

import logging
import queue
import threading
import time
from dataclasses import dataclass, field

from moderation import courier, signing, webhook_client
from moderation.mailer import Mailbox
from moderation.services.deliveries import Attempt, Outcome
from moderation.services.notices import Errand

log = logging.getLogger("replydesk.worker")
Job = Attempt | Errand


@dataclass
class Senders:
    """``count`` threads, so that one endpoint that answers slowly takes one of them and no more."""

    count: int
    allow_private: bool
    deadline_seconds: float
    mailbox: Mailbox
    under_way: dict[str, Job] = field(default_factory=dict)
    _todo: "queue.SimpleQueue[Job | None]" = field(default_factory=queue.SimpleQueue)
    _done: "queue.SimpleQueue[tuple[Job, Outcome]]" = field(default_factory=queue.SimpleQueue)

    def start(self) -> None:
        for number in range(self.count):
            # Daemons: the end of the process never waits for a server that does not answer.
            threading.Thread(target=self._work, name=f"sender-{number}", daemon=True).start()

    def close(self) -> None:
        for _ in range(self.count):
            self._todo.put(None)

    @property
    def has_room(self) -> bool:
        return len(self.under_way) < self.count

    def send(self, job: Job) -> None:
        self.under_way[job.lease] = job
        self._todo.put(job)

    def finished(self, *, wait_seconds: float) -> list[tuple[Job, Outcome]]:
        """Return what is finished; where nothing is, wait up to ``wait_seconds`` for the first."""
        found = []
        try:
            found.append(self._done.get(block=wait_seconds > 0, timeout=max(0.0, wait_seconds)))
            while True:
                found.append(self._done.get_nowait())
        except queue.Empty:
            pass
        for job, _ in found:
            self.under_way.pop(job.lease)
        return found

    def _work(self) -> None:
        while (job := self._todo.get()) is not None:
            self._done.put((job, self._send(job) if isinstance(job, Attempt) else self._carry(job)))

    def _carry(self, errand: Errand) -> Outcome:
        try:
            return courier.carry(
                errand, self.mailbox, allow_private=self.allow_private, deadline_seconds=self.deadline_seconds
            )
        except Exception:
            log.exception("fault while sending %s", errand.notice_id)
            return Outcome(None, "A fault of ours, which was logged.")

    def _send(self, attempt: Attempt) -> Outcome:
        try:
            # The timestamp is this attempt's, the id the event's: a receiver refuses old ones and repeats.
            stamp = int(time.time())
            signed = signing.headers(attempt.secrets, id=attempt.event_id, timestamp=stamp, body=attempt.body)
            sent, began = {**signed, "content-type": "application/json"}, time.monotonic()
            answer = webhook_client.post(
                attempt.url,
                headers=sent,
                body=attempt.body,
                allow_private=self.allow_private,
                deadline_seconds=self.deadline_seconds,
            )
        except Exception:
            log.exception("fault while sending %s to %s", attempt.event_id, attempt.endpoint_id)
            return Outcome(None, "A fault of ours, which was logged.")
        took = round((time.monotonic() - began) * 1000)
        return Outcome(
            answer.status, answer.error, answer.retry_after_seconds, sent=sent, milliseconds=took,
            headers=answer.headers, body=answer.body, cut=len(answer.body) >= webhook_client.MOST_ANSWER_BYTES,
        )  # fmt: skip
