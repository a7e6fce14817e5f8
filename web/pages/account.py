"""The Account page: a user's own password and sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.auth.service import canonical
from core.errors import UserError
from core.store.auth.sessions import id_of
from web.http.client_address import client_address
from web.pages.page import PageHandler
from web.signin import cookie
from web.signin.handlers import SignInBusyError, TooManyAttemptsError, refusal_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.store.auth.second_factors import SecondFactor
    from core.store.auth.sessions import SessionEntry


@dataclass(frozen=True, slots=True)
class AccountView:
    """The forms of the page, and the result of the last one. `errors`: by field.

    `email_address` is the saved one, or what was typed in. `this_session` is the id of the session of this browser.
    """

    done: str
    problem: str
    errors: dict[str, str]
    has_password: bool
    email_address: str
    two_factor: SecondFactor | None
    sessions: Sequence[SessionEntry]
    this_session: str


class AccountPageHandler(PageHandler):
    """The Account page, for forms that end on it."""

    path = "/account"
    anyone_may_post = True  # it is their own

    async def prepare(self) -> None:
        """Redirect administrators of a site, who come from wp-admin and have no password here."""
        await super().prepare()
        if self.site_id is not None:
            self.go("/")

    async def show_account(
        self,
        *,
        status: int = 200,
        done: str = "",
        problem: str = "",
        errors: dict[str, str] | None = None,
        email_address: str | None = None,
    ) -> None:
        """Respond with the page."""
        auth = self.sign_in.auth
        if email_address is None:
            email_address = await self.blocking(auth.email_addresses.find, self.viewer.name)
        view = AccountView(
            done=done,
            problem=problem,
            errors=errors or {},
            has_password=await self.blocking(auth.has_password, self.viewer.name),
            email_address=email_address,
            two_factor=await self.blocking(auth.two_factor.find, self.viewer.name),
            sessions=await self.blocking(auth.sessions, self.viewer.name),
            this_session=id_of(cookie.read_token(self)),
        )
        self.show("pages/account.jinja", view, status=status)

    async def password_is_right(self, field: str) -> bool:
        """Verify the user's password again; if it is wrong, show the page with that at `field`.

        Raises: as `SignInGuard.attempt`.
        """
        name, password = self.viewer.name, self.get_body_argument("password", "", strip=False)[:1000]
        matches = self.sign_in.auth.password_matches
        right = await self.sign_in.attempt(
            name,
            client_address(self.request),
            lambda: matches(name, password) or None,
            device_token=cookie.read_device_token(self, name),
        )
        if right is None:
            problem = self.words.gettext("Your current password is incorrect. Nothing was changed.")
            await self.show_account(status=422, errors={field: problem})
        return right is not None


class AccountHandler(AccountPageHandler):
    """`GET` shows the forms; `POST` changes password or e-mail address if the current password is correct, or ends sessions."""

    async def get(self) -> None:
        await self.show_account(done=self.get_query_argument("done", ""))

    async def post(self) -> None:
        auth = self.sign_in.auth
        match self.get_body_argument("do", ""):
            case "end-session":
                session_id = self.get_body_argument("session", "")
                await self.blocking(auth.end_session, self.viewer.name, session_id)
                self.go("/account", done="session")
            case "end-others":
                await self.blocking(auth.end_other_sessions, self.viewer.name, cookie.read_token(self))
                self.go("/account", done="sessions")
            case "email":
                await self._change_email_address()
            case _:
                await self._change_password()

    async def _change_email_address(self) -> None:
        """Save the address, if the password is right: whoever found an open browser would get a new one sent."""
        name = self.viewer.name
        auth = self.sign_in.auth
        address = self.get_body_argument("email_address", "")[:1000]
        try:
            if await self.blocking(auth.has_password, name) and not await self.password_is_right(
                "email_password"
            ):
                return
            await self.blocking(auth.email_addresses.change, name, address)
        except UserError as error:
            errors = {error.field: self.translated(error)}
            await self.show_account(status=422, errors=errors, email_address=address)
        except (SignInBusyError, TooManyAttemptsError) as error:
            problem = refusal_message(self.words, error)
            await self.show_account(status=422, problem=problem, email_address=address)
        else:
            self.go("/account", done="email")

    async def _change_password(self) -> None:
        """Change the password, and end the user's other sessions."""
        name = self.viewer.name
        present = self.get_body_argument("password", "", strip=False)[:1000]
        wanted = self.get_body_argument("wanted", "", strip=False)
        if wanted != self.get_body_argument("again", "", strip=False):
            problem = self.words.gettext("The passwords do not match. Enter the same password twice.")
            await self.show_account(status=422, errors={"again": problem})
            return
        try:
            token = await self.sign_in.attempt(
                canonical(name),
                client_address(self.request),
                lambda: self.sign_in.auth.change_password(name, present, wanted),
                device_token=cookie.read_device_token(self, name),
            )
        except UserError as error:
            await self.show_account(status=422, errors={error.field: self.translated(error)})
        except (SignInBusyError, TooManyAttemptsError) as error:
            await self.show_account(status=422, problem=refusal_message(self.words, error))
        else:
            if token is None:
                problem = self.words.gettext("Your current password is incorrect. Nothing was changed.")
                await self.show_account(status=422, errors={"present": problem})
                return
            cookie.set_token(self, token)
            await self.sign_in.remember_device(self, token)
            self.go("/account", done="password")
