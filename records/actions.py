"""What an action says of its user, told by its name: regular expressions that configs begin with."""

LOW_IMPACT = r"(?i)(?:^|[\s_-])(?:click|view|impression|search|brows|exposure)(?:e?s|ed|ing|e)?(?:$|[\s_-])"
"""Actions that cost the user nothing and say little after a month."""
