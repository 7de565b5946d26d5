"""A debugger for a failed run: what its copy carries along, and what is said between that and who sits at the prompt.

`INJECTED` goes first on the copy's ``PYTHONPATH``, so that each Python in it imports the ``sitecustomize`` there. At an
uncaught exception a program connects to the socket in the folder that the variable `VARIABLE` names. Both sides send
JSON, one object a line:

    program                                    prompt
    {"error": .., "frames": .., "thread": ..}  {"workspace": .., "root": ..}   before the debugger opens
    {"text": ..}                                                               something to show
    {"ask": PROMPT}                            {"line": ..}                    a command; null ends the debugger
                                               {"look": true}                  tell the locals, then end the debugger
    {"end": "quit" | "on"}                                                     whether the program may go on

`injected` is for any Python that a stage may start: standard library only, nothing of dvc_magic, Python 3.8 and later.
"""

from dvc_magic.debugging.names import INJECTED, SEEN, SOCKET, VARIABLE

__all__ = ["INJECTED", "SEEN", "SOCKET", "VARIABLE"]
