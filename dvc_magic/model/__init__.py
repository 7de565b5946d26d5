"""The nouns of dvc_magic: frozen values, standard library only, no I/O. Import them from their modules."""
