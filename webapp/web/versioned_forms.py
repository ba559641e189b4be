"""Forms of settings that somebody else may save while they are open: sent afterwards, they would undo it unseen."""

from flask_babel import gettext as _
from wtforms import HiddenField

from webapp.core.sealing import sha256_hex
from webapp.web.forms import Form, text


class VersionedForm(Form):
    """A form that says of which saved settings its page was drawn."""

    drawn_of = HiddenField()

    def draw_of(self, present: object) -> None:
        """Note it for the page, unless the browser says of which the page was."""
        self.drawn_of.data = self.drawn_of.data or _mark(present)

    def is_of(self, present: object) -> bool:
        """Whether these settings are still those; if not, the form says so, once, and is of these from now on."""
        drawn_of, self.drawn_of.data = text(self.drawn_of), _mark(present)
        if drawn_of in ("", self.drawn_of.data):
            return True
        self.form_errors.append(
            _(
                "Someone saved these settings while you were editing, so your changes were not saved. "
                "Save again to overwrite."
            )
        )
        return False


def _mark(present: object) -> str:
    return sha256_hex(repr(present))[:16]
