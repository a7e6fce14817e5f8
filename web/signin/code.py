"""The second step of signing in, for users with two-factor authentication: the code after the password."""

from __future__ import annotations

import structlog

from core.errors import LinkExpiredError
from web.signin import cookie
from web.signin.handlers import SignInPageHandler, TooManyAttemptsError, refusal_message

logger = structlog.get_logger(__name__)

LONGEST_CODE = 100


class SignInCodeHandler(SignInPageHandler):
    """`POST /signin/code`: verify a code, and start a session. The password came before: see `SignInHandler`."""

    def get(self) -> None:
        """Redirect who reloads the page by its address: it is shown after the password only."""
        self.redirect("/signin", status=303)

    async def post(self) -> None:
        """Verify the code of the pending sign-in whose token is in the form."""
        to = cookie.redirect_target(self.get_body_argument("to", "", strip=False))
        pending = self.get_body_argument("pending", "")
        code = self.get_body_argument("code", "")[:LONGEST_CODE]
        before = cookie.read_token(self)
        name = await self.sign_in.run_blocking(self.auth.pending_name, pending)
        if name is None:
            await self._show_expired(to)
            return
        try:
            token = await self.sign_in.attempt_code(
                name,
                self.address,
                lambda: self.auth.finish_sign_in(pending, code, instead_of=before),
            )
        except TooManyAttemptsError as error:
            self.set_header("Retry-After", str(error.seconds))
            self.show_code_form(pending, to, status=429, problem=refusal_message(self.words, error))
            return
        except LinkExpiredError:
            await self._show_expired(to)
            return
        if token is None:
            logger.warning("sign_in_failed", step="code", address=self.address)
            problem = self.words.gettext("Incorrect code. A code works once, and for about a minute.")
            self.show_code_form(pending, to, status=422, error=problem)
            return
        logger.info("signed_in", by="code", name=name, address=self.address)
        await self.start_session(token, to)

    async def _show_expired(self, to: str) -> None:
        problem = self.words.gettext(
            "This took more than five minutes, or too many codes were wrong. Sign in again with your password."
        )
        await self.show_sign_in(to, status=403, problem=problem)
