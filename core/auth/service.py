"""Authentication at the bridge's own address: users with passwords, one-time links, and sessions."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from core.auth import passwords
from core.auth.passwords import Passwords
from core.errors import StoreUnavailableError, TicketError, UserError
from core.store.auth import one_time_links, sessions, users
from core.store.auth.one_time_links import OneTimeLink, Purpose
from core.store.auth.users import Role
from core.store.db import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.store.auth.sessions import Session
    from core.store.auth.users import User
    from core.store.db.engine import Store

_NAME = re.compile(r"[\w.@-]{2,60}")
_MOST_USERS = 500

_TOO_LATE = "This link does not work any more: each works once, and only for a while."


@dataclass(slots=True)
class AuthService:
    """Manage users, one-time links and sessions. Methods with a password compute a slow hash: see `core.auth.passwords`."""

    store: Store
    passwords: Passwords = field(default_factory=Passwords)
    clock: Callable[[], float] | None = None

    # --- Users ----------------------------------------------------------------------------------------

    def users(self) -> list[User]:
        """Return all users, by name."""
        with self.store.reading() as connection:
            return users.list_all(connection)

    def is_anybody(self) -> bool:
        """Whether any user exists."""
        with self.store.reading() as connection:
            return users.any_user(connection)

    def has_password(self, name: str) -> bool:
        """Whether a user has a password; without one, they sign in by link."""
        with self.store.reading() as connection:
            user = users.find(connection, name)
        return user is not None and user.has_password

    def add(self, name: str, role: Role, password: str | None = None) -> str:
        """Create a user, who signs in by link until a password is set. Returns the canonical name.

        Raises: UserError.
        """
        name = _new_name(name)
        kept = users.NO_PASSWORD if password is None else self._hash(name, password)
        self.store.write(partial(self._add, name=name, role=role, password=kept))
        return name

    def set_role(self, name: str, role: Role) -> None:
        """Change a user's role, from their next request on. Raises: UserError."""
        name = canonical(name)

        def change(connection: Connection) -> None:
            users.lock(connection)
            if role is not Role.ADMINISTRATOR:
                _keep_an_administrator(connection, name)
            if not users.set_role(connection, name, role):
                raise _nobody(name)

        self.store.write(change)

    def set_password(self, name: str, password: str) -> None:
        """Set a user's password, and end all their sessions. Raises: UserError."""
        name = canonical(name)
        kept = self._hash(name, password)
        self.store.write(partial(_set_password, name=name, password=kept))

    def remove(self, name: str) -> None:
        """Delete a user, and end all their sessions. Raises: UserError."""
        name = canonical(name)

        def forget(connection: Connection) -> None:
            users.lock(connection)
            _keep_an_administrator(connection, name)
            if not users.remove(connection, name):
                raise _nobody(name)
            _revoke_access(connection, name)

        self.store.write(forget)

    # --- Coming in ------------------------------------------------------------------------------------

    def sign_in(self, name: str, password: str, *, instead_of: str = "") -> str | None:
        """Verify name and password; return the token of a new session, which replaces the present one."""
        name = canonical(name)
        with self.store.reading() as connection:
            user = users.find(connection, name)
        if not self.passwords.matches(user.password if user else None, password) or user is None:
            return None
        better = self.passwords.hashed(password) if self.passwords.is_outdated(user.password) else None

        def enter(connection: Connection) -> str | None:
            now = clock.now(connection, self.clock)
            # Not where the password was changed, or the user removed, since it was compared.
            if not users.record_seen(connection, name, now=now, password=user.password):
                return None
            if better is not None:
                users.set_password(connection, name, better, instead_of=user.password)
            sessions.end(connection, instead_of)
            return sessions.begin(connection, name, user.role, now=now)

        return self.store.write(enter)

    def change_password(self, name: str, password: str, wanted: str) -> str | None:
        """Change a user's password after verifying the current one, and end all their other sessions.

        A user without a password has signed in by link, and needs none. Returns the token of a new session; None where
        the current password is wrong. Raises: UserError.
        """
        with self.store.reading() as connection:
            user = users.find(connection, name)
        right = self.passwords.matches(user.password if user else None, password)
        if user is None or (user.has_password and not right):
            return None
        kept = self._hash(name, wanted)

        def change(connection: Connection) -> str | None:
            if not users.set_password(connection, name, kept, instead_of=user.password):
                return None
            _revoke_access(connection, name)
            return sessions.begin(connection, name, user.role, now=clock.now(connection, self.clock))

        return self.store.write(change)

    # --- Sessions -------------------------------------------------------------------------------------

    def session(self, word: str) -> Session | None:
        """Return the session of a token, and prolong it."""
        with self.store.reading() as connection:
            now = clock.now(connection, self.clock)
            session = sessions.find(connection, word, now=now)
        if session is not None and session.is_to_be_prolonged(now):

            def prolong(connection: Connection) -> None:
                sessions.prolong(connection, word, session, now=now)
                if session.site_id is None:
                    users.record_seen(connection, session.name, now=now)

            with suppress(StoreUnavailableError):  # then the next page does it: this one only wants to read
                self.store.submit(prolong)
        return session

    def sign_out(self, word: str) -> None:
        """End a session."""
        self.store.write(partial(sessions.end, token=word))

    # --- One-time links -------------------------------------------------------------------------------

    def invitation(self) -> str:
        """Return the token for creating the first administrator. Raises: UserError where a user exists."""

        def invite(connection: Connection) -> str:
            users.lock(connection)
            if users.any_user(connection):
                raise UserError("There is an administrator already.")
            return one_time_links.issue(
                connection, OneTimeLink(Purpose.FIRST), now=clock.now(connection, self.clock)
            )

        return self.store.write(invite)

    def link(self, name: str, purpose: Purpose) -> str:
        """Return the token of a user's link: to sign in, or to set a password. Raises: UserError."""
        name = canonical(name)

        def issue(connection: Connection) -> str:
            user = users.find(connection, name)
            if user is None:
                raise _nobody(name)
            ticket = OneTimeLink(purpose, name, user.role)
            return one_time_links.issue(connection, ticket, now=clock.now(connection, self.clock))

        return self.store.write(issue)

    def from_wordpress(self, site_id: str, name: str) -> str:
        """Return a token by which an administrator of a site signs in at the bridge's own address."""

        def issue(connection: Connection) -> str:
            ticket = OneTimeLink(Purpose.SITE, name, Role.ADMINISTRATOR, site_id)
            return one_time_links.issue(connection, ticket, now=clock.now(connection, self.clock))

        return self.store.write(issue)

    def is_good(self, purpose: Purpose, word: str) -> OneTimeLink | None:
        """Return the one-time link of a token; None if it is unknown, used or expired."""
        with self.store.reading() as connection:
            return one_time_links.find(connection, purpose, word, now=clock.now(connection, self.clock))

    def make_first(self, word: str, name: str, password: str) -> str:
        """Create the first administrator; return the token of their session. Raises: UserError, TicketError."""
        name = _new_name(name)
        kept = self._hash(name, password)

        def make(connection: Connection) -> str:
            now = clock.now(connection, self.clock)
            users.lock(connection)
            if one_time_links.use(connection, Purpose.FIRST, word, now=now) is None or users.any_user(
                connection
            ):
                raise TicketError(_TOO_LATE)
            one_time_links.cancel(connection, Purpose.FIRST, "")  # what other starts have printed
            users.add(connection, name, Role.ADMINISTRATOR, kept, now=now)
            users.record_seen(connection, name, now=now)
            return sessions.begin(connection, name, Role.ADMINISTRATOR, now=now)

        return self.store.write(make)

    def choose_password(self, word: str, password: str) -> str:
        """Set the password of a one-time link's user; return the token of their session.

        Raises: UserError, TicketError.
        """
        ticket = self.is_good(Purpose.PASSWORD, word)
        if ticket is None:
            raise TicketError(_TOO_LATE)
        kept = self._hash(ticket.name, password)

        def choose(connection: Connection) -> str:
            now = clock.now(connection, self.clock)
            if one_time_links.use(connection, Purpose.PASSWORD, word, now=now) is None:
                raise TicketError(_TOO_LATE)
            user = _set_password(connection, name=ticket.name, password=kept)
            users.record_seen(connection, user.name, now=now)
            return sessions.begin(connection, user.name, user.role, now=now)

        return self.store.write(choose)

    def enter(self, purpose: Purpose, word: str, *, instead_of: str = "") -> str:
        """Use a sign-in link; return the token of the session. Raises: TicketError."""

        def let_in(connection: Connection) -> str:
            now = clock.now(connection, self.clock)
            ticket = one_time_links.use(connection, purpose, word, now=now)
            if ticket is None:
                raise TicketError(_TOO_LATE)
            sessions.end(connection, instead_of)
            if ticket.site_id is None:
                users.record_seen(connection, ticket.name, now=now)
            # The role is read with each request, and a deleted user has no pages.
            return sessions.begin(connection, ticket.name, ticket.role, ticket.site_id, now=now)

        return self.store.write(let_in)

    def _add(self, connection: Connection, *, name: str, role: Role, password: str) -> None:
        users.lock(connection)
        if len(users.list_all(connection)) >= _MOST_USERS:
            raise UserError(
                f"There are {_MOST_USERS} users already. Remove those who are not needed any more."
            )
        if not users.add(connection, name, role, password, now=clock.now(connection, self.clock)):
            raise UserError(f"There is a user {name} already. Choose another name.")
        _revoke_access(connection, name)  # a former user of this name may have left sessions or links

    def _hash(self, name: str, password: str) -> str:
        wrong = passwords.problem(name, password)
        if wrong is not None:
            raise UserError(wrong, field="password")
        return self.passwords.hashed(password)


