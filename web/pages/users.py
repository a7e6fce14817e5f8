"""The Users page: manage users. For administrators of the whole bridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.auth.service import canonical
from core.errors import UserError
from core.store.auth.one_time_links import Purpose
from core.store.auth.sessions import id_of
from core.store.auth.users import Role
from web.pages.page import PageHandler
from web.signin import cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.store.auth.sessions import SessionEntry
    from core.store.auth.users import User


@dataclass(frozen=True, slots=True)
class UsersView:
    """The users, which of them use two-factor authentication, and the result of the last form.

    `link` is the new one-time link of the user `link_for`.
    """

    users: Sequence[User]
    two_factor: frozenset[str]
    done: str
    problem: str
    errors: dict[str, str]
    name: str
    link: str
    link_for: str


@dataclass(frozen=True, slots=True)
class UserSessionsView:
    """The sessions of a user, and whether some were ended. `this_session` is the id of this browser's own."""

    name: str
    sessions: Sequence[SessionEntry]
    this_session: str
    done: str


class _UsersPageHandler(PageHandler):
    """A page for administrators of the whole bridge only."""

    path = "/users"

    async def prepare(self) -> None:
        """Allow administrators of the whole bridge only."""
        await super().prepare()
        if not self.viewer.may_manage_users:
            self.forbid(self.words.gettext("Only administrators of the whole bridge can manage users."))


class UsersHandler(_UsersPageHandler):
    """`GET` lists the users; `POST` adds or removes one, changes a role, or creates a password link."""

    async def get(self) -> None:
        await self._show(done=self.get_query_argument("done", ""))

    async def post(self) -> None:
        auth = self.sign_in.auth
        name = self.get_body_argument("name", "")
        role = Role.ADMINISTRATOR if self.get_body_argument("role", "") == Role.ADMINISTRATOR else Role.VIEWER
        match self.get_body_argument("do", ""):
            case "add":
                try:
                    name = await self.blocking(auth.add, name, role)
                except UserError as error:
                    await self._show(status=422, errors={error.field: self.translated(error)}, name=name)
                else:
                    await self._show_link(name)
            case "link":
                await self._show_link(name)
            case "role":
                await self._change(auth.set_role, name, role, done="role")
            case "two-factor" if canonical(name) == self.viewer.name:
                self.go("/account")  # with password and code, as everybody turns off their own
            case "two-factor":
                await self._change(auth.two_factor.remove, canonical(name), done="two-factor")
            case "remove":
                await self._change(auth.remove, name, done="removed")
            case _:
                self.go("/users")

    async def _change(self, change: Callable[..., None], *arguments: object, done: str) -> None:
        try:
            await self.blocking(change, *arguments)
        except UserError as error:
            await self._show(status=422, problem=self.translated(error))
        else:
            self.go("/users", done=done)

    async def _show_link(self, name: str) -> None:
        """Create a link and show it in the response itself, so that it is in no history or log."""
        try:
            token = await self.blocking(self.sign_in.auth.link, name, Purpose.PASSWORD)
        except UserError as error:
            await self._show(status=422, problem=self.translated(error))
            return
        here = await self.public_url() or f"{self.request.protocol}://{self.request.host}"
        await self._show(link=f"{here}/password?token={token}", link_for=name)

    async def _show(
        self,
        *,
        status: int = 200,
        done: str = "",
        problem: str = "",
        errors: dict[str, str] | None = None,
        name: str = "",
        link: str = "",
        link_for: str = "",
    ) -> None:
        users = await self.blocking(self.sign_in.auth.users)
        two_factor = await self.blocking(self.sign_in.auth.two_factor.names)
        view = UsersView(users, two_factor, done, problem, errors or {}, name, link, link_for)
        self.show("pages/users.jinja", view, status=status)


class UserSessionsHandler(_UsersPageHandler):
    """`/users/sessions?user=NAME`: `GET` lists the sessions of a user; `POST` ends one, or all but one's own."""

    async def get(self) -> None:
        name = self.get_query_argument("user", "")
        try:
            found = await self.blocking(self.sign_in.auth.sessions, name)
        except UserError:  # removed meanwhile
            self.go("/users")
            return
        done = self.get_query_argument("done", "")
        view = UserSessionsView(canonical(name), found, id_of(cookie.read_token(self)), done)
        self.show("pages/user-sessions.jinja", view)

    async def post(self) -> None:
        auth = self.sign_in.auth
        name = self.get_body_argument("user", "")
        try:
            if self.get_body_argument("do", "") == "end-session":
                await self.blocking(auth.end_session, name, self.get_body_argument("session", ""))
                self.go("/users/sessions", user=canonical(name), done="session")
            else:
                await self.blocking(auth.end_other_sessions, name, cookie.read_token(self))
                self.go("/users/sessions", user=canonical(name), done="sessions")
        except UserError:
            self.go("/users")
