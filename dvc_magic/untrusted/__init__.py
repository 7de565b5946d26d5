"""Text from strangers (names, params, logs, files, addresses), made fit to be read and to be shown."""

from dvc_magic.untrusted.documents import DEEPEST, LONGEST_JSON, UnreadableError, check_document, check_yaml

__all__ = ["DEEPEST", "LONGEST_JSON", "UnreadableError", "check_document", "check_yaml"]
