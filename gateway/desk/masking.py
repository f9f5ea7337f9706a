"""What people see of a body: personal data masked by the name they stand under, and by their look."""

from __future__ import annotations

from typing import Any

from gateway.contract.privacy import is_personal, mask_text, mask_value


def masked(name: str, value: Any) -> Any:
    """A value of plain types with personal data in it masked, at any depth."""
    if isinstance(value, dict):
        return {key: masked(key, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(name, item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if is_personal(name):
        return mask_value(name, str(value))
    text = mask_text(str(value))
    return value if text == str(value) else text


def masked_text(name: str, text: str, *, personal: bool) -> str:
    """A text of a partner's that a mapping knows to be personal, or that looks like it."""
    if personal and text:
        return mask_value(name if is_personal(name) else "certificate_no", text)
    return str(masked(name, text))
