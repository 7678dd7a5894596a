"""The one error type that is the user's to mend."""


class UserError(ValueError):
    """Bad input: one line that names the file, key or row, and the mend. The CLI exits with status 2."""
