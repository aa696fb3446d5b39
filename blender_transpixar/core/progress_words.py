"""Durations and sizes as a person says them."""

_MINUTE_S = 60
_HOUR_S = 3600
_UNITS = ("B", "KB", "MB", "GB", "TB")


def eta_in_words(seconds: float | None) -> str:
    """A remaining time: "12 s left", "4 min left", "2 h 5 min left"; empty for None.

    Rounded to what anybody would believe, so that it does not flicker.
    """
    if seconds is None:
        return ""
    if seconds < _MINUTE_S:
        return f"{max(round(seconds), 1)} s left"
    if seconds < _HOUR_S:
        return f"{round(seconds / _MINUTE_S)} min left"
    hours, rest = divmod(round(seconds / _MINUTE_S), _MINUTE_S)
    return f"{hours} h {rest} min left" if rest else f"{hours} h left"


def size_in_words(size: int | None) -> str:
    """A number of bytes: "3.2 GB"."""
    amount, unit = float(size or 0), 0
    while amount >= 1000 and unit + 1 < len(_UNITS):
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if unit else f"{amount:.0f} B"
