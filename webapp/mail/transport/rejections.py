"""Whom a rejection is about, and so what it concerns.

Servers reject senders, machines and EHLO names where they are asked about the recipient (Postfix does by default), so
neither the stage nor the first digit says whose fault it is: the words do.
"""

import re
from enum import StrEnum

from webapp.mail.transcript import Stage
from webapp.mail.transport.errors import DeliveryError, Scope


class Party(StrEnum):
    """Whom a rejection is about.

    EHLO: the name in EHLO. MACHINE: this machine's address. SENDER: the Mail From address or its account.
    AUTHENTICATION: nobody has signed in, or not for this. LIMIT: what the account may send. RECIPIENT: the recipient.
    CONTENT, SIZE: the message itself. POLICY: a rule that the server doesn't explain. UNKNOWN: the reply doesn't say.
    """

    EHLO = "ehlo"
    MACHINE = "machine"
    SENDER = "sender"
    AUTHENTICATION = "authentication"
    LIMIT = "limit"
    RECIPIENT = "recipient"
    CONTENT = "content"
    SIZE = "size"
    POLICY = "policy"
    UNKNOWN = "unknown"


# The parties whose rejection concerns one message. Any other one would reject every message.
_SCOPES = {
    Party.LIMIT: Scope.MESSAGE,
    Party.RECIPIENT: Scope.RECIPIENT,
    Party.CONTENT: Scope.RECIPIENT,
    Party.SIZE: Scope.RECIPIENT,
    Party.UNKNOWN: Scope.RECIPIENT,
}
SESSION_STAGES = (Stage.MAIL, Stage.RCPT, Stage.DATA)
_AT_ANY_STAGE = (Party.EHLO, Party.MACHINE, Party.SENDER, Party.LIMIT)
# Enhanced codes (RFC 3463 and its registry) and phrases. The first match counts, so those that name a party come
# before those that only hint at one.
_SIGNS = (
    (Party.MACHINE, "", "invalid credentials for relay"),
    (
        Party.AUTHENTICATION,
        r"5\.7\.57",
        "not logged in|not authenticated|unauthenticated senders|authentication (is )?required"
        "|must (first )?authenticate|auth(enticate)? first|relay access denied|relay(ing)? denied|relay not permitted"
        "|rcpthosts",
    ),
    (
        Party.SENDER,
        r"[45]\.1\.[78]|5\.7\.(2[0-4]|26|27|60|501|515)|5\.2\.252|5\.4\.6",
        r"sender address|sender verif|verified sender|sending domain|sender (is )?(blocked|denied|rejected|refused|not)"
        r"|(invalid|bad|unknown|blocked) sender|send ?as\b|sendasdenied|senddenied|from'? address|send from"
        r"|relaying disallowed as|allowed to send|user has no permission|\bspf\b|\bdkim\b|\bdmarc\b",
    ),
    (Party.EHLO, "", r"\b(helo|ehlo)\b|fully-qualified hostname"),
    (
        Party.MACHINE,
        r"[45]\.7\.25|5\.7\.708",
        r"client host|blocked using|(block|black|deny)[- ]?list|\bdns-?bls?\b|\brbls?\b|spamhaus|spamcop|\bsorbs\b"
        r"|barracudacentral|reverse (dns|hostname|lookup)|\brdns\b|\bptr\b|cannot find your|\bip (address|name)"
        r"|(your|this|the|sending|client|source|remote) ip\b|(your|sending|from this) (host|server|network)"
        r"|your access to|reputation|\bbanned",
    ),
    (Party.LIMIT, "", r"storedrv\.submission"),
    (
        Party.RECIPIENT,
        r"[45]\.1\.(1|2|3|6|10)|[45]\.2\.[12]|5\.7\.1(24|3[346])",
        "user unknown|unknown (user|recipient|mailbox|local)|no such|recipient (address )?rejected|no mailbox"
        "|(invalid|bad|unknown) (recipient|mailbox|address)|unrouteable|mailbox (full|unavailable|not found|is)"
        "|(user|recipient|account|address|mailbox) (not found|doesn't exist|does not exist|is (disabled|inactive))"
        "|over ?quota|mailbox quota|out of storage",
    ),
    (Party.SIZE, r"[45]\.3\.4", "message size|too (big|large|long)"),
    (Party.CONTENT, "", r"\bspam|unsolicited|virus|malware|phish|\bjunk\b|content|\bblocked\b"),
    (
        Party.LIMIT,
        r"[45]\.4\.5|5\.1\.90",
        "quota|limit|thrott|too (many|much)|too (fast|quick)|credits|rate exceeded|address is not verified",
    ),
    (
        Party.SENDER,
        "",
        r"\bsenders?\b|mail from|return[- ]path|not owned|(not |un)authori[sz]ed|not yet activated",
    ),
    (Party.AUTHENTICATION, "", "relay|authenticat|credentials"),
    (Party.POLICY, r"5\.5\.\d|5\.7\.0", ""),
)
# A temporary rejection with one of these is a delay, whatever else it says, except that of Google's relay which rejects
# the EHLO name: "421 4.7.0 Try again later, closing connection. (EHLO)".
_DELAY = re.compile(
    r"^(?!.*\(ehlo\)).*(gr[ae]y-?list|\bagain\b|\blater\b|retry|not yet|temporar|defer|seconds|minutes)"
)
_ADDRESS = re.compile(r"<[^<>]*@[^<>]*>|(?<!\S)\S+@\S+")
# In characters: servers say what they mean well before that, and searching takes longer with each more.
MAX_SEARCHED = 2000
_CODES = re.compile(r"(?P<reply>\d{3})(?: #?(?P<enhanced>\d\.\d{1,3}\.\d{1,3})(?![.\d]))?")
# Rejections of every message whatever they say: the server shuts down, the commands are unknown or out of order, or
# nobody has signed in.
_CODES_OF_THE_SERVER = (421, 500, 502, 503, 530, 535)


