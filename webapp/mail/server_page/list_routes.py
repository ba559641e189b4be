"""The list of mail servers: their states and their order; name, copy, use and delete one."""

from flask import Flask, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.applications import service as applications
from webapp.core.app_state import app_state
from webapp.core.errors import SetInFile, StaleVersion
from webapp.mail import server_list, servers, service
from webapp.mail.diagnosis.service import meaning
from webapp.mail.models import MailServer
from webapp.mail.server_list import CannotBeFirst, NameTaken
from webapp.mail.server_page import deliveries
from webapp.mail.server_page.assign_form import AssignForm
from webapp.mail.server_page.places import place_of
from webapp.mail.server_page.routes import CANNOT_BE_FIRST, blueprint, url_of
from webapp.mail.service import CannotWork
from webapp.settings import declared
from webapp.web import csrf
from webapp.web.access import current_user
from webapp.web.forms import VersionedForm


def init_app(app: Flask) -> None:
    """Add the pages of mail servers."""
    app.register_blueprint(blueprint)


@blueprint.get("/settings/mail-servers")
def list_servers() -> Response | str:
    """List the mail servers that are used, in order, and the drafts."""
    with app_state().database.read() as session:
        used, drafts = servers.in_order(session), servers.drafts(session)
        if not used and not drafts:
            return redirect(url_for("mail.mail_server"))
        every = [*used, *drafts]
        context = {
            "deliveries": deliveries.of_servers(session, [one.id for one in used]),
            "works": {one.id: service.can_work(session, one) for one in every},
            "names": {one.id: one.name for one in every},
            "applications": {one.identifier: one.name for one in applications.list_all(session)},
            "names_in_file": declared.names(session, declared.MAIL_SERVERS),
        }
    return render_template("mail/servers.html", used=used, drafts=drafts, url_of=url_of, meaning=meaning, **context)


@blueprint.post("/settings/mail/<int:server_id>/copy")
def copy_server(server_id: int) -> Response:
    """Make a draft with the same settings, and show it."""
    with app_state().database.transaction() as session:
        draft = service.copy(session, server_id, current_user.email)
    flash(_("Copied. The copy is a draft: nothing is sent through it until you use it."), "success")
    return redirect(url_of(draft), 303)


@blueprint.post("/settings/mail/<int:server_id>/move")
def move_server(server_id: int) -> Response:
    """Move a server that is used up or down."""
    try:
        with app_state().database.transaction() as session:
            former = servers.primary(session)
            moved = server_list.move(session, server_id, up="up" in request.form)
            first = servers.primary(session)
            text = place_of(moved if first is None or first is former else first)
        flash(text, "success")
    except CannotBeFirst:
        flash(CANNOT_BE_FIRST, "warning")
    return redirect(url_for("mail.list_servers"), 303)


@blueprint.post("/settings/mail/<int:server_id>/use")
def use_server(server_id: int) -> Response:
    """Put a draft to use as it is saved."""
    try:
        with app_state().database.transaction() as session:
            used = service.use(session, server_id, current_user.email).server
            is_change = used.id != server_id
            text = _("%(server)s uses these settings now.", server=used.name) if is_change else place_of(used)
        flash(text, "success")
    except CannotWork:
        flash(_("This draft can't be used yet: it has no access token, or its plugin is missing."), "warning")
    except CannotBeFirst:
        flash(CANNOT_BE_FIRST, "warning")
    return redirect(url_for("mail.list_servers"), 303)


@blueprint.route("/settings/mail/<int:server_id>/delete", methods=["GET", "POST"])
@csrf.exempt
def delete_server(server_id: int) -> Response | str:
    """Delete a server or draft, after asking."""
    with app_state().database.read() as session:
        server, used = servers.by_id(session, server_id), servers.in_order(session)
        draft = servers.draft_of(session, server)
    if server is None:
        abort(404)
    form = VersionedForm()
    form.show_version(server.version)
    if not form.validate_on_submit():
        others = [one for one in used if one.id != server_id]
        following = server_list.next_first(others)
        return render_template(
            "mail/delete_server.html",
            form=form,
            server=server,
            others=others,
            following=following,
            draft=draft,
            back=url_of(server),
        )
    return _delete(server, form)


@blueprint.route("/settings/mail/<int:server_id>/senders", methods=["GET", "POST"])
@csrf.exempt
def assign_server(server_id: int) -> Response | str:
    """Name a server, and choose the senders and applications that it is for."""
    with app_state().database.read() as session:
        server = servers.by_id(session, server_id)
        known = applications.list_all(session)
        locked = servers.locked(session, server)
    if server is None:
        abort(404)
    form = AssignForm.of(server, known)
    form.lock(locked)
    if form.validate_on_submit() and _assign(server, form):
        flash(_("Saved."), "success")
        return redirect(url_of(server), 303)
    return render_template("mail/assign.html", form=form, server=server, back=url_of(server))


def _delete(server: MailServer, form: VersionedForm) -> Response:
    try:
        with app_state().database.transaction() as session:
            server_list.delete(session, server.id, form.expected_version)
        text = _("The draft was discarded.") if server.is_draft else _("The mail server was deleted.")
        flash(text, "success")
    except StaleVersion:
        flash(_("Nothing was deleted: someone has changed these settings meanwhile."), "warning")
        return redirect(url_of(server), 303)
    except CannotBeFirst:
        flash(CANNOT_BE_FIRST, "warning")
    return redirect(url_for("mail.list_servers"), 303)


def _assign(server: MailServer, form: AssignForm) -> bool:
    """Save the form, or say in it why not."""
    domains, identifiers = form.for_domains.data or [], form.for_applications.data or []
    try:
        with app_state().database.transaction() as session:
            server_list.assign(session, server.id, form.name.data, domains, identifiers, form.expected_version)
        return True
    except NameTaken:
        form.add_error("name", _("Another mail server has this name."))
    except CannotBeFirst:
        form.add_error("for_domains" if domains else "for_applications", str(CANNOT_BE_FIRST))
    except StaleVersion as error:
        form.report_conflict(error.current)
    except SetInFile as error:
        form.report_locked(error.fields)
    return False
