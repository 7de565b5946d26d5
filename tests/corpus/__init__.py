"""The corpus: small DVC projects, one for each feature or combination, as data."""

from __future__ import annotations

from tests.corpus import commands, data, hydra, outputs, params, paths, repos, templating

CASES = (
    *templating.CASES,
    *params.CASES,
    *commands.CASES,
    *outputs.CASES,
    *paths.CASES,
    *data.CASES,
    *hydra.CASES,
    *repos.CASES,
)
