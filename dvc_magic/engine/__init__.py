"""Planning and executing calls: what must run, in which order, and the whole life of a run.

``calls`` decides, in the host; ``capture``, ``check``, ``prepare``, ``execute``, ``debug``, ``service`` and ``worker``
live in worker processes, because they lead to DVC.
"""
