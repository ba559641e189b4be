"""Compose an email from a template and its data."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any

import css_inline
from flask import current_app

from webapp.core import i18n
from webapp.mail.mime import Email, ascii_domain, single_line, split_sender
from webapp.settings.service import General

# Nothing is fetched; dark mode needs the @media rules.
_inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)


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
    context = _context(general, data) | {"recipient": recipient, "link": general.public_url + link_path}
    subject = single_line(i18n.without_isolates(_render(template, "subject.txt", context)))
    context["subject"] = subject
    sender_name, sender = split_sender(mail_from)
    return Email(
        subject=subject,
        sender=(single_line(sender_name) or context["product"], sender),
        recipient=recipient,
        text=_normalise_blank_lines(_render(template, "body.txt", context)),
        html=_inliner.inline(_render(template, "body.html", context)),
        message_id=f"<{_message_id(identity)}@{ascii_domain(sender)}>",
        reply_to=("", context["support"]) if context["support"] else None,
        headers={
            "Auto-Submitted": "auto-generated",
            # For Exchange: no out-of-office replies.
            "X-Auto-Response-Suppress": "All",
            "Content-Language": i18n.current().code,
        },
    )


def _context(general: General, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the templates see. Every text is one line, because some of it gets into headers."""
    lines = {key: single_line(value) if isinstance(value, str) else value for key, value in data.items()}
    return {
        "name": "",
        "valid_until": None,
        "code": "",
        **lines,
        "product": single_line(general.product_name) or "Mailroom",
        "support": single_line(general.support_address),
        "public_url": general.public_url,
    }


def _render(template: str, part: str, context: Mapping[str, Any]) -> str:
    # Not render_template: its context is that of a request, and costs a query for each part.
    return current_app.jinja_env.get_template(f"email/{template}/{part}").render(context)


def _normalise_blank_lines(text: str) -> str:
    """Remove the gaps that conditions in a template leave."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def _message_id(identity: str) -> str:
    """Return the part of the Message-ID before the @: the same for the same identity, else random."""
    return hashlib.sha256(identity.encode()).hexdigest()[:32] if identity else secrets.token_hex(16)
