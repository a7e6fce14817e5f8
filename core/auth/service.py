"""Authentication at the bridge's own address: users with passwords, one-time links, and sessions."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from core import messages
from core.auth import devices, passwords, two_factor
from core.auth.email_addresses import EmailAddressService
from core.auth.failure_budget import FailureBudget
from core.auth.passwords import Passwords
from core.auth.two_factor import TwoFactorService
from core.errors import CodeRequiredError, LinkExpiredError, StoreUnavailableError, UserError
from core.store import audit
from core.store.audit import Action, ActorKind
from core.store.auth import one_time_links, pending_sign_ins, second_factors, sessions, users
from core.store.auth.one_time_links import OneTimeLink, Purpose
from core.store.auth.users import Role
from core.store.db import clock
from core.store.sites import pairings

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.store.audit import Actor
    from core.store.auth.sessions import Session, SessionEntry
    from core.store.auth.users import User
    from core.store.db.engine import Store

_NAME = re.compile(r"[\w.@-]{2,60}")
_MOST_USERS = 500


@dataclass(frozen=True, slots=True)
class _Begun:
    """The token of a session, or of a sign-in that waits for a code."""

    token: str
    is_pending: bool = False

    def session(self) -> str:
        """Return the token of the session. Raises: CodeRequiredError."""
        if self.is_pending:
            raise CodeRequiredError(self.token)
        return self.token


@dataclass(frozen=True, slots=True)
class MailedLink:
    """The token of a link for a user, and the e-mail address that it is sent to."""

    name: str
    address: str
    token: str


@dataclass(slots=True)
class AuthService:
    """Manage users, one-time links and sessions. Methods with a password compute a slow hash: see `core.auth.passwords`."""

    store: Store
    passwords: Passwords = field(default_factory=Passwords)
    clock: Callable[[], float] | None = None
    failures: FailureBudget = field(default_factory=FailureBudget)

    @property
    def two_factor(self) -> TwoFactorService:
        """The second factor of users."""
        return TwoFactorService(self.store, self.clock)

    @property
    def email_addresses(self) -> EmailAddressService:
        """The e-mail addresses of users."""
        return EmailAddressService(self.store, self.clock)

    # --- Users ----------------------------------------------------------------------------------------

    def users(self) -> list[User]:
        """Return all users, by name."""
        with self.store.reading() as connection:
            return users.list_all(connection)

    def has_users(self) -> bool:
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
        hashed = users.NO_PASSWORD if password is None else self._hash(name, password)
        self.store.write(partial(self._add, name=name, role=role, password=hashed))
        return name

    def set_role(self, name: str, role: Role) -> None:
        """Change a user's role, from their next request on; pairing codes of who may add no sites end. Raises: UserError."""
        name = canonical(name)

        def change(connection: Connection) -> None:
            users.lock(connection)
            if role is not Role.ADMINISTRATOR:
                _keep_an_administrator(connection, name)
            if not users.set_role(connection, name, role):
                raise _unknown_user(name)
            audit.record(connection, Action.USER_ROLE, name, role=role.value)
            if role is not Role.ADMINISTRATOR:
                self._cancel_codes(connection, name)

        self.store.write(change)

    def set_password(self, name: str, password: str) -> None:
        """Set a user's password, and end all their sessions. Raises: UserError."""
        name = canonical(name)
        hashed = self._hash(name, password)

        def change(connection: Connection) -> None:
            _set_password(connection, name=name, password=hashed)
            audit.record(connection, Action.USER_PASSWORD, name)

        self.store.write(change)

    def remove(self, name: str) -> None:
        """Delete a user, and end all their sessions and pairing codes. Raises: UserError."""
        name = canonical(name)

        def delete(connection: Connection) -> None:
            users.lock(connection)
            _keep_an_administrator(connection, name)
            if not users.remove(connection, name):
                raise _unknown_user(name)
            audit.record(connection, Action.USER_REMOVED, name)
            _revoke_access(connection, name)
            self._cancel_codes(connection, name)

        self.store.write(delete)

    # --- Signing in ------------------------------------------------------------------------------------

    def sign_in(self, name: str, password: str, *, instead_of: str = "") -> str | None:
        """Verify name and password; return the token of a new session, which replaces that of the token `instead_of`.

        None where they are wrong. Raises: CodeRequiredError where the user has a second factor.
        """
        name = canonical(name)
        with self.store.reading() as connection:
            user = users.find(connection, name)
        if not self.passwords.matches(user.password if user else None, password) or user is None:
            self._record_failure(user)
            return None
        rehashed = self.passwords.hashed(password) if self.passwords.is_outdated(user.password) else None

        def begin(connection: Connection) -> _Begun | None:
            # Not where the password was changed, or the user removed, since it was compared.
            kept = rehashed or user.password
            if not users.set_password(connection, name, kept, instead_of=user.password):
                return None
            return self._begin(connection, name, user.role, "password", instead_of=instead_of)

        begun = self.store.write(begin)
        return None if begun is None else begun.session()

    def password_matches(self, name: str, password: str) -> bool:
        """Verify the password of a signed-in user again."""
        with self.store.reading() as connection:
            user = users.find(connection, name)
        return self.passwords.matches(user.password if user else None, password)

    def pending_name(self, token: str) -> str | None:
        """Return whose sign-in waits for a code; None if it is unknown, used or expired."""
        with self.store.reading() as connection:
            pending = pending_sign_ins.find(connection, token, now=clock.now(connection, self.clock))
        return pending.name if pending else None

    def finish_sign_in(self, token: str, code: str, *, instead_of: str = "") -> str | None:
        """Verify the code of a pending sign-in; return the token of a new session as `sign_in` does, None if it is wrong.

        Raises: LinkExpiredError if the pending sign-in is unknown, used or expired.
        """

        def finish(connection: Connection) -> tuple[User, str | None]:
            now = clock.now(connection, self.clock)
            pending = pending_sign_ins.find(connection, token, now=now)
            user = users.find(connection, pending.name) if pending else None
            if pending is None or user is None:
                raise LinkExpiredError(messages.LINK_EXPIRED)
            kind = two_factor.use_code(connection, self.store.sealer, user.name, code, now=now)
            if kind is None:
                pending_sign_ins.record_failure(connection, token)
                return user, None
            if not pending_sign_ins.end(connection, token):
                raise LinkExpiredError(messages.LINK_EXPIRED)
            sessions.end(connection, instead_of)
            users.record_seen(connection, user.name, now=now)
            _record_sign_in(connection, user.name, [pending.means, kind])
            return user, _begin_session(connection, user.name, user.role, now=now)

        user, session_token = self.store.write(finish)
        if session_token is None:
            self._record_failure(user, step="code")
        return session_token

    def known_device(self, name: str, token: str) -> str:
        """Return the id of the device that has signed in as this user before and has this token; empty without one."""
        with self.store.reading() as connection:
            user = users.find(connection, canonical(name))
            now = clock.now(connection, self.clock)
        return "" if user is None else devices.identify(self.store.sealer, user, token, now=now)

    def remember_device(self, session_token: str) -> tuple[str, str] | None:
        """Return the user of a session and a token for its device; None where no password is typed in: see `devices`."""
        with self.store.reading() as connection:
            now = clock.now(connection, self.clock)
            session = sessions.find(connection, session_token, now=now)
            if session is None or session.site_id is not None:
                return None
            user = users.find(connection, session.name)
        if user is None or not user.has_password:
            return None
        return user.name, devices.issue(self.store.sealer, user, now=now)

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
        hashed = self._hash(name, wanted)

        def change(connection: Connection) -> str | None:
            if not users.set_password(connection, name, hashed, instead_of=user.password):
                return None
            _revoke_access(connection, name)
            audit.record(connection, Action.USER_PASSWORD, name)
            return _begin_session(connection, name, user.role, now=clock.now(connection, self.clock))

        return self.store.write(change)

    # --- Sessions -------------------------------------------------------------------------------------

    def session(self, token: str) -> Session | None:
        """Return the session of a token; record that it is used, from the address of whoever acts, and prolong it."""
        with self.store.reading() as connection:
            now = clock.now(connection, self.clock)
            session = sessions.find(connection, token, now=now)
        if session is not None and session.is_use_due(now):
            address = audit.current_actor().address

            def record_use(connection: Connection) -> None:
                sessions.record_use(connection, token, session, now=now, address=address)
                if session.site_id is None:
                    users.record_seen(connection, session.name, now=now)

            with suppress(StoreUnavailableError):  # the next page records it then
                self.store.submit(record_use)
        return session

    def sessions(self, name: str) -> list[SessionEntry]:
        """Return the sessions of a user, the last used first. Raises: UserError."""
        name = canonical(name)
        with self.store.reading() as connection:
            if users.find(connection, name) is None:
                raise _unknown_user(name)
            return sessions.list_of(connection, name, now=clock.now(connection, self.clock))

    def end_session(self, name: str, session_id: str) -> bool:
        """End the session of a user that has this id in their list. Returns whether there was one."""
        name = canonical(name)

        def end(connection: Connection) -> bool:
            now = clock.now(connection, self.clock)
            meant = [one for one in sessions.list_of(connection, name, now=now) if one.id == session_id]
            if not meant or not sessions.end_one(connection, name, session_id):
                return False
            facts = {"number": 1, "address": meant[0].address, "browser": meant[0].browser}
            audit.record(connection, Action.SESSIONS_ENDED, name, detail=facts)
            return True

        return self.store.write(end)

    def end_other_sessions(self, name: str, token: str = "") -> int:
        """End all sessions of a user but that of the token, if it is theirs. Returns their number. Raises: UserError."""
        name = canonical(name)

        def end(connection: Connection) -> int:
            if users.find(connection, name) is None:
                raise _unknown_user(name)
            number = sessions.end_others(connection, name, token)
            if number:
                audit.record(connection, Action.SESSIONS_ENDED, name, number=number)
            return number

        return self.store.write(end)

    def sign_out(self, token: str) -> None:
        """End a session."""

        def end(connection: Connection) -> None:
            session = sessions.find(connection, token, now=clock.now(connection, self.clock))
            if session is not None:
                actor = replace(audit.current_actor(), kind=_actor_kind(session.site_id), name=session.name)
                audit.record(connection, Action.SIGNED_OUT, site_id=session.site_id, actor=actor)
            sessions.end(connection, token)

        self.store.write(end)

    # --- One-time links -------------------------------------------------------------------------------

    def invitation(self) -> str:
        """Return the token for creating the first administrator. Raises: UserError where a user exists."""

        def invite(connection: Connection) -> str:
            users.lock(connection)
            if users.any_user(connection):
                raise UserError(messages.ADMINISTRATOR_EXISTS)
            audit.record(connection, Action.USER_LINK, purpose=Purpose.FIRST.value)
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
                raise _unknown_user(name)
            link = OneTimeLink(purpose, name, user.role)
            audit.record(connection, Action.USER_LINK, name, purpose=purpose.value)
            return one_time_links.issue(connection, link, now=clock.now(connection, self.clock))

        return self.store.write(issue)

    def link_by_mail(self, name: str) -> MailedLink | None:
        """Return a link by which a user chooses a new password within an hour. They are named by user name or e-mail address.

        None for an unknown user, and for one without an address.
        """
        found = self.email_addresses.recipient(canonical(name))
        if found is None:
            return None
        user, address = found

        def issue(connection: Connection) -> str:
            link = OneTimeLink(Purpose.PASSWORD, user.name, user.role)
            audit.record(connection, Action.USER_LINK, user.name, purpose=Purpose.PASSWORD.value)
            now = clock.now(connection, self.clock)
            return one_time_links.issue(connection, link, now=now, is_by_mail=True)

        return MailedLink(user.name, address, self.store.write(issue))

    def from_wordpress(self, site_id: str, name: str) -> str:
        """Return a token by which an administrator of a site signs in at the bridge's own address."""

        def issue(connection: Connection) -> str:
            link = OneTimeLink(Purpose.SITE, name, Role.ADMINISTRATOR, site_id)
            audit.record(connection, Action.USER_LINK, name, site_id=site_id, purpose=Purpose.SITE.value)
            return one_time_links.issue(connection, link, now=clock.now(connection, self.clock))

        return self.store.write(issue)

    def find_link(self, purpose: Purpose, token: str) -> OneTimeLink | None:
        """Return the one-time link of a token; None if it is unknown, used or expired."""
        with self.store.reading() as connection:
            return one_time_links.find(connection, purpose, token, now=clock.now(connection, self.clock))

    def create_first(self, token: str, name: str, password: str) -> str:
        """Create the first administrator; return the token of their session. Raises: UserError, LinkExpiredError."""
        name = _new_name(name)
        hashed = self._hash(name, password)

        def create(connection: Connection) -> str:
            now = clock.now(connection, self.clock)
            users.lock(connection)
            if one_time_links.use(connection, Purpose.FIRST, token, now=now) is None or users.any_user(
                connection
            ):
                raise LinkExpiredError(messages.LINK_EXPIRED)
            one_time_links.cancel(connection, Purpose.FIRST, "")  # the links that other starts have printed
            users.add(connection, name, Role.ADMINISTRATOR, hashed, now=now)
            users.record_seen(connection, name, now=now)
            audit.record(
                connection, Action.USER_ADDED, name, actor=_actor(name), role=Role.ADMINISTRATOR.value
            )
            _record_sign_in(connection, name, Purpose.FIRST.value)
            return _begin_session(connection, name, Role.ADMINISTRATOR, now=now)

        return self.store.write(create)

    def choose_password(self, token: str, password: str) -> str:
        """Set the password of a one-time link's user; return the token of their session.

        Raises: UserError, LinkExpiredError; CodeRequiredError where the user has a second factor.
        """
        link = self.find_link(Purpose.PASSWORD, token)
        if link is None:
            raise LinkExpiredError(messages.LINK_EXPIRED)
        hashed = self._hash(link.name, password)

        def save(connection: Connection) -> _Begun:
            now = clock.now(connection, self.clock)
            if one_time_links.use(connection, Purpose.PASSWORD, token, now=now) is None:
                raise LinkExpiredError(messages.LINK_EXPIRED)
            user = _set_password(connection, name=link.name, password=hashed)
            audit.record(connection, Action.USER_PASSWORD, user.name, actor=_actor(user.name))
            return self._begin(connection, user.name, user.role, Purpose.SIGN_IN.value)

        return self.store.write(save).session()

    def hold_link(self, token: str) -> str:
        """Use the link of an administrator of a site; return a token by which the same browser signs in later.

        Raises: LinkExpiredError.
        """
        self._require_link(Purpose.SITE, token)

        def hold(connection: Connection) -> str:
            now = clock.now(connection, self.clock)
            link = one_time_links.use(connection, Purpose.SITE, token, now=now)
            if link is None:
                raise LinkExpiredError(messages.LINK_EXPIRED)
            return one_time_links.issue(connection, replace(link, purpose=Purpose.ENTER), now=now)

        return self.store.write(hold)

    def sign_in_by_link(self, purpose: Purpose, token: str, *, instead_of: str = "") -> str:
        """Start a session by a one-time link; return the token of the session.

        Raises: LinkExpiredError; CodeRequiredError where the user has a second factor. Administrators of a site have
        none here: WordPress signed them in.
        """
        self._require_link(purpose, token)
        means = Purpose.SITE if purpose is Purpose.ENTER else purpose

        def use_link(connection: Connection) -> _Begun:
            now = clock.now(connection, self.clock)
            link = one_time_links.use(connection, purpose, token, now=now)
            if link is None:
                raise LinkExpiredError(messages.LINK_EXPIRED)
            # The role is read with each request, and a deleted user has no pages.
            return self._begin(
                connection, link.name, link.role, means.value, site_id=link.site_id, instead_of=instead_of
            )

        return self.store.write(use_link).session()

    def _begin(
        self,
        connection: Connection,
        name: str,
        role: Role,
        means: str,
        *,
        site_id: str | None = None,
        instead_of: str = "",
    ) -> _Begun:
        """Start a session in place of that of the token `instead_of`; a pending sign-in for who has a second factor."""
        now = clock.now(connection, self.clock)
        if site_id is None and second_factors.is_on(connection, name):
            return _Begun(pending_sign_ins.begin(connection, name, means, now=now), is_pending=True)
        sessions.end(connection, instead_of)
        if site_id is None:
            users.record_seen(connection, name, now=now)
        _record_sign_in(connection, name, means, site_id=site_id)
        return _Begun(_begin_session(connection, name, role, site_id, now=now))

    def _require_link(self, purpose: Purpose, token: str) -> None:
        """Refuse a token before anything is written: everybody can send some. Raises: LinkExpiredError."""
        if self.find_link(purpose, token) is None:
            raise LinkExpiredError(messages.LINK_EXPIRED)

    def _add(self, connection: Connection, *, name: str, role: Role, password: str) -> None:
        users.lock(connection)
        if len(users.list_all(connection)) >= _MOST_USERS:
            raise UserError(messages.TOO_MANY_USERS % {"count": _MOST_USERS})
        if not users.add(connection, name, role, password, now=clock.now(connection, self.clock)):
            raise UserError(messages.USER_EXISTS % {"name": name})
        audit.record(connection, Action.USER_ADDED, name, role=role.value)
        _revoke_access(connection, name)  # a former user of this name may have left sessions or links

    def _cancel_codes(self, connection: Connection, name: str) -> None:
        """Cancel the pairing codes of a user who may add sites no more, but has them: a code is as good as they were."""
        now = clock.now(connection, self.clock)
        pairings.cancel_codes(connection, pairings.requester_of(name), self.store.sealer, now=now)

    def _record_failure(self, user: User | None, *, step: str = "") -> None:
        """Log a failed sign-in, by the user's name if there is one: what else was typed may be a password.

        Does not wait for the database, and writes little where many fail: those that are not listed are counted.
        """
        more = self.failures.count()
        if more is None:
            return
        failed = partial(
            audit.record,
            action=Action.SIGN_IN_FAILED,
            subject=user.name if user else "",
            step=step,
            more=more or None,
        )
        with suppress(StoreUnavailableError):
            self.store.submit(failed)

    def _hash(self, name: str, password: str) -> str:
        problem = passwords.problem(name, password)
        if problem is not None:
            raise UserError(problem, field="password")
        return self.passwords.hashed(password)


