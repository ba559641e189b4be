"""Compose many emails with the same settings. Each kind's layout is made once, and filled in for each email."""

from collections.abc import Mapping
from typing import Any

import structlog

from webapp.core import clock, i18n
from webapp.mail import mime
from webapp.mail.compose import compose, message_id, single_lines
from webapp.mail.layouts import LINK_PATH, RECIPIENT, Layout, LayoutMaker, shape_of
from webapp.mail.mime import WireEmail
from webapp.mail.placeholders import Refused
from webapp.settings.service import General

# A few for each template and language.
MAX_LAYOUTS = 300

log = structlog.get_logger(__name__)


class Composer:
    """Composes emails with these settings. `headers` are those of the provider. Needs an application context.

    `identified_by` is the sender whose domain Message-IDs have, if that isn't `mail_from`.
    The layouts are kept as long as it is: changed settings need another one. Threads may share it.
    """

    def __init__(self, general: General, mail_from: str, headers: Mapping[str, str], identified_by: str = "") -> None:
        self._general, self._mail_from, self._headers = general, mail_from, headers
        sender = mime.split_sender(mail_from)[1]
        self._domain = mime.ascii_domain(mime.split_sender(identified_by or mail_from)[1])
        self._needs_utf8 = not mime.mailbox(sender).isascii()
        self._envelope_sender = mime.bare_address(sender)
        self._maker = LayoutMaker(general, mail_from, headers)
        # None where there can't be one.
        self._layouts: dict[tuple[object, ...], Layout | None] = {}

    def compose(
        self,
        template: str,
        recipient: str,
        data: Mapping[str, Any],
        link_path: str = "",
        identity: str = "",
        language: str | None = None,
    ) -> WireEmail:
        """Compose an email as `compose.compose` does, in the language with this code, else in English."""
        code = language if language in i18n.LANGUAGES else i18n.DEFAULT
        try:
            return self._fill_in(template, recipient, data, link_path, identity, code)
        except Refused:
            with i18n.use_language(code):
                email = compose(template, recipient, self._mail_from, self._general, data, link_path, identity)
            email.msgId = message_id(identity, self._domain)
            return email.to_wire(self._headers)

    def _fill_in(
        self, template: str, recipient: str, data: Mapping[str, Any], link_path: str, identity: str, language: str
    ) -> WireEmail:
        if not mime.mailbox(recipient).isascii():
            raise Refused("SMTPUTF8")
        values = {**single_lines(data), RECIPIENT: recipient, LINK_PATH: link_path}
        layout = self._layout(template, language, values)
        text, html = layout.fill(values)
        header_id = message_id(identity, self._domain)
        to = mime.recipient_header(recipient, self._needs_utf8)
        content = mime.serialize(layout.fixed_headers, to, clock.now(), header_id, text, html)
        return WireEmail(self._envelope_sender, mime.bare_address(recipient), header_id, self._needs_utf8, content)

    def _layout(self, template: str, language: str, values: Mapping[str, Any]) -> Layout:
        key = (template, language, shape_of(values))
        try:
            layout = self._layouts[key]
        except KeyError:
            layout = self._make(template, language, values)
            if len(self._layouts) >= MAX_LAYOUTS:
                self._layouts.clear()
            self._layouts[key] = layout
        if layout is None:
            raise Refused(template)
        return layout

    def _make(self, template: str, language: str, values: Mapping[str, Any]) -> Layout | None:
        try:
            with i18n.use_language(language):
                return self._maker.make(template, values)
        except Refused as error:
            log.debug("email has no layout", template=template, language=language, error=str(error))
            return None
