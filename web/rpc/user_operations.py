"""The operations on users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.auth.service import AuthService, canonical
from core.errors import UserError
from core.store.auth.one_time_links import Purpose
from core.store.db import settings
from web.rpc import api
from web.rpc.registry import Implementation

if TYPE_CHECKING:
    from core.bridge import Bridge


def add_user(bridge: Bridge, request: api.AddUser) -> api.UserRequest:
    """Add a user; return the name as it is stored. Raises: UserError."""
    return api.UserRequest(name=AuthService(bridge.store).add(request.name, request.role, request.password))


def list_users(bridge: Bridge, _request: api.NoArguments) -> list[api.UserStatus]:
    """Return all users."""
    auth = AuthService(bridge.store)
    two_factor = auth.two_factor.names()
    addresses = auth.email_addresses.list_all()
    return [
        api.UserStatus(
            name=user.name,
            role=user.role,
            last_seen_at=user.last_seen_at,
            has_password=user.has_password,
            has_two_factor=user.name in two_factor,
            has_email_address=user.name in addresses,
        )
        for user in auth.users()
    ]


def remove_user(bridge: Bridge, request: api.UserRequest) -> api.NoArguments:
    """Remove a user, and end their sessions. Raises: UserError."""
    AuthService(bridge.store).remove(request.name)
    return api.NoArguments()


def set_password(bridge: Bridge, request: api.SetPassword) -> api.NoArguments:
    """Set a user's password, and end their sessions. Raises: UserError."""
    AuthService(bridge.store).set_password(request.name, request.password)
    return api.NoArguments()


def set_email_address(bridge: Bridge, request: api.SetEmailAddress) -> api.NoArguments:
    """Set or remove a user's e-mail address. Raises: UserError."""
    AuthService(bridge.store).email_addresses.change(canonical(request.name), request.email_address)
    return api.NoArguments()


def make_link(bridge: Bridge, request: api.MakeLink) -> api.LinkPath:
    """Make a one-time link: to choose a password, to sign in, or for the first administrator.

    Raises: UserError.
    """
    with bridge.store.reading() as connection:
        public_url = settings.public_url(connection)
    return api.LinkPath(path=_make_link(AuthService(bridge.store), request), public_url=public_url)


def _make_link(auth: AuthService, request: api.MakeLink) -> str:
    if request.name is None:
        names = [user.name for user in auth.users()]
        if names:
            raise UserError(f"Name the user: zoombridge user link NAME. There are: {', '.join(names)}")
        return f"/first?token={auth.invitation()}"
    if request.keep_password:
        return f"/link?token={auth.link(request.name, Purpose.SIGN_IN)}"
    return f"/password?token={auth.link(request.name, Purpose.PASSWORD)}"


def list_sessions(bridge: Bridge, request: api.UserRequest) -> list[api.SessionStatus]:
    """Return the sessions of a user, the last used first. Raises: UserError."""
    return [
        api.SessionStatus(
            id=one.id,
            created_at=one.created_at,
            used_at=one.used_at,
            address=one.address,
            browser=one.browser,
        )
        for one in AuthService(bridge.store).sessions(request.name)
    ]


def end_sessions(bridge: Bridge, request: api.EndSessions) -> api.EndedSessions:
    """End one session of a user, or all. Raises: UserError."""
    auth = AuthService(bridge.store)
    if request.session is None:
        return api.EndedSessions(number=auth.end_other_sessions(request.name))
    return api.EndedSessions(number=int(auth.end_session(request.name, request.session)))


def remove_two_factor(bridge: Bridge, request: api.UserRequest) -> api.NoArguments:
    """Remove the second factor of a user who has lost it. Raises: UserError."""
    AuthService(bridge.store).two_factor.remove(canonical(request.name))
    return api.NoArguments()


IMPLEMENTATIONS = (
    Implementation(api.USER_ADD, add_user),
    Implementation(api.USER_LIST, list_users),
    Implementation(api.USER_REMOVE, remove_user),
    Implementation(api.USER_PASSWORD, set_password),
    Implementation(api.USER_EMAIL_ADDRESS, set_email_address),
    Implementation(api.USER_LINK, make_link),
    Implementation(api.USER_SESSIONS, list_sessions),
    Implementation(api.USER_SIGN_OUT, end_sessions),
    Implementation(api.USER_REMOVE_TWO_FACTOR, remove_two_factor),
)
