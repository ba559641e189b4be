"""Replies of the server: refusals with their enhanced codes (RFC 3463), and codes for what aiosmtpd says itself."""

import re

# For replies of aiosmtpd's own that have none.
_ENHANCED = {
    "220": "2.0.0",
    "221": "2.0.0",
    "250": "2.0.0",
    "421": "4.7.0",
    "454": "4.7.0",
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "504": "5.5.4",
    "554": "5.7.0",
}
_REPLY = re.compile(r"(?P<code>[245]\d\d) (?!\d\.\d+\.\d+ )(?:Error: )?(?P<text>.*)", re.DOTALL)

# The reason of refusals while the database is away.
UNAVAILABLE = "unavailable"


class Refusal(Exception):
    """A command or a message is refused. `reason` is counted; the text is one line and starts with both codes."""

    def __init__(self, reason: str, reply: str) -> None:
        super().__init__(reply)
        self.reason, self.reply = reason, reply


def with_enhanced_code(reply: str) -> str:
    """Return the reply with an enhanced code, if it has none; what the client wrote isn't repeated."""
    found = _REPLY.fullmatch(reply)
    if found is None:
        return reply
    code, text = found["code"], found["text"]
    if code == "500" and text.startswith("command "):
        return "500 5.5.1 There is no such command"
    return f"{code} {_ENHANCED.get(code, f'{code[0]}.0.0')} {text}"


def unavailable() -> Refusal:
    """Return the refusal while the database can't be used."""
    return Refusal(UNAVAILABLE, "451 4.3.0 Mailroom can't store email at the moment; try again later")
