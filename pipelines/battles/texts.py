"""Texts as strings alone, without pandas, which processes that only look at texts do without."""


def storable(text: str) -> str:
    """Return a text without lone surrogates, which string columns, tokenizers and files cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