def _begin_session(
    connection: Connection, name: str, role: Role, site_id: str | None = None, *, now: int
) -> str:
    """Create a session of the browser that acts; returns its token."""
    actor = audit.current_actor()
    return sessions.begin(
        connection, name, role, site_id, now=now, address=actor.address, browser=actor.browser
    )


def _record_sign_in(
    connection: Connection, name: str, means: str | list[str], *, site_id: str | None = None
) -> None:
    audit.record(connection, Action.SIGNED_IN, site_id=site_id, actor=_actor(name, site_id), means=means)


def _actor(name: str, site_id: str | None = None) -> Actor:
    """Return the user of this name at the address of whoever acts: until now, nobody was signed in there."""
    return replace(audit.current_actor(), kind=_actor_kind(site_id), name=name)


def _actor_kind(site_id: str | None) -> ActorKind:
    return ActorKind.USER if site_id is None else ActorKind.WORDPRESS


def canonical(name: str) -> str:
    """Return the canonical form of a name, in which it is stored and found."""
    return unicodedata.normalize("NFKC", name[:254]).strip().casefold()


def _new_name(name: str) -> str:
    name = canonical(name)
    if not _NAME.fullmatch(name):
        raise UserError(messages.USER_NAME_INVALID)
    return name


def _set_password(connection: Connection, *, name: str, password: str) -> User:
    user = users.find(connection, name)
    if user is None or not users.set_password(connection, name, password):
        raise _unknown_user(name)
    _revoke_access(connection, name)
    return user


def _revoke_access(connection: Connection, name: str) -> None:
    """End a user's sessions and pending sign-ins, and cancel their one-time links."""
    sessions.end_all(connection, name)
    pending_sign_ins.end_all(connection, name)
    for purpose in (Purpose.PASSWORD, Purpose.SIGN_IN):
        one_time_links.cancel(connection, purpose, name)


def _keep_an_administrator(connection: Connection, name: str) -> None:
    user = users.find(connection, name)
    if user is None or user.role is not Role.ADMINISTRATOR:
        return
    if not users.other_administrators(connection, name):
        raise UserError(messages.LAST_ADMINISTRATOR % {"name": name}, field="role")


def _unknown_user(name: str) -> UserError:
    return UserError(messages.USER_UNKNOWN % {"name": name})