def canonical(name: str) -> str:
    """Return the canonical form of a name, in which it is stored and found."""
    return unicodedata.normalize("NFKC", name[:200]).strip().casefold()


def _new_name(name: str) -> str:
    name = canonical(name)
    if not _NAME.fullmatch(name):
        raise UserError("A name has 2 to 60 letters, digits, and of signs only . _ - @")
    return name


def _set_password(connection: Connection, *, name: str, password: str) -> User:
    user = users.find(connection, name)
    if user is None or not users.set_password(connection, name, password):
        raise _nobody(name)
    _revoke_access(connection, name)
    return user


def _revoke_access(connection: Connection, name: str) -> None:
    """End a user's sessions, and cancel their one-time links."""
    sessions.end_all(connection, name)
    for purpose in (Purpose.PASSWORD, Purpose.SIGN_IN):
        one_time_links.cancel(connection, purpose, name)


def _keep_an_administrator(connection: Connection, name: str) -> None:
    user = users.find(connection, name)
    if user is None or user.role is not Role.ADMINISTRATOR:
        return
    if not users.other_administrators(connection, name):
        raise UserError(
            f"{name} is the only administrator who can sign in. Make another one first: else nobody could "
            "change anything here any more.",
            field="role",
        )


def _nobody(name: str) -> UserError:
    return UserError(f"There is no user {name}. See: zoombridge user list")
