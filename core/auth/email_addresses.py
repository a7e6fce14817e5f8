"""E-mail addresses of users: to them goes the link by which they choose a new password."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import messages
from core.errors import UserError
from core.store import audit
from core.store.audit import Action
from core.store.auth import email_addresses, one_time_links, users
from core.store.db import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.store.auth.users import User
    from core.store.db.engine import Store

LONGEST = 254
"""Maximum characters of an address (RFC 5321)."""
# As browsers check a field for it, with a dot in the domain: https://html.spec.whatwg.org/multipage/input.html#email-state-(type=email)
_ADDRESS = re.compile(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([a-zA-Z0-9-]{1,63}\.)+[a-zA-Z0-9-]{2,63}")


@dataclass(slots=True)
class EmailAddressService:
    """Save and find the addresses. Blocks; thread-safe. Names are canonical (see `core.auth.service.canonical`)."""

    store: Store
    clock: Callable[[], float] | None = None

    def find(self, name: str) -> str:
        """Return the saved address of a user; empty where there is none."""
        with self.store.reading() as connection:
            return email_addresses.find(connection, self.store.sealer, name)

    def list_all(self) -> dict[str, str]:
        """Return the saved address of each user who has one, by name."""
        with self.store.reading() as connection:
            return email_addresses.list_all(connection, self.store.sealer)

    def change(self, name: str, address: str) -> None:
        """Save the address of a user; an empty one removes it.

        Each address belongs to one user: whoever has forgotten the user name enters it instead. Links that were sent to
        the address before are invalid then. Raises: UserError.
        """
        address = checked(address)

        def save(connection: Connection) -> None:
            users.lock(connection)
            saved = email_addresses.list_all(connection, self.store.sealer)
            taken = {other.casefold() for who, other in saved.items() if who != name}
            if address and (address.casefold() in taken or _is_name_of_another(connection, address, name)):
                raise UserError(messages.EMAIL_ADDRESS_TAKEN, field="email_address")
            if not email_addresses.save(connection, self.store.sealer, name, address):
                raise UserError(messages.USER_UNKNOWN % {"name": name})
            one_time_links.cancel_sent(connection, name, now=clock.now(connection, self.clock))
            audit.record(connection, Action.USER_EMAIL_ADDRESS, name)

        self.store.write(save)

    def recipient(self, name: str) -> tuple[User, str] | None:
        """Return the user of a name or an address, and where a link for them is sent.

        That is the saved address, or else a user name that is one. None where there is neither.
        """
        with self.store.reading() as connection:
            saved = email_addresses.list_all(connection, self.store.sealer)
            # A user's own name goes first: others may have saved it as their address before that user was added.
            user = users.find(connection, name)
            if user is None:
                meant = (who for who, address in saved.items() if address.casefold() == name)
                user = users.find(connection, next(meant, ""))
        if user is None:
            return None
        address = saved.get(user.name) or user.name
        return (user, address) if _ADDRESS.fullmatch(address) else None


def checked(address: str) -> str:
    """Return an address without the blanks around it. Raises: UserError if it cannot be one; an empty one can."""
    address = address.strip()
    if address and (len(address) > LONGEST or not _ADDRESS.fullmatch(address)):
        raise UserError(messages.EMAIL_ADDRESS_INVALID, field="email_address")
    return address


def _is_name_of_another(connection: Connection, address: str, name: str) -> bool:
    return address.casefold() != name and users.find(connection, address.casefold()) is not None
