"""Takes a reply apart: its code, its enhanced code, its words without what varies, and the names in it."""

import re
from dataclasses import dataclass

# In characters: servers say what they mean well before that, and searching takes longer with each more.
MAX_SEARCHED = 2000
_ENHANCED = r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d]|\.\d)"
_START = re.compile(rf"(?:(?P<code>\d{{3}})(?=[ -]|$)[ -]?)?\s*[#(\[]*(?P<enhanced>{_ENHANCED})?[\])]*:?\s*")
_ANY_ENHANCED = re.compile(_ENHANCED)
# Such as of "Error: 535 5.7.139 Authentication unsuccessful" in a reply to MAIL.
_QUOTED = re.compile(rf"(?<![\d.-])[45][0-5]\d[ -]{_ENHANCED} ")
# The words of the recipient's own server, which anybody may run: Postfix quotes them when it verifies recipients
# (reject_unverified_recipient), Exim in callouts.
_FOREIGN = re.compile(r"\bhost \S{1,300} said: [\s\S]*|^(?:\d{3}[ -])?Response: .*", re.IGNORECASE | re.MULTILINE)
_LINE_ENDS = re.compile(r"<(cr ?lf|lf|cr)>", re.IGNORECASE)
_URL = re.compile(r"<?\b(?:https?://|www\.)[^\s<>\"]+>?", re.IGNORECASE)
_ADDRESS = re.compile(r"<[^<>]{0,300}>|(?<!\S)[^\s@]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}")
# Such as "qJ7x1Z02k8bWm3" and "relay=": numbers of this message, and the names of values that were left out.
_ID = re.compile(r"\b(?=[a-zA-Z]*\d[a-zA-Z]*\d)[a-zA-Z\d]{12,64}\b|\b[a-z_]{1,30}=(?=\s|$)")
_BRACKETS = re.compile(r"\[[^\[\]]{0,300}\]")
_IP = re.compile(r"(?<![\w.])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){3,7})(?![\w:])")
_DOMAIN = re.compile(r"(?<![\w.@-])[a-z0-9][a-z0-9-]{0,62}(?:\.[a-z0-9-]{1,63}){0,8}\.[a-z]{2,24}(?![\w-])")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NO_WORD = re.compile(r"[^\w']+")
IP_WORD = "ipaddress"
DOMAIN_WORD = "thisdomain"


@dataclass(frozen=True)
class ParsedReply:
    """A reply in parts.

    `code` is 0 if there is none. `enhanced` are all enhanced codes, the one at the start first. `quoted` is another
    reply that this one quotes, of an earlier command or another server. `text` is one lower-case line without
    addresses, URLs and ids: anybody may choose their words. `names` are the words of the URLs and host names in it.
    """

    code: int
    enhanced: tuple[str, ...]
    quoted: str
    text: str
    names: str


def parse(reply: str) -> ParsedReply:
    """Take a reply apart, as `webapp.mail.transport.smtp.reply_text` writes it, or with a code on every line."""
    reply = _FOREIGN.sub("", reply[:MAX_SEARCHED])
    start = _START.match(reply)
    code = int(start["code"]) if start and start["code"] else 0
    body = " ".join(line[_starts(line) :] for line in reply.splitlines())
    first = [start["enhanced"]] if start and start["enhanced"] else []
    enhanced = tuple(dict.fromkeys([*first, *_ANY_ENHANCED.findall(body)]))
    quoted = _QUOTED.search(body)
    quoted_text = body[quoted.start() :] if quoted else ""
    names: list[str] = []

    def keep(match: re.Match[str]) -> str:
        names.append(match[0])
        return f" {DOMAIN_WORD} "

    body = _LINE_ENDS.sub(r" \1 ", body.replace("\u2019", "'"))
    names += _URL.findall(body)
    body = _URL.sub(" ", body)
    body = _ADDRESS.sub(" ", body)
    body = _BRACKETS.sub(_bracketed, body)
    body = _DOMAIN.sub(keep, _IP.sub(f" {IP_WORD} ", _ANY_ENHANCED.sub(" ", body)))
    body = _ID.sub(" ", body)
    return ParsedReply(code, enhanced, quoted_text, _one_line(body), _NO_WORD.sub(" ", _one_line(" ".join(names))))


def _starts(line: str) -> int:
    """Return where the words of a line start."""
    start = _START.match(line)
    return start.end() if start else 0


def _bracketed(match: re.Match[str]) -> str:
    """Return what is kept of brackets: words, and that there was an IP address, but no ids and hosts."""
    inside = match[0][1:-1]
    if _IP.search(inside):
        return f" {IP_WORD} "
    return " " if re.search(r"\d|\.", inside) else f" {inside} "


def _one_line(text: str) -> str:
    return " ".join(_CAMEL.sub(" ", text.replace("_", " ")).casefold().split())
