"""A local Bytez that real Bytez clients accept, with faults on demand.

``app.create_app`` gives the ASGI application, ``serve.EmulatorServer`` runs it on a thread and
``serve.run`` runs it in the foreground. Nothing here opens a connection to anywhere: answers are
made up from the question, the same for the same question.
"""
