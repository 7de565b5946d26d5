"""How a kernel talks to its host: questions, followed to their answers. Standard library and the wire."""

from dvc_magic.client.environment import stage_environment, worker_environment
from dvc_magic.client.host import Follower, Host, Pending

__all__ = ["Follower", "Host", "Pending", "stage_environment", "worker_environment"]
