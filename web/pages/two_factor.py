"""The forms of the Account page about two-factor authentication."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from core.auth import totp
from core.auth.two_factor import SETUP_MINUTES
from core.errors import UserError
from web.http.client_address import client_address
from web.pages.account import AccountPageHandler
from web.signin import cookie
from web.signin.code import LONGEST_CODE
from web.signin.handlers import SignInBusyError, TooManyAttemptsError, refusal_message
from web.ui.qr_code import qr_code

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markupsafe import Markup

    from core.auth.two_factor import Setup

T = TypeVar("T")

_ISSUER = "Zoom WordPress Bridge"
_GROUP = 4


@dataclass(frozen=True, slots=True)
class SetupView:
    """A new secret, to be read by an app: as a QR code, and in groups of letters. `token` goes on with the setup."""

    qr_code: Markup
    secret: str
    token: str
    error: str
    minutes: int = SETUP_MINUTES


@dataclass(frozen=True, slots=True)
class RecoveryCodesView:
    """New recovery codes, shown once. `is_new`: two-factor authentication was just turned on."""

    codes: Sequence[str]
    is_new: bool


class TwoFactorHandler(AccountPageHandler):
    """`POST /account/two-factor`: set up, confirm, renew the recovery codes, or turn off."""

    async def get(self) -> None:
        """Redirect who reloads a page by its address: what it showed is shown once."""
        self.go("/account")

    async def post(self) -> None:
        try:
            match self.get_body_argument("do", ""):
                case "start":
                    await self._start()
                case "confirm":
                    await self._confirm()
                case "renew":
                    await self._renew()
                case "off":
                    await self._turn_off()
                case _:
                    self.go("/account")
        except UserError as error:
            await self.show_account(status=422, problem=self.translated(error))
        except (SignInBusyError, TooManyAttemptsError) as error:
            await self.show_account(status=422, problem=refusal_message(self.words, error))

    async def _start(self) -> None:
        """Show a new secret, after the password."""
        if await self.password_is_right("two_factor_password"):
            setup = await self.blocking(self.sign_in.auth.two_factor.start, self.viewer.name)
            await self._show_setup(setup)

    async def _confirm(self) -> None:
        """Turn it on, if the app shows the code of the new secret."""
        service = self.sign_in.auth.two_factor
        name, token = self.viewer.name, self.get_body_argument("token", "")
        session_token = cookie.read_token(self)

        def confirm() -> list[str] | None:
            return service.confirm(name, token, self._code(), session_token=session_token)

        codes = await self.blocking(confirm)
        if codes is None:
            setup = await self.blocking(service.setup, name, token)
            error = self.words.gettext(
                "Incorrect code. Enter the one that the app shows now, and check the clock of your phone."
            )
            await self._show_setup(setup, status=422, error=error)
            return
        self.show("pages/recovery-codes.jinja", RecoveryCodesView(codes, is_new=True))

    async def _renew(self) -> None:
        """Show new recovery codes, after password and code; those before end."""
        service, name, code = self.sign_in.auth.two_factor, self.viewer.name, self._code()
        if await self.password_is_right("two_factor_password"):
            codes = await self._attempt_code(lambda: service.renew_codes(name, code))
            if codes is not None:
                self.show("pages/recovery-codes.jinja", RecoveryCodesView(codes, is_new=False))

    async def _turn_off(self) -> None:
        """Turn it off, after password and code."""
        service, name, code = self.sign_in.auth.two_factor, self.viewer.name, self._code()
        if await self.password_is_right("two_factor_password") and await self._attempt_code(
            lambda: service.turn_off(name, code) or None
        ):
            self.go("/account", done="two-factor-off")

    def _code(self) -> str:
        return self.get_body_argument("code", "")[:LONGEST_CODE]

    async def _attempt_code(self, function: Callable[[], T | None]) -> T | None:
        """Verify a code of the user by `function`; if it is wrong, show the page with that."""
        result = await self.sign_in.attempt_code(self.viewer.name, client_address(self.request), function)
        if result is None:
            problem = self.words.gettext("Incorrect code. A code works once, and for about a minute.")
            await self.show_account(status=422, errors={"two_factor_code": problem})
        return result

    async def _show_setup(self, setup: Setup, *, status: int = 200, error: str = "") -> None:
        """Show a secret in this response alone, so that it is in no address, history or log."""
        host = urlsplit(await self.public_url()).netloc or self.request.host
        uri = totp.app_uri(setup.secret, f"{self.viewer.name} ({host})", issuer=_ISSUER)
        letters = [setup.secret[at : at + _GROUP] for at in range(0, len(setup.secret), _GROUP)]
        view = SetupView(qr_code(uri), " ".join(letters), setup.token, error)
        self.show("pages/two-factor-setup.jinja", view, status=status)
