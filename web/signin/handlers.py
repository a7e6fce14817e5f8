"""The pages for signing in and out, and for one-time links."""

from __future__ import annotations

import asyncio
import math
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from markupsafe import Markup

from core.auth.service import canonical
from core.errors import CodeRequiredError, LinkExpiredError, StoreUnavailableError, UserError
from core.store import audit
from core.store.audit import Actor, ActorKind
from core.store.auth.one_time_links import Purpose
from web.http.client_address import client_address, client_network
from web.http.handler import Handler
from web.signin import cookie
from web.signin.device_budget import DeviceBudget
from web.signin.hashing_queue import Client, HashingQueue, QueueFullError
from web.signin.throttle import Throttle
from web.ui.browser_names import browser_name
from web.ui.i18n import accepted_languages, choose_language, translations
from web.ui.message_translation import translate_message
from web.ui.shell import BrowserShell, render, set_security_headers

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from babel.support import NullTranslations

    from core.auth.service import AuthService
    from core.monitoring.notify.password_mail import PasswordMailer
    from core.store.auth.one_time_links import OneTimeLink
    from core.store.auth.sessions import Session

T = TypeVar("T")

logger = structlog.get_logger(__name__)

_RETRY_SECONDS = 5


# Marks texts for translation: the extraction looks for this name.
def _(text: str) -> str:
    return text


REQUEST_NOT_UNDERSTOOD = _(
    "The bridge does not understand this request, and nothing was changed. Open the page again and try it from there."
)
"""Of a page whose request is malformed: with bytes that are no text, with too many fields, or by another method."""


@dataclass(frozen=True, slots=True)
class SignInGuard:
    """Runs the steps of signing in: store calls in `executor`, password hashing in the turns of `hashing`.

    `public_url` is the address of the bridge in browsers; empty where it is not configured.
    """

    auth: AuthService
    executor: Executor
    public_url: str = ""
    hashing: HashingQueue = field(default_factory=HashingQueue)
    throttle: Throttle = field(default_factory=Throttle)
    # Of its own: only who has the password comes to the code, so that strangers delay nobody there; and the right
    # password, entered again and again, makes no code free to guess.
    code_throttle: Throttle = field(default_factory=Throttle)
    devices: DeviceBudget = field(default_factory=DeviceBudget)
    # Sends links for a new password; None: not at all.
    mailer: PasswordMailer | None = None
    mail_throttle: Throttle = field(default_factory=Throttle)

    async def run_blocking(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a store call in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *arguments)

    async def run_hashing(self, client: Client, function: Callable[..., T], *arguments: Any) -> T:
        """Hash passwords in a thread, in the turn of a client. Raises: SignInBusyError."""
        try:
            return await self.hashing.run(client, function, *arguments)
        except QueueFullError as error:
            raise SignInBusyError from error

    async def attempt(
        self, name: str, address: str, function: Callable[[], T | None], *, device_token: str = ""
    ) -> T | None:
        """Verify a password of this name by `function`, throttled; None where it is wrong.

        A browser that has signed in before, as `device_token` shows, has a budget of its own and does not wait for
        others. Raises: TooManyAttemptsError, SignInBusyError, and what `function` does.
        """
        device = await self.run_blocking(self.auth.known_device, name, device_token) if device_token else ""
        if device and self.devices.enter(device):
            client = Client(device, is_known=True)
            succeeded = partial(self.devices.succeeded, device)
            undo = partial(self.devices.undo, device)
        else:
            seconds = self.throttle.enter(name, address)
            if seconds > 0:
                raise TooManyAttemptsError(seconds)
            client = Client(client_network(address))
            succeeded = partial(self.throttle.succeeded, name, address)
            undo = partial(self.throttle.undo, name, address)
        try:
            result = await self.run_hashing(client, function)
        except CodeRequiredError:  # the password was right
            succeeded()
            raise
        except BaseException:
            undo()
            raise
        if result is not None:
            succeeded()
        return result

    async def attempt_code(self, name: str, address: str, function: Callable[[], T | None]) -> T | None:
        """Verify a code of this user by `function`, throttled as passwords are; None where it is wrong.

        Raises: TooManyAttemptsError, and what `function` does.
        """
        wait = self.code_throttle.enter(name, address)
        if wait > 0:
            raise TooManyAttemptsError(wait)
        try:
            result = await self.run_blocking(function)
        except BaseException:
            self.code_throttle.undo(name, address)
            raise
        if result is not None:
            self.code_throttle.succeeded(name, address)
        return result

    async def remember_device(self, handler: Handler, session_token: str) -> None:
        """Have the browser in which a session has just begun show from now on that its user has signed in there."""
        with suppress(StoreUnavailableError):  # the session has begun all the same
            remembered = await self.run_blocking(self.auth.remember_device, session_token)
            if remembered is not None:
                cookie.set_device_token(handler, *remembered)


