"""What the mails say: from a template and its facts to a mail that is ready to send."""

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import css_inline
import idna
from flask import current_app

from webapp.core import i18n
from webapp.mail.mime import Email, ascii_domain, single_line, split
from webapp.settings.service import General

# Nothing is fetched while a mail is made; what dark mode needs stays behind as @media rules.
_inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)


def compose(
    template: str,
    recipient: str,
    mail_from: str,
    general: General,
    data: Mapping[str, Any],
    link: str | None = None,
    identity: str = "",
) -> Email:
    """The mail to one person, in the present language: subject, text and HTML from the templates of this name.

    `data` may hold `name`, `valid_until` (a moment), `code` and what else a template speaks of. Mails of
    one `identity` share a Message-ID. Needs an application context.
    """
    names = _names(general, data) | {"recipient": recipient, "link": link}
    subject = single_line(i18n.without_isolates(_render(template, "subject.txt", names)))
    names["subject"] = subject
    own_name, sender = split(mail_from)
    return Email(
        subject=subject,
        sender=(single_line(own_name) or names["product"], sender),
        recipient=recipient,
        text=_normalise_blank_lines(_render(template, "body.txt", names)),
        html=_inliner.inline(_render(template, "body.html", names)),
        message_id=f"<{_message_id(identity)}@{_message_id_domain(general.public_url, sender)}>",
        reply_to=("", names["support"]) if names["support"] else None,
        headers={
            "Auto-Submitted": "auto-generated",
            # Exchange asks for this one: no notes of absence to a sender that nobody reads.
            "X-Auto-Response-Suppress": "All",
            "Content-Language": i18n.current().code,
        },
    )


def _names(general: General, data: Mapping[str, Any]) -> dict[str, Any]:
    """What the templates see; every text on one line, as some of it stands in headers."""
    given = {key: single_line(value) if isinstance(value, str) else value for key, value in data.items()}
    return {
        "name": "",
        "valid_until": None,
        "code": "",
        **given,
        "product": single_line(general.product_name) or "Mailroom",
        "support": single_line(general.support_address),
        "public_url": general.public_url,
    }


def _render(template: str, part: str, names: Mapping[str, Any]) -> str:
    # Not render_template: its context is a request's, and costs a query for each part.
    return current_app.jinja_env.get_template(f"email/{template}/{part}").render(names)


def _normalise_blank_lines(text: str) -> str:
    """Without the gaps that conditions in a template leave."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def _message_id(identity: str) -> str:
    """The part of the Message-ID before the @: the same for the same identity, else random."""
    return hashlib.sha256(identity.encode()).hexdigest()[:32] if identity else secrets.token_hex(16)


def _message_id_domain(public_url: str, sender: str) -> str:
    """The public host; where that is no name on the internet, the domain mail is sent from."""
    host = urlsplit(public_url).hostname or ""
    if "." not in host or host.endswith(".localhost") or _is_number(host):
        return ascii_domain(sender)
    try:
        return ascii_domain(host)
    except idna.IDNAError:
        return ascii_domain(sender)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
