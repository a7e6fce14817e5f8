"""The Account page: a user changes their own password."""

from __future__ import annotations

from dataclasses import dataclass

from core.auth.service import canonical
from core.errors import UserError
from web.http.client_address import client_address
from web.pages.page import PageHandler
from web.signin import cookie
from web.signin.handlers import SignInBusyError, TooManyAttemptsError, refusal_message


@dataclass(frozen=True, slots=True)
class AccountView:
    """The form for a new password. `errors`: by field."""

    saved: bool
    problem: str
    errors: dict[str, str]
    has_password: bool


class AccountHandler(PageHandler):
    """`GET` shows the form; `POST` changes the password if the current one is correct."""

    path = "/account"
    anyone_may_post = True  # it is their own

    async def prepare(self) -> None:
        """Redirect administrators of a site, who come from wp-admin and have no password here."""
        await super().prepare()
        if self.site_id is not None:
            self.go("/")

    async def get(self) -> None:
        await self._show(saved=self.get_query_argument("saved", "") == "yes")

    async def post(self) -> None:
        """Change the password, and end the user's other sessions."""
        name = self.viewer.name
        present = self.get_body_argument("password", "", strip=False)[:1000]
        wanted = self.get_body_argument("wanted", "", strip=False)
        if wanted != self.get_body_argument("again", "", strip=False):
            problem = self.words.gettext("The passwords do not match. Enter the same password twice.")
            await self._show(status=422, errors={"again": problem})
            return
        try:
            token = await self.sign_in.attempt(
                canonical(name),
                client_address(self.request),
                lambda: self.sign_in.auth.change_password(name, present, wanted),
            )
        except UserError as error:
            await self._show(status=422, errors={error.field: self.translated(error)})
        except (SignInBusyError, TooManyAttemptsError) as error:
            await self._show(status=422, problem=refusal_message(self.words, error))
        else:
            if token is None:
                problem = self.words.gettext("Your current password is incorrect. Nothing was changed.")
                await self._show(status=422, errors={"present": problem})
                return
            cookie.set_token(self, token)
            self.go("/account", saved="yes")

    async def _show(
        self,
        *,
        status: int = 200,
        saved: bool = False,
        problem: str = "",
        errors: dict[str, str] | None = None,
    ) -> None:
        has_password = await self.blocking(self.sign_in.auth.has_password, self.viewer.name)
        self.show(
            "pages/account.jinja", AccountView(saved, problem, errors or {}, has_password), status=status
        )
