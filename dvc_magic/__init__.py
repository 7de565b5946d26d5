"""Run DVC pipelines from Jupyter: isolated runs with lineage, metrics and plots."""
