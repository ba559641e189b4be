"""The revisions of a mail server: the list, two compared, one restored."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from webapp.core.app_state import app_state
from webapp.core.errors import NotFound, SetInFile, StaleVersion
from webapp.core.sealing import CannotUnseal
from webapp.mail import servers
from webapp.mail.models import MailServer
from webapp.mail.revisions import comparison
from webapp.mail.revisions import service as revisions
from webapp.mail.revisions.models import Revision
from webapp.mail.rollback import labels, service
from webapp.mail.service import Saved
from webapp.providers.registry import UnknownProvider
from webapp.web import csrf
from webapp.web.access import current_user
from webapp.web.forms import VersionedForm

blueprint = Blueprint("revisions", __name__, url_prefix="/settings/mail/<int:server_id>/revisions")


@blueprint.get("")
def list_revisions(server_id: int) -> str:
    """List the revisions, the newest first."""
    with app_state().database.read() as session:
        server, found = _server(session, server_id), revisions.of_server(session, server_id)
    return render_template("mail/revisions/list.html", server=server, revisions=found)


@blueprint.get("/compare")
def compare(server_id: int) -> str:
    """Show two revisions side by side."""
    with app_state().database.read() as session:
        server, found = _server(session, server_id), revisions.of_server(session, server_id)
    before, after = (_asked(found, name) for name in ("before", "after"))
    differences = comparison.compare(app_state().sealer, before, after)
    shown = {"before": before, "after": after, "differences": differences}
    return render_template("mail/revisions/compare.html", server=server, revisions=found, **shown)


@blueprint.route("/<int:number>/restore", methods=["GET", "POST"])
@csrf.exempt
def restore(server_id: int, number: int) -> ResponseReturnValue:
    """Use the settings of a revision again, after showing what that changes."""
    form = VersionedForm()
    if form.validate_on_submit() and (saved := _restore(server_id, number, form)):
        return redirect(url_for("mail.one_server", server_id=saved.server.id))
    with app_state().database.read() as session:
        server, wanted = _server(session, server_id), revisions.find(session, server_id, number)
        present = revisions.find(session, server_id, server.revision)
        locked = servers.locked(session, server)
    if wanted is None or present is None:
        raise NotFound
    form.show_version(server.version)
    differences = [one for one in comparison.compare(app_state().sealer, present, wanted) if one.differs]
    locked &= {one.name for one in differences}
    shown = {"present": present, "wanted": wanted, "differences": differences}
    return render_template("mail/revisions/restore.html", form=form, server=server, locked=locked, **shown)


def _restore(server_id: int, number: int, form: VersionedForm) -> Saved | None:
    """Restore a revision and say so, or put into the form why it can't be."""
    try:
        with app_state().database.transaction() as session:
            sealer, version = app_state().sealer, form.expected_version
            saved = service.restore(session, sealer, server_id, number, current_user.email, version)
    except StaleVersion as error:
        form.report_conflict(error.current)
    except SetInFile as error:
        names = labels.fields(error.fields)
        form.form_errors.append(_("The settings file sets %(fields)s. Change it there.", fields=names))
    except UnknownProvider:
        form.form_errors.append(_("The plugin of this provider is missing. Reinstall it, then try again."))
    except CannotUnseal:
        form.form_errors.append(_("The secrets of this revision can't be decrypted with the current secret key."))
    else:
        if saved.is_draft:
            flash(_("These settings need a new access token. They are a draft until it is generated."), "warning")
        else:
            flash(_("Revision %(number)s is restored, and what waits is tried now.", number=number), "success")
        return saved
    return None


def _server(session: Session, server_id: int) -> MailServer:
    """Return a server that is or was in use. Raises NotFound."""
    server = servers.by_id(session, server_id)
    if server is None or not server.revision:
        raise NotFound
    return server


def _asked(found: list[Revision], name: str) -> Revision:
    """Return the revision whose number the URL has. Raises NotFound."""
    number = request.args.get(name, type=int)
    revision = next((one for one in found if one.number == number), None)
    if revision is None:
        raise NotFound
    return revision
