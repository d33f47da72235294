"""A mail server on loopback: it keeps what it took, asks for a sign-in or speaks TLS where it is told to."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

TLS = Path(__file__).parent / "tls"


class MailServer:
    """``refuse`` is what it answers to a mail instead of taking it."""

    def __init__(self) -> None:
        self.mails, self.refuse, self.user, self.port = [], "", ("", ""), 0

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802 -- aiosmtpd's name
        if self.refuse:
            return self.refuse
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append({"to": envelope.rcpt_tos, "mail": mail, "text": mail.get_content(), "tls": session.ssl})
        return "250 Taken"

    def knows(self, _server, _session, _envelope, _mechanism, data):
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self.user, handled=False)


class _Controller(Controller):
    def factory(self):
        return SMTP(self.handler, **self.SMTP_kwargs)


@contextmanager
def serving(*, starttls: bool = False, signed_in: bool = False) -> Iterator[MailServer]:
    server, settings = MailServer(), {}
    if starttls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
        settings |= {"tls_context": context, "require_starttls": True}
    if signed_in:
        settings |= {"authenticator": server.knows, "auth_required": True, "auth_require_tls": starttls}
    # It connects to itself to see that it runs, so it has to know its port before.
    with socket.create_server(("127.0.0.1", 0)) as free:
        server.port = free.getsockname()[1]
    controller = _Controller(server, hostname="127.0.0.1", port=server.port, **settings)
    controller.start()
    yield server
    controller.stop()
