"""Pieces of persona sets that a tokenizer keeps whole: a third fewer tokens, pointers are one each."""

_FIXED = r"(?:Only|Less|About|A few|Several|Almost|Spends|Still|Mostly (?:on week|in the |at night))"
_CLAIM = rf"(?:{_FIXED}|Buys |Looks at |Searches for |Mostly |Since |Last in )"
_NAME = r' (?:[^ ,\n\[\]|"<.=#]| (?!and |[×~]))+'

CLAIM_PIECES = (
    r" ?@[1-9][0-9]*[b-f]?(?!\w)",
    r'(?:\]\}\]\},|:\[)\{"label":"',
    rf'(?:\],"description":\[|\]\}},)\{{"text":"(?={_CLAIM})',
    rf'(?<="text":"){_FIXED}[^",.]*\.(?=")',
    rf"(?<=Buys|Looks at|Searches for|Mostly on|Mostly)(?! on | in | at ){_NAME}",
    rf'(?<=,)(?! \p{{Ll}}){_NAME}(?= and [^"\n]*\.")',
    rf'(?<= and){_NAME}(?=\.")',
)
"""Patterns (`lm.tokenizer.train_tokenizer`) of a pointer to a name, of what stands between two sentences or
personas, of a claim without names, and of a name after its verb, a comma or an "and", where it reads as it
does on its line."""
