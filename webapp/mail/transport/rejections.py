"""Whom a rejection is about: the server's every message, or this one; and whether another server may send the message.

Servers reject senders, machines and EHLO names where they are asked about the recipient (Postfix does by default), so
neither the stage nor the first digit says whose fault it is: what the reply is about does (`webapp.mail.replies`).
"""

from webapp.mail.replies.reading import read
from webapp.mail.transcript import Stage
from webapp.mail.transport.errors import DeliveryError, Scope
from webapp.providers import Cause

# From here on the server knows something of the message, so the message may be the cause of a failure.
SESSION_STAGES = (Stage.MAIL, Stage.RCPT, Stage.DATA)
# Rejections of this recipient, or of what is sent, which any server would send as it is.
OF_THE_MESSAGE = frozenset({
    Cause.RECIPIENT_UNKNOWN, Cause.RECIPIENT_MAILBOX_FULL, Cause.RECIPIENT_REFUSED, Cause.RECIPIENT_SYNTAX,
    Cause.MESSAGE_TOO_LARGE, Cause.LINE_TOO_LONG, Cause.CONTENT_REFUSED, Cause.HEADER_INVALID,
})  # fmt: skip
# Rejections for now, which other messages may not have. Of a quota others have it too, but it is asked for by message.
_FOR_NOW = frozenset({
    Cause.GREYLISTED, Cause.RATE_LIMITED, Cause.QUOTA_EXCEEDED, Cause.SENDER_MAILBOX_FULL, Cause.TOO_MANY_RECIPIENTS,
    Cause.SERVER_BUSY, Cause.SERVER_FULL, Cause.SERVER_CLOSING,
})  # fmt: skip
# What other messages to other recipients would exceed as well, or find as it is.
_OF_THE_SERVER_FOR_NOW = frozenset({
    Cause.RATE_LIMITED, Cause.QUOTA_EXCEEDED, Cause.SENDER_MAILBOX_FULL, Cause.SERVER_FULL, Cause.SERVER_CLOSING,
})  # fmt: skip
_OF_THE_SENDER = frozenset({Cause.SENDER_NOT_ALLOWED, Cause.SENDER_DOMAIN, Cause.DKIM_SPF_DMARC})
# Rejections of the sign-in, or of the lack of one: no message, sender or recipient changes anything.
_OF_EVERYONE = frozenset({
    Cause.CREDENTIALS, Cause.APP_PASSWORD_NEEDED, Cause.AUTH_DISABLED, Cause.AUTH_REQUIRED, Cause.AUTH_MECHANISM,
    Cause.TOKEN_REJECTED, Cause.TLS_REQUIRED,
})  # fmt: skip
# Known from the size announced in MAIL.
_KNOWN_AT_MAIL = frozenset({Cause.MESSAGE_TOO_LARGE})
# The server shuts down, the commands are unknown or out of order, or nobody has signed in.
_CODES_OF_THE_SERVER = (421, 500, 502, 503, 530, 535)


def scope(stage: Stage, reply: str) -> Scope:
    """Return what a rejection of MAIL, RCPT or DATA concerns (RFC 5321, 4.2.1; RFC 3463)."""
    reading, code = read(stage, reply), int(reply[:3])
    for_now = Scope.MESSAGE if code < 500 else Scope.RECIPIENT
    if reading.cause in _KNOWN_AT_MAIL and reading.confidence == "high":
        return for_now
    if stage is Stage.MAIL or code in _CODES_OF_THE_SERVER:
        return Scope.SERVER
    if reading.cause is Cause.NOT_UNDERSTOOD:
        # RFC 3463, 3.8: a rule about who may send, rather than an address that doesn't exist.
        return Scope.SERVER if stage is Stage.RCPT and reply[4:].lstrip("#").startswith("5.7.") else for_now
    if reading.cause in _FOR_NOW:
        return Scope.MESSAGE
    return for_now if reading.cause in {*OF_THE_MESSAGE, Cause.SMTPUTF8_UNSUPPORTED} else Scope.SERVER


def scope_of_own_sender(error: DeliveryError) -> Scope:
    """Return what a failure concerns if the message has a sender of its own, which others don't share."""
    if error.scope is not Scope.SERVER or not error.reply:
        return error.scope
    if read(error.stage, error.reply).cause not in _OF_THE_SENDER:
        return error.scope
    return Scope.RECIPIENT if error.reply.startswith("5") else Scope.MESSAGE


def may_be_sent_elsewhere(error: DeliveryError) -> bool:
    """Return whether another server may take a message at once that this one failed to send.

    It may if who sends was rejected, or how much is sent. It won't if the recipient or the content was: then the other
    one gets the same answer, or spoils its reputation. A delay of first-time senders begins anew with each server.
    One of which the server got everything before it closed the connection may arrive twice: servers that are stopped
    do that, and hardly ever have they kept it.
    """
    if error.scope is Scope.UNCERTAIN:
        return error.params.get("cause") == "connection_closed"
    if not error.reply or error.stage not in SESSION_STAGES:
        return error.scope is Scope.SERVER
    cause = read(error.stage, error.reply).cause
    if cause in {*OF_THE_MESSAGE, Cause.GREYLISTED}:
        return False
    return error.scope is Scope.SERVER or cause in _OF_THE_SERVER_FOR_NOW


def concerns_everyone(stage: str, reply: str) -> bool:
    """Return whether a rejection is certainly about who signs in, so that the message can't be its cause."""
    if stage != Stage.MAIL and not reply.startswith("53"):
        return False
    reading = read(stage, reply)
    return reading.cause in _OF_EVERYONE and reading.confidence == "high"
