"""What can go wrong, in a few kinds. A message says what was found, what was needed and what to do next."""


class LifecastError(ValueError):
    """The base of every error that lifecast raises on purpose."""


class DataError(LifecastError):
    """The transaction log or the RFM table cannot mean what it says."""


class SettingsError(LifecastError):
    """An argument, option or run specification is out of range or does not fit the data."""


class FitError(LifecastError):
    """Inference cannot go on from this data with these settings."""


class FileFormatError(LifecastError):
    """A saved file is damaged, of another kind, or from a newer lifecast."""


class LifecastWarning(UserWarning):
    """The answer stands, but the user should know something about it."""
