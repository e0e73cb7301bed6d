"""The operators' command line: it knows the broker by HTTP alone, as anybody outside does.

``contexts``  which broker, and as whom: a file of one's own
``broker``    the broker over HTTP; what it refuses ends the command with an exit code of its own
``output``    answers as tables for people, as JSON or CSV for machines
the others    one group of commands each, named as the API names its nouns

`app.cli` loads a command when it is called, so that no other process pays for it.
"""