class SignInBusyError(Exception):
    """Too many sign-ins are in progress."""


class TooManyAttemptsError(Exception):
    """Too many attempts failed. `seconds` is the time to wait until the next."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = math.ceil(seconds)


def refusal_message(words: NullTranslations, error: TooManyAttemptsError | SignInBusyError) -> str:
    """Return the message of a refused attempt: why, and how long to wait."""
    if isinstance(error, SignInBusyError):
        return words.gettext("Too many people are signing in right now. Try again in a few seconds.")
    if error.seconds <= 90:  # noqa: PLR2004 - up to here seconds say it better
        wait = words.ngettext("%(n)d second", "%(n)d seconds", error.seconds) % {"n": error.seconds}
    else:
        minutes = math.ceil(error.seconds / 60)
        wait = words.ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    return words.gettext(
        "Too many failed attempts for this user name or from your network address. Wait %(wait)s, then try again."
    ) % {"wait": wait}


class SignInPageHandler(Handler):
    """A page for browsers that are not signed in."""

    def initialize(self, sign_in: SignInGuard) -> None:
        self.sign_in = sign_in
        self.auth = sign_in.auth

    def prepare(self) -> None:
        """Keep the tokens in these addresses and forms out of caches and referrers."""
        browser = browser_name(self.request.headers.get("User-Agent", ""))
        audit.act(Actor(ActorKind.VISITOR, address=self.address, browser=browser))
        self.set_header("Cache-Control", "no-store")
        # Not `no-referrer`: a browser would then omit the origin of a form, too, which is checked.
        self.set_header("Referrer-Policy", "same-origin")

    @property
    def words(self) -> NullTranslations:
        """Translations for the browser's language."""
        return translations(self._language)

    @property
    def _language(self) -> str:
        return choose_language(accepted_languages(self.request.headers.get("Accept-Language", "")))

    @property
    def address(self) -> str:
        """The remote address; with --behind-proxy the one that the proxy states."""
        return client_address(self.request)

    def show(self, template: str, *, status: int = 200, **values: Any) -> None:
        """Respond with a page."""
        shell = BrowserShell(nonce=secrets.token_urlsafe(16), xsrf_field=Markup(""), language=self._language)
        set_security_headers(self, shell.nonce)
        self.set_status(status)
        self.finish(render(template, shell, {"tabs": (), "current": ""} | values))

    async def start_session(self, token: str, to: str = "/") -> None:
        """Store the token of a new session in the browser, and redirect it."""
        cookie.set_token(self, token)
        await self.sign_in.remember_device(self, token)
        self.redirect(to, status=303)

    def show_code_form(
        self, pending: str, to: str = "/", *, status: int = 200, problem: str = "", error: str = ""
    ) -> None:
        """Respond with the form for the code of a pending sign-in, whose token is in the page only."""
        values = {"pending": pending, "to": to, "problem": problem, "error": error}
        self.show("pages/signin-code.jinja", status=status, **values)

    async def sends_links(self) -> bool:
        """Whether links for a new password can be sent by e-mail."""
        mailer = self.sign_in.mailer
        return mailer is not None and await self.sign_in.run_blocking(mailer.is_available)

    async def show_sign_in(self, to: str, *, status: int, name: str = "", problem: str = "") -> None:
        """Respond with the form for name and password; `to` is the page that it leads to."""
        has_users = await self.sign_in.run_blocking(self.auth.has_users)
        has_mail = await self.sends_links()
        values = {"to": to, "name": name, "problem": problem, "has_users": has_users, "has_mail": has_mail}
        self.show("pages/signin.jinja", status=status, **values)

    def show_used_link(self) -> None:
        """Respond that a link is no longer valid."""
        self.show("pages/link-expired.jinja", status=403)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Respond with what happened and what to do."""
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, StoreUnavailableError):
            status_code, message = 503, translate_message(str(error), self.words)
        elif status_code == 403:  # noqa: PLR2004 - forbidden
            message = self.words.gettext(
                "This form was not submitted from this page. Open the page again and submit it from there."
            )
        elif status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            message = self.words.gettext(REQUEST_NOT_UNDERSTOOD)
        else:
            message = self.words.gettext("The bridge encountered an internal error. See its log for details.")
        self.show("pages/error.jinja", status=status_code, message=message)


class SignInHandler(SignInPageHandler):
    """`/signin`: sign in with name and password."""

    async def get(self) -> None:
        """Show the form, or redirect a browser that is signed in."""
        to = cookie.redirect_target(self.get_query_argument("to", "", strip=False))
        token = cookie.read_token(self)
        if token and await self.sign_in.run_blocking(self.auth.session, token) is not None:
            self.redirect(to, status=303)
            return
        await self.show_sign_in(to, status=200)

    async def post(self) -> None:
        """Verify name and password, and start a session."""
        to = cookie.redirect_target(self.get_body_argument("to", "", strip=False))
        name = self.get_body_argument("name", "")[:200]
        password = self.get_body_argument("password", "", strip=False)[:1000]
        before = cookie.read_token(self)
        try:
            token = await self.sign_in.attempt(
                canonical(name),
                self.address,
                lambda: self.auth.sign_in(name, password, instead_of=before),
                device_token=cookie.read_device_token(self, canonical(name)),
            )
        except (SignInBusyError, TooManyAttemptsError) as error:
            seconds = error.seconds if isinstance(error, TooManyAttemptsError) else _RETRY_SECONDS
            self.set_header("Retry-After", str(seconds))
            status = 429 if isinstance(error, TooManyAttemptsError) else 503
            await self.show_sign_in(to, status=status, name=name, problem=refusal_message(self.words, error))
            return
        except CodeRequiredError as required:
            self.show_code_form(required.pending, to)
            return
        if token is None:
            logger.warning("sign_in_failed", address=self.address)  # not the name: it may be the password
            problem = self.words.gettext("Incorrect user name or password. Try again.")
            await self.show_sign_in(to, status=422, name=name, problem=problem)
            return
        logger.info("signed_in", name=canonical(name), address=self.address)
        await self.start_session(token, to)


class ForgottenPasswordHandler(SignInPageHandler):
    """`POST /signin/forgotten`: send a user a link for a new password, by e-mail."""

    async def post(self) -> None:
        """Give the same answer, at once, whether there is such a user or not."""
        name = canonical(self.get_body_argument("name", "")[:254])
        if self.sign_in.mailer is None or not await self.sends_links():
            self.show("pages/forgotten.jinja", status=404, has_mail=False, problem="")
            return
        seconds = self.sign_in.mail_throttle.enter(name, self.address)
        if seconds > 0:
            error = TooManyAttemptsError(seconds)
            self.set_header("Retry-After", str(error.seconds))
            problem = refusal_message(self.words, error)
            self.show("pages/forgotten.jinja", status=429, has_mail=True, problem=problem)
            return
        self.sign_in.mailer.request(name, self._language)
        self.show("pages/forgotten.jinja", has_mail=True, problem="")


class SignOutHandler(SignInPageHandler):
    """`POST /signout`: sign out."""

    async def post(self) -> None:
        """End the session in the browser and in the database."""
        token = cookie.read_token(self)
        if token:
            await self.sign_in.run_blocking(self.auth.sign_out, token)
        cookie.clear_token(self)
        self.redirect("/signin", status=303)


class _PasswordLinkHandler(SignInPageHandler):
    """A page behind a one-time link, where its user chooses a password. Showing it does not use the link."""

    purpose: Purpose
    template: str

    async def get(self) -> None:
        """Show the form."""
        await self._show_form(self.get_query_argument("token", ""), status=200)

    async def post(self) -> None:
        """Save the password, and start a session."""
        token = self.get_body_argument("token", "")
        name = self.get_body_argument("name", "")
        password = self.get_body_argument("password", "", strip=False)
        if password != self.get_body_argument("again", "", strip=False):
            problem = self.words.gettext("The passwords do not match. Enter the same password twice.")
            await self._show_form(token, status=422, name=name, errors={"again": problem})
            return
        if await self.sign_in.run_blocking(self.auth.find_link, self.purpose, token) is None:
            self.show_used_link()  # before any hashing: this page is open to everybody
            return
        try:
            # Who has the link is no stranger: their turn comes with those of known devices.
            client = Client(client_network(self.address), is_known=True)
            session_token = await self.sign_in.run_hashing(client, self.save, token, name, password)
        except UserError as error:
            await self._show_form(
                token, status=422, name=name, errors={error.field: translate_message(str(error), self.words)}
            )
        except SignInBusyError as error:
            errors = {"password": refusal_message(self.words, error)}
            await self._show_form(token, status=503, name=name, errors=errors)
        except LinkExpiredError:
            self.show_used_link()
        except CodeRequiredError as required:
            self.show_code_form(required.pending)
        else:
            logger.info("signed_in", by=self.purpose.value, address=self.address)
            await self.start_session(session_token)

    def save(self, token: str, name: str, password: str) -> str:
        """Save the password; return the token of a session. Raises: UserError, LinkExpiredError."""
        raise NotImplementedError

    async def _show_form(
        self, token: str, *, status: int, name: str = "", errors: dict[str, str] | None = None
    ) -> None:
        good = await self.sign_in.run_blocking(self.auth.find_link, self.purpose, token)
        if good is None:
            self.show_used_link()
            return
        values = {"token": token, "name": good.name or name, "errors": errors or {}}
        self.show(self.template, status=status, **values)


class FirstHandler(_PasswordLinkHandler):
    """`/first`: the first administrator chooses name and password."""

    purpose = Purpose.FIRST
    template = "pages/first-administrator.jinja"

    def save(self, token: str, name: str, password: str) -> str:
        return self.auth.create_first(token, name, password)


class PasswordHandler(_PasswordLinkHandler):
    """`/password`: a user chooses a password, with a link from an administrator."""

    purpose = Purpose.PASSWORD
    template = "pages/password.jinja"

    def save(self, token: str, name: str, password: str) -> str:  # noqa: ARG002 - the link belongs to a user
        return self.auth.choose_password(token, password)


class _ConfirmHandler(SignInPageHandler):
    """A page that names the user whom a link signs in, and a button that uses it. Showing it does not use the link.

    Programs that open links ahead of people (previews in chats, scanners of mail) do not use them up; and nobody is signed
    in as another user, or loses a session, by following a link. Forms from elsewhere are refused, as everywhere.
    """

    purpose: Purpose
    path: str

    def show_question(self, token: str, link: OneTimeLink, session: Session | None) -> None:
        """Respond with the page. `token` is for its form."""
        self.show(
            "pages/confirm-sign-in.jinja",
            path=self.path,
            token=token,
            link=link,
            session=None if session is None or _is_of(session, link) else session,
        )

    async def current_session(self) -> Session | None:
        """Return the session of this browser."""
        token = cookie.read_token(self)
        return await self.sign_in.run_blocking(self.auth.session, token) if token else None

    async def find_link(self, token: str) -> OneTimeLink | None:
        """Return the link of a token if it is still valid."""
        return await self.sign_in.run_blocking(self.auth.find_link, self.purpose, token)

    async def use_link(self, token: str) -> None:
        """Start the session of a link in place of the one that this browser has."""
        before = cookie.read_token(self)

        def use() -> str:
            return self.auth.sign_in_by_link(self.purpose, token, instead_of=before)

        try:
            session_token = await self.sign_in.run_blocking(use)
        except LinkExpiredError:
            self.show_used_link()
        except CodeRequiredError as required:
            self.show_code_form(required.pending)
        else:
            logger.info("signed_in", by=self.purpose.value, address=self.address)
            await self.start_session(session_token)


class LinkHandler(_ConfirmHandler):
    """`/link`: sign in with a link that was made on the bridge's own machine."""

    purpose = Purpose.SIGN_IN
    path = "/link"

    async def get(self) -> None:
        """Ask."""
        token = self.get_query_argument("token", "")
        link = await self.find_link(token)
        if link is None:
            self.show_used_link()
            return
        self.show_question(token, link, await self.current_session())

    async def post(self) -> None:
        """Use the link."""
        await self.use_link(self.get_body_argument("token", ""))


