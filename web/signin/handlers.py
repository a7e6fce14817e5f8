"""The doors to the bridge's own pages: signing in and out, and the links that work once."""

from __future__ import annotations

import asyncio
import math
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from markupsafe import Markup
from tornado.web import RequestHandler

from core.auth.service import canonical
from core.errors import StoreUnavailableError, TicketError, UserError
from core.store.auth.one_time_links import Purpose
from web.http.executor import BlockingExecutor
from web.signin import cookie
from web.signin.throttle import Throttle
from web.ui.i18n import accepted, chosen, translations
from web.ui.shell import BrowserShell, guard, render

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from babel.support import NullTranslations

    from core.auth.service import AuthService

T = TypeVar("T")

logger = structlog.get_logger(__name__)

_HASHING = 2  # at once: each takes 64 MiB and a processor for a moment
_WAITING_FOR_IT = 16
_BUSY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class SignInGuard:
    """What lets people in: `executor` runs what waits for the store, `hashing` what computes with passwords.

    `public_url` is where browsers find the bridge; empty where nobody said.
    """

    admission: AuthService
    executor: Executor
    public_url: str = ""
    hashing: Executor = field(default_factory=lambda: BlockingExecutor(_HASHING, _WAITING_FOR_IT))
    throttle: Throttle = field(default_factory=Throttle)

    async def blocking(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run what waits for the store in a thread of its own."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *arguments)

    async def computing(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run what computes with passwords; of those few at once, and not many waiting.

        Raises `BusyError`.
        """
        try:
            waiting = asyncio.get_running_loop().run_in_executor(self.hashing, function, *arguments)
        except StoreUnavailableError as error:
            raise BusyError from error
        return await waiting

    async def trying(self, name: str, address: str, function: Callable[[], T | None]) -> T | None:
        """Run what compares a password of this name; None where it is another.

        Raises `WaitError` where there were too many tries, and `BusyError`.
        """
        seconds = self.throttle.enter(name, address)
        if seconds > 0:
            raise WaitError(seconds)
        try:
            result = await self.computing(function)
        except BaseException:
            self.throttle.undo(name, address)
            raise
        if result is not None:
            self.throttle.succeeded(name, address)
        return result


class BusyError(Exception):
    """Too many people sign in at this moment."""


class WaitError(Exception):
    """There were too many tries. `seconds` says how long to wait until the next."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = math.ceil(seconds)


def wait_message(words: NullTranslations, error: WaitError | BusyError) -> str:
    """Say how long to wait, and why."""
    if isinstance(error, BusyError):
        return words.gettext("Too many people are signing in right now. Try again in a few seconds.")
    if error.seconds <= 90:  # noqa: PLR2004 - up to here seconds say it better
        wait = words.ngettext("%(n)d second", "%(n)d seconds", error.seconds) % {"n": error.seconds}
    else:
        minutes = math.ceil(error.seconds / 60)
        wait = words.ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    return words.gettext(
        "Too many failed attempts for this user name or from your network address. Wait %(wait)s, then try again."
    ) % {"wait": wait}


class DoorHandler(RequestHandler):
    """A page that is open to those who are not signed in."""

    def initialize(self, doors: SignInGuard) -> None:
        """Take what it works with."""
        self.doors = doors
        self.admission = doors.admission

    def prepare(self) -> None:
        """Leave no trace of what these addresses and forms hold."""
        self.set_header("Cache-Control", "no-store")
        # Not `no-referrer`: a browser would then not say either where a form comes from, which is looked at.
        self.set_header("Referrer-Policy", "same-origin")

    @property
    def words(self) -> NullTranslations:
        """The words of the reader's language."""
        return translations(self._language)

    @property
    def _language(self) -> str:
        return chosen(accepted(self.request.headers.get("Accept-Language", "")))

    @property
    def address(self) -> str:
        """Where the request comes from; behind a proxy that was declared, from where that says."""
        return self.request.remote_ip or ""

    def show(self, template: str, *, status: int = 200, **values: Any) -> None:
        """Answer with a page."""
        shell = BrowserShell(nonce=secrets.token_urlsafe(16), xsrf_field=Markup(""), language=self._language)
        guard(self, shell.nonce)
        self.set_status(status)
        self.finish(render(template, shell, {"tabs": (), "current": ""} | values))

    def let_in(self, word: str, to: str = "/") -> None:
        """Send on a browser that is signed in now."""
        cookie.give(self, word)
        self.redirect(to, status=303)

    def used_up(self) -> None:
        """Tell that a link does not work any more."""
        self.show("pages/used-up.jinja", status=403)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Tell what happened and what to do."""
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, StoreUnavailableError):
            status_code, message = 503, str(error)
        elif status_code == 403:  # noqa: PLR2004 - forbidden
            message = self.words.gettext(
                "This form was not submitted from this page. Open the page again and submit it from there."
            )
        else:
            message = self.words.gettext("The bridge encountered an internal error. See its log for details.")
        self.show("pages/error.jinja", status=status_code, message=message)


class SignInHandler(DoorHandler):
    """`/signin`: name and password."""

    async def get(self) -> None:
        """Ask for them, where that is not done yet."""
        to = cookie.destination(self.get_query_argument("to", "", strip=False))
        word = cookie.word_of(self)
        if word and await self.doors.blocking(self.admission.session, word) is not None:
            self.redirect(to, status=303)
            return
        await self._ask(to, status=200)

    async def post(self) -> None:
        """Let in who knows them."""
        to = cookie.destination(self.get_body_argument("to", "", strip=False))
        given = self.get_body_argument("name", "")[:200]
        password = self.get_body_argument("password", "", strip=False)[:1000]
        before = cookie.word_of(self)
        try:
            word = await self.doors.trying(
                canonical(given),
                self.address,
                lambda: self.admission.sign_in(given, password, instead_of=before),
            )
        except (BusyError, WaitError) as error:
            seconds = error.seconds if isinstance(error, WaitError) else _BUSY_SECONDS
            self.set_header("Retry-After", str(seconds))
            status = 429 if isinstance(error, WaitError) else 503
            await self._ask(to, status=status, name=given, problem=wait_message(self.words, error))
            return
        if word is None:
            logger.warning("sign_in_failed", address=self.address)  # not the name: it may be the password
            problem = self.words.gettext("Incorrect user name or password. Try again.")
            await self._ask(to, status=422, name=given, problem=problem)
            return
        logger.info("signed_in", name=canonical(given), address=self.address)
        self.let_in(word, to)

    async def _ask(self, to: str, *, status: int, name: str = "", problem: str = "") -> None:
        anybody = await self.doors.blocking(self.admission.is_anybody)
        self.show("pages/signin.jinja", status=status, to=to, name=name, problem=problem, anybody=anybody)


class SignOutHandler(DoorHandler):
    """`POST /signout`."""

    async def post(self) -> None:
        """End the session, here and in the database."""
        word = cookie.word_of(self)
        if word:
            await self.doors.blocking(self.admission.sign_out, word)
        cookie.take(self)
        self.redirect("/signin", status=303)


class _ChoosingHandler(DoorHandler):
    """A page to which a link leads where somebody chooses a password. To look at it does not use up the link."""

    purpose: Purpose
    template: str

    async def get(self) -> None:
        """Show the form."""
        await self._ask(self.get_query_argument("ticket", ""), status=200)

    async def post(self) -> None:
        """Take what was chosen, and let them in."""
        ticket = self.get_body_argument("ticket", "")
        name = self.get_body_argument("name", "")
        password = self.get_body_argument("password", "", strip=False)
        if password != self.get_body_argument("again", "", strip=False):
            problem = self.words.gettext("The passwords do not match. Enter the same password twice.")
            await self._ask(ticket, status=422, name=name, errors={"again": problem})
            return
        if await self.doors.blocking(self.admission.is_good, self.purpose, ticket) is None:
            self.used_up()  # before anything is computed: this page is open to everybody
            return
        try:
            word = await self.doors.computing(self.choose, ticket, name, password)
        except UserError as error:
            await self._ask(ticket, status=422, name=name, errors={error.field: str(error)})
        except BusyError as error:
            errors = {"password": wait_message(self.words, error)}
            await self._ask(ticket, status=503, name=name, errors=errors)
        except TicketError:
            self.used_up()
        else:
            logger.info("signed_in", by=self.purpose.value, address=self.address)
            self.let_in(word)

    def choose(self, ticket: str, name: str, password: str) -> str:
        """Keep what was chosen; return the word of a session. Raises `UserError` or `TicketError`."""
        raise NotImplementedError

    async def _ask(
        self, ticket: str, *, status: int, name: str = "", errors: dict[str, str] | None = None
    ) -> None:
        good = await self.doors.blocking(self.admission.is_good, self.purpose, ticket)
        if good is None:
            self.used_up()
            return
        values = {"ticket": ticket, "name": good.name or name, "errors": errors or {}}
        self.show(self.template, status=status, **values)


class FirstHandler(_ChoosingHandler):
    """`/first`: where the first administrator chooses name and password."""

    purpose = Purpose.FIRST
    template = "pages/first.jinja"

    def choose(self, ticket: str, name: str, password: str) -> str:
        """Make them."""
        return self.admission.make_first(ticket, name, password)


class PasswordHandler(_ChoosingHandler):
    """`/password`: where a user chooses a password, with a link that an administrator made."""

    purpose = Purpose.PASSWORD
    template = "pages/password.jinja"

    def choose(self, ticket: str, name: str, password: str) -> str:  # noqa: ARG002 - the ticket says whose
        """Keep it."""
        return self.admission.choose_password(ticket, password)


class LinkHandler(DoorHandler):
    """`GET /link`: lets in at once, as a user. For who has the bridge's own shell and made the link there."""

    async def get(self) -> None:
        """Use up the link."""
        await _enter(self, Purpose.SIGN_IN, self.get_query_argument("ticket", ""))


class EnterHandler(DoorHandler):
    """`POST /enter`: lets in an administrator of a site who comes from its wp-admin, and shows that site only."""

    def check_trusted_origin(self, origin: str) -> bool:  # noqa: ARG002 - any
        """Let the form come from anywhere: it comes from WordPress, which has an address of its own.

        What it may do does not rest on cookies, which the protection is there for, but on the ticket in the form: a
        secret that was made for a minute and works once. It is posted, and not in the address, so that it gets into
        no history and no log. Whoever has a ticket could post it from another's browser, too, which would then show
        the site that the ticket is for, with its name on top.
        """
        return True

    async def post(self) -> None:
        """Use up the ticket."""
        await _enter(self, Purpose.SITE, self.get_body_argument("ticket", ""))


async def _enter(handler: DoorHandler, purpose: Purpose, ticket: str) -> None:
    before = cookie.word_of(handler)

    def enter() -> str:
        return handler.admission.enter(purpose, ticket, instead_of=before)

    try:
        word = await handler.doors.blocking(enter)
    except TicketError:
        handler.used_up()
    else:
        logger.info("signed_in", by=purpose.value, address=handler.address)
        handler.let_in(word)
