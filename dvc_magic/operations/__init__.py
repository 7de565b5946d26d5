"""Operations: cells, entries of operation files and sources, read into frozen nouns; and what becomes of them."""

__all__: list[str] = []