class EnterHandler(SignInPageHandler):
    """`POST /enter`: take the link of an administrator who comes from a site's wp-admin."""

    def check_trusted_origin(self, origin: str) -> bool:  # noqa: ARG002 - any
        """Accept the form from any origin: it comes from WordPress, which has an address of its own.

        The request is authorised not by cookies, which the protection is there for, but by the token in the form: a
        secret that is valid for a minute and works once. It is posted, not in the address, so that it gets into no
        history and no log. An attacker with a token could post it from another person's browser: `ConfirmEnterHandler`.
        """
        return True

    async def post(self) -> None:
        """Exchange the link for one that this browser alone can use, and go on where its session is known.

        The cookie of a session does not come along with a form of another site, but with the page that it leads to.
        """
        try:
            token = await self.sign_in.run_blocking(self.auth.hold_link, self.get_body_argument("token", ""))
        except LinkExpiredError:
            self.show_used_link()
        else:
            cookie.set_entry_token(self, token)
            self.redirect("/enter/confirm", status=303)


class ConfirmEnterHandler(_ConfirmHandler):
    """`/enter/confirm`: sign in an administrator of a site, for that site only; ask first if someone else is signed in."""

    purpose = Purpose.ENTER
    path = "/enter/confirm"

    async def get(self) -> None:
        """Use the link that this browser has posted, or ask."""
        token = cookie.read_entry_token(self)
        link = await self.find_link(token)
        session = await self.current_session()
        if link is None:
            self.show_used_link()
        elif session is None or _is_of(session, link):
            await self.use_link(token)
        else:
            self.show_question("", link, session)

    async def post(self) -> None:
        """Use the link."""
        await self.use_link(cookie.read_entry_token(self))


def _is_of(session: Session, link: OneTimeLink) -> bool:
    """Whether a session is of the user and site that a link is for."""
    return (session.name, session.site_id) == (link.name, link.site_id)
