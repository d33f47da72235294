"""Mail out, by the operator's own mail server (SMTP, RFC 5321; submission with TLS, RFC 8314)."""

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate

TLS_MODES = ("starttls", "tls", "none")
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Mailbox:
    """The server and who writes; ``tls`` is one of ``TLS_MODES``."""

    host: str
    port: int
    tls: str
    user: str
    password: str
    sender: str


def send(box: Mailbox, *, to: Sequence[str], subject: str, text: str, id: str) -> str | None:
    """Send one mail to all; return None once it was taken, else a sentence.

    ``id`` makes its Message-ID: where a worker died in the middle and another sends it again, mailboxes
    that know the id show one. Certificates are checked.
    """
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = box.sender, ", ".join(to), subject
    message["Date"], message["Message-ID"] = formatdate(), f"<{id}@{box.sender.rpartition('@')[2] or 'replydesk'}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    try:
        _deliver(box, message)
    except (smtplib.SMTPException, OSError) as error:
        return _sentence(error)
    return None


def _deliver(box: Mailbox, message: EmailMessage) -> None:
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if box.tls == "tls":
        server = smtplib.SMTP_SSL(box.host, box.port, timeout=TIMEOUT_SECONDS, context=context)
    else:
        server = smtplib.SMTP(box.host, box.port, timeout=TIMEOUT_SECONDS)
    try:
        if box.tls == "starttls":
            server.starttls(context=context)
        if box.user:
            server.login(box.user, box.password)
        server.send_message(message)
        # It was taken: what is said at parting changes nothing.
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
    finally:
        server.close()


def _sentence(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "The mail server refused the user and the password."
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "The mail server refused every address."
    if isinstance(error, ssl.SSLCertVerificationError):
        return "The mail server's certificate is not valid for its name."
    if isinstance(error, smtplib.SMTPResponseException):
        return f"The mail server answered {error.smtp_code}."
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "The mail server does not offer what is set (STARTTLS, or a user and a password)."
    return f"The mail server could not be reached ({type(error).__name__})."
