"""Filters that write numbers for people."""

from __future__ import annotations

import re
from typing import Any, Final

from repaintd.render.filters.values import is_nothing, shown, to_count, to_number

_THIN, _HARD, _APOSTROPHE = "\u202f", "\u00a0", "\u2019"
_SEPARATORS: Final = {  # thousands, decimals
    "en": (",", "."),
    "ch": (_APOSTROPHE, "."),
    "cs": (_HARD, ","),
    "da": (".", ","),
    "de": (".", ","),
    "de-ch": (_APOSTROPHE, "."),
    "es": (".", ","),
    "fi": (_HARD, ","),
    "fr": (_THIN, ","),
    "it": (".", ","),
    "ja": (",", "."),
    "ko": (",", "."),
    "nb": (_HARD, ","),
    "nl": (".", ","),
    "pl": (_HARD, ","),
    "pt": (".", ","),
    "ru": (_HARD, ","),
    "sv": (_HARD, ","),
    "tr": (".", ","),
    "uk": (_HARD, ","),
    "zh": (",", "."),
    "plain": ("", "."),
}
_SYMBOLS: Final = {
    "AUD": "A$", "BRL": "R$", "CAD": "CA$", "CNY": "CN¥", "EUR": "€", "GBP": "£", "HKD": "HK$",
    "ILS": "₪", "INR": "₹", "JPY": "¥", "KRW": "₩", "MXN": "MX$", "NZD": "NZ$", "PHP": "₱",
    "TWD": "NT$", "UAH": "₴", "USD": "$", "VND": "₫",
}  # fmt: skip
_WHOLE: Final = frozenset({"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"})
_BEFORE: Final = frozenset({"en", "ja", "ko", "zh", "plain"})
_COMPACT: Final = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"), (1, ""))
_DECIMAL: Final = (
    (1e15, " PB"),
    (1e12, " TB"),
    (1e9, " GB"),
    (1e6, " MB"),
    (1e3, " kB"),
    (1, " B"),
)
_BINARY: Final = (
    (2.0**50, " PiB"), (2.0**40, " TiB"), (2.0**30, " GiB"), (2.0**20, " MiB"), (2.0**10, " KiB"),
    (1, " B"),
)  # fmt: skip
_SPANS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def number(value: Any, decimals: Any = None, locale: str = "en") -> str:
    """1234567.891 → 1,234,567.891; up to three decimals unless told how many."""
    if is_nothing(value):
        return ""
    return _write(to_number(value), decimals, locale)


def currency(value: Any, code: str = "USD", decimals: Any = None, locale: str = "en") -> str:
    """1234.5 → $1,234.50; `code` is three letters of ISO 4217."""
    if is_nothing(value):
        return ""
    if not re.fullmatch("[A-Za-z]{3}", str(code)):
        raise ValueError(f"the currency is a code like EUR, got {shown(code)}")
    code = code.upper()
    if decimals is None:
        decimals = 0 if code in _WHOLE else 2
    amount = _write(to_number(value), decimals, locale)
    sign, digits = ("-", amount[1:]) if amount.startswith("-") else ("", amount)
    if _language(locale) not in _BEFORE:
        return f"{sign}{digits}{_HARD}{_SYMBOLS.get(code, code)}"
    return f"{sign}{_SYMBOLS.get(code, code + _HARD)}{digits}"


def percent(value: Any, decimals: Any = 0, of: Any = 1, locale: str = "en") -> str:
    """0.256 → 26%; with `of=80`, 20 → 25%."""
    if is_nothing(value):
        return ""
    whole = to_number(of)
    if whole == 0:
        raise ValueError("`of` is 0: nothing is a share of nothing")
    return _write(to_number(value) / whole * 100, decimals, locale) + "%"


def compact(value: Any, decimals: Any = 1, locale: str = "en") -> str:
    """1234 → 1.2K, 999950 → 1M."""
    return "" if is_nothing(value) else _scaled(to_number(value), decimals, locale, _COMPACT)


def byte_size(value: Any, decimals: Any = 1, binary: Any = False, locale: str = "en") -> str:
    """1500000 → 1.5 MB; with `binary=true`, 1.4 MiB."""
    units = _BINARY if binary else _DECIMAL
    return "" if is_nothing(value) else _scaled(to_number(value), decimals, locale, units)


def duration(value: Any, parts: Any = 2) -> str:
    """Seconds as at most `parts` units: 11520 → 3 h 12 min; below one second in ms."""
    if is_nothing(value):
        return ""
    seconds, parts = to_number(value), to_count(parts, "parts", 1, len(_SPANS))
    sign = "-" if seconds < 0 else ""
    if 0 < abs(seconds) < 1:
        return f"{sign}{max(1, round(abs(seconds) * 1000))} ms"
    words = _spans(round(abs(seconds)), parts)
    return sign + " ".join(words) if words else "0 s"


def _spans(left: int, parts: int) -> list[str]:
    words: list[str] = []
    for span, unit in _SPANS:
        if len(words) == parts:
            break
        count, left = divmod(left, span)
        if count or words:
            words.append(f"{count} {unit}")
    while len(words) > 1 and words[-1].startswith("0 "):
        words.pop()
    return words


def _scaled(value: float, decimals: Any, locale: str, units: tuple[tuple[float, str], ...]) -> str:
    places = to_count(decimals, "decimals", 0, 20)
    at = next((i for i, (size, _) in enumerate(units) if abs(value) >= size), len(units) - 1)
    if at and abs(round(value / units[at][0], places)) >= units[at - 1][0] / units[at][0]:
        at -= 1  # 999,950 is 1M, not 1000K
    size, unit = units[at]
    text = _write(round(value / size, places), None if places > 0 else 0, locale, most=places)
    return text + unit


def _write(value: float, decimals: Any, locale: str, most: int = 3) -> str:
    if decimals is None:
        text = f"{value:,}" if isinstance(value, int) else f"{value:,.{most}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = f"{value:,.{to_count(decimals, 'decimals', 0, 20)}f}"
    if not text.strip("-0.,"):
        text = text.lstrip("-")
    group, point = _separators(locale)
    return text.translate({ord(","): group, ord("."): point})


def _language(locale: Any) -> str:
    name = str(locale).lower().replace("_", "-")
    return name if name in _SEPARATORS else name.split("-", 1)[0]


def _separators(locale: Any) -> tuple[str, str]:
    found = _SEPARATORS.get(_language(locale))
    if found is None:
        raise ValueError(f"unknown locale {shown(locale)}; there are {', '.join(_SEPARATORS)}")
    return found
