"""The systems to measure, each a script of its own that is run in its own process.

`ours` runs in this project's environment; every other one has an environment, made from the
requirements file of its name. The scripts read a `Task` and print what they measured as JSON.
"""