def party(stage: str, reply: str) -> Party:
    """Return whom a rejection at this stage is about."""
    text = without_addresses(reply)
    found = Party.UNKNOWN if text.startswith("4") and _DELAY.search(text) else _party_named(text)
    if stage in (Stage.MAIL, Stage.RCPT) and found is Party.CONTENT:
        # The server doesn't know the message yet.
        return Party.MACHINE
    if stage == Stage.MAIL and found is Party.RECIPIENT:
        return Party.SENDER
    if stage == Stage.RCPT and found is Party.UNKNOWN and re.match(r"5\d\d #?5\.7\.", text):
        # RFC 3463, 3.8: a rule about who may send, rather than an address that doesn't exist.
        return Party.POLICY
    if stage in SESSION_STAGES or found in _AT_ANY_STAGE:
        return found
    if stage == Stage.EHLO and text.startswith(("501", "504")):
        # The name is the command's only parameter.
        return Party.EHLO
    # RFC 5321, 3.1: a greeting that refuses the session is about who connects.
    return Party.MACHINE if stage == Stage.GREETING and text.startswith("5") else Party.UNKNOWN


def scope(stage: Stage, reply: str) -> Scope:
    """Return what a rejection of MAIL, RCPT or DATA concerns (RFC 5321, 4.2.1; RFC 3463)."""
    code = int(reply[:3])
    if stage is Stage.MAIL or code in _CODES_OF_THE_SERVER:
        return Scope.SERVER
    found = _SCOPES.get(party(stage, reply), Scope.SERVER)
    return Scope.MESSAGE if found is Scope.RECIPIENT and code < 500 else found


def scope_of_own_sender(error: DeliveryError) -> Scope:
    """Return what a failure concerns if the message has a sender of its own, which others don't share."""
    if error.scope is not Scope.SERVER or not error.reply or party(error.stage, error.reply) is not Party.SENDER:
        return error.scope
    return Scope.RECIPIENT if error.reply.startswith("5") else Scope.MESSAGE


def may_be_sent_elsewhere(error: DeliveryError) -> bool:
    """Return whether another server may take a message at once that this one failed to send.

    One of which the server got everything before it closed the connection may arrive twice: servers that are stopped
    do that, and hardly ever have they kept it.
    """
    if error.scope is Scope.UNCERTAIN:
        return error.params.get("cause") == "connection_closed"
    if error.scope is Scope.SERVER:
        return True
    return bool(error.reply) and party(error.stage, error.reply) is Party.LIMIT


def without_addresses(reply: str) -> str:
    """Return a reply as one line in lower case, without email addresses: anybody may choose their words."""
    return " ".join(_ADDRESS.sub(" ", " ".join(reply[:MAX_SEARCHED].split())).casefold().split())


def _party_named(text: str) -> Party:
    codes = _CODES.match(text)
    enhanced = (codes and codes["enhanced"]) or ""
    for one, known, phrases in _SIGNS:
        if (known and re.fullmatch(known, enhanced)) or (phrases and re.search(phrases, text)):
            return one
    return Party.UNKNOWN
