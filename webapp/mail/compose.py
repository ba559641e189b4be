"""Compose an email from a template and its data. `composer` does the same for many of a kind."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import css_inline
from flask import current_app
from jinja2 import Environment

from webapp.core import i18n
from webapp.mail.mime import Email, ascii_domain, single_line, split_sender
from webapp.settings.service import General

# Nothing is fetched; dark mode needs the @media rules.
_inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)


@dataclass(frozen=True)
class Rendered:
    """What the three files of a template became. The styles of the HTML are in its elements."""

    subject: str
    text: str
    html: str


def compose(
    template: str,
    recipient: str,
    mail_from: str,
    general: General,
    data: Mapping[str, Any],
    link_path: str = "",
    identity: str = "",
) -> Email:
    """Compose an email to one person, in the current language, from the three files in `email/<template>/`.

    `data` may have `name`, `valid_until`, `code` and whatever else the template needs. `link_path` follows the
    public URL. Emails of one `identity` have the same Message-ID. Needs an application context.
    """
    rendered = render(current_app.jinja_env, template, general, recipient, single_lines(data), link_path)
    return to_email(rendered, recipient, mail_from, general, identity)


def to_email(rendered: Rendered, recipient: str, mail_from: str, general: General, identity: str) -> Email:
    """Return the email of these texts."""
    sender_name, sender = split_sender(mail_from)
    support = single_line(general.support_address)
    return Email(
        subject=rendered.subject,
        sender=(single_line(sender_name) or _product(general), sender),
        recipient=recipient,
        text=rendered.text,
        html=rendered.html,
        message_id=message_id(identity, ascii_domain(sender)),
        reply_to=("", support) if support else None,
        headers={
            "Auto-Submitted": "auto-generated",
            # For Exchange: no out-of-office replies.
            "X-Auto-Response-Suppress": "All",
            "Content-Language": i18n.current().code,
        },
    )


def render(
    environment: Environment,
    template: str,
    general: General,
    recipient: str,
    data: Mapping[str, Any],
    link_path: str,
) -> Rendered:
    """Render the three files of a template in the current language. The texts in `data` have one line each."""
    context = {
        "name": "",
        "valid_until": None,
        "code": "",
        **data,
        "product": _product(general),
        "support": single_line(general.support_address),
        "public_url": general.public_url,
        "recipient": recipient,
        "link": general.public_url + link_path,
    }

    def part(name: str) -> str:
        # Not render_template: its context is that of a request, and costs a query for each part.
        return environment.get_template(f"email/{template}/{name}").render(context)

    context["subject"] = single_line(i18n.without_isolates(part("subject.txt")))
    return Rendered(
        str(context["subject"]),
        _normalise_blank_lines(part("body.txt")),
        _inliner.inline(part("body.html")),
    )


def single_lines(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data with every text as one line, because some of it gets into headers."""
    return {key: single_line(value) if isinstance(value, str) else value for key, value in data.items()}


def message_id(identity: str, domain: str) -> str:
    """Return the Message-ID of a sender's domain: the same for the same identity, else random."""
    local = hashlib.sha256(identity.encode()).hexdigest()[:32] if identity else secrets.token_hex(16)
    return f"<{local}@{domain}>"


def _normalise_blank_lines(text: str) -> str:
    """Remove the gaps that conditions in a template leave."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def _product(general: General) -> str:
    return single_line(general.product_name) or "Mailroom"
