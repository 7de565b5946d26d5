"""What dvc_magic costs, measured beside what does the same job: ``make bench``."""
