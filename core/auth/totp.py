"""One-time passwords of authenticator apps: TOTP with SHA-1, six digits and steps of 30 seconds, which all apps know.

https://www.rfc-editor.org/rfc/rfc6238
"""

from __future__ import annotations

import hmac
import re

from pyotp import TOTP, random_base32

STEP_SECONDS = 30
_TOLERANCE = 1  # steps: clocks differ, and typing takes a while
_CODE = re.compile(r"[0-9]{6}")


def new_secret() -> str:
    """Return a secret of 160 random bits, in Base32."""
    return random_base32()


def app_uri(secret: str, name: str, *, issuer: str) -> str:
    """Return the address from which an authenticator app reads a secret, to be shown as a QR code.

    https://github.com/google/google-authenticator/wiki/Key-Uri-Format
    """
    return TOTP(secret, interval=STEP_SECONDS).provisioning_uri(name=name, issuer_name=issuer)


def step_at(now: int) -> int:
    """Return the step of a time in Unix milliseconds."""
    return now // 1000 // STEP_SECONDS


def code_at(secret: str, step: int) -> str:
    """Return the code of a step."""
    return TOTP(secret, interval=STEP_SECONDS).generate_otp(step)


def matching_step(secret: str, code: str, *, now: int) -> int | None:
    """Return the step to which a code belongs: the present one, or one beside it; None for a wrong code.

    `now` is in Unix milliseconds. Blanks within the code do not count. The caller accepts each step once.
    """
    typed = "".join(code.split())
    if not _CODE.fullmatch(typed):
        return None
    present = step_at(now)
    found = None
    for step in range(max(present - _TOLERANCE, 0), present + _TOLERANCE + 1):
        if hmac.compare_digest(code_at(secret, step), typed):
            found = step
    return found
