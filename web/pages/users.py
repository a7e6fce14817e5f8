"""The Users page: manage users. For administrators of the whole bridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import UserError
from core.store.auth.one_time_links import Purpose
from core.store.auth.users import Role
from web.pages.page import PageHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.store.auth.users import User


@dataclass(frozen=True, slots=True)
class UsersView:
    """The users, and the result of the last form. `link` is the new one-time link of the user `link_for`."""

    users: Sequence[User]
    done: str
    problem: str
    errors: dict[str, str]
    name: str
    link: str
    link_for: str


class UsersHandler(PageHandler):
    """`GET` lists the users; `POST` adds or removes one, changes a role, or creates a password link."""

    path = "/users"

    async def prepare(self) -> None:
        """Allow administrators of the whole bridge only."""
        await super().prepare()
        if not self.viewer.may_manage_users:
            self.forbid(self.words.gettext("Only administrators of the whole bridge can manage users."))

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
        view = UsersView(users, done, problem, errors or {}, name, link, link_for)
        self.show("pages/users.jinja", view, status=status)
