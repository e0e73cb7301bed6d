"""The controllers of a small cluster, as plain objects.

Each has `run_once`, which looks at everything and does what is to be done, and says whether it did anything. A test
drives them by hand with `settle`, or lets `Controllers` run them in a thread.
"""
